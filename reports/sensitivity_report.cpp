#include "reports/sensitivity_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lib/files/safetensors_writer.hpp"
#include "reports/certificate.hpp"
#include "reports/html_parts.hpp"
#include "reports/json_report.hpp"
#include "reports/numbers.hpp"

namespace snellen {
namespace {

using Json = nlohmann::ordered_json;

std::string up(const Dyadic& x) { return rough_text(x, MPFR_RNDU); }

// "0.52", or "0.51 to 0.53" where three digits do not say it.
std::string interval_text(const Enclosure& x) {
  const std::string lower = rough_text(x.lower, MPFR_RNDD), upper = rough_text(x.upper, MPFR_RNDU);
  if (lower == upper) return lower;
  const std::string near = rough_text(x.lower, MPFR_RNDN);
  return near == rough_text(x.upper, MPFR_RNDN) ? near : fmt::format("{} to {}", lower, upper);
}

std::string factor_text(double factor) { return !std::isfinite(factor) ? "unknown" : factor < 100 ? fmt::format("{:.3g}", factor) : fmt::format("{:.0f}", factor); }

bool is_zero(const Enclosure& x) { return mpfr_zero_p(x.upper.get()) != 0; }

// The token with the largest, or least, norm that is proved to be so: no other enclosure overlaps its own. Among tokens that reach the output at all.
template <class Better>
std::optional<std::size_t> extreme(const Sensitivity& s, const Better& better) {
  std::optional<std::size_t> best;
  const auto norm = [&](std::size_t i) -> const Enclosure& { return s.tokens[i].norms.frobenius; };
  for (std::size_t i = 0; i < s.tokens.size(); ++i)
    if (!is_zero(norm(i)) && (!best || better(norm(i), norm(*best)))) best = i;
  for (std::size_t i = 0; best && i < s.tokens.size(); ++i)
    if (i != *best && !is_zero(norm(i)) && !better(norm(*best), norm(i))) return std::nullopt;
  return best;
}

// Do the first and the last token each outweigh every token of the middle third?
std::optional<bool> u_shape(const Sensitivity& s) {
  const std::size_t n = s.tokens.size();
  if (n < 6) return std::nullopt;
  bool proved = true, refuted = false;
  for (std::size_t i = n / 3; i < n - n / 3; ++i)
    for (const std::size_t end : {std::size_t{0}, n - 1}) {
      const Enclosure &middle = s.tokens[i].norms.frobenius, &outer = s.tokens[end].norms.frobenius;
      proved = proved && middle.upper < outer.lower;
      refuted = refuted || outer.upper < middle.lower;
    }
  return proved ? std::optional(true) : refuted ? std::optional(false) : std::nullopt;
}

std::size_t violations(const Sensitivity& s, const Dyadic TokenSensitivity::*bound) {
  return static_cast<std::size_t>(std::count_if(s.tokens.begin(), s.tokens.end(), [&](const TokenSensitivity& t) { return violated(t.*bound, t.norms.two); }));
}
std::size_t papers_violations(const Sensitivity& s) {
  return static_cast<std::size_t>(std::count_if(s.tokens.begin(), s.tokens.end(), [](const TokenSensitivity& t) { return t.paper && violated(*t.paper, t.norms.two); }));
}

double worst_looseness(const Sensitivity& s, const Dyadic TokenSensitivity::*bound) {
  double worst = 0;
  for (const TokenSensitivity& t : s.tokens)
    if (!is_zero(t.norms.two)) worst = std::max(worst, looseness(t.*bound, t.norms.two).most);
  return worst;
}

Json bound_json(const Dyadic& bound) { return {{"upper", upper_text(bound)}, {"upper_hex", bound.hex()}}; }

Json finite_or_null(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

Json run_json(const RunFading& run) {
  if (!run.refused.empty()) return {{"refused", run.refused}};
  return {{"from", run.from}, {"layers", run.layers}, {"own", bound_json(run.own)}, {"other", bound_json(run.other)}, {"output", bound_json(run.output)},
          {"constant", bound_json(run.constant)}};
}

Json facts_json(const HeadFacts& facts) {
  return {{"sink", json_of(facts.sink)}, {"entropy", json_of(facts.entropy)}, {"logit_spread", json_of(facts.spread)}};
}

}  // namespace

Looseness looseness(const Dyadic& bound, const Enclosure& norm) {
  Dyadic ratio(53);
  mpfr_div(ratio.get(), bound.get(), norm.upper.get(), MPFR_RNDD);
  const double least = ratio.to_double(MPFR_RNDD);
  mpfr_div(ratio.get(), bound.get(), norm.lower.get(), MPFR_RNDU);
  return {least, ratio.to_double(MPFR_RNDU)};
}

double median_looseness(const Sensitivity& s, const Dyadic TokenSensitivity::*bound) {
  std::vector<double> all;
  for (const TokenSensitivity& t : s.tokens)
    if (!is_zero(t.norms.two)) all.push_back(looseness(t.*bound, t.norms.two).most);
  if (all.empty()) return NAN;
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

std::vector<std::string> sensitivity_sentences(const Sensitivity& s) {
  std::vector<std::string> said;
  const std::size_t n = s.tokens.size();
  const std::string what = s.of == Output::vector ? "|J|_F" : "|gradient|";
  const auto most = extreme(s, [](const Enclosure& a, const Enclosure& b) { return b.upper < a.lower; });
  const auto least = extreme(s, [](const Enclosure& a, const Enclosure& b) { return a.upper < b.lower; });
  const auto norm = [&](std::size_t i) { return interval_text(s.tokens[i].norms.frobenius); };
  std::string headline = fmt::format("Of {} tokens, how much does {} depend on each?", n, s.output);
  if (most && least && *most != *least)
    headline = fmt::format("Of {} tokens {} feels number {} the most ({} = {}) and number {} the least ({}).", n, s.output, *most + 1, what, norm(*most), *least + 1, norm(*least));
  said.push_back(headline);
  if (const auto shape = u_shape(s))
    said.push_back(*shape ? "A U-shape, proved: the first and the last token each outweigh every token of the middle third."
                          : "No U-shape: some token of the middle third outweighs the first or the last, proved.");
  const auto zeros = static_cast<std::size_t>(std::count_if(s.tokens.begin(), s.tokens.end(), [](const TokenSensitivity& t) { return is_zero(t.norms.two); }));
  if (zeros > 0) said.push_back(fmt::format("{} tokens do not reach the output at all: their derivative is exactly zero.", zeros));
  if (s.value) said.push_back(fmt::format("{}, certified: {}.", s.output, interval_text(*s.value)));
  said.push_back(fmt::format("Our bound, which needs no assumption, is at most {} times the certified norm in the median and {} times at worst.",
                             factor_text(median_looseness(s, &TokenSensitivity::own)), factor_text(worst_looseness(s, &TokenSensitivity::own))));
  const std::size_t frozen = violations(s, &TokenSensitivity::frozen);
  said.push_back(frozen > 0 ? fmt::format("With attention's weights taken for constants the same bound would be wrong: the true norm is proved to exceed it at {} of {} tokens.", frozen, n)
                            : fmt::format("With attention's weights taken for constants the same bound is not {}exceeded here (at most {} times the norm in the median): an "
                                          "observation, since nothing proves it.", s.undecided ? "seen to be " : "", factor_text(median_looseness(s, &TokenSensitivity::frozen))));
  if (s.not_the_papers.empty()) {
    const std::size_t paper = papers_violations(s);
    said.push_back(paper > 0 ? fmt::format("The paper's Theorem 5.1, read literally, is violated by the truth at {} of {} tokens, proved: it takes attention's weights and the norms "
                                           "for constants.", paper, n)
                             : std::string("The paper's Theorem 5.1, read literally, is not ") + (s.undecided ? "seen to be " : "") + "violated here.");
  } else {
    said.push_back(fmt::format("The paper's Theorem 5.1 cannot be read literally for this model: {}.", s.not_the_papers));
  }
  if (s.run.refused.empty()) {
    said.push_back(fmt::format("For every length, proved: from {} tokens on, what any earlier token can do to the output of n tokens is at most {} {} / n (2-norm), H_n = 1 + 1/2 + ... + 1/n; "
                               "at {} tokens that is {}.", s.run.from, up(s.run.constant), s.run.layers == 1 ? std::string() : fmt::format("(1 + H_n)^{}", s.run.layers - 1), s.run.from,
                               up(s.run.at(s.run.from))));
  }
  if (s.undecided) said.push_back(fmt::format("Undecided: the least accurate norm has {:.0f} bits at the stated maximum of precision.", std::max(0.0, s.accurate_bits)));
  return said;
}

std::string sensitivity_text(const Sensitivity& s) {
  std::string text = s.title + "\n";
  for (const std::string& sentence : sensitivity_sentences(s)) text += sentence + "\n";
  return text;
}

std::string sensitivity_align(const Sensitivity& s) { return s.not_the_papers.empty() ? "rrlllll" : "rrllll"; }

std::vector<std::vector<std::string>> sensitivity_table(const Sensitivity& s) {
  constexpr std::size_t ends = 12;  // of a long sequence
  const bool paper = s.not_the_papers.empty();
  std::vector<std::vector<std::string>> lines = {{"number", "token", "Frobenius", "2-norm", "our bound (times)", "frozen (times)"}};
  if (paper) lines[0].push_back("Theorem 5.1 (times)");
  const auto bound_text = [](const Dyadic& bound, const Enclosure& norm) {
    if (is_zero(norm)) return up(bound);
    return fmt::format("{} ({}){}", up(bound), factor_text(looseness(bound, norm).most), violated(bound, norm) ? " VIOLATED" : "");
  };
  for (std::size_t i = 0; i < s.tokens.size(); ++i) {
    if (s.tokens.size() > 2 * ends + 1 && i == ends) {
      lines.push_back({"...", "", "", "", "", ""});
      if (paper) lines.back().push_back("");
      i = s.tokens.size() - ends;
    }
    const TokenSensitivity& t = s.tokens[i];
    lines.push_back({std::to_string(i + 1), std::to_string(t.token), interval_text(t.norms.frobenius), interval_text(t.norms.two), bound_text(t.own, t.norms.two),
                     bound_text(t.frozen, t.norms.two)});
    if (paper) lines.back().push_back(bound_text(*t.paper, t.norms.two));
  }
  return lines;
}

Json sensitivity_json(const Sensitivity& s) {
  Json tokens = Json::array(), rows = Json::array(), layers = Json::array(), claims = Json::array();
  for (std::size_t i = 0; i < s.tokens.size(); ++i) {
    const TokenSensitivity& t = s.tokens[i];
    const auto bound = [&](const Dyadic& b) {
      Json entry = bound_json(b);
      if (!is_zero(t.norms.two)) {
        const Looseness times = looseness(b, t.norms.two);
        entry["times_least"] = finite_or_null(times.least), entry["times_most"] = finite_or_null(times.most);
      }
      entry["violated"] = violated(b, t.norms.two);
      return entry;
    };
    tokens.push_back({{"number", i + 1},
                      {"token", t.token},
                      {"frobenius", json_of(t.norms.frobenius)},
                      {"one", json_of(t.norms.one)},
                      {"inf", json_of(t.norms.inf)},
                      {"two", json_of(t.norms.two)},
                      {"own_bound", bound(t.own)},
                      {"frozen_attention", bound(t.frozen)},
                      {"theorem_5_1", t.paper ? bound(*t.paper) : Json(nullptr)}});
  }
  for (const SensitivityRow& row : s.rows) {
    Json two = Json::array(), own = Json::array();
    for (const Enclosure& x : row.two) two.push_back({lower_text(x.lower), upper_text(x.upper)});
    for (const Dyadic& x : row.own) own.push_back(upper_text(x));
    rows.push_back({{"number", row.position + 1}, {"two", std::move(two)}, {"own_bound", std::move(own)}});
  }
  for (const LayerFacts& layer : s.by_layer) {
    Json heads = Json::array();
    for (const HeadFacts& head : layer.attention.heads) heads.push_back(facts_json(head));
    layers.push_back({{"mean", facts_json(layer.attention.mean)}, {"heads", std::move(heads)}, {"effective_rank", json_of(layer.rank)}});
  }
  for (const Claim& claim : s.claims) claims.push_back(json_of(certificate_claim(claim)));
  return {{"schema", "snellen.sensitivity/1"},
          {"case", s.case_name},
          {"title", s.title},
          {"model", {{"source", s.model_source}, {"architecture", s.model_architecture}, {"sha256", s.model_sha256}, {"layers", s.layers}, {"width", s.width}}},
          {"family", s.family},
          {"length", s.length},
          {"of", s.of == Output::vector ? "vector" : "logit"},
          {"at", s.of == Output::vector ? Json(s.at) : Json(nullptr)},
          {"output", s.output},
          {"token", s.token ? Json(*s.token) : Json(nullptr)},
          {"against", s.against ? Json(*s.against) : Json(nullptr)},
          {"value", s.value ? json_of(*s.value) : Json(nullptr)},
          {"precision_bits", s.precision_bits},
          {"accurate_bits", finite_or_null(std::floor(s.accurate_bits))},
          {"undecided", s.undecided},
          {"not_the_papers_model", s.not_the_papers.empty() ? Json(nullptr) : Json(s.not_the_papers)},
          {"own_bound_times_median", finite_or_null(median_looseness(s, &TokenSensitivity::own))},
          {"frozen_attention_times_median", finite_or_null(median_looseness(s, &TokenSensitivity::frozen))},
          {"tokens", std::move(tokens)},
          {"rows", std::move(rows)},
          {"layers", std::move(layers)},
          {"last_effective_rank", json_of(s.last_rank)},
          {"run", run_json(s.run)},
          {"claims", std::move(claims)},
          {"assumptions", s.assumptions},
          {"warnings", s.warnings}};
}

std::string sensitivity_csv(const Sensitivity& s) {
  std::string text = "number,token";
  for (const char* norm : {"frobenius", "one", "inf", "two"}) text += fmt::format(",{0}.lower,{0}.upper", norm);
  text += ",own_bound.upper,frozen_attention.upper,theorem_5_1.upper\n";
  for (std::size_t i = 0; i < s.tokens.size(); ++i) {
    const TokenSensitivity& t = s.tokens[i];
    text += fmt::format("{},{}", i + 1, t.token);
    for (const Enclosure* norm : {&t.norms.frobenius, &t.norms.one, &t.norms.inf, &t.norms.two}) text += fmt::format(",{},{}", lower_text(norm->lower), upper_text(norm->upper));
    text += fmt::format(",{},{},{}\n", upper_text(t.own), upper_text(t.frozen), t.paper ? upper_text(*t.paper) : std::string());
  }
  return text;
}

// [tokens, width], lower ends rounded down and upper ends up.
std::string gradient_content(const Sensitivity& s) {
  NamedArray lower{"gradient.lower", {s.tokens.size(), s.width}, {}}, upper{"gradient.upper", lower.shape, {}};
  for (const auto& row : s.gradient)
    for (const Enclosure& x : row) lower.values.push_back(x.lower.to_double(MPFR_RNDD)), upper.values.push_back(x.upper.to_double(MPFR_RNDU));
  return safetensors_content({lower, upper});
}

SensitivityFiles sensitivity_files(const Sensitivity& s) {
  SensitivityFiles result;
  const SensitivityPictures pictures = draw(s);
  for (const Picture* picture : {&pictures.by_token, &pictures.heat, &pictures.growth, &pictures.by_layer})
    if (!picture->problem.empty()) result.warnings.push_back("no picture: " + picture->problem);
  // The JSON last: where it is, the others are.
  result.files = {{"sensitivity.csv", sensitivity_csv(s)}, {"sensitivity.html", sensitivity_page(s, pictures)}, {"sensitivity.json", json_text(sensitivity_json(s))}};
  if (!s.gradient.empty()) result.files.insert(result.files.begin(), {"gradient.safetensors", gradient_content(s)});
  return result;
}

}  // namespace snellen
