// Visits of arcs against going through all multiples.
#include "bounds/circle_visits.hpp"

#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;

TEST_CASE("first in an arc: the least multiple, or none") {
  std::size_t found = 0, none = 0;
  for (std::int64_t m = 1; m <= 17; ++m)
    for (std::int64_t a = 0; a < m; ++a)
      for (std::int64_t l = 0; l < m; ++l)
        for (std::int64_t r = 0; r < m; ++r) {
          std::int64_t x = 0;
          const auto inside = [&](std::int64_t v) { return l <= r ? l <= v && v <= r : v >= l || v <= r; };
          while (x < m && !inside(a * x % m)) ++x;
          const auto first = first_in_arc(a, m, l, r);
          REQUIRE(first.has_value() == (x < m));
          if (first) REQUIRE(*first == x);
          ++(first ? found : none);
        }
  REQUIRE(found > 10'000);
  REQUIRE(none > 1'000);
}

TEST_CASE("visits of arcs: all multiples in them, from the largest on") {
  SplitMix64 random(7);
  std::size_t visited = 0;
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t m = 1000 + random.next() % 100'000, a = random.next() % m;
    std::vector<Arc> arcs;
    for (std::uint64_t begin = random.next() % 300; begin < m; begin += 1 + random.next() % m) {
      const std::uint64_t last = std::min(m - 1, begin + random.next() % (m / 50));
      arcs.push_back({begin, last});
      begin = last;
    }
    const std::uint64_t from = random.next() % 500, to = from + random.next() % 3000;
    std::vector<std::uint64_t> expected, found;
    for (std::uint64_t n = to + 1; n-- > from;)
      for (const Arc& arc : arcs)
        if (const Length phase = Length(a) * n % m; arc.first <= phase && phase <= arc.last) expected.push_back(n);
    visit_arcs(a, m, arcs, from, to, [&](const Length& n) { return found.push_back(static_cast<std::uint64_t>(n)), false; });
    REQUIRE(found == expected);
    visited += found.size();
  }
  REQUIRE(visited > 5'000);
}
