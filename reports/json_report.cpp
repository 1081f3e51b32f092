#include "reports/json_report.hpp"

#include <algorithm>
#include <optional>
#include <span>

#include "lib/files/sha256.hpp"
#include "reports/certificate.hpp"
#include "reports/numbers.hpp"
#include "reports/words.hpp"

namespace snellen {
namespace {

using Json = nlohmann::ordered_json;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json json_of(const std::vector<PairDistances>& pairs, const std::vector<Metric>& metrics) {
  Json result = Json::array();
  for (const PairDistances& pair : pairs) {
    Json entry = {{"n", pair.n}};
    for (std::size_t m = 0; m < metrics.size() && m < pair.by_metric.size(); ++m)
      entry[std::string(name_of(metrics[m]))] = json_of(pair.by_metric[m]);
    result.push_back(std::move(entry));
  }
  return result;
}

Json json_of(const std::optional<EngineLength>& length) {
  if (!length) return nullptr;
  return {{"n", or_null(length->known.upper)},
          {"lower", length->known.lower},
          {"scope", name_of(length->known.scope)},
          {"status", name_of(length->known.status)},
          {"reason", length->reason}};
}

Json json_of(const Observed& o) {
  return {{"first_distinct", or_null(o.first_distinct)},
          {"last_distinct", or_null(o.last_distinct)},
          {"first_collapse", or_null(o.first_collapse)},
          {"collapsed_from", or_null(o.collapsed_from)},
          {"below_error_from", or_null(o.below_error_from)},
          {"constant_from", json_of(o.for_ever)}};
}

Json json_of(const std::map<std::string, std::string>& numbers) {
  Json result = Json::object();
  for (const auto& [name, value] : numbers) result[name] = value;
  return result;
}

Json json_of(const Basis& basis) {
  return {{"theorem", basis.theorem.empty() ? Json(nullptr) : Json(basis.theorem)},
          {"numbers", json_of(basis.numbers)},
          {"undecided", basis.undecided},
          {"overflow_from", or_null(basis.overflow_from)},
          {"open", basis.open.empty() ? Json(nullptr) : Json(basis.open)}};
}

Json json_of(const InevitableProof& proof) {
  return {{"theorem", proof.theorem}, {"hypotheses", proof.hypotheses}, {"numbers", json_of(proof.numbers)}};
}

Json json_of(const Limit& limit, const std::vector<Metric>& metrics, std::int64_t horizon) {
  constexpr std::size_t most_coordinates = 128;
  std::string lines;
  Json coordinates = Json::array();
  for (const Enclosure& x : limit.vector) {
    lines += x.lower.hex() + ' ' + x.upper.hex() + '\n';
    if (limit.vector.size() <= most_coordinates) coordinates.push_back(json_of(x));
  }
  Json distances = {{"n", horizon}};
  for (std::size_t m = 0; m < limit.distances.size(); ++m) distances[std::string(name_of(metrics[m]))] = json_of(limit.distances[m]);
  Json tail = nullptr;
  if (!limit.tail_distances.empty()) {
    tail = {{"from", limit.tail_from}};
    for (std::size_t m = 0; m < limit.tail_distances.size(); ++m)
      tail[std::string(name_of(metrics[m]))] = {{"upper", upper_text(limit.tail_distances[m])}, {"upper_hex", limit.tail_distances[m].hex()}};
  }
  return {{"sequence", limit.sequence},
          {"next_token", or_null(limit.next_token)},
          {"distance_at_horizon", std::move(distances)},
          {"distance_for_ever", std::move(tail)},
          {"width", limit.vector.size()},
          {"sha256", sha256(std::as_bytes(std::span(lines)))},
          {"coordinates", std::move(coordinates)}};
}

Json json_of(const CollapseRow& row, bool inevitable) {
  Json observed = Json::object();
  for (const Observed& o : row.observed) observed[o.profile] = json_of(o);
  return {{"format", row.format ? Json(row.format->name) : Json(nullptr)},
          {"criterion", name_of(row.criterion)},
          {"norm", row.metric ? Json(name_of(*row.metric)) : Json(nullptr)},
          {"eps", row.eps ? Json(decimal_text(*row.eps, MPFR_RNDN)) : Json(nullptr)},
          {"eps_hex", row.eps ? Json(row.eps->hex()) : Json(nullptr)},
          {"first", or_null(row.first)},
          {"last_distinct", or_null(row.last_distinct)},
          {"collapsed_from", or_null(row.collapsed_from)},
          {"undecided", row.undecided},
          {"overflow", row.overflow},
          {"inevitable_from",
           {{"lower", row.inevitable.lower},
            {"upper", or_null(row.inevitable.upper)},
            {"scope", name_of(row.inevitable.scope)},
            {"status", name_of(row.inevitable.status)}}},
          {"proof", inevitable ? json_of(row.basis) : Json(nullptr)},
          {"observed", std::move(observed)},
          {"verdicts", run_length(row.verdicts)}};
}

Json json_of(const EngineRun& run, const std::vector<Metric>& metrics) {
  Json trouble = nullptr;
  if (run.trouble) trouble = {{"what", run.trouble->what}, {"place", run.trouble->place}, {"position", run.trouble->position}};
  return {{"profile", run.profile},
          {"description", run.description},
          {"trouble", std::move(trouble)},
          {"constant_from", json_of(run.constant)},
          {"distances", json_of(run.distances, metrics)},
          {"errors", json_of(run.errors, metrics)}};
}

// What the formats' names mean, each once, in the order of the rows.
Json json_of_formats(const std::vector<CollapseRow>& rows) {
  Json result = Json::object();
  for (const CollapseRow& row : rows)
    if (row.format && !result.contains(row.format->name))
      result[row.format->name] = {{"precision", row.format->precision},
                                  {"emin", row.format->emin},
                                  {"emax", row.format->emax},
                                  {"top_code_is_nan", row.format->top_code_is_nan}};
  return result;
}

bool is_shallow(const Json& value, int levels) {
  if (!value.is_structured()) return true;
  return levels > 0 && std::all_of(value.begin(), value.end(), [&](const Json& inner) { return is_shallow(inner, levels - 1); });
}

void append(std::string& text, const Json& value, std::size_t indent) {
  const auto line = [](const Json& v) { return v.dump(-1, ' ', false, Json::error_handler_t::replace); };
  if (is_shallow(value, 2) && indent > 0) {
    text += line(value);
    return;
  }
  text += value.is_object() ? '{' : '[';
  bool first = true;
  for (const auto& [key, inner] : value.items()) {
    text += (first ? "\n" : ",\n") + std::string(indent + 1, ' ');
    if (value.is_object()) text += line(key) + ": ";
    append(text, inner, indent + 1);
    first = false;
  }
  text += '\n' + std::string(indent, ' ') + (value.is_object() ? '}' : ']');
}

}  // namespace

Json json_of(const Enclosure& x) {
  return {
      {"lower", lower_text(x.lower)}, {"upper", upper_text(x.upper)}, {"lower_hex", x.lower.hex()}, {"upper_hex", x.upper.hex()}};
}

Json json_of_model(const Certification& c) {
  return {{"source", c.model_source},
          {"architecture", c.model_architecture},
          {"sha256", c.model_sha256},
          {"layers", c.layers},
          {"width", c.width}};
}

Json json_report(const Certification& c) {
  Json metrics = Json::array(), rows = Json::array(), runs = Json::array(), claims = Json::array();
  for (const Metric metric : c.metrics) metrics.push_back(name_of(metric));
  for (const CollapseRow& row : c.rows) rows.push_back(json_of(row, c.inevitable));
  for (const EngineRun& run : c.runs) runs.push_back(json_of(run, c.metrics));
  for (const Claim& claim : c.claims) claims.push_back(json_of(certificate_claim(claim)));
  Json proofs = Json::array();
  for (const InevitableProof& proof : c.proofs) proofs.push_back(json_of(proof));
  Json next_tokens = Json::array();
  for (const auto& token : c.next_tokens) next_tokens.push_back(or_null(token));
  Json legend = Json::object();
  for (const Verdict verdict : {Verdict::collapsed, Verdict::distinct, Verdict::undecided, Verdict::overflow})
    legend[std::string(1, letter_of(verdict))] = name_of(verdict);
  return {{"schema", "snellen.report/1"},
          {"title", c.title},
          {"case", c.case_name},
          {"model", json_of_model(c)},
          {"family", c.family},
          {"at", c.at},
          {"from", c.from},
          {"to", c.to},
          {"metrics", std::move(metrics)},
          {"precision_bits", c.precision_bits},
          {"formats", json_of_formats(c.rows)},
          {"assumptions", c.assumptions},
          {"warnings", c.warnings},
          {"collapse", std::move(rows)},
          {"for_every_n", {{"asked", c.inevitable}, {"unsupported", c.unsupported.empty() ? Json(nullptr) : Json(c.unsupported)}, {"proofs", std::move(proofs)}}},
          {"limit", c.limit ? json_of(*c.limit, c.metrics, c.to) : Json(nullptr)},
          {"verdict_legend", std::move(legend)},
          {"distances", json_of(c.distances, c.metrics)},
          {"next_tokens", std::move(next_tokens)},
          {"engine_runs", std::move(runs)},
          {"claims", std::move(claims)}};
}

std::string json_text(const Json& value) {
  std::string text;
  append(text, value, 0);
  return text + '\n';
}

}  // namespace snellen
