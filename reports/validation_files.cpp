// JSON and JUnit XML of a validation.
#include <fmt/format.h>

#include <cmath>

#include "reports/validation_report.hpp"
#include "reports/validation_words.hpp"

namespace snellen {
namespace {

using Json = nlohmann::ordered_json;

Json number(double x) { return std::isfinite(x) ? Json(x) : Json(std::isnan(x) ? "nan" : x > 0 ? "inf" : "-inf"); }
Json pair(const CertifiedError& e) { return {{"lower", number(e.lower)}, {"upper", number(e.upper)}}; }

// Judgements of tokens, run-length coded: "P36 F4".
std::string run_length(const std::vector<Judgement>& tokens) {
  std::string text;
  for (std::size_t begin = 0, end = 0; begin < tokens.size(); begin = end) {
    while (end < tokens.size() && tokens[end] == tokens[begin]) ++end;
    text += fmt::format("{}{}{}", text.empty() ? "" : " ", tokens[begin] == Judgement::pass ? 'P' : tokens[begin] == Judgement::fail ? 'F' : 'I', end - begin);
  }
  return text;
}

Json json_of(const OperationVerdict& o) {
  Json worst = nullptr;
  if (o.worst)
    worst = {{"token", o.worst->token}, {"entry", o.worst->entry}, {"value", number(o.worst->value)}, {"lower", number(o.worst->image.lower)}, {"upper", number(o.worst->image.upper)},
             {"ulps_outside", number(o.worst->ulps)}};
  Json directions = Json::array();
  for (const Directional& d : o.directions) directions.push_back({{"distance", number(d.distance)}, {"reach", number(d.reach)}, {"relative", number(d.relative)}});
  return {{"operation", o.operation.name},
          {"layer", o.operation.layer ? Json(*o.operation.layer) : Json(nullptr)},
          {"tensor", o.source},
          {"verdict", name_of(o.verdict)},
          {"tokens", run_length(o.tokens)},
          {"carried", o.carried},
          {"entries", o.entries},
          {"outside", o.outside},
          {"determined", o.determined},
          {"worst", std::move(worst)},
          {"directions", std::move(directions)},
          {"hints", o.hints},
          {"caught", {{"any_above_ulps", number(o.surely_caught)}, {"any_above_relative", number(o.surely_relative)}, {"smallest_ulps", number(o.least_caught)}, {"smallest_relative", number(o.least_relative)}}},
          {"envelope_to_signal", number(o.resolution)},
          {"tolerance", {{"absolute", number(o.tolerance_absolute)}, {"relative", number(o.tolerance_relative)}}}};
}

Json json_of(const StateError& s) {
  Json tokens = Json::array();
  for (std::size_t t = 0; t < s.largest.size(); ++t) tokens.push_back({{"largest", pair(s.largest[t])}, {"relative", pair(s.euclidean[t])}, {"ulps", number(s.ulps[t])}});
  return {{"state", s.state}, {"tokens", std::move(tokens)}, {"ulp_histogram", s.histogram}};
}

std::string xml_escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '&') result += "&amp;";
    else if (c == '<') result += "&lt;";
    else if (c == '>') result += "&gt;";
    else if (c == '"') result += "&quot;";
    else result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return result;
}

}  // namespace

Json validation_json(const ValidationReport& report) {
  Json dumps = Json::array();
  for (std::size_t d = 0; d < report.validations.size(); ++d) {
    const Validation& v = report.validations[d];
    Json operations = Json::array(), findings = Json::array(), growth = Json::array(), probabilities = Json::array();
    for (const OperationVerdict& o : v.operations) operations.push_back(json_of(o));
    for (const Finding& f : v.lint.findings) findings.push_back({{"kind", name_of(f.kind)}, {"operation", f.operation}, {"text", f.text}});
    if (report.growth) {
      for (const StateError& s : report.growth->dumps[d]) growth.push_back(json_of(s));
      for (const TokenLogProbability& p : report.growth->probabilities[d])
        probabilities.push_back({{"next", p.next}, {"exact", pair(p.exact)}, {"engine", pair(p.engine)}, {"delta", pair(p.delta)},
                                 {"ratio", pair({std::exp(p.delta.lower) * (1 - 0x1p-40), std::exp(p.delta.upper) * (1 + 0x1p-40)})}, {"kl", pair(p.divergence)}});
    }
    const OperationVerdict* first = v.first_failure();
    dumps.push_back({{"dump", v.dump},
                     {"profile", v.profile},
                     {"profile_description", report.profile_descriptions[d]},
                     {"verdict", name_of(v.verdict)},
                     {"first_failure", first ? Json(first->operation.name) : Json(nullptr)},
                     {"sentence", validation_sentence(v)},
                     {"findings", std::move(findings)},
                     {"headroom", {{"largest", number(v.lint.largest)}, {"operation", v.lint.largest_at}, {"bits", number(v.lint.headroom_bits)}}},
                     {"not_dumped", v.not_dumped},
                     {"not_understood", v.unknown},
                     {"operations", std::move(operations)},
                     {"growth", std::move(growth)},
                     {"log_probabilities", std::move(probabilities)}});
  }
  Json comparison = nullptr;
  if (report.comparison) {
    Json operations = Json::array();
    for (const Spread& s : report.comparison->operations)
      operations.push_back({{"operation", s.operation.name}, {"differing", s.differing}, {"largest", number(s.largest)}, {"relative", number(s.relative)}, {"allowed", s.allowed ? number(*s.allowed) : Json(nullptr)}});
    comparison = {{"same_engine", report.same_engine}, {"explained", report.comparison->explained},
                  {"first", report.comparison->first ? Json(report.comparison->operations[*report.comparison->first].operation.name) : Json(nullptr)}, {"operations", std::move(operations)}};
  }
  return {{"schema", "snellen.validation/1"},
          {"title", report.title},
          {"model", {{"source", report.validations.front().model}, {"sha256", report.model_sha256}}},
          {"tokens", report.tokens},
          {"verdict", name_of(verdict_of(report))},
          {"precision_bits", report.growth ? Json(report.growth->bits) : Json(nullptr)},
          {"dumps", std::move(dumps)},
          {"comparison", std::move(comparison)}};
}

std::string validation_junit(const ValidationReport& report) {
  std::string text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (const Validation& v : report.validations) {
    std::size_t failures = 0, skipped = 0;
    for (const OperationVerdict& o : v.operations) failures += o.verdict == Judgement::fail, skipped += o.verdict == Judgement::inconclusive;
    const std::string suite = xml_escaped(v.dump + " as " + v.profile);
    text += fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" errors=\"0\">\n", suite, v.operations.size(), failures, skipped);
    for (const OperationVerdict& o : v.operations) {
      text += fmt::format("    <testcase classname=\"{}\" name=\"{}\"", suite, xml_escaped(o.operation.name));
      if (o.verdict == Judgement::fail) text += fmt::format("><failure message=\"{}\"/></testcase>\n", xml_escaped(evidence(o)));
      else if (o.verdict == Judgement::inconclusive) text += fmt::format("><skipped message=\"the envelope is {} times the signal; smallest change of an entry that would have been caught: {} of its vector's largest\"/></testcase>\n", rough(o.resolution),
                                                                           rough(o.least_relative));
      else text += "/>\n";
    }
    text += "  </testsuite>\n";
  }
  return text + "</testsuites>\n";
}

}  // namespace snellen
