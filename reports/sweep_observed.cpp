#include "reports/sweep_observed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "reports/html_report.hpp"

namespace snellen {
namespace {

std::string length_text(const std::optional<std::int64_t>& n) { return n ? std::to_string(*n) : "&ndash;"; }

// One line of a point: what is said of each format's row.
std::string line(const SweepPointResult& point, const SweepQuestion& question, const std::vector<std::string>& formats, const std::string& head, const std::string& what,
                 const std::function<std::string(const SweepRow&)>& text) {
  std::string html = fmt::format("<tr>{}<td class=\"criterion\">{}</td>", head, html_escaped(what));
  for (const std::string& format : formats) {
    const auto row = std::find_if(point.rows.begin(), point.rows.end(), [&](const SweepRow& r) { return answers(r, question, format); });
    html += fmt::format("<td class=\"number\">{}</td>", row == point.rows.end() ? "&ndash;" : text(*row));
  }
  return html + "</tr>\n";
}

}  // namespace

std::string observed_table(const SweepResults& results, const SweepQuestion& question, std::size_t most) {
  const std::vector<std::string> profiles = profiles_of(results), formats = formats_of(results, question);
  if (profiles.empty()) return "";
  std::string head, body;
  for (const SweepAxisSummary& axis : results.axes) head += fmt::format("<th scope=\"col\">{}</th>", html_escaped(axis.label));
  head += "<th scope=\"col\">first pair alike</th>";
  for (const std::string& format : formats) head += fmt::format("<th scope=\"col\" class=\"number\">{}</th>", html_escaped(format.empty() ? "exact model" : format));
  std::size_t points = 0;
  for (const SweepPointResult& point : results.points) {
    if (point.failed() || ++points > most) continue;
    const auto coordinates = [&](std::size_t rows) {
      std::string cells;
      for (std::size_t a = 0; a < results.axes.size(); ++a) cells += fmt::format("<td rowspan=\"{}\">{}</td>", rows, html_escaped(results.axes[a].names[point.at[a]]));
      return cells;
    };
    body += line(point, question, formats, coordinates(1 + profiles.size()), "certified", [](const SweepRow& row) { return length_text(row.first); });
    for (const std::string& profile : profiles)
      body += line(point, question, formats, "", "observed in " + profile, [&](const SweepRow& row) {
        const auto seen = row.observed.find(profile);
        if (seen == row.observed.end()) return std::string("&ndash;");
        const auto& [first, last, from] = seen->second;
        return from ? fmt::format("{}, all from {}", length_text(first), *from) : length_text(first);
      });
  }
  std::string text = fmt::format("<h3>The first pair alike, certified and observed</h3>\n<div class=\"wide\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n"
                                 "<p class=\"note\">Certified: the least n up to the horizon at which the pair is proved to collapse (not the length from which it always does). Observed: the "
                                 "least n at which the vectors of one emulated engine are alike, and from where they are to the horizon: facts about that run.</p>\n",
                                 head, body);
  if (points > most) text += fmt::format("<p class=\"note\">The first {} of {} points; results.csv has all.</p>\n", most, points);
  return text;
}

}  // namespace snellen
