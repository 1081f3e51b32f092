#include "reports/validation_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "reports/validation_words.hpp"

namespace snellen {

std::string rough(double x) { return std::isnan(x) ? "NaN" : std::isfinite(x) ? fmt::format("{:.3g}", x) : x > 0 ? "unbounded" : "-unbounded"; }

std::string where(const Outside& o) {
  if (!std::isfinite(o.value)) return fmt::format("token {}, entry {}: {} where [{:.9g}, {:.9g}] is possible", o.token, o.entry, o.value, o.image.lower, o.image.upper);
  if (o.image.lower <= o.value && o.value <= o.image.upper) return fmt::format("token {}, entry {}: {:.17g} is no value of the profile's format", o.token, o.entry, o.value);
  return fmt::format("token {}, entry {}: {:.9g}, {} ulps outside [{:.9g}, {:.9g}]", o.token, o.entry, o.value, rough(o.ulps), o.image.lower, o.image.upper);
}

std::string evidence(const OperationVerdict& o) {
  if (o.worst) return where(*o.worst);
  if (o.directions.empty()) return "";
  const auto excess = [](const Directional& d) { return d.reach > 0 ? d.distance / d.reach : d.distance > 0 ? std::numeric_limits<double>::infinity() : 0; };
  std::size_t farthest = 0, widest = 0;
  for (std::size_t t = 0; t < o.directions.size(); ++t) {
    if (excess(o.directions[t]) > excess(o.directions[farthest])) farthest = t;
    if (o.directions[t].relative > o.directions[widest].relative) widest = t;
  }
  const Directional &far = o.directions[farthest], &wide = o.directions[widest];
  if (far.proves_failure())
    return fmt::format("token {}: at least {} from the exact layer along its deviation, where no engine of the profile is farther than {}", farthest, rough(far.distance), rough(far.reach));
  return fmt::format("along each token's deviation from the exact layer: a change above {} of what the layer adds is caught", rough(2 * wide.relative));
}

std::string_view name_of(Judgement judgement) {
  return judgement == Judgement::pass ? "pass" : judgement == Judgement::fail ? "fail" : "inconclusive";
}

Judgement verdict_of(const ValidationReport& report) {
  Judgement result = Judgement::pass;
  for (const Validation& v : report.validations) result = std::max(result, v.verdict);
  return result;
}

std::vector<std::vector<std::string>> validation_table(const Validation& v) {
  std::vector<std::vector<std::string>> rows = {{"operation", "verdict", "outside", "exact", "envelope", "used", "caught above", "worst"}};
  for (const OperationVerdict& o : v.operations) {
    rows.push_back({o.operation.name, std::string(name_of(o.verdict)), std::to_string(o.outside),
                    fmt::format("{:.0f}%", 100.0 * static_cast<double>(o.determined) / static_cast<double>(std::max<std::size_t>(o.entries, 1))), rough(o.resolution),
                    rough(o.median_use), rough(o.surely_relative), evidence(o)});
  }
  return rows;
}

std::string validation_sentence(const Validation& v) {
  if (const OperationVerdict* first = v.first_failure()) {
    std::string carried, hints;
    for (const std::string& name : first->carried) carried += (carried.empty() ? "" : ", ") + name;
    for (const std::string& hint : first->hints) hints += (hints.empty() ? " Perhaps: " : "; ") + hint;
    return fmt::format("FAIL: {} is the first operation that no rounding of the profile {} explains{}. {} of {} entries, from token {} on; {}.{}", first->operation.name, v.profile,
                       carried.empty() ? "" : " (or one before it that was not dumped: " + carried + ")", first->outside, first->entries, *first->first_token, evidence(*first),
                       hints.empty() ? "" : hints + ".");
  }
  if (v.verdict == Judgement::inconclusive) {
    std::string names;
    std::size_t count = 0;
    for (const OperationVerdict& o : v.operations)
      if (o.verdict == Judgement::inconclusive && ++count <= 5)
        names += fmt::format("{}{} (smallest change of an entry that would have been caught: {} of its vector's largest{})", names.empty() ? "" : ", ", o.operation.name, rough(o.least_relative),
                             o.directions.empty() ? "" : "; " + evidence(o));
    return fmt::format("INCONCLUSIVE: {} of {} operations have envelopes too wide to tell: {}{}. The others are explained by rounding of the profile {}.", count, v.operations.size(), names,
                       count > 5 ? ", ..." : "", v.profile);
  }
  return fmt::format("PASS: rounding of the profile {} explains all {} dumped operations of {} tokens.", v.profile, v.operations.size(), v.tokens);
}

std::vector<std::string> validation_notes(const ValidationReport& report) {
  std::vector<std::string> notes;
  for (std::size_t d = 0; d < report.validations.size(); ++d) {
    const Validation& v = report.validations[d];
    const std::string whose = report.validations.size() > 1 ? v.dump + ": " : "";
    for (const Finding& finding : v.lint.findings) notes.push_back(fmt::format("{}{}: {}.", whose, name_of(finding.kind), finding.text));
    if (!v.unknown.empty()) notes.push_back(fmt::format("{}{} tensors have names that are not understood (the first: {}); --rename maps them.", whose, v.unknown.size(), v.unknown.front()));
    if (report.growth && !report.growth->dumps[d].empty()) {
      const StateError& last = report.growth->dumps[d].back();
      double relative = 0, ulps = 0;
      for (std::size_t t = 0; t < last.ulps.size(); ++t) relative = std::max(relative, last.euclidean[t].upper), ulps = std::max(ulps, last.ulps[t]);
      notes.push_back(fmt::format("{}certified error of {} against the exact result: at most {} of the vector's length, {} ulps at any entry.", whose, last.state, rough(relative), rough(ulps)));
    }
    if (report.growth && !report.growth->probabilities[d].empty()) {
      double delta = 0, divergence = 0;
      for (const TokenLogProbability& p : report.growth->probabilities[d])
        delta = std::max({delta, std::fabs(p.delta.lower), std::fabs(p.delta.upper)}), divergence = std::max(divergence, p.divergence.upper);
      notes.push_back(fmt::format("{}log-probabilities of the tokens that follow are within {} of the exact ones; KL divergence at most {} nats.", whose, rough(delta), rough(divergence)));
    }
  }
  if (report.comparison) {
    const Comparison& c = *report.comparison;
    if (!c.first) {
      notes.push_back("The dumps are the same in every operation that all have.");
    } else {
      const Spread& s = c.operations[*c.first];
      const bool one_profile = std::all_of(report.validations.begin(), report.validations.end(), [&](const Validation& v) { return v.profile == report.validations.front().profile; });
      notes.push_back(fmt::format("The dumps differ first in {}: {} entries, by up to {} ({} of the largest){}. {}", s.operation.name, s.differing, rough(s.largest), rough(s.relative),
                                  s.allowed && one_profile ? fmt::format("; rounding of the profile allows {}", rough(*s.allowed)) : "",
                                  c.explained ? "Every difference is explained by rounding of the profiles." : "Not every difference is explained: see the verdicts."));
    }
  }
  if (report.growth && report.validations.size() == 2 && !report.same_engine) {
    const auto &a = report.growth->dumps[0], &b = report.growth->dumps[1];
    std::size_t first = 0, second = 0, open = 0;
    for (const StateError& x : a) {
      for (const StateError& y : b) {
        if (x.state != y.state) continue;
        for (std::size_t t = 0; t < x.euclidean.size(); ++t) {
          if (x.euclidean[t].upper < y.euclidean[t].lower) ++first;
          else if (y.euclidean[t].upper < x.euclidean[t].lower) ++second;
          else ++open;
        }
      }
    }
    notes.push_back(fmt::format("Closer to the exact result, proved, over states and tokens: {} {} times, {} {} times, undecided or equal {}.", report.validations[0].dump, first,
                                report.validations[1].dump, second, open));
  }
  return notes;
}

std::string validation_markdown(const ValidationReport& report) {
  std::string text = fmt::format("# {}\n\n", report.title);
  for (const Validation& v : report.validations) {
    text += fmt::format("**{}**, profile `{}`: {}\n\n", v.dump, v.profile, validation_sentence(v));
    text += "| operation | verdict | outside | bit for bit | envelope / signal | any change caught above, of the largest entry |\n|---|---|---:|---:|---:|---:|\n";
    for (const OperationVerdict& o : v.operations)
      text += fmt::format("| {} | {} | {} | {:.0f}% | {} | {} |\n", o.operation.name, name_of(o.verdict), o.outside,
                          100.0 * static_cast<double>(o.determined) / static_cast<double>(std::max<std::size_t>(o.entries, 1)), rough(o.resolution), rough(o.surely_relative));
    text += "\n";
  }
  for (const std::string& note : validation_notes(report)) text += "- " + note + "\n";
  return text;
}

std::string tolerance_table(const Validation& v) {
  std::string text = "operation,absolute,relative\n";
  for (const OperationVerdict& o : v.operations) text += fmt::format("{},{:.9g},{:.9g}\n", o.operation.name, o.tolerance_absolute * (1 + 1e-8), o.tolerance_relative * (1 + 1e-8));
  return text;
}

}  // namespace snellen
