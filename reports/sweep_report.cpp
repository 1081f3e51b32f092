#include "reports/sweep_report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reports/html_report.hpp"
#include "reports/html_style.hpp"
#include "reports/sweep_observed.hpp"
#include "reports/sweep_plot.hpp"
#include "reports/sweep_view.hpp"

namespace snellen {
namespace {

constexpr std::size_t most_table_rows = 400, most_facets = 12, most_failures = 50;

std::string points_text(std::size_t count) { return fmt::format("{} point{}", count, count == 1 ? "" : "s"); }

std::string question_text(const SweepQuestion& question) {
  if (question.criterion == "bitwise") return "the same bits in both vectors";
  if (question.criterion == "argmax") return "the same next token";
  return fmt::format("distance {} <= 2^{{1-t}}", question.norm == "l1" ? "L1" : question.norm == "l2" ? "L2" : "Linf");
}

std::string card(const Picture& picture, const std::string& label, std::vector<std::string>& warnings) {
  if (picture.problem.empty()) return fmt::format("<div class=\"card\" role=\"img\" aria-label=\"{}\">{}</div>\n", html_escaped(label), picture.svg);
  warnings.push_back("no picture (" + label + "): " + picture.problem);
  return fmt::format("<div class=\"card missing\">No picture: {}.</div>\n", html_escaped(picture.problem));
}

std::string axes_sentence(const SweepResults& results) {
  std::string text;
  for (const SweepAxisSummary& axis : results.axes)
    text += fmt::format("{}{} ({} {}{})", text.empty() ? "" : ", ", axis.label, axis.names.size(), axis.seeds ? "seed" : "value", axis.names.size() == 1 ? "" : "s");
  return text;
}

std::string cell_html(const SweepCell& cell) {
  switch (cell.kind) {
    case SweepCell::Kind::absent: return "<td class=\"number\">&ndash;</td>";
    case SweepCell::Kind::length: return fmt::format("<td class=\"number start\">{}{}</td>", html_escaped(cell.text), cell.to_horizon ? "&deg;" : "");
    default: break;
  }
  return fmt::format("<td class=\"number\">{}</td>", html_escaped(cell.text));
}

std::string length_table(const SweepResults& results, const SweepView& view, const SweepQuestion& question) {
  const std::vector<std::string> formats = formats_of(results, question);
  std::string head, body;
  for (const std::size_t a : view.facets) head += fmt::format("<th scope=\"col\">{}</th>", html_escaped(results.axes[a].label));
  if (view.y) head += fmt::format("<th scope=\"col\">{}</th>", html_escaped(results.axes[*view.y].label));
  head += fmt::format("<th scope=\"col\">{}</th>", html_escaped(results.axes[view.x].label));
  for (const std::string& format : formats) head += fmt::format("<th scope=\"col\" class=\"number\">{}</th>", html_escaped(format.empty() ? "exact model" : format));
  std::size_t rows = 0;
  const std::size_t ny = view.y ? results.axes[*view.y].names.size() : 1;
  for (const Facet& facet : facets_of(results, view))
    for (std::size_t y = 0; y < ny; ++y)
      for (std::size_t x = 0; x < results.axes[view.x].names.size(); ++x) {
        if (++rows > most_table_rows) continue;
        body += "<tr>";
        for (std::size_t f = 0; f < view.facets.size(); ++f) body += fmt::format("<td>{}</td>", html_escaped(results.axes[view.facets[f]].names[facet.at[f]]));
        if (view.y) body += fmt::format("<td>{}</td>", html_escaped(results.axes[*view.y].names[y]));
        body += fmt::format("<td>{}</td>", html_escaped(results.axes[view.x].names[x]));
        for (const std::string& format : formats) body += cell_html(cell_of(results, view, question, format, facet, x, y));
        body += "</tr>\n";
      }
  std::string text = fmt::format("<div class=\"wide\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n", head, body);
  if (rows > most_table_rows) text += fmt::format("<p class=\"note\">The first {} of {} rows; results.csv has all.</p>\n", most_table_rows, rows);
  return text;
}

std::string failures(const SweepResults& results) {
  std::string rows;
  std::size_t count = 0;
  for (const SweepPointResult& point : results.points) {
    if (!point.failed() || ++count > most_failures) continue;
    std::string where;
    for (std::size_t a = 0; a < results.axes.size(); ++a) where += fmt::format("{}{} {}", a == 0 ? "" : ", ", results.axes[a].label, results.axes[a].names[point.at[a]]);
    rows += fmt::format("<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n", point.name.substr(0, 8), html_escaped(where), html_escaped(point.error));
  }
  if (count == 0) return "";
  return fmt::format("<section>\n<h2>Points that failed: {}</h2>\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">point</th><th scope=\"col\">where</th>"
                     "<th scope=\"col\">why</th></tr></thead>\n<tbody>\n{}</tbody></table></div>\n</section>\n", count, rows);
}

std::string question_section(const SweepResults& results, const SweepView& view, const SweepQuestion& question, std::size_t number, std::vector<std::string>& warnings) {
  std::vector<Facet> facets = facets_of(results, view);
  const std::size_t all = facets.size();
  if (facets.size() > most_facets) facets.resize(most_facets);
  const HeatScale scale = heat_scale(results, view, question);
  const bool seeds = std::any_of(results.axes.begin(), results.axes.end(), [](const SweepAxisSummary& axis) { return axis.seeds; });
  std::string text = fmt::format("<section>\n<h2>Collapse length: {}</h2>\n", typeset(question_text(question)));
  text += fmt::format("<p class=\"note\">From which length on it is proved, for every n to infinity; &deg;: up to the case's horizon only, and nothing is claimed beyond. A grey cell "
                      "has no such length: &gt;1000, the pair at n = 1000 is proved distinct and nothing is proved beyond; never: proved.{}</p>\n",
                      seeds ? " Each number is the median over the seeds, lengths that are not known counted as longer than all that are." : "");
  text += card(sweep_small_multiples(fmt::format("multiples{}", number), results, view, question, facets, scale),
               fmt::format("collapse length over {}", results.axes[view.x].label), warnings);
  text += fmt::format("<p class=\"note\">n on a logarithmic axis; a triangle: the last pair proved distinct, where no collapse is proved{}.</p>\n",
                      seeds ? "; bars: from the least to the largest over the seeds" : "");
  for (std::size_t f = 0; f < facets.size(); ++f) {
    if (!facets[f].name.empty()) text += fmt::format("<h3>{}</h3>\n", html_escaped(facets[f].name));
    text += card(sweep_heat_map(fmt::format("heat{}_{}", number, f), results, view, question, facets[f], scale),
                 fmt::format("collapse length over {}, {}", results.axes[view.x].label, facets[f].name), warnings);
  }
  if (all > facets.size()) text += fmt::format("<p class=\"note\">The first {} of {} combinations are drawn; the table has all.</p>\n", facets.size(), all);
  return text + "<h3>In numbers</h3>\n" + length_table(results, view, question) + observed_table(results, question, most_table_rows) + "</section>\n";
}

}  // namespace

std::string sweep_report(const SweepResults& results, std::vector<std::string>& warnings) {
  const auto failed = std::count_if(results.points.begin(), results.points.end(), [](const SweepPointResult& point) { return point.failed(); });
  const auto undecided = std::count_if(results.points.begin(), results.points.end(), [](const SweepPointResult& point) {
    return std::any_of(point.rows.begin(), point.rows.end(), [](const SweepRow& row) { return row.undecided > 0; });
  });
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  page += fmt::format("<title>{}</title>\n<style>\n{}h3 {{ margin: 22px 0 6px; font-size: 16px; }}\n</style>\n</head>\n<body>\n<main>\n", html_escaped(results.title), kPageStyle);
  page += fmt::format("<header>\n<p class=\"eyebrow\">Snellen &middot; sweep</p>\n<h1>{}</h1>\n<p class=\"subject\">{} of {} points over {}.</p>\n", html_escaped(results.title),
                      results.points.size(), results.expected, html_escaped(axes_sentence(results)));
  if (results.points.size() < results.expected)
    page += fmt::format("<p class=\"banner\">Missing: {}. Run the sweep again, it does what is missing.</p>\n", points_text(results.expected - results.points.size()));
  if (failed > 0) page += fmt::format("<p class=\"banner\">{} failed.</p>\n", points_text(static_cast<std::size_t>(failed)));
  if (undecided > 0) page += fmt::format("<p class=\"banner\">In {} some pairs stayed undecided at the stated maximum of precision.</p>\n", points_text(static_cast<std::size_t>(undecided)));
  page += "</header>\n";
  const SweepView view = view_of(results);
  std::size_t number = 0;
  for (const SweepQuestion& question : questions_of(results)) page += question_section(results, view, question, number++, warnings);
  page += failures(results);
  page += fmt::format("<section>\n<h2>Where this comes from</h2>\n<dl><dt>Sweep</dt><dd><code>{}</code></dd><dt>Computed by</dt><dd>{}</dd><dt>Every row of every point</dt>"
                      "<dd><a href=\"results.jsonl\">results.jsonl</a>, <a href=\"results.csv\">results.csv</a>, results.h5</dd><dt>Machines, libraries, times</dt>"
                      "<dd><a href=\"environment.json\">environment.json</a></dd></dl>\n</section>\n",
                      html_escaped(results.sha256), html_escaped(fmt::format("{}", fmt::join(results.commits, ", "))));
  return page + "</main>\n</body>\n</html>\n";
}

}  // namespace snellen
