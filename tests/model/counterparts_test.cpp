// Counterparts by what they mean: the token at place i of S_n belongs to the token at place i (prefix) or i + |U| of S_{n+1}.
#include "lib/model/counterparts.hpp"

#include <set>

#include "tests/catch.hpp"

using namespace snellen;

namespace {

Family family(std::vector<Token> prefix, std::vector<Token> unit, std::vector<Token> suffix, std::int64_t from, std::int64_t to) {
  Family f;
  f.prefix = std::move(prefix), f.unit = std::move(unit), f.suffix = std::move(suffix), f.from = from, f.to = to;
  return f;
}

}  // namespace

TEST_CASE("the counterpart of a column stands a unit later in every next sequence") {
  std::size_t tested = 0, twins = 0;
  for (const Family& f : {family({1, 5}, {2}, {}, 1, 7), family({}, {2}, {}, 1, 5), family({1}, {2, 3}, {}, 1, 5), family({1, 2}, {2}, {6, 7}, 1, 6), family({1}, {2, 3}, {2, 6}, 0, 5),
                          family({4}, {2}, {2, 2, 5}, 0, 6), family({4}, {2}, {2}, 1, 4), family({}, {2, 3}, {2, 3, 2}, 2, 5), family({}, {2}, {2, 1}, 0, 3)}) {
    const FamilyBlock block = family_block(f);
    const auto found = counterparts(f, block);
    REQUIRE(found);
    REQUIRE(found->size() == block.columns.size());
    std::set<std::size_t> met;
    for (const std::size_t other : *found)
      if (other != no_column) REQUIRE(met.insert(other).second);
    for (std::size_t i = 0; i < block.first.size(); ++i) {
      const std::size_t a = block.first[i], b = block.second[i];
      const View path = visible(block.columns[a], a, std::nullopt), later = visible(block.columns[b], b, std::nullopt);
      REQUIRE(later.size() == path.size() + f.unit.size());
      for (std::size_t place = 0; place < path.size(); ++place) {
        const std::size_t column = path.entry(place), other = later.entry(place < f.prefix.size() ? place : place + f.unit.size());
        INFO("pair " << i << " place " << place);
        REQUIRE((*found)[column] != no_column);
        REQUIRE(block.columns[column].token == block.columns[other].token);
        // Another column than this one has the same token at the same place of the same sequence.
        const Column &twin = block.columns[(*found)[column]], &expected = block.columns[other];
        REQUIRE((twin.token == expected.token && twin.position == expected.position && twin.trunk == expected.trunk));
        if (place + 1 == path.size()) REQUIRE((*found)[column] == other);
        tested += (*found)[column] == other;
        twins += (*found)[column] != other;
      }
    }
  }
  REQUIRE(tested > 200);
  REQUIRE(twins <= 4);
}

TEST_CASE("families whose pairs are of another kind have no counterparts") {
  Family repeated = family({1}, {2}, {}, 1, 4);
  repeated.pair = Pair::repeat_last;
  Family delimited = family({1}, {2}, {}, 1, 4);
  delimited.delimiter = Delimiter{3, {5}};
  Family sampled = family({1}, {}, {}, 1, 4);
  sampled.sample = Sample{{2, 3}, {}, 1};
  for (const Family& f : {repeated, delimited, sampled}) REQUIRE(!counterparts(f, family_block(f)));
}
