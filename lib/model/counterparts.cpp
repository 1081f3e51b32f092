#include "lib/model/counterparts.hpp"

namespace snellen {

std::optional<std::vector<std::size_t>> counterparts(const Family& family, const FamilyBlock& block) {
  if (family.pair != Pair::next || family.sample || family.delimiter) return std::nullopt;
  const std::size_t prefix = family.prefix.size(), unit = family.unit.size(), suffix = family.suffix.size();
  const std::size_t trunk = prefix + static_cast<std::size_t>(family.run_length(family.to + 1));
  std::vector<std::size_t> result(block.columns.size(), no_column);
  for (std::size_t c = 0; c < prefix; ++c) result[c] = c;
  for (std::size_t c = prefix; c + unit < trunk; ++c) result[c] = c + unit;
  for (std::size_t i = 0; i < block.first.size(); ++i) {
    const std::size_t first = block.first[i], second = block.second[i];
    const View path = visible(block.columns[first], first, std::nullopt), later = visible(block.columns[second], second, std::nullopt);
    for (std::size_t place = path.size() - suffix; place < path.size(); ++place) {
      std::size_t& counterpart = result[path.entry(place)];
      // A suffix that goes on as the run does may have left two columns of one token at one place of one sequence: then the first serves.
      if (counterpart == no_column) counterpart = later.entry(place + unit);
    }
  }
  return result;
}

}  // namespace snellen
