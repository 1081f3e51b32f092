#include "reports/validation_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace snellen {
namespace {

std::string rough(double x) { return std::isfinite(x) ? fmt::format("{:.3g}", x) : "unbounded"; }

std::string where(const Outside& o) {
  if (!std::isfinite(o.value)) return fmt::format("token {}, entry {}: {} where [{:.9g}, {:.9g}] is possible", o.token, o.entry, o.value, o.image.lower, o.image.upper);
  return fmt::format("token {}, entry {}: {:.9g}, {} ulps outside [{:.9g}, {:.9g}]", o.token, o.entry, o.value, rough(o.ulps), o.image.lower, o.image.upper);
}

}  // namespace

std::string_view name_of(Judgement judgement) {
  return judgement == Judgement::pass ? "pass" : judgement == Judgement::fail ? "fail" : "inconclusive";
}

std::vector<std::vector<std::string>> validation_table(const Validation& v) {
  std::vector<std::vector<std::string>> rows = {{"operation", "verdict", "outside", "exact", "envelope", "used", "caught above", "worst"}};
  for (const OperationVerdict& o : v.operations) {
    rows.push_back({o.operation.name, std::string(name_of(o.verdict)), std::to_string(o.outside),
                    fmt::format("{:.0f}%", 100.0 * static_cast<double>(o.determined) / static_cast<double>(std::max<std::size_t>(o.entries, 1))), rough(o.resolution),
                    rough(o.median_use), fmt::format("{} ulps", rough(o.surely_caught)), o.worst ? where(*o.worst) : ""});
  }
  return rows;
}

std::string validation_sentence(const Validation& v) {
  if (const OperationVerdict* first = v.first_failure()) {
    std::string carried;
    for (const std::string& name : first->carried) carried += (carried.empty() ? "" : ", ") + name;
    return fmt::format("FAIL: {} is the first operation that no rounding of the profile {} explains{}. {} of {} entries, from token {} on; {}.", first->operation.name, v.profile,
                       carried.empty() ? "" : " (or one before it that was not dumped: " + carried + ")", first->outside, first->entries, *first->first_token, where(*first->worst));
  }
  if (v.verdict == Judgement::inconclusive) {
    std::string names;
    std::size_t count = 0;
    for (const OperationVerdict& o : v.operations)
      if (o.verdict == Judgement::inconclusive && ++count <= 5) names += fmt::format("{}{} (caught: any entry off by {} of its vector's largest)", names.empty() ? "" : ", ", o.operation.name, rough(o.surely_relative));
    return fmt::format("INCONCLUSIVE: {} of {} operations have envelopes too wide to tell: {}{}. The others are explained by rounding of the profile {}.", count, v.operations.size(), names,
                       count > 5 ? ", ..." : "", v.profile);
  }
  return fmt::format("PASS: rounding of the profile {} explains all {} dumped operations of {} tokens.", v.profile, v.operations.size(), v.tokens);
}

}  // namespace snellen
