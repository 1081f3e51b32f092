#include "reports/words.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reports/numbers.hpp"

namespace snellen {
namespace {

// Where in the row's answer the reader gets a length to hold on to.
bool has_start(const CollapseRow& row) {
  return row.inevitable.upper && (row.inevitable.status == Status::exact || row.inevitable.status == Status::bracket);
}

const CollapseRow* find_row(const Certification& c, std::string_view format, Criterion criterion) {
  for (const CollapseRow& row : c.rows)
    if (row.format && row.format->name == format && row.criterion == criterion) return &row;
  return nullptr;
}

// The paper's format where there is an answer for it, else any row with an answer, bitwise before tolerance.
const CollapseRow* headline_row(const Certification& c) {
  const CollapseRow* best = nullptr;
  const auto rank = [](const CollapseRow& row) {
    return (has_start(row) ? 8 : 0) + (row.inevitable.status == Status::never ? 4 : 0) +
           (row.format && row.format->name == "bf16" ? 2 : 0) + (row.criterion == Criterion::bitwise ? 1 : 0);
  };
  for (const CollapseRow& row : c.rows)
    if (row.criterion != Criterion::argmax && (!best || rank(row) > rank(*best))) best = &row;
  return best;
}

std::string cannot_tell(const CollapseRow& row, const Certification& c) {
  if (row.criterion == Criterion::bitwise) return fmt::format("{} cannot tell S_n from {}", format_label(row), c.second);
  return fmt::format("S_n and {} are within {}'s threshold ({})", c.second, format_label(row), criterion_label(row));
}

std::string how_far_checked(const CollapseRow& row, const Certification& c) {
  return row.inevitable.scope == Scope::all ? "proved for every n" : fmt::format("checked to {}", c.to);
}

std::string headline(const CollapseRow& row, const Certification& c) {
  const Inevitable& known = row.inevitable;
  const std::string apart = row.criterion == Criterion::bitwise ? "distinguishable" : "farther apart";
  const std::string last = !row.last_distinct ? fmt::format("no pair from n = {} on is {}", c.from, apart)
                           : row.criterion == Criterion::bitwise
                               ? fmt::format("the last distinguishable pair is n = {}", *row.last_distinct)
                               : fmt::format("the last pair farther apart is n = {}", *row.last_distinct);
  if (has_start(row) && known.status == Status::exact)
    return fmt::format("From n = {} on ({}), {}; {}.", *known.upper, how_far_checked(row, c), cannot_tell(row, c), last);
  if (has_start(row))
    return fmt::format("From n = {} on at the latest ({}), {}; {}, and what lies between is undecided{}.", *known.upper,
                       how_far_checked(row, c), cannot_tell(row, c),
                       row.last_distinct ? fmt::format("the last pair proved {} is n = {}", apart, *row.last_distinct)
                                         : "no pair is proved " + apart,
                       row.overflow > 0 ? " or overflows" : "");
  if (known.status == Status::never)
    return fmt::format("{} tells S_n from {} for infinitely many n ({}): proved.", format_label(row), c.second,
                       criterion_label(row));
  if (row.last_distinct == c.to)
    return fmt::format("{} still tells S_n from {} at the horizon n = {} ({}).", format_label(row), c.second, c.to,
                       criterion_label(row));
  return fmt::format("Whether {} tells S_n from {} at the horizon n = {} is not settled ({}).", format_label(row), c.second, c.to,
                     row.overflow > 0 ? fmt::format("{} undecided, {} overflow", row.undecided, row.overflow)
                                      : fmt::format("{} undecided", row.undecided));
}

// "e5m2 from 4, e4m3 from 7; not by 2000: tf32, fp32" over the rows of one criterion and metric.
std::string enumerate(const Certification& c, Criterion criterion, std::optional<Metric> metric) {
  std::string result;
  std::vector<std::pair<std::string, std::string>> others;  // what is said of them, and their names
  for (const CollapseRow& row : c.rows) {
    if (row.criterion != criterion || row.metric != metric || !row.format) continue;
    const std::string start = collapse_start(row, c.to);
    if (has_start(row)) {
      result += fmt::format("{}{} from {}", result.empty() ? "" : ", ", row.format->name, start);
      continue;
    }
    const auto same = std::find_if(others.begin(), others.end(), [&](const auto& other) { return other.first == start; });
    if (same == others.end())
      others.emplace_back(start, row.format->name);
    else
      same->second += ", " + row.format->name;
  }
  for (const auto& [what, names] : others) result += fmt::format("{}{}: {}", result.empty() ? "" : "; ", what, names);
  return result;
}

}  // namespace

std::string_view name_of(Scope scope) { return scope == Scope::all ? "all" : "horizon"; }

std::string_view name_of(Status status) {
  switch (status) {
    case Status::exact:
      return "exact";
    case Status::bracket:
      return "bracket";
    case Status::never:
      return "never";
    case Status::unknown:
      break;
  }
  return "unknown";
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::collapsed:
      return "collapsed";
    case Verdict::distinct:
      return "distinct";
    case Verdict::overflow:
      return "overflow";
    case Verdict::undecided:
      break;
  }
  return "undecided";
}

std::string label_of(Metric metric) {
  switch (metric) {
    case Metric::l1:
      return "L1";
    case Metric::l2:
      return "L2";
    case Metric::linf:
      break;
  }
  return "Linf";
}

std::string format_label(const CollapseRow& row) { return row.format ? row.format->name : "exact model"; }

std::string criterion_label(const CollapseRow& row) {
  if (row.criterion == Criterion::tolerance && row.metric && row.eps)
    return fmt::format("{} <= {}", label_of(*row.metric), power_text(*row.eps));
  return std::string(name_of(row.criterion));
}

std::string collapse_start(const CollapseRow& row, std::int64_t horizon) {
  const Inevitable& known = row.inevitable;
  if (known.status == Status::never) return "never";
  if (has_start(row)) return known.lower == *known.upper ? *known.upper : known.lower + " to " + *known.upper;
  if (row.last_distinct == horizon) return fmt::format("not by {}", horizon);
  return row.undecided == 0 && row.overflow > 0 ? "overflow" : "undecided";
}

std::string reach(const CollapseRow& row, std::int64_t horizon) {
  return row.inevitable.scope == Scope::all ? "for every n" : fmt::format("to the horizon {}", horizon);
}

std::vector<const CollapseRow*> rows_by_format(const Certification& c) {
  std::vector<const CollapseRow*> result;
  for (const CollapseRow& row : c.rows) {
    const auto same =
        std::find_if(result.rbegin(), result.rend(), [&](const CollapseRow* other) { return other->format == row.format; });
    result.insert(same == result.rend() ? result.end() : same.base(), &row);
  }
  return result;
}

Verdict verdict_of_run(const PairDistances& pair) {
  const auto all = [&](const auto& holds) { return std::all_of(pair.by_metric.begin(), pair.by_metric.end(), holds); };
  const auto any = [&](const auto& holds) { return std::any_of(pair.by_metric.begin(), pair.by_metric.end(), holds); };
  if (!all([](const Enclosure& d) { return d.is_finite(); })) return Verdict::overflow;
  // Every norm vanishes exactly for equal vectors, so one is enough either way.
  if (any([](const Enclosure& d) { return mpfr_zero_p(d.upper.get()) != 0; })) return Verdict::collapsed;
  if (any([](const Enclosure& d) { return mpfr_sgn(d.lower.get()) > 0; })) return Verdict::distinct;
  return Verdict::undecided;
}

std::optional<std::int64_t> identical_from(const EngineRun& run) {
  std::optional<std::int64_t> from;
  for (auto pair = run.distances.rbegin(); pair != run.distances.rend() && verdict_of_run(*pair) == Verdict::collapsed; ++pair)
    from = pair->n;
  return from;
}

std::string trouble_text(const Trouble& trouble) {
  return fmt::format("{} first in {}, token {}", trouble.what, trouble.place, trouble.position);
}

std::int64_t undecided_count(const Certification& c) {
  std::int64_t count = 0;
  for (const CollapseRow& row : c.rows) count += row.undecided;
  return count;
}

std::vector<std::string> sentences(const Certification& c) {
  std::vector<std::string> result;
  if (const CollapseRow* row = headline_row(c)) {
    result.push_back(headline(*row, c));
    if (row->format && row->criterion == Criterion::bitwise) {
      const CollapseRow* tolerance = find_row(c, row->format->name, Criterion::tolerance);
      if (tolerance && has_start(*tolerance))
        result.push_back(fmt::format("Their exact distance is at most {} ({}) from n = {} {}.", power_text(*tolerance->eps),
                                     label_of(*tolerance->metric), collapse_start(*tolerance, c.to), reach(*tolerance, c.to)));
    }
    const std::string others = enumerate(c, row->criterion, row->metric);
    if (!others.empty()) {
      const std::string how =
          row->criterion == Criterion::bitwise ? "bitwise" : label_of(*row->metric) + " within its own threshold";
      result.push_back(fmt::format("Every format, {}: {}.", how, others));
    }
  } else {
    result.push_back(fmt::format("Distances between S_n and {} are enclosed for n = {} to {}.", c.second, c.from, c.to));
  }
  std::string observed;
  for (const EngineRun& run : c.runs)
    if (const auto from = identical_from(run))
      observed += fmt::format("{}{} from {}", observed.empty() ? "" : ", ", run.profile, *from);
  if (!observed.empty())
    result.push_back(fmt::format("Observed in emulated engines, identical vectors up to n = {}: {}.", c.to, observed));
  return result;
}

}  // namespace snellen
