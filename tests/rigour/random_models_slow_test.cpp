// Thousands of random models (random_models.hpp). SNELLEN_RANDOM_MODELS and SNELLEN_SEED choose how many and which; tests/rigour/run_random_models.sh prints the sums.
#include <cstdio>
#include <cstdlib>

#include "tests/catch.hpp"
#include "tests/rigour/random_models.hpp"

using namespace snellen::testing;

namespace {

std::uint64_t setting(const char* name, std::uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value ? std::strtoull(value, nullptr, 10) : otherwise;
}

}  // namespace

TEST_CASE("ball, interval and Euclidean worlds contain the reals on thousands of random models") {
  const std::uint64_t count = setting("SNELLEN_RANDOM_MODELS", 3000), seed = setting("SNELLEN_SEED", 2);
  RandomModels models(seed);
  models.run(count);
  const RandomModelTally& tally = models.tally();
  for (const std::string& failure : tally.failures) FAIL_CHECK(failure);
  REQUIRE(tally.models == count);
  REQUIRE(tally.coordinates == tally.tested + tally.undecided);
  // Too few coordinates that say something would be a failure of the test itself.
  REQUIRE(tally.tested > 150 * count);
  REQUIRE(tally.undecided < tally.tested / 2);
  REQUIRE(tally.differences > 30 * count);
  for (const auto& [feature, models_with_it] : tally.features) {
    INFO(feature);
    REQUIRE(models_with_it >= count / 100);
  }
  std::printf("random models (seed %llu): %zu models, %zu containment checks, %zu finite with at least 30 accurate bits, %zu undecided, %zu differences, %zu failures, %zu features\n",
              static_cast<unsigned long long>(seed), tally.models, tally.coordinates, tally.tested, tally.undecided, tally.differences, tally.failures.size(), tally.features.size());
}
