#include "reports/gallery_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "reports/comparison_plot.hpp"
#include "reports/html_parts.hpp"
#include "reports/html_style.hpp"
#include "reports/json_report.hpp"
#include "reports/length_scale.hpp"
#include "reports/numbers.hpp"
#include "reports/words.hpp"

namespace snellen {
namespace {

using Json = nlohmann::ordered_json;
using Group = std::vector<const GalleryItem*>;

constexpr std::string_view kGalleryStyle = R"(.exhibit { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); gap: 6px 26px; align-items: start;
  border-top: 1px solid var(--line); padding-top: 6px; margin-top: 30px; }
.exhibit h2 { grid-column: 1 / -1; margin: 8px 0 0; }
.exhibit .card svg { min-width: 0; }
.paper { margin: 4px 0 12px; padding-left: 12px; border-left: 3px solid var(--line); }
.paper b, .certified b { display: block; font-size: 12.5px; color: var(--soft); letter-spacing: .03em; font-weight: 600; }
.certified { margin: 0 0 12px; padding-left: 12px; border-left: 3px solid var(--accent); overflow-wrap: anywhere; }
.certified p, .paper p { margin: 2px 0; }
.otherwise { background: var(--warn-back); color: var(--warn); border-radius: 4px; padding: 3px 10px; font-size: 14.5px; }
.setting { color: var(--soft); font-size: 13.5px; }
tbody th { white-space: normal; min-width: 190px; }
.chip.holds { background: #0b3c6f; border-color: #0b3c6f; color: #ffffff; }
.chip.fails { background: #8a3b00; border-color: #8a3b00; color: #ffffff; }
@media (max-width: 860px) { .exhibit { grid-template-columns: 1fr; } }
)";

std::vector<Group> groups_of(const std::vector<GalleryItem>& items) {
  std::vector<Group> groups;
  for (const GalleryItem& item : items) {
    const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& group) { return group[0]->claim.exhibit == item.claim.exhibit; });
    if (same == groups.end())
      groups.push_back({&item});
    else
      same->push_back(&item);
  }
  return groups;
}

std::string label_of(const GalleryItem& item) { return item.claim.label.empty() ? item.result ? item.result->title : item.case_name : item.claim.label; }

// The index of the claim's norm, the first where it speaks of none.
std::size_t metric_of(const PaperClaim& claim, const Certification& c) {
  const auto found = claim.expected.metric ? std::find(c.metrics.begin(), c.metrics.end(), *claim.expected.metric) : c.metrics.begin();
  return found == c.metrics.end() ? 0 : static_cast<std::size_t>(found - c.metrics.begin());
}

std::string interval_text(const Enclosure& x) {
  const std::string lower = rough_text(x.lower, MPFR_RNDD), upper = rough_text(x.upper, MPFR_RNDU);
  return lower == upper ? lower : fmt::format("[{}, {}]", lower, upper);
}

// "Next token, certified: "0" (n = 1 to 5), "1" (n = 6 to 10).": stretches of one token; of many the first ones.
std::string next_token_sentence(const GalleryItem& item) {
  constexpr std::size_t most = 12;
  const Certification& c = *item.result;
  const auto& tokens = c.next_tokens;
  std::string text;
  std::size_t stretches = 0;
  for (std::size_t begin = 0, end = 0; begin < tokens.size() && stretches <= most; begin = end, ++stretches) {
    while (end < tokens.size() && tokens[end] == tokens[begin]) ++end;
    if (stretches == most) {
      text += ", and so on";
      break;
    }
    const auto piece = tokens[begin] ? item.pieces.find(*tokens[begin]) : item.pieces.end();
    const std::string name = !tokens[begin] ? "not certified" : piece == item.pieces.end() ? std::to_string(*tokens[begin]) : piece->second;
    const auto n = [&](std::size_t i) { return c.from + static_cast<std::int64_t>(i); };
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", name, end - begin == 1 ? fmt::format("n = {}", n(begin)) : fmt::format("n = {} to {}", n(begin), n(end - 1)));
  }
  return text.empty() ? "" : fmt::format("Next token, certified: {}.", text);
}

// "D(1) in [0.61, 0.62], D(64) in ...", in the claim's norm.
std::string distances_sentence(const PaperClaim& claim, const Certification& c) {
  const std::size_t metric = metric_of(claim, c);
  std::string text;
  std::int64_t last = -1;
  for (int third = 0; third <= 3; ++third) {  // evenly on a logarithmic axis
    const double from = static_cast<double>(std::max<std::int64_t>(c.from, 1)), to = static_cast<double>(std::max<std::int64_t>(c.to, 1));
    const std::int64_t n = third == 3 ? c.to : third == 0 ? c.from : std::llround(from * std::pow(to / from, third / 3.0));
    if (n <= last) continue;
    last = n;
    text += fmt::format("{}D({}) in {}", text.empty() ? "" : ", ", n, interval_text(c.distances[static_cast<std::size_t>(n - c.from)].by_metric[metric]));
  }
  return fmt::format("Certified in {}: {}.", label_of(c.metrics[metric]), text);
}

std::string what(const PaperClaim& claim, const CollapseRow& row, bool collapsed) {
  const std::string of = row.format ? fmt::format(" ({})", row.format->name) : "";
  switch (claim.expected.criterion) {
    case Criterion::tolerance: return fmt::format("{} {} {}{}", label_of(*row.metric), collapsed ? "<=" : ">", power_text(*row.eps), of);
    case Criterion::bitwise: return (collapsed ? "the same bits" : "other bits") + of;
    case Criterion::argmax: break;
  }
  return collapsed ? "the same next token" : "another next token";
}

// "open" is said in the words of what stayed open.
std::string open_sentence(const CollapseRow& row, const Certification& c) {
  return fmt::format("Not settled up to the horizon {}: {} pairs are undecided, {} overflow, first collapse {}, last distinct {}.", c.to, row.undecided, row.overflow,
                     row.first ? std::to_string(*row.first) : "none", row.last_distinct ? std::to_string(*row.last_distinct) : "none");
}

std::string_view chip_class(Standing standing) {
  switch (standing) {
    case Standing::holds:
    case Standing::to_horizon: return "holds";
    case Standing::fails: return "fails";
    case Standing::not_yet: return "bracket";
    case Standing::open: break;
  }
  return "unknown";
}

std::string chip_text(const PaperClaim& claim, Standing standing, const Certification& c) {
  const std::string_view expected = claim.expected.outcome == Outcome::collapses ? "collapse" : "kept apart";
  switch (standing) {
    case Standing::holds: return fmt::format("{}: proved for every n", expected);
    case Standing::to_horizon: return fmt::format("{}: certified to n = {}", expected, c.to);
    case Standing::fails: return fmt::format("{}: refuted here", expected);
    case Standing::not_yet: return fmt::format("{}: not by n = {}", expected, c.to);
    case Standing::open: break;
  }
  return fmt::format("{}: not settled", expected);
}

std::string picture_of(const Group& group, std::size_t number, std::vector<std::string>& warnings) {
  std::vector<Compared> compared;
  std::vector<NamedThreshold> thresholds;
  for (const GalleryItem* item : group) {
    if (!item->result) continue;
    compared.push_back({label_of(*item), &*item->result, metric_of(item->claim, *item->result)});
    const CollapseRow* row = find_row(*item->result, item->claim.expected);
    if (!row || !row->eps) continue;
    const std::string name = row->format ? row->format->name : "eps";
    if (std::none_of(thresholds.begin(), thresholds.end(), [&](const NamedThreshold& t) { return t.eps == *row->eps; })) thresholds.push_back({name, *row->eps});
  }
  if (compared.empty()) return "<div class=\"card missing\">No case of this exhibit was run.</div>\n";
  const Picture picture = comparison_plot(fmt::format("exhibit{}", number), compared, thresholds);
  if (!picture.problem.empty()) {
    warnings.push_back("no picture of " + group[0]->claim.exhibit + ": " + picture.problem);
    return fmt::format("<div class=\"card missing\">No picture: {}.</div>\n", html_escaped(picture.problem));
  }
  return fmt::format("<div class=\"card\" role=\"img\" aria-label=\"{}\">{}</div>\n", html_escaped("Certified distances, " + group[0]->claim.exhibit), picture.svg);
}

std::string certified_part(const GalleryItem& item) {
  const std::string label = html_escaped(label_of(item));
  if (!item.result) return fmt::format("<div class=\"certified\"><b>{}</b><p>Left out: {}.</p></div>\n", label, html_escaped(item.left_out));
  const Certification& c = *item.result;
  const CollapseRow* row = find_row(c, item.claim.expected);
  const Standing standing = row ? judge(item.claim.expected.outcome, *row) : Standing::open;
  std::string text = fmt::format("<div class=\"certified\"><b>{} <span class=\"chip {}\">{}</span></b>\n", label, chip_class(standing),
                                 html_escaped(chip_text(item.claim, standing, c)));
  if (row) text += fmt::format("<p>{}</p>\n", typeset(standing_sentence(item.claim, *row, c)));
  text += fmt::format("<p class=\"setting\">{} <a href=\"{}/report.html\">The whole report</a>.</p>\n", typeset(distances_sentence(item.claim, c)),
                      html_escaped(item.case_name));
  if (item.claim.expected.criterion == Criterion::argmax) text += fmt::format("<p>{}</p>\n", html_escaped(next_token_sentence(item)));
  const bool stands = standing == Standing::holds || standing == Standing::to_horizon;
  if (!stands && !item.claim.otherwise.empty()) text += fmt::format("<p class=\"otherwise\">{}</p>\n", typeset(item.claim.otherwise));
  return text + "</div>\n";
}

std::string exhibit(const Group& group, std::size_t number, std::vector<std::string>& warnings) {
  std::string words, said;
  for (const GalleryItem* item : group) {
    if (item->claim.says != said) words += fmt::format("<div class=\"paper\"><b>The paper</b><p>{}</p></div>\n", typeset(item->claim.says));
    said = item->claim.says;
    words += certified_part(*item);
  }
  std::string settings;
  for (const GalleryItem* item : group) {
    if (item->claim.setting.empty() || settings.find(typeset(item->claim.setting)) != std::string::npos) continue;
    settings += fmt::format("<p class=\"setting\">{}</p>\n", typeset(item->claim.setting));
  }
  return fmt::format("<section class=\"exhibit\">\n<h2>{}</h2>\n<div>{}</div>\n<div>{}{}</div>\n</section>\n", html_escaped(group[0]->claim.exhibit), words,
                     picture_of(group, number, warnings), settings);
}

// ---- Collapse lengths by format -----------------------------------------------------------------------------------------

std::vector<std::string> formats_of(const std::vector<GalleryItem>& items) {
  std::vector<std::string> names;
  for (const GalleryItem& item : items)
    for (const CollapseRow& row : item.result ? item.result->rows : std::vector<CollapseRow>{})
      if (row.format && std::find(names.begin(), names.end(), row.format->name) == names.end()) names.push_back(row.format->name);
  return names;
}

std::string line_of(const std::string& head, const std::string& what, std::string_view kind, const std::vector<std::string>& cells) {
  std::string line = fmt::format("<tr>{}<td class=\"criterion\">{}</td>", head, what);
  for (const std::string& cell : cells) line += fmt::format("<td class=\"number {}\">{}</td>", kind, cell);
  return line + "</tr>\n";
}

// One line a criterion, and one a run.
std::vector<std::string> lines_of(const Certification& c, const std::vector<std::string>& formats) {
  std::vector<std::string> lines;
  std::vector<std::pair<Criterion, std::optional<Metric>>> criteria;
  for (const CollapseRow& row : c.rows)
    if (row.format && std::find(criteria.begin(), criteria.end(), std::pair(row.criterion, row.metric)) == criteria.end()) criteria.emplace_back(row.criterion, row.metric);
  const auto cells = [&](Criterion criterion, std::optional<Metric> metric, const auto& text) {
    std::vector<std::string> result;
    for (const std::string& format : formats) {
      const CollapseRow* row = find_row(c, {criterion, format, metric, Outcome::collapses});
      result.push_back(row ? text(*row) : "&ndash;");
    }
    return result;
  };
  for (const auto& [criterion, metric] : criteria) {
    const std::string name = criterion == Criterion::bitwise ? "bitwise" : fmt::format("{} <= 2^{{1-t}}", label_of(*metric));
    lines.push_back(line_of("", typeset(name), "start", cells(criterion, metric, [&](const CollapseRow& row) { return typeset(collapse_start(row, c.to)); })));
    for (const EngineRun& run : c.runs) {
      const auto seen = [&](const CollapseRow& row) {
        const auto found = std::find_if(row.observed.begin(), row.observed.end(), [&](const Observed& o) { return o.profile == run.profile; });
        if (found == row.observed.end()) return std::string("&ndash;");
        if (found->collapsed_from) return std::to_string(*found->collapsed_from);
        return found->last_distinct == c.to ? fmt::format("not by {}", c.to) : std::string("&ndash;");
      };
      lines.push_back(line_of("", fmt::format("{}: observed in {}", typeset(name), html_escaped(run.profile)), "observed", cells(criterion, metric, seen)));
    }
  }
  return lines;
}

std::string length_table(const std::vector<GalleryItem>& items) {
  const std::vector<std::string> formats = formats_of(items);
  std::string head = "<th scope=\"col\">case</th><th scope=\"col\">criterion</th>", body;
  for (const std::string& format : formats) head += fmt::format("<th scope=\"col\" class=\"number\">{}</th>", html_escaped(format));
  for (const GalleryItem& item : items) {
    if (!item.result) continue;
    std::vector<std::string> lines = lines_of(*item.result, formats);
    if (lines.empty()) continue;
    lines[0].replace(0, 4, fmt::format("<tr class=\"group\"><th scope=\"rowgroup\" rowspan=\"{}\">{}<br>{}</th>", lines.size(),
                                       html_escaped(item.claim.exhibit), html_escaped(label_of(item))));
    for (const std::string& line : lines) body += line;
  }
  return fmt::format("<div class=\"wide\"><table>\n<thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody></table></div>\n", head, body);
}

Json json_of(const GalleryItem& item) {
  Json result = {{"case", item.case_name}, {"exhibit", item.claim.exhibit}, {"label", label_of(item)}, {"says", item.claim.says}};
  if (!item.result) {
    result["left_out"] = item.left_out;
    return result;
  }
  const Certification& c = *item.result;
  const CollapseRow* row = find_row(c, item.claim.expected);
  result["expected"] = item.claim.expected.outcome == Outcome::collapses ? "collapses" : "apart";
  result["standing"] = row ? name_of(judge(item.claim.expected.outcome, *row)) : "open";
  if (row) result["certified"] = standing_sentence(item.claim, *row, c);
  if (!c.next_tokens.empty()) result["next_tokens"] = next_token_sentence(item);
  result["distances"] = distances_sentence(item.claim, c);
  result["model"] = json_of_model(c);
  return result;
}

}  // namespace

std::string standing_sentence(const PaperClaim& claim, const CollapseRow& row, const Certification& c) {
  const bool collapse = claim.expected.outcome == Outcome::collapses;
  switch (judge(claim.expected.outcome, row)) {
    case Standing::holds: return fmt::format("{} for every n from {} on, for ever.", what(claim, row, true), readable_length(*row.inevitable.upper));
    case Standing::to_horizon:
      return collapse ? fmt::format("{} for every n from {} to the horizon {}.", what(claim, row, true), *row.collapsed_from, c.to)
                      : fmt::format("{} for every n from {} to the horizon {}.", what(claim, row, false), c.from, c.to);
    case Standing::fails:
      if (collapse) return fmt::format("{} for infinitely many n: proved.", what(claim, row, false));
      return row.first ? fmt::format("{} at n = {}: proved.", what(claim, row, true), *row.first)
                       : fmt::format("{} for every n from {} on, for ever.", what(claim, row, true), readable_length(*row.inevitable.upper));
    case Standing::not_yet: return fmt::format("{} still at the horizon n = {}; nothing is claimed beyond.", what(claim, row, false), c.to);
    case Standing::open: break;
  }
  return open_sentence(row, c);
}

std::string gallery_page(const std::string& title, const std::vector<GalleryItem>& items, std::vector<std::string>& warnings) {
  std::string body;
  body += fmt::format("<header>\n<p class=\"eyebrow\">Snellen &middot; gallery</p>\n<h1>{}</h1>\n", html_escaped(title));
  body += "<p class=\"subject\">What the paper says, what is certified, and the certified distances D(n) of the pair in exact arithmetic. Certified means proved for the model that "
          "was run, read as a function of real numbers; where that is not the paper's own model the exhibit says so. \"To the horizon\" claims nothing beyond.</p>\n</header>\n";
  const std::vector<Group> groups = groups_of(items);
  for (std::size_t i = 0; i < groups.size(); ++i) body += exhibit(groups[i], i + 1, warnings);
  body += "<section>\n<h2>Collapse length by format</h2>\n" + length_table(items) +
          "<p class=\"note\">The least n from which to the horizon every pair is proved to collapse, or for ever where the case asks for that; observed: what one emulated "
          "engine's own vectors did, a fact about that run.</p>\n</section>\n";
  return html::page(title, std::string(kPageStyle) + std::string(kGalleryStyle), body);
}

Json gallery_json(const std::string& title, const std::vector<GalleryItem>& items) {
  Json list = Json::array();
  for (const GalleryItem& item : items) list.push_back(json_of(item));
  return {{"schema", "snellen.gallery/1"}, {"title", title}, {"items", std::move(list)}};
}

}  // namespace snellen
