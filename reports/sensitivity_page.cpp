#include <fmt/format.h>

#include <algorithm>

#include "reports/html_parts.hpp"
#include "reports/html_style.hpp"
#include "reports/numbers.hpp"
#include "reports/sensitivity_report.hpp"

namespace snellen {

using namespace html;

namespace {

// Three digits that enclose; one number where both ends agree to nearest.
std::string number(const Enclosure& x) {
  const std::string near = rough_text(x.lower, MPFR_RNDN);
  if (near == rough_text(x.upper, MPFR_RNDN)) return scientific(near);
  return scientific(rough_text(x.lower, MPFR_RNDD)) + " to " + scientific(rough_text(x.upper, MPFR_RNDU));
}

std::string times(const Dyadic& bound, const Enclosure& norm) {
  if (mpfr_zero_p(norm.upper.get())) return "";
  const double most = looseness(bound, norm).most;
  return fmt::format(" <small>&times;&thinsp;{}</small>", most < 1e6 ? fmt::format("{:.3g}", most) : scientific(fmt::format("{:.2e}", most)));
}

std::string bound_cell(const Dyadic& bound, const Enclosure& norm) {
  return fmt::format("<td class=\"number\">{}{} {}</td>", scientific(rough_text(bound, MPFR_RNDU)), times(bound, norm),
                     violated(bound, norm) ? chip("unknown", "violated") : std::string());
}

std::string cell(const std::string& text) { return "<td class=\"number\">" + text + "</td>"; }

std::string token_table(const Sensitivity& s) {
  const bool paper = s.not_the_papers.empty();
  constexpr std::size_t most_rows = 512;
  std::string head = column("number", "number") + column("token", "number") + column("Frobenius", "number") + column("L<sub>1</sub>", "number") + column("L<sub>&infin;</sub>", "number") +
                     column("L<sub>2</sub>", "number") + column("our bound<br>proved", "number") + column("attention frozen<br>no bound", "number");
  if (paper) head += column("Theorem 5.1<br>literally", "number");
  std::string body;
  for (std::size_t i = 0; i < std::min(most_rows, s.tokens.size()); ++i) {
    const TokenSensitivity& t = s.tokens[i];
    body += fmt::format("<tr><td class=\"number\">{}</td><td class=\"number\">{}</td>", i + 1, t.token) + cell(number(t.norms.frobenius)) + cell(number(t.norms.one)) +
            cell(number(t.norms.inf)) + cell(number(t.norms.two)) + bound_cell(t.own, t.norms.two) + bound_cell(t.frozen, t.norms.two) +
            (paper ? bound_cell(*t.paper, t.norms.two) : std::string()) + "</tr>\n";
  }
  return table(head, body) + fmt::format("<p class=\"note\">Norms are certified; three digits, or an interval where these do not agree; sensitivity.csv has 17, sensitivity.json exact ends. "
                                         "A factor is the bound over the certified norm, at most.{}</p>\n",
                                         s.tokens.size() > most_rows ? fmt::format(" The first {} of {} tokens.", most_rows, s.tokens.size()) : std::string());
}

std::string layer_table(const Sensitivity& s) {
  std::string body;
  for (std::size_t l = 0; l < s.by_layer.size(); ++l) {
    const LayerFacts& layer = s.by_layer[l];
    body += fmt::format("<tr><th scope=\"row\">{}</th>", l + 1) + cell(number(layer.attention.mean.sink)) + cell(number(layer.attention.mean.entropy)) +
            cell(number(layer.attention.mean.spread)) + cell(number(layer.rank)) + "</tr>\n";
  }
  body += "<tr><th scope=\"row\">output</th><td></td><td></td><td></td>" + cell(number(s.last_rank)) + "</tr>\n";
  return table(column("layer") + column("weight on the<br>first token", "number") + column("entropy, nats", "number") + column("spread of<br>the scores", "number") +
                   column("effective rank<br>of its input", "number"),
               body);
}

// For all lengths without end, or why not.
std::string run_section(const Sensitivity& s) {
  const RunFading& run = s.run;
  if (!run.refused.empty()) return fmt::format("<p class=\"note\">Nothing is proved of longer sequences: {}.</p>\n", html_escaped(run.refused));
  const auto bound = [](const Dyadic& x) { return scientific(rough_text(x, MPFR_RNDU)); };
  const std::string row = cell(bound(run.own)) + cell(bound(run.other)) + cell(bound(run.output)) + cell(bound(run.constant)) + cell(bound(run.at(run.from)));
  return fmt::format("<p>From {0} tokens on, for every n and every earlier token i: |J<sub>n,i</sub>|<sub>2</sub> &le; C (1 + H<sub>n</sub>)<sup>{1}</sup> / n, H<sub>n</sub> = 1 + 1/2 + &hellip; + 1/n "
                     "(<code>sensitivity_fades</code>). Nobody evaluated them all: in every layer and at every token |d x<sub>n</sub>' / d x<sub>n</sub>|<sub>2</sub> &le; own and "
                     "n |d x<sub>n</sub>' / d x<sub>i</sub>|<sub>2</sub> &le; other, the first tokens evaluated, all later ones in one world; C = output &middot; C<sub>{2}</sub>, C<sub>0</sub> = 0, "
                     "C<sub>l+1</sub> = (own + other) C<sub>l</sub> + other own<sup>l</sup>.</p>\n", run.from, run.layers - 1, run.layers) +
         table(column("own", "number") + column("other", "number") + column("output", "number") + column("C", "number") + column(fmt::format("bound at<br>n = {}", run.from), "number"),
               "<tr>" + row + "</tr>\n");
}

std::string guide(const Sensitivity& s) {
  const std::string output = s.of == Output::vector ? "y_n" : "the logit";
  std::vector<std::string> items = {
      fmt::format("Certified: J_{{n,i}} = d {} / d x_i(0), x_i(0) what token i enters the first layer with (its embedding, scaled, with its absolute position where the model has one). The "
                  "derivative of attention's weights is in it. Every norm is enclosed, by reverse-mode differentiation in ball arithmetic, of the model as a function of real numbers.",
                  output),
      "L1 is the largest sum of a column, Linf that of a row, L2 the largest singular value: d output = J d x, columns belong to the coordinates of x_i.",
      "Our bound, proved (influence_bound): the product over the layers of the norms of each layer's blocks, what the weights do when queries and keys move included. No assumption.",
      "Attention frozen: the same without the movement of the weights. This is the paper's Theorem 5.1 carried over to heads, projections, norms at the tokens that occur and the MLP at the "
      "points that occur. It is no bound of the true derivative; where the certified norm exceeds it, it is marked as violated.",
      "Theorem 5.1, literally: C times the entry n, i of the product of (Lambda / beta1 + I) over the layers, for one head without projections, with certified attention weights; weights and "
      "norms count as constants there. Shown only for the paper's own model.",
      "Effective rank: (sum of sigma^2)^2 over the sum of sigma^4 of all tokens' vectors, the participation ratio, between 1 and the rank. Weight on the first token, entropy and spread of the "
      "scores: of the last token, the mean over the heads. All are certified."};
  return list(items);
}

}  // namespace

std::string sensitivity_page(const Sensitivity& s, const SensitivityPictures& pictures) {
  const std::vector<std::string> said = sensitivity_sentences(s);
  std::string body = fmt::format("<header>\n<p class=\"eyebrow\">Snellen &middot; certified sensitivity</p>\n<h1>{}</h1>\n", html_escaped(s.title));
  body += fmt::format("<p class=\"subject\">{} &middot; {}, {} layers of width {} &middot; <code>{}</code>, n = {}: {} tokens</p>\n</header>\n", html_escaped(s.model_source),
                      html_escaped(s.model_architecture), s.layers, s.width, html_escaped(s.family), s.length, s.tokens.size());
  body += fmt::format("<section class=\"result\">\n<p class=\"headline\">{}</p>\n{}", typeset(said[0]), list({said.begin() + 1, said.end()}));
  if (s.undecided) body += "<p class=\"banner\">Some norms are known to fewer bits than asked for: raise precision.max_bits.</p>\n";
  for (const std::string& warning : s.warnings) body += fmt::format("<p class=\"banner\">Warning: {}</p>\n", html_escaped(warning));
  body += "</section>\n";
  body += figure(pictures.by_token, "How much the output depends on each token",
                 typeset(fmt::format("How much {} depends on each of the {} tokens. Black: certified. Blue: our bound, which needs no assumption. Orange: the same with attention's weights taken "
                                     "for constants, no bound of the truth.", s.output, s.tokens.size())));
  if (s.rows.size() > 1) {
    body += section("Every token read", figure(pictures.heat, "The same for other tokens that are read",
                                               typeset(fmt::format("Each row reads the output at another token n of the same sequence ({} of them; a row stands for the ones up to the next). "
                                                                   "Certified upper ends; white: exactly zero, or no derivative at all above the diagonal.", s.rows.size()))));
    body += section("As the sequence grows", figure(pictures.growth, "Sensitivity to some tokens as more are read",
                                                    "The same numbers, followed token by token, as more tokens are read: S_n for growing n, where the sequence has no suffix."));
  }
  body += section("For every length", run_section(s));
  body += section("Layer by layer", figure(pictures.by_layer, "Attention sink, entropy, spread of the scores and effective rank by layer",
                                           "Of the last token, the mean over the heads; the rank is that of all tokens' vectors. Certified, drawn at the middle of each enclosure.") +
                                        layer_table(s));
  body += section("Every token", token_table(s));
  body += section("What is certified, and what is not", guide(s));
  if (!s.assumptions.empty()) body += section("Assumptions", list(s.assumptions));
  if (!s.claims.empty()) {
    std::string rows;
    for (const Claim& claim : s.claims)
      rows += fmt::format("<tr><td><code>{}</code></td><td>{}</td><td><code>{}</code></td></tr>\n", html_escaped(claim.id), typeset(claim.statement), html_escaped(claim.theorem));
    body += section("Claims", table(column("claim") + column("statement") + column("theorem"), rows));
  }
  const auto entry = [](std::string_view name, const std::string& value) { return fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, value); };
  body += section("Provenance", "<dl>\n" + entry("case", html_escaped(s.case_name)) + entry("model", html_escaped(s.model_source)) +
                                    entry("model sha256", "<code>" + html_escaped(s.model_sha256) + "</code>") + entry("precision", fmt::format("{} bits", s.precision_bits)) +
                                    entry("beside this page", s.gradient.empty() ? "sensitivity.json (every number, exact), sensitivity.csv" : "sensitivity.json (every number, exact), sensitivity.csv, gradient.safetensors (the gradient, entry by entry)") + "</dl>\n");
  return page(s.title, kPageStyle, body);
}

}  // namespace snellen
