// A validation as one page: nothing fetched, no scripts, every text from outside escaped.
#include <fmt/format.h>

#include <algorithm>

#include "reports/html_report.hpp"
#include "reports/html_style.hpp"
#include "reports/validation_report.hpp"
#include "reports/validation_words.hpp"

namespace snellen {
namespace {

constexpr std::string_view kStyle = R"(.chip.pass { background: #c9ddee; border-color: #c9ddee; color: #0b2a4a; }
.chip.fail { background: #b22222; border-color: #b22222; color: #ffffff; }
.chip.inconclusive { background: var(--warn-back); border-color: var(--warn-back); color: var(--warn); }
.result.fail { border-left-color: #b22222; }
)";

std::string figure(const Picture& picture, const std::string& label, const std::string& caption) {
  const std::string body = picture.problem.empty() ? fmt::format("<div class=\"card\" role=\"img\" aria-label=\"{}\">{}</div>", html_escaped(label), picture.svg)
                                                    : fmt::format("<div class=\"card missing\">No picture: {}.</div>", html_escaped(picture.problem));
  return fmt::format("<figure>\n{}\n<figcaption>{}</figcaption>\n</figure>\n", body, caption);
}

std::string chip(Judgement judgement) { return fmt::format("<span class=\"chip {0}\">{0}</span>", name_of(judgement)); }

std::string operation_row(const OperationVerdict& o) {
  std::string more = html_escaped(evidence(o));
  for (const std::string& hint : o.hints) more += "<br>" + html_escaped(hint);
  if (!o.carried.empty()) {
    more += (more.empty() ? "" : "<br>") + std::string("with ");
    for (std::size_t i = 0; i < o.carried.size(); ++i) more += (i > 0 ? ", " : "") + html_escaped(o.carried[i]);
    more += ", not dumped";
  }
  return fmt::format("<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td class=\"number\">{}</td><td class=\"number\">{:.1f}%</td><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>"
                     "<td class=\"figures\">{}</td></tr>\n",
                     html_escaped(o.operation.name), chip(o.verdict), o.outside, 100.0 * static_cast<double>(o.determined) / static_cast<double>(std::max<std::size_t>(o.entries, 1)), rough(o.resolution),
                     rough(o.median_use), rough(o.surely_relative), more);
}

std::string operations(const Validation& v) {
  std::string text = "<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">operation</th><th scope=\"col\">verdict</th><th scope=\"col\" class=\"number\">entries outside</th><th scope=\"col\" class=\"number\">known bit for "
                     "bit</th><th scope=\"col\" class=\"number\">envelope / signal</th><th scope=\"col\" class=\"number\">used of it, median</th><th scope=\"col\" class=\"number\">any change caught above, of the largest entry</th><th "
                     "scope=\"col\">worst entry; what may explain it</th></tr></thead>\n<tbody>\n";
  for (const OperationVerdict& o : v.operations) text += operation_row(o);
  return text + "</tbody></table></div>\n";
}

}  // namespace

std::string validation_html(const ValidationReport& report) {
  std::string page = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  page += fmt::format("<title>{}</title>\n<style>\n{}{}</style>\n</head>\n<body>\n<main>\n", html_escaped(report.title), kPageStyle, kStyle);
  page += fmt::format("<header>\n<p class=\"eyebrow\">Snellen &middot; validation</p>\n<h1>{}</h1>\n<p class=\"subject\">{} tokens &middot; <code>{}</code></p>\n</header>\n", html_escaped(report.title),
                      report.tokens.size(), html_escaped(report.validations.front().model));
  for (const Validation& v : report.validations)
    page += fmt::format("<div class=\"result {}\"><p class=\"headline\">{} <code>{}</code> as <code>{}</code></p><p>{}</p></div>\n", name_of(v.verdict), chip(v.verdict), html_escaped(v.dump), html_escaped(v.profile),
                        html_escaped(validation_sentence(v)));
  const auto notes = validation_notes(report);
  if (!notes.empty()) {
    page += "<div class=\"result\"><ul>\n";
    for (const std::string& note : notes) page += "<li>" + html_escaped(note) + "</li>\n";
    page += "</ul></div>\n";
  }
  if (report.growth)
    page += "<section>\n<h2>Error against the exact result</h2>\n" +
            figure(growth_plot(report), "Certified relative error by layer", fmt::format("The certified error of each layer's vectors, in the 2-norm over the exact vector's length, the largest over tokens. The band from lower to upper bound is thinner than the "
                                                                                         "line; exact values by an evaluation at {} bits.", report.growth->bits)) + "</section>\n";
  for (std::size_t d = 0; d < report.validations.size(); ++d) {
    const Validation& v = report.validations[d];
    page += fmt::format("<section>\n<h2><code>{}</code></h2>\n<p class=\"note\">Profile <code>{}</code>: {}.</p>\n", html_escaped(v.dump), html_escaped(v.profile), html_escaped(report.profile_descriptions[d]));
    page += figure(heat_map(report, d), "Verdicts by layer and token", "Layer by token: red where no rounding of the profile explains an operation, orange where the envelope is too wide to tell, else the certified error.");
    if (report.growth) page += figure(ulp_histogram(report, d), "Histogram of errors in ulps", "Certified errors of single entries against the exact result, in units in the last place of the dump's format.");
    page += operations(v);
    page += "<p class=\"note\">Each operation is judged from the engine's own dumped inputs. Fail: proved, no engine of the profile can have computed this from those inputs. Pass: the dump lies in the envelope of the profile; a change of any one "
            "entry by more than the stated part of its vector's largest entry would have failed. Envelope / signal: its radius over the vector, in the 2-norm, the largest of all tokens.</p>\n</section>\n";
  }
  return page + "</main>\n</body>\n</html>\n";
}

}  // namespace snellen
