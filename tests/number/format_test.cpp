// Rounding against an oracle that shares no code with it: the values are decoded from the bit layouts of the IEEE and OCP
// standards as exact rationals, and the nearest is searched; a tie goes to the even code.
#include "lib/number/format.hpp"

#include <algorithm>
#include <bit>
#include <boost/multiprecision/gmp.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

#include "tests/catch.hpp"

namespace {

using namespace snellen;
using Integer = boost::multiprecision::mpz_int;
using Rational = boost::multiprecision::mpq_rational;

constexpr double infinity = std::numeric_limits<double>::infinity();

Rational power_of_two(long e) {
  const Integer power = Integer(1) << static_cast<unsigned>(std::abs(e));
  return e >= 0 ? Rational(power) : Rational(Integer(1), power);
}

Rational rational(double x) {  // finite; by the fields of IEEE binary64
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const long exponent = static_cast<long>(bits >> 52 & 0x7ff);
  const std::uint64_t fraction = bits & 0xfffffffffffffULL;
  const Rational magnitude = exponent == 0 ? Rational(Integer(fraction)) * power_of_two(-1074)
                                           : Rational(Integer(fraction | 1ULL << 52)) * power_of_two(exponent - 1075);
  return bits >> 63 ? Rational(-magnitude) : magnitude;
}

Dyadic dyadic(const Integer& significand, long exponent) {
  Dyadic result(std::max<long>(2, significand == 0 ? 2 : static_cast<long>(msb(abs(significand))) + 1));
  mpfr_set_z_2exp(result.get(), significand.backend().data(), exponent, MPFR_RNDN);
  return result;
}

Rational rational(const Dyadic& x) {
  if (mpfr_zero_p(x.get())) return 0;
  Integer significand;
  const long exponent = mpfr_get_z_2exp(significand.backend().data(), x.get());
  return Rational(significand) * power_of_two(exponent);
}

struct Layout {
  const char* format;
  int exponent_bits, mantissa_bits, bias;
  bool infinities;  // the largest exponent field means infinity and NaN; otherwise only the all-ones code is NaN
};
const Layout layouts[] = {{"e5m2", 5, 2, 15, true},  {"e4m3", 4, 3, 7, false}, {"e5m2-saturating", 5, 2, 15, true}, {"e4m3-saturating", 4, 3, 7, false},
                          {"fp16", 5, 10, 15, true}, {"bf16", 8, 7, 127, true}};

// The value of a positive code by its fields, as if the exponent went on past the largest finite value.
Rational decode(const Layout& layout, std::uint32_t code) {
  const std::uint32_t mantissa = code & ((1u << layout.mantissa_bits) - 1);
  const long exponent = static_cast<long>(code >> layout.mantissa_bits);
  if (exponent == 0) return Rational(Integer(mantissa)) * power_of_two(1 - layout.bias - layout.mantissa_bits);
  return Rational(Integer(mantissa + (1u << layout.mantissa_bits))) * power_of_two(exponent - layout.bias - layout.mantissa_bits);
}

class Oracle {
 public:
  explicit Oracle(const Layout& layout) : format(*find_format(layout.format)) {
    const std::uint32_t first_special = layout.infinities ? ((1u << layout.exponent_bits) - 1) << layout.mantissa_bits
                                                          : (1u << (layout.exponent_bits + layout.mantissa_bits)) - 1;
    for (std::uint32_t code = 0; code <= first_special; ++code) values.push_back(decode(layout, code));
  }
  std::size_t finite() const { return values.size() - 1; }

  // The code nearest to |x|, or finite() on overflow.
  std::size_t nearest(const Rational& magnitude) const {
    const auto above = std::lower_bound(values.begin(), values.end(), magnitude);
    if (above == values.end()) return finite();
    const std::size_t high = static_cast<std::size_t>(above - values.begin());
    if (high == 0 || *above == magnitude) return high;
    const Rational up = values[high] - magnitude, down = magnitude - values[high - 1];
    if (up != down) return up < down ? high : high - 1;
    return high % 2 == 0 ? high : high - 1;
  }

  const Format format;
  std::vector<Rational> values;  // of the codes 0, 1, ...; the last one stands for overflow
};

// Both roundings of x agree with the oracle. REQUIRE only on failure: there are millions of cases.
void check(const Oracle& oracle, const DoubleRounder& fast, double x) {
  const std::size_t code = oracle.nearest(abs(rational(x)));
  const Rounded exact = round(oracle.format, Dyadic::of(x));
  double values[1] = {x};
  fast.round_all(values, 1);
  const bool overflow = code == oracle.finite();
  bool good = exact.status == (overflow ? RoundStatus::overflow : RoundStatus::finite);
  if (overflow && oracle.format.overflow != Overflow::saturate) {
    const bool nan = oracle.format.overflow == Overflow::nan;
    good = good && (nan ? mpfr_nan_p(exact.value.get()) : mpfr_inf_p(exact.value.get())) != 0;
    good = good && (nan ? std::isnan(fast(x)) : fast(x) == std::copysign(infinity, x)) && std::isinf(fast(x)) == std::isinf(values[0]);
    good = good && (nan || (mpfr_signbit(exact.value.get()) != 0) == std::signbit(x));
  } else {
    const Rational magnitude = oracle.values[overflow ? oracle.finite() - 1 : code];
    good = good && abs(rational(exact.value)) == magnitude && (mpfr_signbit(exact.value.get()) != 0) == std::signbit(x);
    good = good && std::isfinite(fast(x)) && abs(rational(fast(x))) == magnitude && std::signbit(fast(x)) == std::signbit(x);
    good = good && values[0] == fast(x) && std::signbit(values[0]) == std::signbit(x);
  }
  if (!good) {
    INFO(oracle.format.name << " of " << Dyadic::of(x).hex() << ": exact " << exact.value.hex() << ", fast " << Dyadic::of(fast(x)).hex());
    REQUIRE(good);
  }
}

double to_double(const Rational& x) { return x.convert_to<double>(); }  // only for values that are doubles

// A double biased to the corners of a format: its binades and those around, few or many significant bits.
double corner(std::mt19937_64& random, long emin, long emax, int precision) {
  const auto below = [&](std::uint64_t n) { return static_cast<long>(random() % n); };
  std::uint64_t significand = (random() | 1ULL << 63) >> (11 + below(53));
  if (below(3) == 0) significand = (2ULL << below(52)) + static_cast<std::uint64_t>(below(3)) - 1;
  if (below(3) == 0) significand = ((random() | 1ULL << 63) >> (63 - precision)) << (52 - precision) | static_cast<std::uint64_t>(below(2));
  long exponent = emin - precision - 3 + below(static_cast<std::uint64_t>(emax - emin + precision + 6));
  if (below(3) == 0) exponent = emin - precision - 2 + below(static_cast<std::uint64_t>(precision) + 5);
  if (below(5) == 0) exponent = emax - below(3);
  const double x = std::ldexp(static_cast<double>(significand), static_cast<int>(exponent - std::bit_width(significand) + 1));
  return below(2) ? x : -x;
}

}  // namespace

TEST_CASE("format: every value, midpoint and neighbour of fp8, fp16 and bf16 rounds as the nearest-neighbour search says", "[format]") {
  std::size_t checked = 0, expected = 0;
  for (const Layout& layout : layouts) {
    const Oracle oracle(layout);
    const DoubleRounder fast(oracle.format);
    const auto around = [&](double x) {
      for (const double y : {std::nextafter(x, -infinity), x, std::nextafter(x, infinity)})
        for (const double z : {y, -y}) {
          if (!std::isfinite(z)) continue;  // the double after the largest: its own test
          check(oracle, fast, z), ++checked;
        }
    };
    for (std::size_t code = 0; code < oracle.finite(); ++code) {
      around(to_double(oracle.values[code]));
      around(to_double((oracle.values[code] + oracle.values[code + 1]) / 2));
      const double value = to_double(oracle.values[code]);
      REQUIRE(fast(value) == value);
      REQUIRE(round(oracle.format, Dyadic::of(-value)).status == RoundStatus::finite);
    }
    around(to_double(oracle.values.back()));
    expected += 6 * (2 * oracle.finite() + 1);
    REQUIRE(rational(oracle.format.largest()) == oracle.values[oracle.finite() - 1]);
    REQUIRE(fast.largest() == to_double(oracle.values[oracle.finite() - 1]));
    REQUIRE(rational(oracle.format.smallest_subnormal()) == oracle.values[1]);
    REQUIRE(rational(oracle.format.smallest_normal()) == oracle.values[1u << layout.mantissa_bits]);
  }
  REQUIRE(checked == expected);
  REQUIRE(checked > 700000);
}

TEST_CASE("format: random doubles biased to corners round as the nearest-neighbour search says", "[format]") {
  std::mt19937_64 random(1);
  std::size_t checked = 0, overflowed = 0, subnormal = 0;
  for (const Layout& layout : layouts) {
    const Oracle oracle(layout);
    const DoubleRounder fast(oracle.format);
    for (int i = 0; i < 40000; ++i) {
      const double x = corner(random, oracle.format.emin, oracle.format.emax, oracle.format.precision);
      check(oracle, fast, x), ++checked;
      overflowed += std::fabs(x) > fast.largest();
      subnormal += x != 0 && std::fabs(x) < oracle.format.smallest_normal().to_double(MPFR_RNDN);
    }
  }
  REQUIRE(checked == 240000);
  REQUIRE(overflowed > 5000);
  REQUIRE(subnormal > 40000);
}

TEST_CASE("format: known values of the standards", "[format]") {
  const auto value = [](const char* format, double x) { return DoubleRounder(*find_format(format))(x); };
  CHECK(value("e4m3", 448) == 448);
  CHECK(value("e4m3", 464) == 448);  // the tie towards the code of NaN goes to the even code
  CHECK(std::isnan(value("e4m3", std::nextafter(464, 500))));
  CHECK(value("e4m3-saturating", -1e9) == -448);
  CHECK(value("e4m3-saturating", infinity) == 448);
  CHECK(value("e5m2", 61439.99) == 57344);
  CHECK(value("e5m2", 61440) == infinity);
  CHECK(value("e5m2-saturating", -infinity) == -57344);
  CHECK(value("fp16", 65519.99) == 65504);
  CHECK(value("fp16", -65520) == -infinity);
  CHECK(value("bf16", 0x1.ffp127) == infinity);
  CHECK(value("tf32", 0x1.002p0) == 1);
  CHECK(value("tf32", 0x1.0020001p0) == 0x1.004p0);
  CHECK(std::signbit(value("e5m2", -0x1p-17)));
  CHECK(value("e5m2", -0x1p-17) == 0);
  for (const Format& format : shipped_formats()) {
    const DoubleRounder fast(format);
    CHECK(std::isnan(fast(std::numeric_limits<double>::quiet_NaN())));
    CHECK(std::signbit(fast(-0.0)));
    CHECK_FALSE(std::signbit(fast(0.0)));
    CHECK(mpfr_signbit(round(format, Dyadic::of(-0.0)).value.get()) != 0);
    CHECK(round(format, Dyadic::of(std::nan(""))).status == RoundStatus::nan);
    const Rounded infinite = round(format, Dyadic::of(-infinity));
    CHECK(infinite.status == RoundStatus::overflow);
    CHECK((std::isnan(fast(-infinity)) ? mpfr_nan_p(infinite.value.get()) != 0 : mpfr_cmp_d(infinite.value.get(), fast(-infinity)) == 0));
    CHECK(mpfr_get_prec(round(format, Dyadic::of(1.0)).value.get()) == format.precision);
  }
}

// Rounding to an intermediate format first gives another answer: just above a midpoint of the narrow format, by less than half a
// step of the intermediate one, and the intermediate tie goes the wrong way.
TEST_CASE("format: no double rounding through fp32 or fp16", "[format]") {
  std::size_t trapped = 0;
  for (const char* name : {"e5m2", "e4m3", "fp16", "bf16", "tf32", "p20:-100:100", "p5:-126:127"}) {
    const Format format = *find_format(name);
    const DoubleRounder fast(format);
    for (const char* through : {"fp32", "fp16"}) {
      const Format wide = *find_format(through);
      if (wide.precision <= format.precision) continue;
      const DoubleRounder first(wide);
      for (const long exponent : {format.emin, 0L, std::min(format.emax, wide.emax) - 1}) {
        for (const int sign : {1, -1}) {
          // 1.0...01 | 1 0...0 1: above the midpoint of an even value and its successor. The successor is right, the even value is the trap.
          const double low = std::ldexp(1, static_cast<int>(exponent));
          const double step = std::ldexp(low, 1 - format.precision);
          const double x = sign * (low + step / 2 + std::ldexp(low, -45));
          if (first(x) != sign * (low + step / 2)) continue;
          INFO(name << " through " << through << " of " << Dyadic::of(x).hex());
          CHECK(fast(first(x)) == sign * low);
          CHECK(fast(x) == sign * (low + step));
          CHECK(rational(round(format, Dyadic::of(x)).value) == rational(sign * (low + step)));
          ++trapped;
        }
      }
    }
  }
  REQUIRE(trapped >= 50);
}

// The same oracle without enumeration: x over the quantum by integer division, the remainder compared with one half.
TEST_CASE("format: user formats of any precision against integer division", "[format]") {
  std::mt19937_64 random(2);
  std::size_t checked = 0, overflowed = 0, ties = 0, subnormal = 0, doubles = 0;
  for (const char* name : {"p2:-3:3", "p2:0:0", "p12:-30:31", "p24:-126:127", "p26:-1022:1023", "p53:-100:100", "p52:-1023:1023", "p10:-1065:10",
                           "p3:1020:1023", "p64:-16382:16383", "p113:-16382:16383", "p1000:-5:200000"}) {
    const Format format = *find_format(name);
    std::optional<DoubleRounder> fast;
    if (format.fits_double()) fast.emplace(format);
    for (int i = 0; i < 3000; ++i) {
      const int p = format.precision;
      Integer significand = 1;
      const long bits = 1 + static_cast<long>(random() % static_cast<unsigned>(p + 60));
      for (long b = 1; b < bits; ++b) significand = 2 * significand + static_cast<long>(random() & 1);
      if (random() % 3 == 0) {  // a value, a tie, or beside one
        significand = (((significand >> static_cast<unsigned>(msb(significand) / 2)) << 1) + 1) << 55;
        significand += static_cast<long>(random() % 3) - 1;
      }
      const long range = format.emax - format.emin + p + 6;
      const long exponent = format.emin - p - 3 + static_cast<long>(random() % static_cast<unsigned long>(range)) - static_cast<long>(msb(significand));
      const bool negative = random() & 1;
      const Dyadic x = dyadic(negative ? Integer(-significand) : significand, exponent);

      const long top = exponent + static_cast<long>(msb(significand));
      const long quantum = std::max(top, format.emin) - p + 1;
      Integer numerator = significand, denominator = 1;
      (exponent >= quantum ? numerator : denominator) <<= static_cast<unsigned>(std::abs(exponent - quantum));
      Integer k = numerator / denominator;
      const Integer twice = 2 * (numerator - k * denominator);
      if (twice > denominator || (twice == denominator && k % 2 != 0)) ++k;
      ties += twice == denominator;
      subnormal += top < format.emin;
      const Rational magnitude = Rational(k) * power_of_two(quantum);
      const bool overflow = magnitude > Rational((Integer(1) << static_cast<unsigned>(p)) - 1) * power_of_two(format.emax - p + 1);
      overflowed += overflow;

      const Rounded exact = round(format, x);
      INFO(name << " of " << x.hex() << " gave " << exact.value.hex());
      REQUIRE(exact.status == (overflow ? RoundStatus::overflow : RoundStatus::finite));
      REQUIRE((mpfr_signbit(exact.value.get()) != 0) == negative);
      if (overflow) REQUIRE(mpfr_inf_p(exact.value.get()));
      else REQUIRE(abs(rational(exact.value)) == magnitude);
      if (const double d = x.to_double(MPFR_RNDN); fast && Dyadic::of(d) == x) {
        REQUIRE((overflow ? std::isinf((*fast)(d)) : Dyadic::of((*fast)(d)) == exact.value));
        REQUIRE(std::signbit((*fast)(d)) == negative);
        ++doubles;
      }
      ++checked;
    }
  }
  REQUIRE(checked == 36000);
  REQUIRE(overflowed > 500);
  REQUIRE(ties > 300);
  REQUIRE(subnormal > 3000);
  REQUIRE(doubles > 8000);
}

TEST_CASE("format: names", "[format]") {
  for (const Format& format : shipped_formats()) {
    REQUIRE(find_format(format.name));
    CHECK(find_format(format.name)->name == format.name);
    CHECK(*find_format(format.name) == format);
    CHECK(format.fits_double());
  }
  CHECK(shipped_formats().size() == 9);
  const auto user = find_format("p12:-30:31");
  REQUIRE(user);
  CHECK(user->name == "p12:-30:31");
  CHECK((user->precision == 12 && user->emin == -30 && user->emax == 31 && user->overflow == Overflow::infinity));
  CHECK(*find_format("p24:-126:127") == *find_format("fp32"));
  CHECK_FALSE(*find_format("e4m3") == *find_format("e4m3-saturating"));
  CHECK(find_format("p1000000:-268435456:268435456"));
  CHECK_FALSE(find_format("p113:-16382:16383")->fits_double());
  CHECK_THROWS_AS(DoubleRounder(*find_format("p54:-10:10")), std::invalid_argument);
  for (const char* nonsense : {"", "p", "fp8", "FP16", "p12", "p12:-30", "p12:-30:", "p12:-30:31:", "p12:-30:31 ", " p12:-30:31", "p1:-3:3", "p0:-3:3", "p-4:-3:3",
                               "p12:31:-30", "p1000001:-3:3", "p12:-30:268435457", "p12:-268435457:3", "p12:+3:4", "p12:99999999999999999999:3", "12:-30:31", "p12:a:b"})
    CHECK_FALSE(find_format(nonsense));
}

TEST_CASE("format: a user's widest format is exact", "[format]") {
  const Format format = *find_format("p1000000:-268435456:268435456");
  Dyadic x = Dyadic::power_of_two(-268435456 - 999999 - 1);  // half the smallest subnormal: a tie that goes to zero
  CHECK(mpfr_zero_p(round(format, x).value.get()));
  Dyadic above(4);
  mpfr_mul_d(above.get(), x.get(), 1.5, MPFR_RNDN);
  CHECK(round(format, above).value == format.smallest_subnormal());
  CHECK(round(format, format.largest()).value == format.largest());
  Dyadic beyond(1000001);
  mpfr_add(beyond.get(), format.largest().get(), Dyadic::power_of_two(268435456 - 1000000).get(), MPFR_RNDN);
  CHECK(round(format, beyond).status == RoundStatus::overflow);
}

TEST_CASE("format: fp32 is the hardware's conversion, bit by bit", "[format]") {
  std::mt19937_64 random(3);
  const Format fp32 = *find_format("fp32");
  const DoubleRounder fast(fp32);
  const DoubleRounder user(*find_format("p24:-126:127"));
  // One that takes the general path: saturating differs only in overflow.
  Format general = fp32;
  general.overflow = Overflow::saturate;
  const DoubleRounder grid(general);
  std::size_t checked = 0;
  for (int i = 0; i < 300000; ++i) {
    const double x = corner(random, -126, 127, 24);
    const double expected = static_cast<double>(static_cast<float>(x));
    const Rounded exact = round(fp32, Dyadic::of(x));
    const bool good = std::signbit(fast(x)) == std::signbit(x) && fast(x) == expected && user(x) == expected &&
                      exact.value.to_double(MPFR_RNDN) == expected && (mpfr_signbit(exact.value.get()) != 0) == std::signbit(x) &&
                      grid(x) == (std::isinf(expected) ? std::copysign(grid.largest(), x) : expected);
    if (!good) {
      INFO(Dyadic::of(x).hex());
      REQUIRE(good);
    }
    ++checked;
  }
  REQUIRE(checked == 300000);
}

#if defined(__x86_64__) && defined(__GNUC__)
namespace {
__attribute__((target("f16c"))) float through_hardware_fp16(float x) { return _cvtsh_ss(_cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT)); }
}  // namespace

TEST_CASE("format: fp16 is the hardware's conversion from fp32, bit by bit", "[format]") {
  if (!__builtin_cpu_supports("avx2")) {
    WARN("skipped: this processor has no fp16 conversions (F16C, which all with AVX2 have; not every compiler asks for it by name)");
    return;
  }
  std::mt19937_64 random(4);
  const DoubleRounder fast(*find_format("fp16"));
  std::size_t checked = 0;
  const auto same = [&](float x) {
    const double ours = fast(static_cast<double>(x)), theirs = static_cast<double>(through_hardware_fp16(x));
    const bool good = std::isnan(theirs) ? std::isnan(ours) : ours == theirs && std::signbit(ours) == std::signbit(theirs);
    if (!good) {
      INFO(Dyadic::of(static_cast<double>(x)).hex());
      REQUIRE(good);
    }
    ++checked;
  };
  for (int i = 0; i < 300000; ++i) same(static_cast<float>(corner(random, -14, 15, 11)));
  for (std::uint64_t bits = 0; bits < 1ULL << 32; bits += 4093) {
    const auto code = static_cast<std::uint32_t>(bits);
    float x;
    std::memcpy(&x, &code, sizeof x);
    same(x);
  }
  REQUIRE(checked > 1300000);
}
#endif

// bf16 is the upper half of fp32: rounding by exact integer arithmetic on a double's own significand.
TEST_CASE("format: bf16 is exact integer arithmetic", "[format]") {
  std::mt19937_64 random(5);
  const DoubleRounder fast(*find_format("bf16"));
  std::size_t checked = 0;
  for (int i = 0; i < 300000; ++i) {
    const double x = corner(random, -126, 127, 8);
    std::uint64_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    const long field = static_cast<long>(bits >> 52 & 0x7ff);
    if (field == 0) continue;  // far below bf16's smallest subnormal or zero
    const std::uint64_t significand = (bits & 0xfffffffffffffULL) | 1ULL << 52;  // |x| = significand * 2^(field - 1075)
    const long shift = std::max(field - 1023, -126L) - 7 - (field - 1075);       // to multiples of bf16's step
    std::uint64_t k = 0;
    if (shift < 55) {
      k = significand >> shift;
      const std::uint64_t rest = significand - (k << shift), half = 1ULL << (shift - 1);
      k += rest > half || (rest == half && k % 2 == 1);
    }
    double expected = std::ldexp(static_cast<double>(k), static_cast<int>(field - 1075 + shift));
    if (expected >= 0x1p128) expected = infinity;
    if (bits >> 63) expected = -expected;
    if (fast(x) != expected) {
      INFO(Dyadic::of(x).hex());
      REQUIRE(fast(x) == expected);
    }
    ++checked;
  }
  REQUIRE(checked > 290000);
}
