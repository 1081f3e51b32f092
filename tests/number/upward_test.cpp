// What sums of doubles are said to lose, against their exact values.
#include "lib/number/upward.hpp"

#include <cmath>
#include <vector>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

// |computed - sum of a_i b_i| / (dot_error(n) sum of |a_i b_i|), from below.
double share_of_the_bound(double computed, const std::vector<double>& a, const std::vector<double>& b) {
  Ball sum, size, term;
  for (std::size_t i = 0; i < a.size(); ++i) {
    arb_set_d(term, a[i]);
    Ball factor;
    arb_set_d(factor, b[i]);
    arb_mul(term, term, factor, ARF_PREC_EXACT);
    arb_add(sum, sum, term, ARF_PREC_EXACT);
    arb_abs(term, term);
    arb_add(size, size, term, ARF_PREC_EXACT);
  }
  arb_set_d(term, computed);
  arb_sub(sum, sum, term, ARF_PREC_EXACT);
  arb_abs(sum, sum);
  arb_set_d(term, dot_error(a.size()));
  arb_mul(size, size, term, ARF_PREC_EXACT);
  arb_div(sum, sum, size, 100);
  return arf_get_d(arb_midref(static_cast<arb_ptr>(sum)), ARF_RND_DOWN);
}

double sum_in_order(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

TEST_CASE("a sum of products stays within dot_error, of which the worst sums take nearly all", "[number]") {
  std::size_t tested = 0;
  for (const std::size_t n : {2, 3, 16, 500, 40000}) {
    // Each term after the first is half a unit in the last place of the sum, and lost.
    std::vector<double> a(n, 0x1p-27), b(n, 0x1p-26);
    a[0] = b[0] = 1;
    const double share = share_of_the_bound(sum_in_order(a, b), a, b);
    CAPTURE(n, share);
    CHECK(share <= 1);
    CHECK(share >= static_cast<double>(n - 1) / static_cast<double>(n + 17));
    ++tested;
  }
  SplitMix64 random(20261129);
  for (int trial = 0; trial < 300; ++trial) {
    const std::size_t n = 1 + random.next() % 3000;
    std::vector<double> a(n), b(n);
    for (std::size_t i = 0; i < n; ++i) {
      a[i] = static_cast<double>(static_cast<std::int64_t>(random.next())) * std::ldexp(1.0, -static_cast<int>(random.next() % 40));
      b[i] = static_cast<double>(random.next() >> 11);
    }
    const double share = share_of_the_bound(sum_in_order(a, b), a, b);
    CAPTURE(n, share);
    CHECK(share <= 1);
    ++tested;
  }
  CHECK(tested == 305);
}
