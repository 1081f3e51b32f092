// What two enclosures prove: nothing where one of them does not decide.
#include "proofs/checker/judge.hpp"

#include "tests/catch.hpp"

using namespace snellen;
using check::Number;

namespace {

const IntervalArithmetic a(80);

Number between(double low, double high) {
  Number x = a.of(low);
  mpfr_set_d(check::upper(x), high, MPFR_RNDU);
  return x;
}

check::Letter compare(const char* format, const check::Vector& x, const check::Vector& y) {
  return check::RoundedVector(*known_format(format), x).compared_with(check::RoundedVector(*known_format(format), y));
}

}  // namespace

TEST_CASE("a distance: within eps, beyond it, or neither is proved") {
  const Dyadic eps = Dyadic::of(0.5);
  CHECK(check::tolerance(between(0, 0.5), eps) == 'C');
  CHECK(check::tolerance(between(0.25, 0.75), eps) == 'U');
  CHECK(check::tolerance(between(0.5, 0.75), eps) == 'U');
  CHECK(check::tolerance(between(0.500001, 0.75), eps) == 'D');
  Number unknown = a.of(0);
  check::set_everything(unknown);
  CHECK(check::tolerance(unknown, eps) == 'U');
}

TEST_CASE("rounded enclosures: one value in each coordinate, disjoint ones in some, or neither") {
  // bf16 has 8 bits: from 1 on its values are 1/128 apart, and 1 + 1/256 is a tie that goes to 1.
  const double step = 1.0 / 128, tie = 1 + step / 2;
  CHECK(compare("bf16", {between(1, tie)}, {between(0.999, 1)}) == 'C');
  CHECK(compare("bf16", {between(1, tie + 1e-9)}, {a.of(1)}) == 'U');
  CHECK(compare("bf16", {a.of(1)}, {between(1, tie + 1e-9)}) == 'U');
  CHECK(compare("bf16", {between(1, 1 + step)}, {between(1, 1 + step)}) == 'U');
  CHECK(compare("bf16", {a.of(1)}, {between(tie + 1e-9, 2)}) == 'D');
  CHECK(compare("bf16", {a.of(1), between(1, 1 + step)}, {a.of(1), a.of(1)}) == 'U');
  CHECK(compare("bf16", {between(1, 1 + step), a.of(3)}, {a.of(1), a.of(1)}) == 'D');
  CHECK(compare("e4m3", {a.of(460)}, {a.of(460)}) == 'C');   // 448, the largest
  CHECK(compare("e4m3", {a.of(465)}, {a.of(465)}) == 'O');
  CHECK(compare("e4m3", {between(460, 465)}, {a.of(448)}) == 'U');
  CHECK(compare("e4m3", {a.of(0.0009)}, {a.of(0)}) == 'C');  // below half the smallest subnormal, 2^-9
  CHECK(compare("e4m3", {a.of(0.001)}, {a.of(0)}) == 'D');
}

TEST_CASE("the largest logit, where it is certain") {
  CHECK(check::argmax({a.of(1), between(2, 3), between(0, 1.9)}) == 1);
  CHECK(!check::argmax({a.of(1), between(2, 3), between(0, 2)}));
  CHECK(check::same_token(1, 1) == 'C');
  CHECK(check::same_token(1, 2) == 'D');
  CHECK(check::same_token(1, std::nullopt) == 'U');
}
