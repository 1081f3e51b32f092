#include "lib/version.hpp"

#include <mpfr.h>

#include "tests/catch.hpp"

TEST_CASE("a build says what it is made of") {
  const snellen::Version version = snellen::version();
  CHECK(version.mpfr == mpfr_get_version());
  CHECK(version.flags.find("-ffp-contract=off") != std::string::npos);
  int named = 0;
  for (const std::string& part : {version.version, version.commit, version.compiler, version.flint, version.mpfi, version.gmp, version.boost}) {
    CHECK_FALSE(part.empty());
    CHECK(part.find('@') == std::string::npos);  // every placeholder was filled in
    named++;
  }
  CHECK(named == 7);
}
