// Tiles of integers against plain loops, at the edge of what 32 bits hold, and beyond a rounding of floats.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "lib/number/integer_tile.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

using Sums = std::array<std::int32_t, tile_side * tile_side>;

struct Panel {
  std::size_t pairs;
  std::vector<std::int16_t> values = std::vector<std::int16_t>(2 * tile_side * pairs);
  std::int16_t& at(std::size_t vector, std::size_t m) { return values[(m / 2 * tile_side + vector) * 2 + m % 2]; }
};

std::int64_t dot(Panel& x, std::size_t i, Panel& y, std::size_t j) {
  std::int64_t sum = 0;
  for (std::size_t m = 0; m < 2 * x.pairs; ++m) sum += std::int64_t{x.at(i, m)} * y.at(j, m);
  return sum;
}

void require_exact(Panel& x, Panel& y) {
  Sums fast, portable;
  integer_tile(fast.data(), x.values.data(), y.values.data(), x.pairs);
  integer_tile_portable(portable.data(), x.values.data(), y.values.data(), x.pairs);
  for (std::size_t i = 0; i < tile_side; ++i)
    for (std::size_t j = 0; j < tile_side; ++j) {
      REQUIRE(fast[i * tile_side + j] == dot(x, i, y, j));
      REQUIRE(portable[i * tile_side + j] == dot(x, i, y, j));
    }
}

}  // namespace

TEST_CASE("tiles of integers are exact for every length and pairing") {
  SplitMix64 random(5);
  for (const std::size_t pairs : {0U, 1U, 2U, 3U, 31U, 288U}) {
    Panel x{pairs}, y{pairs};
    const int most = std::min(32767, static_cast<int>(46340 / std::sqrt(2.0 * static_cast<double>(pairs) + 1)));
    for (Panel* panel : {&x, &y})
      for (std::int16_t& value : panel->values) value = static_cast<std::int16_t>(static_cast<int>(random.below(2 * static_cast<std::uint64_t>(most) + 1)) - most);
    require_exact(x, y);
    require_exact(x, x);
  }
}

TEST_CASE("tiles of integers reach the ends of 32 bits") {
  // Every vector has the squared norm 2 * 32767^2 = 2^31 - 2^17 + 2.
  Panel x{2}, y{2};
  for (std::size_t i = 0; i < tile_side; ++i) {
    const int sign = i % 2 == 0 ? 1 : -1;
    x.at(i, 0) = static_cast<std::int16_t>(sign * 32767), x.at(i, 3) = 32767;
    y.at(i, 0) = 32767, y.at(i, 3) = static_cast<std::int16_t>(sign * 32767);
  }
  require_exact(x, y);
  Sums sums;
  integer_tile(sums.data(), x.values.data(), y.values.data(), 2);
  REQUIRE(sums[0] == 2 * 32767 * 32767);
  REQUIRE(sums[tile_side + 1] == -2 * 32767 * 32767);
}
