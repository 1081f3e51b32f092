// The floor under products made of dgemm (tests/bench/dgemm_floor.hpp): cut as it says, with numbers as large as they may be, every sum of
// doubles is exact, and the products left out are as small as it says.
#include "tests/bench/dgemm_floor.hpp"

#include <gmpxx.h>

#include <cmath>
#include <vector>

#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

namespace snellen {
namespace {

// x as `count` signed slices of `bits` bits, the top one first.
std::vector<double> slices(mpz_class x, long bits, long count) {
  std::vector<double> result(static_cast<std::size_t>(count));
  const mpz_class base = mpz_class(1) << static_cast<unsigned long>(bits), half = base / 2;
  for (long j = count; --j > 0;) {
    mpz_class digit;
    const mpz_class moved = x + half;
    mpz_fdiv_r(digit.get_mpz_t(), moved.get_mpz_t(), base.get_mpz_t());
    digit -= half;
    result[static_cast<std::size_t>(j)] = digit.get_d();
    x = (x - digit) / base;
  }
  result[0] = x.get_d();
  for (const double digit : result) REQUIRE(std::abs(digit) <= half.get_d());
  return result;
}

mpz_class power(long exponent) { return mpz_class(1) << static_cast<unsigned long>(exponent); }

// Of `bits` bits and either sign; or with slices that are all as large as an odd one can be, for sums that fill a double.
mpz_class number(SplitMix64& random, long slice_bits, long count, bool large) {
  mpz_class x = 0;
  if (large) {
    for (long j = 0; j < count; ++j) x = x * power(slice_bits) + power(slice_bits - 1) - 1 - 2 * static_cast<long>(slice_bits > 3 && random.next() % 2);
    return x;
  }
  for (long b = 0; b < slice_bits * count - 1; ++b) x = 2 * x + static_cast<long>(random.next() >> 63);
  return random.next() >> 63 ? mpz_class(-x) : x;
}

TEST_CASE("Products of slices in doubles give the exact product but for what is left out") {
  int sums = 0, inexact = 0;
  for (const long weight_bits : {24L, 51L})
    for (const long fraction : {135L, 263L, 391L})
      for (const std::size_t terms : {std::size_t{1}, std::size_t{2}, std::size_t{576}, std::size_t{1024}, std::size_t{1025}})
        for (const bool large : {false, true}) {
          const DgemmSlices cut = fewest_dgemms(weight_bits, fraction, terms);
          const long weights = (weight_bits + cut.weight_bits - 1) / cut.weight_bits;
          const long blocks = (fraction + cut.block_bits) / cut.block_bits;
          std::vector<std::vector<double>> w, x;
          mpz_class exact = 0;
          SplitMix64 random(7);
          for (std::size_t k = 0; k < terms; ++k) {
            // Moved up already, so that the top slices are full.
            const mpz_class weight = number(random, cut.weight_bits, weights, large), entry = number(random, cut.block_bits, blocks, large);
            w.push_back(slices(weight, cut.weight_bits, weights));
            x.push_back(slices(entry, cut.block_bits, blocks));
            exact += weight * entry;
          }
          mpz_class sum = 0;
          long products = 0;
          for (long i = 0; i < weights; ++i)
            for (long j = 0; j < blocks; ++j) {
              if (!needed(i, j, cut.weight_bits, cut.block_bits, fraction)) continue;
              ++products;
              double in_doubles = 0;
              mpz_class in_integers = 0;
              for (std::size_t k = 0; k < terms; ++k) {
                const double a = w[k][static_cast<std::size_t>(i)], b = x[k][static_cast<std::size_t>(j)];
                in_doubles += a * b;
                in_integers += mpz_class(a) * mpz_class(b);
              }
              ++sums, inexact += mpz_class(in_doubles) != in_integers;
              sum += in_integers * power((weights - 1 - i) * cut.weight_bits + (blocks - 1 - j) * cut.block_bits);
            }
          CHECK(products == cut.products);
          // Each of the products left out is at most K 2^(B-1), moved up.
          const long moved = weights * cut.weight_bits - weight_bits + blocks * cut.block_bits - fraction - 1;
          const bool small = abs(mpz_class(sum - exact)) <= (weights * blocks - products) * static_cast<long>(terms) * power(weight_bits - 1 + moved);
          CHECK(small);
        }
  CHECK(sums > 1000);
  CHECK(inexact == 0);
}

TEST_CASE("The examples of the floor") {
  CHECK(fewest_dgemms(24, 135, 576).products == 7);
  CHECK(fewest_dgemms(51, 135, 576).products == 14);
}

}  // namespace
}  // namespace snellen
