// The grid of a vector of balls in fixed point: the one unit that all its midpoints are cut off to.
#pragma once

#include <algorithm>
#include <limits>

#include "lib/number/exact_product/ball_parts.hpp"

namespace snellen {

// The midpoints are below 2^top, the radii below 2^radius, and the grid has `fraction` bits below top. It is as fine as the entries deserve:
//   - an entry asks for its last bit, or for 2^-7 of (a power of two above) its radius where that is coarser. Where `bits` + 7 bits below the
//     largest entry give every entry what it asks for, no more are taken (an exact vector stays exact, a wide one is cheap);
//   - else `bits` + 7, or up to 64 more where entries ask for more on average, with 2^-3 of the radius in place of 2^-7: a few outliers do not
//     cost the other entries their accuracy.
struct Grid {
  static constexpr slong least = std::numeric_limits<slong>::min();
  static constexpr slong guard_bits = 7, most_extra_bits = 64, radius_bits = 7, radius_bits_of_mean = 3;

  bool fits = true;  // false: a ball that is not finite, or an exponent beyond 2^40
  bool zero = true;  // every midpoint is zero
  slong top = 0, fraction = 1;
  slong radius = least;  // least: every radius is zero
  slong unit() const { return top - fraction; }
};

// Chooses the grid of a vector's balls: it looks at one after the other and, where more_asked(bits) says so, asks each once more.
class GridChoice {
 public:
  void look(arb_srcptr x) {
    if (!tame(x)) grid_.fits = false;
    if (!grid_.fits) return;
    if (!mag_is_zero(arb_radref(x))) grid_.radius = std::max<slong>(grid_.radius, MAG_EXP(arb_radref(x)));
    if (arf_is_zero(arb_midref(x))) return;
    grid_.zero = false;
    top_ = std::max<slong>(top_, ARF_EXP(arb_midref(x)));
    const slong coarse = from_radius(x, Grid::radius_bits);
    if (coarse < finest_) finest_ = std::min(finest_, std::max(coarse, last_bit(arb_midref(x))));  // a mantissa may be far away in memory
  }
  bool more_asked(long bits) const { return grid_.fits && !grid_.zero && top_ - finest_ > bits + Grid::guard_bits; }
  void ask(arb_srcptr x, long bits) {
    if (arf_is_zero(arb_midref(x))) return;
    const slong wish = mag_is_zero(arb_radref(x)) ? last_bit(arb_midref(x)) : from_radius(x, Grid::radius_bits_of_mean);
    asked_ += std::clamp<slong>(top_ - wish, 1, most(bits));
    ++nonzero_;
  }
  Grid grid(long bits) const {
    Grid result = grid_;
    if (!result.fits) return result;
    if (result.zero) {
      result.top = result.radius == Grid::least ? 0 : result.radius;
      return result;
    }
    result.top = top_;
    result.fraction = more_asked(bits) ? std::clamp<slong>(asked_ / nonzero_, bits + Grid::guard_bits, most(bits)) : std::max<slong>(1, top_ - finest_);
    return result;
  }

 private:
  // The exponent of the last bit that a ball's radius asks for.
  static slong from_radius(arb_srcptr x, slong below) { return mag_is_zero(arb_radref(x)) ? Grid::least : MAG_EXP(arb_radref(x)) - below; }
  static slong most(long bits) { return bits + Grid::guard_bits + Grid::most_extra_bits; }

  Grid grid_;
  slong top_ = Grid::least, finest_ = std::numeric_limits<slong>::max();
  slong asked_ = 0, nonzero_ = 0;
};

// entry(k), k < count, is the k-th ball.
template <class Entry>
Grid choose_grid(std::size_t count, const Entry& entry, long bits) {
  GridChoice choice;
  for (std::size_t k = 0; k < count; ++k) choice.look(entry(k));
  if (choice.more_asked(bits))
    for (std::size_t k = 0; k < count; ++k) choice.ask(entry(k), bits);
  return choice.grid(bits);
}

}  // namespace snellen
