// Some of what tampering_slow_test.cpp tries a thousand of.
#include "tests/catch.hpp"
#include "tests/proofs/tampering.hpp"

using namespace snellen;

TEST_CASE("no changed certificate and no changed model passes") {
  std::vector<testing::Example> examples = testing::examples();
  examples.pop_back();  // eras take longest
  const testing::Attack attack = testing::attack(examples, 80, 1);
  CAPTURE(attack.passed);
  CHECK(attack.passed.empty());
  REQUIRE(attack.total == 80);
  CHECK(attack.tried.size() >= 14);
}
