#include "lib/model/family.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>

#include "lib/error.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

// What a column's sequence is, read off its view of the memory, as a world sees it.
std::vector<Token> walk(const std::vector<Column>& columns, std::size_t self) {
  const View view = visible(columns[self], self, std::nullopt);
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < view.size(); ++i) {
    const Column& seen = columns[view.entry(i)];
    if (seen.position != view.first_position + static_cast<std::int64_t>(i)) return {};  // a wrong position is a wrong sequence
    tokens.push_back(seen.token);
  }
  return tokens;
}

// The delimiter rule written once more, from its definition: split the run tokens into groups and join the groups.
std::vector<Token> joined(const std::vector<Token>& run, std::size_t every, const std::vector<Token>& delimiter) {
  std::vector<Token> result;
  for (std::size_t begin = 0; begin < run.size(); begin += every) {
    if (begin > 0) result.insert(result.end(), delimiter.begin(), delimiter.end());
    for (std::size_t i = begin; i < std::min(run.size(), begin + every); ++i) result.push_back(run[i]);
  }
  return result;
}

std::vector<Token> concatenated(std::vector<Token> a, const std::vector<Token>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<Token> repeated(const std::vector<Token>& unit, std::int64_t n) {
  std::vector<Token> result;
  for (std::int64_t i = 0; i < n; ++i) result.insert(result.end(), unit.begin(), unit.end());
  return result;
}

std::string problem_key(const Family& family) {
  const auto problem = problem_of(family);
  return problem ? problem->key : "";
}

}  // namespace

TEST_CASE("family: sequences, pairs and block columns by brute force", "[family]") {
  const std::vector<std::vector<Token>> prefixes = {{}, {1}, {1, 2, 7}}, units = {{2}, {2, 3}, {2, 2, 4}}, suffixes = {{}, {9}, {2}, {2, 3, 2}, {9, 9}};
  const std::vector<std::optional<Delimiter>> delimiters = {std::nullopt, Delimiter{1, {5}}, Delimiter{3, {5, 6}}, Delimiter{2, {2}}};
  int families = 0, pairs = 0, shared_pairs = 0;
  for (const auto& prefix : prefixes)
    for (const auto& unit : units)
      for (const auto& suffix : suffixes)
        for (const auto& delimiter : delimiters)
          for (const Pair pair : {Pair::next, Pair::repeat_last})
            for (const bool sampled : {false, true}) {
              Family f;
              f.prefix = prefix, f.suffix = suffix, f.delimiter = delimiter, f.pair = pair;
              if (sampled) {
                f.sample = Sample{{2, 3, 4}, {}, 11};
              } else {
                f.unit = unit;
              }
              f.from = prefix.empty() && suffix.empty() ? 1 : 0;
              f.to = 9;
              REQUIRE(!problem_of(f));
              ++families;

              const FamilyBlock block = family_block(f);
              REQUIRE(block.first.size() == static_cast<std::size_t>(f.to - f.from + 1));
              REQUIRE(block.second.size() == block.first.size());
              // No two of the columns that are read are the same sequence twice.
              std::set<std::vector<Token>> sequences;
              std::set<std::size_t> read;
              for (std::int64_t n = f.from; n <= f.to; ++n) {
                Family bare = f;
                bare.delimiter.reset();
                std::vector<Token> run = sampled ? bare.run(n) : repeated(unit, n);
                if (delimiter) run = joined(run, static_cast<std::size_t>(delimiter->every), delimiter->tokens);
                REQUIRE(f.run(n) == run);
                REQUIRE(f.run_length(n) == static_cast<std::int64_t>(run.size()));
                const std::vector<Token> next = f.run(n + 1);
                REQUIRE(next.size() > run.size());
                REQUIRE(std::equal(run.begin(), run.end(), next.begin()));
                const std::vector<Token> expected = concatenated(concatenated(prefix, run), suffix);
                REQUIRE(f.first(n) == expected);
                const std::vector<Token> other = pair == Pair::next ? concatenated(concatenated(prefix, next), suffix)
                                                                    : concatenated(expected, {expected.back()});
                REQUIRE(f.second(n) == other);

                const auto i = static_cast<std::size_t>(n - f.from);
                REQUIRE(walk(block.columns, block.first[i]) == expected);
                REQUIRE(walk(block.columns, block.second[i]) == other);
                if (pair == Pair::next && i > 0) {
                  REQUIRE(block.second[i - 1] == block.first[i]);
                  ++shared_pairs;
                }
                sequences.insert({expected, other});
                read.insert({block.first[i], block.second[i]});
                ++pairs;
              }
              REQUIRE(read.size() == sequences.size());
              if (suffix.empty() && pair == Pair::next) {
                REQUIRE(block.columns.size() == prefix.size() + static_cast<std::size_t>(f.run_length(f.to + 1)));
              }
            }
  CHECK(families == 3 * 3 * 5 * 4 * 2 * 2);
  CHECK(pairs == families * 10 - families / 15);  // one family in 15 has neither prefix nor suffix and starts at 1
  CHECK(shared_pairs == pairs / 2 - families / 2);
}

TEST_CASE("family: a delimiter stands between groups and is never last", "[family]") {
  Family f;
  f.prefix = {1}, f.unit = {2}, f.delimiter = Delimiter{3, {5}};
  CHECK(f.sequence(3) == std::vector<Token>{1, 2, 2, 2});
  CHECK(f.sequence(4) == std::vector<Token>{1, 2, 2, 2, 5, 2});
  CHECK(f.sequence(7) == std::vector<Token>{1, 2, 2, 2, 5, 2, 2, 2, 5, 2});
}

TEST_CASE("family: repeat-last of a constant run is the trunk itself", "[family]") {
  Family f;
  f.prefix = {1}, f.unit = {2}, f.pair = Pair::repeat_last, f.from = 1, f.to = 20;
  CHECK(family_block(f).columns.size() == 22);  // 1 + 20, and one branch for the last pair
}

TEST_CASE("family: tokens in turn", "[family]") {
  Family f;
  f.sample = Sample{{4, 5, 6}, {}, 1, true};
  CHECK(f.sequence(5) == std::vector<Token>{4, 5, 6, 4, 5});
  CHECK(f.second(3) == std::vector<Token>{4, 5, 6, 4});
  f.pair = Pair::repeat_last;
  CHECK(f.second(3) == std::vector<Token>{4, 5, 6, 6});
}

TEST_CASE("family: samples are the same on every machine and follow their weights", "[family]") {
  Family f;
  f.sample = Sample{{10, 20, 30}, {}, 7};
  // SplitMix64 with seed 7 by its definition in Python, thresholds 2^63/3 and 2^64/3.
  CHECK(f.run(12) == std::vector<Token>{20, 10, 30, 20, 20, 10, 20, 10, 10, 20, 10, 30});

  f.sample = Sample{{10, 20, 30, 40}, {0.5, 0, 0.3, 0.2}, 8};
  const std::vector<Token> drawn = f.run(20000);
  const auto share = [&](Token token) { return static_cast<double>(std::count(drawn.begin(), drawn.end(), token)) / 20000; };
  CHECK(std::abs(share(10) - 0.5) < 0.015);
  CHECK(share(20) == 0);
  CHECK(std::abs(share(30) - 0.3) < 0.015);
  CHECK(std::abs(share(40) - 0.2) < 0.015);

  // Only ratios matter, to the extremes of double: thresholds are exact.
  f.sample = Sample{{10, 20}, {0.75, 0.25}, 9};
  const std::vector<Token> plain = f.run(1000);
  for (const double scale : {0x1p-1072, 0x1p1023, 0x1p-500}) {
    f.sample->weights = {0.75 * scale, 0.25 * scale};
    CHECK(f.run(1000) == plain);
  }
  f.sample->weights = {1e308, 5e-324};
  CHECK(f.run(1000) == std::vector<Token>(1000, 10));
}

TEST_CASE("family: unusable families are refused by key", "[family]") {
  Family good;
  good.prefix = {1}, good.unit = {2}, good.from = 1, good.to = 5;
  REQUIRE(problem_key(good).empty());
  int refused = 0;
  const auto refuses = [&](const std::string& key, auto spoil) {
    Family f = good;
    spoil(f);
    CHECK(problem_key(f) == key);
    CHECK_THROWS_AS(family_block(f), InputError);
    ++refused;
  };
  refuses("unit", [](Family& f) { f.unit.clear(); });
  refuses("unit", [](Family& f) { f.sample = Sample{{1}, {}, 0}; });
  refuses("unit", [](Family& f) { f.unit = {2, -1}; });
  refuses("prefix", [](Family& f) { f.prefix = {-3}; });
  refuses("suffix", [](Family& f) { f.suffix = {-3}; });
  refuses("sample.tokens", [](Family& f) { f.unit.clear(), f.sample = Sample{{}, {}, 0}; });
  refuses("sample.weights", [](Family& f) { f.unit.clear(), f.sample = Sample{{1, 2}, {1.0}, 0}; });
  refuses("sample.weights", [](Family& f) { f.unit.clear(), f.sample = Sample{{1, 2}, {0.0, 0.0}, 0}; });
  refuses("sample.weights", [](Family& f) { f.unit.clear(), f.sample = Sample{{1, 2}, {1.0, -1.0}, 0}; });
  refuses("delimiter.every", [](Family& f) { f.delimiter = Delimiter{0, {5}}; });
  refuses("delimiter.tokens", [](Family& f) { f.delimiter = Delimiter{2, {}}; });
  refuses("delimiter.tokens", [](Family& f) { f.delimiter = Delimiter{2, {-5}}; });
  refuses("lengths.from", [](Family& f) { f.from = -1; });
  refuses("lengths.from", [](Family& f) { f.from = 0, f.prefix.clear(); });
  refuses("lengths.to", [](Family& f) { f.to = 0; });
  refuses("lengths.to", [](Family& f) { f.to = 1'000'000'000; });
  refuses("lengths.to", [](Family& f) { f.to = std::numeric_limits<std::int64_t>::max(); });
  refuses("lengths.to", [](Family& f) { f.to = 2000, f.suffix.assign(600, 3); });
  CHECK(refused == 18);

  Family huge = good;
  huge.to = 1'000'000'000;
  CHECK(problem_of(huge)->description.find("1000000 tokens") != std::string::npos);
}

TEST_CASE("family: a model bounds token ids and, with a learned table, lengths", "[family]") {
  Model model;
  model.vocabulary = 8;
  Family f;
  f.prefix = {1}, f.unit = {7}, f.suffix = {0}, f.from = 1, f.to = 5;
  CHECK(!problem_of(f, model));
  f.unit = {8};
  REQUIRE(problem_of(f, model));
  CHECK(problem_of(f, model)->key == "unit");
  CHECK(problem_of(f, model)->description == "found token 8, expected token ids from 0 to 7");
  f.unit = {7};
  // S_6 = P U^6 Q has 8 tokens.
  model.positions = LearnedPositions{std::make_shared<DenseTensor>(8, 1, std::vector<double>(8))};
  CHECK(!problem_of(f, model));
  model.positions = LearnedPositions{std::make_shared<DenseTensor>(7, 1, std::vector<double>(7))};
  REQUIRE(problem_of(f, model));
  CHECK(problem_of(f, model)->key == "lengths.to");
}
