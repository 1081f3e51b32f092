// What a small case file can ask for must not take memory that grows with the square of it.
#include "lib/model/family.hpp"
#include "tests/catch.hpp"

using namespace snellen;

TEST_CASE("family: a long suffix takes memory in proportion to its length", "[family]") {
  constexpr std::size_t length = 100'000;
  Family f;
  f.prefix = {1}, f.unit = {2}, f.suffix.assign(length, 3), f.from = 1, f.to = 1;
  const FamilyBlock block = family_block(f);
  CHECK(block.columns.size() == 1 + 2 + 2 * length);
  CHECK(block.columns[block.first[0]].position == 1 + length);
  CHECK(block.columns[block.second[0]].position == 2 + length);
  CHECK(block.columns[block.first[0]].trunk == 2);
  CHECK(block.columns[block.second[0]].trunk == 3);

  f.pair = Pair::repeat_last;
  const FamilyBlock repeated = family_block(f);
  CHECK(repeated.columns.size() == 1 + 1 + length + 1);
  CHECK(repeated.second[0] == repeated.first[0] + 1);
}

TEST_CASE("family: counts of tokens beyond 64 bits are refused, not wrapped", "[family]") {
  // 10^12 run tokens with 18446745 delimiter tokens after each: 1.844675e19, which wraps to a negative number.
  Family f;
  f.prefix = {1}, f.unit.assign(1'000'000, 2), f.from = 999'998, f.to = 999'998;
  f.delimiter = Delimiter{1, std::vector<Token>(18'446'750, 3)};
  REQUIRE(problem_of(f));
  CHECK(problem_of(f)->key == "lengths.to");
  f.delimiter->tokens.resize(1'000'000);
  REQUIRE(problem_of(f));
}
