// A sample of the random models that random_models_slow_test.cpp walks through by the thousand.
#include "tests/catch.hpp"
#include "tests/rigour/random_models.hpp"

using namespace snellen::testing;

TEST_CASE("ball, interval and Euclidean worlds contain the reals on a sample of random models") {
  RandomModels models(1);
  models.run(60);
  const RandomModelTally& tally = models.tally();
  for (const std::string& failure : tally.failures) FAIL_CHECK(failure);
  CHECK(tally.models == 60);
  CHECK(tally.tested > 10'000);
  CHECK(tally.differences > 2'000);
  CHECK(tally.undecided < tally.tested / 2);
}
