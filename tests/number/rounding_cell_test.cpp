// Rounding cells against rounding itself.
#include "lib/number/rounding_cell.hpp"

#include "tests/catch.hpp"

using namespace snellen;

TEST_CASE("a rounding cell reaches from midpoint to midpoint, nearly") {
  std::size_t tested = 0, none = 0;
  for (const char* name : {"e5m2", "e4m3", "bf16", "fp32"}) {
    const Format format = find_format(name).value();
    for (int k = -1; k < 200; ++k) {
      const double x = k < 0 ? 0 : std::ldexp(1 + (k % 16) / 16.0, k / 16 - 8) * (k % 2 == 0 ? 1 : -1);
      Enclosure point{Dyadic::of(x), Dyadic::of(x)};
      const auto cell = rounding_cell(format, point);
      const Rounded rounded = round(format, Dyadic::of(x));
      if (!cell) {
        ++none;  // on a midpoint
        continue;
      }
      for (const bool upper : {false, true}) {
        const Dyadic& end = upper ? cell->upper : cell->lower;
        REQUIRE(round(format, end).value == rounded.value);
        // A little beyond the midpoint is another value.
        Dyadic reach(120), beyond(120);
        mpfr_sub(reach.get(), end.get(), rounded.value.get(), MPFR_RNDN);
        mpfr_mul_d(beyond.get(), reach.get(), 1 + 0x1p-38, MPFR_RNDN);
        mpfr_add(beyond.get(), beyond.get(), rounded.value.get(), MPFR_RNDN);
        const Rounded other = round(format, beyond);
        REQUIRE((other.status != RoundStatus::finite || !(other.value == rounded.value)));
        ++tested;
      }
    }
  }
  REQUIRE(tested > 1000);
  REQUIRE(none > 20);
  REQUIRE(!rounding_cell(find_format("e4m3").value(), {Dyadic::of(1.0), Dyadic::of(1.125)}));
  REQUIRE(!rounding_cell(find_format("e4m3").value(), {Dyadic::of(1000.0), Dyadic::of(1000.0)}));
}
