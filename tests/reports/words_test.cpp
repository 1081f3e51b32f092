#include "reports/words.hpp"

#include "reports/text_report.hpp"
#include "tests/catch.hpp"
#include "tests/reports/sample.hpp"

#include <algorithm>
#include <sstream>

using namespace snellen;

namespace {

Certification with_only(const Inevitable& inevitable, std::optional<std::int64_t> last_distinct,
                        Criterion criterion = Criterion::bitwise) {
  Certification c = sample::certification(200);
  std::erase_if(c.rows,
                [&](const CollapseRow& row) { return !row.format || row.format->name != "bf16" || row.criterion != criterion; });
  c.rows.resize(1);
  c.rows[0].inevitable = inevitable;
  c.rows[0].last_distinct = last_distinct;
  c.runs.clear();
  return c;
}

}  // namespace

TEST_CASE("the headline says what is known, with its scope", "[reports]") {
  using std::nullopt;
  CHECK(sentences(sample::certification())[0] ==
        "From n = 89 on (checked to 200), bf16 cannot tell S_n from S_{n+1}; the last distinguishable pair is n = 88.");
  CHECK(sentences(with_only({"1", "1", Scope::horizon, Status::exact}, nullopt))[0] ==
        "From n = 1 on (checked to 200), bf16 cannot tell S_n from S_{n+1}; no pair from n = 1 on is distinguishable.");
  CHECK(sentences(with_only({"89", "91", Scope::horizon, Status::bracket}, 88))[0] ==
        "From n = 91 on at the latest (checked to 200), bf16 cannot tell S_n from S_{n+1}; the last pair proved distinguishable "
        "is n = 88, and what lies "
        "between is undecided.");
  CHECK(sentences(with_only({"50000000000", "50000000000", Scope::all, Status::exact}, 49999999999))[0] ==
        "From n = 50000000000 on, for ever, bf16 cannot tell S_n from S_{n+1}; at n = 49999999999 it can.");
  CHECK(sentences(with_only({"1", nullopt, Scope::all, Status::never}, 200))[0] ==
        "bf16 tells S_n from S_{n+1} for infinitely many n (bitwise): proved.");
  CHECK(sentences(with_only({"201", nullopt, Scope::horizon, Status::unknown}, 200))[0] ==
        "bf16 still tells S_n from S_{n+1} at the horizon n = 200 (bitwise).");
  CHECK(sentences(with_only({"79", "79", Scope::horizon, Status::exact}, 78, Criterion::tolerance))[0] ==
        "From n = 79 on (checked to 200), S_n and S_{n+1} are within bf16's threshold (L1 <= 2^-7); the last pair farther apart "
        "is n = 78.");
}

TEST_CASE("every format in one sentence", "[reports]") {
  CHECK(sentences(sample::certification())[2] ==
        "Every format, bitwise: e5m2 from 9, e4m3 from 17, bf16 from 89, fp16 from 164 to 166, tf32 from 165; not by 200: fp32.");
  CHECK(sentences(sample::certification(10))[1] ==
        "Every format, bitwise: e5m2 from 9; not by 10: e4m3, bf16, fp16, tf32, fp32.");
}

TEST_CASE("for ever is said of what is proved for every n, and of nothing else", "[reports]") {
  using std::nullopt;
  CHECK(sentences(with_only({"41", "46", Scope::all, Status::bracket}, 40))[0] ==
        "From n = 46 on at the latest, for ever, bf16 cannot tell S_n from S_{n+1}; at some n >= 40 it can, and what lies between is not decided.");
  CHECK(sentences(with_only({"1", "46", Scope::all, Status::bracket}, nullopt))[0] ==
        "From n = 46 on at the latest, for ever, bf16 cannot tell S_n from S_{n+1}; what lies below is not decided.");
  CHECK(sentences(with_only({"1", "1", Scope::all, Status::exact}, nullopt))[0] == "From n = 1 on, for ever, bf16 cannot tell S_n from S_{n+1}.");
  CHECK(sentences(with_only({"79", "79", Scope::all, Status::exact}, 78, Criterion::tolerance))[0] ==
        "From n = 79 on, for ever, S_n and S_{n+1} are within bf16's threshold (L1 <= 2^-7); at n = 78 they are not.");
  for (const std::string& sentence : sentences(sample::certification())) CHECK(sentence.find("for ever") == std::string::npos);

  const Certification c = sample::for_ever();
  const auto said = sentences(c);
  CHECK(said[0] == "From n = 92975821 on, for ever, bf16 cannot tell S_n from S_{n+1}; at n = 92975820 it can.");
  const auto has = [&](std::string_view text) {
    return std::any_of(said.begin(), said.end(), [&](const std::string& sentence) { return sentence.find(text) != std::string::npos; });
  };
  CHECK(has("Every format, bitwise: for ever: e5m2 from 9, bf16 from 92975821, fp16 from 164 to 123456789012345678901234; overflow from 201: e4m3; never: tf32; after 999999: fp32."));
  CHECK(has("The exact model's next token is 7, the same for every n >= 4, for ever; not from any smaller n on."));
  CHECK(has("As n grows, S_n's vector tends to that of [2]: nothing else of the sequence is remembered; at n = 200 its distance from there (L1) is at most 0.251; "
            "from n = 12345678901234 on, for ever, at most 9.10e-13."));
  CHECK(has("fp16 bitwise, fp32 bitwise: 12 eras were not enough"));
  CHECK_FALSE(has("Beyond the horizon"));
  Certification nothing = sample::certification();
  nothing.inevitable = true, nothing.unsupported = "rotary positions";
  CHECK(sentences(nothing)[3] == "Beyond the horizon n = 200 nothing is proved: rotary positions.");
}

TEST_CASE("where collapse starts, in a table cell", "[reports]") {
  CollapseRow row;
  row.inevitable = {"37", "37", Scope::horizon, Status::exact};
  CHECK(collapse_start(row, 200) == "37");
  CHECK(reach(row, 200) == "to the horizon 200");
  row.inevitable = {"37", "41", Scope::all, Status::bracket};
  CHECK(collapse_start(row, 200) == "37 to 41");
  CHECK(reach(row, 200) == "for every n");
  row.inevitable = {"1", std::nullopt, Scope::all, Status::never};
  CHECK(collapse_start(row, 200) == "never");
  row.inevitable = {"1", std::nullopt, Scope::horizon, Status::unknown};
  row.undecided = 3;
  CHECK(collapse_start(row, 200) == "undecided");
  row.undecided = 0, row.overflow = 200;
  CHECK(collapse_start(row, 200) == "overflow");
  row.overflow = 0, row.last_distinct = 200;
  CHECK(collapse_start(row, 200) == "not by 200");
  row.inevitable = {"1001", std::nullopt, Scope::all, Status::unknown};
  CHECK(collapse_start(row, 200) == "after 1000");
  CHECK(last_distinct(row) == "1000");
  row.basis.overflow_from = "5000";
  CHECK(collapse_start(row, 200) == "overflow from 5000");
}

TEST_CASE("what a run's own vectors show", "[reports]") {
  CHECK(verdict_of_run({1, {sample::exactly(0), sample::exactly(0)}}) == Verdict::collapsed);
  CHECK(verdict_of_run({1, {sample::exactly(0.5), sample::exactly(0.25)}}) == Verdict::distinct);
  CHECK(verdict_of_run({1, {{Dyadic::of(0.0), Dyadic::of(0.5)}}}) == Verdict::undecided);
  CHECK(verdict_of_run({1, {sample::not_finite(), sample::not_finite()}}) == Verdict::overflow);
  CHECK(verdict_of_run({1, {}}) == Verdict::undecided);
  const Certification c = sample::certification();
  CHECK_FALSE(identical_from(c.runs[0]));
  CHECK(identical_from(c.runs[1]) == 71);
  CHECK(identical_from(c.runs[2]) == 23);
  CHECK_FALSE(identical_from(c.runs[3]));
}

TEST_CASE("rows of one format stand together", "[reports]") {
  Certification c = sample::certification(3);
  std::swap(c.rows[1], c.rows[9]);
  const auto rows = rows_by_format(c);
  REQUIRE(rows.size() == c.rows.size());
  int changes = 0;
  for (std::size_t i = 1; i < rows.size(); ++i) changes += !(rows[i]->format == rows[i - 1]->format);
  CHECK(changes == 6);
}

TEST_CASE("the table on standard output fits a terminal of 100 columns", "[reports]") {
  Certification c = sample::certification();
  c.title = std::string(150, 'x') + " \x1b[31mred\x07";
  c.rows[0].inevitable.upper = std::string(80, '9');
  const std::string text = text_report(c);
  std::istringstream lines(text);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) REQUIRE(line.size() <= 100);
  CHECK(count > 30);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("UNDECIDED: 2 verdicts at 128 bits.") != std::string::npos);
  CHECK(text.find("bf16         bitwise        45     88") != std::string::npos);
  CHECK(text.find("overflow first in layer 2, attention scores, token 120") != std::string::npos);
  CHECK(text.find("N*") == std::string::npos);
  CHECK(text_report(Certification{}).find("Distances between") != std::string::npos);
}
