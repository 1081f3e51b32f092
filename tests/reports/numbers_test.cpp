#include "reports/numbers.hpp"

#include <cmath>
#include <cstdint>

#include "tests/catch.hpp"

using namespace snellen;

namespace {

// Parsed with far more bits than either side has, rounded against the claim: parsed <= x then proves decimal <= x.
Dyadic parsed(const std::string& text, mpfr_rnd_t direction) {
  Dyadic result(2000);
  char* end = nullptr;
  mpfr_strtofr(result.get(), text.c_str(), &end, 0, direction);
  REQUIRE(*end == '\0');
  return result;
}

struct Random {
  std::uint64_t state;
  std::uint64_t next() { return state = state * 6364136223846793005u + 1442695040888963407u, state >> 16; }
  // Precisions of 1 to 600 bits, exponents from tiny to huge, often near a power of two or of ten.
  Dyadic dyadic() {
    const auto bits = static_cast<mpfr_prec_t>(2 + next() % 600);
    const long exponent = next() % 4 == 0 ? static_cast<long>(next() % 40000) - 20000 : static_cast<long>(next() % 80) - 40;
    Dyadic x(bits);
    mpfr_set_ui(x.get(), 1, MPFR_RNDN);
    switch (next() % 4) {
      case 0:
        break;
      case 1:
        mpfr_nextabove(x.get());
        break;
      case 2:
        mpfr_set_ui(x.get(), 1000000, MPFR_RNDN), mpfr_nextbelow(x.get());
        break;
      default:
        for (int word = 0; word < 12; ++word)
          mpfr_mul_2ui(x.get(), x.get(), 48, MPFR_RNDN), mpfr_add_ui(x.get(), x.get(), next() & 0xffffffffffff, MPFR_RNDN);
    }
    mpfr_mul_2si(x.get(), x.get(), exponent, MPFR_RNDN);
    if (next() % 3 == 0) mpfr_neg(x.get(), x.get(), MPFR_RNDN);
    return x;
  }
};

}  // namespace

TEST_CASE("printed decimals enclose, tightly, and hex floats are exact", "[reports]") {
  Random random{7};
  int count = 0, inexact = 0;
  for (int i = 0; i < 3000; ++i) {
    const Dyadic x = random.dyadic();
    const std::string lower = lower_text(x), upper = upper_text(x);
    REQUIRE(parsed(lower, MPFR_RNDU) <= x);
    REQUIRE(x <= parsed(upper, MPFR_RNDD));
    Dyadic gap(200), limit(200);
    mpfr_sub(gap.get(), parsed(upper, MPFR_RNDU).get(), parsed(lower, MPFR_RNDD).get(), MPFR_RNDU);
    mpfr_abs(limit.get(), x.get(), MPFR_RNDN);
    mpfr_mul_d(limit.get(), limit.get(), 1.0001e-16, MPFR_RNDU);
    REQUIRE(gap <= limit);
    REQUIRE(parsed(x.hex(), MPFR_RNDD) == x);
    REQUIRE(parsed(rough_text(x, MPFR_RNDD), MPFR_RNDU) <= x);
    REQUIRE(x <= parsed(rough_text(x, MPFR_RNDU), MPFR_RNDD));
    ++count, inexact += lower != upper;
  }
  REQUIRE(count == 3000);
  REQUIRE(inexact > 1500);
}

TEST_CASE("special values in print", "[reports]") {
  CHECK(lower_text(Dyadic::of(0.0)) == "0");
  CHECK(upper_text(Dyadic::of(-0.0)) == "0");
  CHECK(upper_text(Dyadic::of(INFINITY)) == "inf");
  CHECK(lower_text(Dyadic::of(-INFINITY)) == "-inf");
  CHECK(lower_text(Dyadic::of(NAN)) == "nan");
  CHECK(lower_text(Dyadic::of(0.5)) == "5.0000000000000000e-01");
}

TEST_CASE("rough numbers for people", "[reports]") {
  CHECK(rough_text(Dyadic::of(0.25), MPFR_RNDN) == "0.25");
  CHECK(rough_text(Dyadic::of(1.0), MPFR_RNDN) == "1");
  CHECK(rough_text(Dyadic::of(37.125), MPFR_RNDU) == "37.2");
  CHECK(rough_text(Dyadic::of(37.125), MPFR_RNDD) == "37.1");
  CHECK(rough_text(Dyadic::of(-0.03125), MPFR_RNDN) == "-0.0312");
  CHECK(rough_text(Dyadic::of(100.0), MPFR_RNDN) == "100");
  CHECK(rough_text(Dyadic::of(999.5), MPFR_RNDU) == "1.00e3");
  CHECK(rough_text(Dyadic::of(0x1p-23), MPFR_RNDU) == "1.20e-7");
  CHECK(rough_text(Dyadic::of(0.0), MPFR_RNDU) == "0");
}

TEST_CASE("powers of two by name", "[reports]") {
  CHECK(power_text(Dyadic::power_of_two(-7)) == "2^-7");
  CHECK(power_text(Dyadic::power_of_two(-200000)) == "2^-200000");
  CHECK(power_text(Dyadic::of(0.75)) == "0.75");
  CHECK_FALSE(exponent_of_power_of_two(Dyadic::of(0.0)));
  CHECK_FALSE(exponent_of_power_of_two(Dyadic::of(-2.0)));
  CHECK_FALSE(exponent_of_power_of_two(Dyadic::of(INFINITY)));
  CHECK(exponent_of_power_of_two(Dyadic::of(1.0)) == 0);
}
