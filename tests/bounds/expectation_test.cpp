#include "bounds/expectation.hpp"

#include "bounds/collapse.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

// A row with these verdicts ("CDUO") from n = 1 on, summed up as certify() does.
CollapseRow row_of(const std::string& verdicts) {
  CollapseRow row;
  for (const char c : verdicts) {
    row.verdicts.push_back(c == 'C' ? Verdict::collapsed : c == 'D' ? Verdict::distinct : c == 'O' ? Verdict::overflow : Verdict::undecided);
  }
  summarise(row, 1);
  return row;
}

CollapseRow proved(const std::string& verdicts, Status status, std::optional<std::string> upper) {
  CollapseRow row = row_of(verdicts);
  row.inevitable = {"1", std::move(upper), Scope::all, status};
  return row;
}

}  // namespace

TEST_CASE("expectation: what a row proves of a statement, and no more", "[expectation]") {
  const auto collapse = [](const CollapseRow& row) { return judge(Outcome::collapses, row); };
  const auto apart = [](const CollapseRow& row) { return judge(Outcome::apart, row); };
  // Up to the horizon.
  CHECK(collapse(row_of("DDC")) == Standing::to_horizon);
  CHECK(collapse(row_of("UUC")) == Standing::to_horizon);
  CHECK(collapse(row_of("DCD")) == Standing::not_yet);
  CHECK(collapse(row_of("DCU")) == Standing::open);
  CHECK(collapse(row_of("DCO")) == Standing::open);
  CHECK(collapse(row_of("UUU")) == Standing::open);
  CHECK(apart(row_of("DDD")) == Standing::to_horizon);
  CHECK(apart(row_of("DCD")) == Standing::fails);
  CHECK(apart(row_of("DUD")) == Standing::open);
  CHECK(apart(row_of("DOD")) == Standing::open);
  CHECK(apart(row_of("")) == Standing::open);
  CHECK(collapse(row_of("")) == Standing::open);
  // For every n.
  CHECK(collapse(proved("DDC", Status::exact, "3")) == Standing::holds);
  CHECK(collapse(proved("DDD", Status::bracket, "1000")) == Standing::holds);
  CHECK(collapse(proved("DDC", Status::never, {})) == Standing::fails);
  CHECK(collapse(proved("DDD", Status::unknown, {})) == Standing::not_yet);
  CHECK(apart(proved("DDD", Status::exact, "1000")) == Standing::fails);
  CHECK(apart(proved("DDD", Status::never, {})) == Standing::to_horizon);  // infinitely often is not always
}

TEST_CASE("expectation: the row is the one with its criterion, format and norm", "[expectation]") {
  Certification c;
  for (const char* name : {"bf16", "fp32"})
    for (const auto metric : {std::optional<Metric>(), std::optional(Metric::l1), std::optional(Metric::linf)}) {
      CollapseRow row;
      row.format = find_format(name), row.metric = metric, row.criterion = metric ? Criterion::tolerance : Criterion::bitwise;
      c.rows.push_back(row);
    }
  CollapseRow argmax;
  argmax.criterion = Criterion::argmax;
  c.rows.push_back(argmax);
  CHECK(find_row(c, {Criterion::tolerance, "bf16", Metric::linf, Outcome::apart}) == &c.rows[2]);
  CHECK(find_row(c, {Criterion::bitwise, "fp32", std::nullopt, Outcome::apart}) == &c.rows[3]);
  CHECK(find_row(c, {Criterion::argmax, std::nullopt, std::nullopt, Outcome::apart}) == &c.rows[6]);
  CHECK(find_row(c, {Criterion::tolerance, "bf16", Metric::l2, Outcome::apart}) == nullptr);
  CHECK(find_row(c, {Criterion::tolerance, std::nullopt, Metric::l1, Outcome::apart}) == nullptr);
}
