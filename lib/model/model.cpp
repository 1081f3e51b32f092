#include "lib/model/model.hpp"

#include <bit>

namespace snellen {

// Press, Smith and Lewis 2022, get_slopes of the reference implementation.
std::vector<Slope> alibi_slopes(std::size_t heads) {
  const std::size_t lower = std::bit_floor(heads);
  std::vector<Slope> slopes;
  for (std::size_t h = 0; h < lower; ++h) slopes.push_back({static_cast<std::int64_t>(8 * (h + 1)), static_cast<std::int64_t>(lower)});
  for (std::size_t h = 0; slopes.size() < heads; h += 2)
    slopes.push_back({static_cast<std::int64_t>(8 * (h + 1)), static_cast<std::int64_t>(2 * lower)});
  return slopes;
}

}  // namespace snellen
