// The exponential in doubles against Arb's: the error that its header states, at random numbers, at the ends, and where k changes.
#include "lib/number/exponential.hpp"

#include <cmath>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

Ball exponential(double x) {
  Ball result;
  arb_set_d(result, x);
  arb_exp(result, result, 200);
  return result;
}

// |y / exact - 1| <= 2^-bits, proved.
bool within(double y, const Ball& exact, int bits) {
  Ball apart, bound;
  arb_set_d(apart, y);
  arb_div(apart, apart, exact, 200);
  arb_sub_ui(apart, apart, 1, 200);
  arb_abs(apart, apart);
  arb_set_ui(bound, 1);
  arb_mul_2exp_si(bound, bound, -bits);
  return arb_le(apart, bound);
}

typedef double Doubles __attribute__((vector_size(64)));
typedef std::uint64_t Integers __attribute__((vector_size(64)));

}  // namespace

TEST_CASE("The exponential in doubles is within 2^-46, the sigmoid within 2^-44") {
  std::vector<double> numbers{0, -0.0, 1, -1, 690, -690, 0x1p-60, -0x1p-1074};
  for (int k = -995; k <= 995; ++k)
    for (const double nudge : {-0x1p-40, 0.0, 0x1p-40}) numbers.push_back((k + 0.5) * 0.69314718055994530942 * (1 + nudge));
  SplitMix64 random(7);
  for (int i = 0; i < 20000; ++i) numbers.push_back((static_cast<double>(random.next() >> 11) * 0x1p-53 - 0.5) * (i % 2 == 0 ? 1380 : 4));
  std::size_t checked = 0;
  for (const double x : numbers) {
    if (std::fabs(x) > 690) continue;
    INFO("x = " << x);
    const Ball exact = exponential(x);
    CHECK(within(near_exp(x), exact, 46));
    Ball sigmoid;
    arb_inv(sigmoid, exact, 200);
    arb_add_ui(sigmoid, sigmoid, 1, 200);
    arb_inv(sigmoid, sigmoid, 200);
    CHECK(within(near_sigmoid(x), sigmoid, 44));
    Doubles lanes = {x, -x, x / 2, 0, 1, -1, x, x};
    near_exp_within<Doubles, Integers>(lanes);
    for (const std::size_t lane : {0, 6, 7}) CHECK(lanes[lane] == near_exp(x));
    CHECK(lanes[1] == near_exp(-x));
    ++checked;
  }
  CHECK(checked > 21000);
}

TEST_CASE("The exponential in doubles beyond its ends") {
  CHECK(near_exp(-690.0000001) == 0);
  CHECK(near_exp(-INFINITY) == 0);
  CHECK(std::isinf(near_exp(690.0000001)));
  CHECK(std::isinf(near_exp(INFINITY)));
}
