// The main function of the tests under Catch2 v2; v3 brings its own, and this file is then left out of the build.
#define CATCH_CONFIG_MAIN
#include "tests/catch.hpp"
