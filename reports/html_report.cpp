#include "reports/html_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "reports/html_style.hpp"
#include "reports/length_scale.hpp"
#include "reports/numbers.hpp"
#include "reports/words.hpp"

namespace snellen {

using namespace html;

namespace {

template <class Number>
std::string or_dash(const std::optional<Number>& value) {
  return value ? fmt::format("{}", *value) : "&ndash;";
}

// Six digits where both ends agree in them, else an interval.
std::string coordinate_text(const Enclosure& x) {
  const auto text = [](const Dyadic& d) {
    const std::string rough = scientific(fmt::format("{:.6g}", d.to_double(MPFR_RNDN)));
    return rough.starts_with('-') ? "&minus;" + rough.substr(1) : rough;
  };
  const std::string low = text(x.lower), high = text(x.upper);
  return low == high ? low : low + " to " + high;
}

std::string place_of(const std::string& at) {
  return at == "final" ? "after the final norm" : at == "hidden" ? "before the final norm" : html_escaped(at);
}

std::string header(const Certification& c) {
  std::string result =
      fmt::format("<header>\n<p class=\"eyebrow\">Snellen &middot; certified representational collapse</p>\n<h1>{}</h1>\n",
                  html_escaped(c.title));
  const std::string size = c.layers == 0 ? "" : fmt::format(", {} of width {}", layers_text(c), c.width);  // a softmax alone has no layer
  const std::string place = c.layers == 0 ? "" : " &middot; last token " + place_of(c.at);
  result += fmt::format("<p class=\"subject\">{} &middot; {}{} &middot; <code>{}</code>{}</p>\n</header>\n", html_escaped(c.model_source), html_escaped(c.model_architecture), size,
                        html_escaped(c.family), place);
  return result;
}

std::string result_box(const Certification& c) {
  const std::vector<std::string> said = sentences(c);
  std::string result = fmt::format("<section class=\"result\">\n<p class=\"headline\">{}</p>\n", typeset(said[0]));
  if (said.size() > 1) result += list({said.begin() + 1, said.end()});
  if (const auto undecided = undecided_count(c))
    result += fmt::format(
        "<p class=\"banner\">{} verdicts stayed undecided at {} bits of precision: neither collapse nor distinctness is claimed "
        "there.</p>\n",
        undecided, c.precision_bits);
  for (const std::string& warning : c.warnings)
    result += fmt::format("<p class=\"banner\">Warning: {}</p>\n", html_escaped(warning));
  return result + "</section>\n";
}

// The enclosures are all so tight that the band cannot be seen.
bool is_thin(const Certification& c, std::size_t metric) {
  return std::all_of(c.distances.begin(), c.distances.end(), [&](const PairDistances& pair) {
    if (metric >= pair.by_metric.size()) return false;
    const Enclosure& d = pair.by_metric[metric];
    return d.is_finite() && approximate_log10(d.upper) - approximate_log10(d.lower) < kThinBand;
  });
}

std::string distance_figure(const Certification& c, std::size_t metric, const Picture& picture) {
  const std::string label = label_of(c.metrics[metric]);
  const std::string band = is_thin(c, metric) ? "the certified band is thinner than the line" : "the certified band is shaded";
  std::string caption = fmt::format(
      "How far apart the last-token vectors of S_n and {} are ({}). Black: the model in exact arithmetic; {}. Grey lines: "
      "each format's "
      "threshold; a dot marks the n from which D(n) stays at or below it.",
      c.second, label, band);
  if (!c.runs.empty()) caption += " Colours: emulated engines, observed only.";
  const bool identical = std::any_of(c.runs.begin(), c.runs.end(), [](const EngineRun& run) {
    return std::any_of(run.distances.begin(), run.distances.end(),
                       [](const PairDistances& pair) { return verdict_of_run(pair) == Verdict::collapsed; });
  });
  if (identical) caption += " On the strip D = 0 a run's two vectors are identical; the number says from which n they stay so.";
  return figure(picture, fmt::format("Distance D(n) against n, {}", label), typeset(caption));
}

bool proves_for_all(const Certification& c) {
  return std::any_of(c.rows.begin(), c.rows.end(), [](const CollapseRow& row) { return row.inevitable.scope == Scope::all; });
}

// Every row holds to the horizon: said once, above the table.
bool all_to_horizon(const Certification& c) {
  return std::all_of(c.rows.begin(), c.rows.end(), [](const CollapseRow& row) { return row.inevitable.scope == Scope::horizon; });
}

// Every row holds for every n: said once, above the table.
bool all_for_ever(const Certification& c) {
  return proves_for_all(c) && std::all_of(c.rows.begin(), c.rows.end(), [](const CollapseRow& row) { return row.inevitable.scope == Scope::all; });
}

std::string status_chips(const CollapseRow& row, const Certification& c) {
  const Status status = row.inevitable.status;
  std::string result = status == Status::unknown && row.undecided == 0 && row.last_distinct == c.to
                           ? chip("plain", "distinct at the horizon")
                           : chip(name_of(status), std::string(name_of(status)));
  if (!all_to_horizon(c) && !all_for_ever(c) && status != Status::unknown) result += ' ' + chip("plain", reach(row, c.to));
  if (row.undecided > 0) result += ' ' + chip("unknown", fmt::format("{} undecided", row.undecided));
  if (row.overflow > 0) result += ' ' + chip("overflow", fmt::format("{} overflow", row.overflow));
  return result;
}

std::string observed_cell(const CollapseRow& row, const EngineRun& run, std::int64_t horizon) {
  const auto found =
      std::find_if(row.observed.begin(), row.observed.end(), [&](const Observed& o) { return o.profile == run.profile; });
  std::string text = "&ndash;";
  if (found != row.observed.end() && found->collapsed_from)
    text = std::to_string(*found->collapsed_from);
  else if (found != row.observed.end() && found->last_distinct == horizon)
    text = fmt::format("<i>not by {}</i>", horizon);
  else if (found != row.observed.end() && run.trouble)
    text = "<i>" + html_escaped(run.trouble->what) + "</i>";
  if (found != row.observed.end() && found->for_ever && found->for_ever->known.upper)
    text += "<br>for ever: " + for_ever_text(found->for_ever);
  return "<td class=\"number observed\">" + text + "</td>";
}

std::string result_table(const Certification& c) {
  std::string head = column("format") + column("criterion") + column("first<br>collapse", "number") +
                     column("last<br>distinct", "number") + column("collapsed<br>from", "number") + column("what is known");
  for (const EngineRun& run : c.runs) head += column(html_escaped(run.profile), "number observed");
  std::string groups = "<td colspan=\"2\"></td><th colspan=\"4\" scope=\"colgroup\">certified: exact model" +
                       (all_to_horizon(c) ? fmt::format(", to the horizon {}", c.to) : all_for_ever(c) ? std::string(", for every n") : std::string()) + "</th>";
  if (!c.runs.empty())
    groups += fmt::format(
        "<th colspan=\"{}\" scope=\"colgroup\" class=\"observed\">observed: this engine run collapsed from</th>", c.runs.size());
  std::string body;
  const std::vector<const CollapseRow*> rows = rows_by_format(c);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const CollapseRow& row = *rows[i];
    std::string line;
    if (i == 0 || !(rows[i - 1]->format == row.format)) {
      const auto group =
          std::count_if(rows.begin(), rows.end(), [&](const CollapseRow* other) { return other->format == row.format; });
      line = fmt::format("<th scope=\"rowgroup\" rowspan=\"{}\">{}</th>", group, html_escaped(format_label(row)));
    }
    line += fmt::format(
        "<td class=\"criterion\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number "
        "start\">{}</td><td>{}</td>",
        typeset(criterion_label(row)), or_dash(row.first), typeset(last_distinct(row).value_or("-")), typeset(collapse_start(row, c.to)),
        status_chips(row, c));
    for (const EngineRun& run : c.runs) line += observed_cell(row, run, c.to);
    body += fmt::format("<tr{}>{}</tr>\n", i > 0 && !(rows[i - 1]->format == row.format) ? " class=\"group\"" : "", line);
  }
  return table(head, body, fmt::format("<tr class=\"groups\">{}</tr>\n", groups));
}

const Enclosure* last_finite(const std::vector<PairDistances>& pairs) {
  for (auto pair = pairs.rbegin(); pair != pairs.rend(); ++pair)
    if (!pair->by_metric.empty() && pair->by_metric[0].is_finite()) return &pair->by_metric[0];
  return nullptr;
}

// From where D(n) is below the run's own certified error, in each metric: "L1 20, Linf 10".
std::string below_error(const Certification& c, const EngineRun& run) {
  std::string result;
  for (const Metric metric : c.metrics)
    for (const CollapseRow& row : c.rows) {
      const auto found = std::find_if(row.observed.begin(), row.observed.end(),
                                      [&](const Observed& o) { return o.profile == run.profile && o.below_error_from; });
      if (row.metric != metric || found == row.observed.end()) continue;
      result += fmt::format("{}{}: {}", result.empty() ? "" : "<br>", typeset(label_of(metric)), *found->below_error_from);
      break;
    }
  return result.empty() ? "&ndash;" : result;
}

std::string engine_table(const Certification& c) {
  std::string body;
  for (std::size_t r = 0; r < c.runs.size(); ++r) {
    const EngineRun& run = c.runs[r];
    const Enclosure* error = last_finite(run.errors);
    const Enclosure* worst = nullptr;
    for (const PairDistances& pair : run.errors)
      if (!pair.by_metric.empty() && pair.by_metric[0].is_finite() && (!worst || worst->upper < pair.by_metric[0].upper))
        worst = &pair.by_metric[0];
    const auto bound = [](const Enclosure* e) {
      return e ? "&le; " + scientific(rough_text(e->upper, MPFR_RNDU)) : std::string("&ndash;");
    };
    body += fmt::format(
        "<tr><th scope=\"row\"><span class=\"swatch c{}\"></span>{}</th><td>{}</td><td class=\"number\">{}</td><td "
        "class=\"number\">{}</td>"
        "<td class=\"number\">{}</td><td class=\"number\">{}</td><td>{}</td></tr>\n",
        r % kRunColours.size(), html_escaped(run.profile), html_escaped(run.description), or_dash(identical_from(run)),
        below_error(c, run), bound(worst), bound(error), run.trouble ? chip("overflow", trouble_text(*run.trouble)) : "none");
  }
  const std::string norm = c.metrics.empty() ? "" : typeset(label_of(c.metrics[0]));
  return table(column("engine") + column("arithmetic") + column("identical<br>from", "number") +
                   column("D(n) below<br>own error from", "number") + column("largest<br>error, " + norm, "number") +
                   column("error at its<br>last finite n, " + norm, "number") + column("trouble"),
               body);
}

std::string claims_table(const Certification& c) {
  std::string body;
  for (const Claim& claim : c.claims) {
    std::string numbers;
    for (const auto& [name, value] : claim.numbers)  // a length of thousands of digits stands whole in report.json
      numbers += fmt::format("<div><i>{}</i> = {}</div>", html_escaped(name), html_escaped(readable_length(value)));
    body += fmt::format(
        "<tr><td><code>{}</code></td><td>{}</td><td><code>{}</code></td><td>{}</td><td class=\"figures\">{}</td></tr>\n",
        html_escaped(claim.id), typeset(claim.statement), html_escaped(claim.theorem),
        claim.scope == Scope::all ? "every n" : fmt::format("to the horizon {}", c.to), numbers);
  }
  return table(column("claim") + column("statement") + column("theorem") + column("scope") + column("numbers"), body);
}

// What y(S_n) tends to: what the model remembers.
std::string limit_section(const Certification& c) {
  const Limit& limit = *c.limit;
  std::string text = fmt::format("<p>{} These are the {} coordinates of that vector, certified.", typeset(limit_sentence(c)), limit.vector.size());
  if (limit.next_token) text += fmt::format(" Its next token, by a certified margin, is <code>{}</code>.", *limit.next_token);
  text += "</p>\n";
  constexpr std::size_t most_shown = 64;
  std::string cells;
  for (std::size_t i = 0; i < std::min(most_shown, limit.vector.size()); ++i)
    cells += fmt::format("<span title=\"{} to {}\">{}</span>\n", lower_text(limit.vector[i].lower), upper_text(limit.vector[i].upper),
                         coordinate_text(limit.vector[i]));
  text += fmt::format("<div class=\"vector\">{}</div>\n", cells);
  return text + fmt::format("<p class=\"note\">{}Rounded to six digits; report.json has the enclosures, with their exact ends.</p>\n",
                            limit.vector.size() > most_shown ? fmt::format("The first {} of {}. ", most_shown, limit.vector.size()) : std::string());
}

// What the answers for every n rest on, and what stays open.
std::string proofs_section(const Certification& c) {
  std::string body;
  for (const InevitableProof& proof : c.proofs) {
    std::string numbers;
    for (const auto& [name, value] : proof.numbers) numbers += fmt::format("<div><i>{}</i> = {}</div>", html_escaped(name), typeset(value));
    body += fmt::format("<tr><td><code>{}</code></td><td>{}</td><td class=\"figures\">{}</td></tr>\n", html_escaped(proof.theorem), list(proof.hypotheses), numbers);
  }
  std::string result = body.empty() ? "" : table(column("theorem") + column("hypotheses, as they were checked") + column("numbers"), body);
  if (!c.unsupported.empty()) result += fmt::format("<p>Nothing is proved beyond the horizon: {}.</p>\n", typeset(c.unsupported));
  const std::vector<std::string> open = open_rows(c);
  if (!open.empty()) result += "<p class=\"note\">Not settled for every n:</p>\n" + list(open);
  return result;
}

std::string reading_guide(const Certification& c) {
  const bool beyond = proves_for_all(c);
  std::vector<std::string> items = {
      fmt::format("Certified: the model as a function of real numbers, with its stored weights taken exactly and nothing "
                  "rounded. D(n) and every verdict were "
                  "enclosed for each n = {} to {}, with {} bits.",
                  c.from, c.to, c.precision_bits),
      "bitwise: both exact vectors, rounded to the format, are equal in every coordinate, so that even an engine that rounds "
      "nothing but its last "
      "vector sees no difference.",
      "tolerance: the distance is at most the format's threshold 2^{1-t} (t significand bits), the line that Barbero et al. "
      "draw. argmax: the same next token, with a certified margin.",
      fmt::format("\"To the horizon {}\" means evaluated one by one up to there; nothing is said about longer sequences.", c.to)};
  if (beyond) items.push_back("\"For every n\" and \"for ever\" mean proved for all lengths, without end; such a length N is exact where the pair at N - 1 is proved distinct.");
  items.push_back(
      "Observed: what one emulated engine did. A fact about that run up to its last n, not a bound on other engines.");
  return list(items);
}

std::string provenance(const Certification& c) {
  const auto entry = [](std::string_view name, const std::string& value) {
    return fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, value);
  };
  return "<dl>\n" + entry("case", html_escaped(c.case_name)) + entry("model", html_escaped(c.model_source)) +
         entry("model sha256", "<code>" + html_escaped(c.model_sha256) + "</code>") +
         entry("precision", fmt::format("{} bits", c.precision_bits)) +
         entry("lengths", fmt::format("n = {} to {}", c.from, c.to)) +
         entry(
             "beside this page",
             "report.json (every number, exact), distances.csv, certificate.json, environment.json (machine, libraries, times)") +
         "</dl>\n";
}

}  // namespace

std::string html_report(const Certification& c, const Pictures& pictures) {
  std::string body = header(c) + result_box(c);
  const auto collapse_figure = [&] {
    return figure(pictures.collapse, "From which length on no difference is left, by format and criterion",
                  typeset("From which length on S_n and its neighbour can no longer be told apart, in each format and by each criterion: full dots are proved for "
                          "every n, without end. Beyond the dashed line no sequence was evaluated: there it is theorems that speak."));
  };
  const bool beyond = proves_for_all(c);
  if (beyond) body += collapse_figure();
  if (!pictures.distances.empty()) body += distance_figure(c, 0, pictures.distances[0]);
  if (!c.rows.empty()) {
    body += section("From which length on", result_table(c));
    body += section(
        "Every pair",
        figure(pictures.verdicts, "Verdicts for every n, by format and criterion",
               typeset(
                   "Each n on the same axis as above, with the n from which collapse holds on the right. Where one pixel stands "
                   "for several n, "
                   "the cell is divided in proportion. An engine run counts as collapsed where its two vectors are identical.")));
  }
  if (c.limit) body += section("What the model remembers", limit_section(c));
  for (std::size_t m = 1; m < pictures.distances.size(); ++m)
    body += section("The same in " + typeset(label_of(c.metrics[m])), distance_figure(c, m, pictures.distances[m]));
  if (!c.runs.empty())
    body += section("Emulated engines",
                    engine_table(c) +
                        "<p class=\"note\">Errors are certified upper bounds on the distance between the run's vector of " +
                        typeset("S_n") + " and the exact one.</p>\n");
  if (c.inevitable) body += section("For every n: what it rests on", proofs_section(c));
  body += section("What is certified, and what is only observed", reading_guide(c));
  if (!c.assumptions.empty()) body += section("Assumptions", list(c.assumptions));
  if (!c.claims.empty()) body += section("Claims", claims_table(c));
  body += section("Provenance", provenance(c));
  return page(c.title, std::string(kPageStyle) + swatch_style(), body);
}

}  // namespace snellen
