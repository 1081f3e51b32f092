#include "reports/csv_report.hpp"

#include "tests/catch.hpp"
#include "tests/reports/sample.hpp"

using namespace snellen;

namespace {

// RFC 4180 with LF: quoted fields, doubled quotes.
std::vector<std::vector<std::string>> parsed(const std::string& text) {
  std::vector<std::vector<std::string>> lines(1, std::vector<std::string>(1));
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"')
      lines.back().back() += '"', ++i;
    else if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      lines.back().emplace_back();
    else if (c == '\n' && !quoted)
      lines.emplace_back(1);
    else
      lines.back().back() += c;
  }
  REQUIRE_FALSE(quoted);
  REQUIRE(lines.back() == std::vector<std::string>{""});
  lines.pop_back();
  return lines;
}

Dyadic number(const std::string& field, mpfr_rnd_t direction) {
  Dyadic result(2000);
  REQUIRE(mpfr_set_str(result.get(), field.c_str(), 10, direction) == 0);
  return result;
}

}  // namespace

TEST_CASE("distances.csv reads back to enclosures of the same numbers", "[reports]") {
  Certification c = sample::certification();
  c.runs[1].profile = "mine, \"fast\"";
  c.runs[2].errors.pop_back();
  const auto lines = parsed(csv_report(c));
  REQUIRE(lines.size() == 201);
  const std::vector<std::string>& names = lines[0];
  REQUIRE(names.size() == 1 + 4 + 4 * 8);
  CHECK(std::vector<std::string>(names.begin(), names.begin() + 7) ==
        std::vector<std::string>{"n", "l1.lower", "l1.upper", "linf.lower", "linf.upper", "fp32.l1.distance.lower",
                                 "fp32.l1.distance.upper"});
  CHECK(names[13] == "mine, \"fast\".l1.distance.lower");
  CHECK(names[17] == "mine, \"fast\".l1.error.lower");
  int count = 0, empty = 0;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    REQUIRE(lines[i].size() == names.size());
    REQUIRE(lines[i][0] == std::to_string(i));
    std::size_t column = 1;
    const auto check = [&](const std::vector<PairDistances>& pairs) {
      for (std::size_t m = 0; m < c.metrics.size(); ++m, column += 2) {
        if (i > pairs.size()) {
          REQUIRE((lines[i][column].empty() && lines[i][column + 1].empty()));
          ++empty;
          continue;
        }
        REQUIRE(number(lines[i][column], MPFR_RNDU) <= pairs[i - 1].by_metric[m].lower);
        REQUIRE(pairs[i - 1].by_metric[m].upper <= number(lines[i][column + 1], MPFR_RNDD));
        ++count;
      }
    };
    check(c.distances);
    for (const EngineRun& run : c.runs) check(run.distances), check(run.errors);
  }
  CHECK(count == 200 * 18 - 2);
  CHECK(empty == 2);
}
