// Attention of a tail by hand: one head of one entry, a period of one token, and means that can be written down.
#include "lib/world/periodic.hpp"

#include <cmath>

#include "tests/catch.hpp"

using namespace snellen;

namespace {

BallMatrix one(double x) {
  BallMatrix m(1, 1);
  arb_set_d(m(0, 0), x);
  return m;
}

// The tail's output where the explicit tokens, positions 0, ..., explicit_tokens - 1, have the value 0, and every later one the value 1; all scores are 0.
BallMatrix tail(const Attention& a, std::size_t explicit_tokens) {
  PeriodicMemory memory;
  const std::vector<Column> columns{{2, static_cast<std::int64_t>(explicit_tokens), 0, 0}};
  PeriodicWorld(PeriodicWorld::Extent::limit, 1, 128, 72).attend(a, one(0), one(0), one(1), columns, memory);
  BallWorld::Memory tokens;
  const BallMatrix zeros(1, explicit_tokens);
  BallWorld(128).attend(a, zeros, zeros, zeros, SequenceTree(std::vector<Token>(explicit_tokens, 2)).columns(), tokens);
  const PeriodicWorld world(PeriodicWorld::Extent::tail, 1, 128, 72);
  world.add_tokens(a, tokens, 0, explicit_tokens, memory);
  return world.attend(a, one(0), one(0), one(1), columns, memory);
}

// lower and upper end, to within 2^-20: means between them, and no others.
void check(const BallMatrix& found, double lower, double upper) {
  Ball end;
  arb_set_d(end, lower);
  REQUIRE(arb_contains(found(0, 0), end));
  arb_set_d(end, upper);
  REQUIRE(arb_contains(found(0, 0), end));
  REQUIRE(mag_get_d(arb_radref(found(0, 0))) <= (upper - lower) / 2 + 0x1p-20);
}

}  // namespace

TEST_CASE("a window before and beyond the explicit tokens: all of its contents are in the hull") {
  Attention a;
  a.heads = a.kv_heads = a.head_size = 1;
  a.window = 4;
  check(tail(a, 5), 0.25, 1);  // three zeros and itself, ..., ones alone
  a.window = 2;
  check(tail(a, 5), 0.5, 1);
  a.window = 1;
  check(tail(a, 5), 1, 1);
}

TEST_CASE("slopes: from the first copy to what follows infinitely many") {
  Attention a;
  a.heads = a.kv_heads = a.head_size = 1;
  a.alibi = {Slope{0, 1}};  // a factor e^-1 a token
  const double l = std::exp(-1.0), before = l + l * l + l * l * l;
  const BallMatrix found = tail(a, 3);
  check(found, std::nextafter(1 / (1 + before), 1.0), 1);
  // Every copy in between: n + 1 ones after three zeros.
  double ones = 0, zeros = before;
  for (int n = 0; n < 30; ++n, zeros *= l) {
    ones += std::pow(l, n);
    Ball mean;
    arb_set_d(mean, ones / (ones + zeros) * (1 - 0x1p-50));
    if (n > 0) REQUIRE(arb_contains(found(0, 0), mean));
  }
}
