#include "reports/words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>

#include "reports/length_scale.hpp"
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

// An answer for every n before one up to the horizon; among them the paper's format, bitwise before tolerance.
const CollapseRow* headline_row(const Certification& c) {
  const CollapseRow* best = nullptr;
  const auto rank = [](const CollapseRow& row) {
    return (has_start(row) ? 16 : 0) + (row.inevitable.status == Status::never ? 8 : 0) + (row.inevitable.scope == Scope::all ? 4 : 0) +
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

// "From n = 37 on, for ever, bf16 cannot tell S_n from S_{n+1}; at n = 36 it can."
std::string headline_for_all(const CollapseRow& row, const Certification& c) {
  const bool bitwise = row.criterion == Criterion::bitwise;
  const auto distinct = last_distinct(row);
  std::string text = fmt::format("From n = {} on{}, for ever, {}", readable_length(*row.inevitable.upper), row.inevitable.status == Status::exact ? "" : " at the latest",
                                 cannot_tell(row, c));
  if (distinct) text += fmt::format("; at {} {} {}", row.inevitable.status == Status::exact ? "n =" : "some n >=", *distinct, bitwise ? "it can" : "they are not");
  if (row.inevitable.status == Status::bracket) text += distinct ? ", and what lies between is not decided" : "; what lies below is not decided";
  return text + ".";
}

std::string headline(const CollapseRow& row, const Certification& c) {
  const Inevitable& known = row.inevitable;
  if (has_start(row) && known.scope == Scope::all) return headline_for_all(row, c);
  const std::string apart = row.criterion == Criterion::bitwise ? "distinguishable" : "farther apart";
  const std::string last = !row.last_distinct ? fmt::format("no pair from n = {} on is {}", c.from, apart)
                           : row.criterion == Criterion::bitwise
                               ? fmt::format("the last distinguishable pair is n = {}", *row.last_distinct)
                               : fmt::format("the last pair farther apart is n = {}", *row.last_distinct);
  if (has_start(row) && known.status == Status::exact)
    return fmt::format("From n = {} on (checked to {}), {}; {}.", *known.upper, c.to, cannot_tell(row, c), last);
  if (has_start(row))
    return fmt::format("From n = {} on at the latest (checked to {}), {}; {}, and what lies between is undecided{}.", *known.upper, c.to, cannot_tell(row, c),
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

// "from every format's length on": "for ever: e5m2 from 4, e4m3 from 7; not by 2000: tf32, fp32" over the rows of one criterion and metric.
std::string enumerate(const Certification& c, Criterion criterion, std::optional<Metric> metric) {
  std::string for_ever, to_horizon;
  std::vector<std::pair<std::string, std::string>> others;  // what is said of them, and their names
  for (const CollapseRow& row : c.rows) {
    if (row.criterion != criterion || row.metric != metric || !row.format) continue;
    const std::string start = collapse_start(row, c.to);
    if (has_start(row)) {
      std::string& list = row.inevitable.scope == Scope::all ? for_ever : to_horizon;
      list += fmt::format("{}{} from {}", list.empty() ? "" : ", ", row.format->name, start);
      continue;
    }
    const auto same = std::find_if(others.begin(), others.end(), [&](const auto& other) { return other.first == start; });
    if (same == others.end())
      others.emplace_back(start, row.format->name);
    else
      same->second += ", " + row.format->name;
  }
  std::string result = for_ever.empty() ? "" : "for ever: " + for_ever;
  if (!to_horizon.empty()) result += (for_ever.empty() ? "" : "; up to the horizon: ") + to_horizon;
  for (const auto& [what, names] : others) result += fmt::format("{}{}: {}", result.empty() ? "" : "; ", what, names);
  return result;
}

// The paper's Corollary 6.2 for this model: from some length on the next token does not change.
std::string next_token_sentence(const CollapseRow& row, const Certification& c) {
  const std::string token = c.limit && c.limit->next_token ? fmt::format("{}, ", *c.limit->next_token) : "";
  const std::string from = fmt::format("The exact model's next token is {}the same for every n >= {}, for ever", token, readable_length(*row.inevitable.upper));
  if (row.inevitable.status == Status::exact) return from + (*row.inevitable.upper == "1" ? "." : "; not from any smaller n on.");
  return from + "; what lies below is not decided.";
}

}  // namespace

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
  if (row.basis.overflow_from) return "overflow from " + *row.basis.overflow_from;
  if (has_start(row)) return known.lower == *known.upper ? *known.upper : known.lower + " to " + readable_length(*known.upper);
  if (known.scope == Scope::all) return "after " + last_distinct(row).value_or("0");
  if (row.last_distinct == horizon) return fmt::format("not by {}", horizon);
  return row.undecided == 0 && row.overflow > 0 ? "overflow" : "undecided";
}

std::string reach(const CollapseRow& row, std::int64_t horizon) {
  return row.inevitable.scope == Scope::all ? "for every n" : fmt::format("to the horizon {}", horizon);
}

std::vector<std::string> open_rows(const Certification& c) {
  std::vector<std::pair<std::string, std::string>> reasons;  // and the rows
  for (const CollapseRow& row : c.rows) {
    if (!c.inevitable || row.basis.open.empty()) continue;
    const std::string name = row.format ? fmt::format("{} {}", row.format->name, criterion_label(row)) : criterion_label(row);
    const auto same = std::find_if(reasons.begin(), reasons.end(), [&](const auto& reason) { return reason.first == row.basis.open; });
    if (same == reasons.end())
      reasons.emplace_back(row.basis.open, name);
    else
      same->second += ", " + name;
  }
  std::vector<std::string> result;
  for (const auto& [reason, names] : reasons) result.push_back(fmt::format("{}: {}", names, reason));
  return result;
}

std::string limit_sentence(const Certification& c) {
  std::string text = fmt::format("As n grows, S_n's vector tends to that of {}: nothing else of the sequence is remembered", c.limit->sequence);
  const auto& [at_horizon, for_ever] = std::tie(c.limit->distances, c.limit->tail_distances);
  if (!at_horizon.empty() && at_horizon[0].is_finite())
    text += fmt::format("; at n = {} its distance from there ({}) is at most {}", c.to, label_of(c.metrics[0]), rough_text(at_horizon[0].upper, MPFR_RNDU));
  if (!for_ever.empty() && for_ever[0].is_finite())
    text += fmt::format("; from n = {} on, for ever, at most {}", c.limit->tail_from, rough_text(for_ever[0], MPFR_RNDU));
  return text + ".";
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

std::string for_ever_text(const std::optional<EngineLength>& length) {
  if (!length || !length->known.upper) return "-";
  return length->known.status == Status::exact ? *length->known.upper : "at most " + *length->known.upper;
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

std::string layers_text(const Certification& c) { return fmt::format("{} layer{}", c.layers, c.layers == 1 ? "" : "s"); }

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
        result.push_back(fmt::format("Their exact distance is at most {} ({}) from n = {} {}.", power_text(*tolerance->eps), label_of(*tolerance->metric),
                                     collapse_start(*tolerance, c.to), tolerance->inevitable.scope == Scope::all ? "on, for ever" : reach(*tolerance, c.to)));
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
  for (const CollapseRow& row : c.rows)
    if (row.criterion == Criterion::argmax && row.inevitable.scope == Scope::all && has_start(row)) result.push_back(next_token_sentence(row, c));
  if (c.limit) result.push_back(limit_sentence(c));
  if (!c.unsupported.empty()) result.push_back(fmt::format("Beyond the horizon n = {} nothing is proved: {}.", c.to, c.unsupported));
  const std::vector<std::string> open = open_rows(c);
  if (!open.empty()) result.push_back(fmt::format("Not settled for every n: {}.", fmt::join(open, "; ")));
  std::string observed;
  for (const EngineRun& run : c.runs)
    if (const auto from = identical_from(run))
      observed += fmt::format("{}{} from {}", observed.empty() ? "" : ", ", run.profile, *from);
  if (!observed.empty())
    result.push_back(fmt::format("Observed in emulated engines, identical vectors up to n = {}: {}.", c.to, observed));
  std::string for_ever;
  for (const EngineRun& run : c.runs)
    if (const std::string from = for_ever_text(run.constant); from != "-")
      for_ever += fmt::format("{}{} from {}", for_ever.empty() ? "" : ", ", run.profile, from);
  if (!for_ever.empty()) result.push_back(fmt::format("Emulated engines, proved to give the same vector for ever: {}.", for_ever));
  return result;
}

}  // namespace snellen
