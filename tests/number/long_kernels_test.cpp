// Sums of products of long integers in lanes, on every path, against GMP's integers.
#include "lib/number/exact_product/long_kernels.hpp"

#include <array>
#include <cfenv>

#include "lib/number/exact_product/long_digits.hpp"
#include "lib/number/magnitude.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"
#include "tests/number/random_balls.hpp"

namespace snellen {
namespace {

constexpr std::uint64_t mask = (std::uint64_t{1} << long_digit_bits) - 1;

class Integer {
 public:
  Integer() { fmpz_init(value_); }
  Integer(const Integer&) = delete;
  Integer& operator=(const Integer&) = delete;
  ~Integer() { fmpz_clear(value_); }
  operator fmpz*() { return value_; }

 private:
  fmpz_t value_;
};

void from_digits(fmpz_t value, const std::uint64_t* digits, std::size_t count, std::size_t stride) {
  fmpz_zero(value);
  for (std::size_t d = count; d-- > 0;) {
    fmpz_mul_2exp(value, value, long_digit_bits);
    fmpz_add_ui(value, value, digits[d * stride]);
  }
}

}  // namespace

TEST_CASE("sums of long products are exact on every path, for the largest digits too") {
  SplitMix64 random(31);
  std::size_t compared = 0;
  for (std::size_t a_digits : {1, 2, 3, 4, 5, 7, 8, 13, 20})
    for (std::size_t b_digits : {1, 2, 4, 5, 6, 11, 20})
      for (std::size_t count : {std::size_t{1}, std::size_t{7}, std::size_t{64}, 300 + random.below(700)}) {
        const std::uint64_t kind = random.below(3);  // the largest, any, powers of two whose products are halves of digits
        const auto any_digit = [&] { return kind == 0 ? mask : kind == 1 ? random.next() & mask : random.below(4) == 0 ? 0 : std::uint64_t{1} << random.below(long_digit_bits); };
        std::vector<std::uint64_t> a(count * a_digits * long_lanes), b(count * b_digits);
        for (std::uint64_t& digit : a) digit = any_digit();
        for (std::uint64_t& digit : b) digit = any_digit();
        // The top digit of B leaves room for the sum.
        for (std::size_t k = 0; k < count; ++k) b[k * b_digits + b_digits - 1] >>= 11;
        const std::size_t words = (a_digits + b_digits) * long_lanes;
        std::vector<std::uint64_t> sums(words, 0);
        add_long_products(a.data(), a_digits, b.data(), b_digits, count, sums.data(), ProductPath::portable);
        for (ProductPath path : {ProductPath::sse2, ProductPath::avx2, ProductPath::avx512_fma, ProductPath::avx512}) {
          if (!available(path)) continue;
          std::vector<std::uint64_t> others(words, 0);
          // No path depends on the rounding mode of the processor.
          std::fesetround(std::array{FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO}[random.below(4)]);
          add_long_products(a.data(), a_digits, b.data(), b_digits, count, others.data(), path);
          std::fesetround(FE_TONEAREST);
          REQUIRE(others == sums);
        }
        for (std::size_t l = 0; l < long_lanes; ++l) {
          Integer total, x, y, ours;
          for (std::size_t k = 0; k < count; ++k) {
            from_digits(x, &a[k * a_digits * long_lanes + l], a_digits, long_lanes);
            from_digits(y, &b[k * b_digits], b_digits, 1);
            fmpz_addmul(total, x, y);
          }
          from_digits(ours, &sums[l], a_digits + b_digits, long_lanes);
          REQUIRE(fmpz_equal(ours, total));
          ++compared;
        }
      }
  CHECK(compared == 9 * 7 * 4 * long_lanes);
}

TEST_CASE("midpoints cut into digits and offsets taken away again give the exact sum of products") {
  SplitMix64 random(32);
  std::size_t negative_sums = 0, compared = 0;
  for (int round = 0; round < 400; ++round) {
    const std::size_t a_digits = 1 + random.below(6), b_digits = 1 + random.below(6), count = 1 + random.below(80);
    const bool offset_b = random.below(2) == 0;
    const int headroom = 7;  // count < 2^7
    const auto a_bits = static_cast<slong>(a_digits) * long_digit_bits - 1;
    const slong b_bits = static_cast<slong>(b_digits) * long_digit_bits - headroom - (offset_b ? 1 : 0);
    std::vector<std::uint64_t> a(count * a_digits * long_lanes, 0), b(count * b_digits, 0), a_sums(a_digits, 0), b_sums(b_digits, 0);
    DigitCutter cutter;
    Integer total, x, y;
    Ball ball;
    arf_struct* mid = arb_midref(static_cast<arb_ptr>(ball));
    const std::size_t lane = random.below(long_lanes);
    for (std::size_t k = 0; k < count; ++k) {
      random_midpoint(random, ball, 1 + static_cast<long>(random.below(500)));
      if (random.below(10) == 0) arf_zero(mid);
      if (!arf_is_zero(mid)) arf_mul_2exp_si(mid, mid, a_bits - ARF_EXP(mid) - static_cast<slong>(random.below(4) == 0 ? random.below(600) : 0));
      arf_get_fmpz(x, mid, ARF_RND_DOWN);
      const bool cut = cutter.cut(mid, 0, a_bits, a_digits, &a[k * a_digits * long_lanes + lane], long_lanes);
      REQUIRE(cut == !arf_is_int(mid));
      random_midpoint(random, ball, 1 + static_cast<long>(random.below(500)));
      if (!offset_b) arf_abs(mid, mid);
      if (!arf_is_zero(mid)) arf_mul_2exp_si(mid, mid, b_bits - ARF_EXP(mid));
      arf_get_fmpz(y, mid, ARF_RND_DOWN);
      cutter.cut(mid, 0, offset_b ? b_bits : -1, b_digits, &b[k * b_digits], 1);
      fmpz_addmul(total, x, y);
      for (std::size_t d = 0; d < a_digits; ++d) a_sums[d] += a[(k * a_digits + d) * long_lanes + lane];
      for (std::size_t d = 0; d < b_digits; ++d) b_sums[d] += b[k * b_digits + d];
    }
    std::vector<std::uint64_t> sums((a_digits + b_digits) * long_lanes, 0);
    add_long_products(a.data(), a_digits, b.data(), b_digits, count, sums.data());
    std::vector<mp_limb_t> limbs((a_digits + b_digits) * long_digit_bits / FLINT_BITS + 4);
    LimbWriter writer(limbs.data());
    const bool negative = write_sum(writer, &sums[lane], {a_digits, b_digits, count, headroom, b_sums.data(), offset_b ? a_sums.data() : nullptr});
    arf_t ours;
    arf_init(ours);
    if (writer.size() > 0) arf_set_mpn(ours, limbs.data(), writer.size(), negative);
    arf_t exact;
    arf_init(exact);
    arf_set_fmpz(exact, total);
    REQUIRE(arf_equal(ours, exact));
    arf_clear(exact);
    arf_clear(ours);
    negative_sums += negative;
    ++compared;
  }
  CHECK(compared == 400);
  CHECK(negative_sums > 100);
}

TEST_CASE("bounds add upwards, whatever their sizes") {
  SplitMix64 random(33);
  Magnitude sum;
  for (int round = 0; round < 2000; ++round) {
    const double a = std::ldexp(1 + static_cast<double>(random.next() >> 12) * 0x1p-52, static_cast<int>(random.below(300)) - 150);
    const double b = random.below(10) == 0 ? 0 : std::ldexp(1 + static_cast<double>(random.next() >> 12) * 0x1p-52, -static_cast<int>(random.below(300)));
    const auto e = static_cast<slong>(random.below(4000)) - 2000, f = static_cast<slong>(random.below(4000)) - 2000;
    (Bound(a, e) + Bound(b, f)).get(sum.get());
    arf_t x, y, ours;
    arf_init(x), arf_init(y), arf_init(ours);
    arf_set_d(x, a), arf_mul_2exp_si(x, x, e);
    arf_set_d(y, b), arf_mul_2exp_si(y, y, f);
    arf_add(x, x, y, ARF_PREC_EXACT, ARF_RND_DOWN);
    arf_set_mag(ours, sum.get());
    REQUIRE(arf_cmp(ours, x) >= 0);
    arf_mul_ui(x, x, 1 + 1024, 64, ARF_RND_UP);
    arf_mul_2exp_si(x, x, -10);
    REQUIRE(arf_cmp(ours, x) <= 0);
    REQUIRE((Bound(a, e) < Bound(b, f)) == (b != 0 && arf_cmpabs_mag(y, Magnitude().get()) > 0 && [&] {
      arf_set_d(x, a), arf_mul_2exp_si(x, x, e);
      return arf_cmp(x, y) < 0;
    }()));
    arf_clear(x), arf_clear(y), arf_clear(ours);
  }
}

}  // namespace snellen
