#include <span>

#include "lib/files/sha256.hpp"
#include "proofs/certificate/certificate.hpp"

namespace snellen {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const CertificateSequences& s) {
  Json json = {{"prefix", s.prefix}};
  if (s.sampled.empty()) json["unit"] = s.unit;
  else json["sampled"] = s.sampled;
  json["suffix"] = s.suffix;
  json["delimiter"] = s.every > 0 ? Json{{"every", s.every}, {"tokens", s.delimiter}} : Json(nullptr);
  json["pair"] = s.repeat_last ? "repeat-last" : "next";
  return json;
}

Json json_of(const CertificateFormat& f) {
  return {{"precision", f.precision}, {"emin", f.emin}, {"emax", f.emax}, {"overflow", f.overflow}, {"top_code_is_nan", f.top_code_is_nan}};
}

}  // namespace

std::string canonical_text(const nlohmann::json& certificate) {
  nlohmann::json content = certificate;
  content.erase("digest");
  return content.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Json json_of(const CertificateClaim& claim) {
  Json numbers = Json::object();
  for (const auto& [name, value] : claim.numbers) numbers[name] = value;
  Json json = {{"id", claim.id}, {"statement", claim.statement}, {"theorem", claim.theorem}, {"scope", claim.scope}, {"numbers", std::move(numbers)}};
  if (!claim.hypotheses.empty()) json["hypotheses"] = claim.hypotheses;
  return json;
}

Json json_of(const Certificate& c) {
  Json formats = Json::object(), distances = Json::array(), next_tokens = Json::array(), claims = Json::array();
  for (const CertificateFormat& format : c.formats) formats[format.name] = json_of(format);
  for (const ListedDistances& listed : c.distances) {
    Json entry = {{"n", listed.n}};
    for (std::size_t i = 0; i < listed.by_norm.size(); ++i) entry[c.norms[i]] = {listed.by_norm[i].lower, listed.by_norm[i].upper};
    distances.push_back(std::move(entry));
  }
  for (const auto& token : c.next_tokens) next_tokens.push_back(token ? Json(*token) : Json(nullptr));
  for (const CertificateClaim& claim : c.claims) claims.push_back(json_of(claim));
  Json json = {{"schema", certificate_schema},
               {"title", c.title},
               {"case", c.case_name},
               {"producer", c.producer},
               {"model",
                {{"source", c.model.source},
                 {"architecture", c.model.architecture},
                 {"sha256", c.model.sha256},
                 {"layers", c.model.layers},
                 {"width", c.model.width}}},
               {"family", c.sequences ? json_of(*c.sequences) : Json(nullptr)},
               {"at", c.at},
               {"from", c.from},
               {"to", c.to},
               {"precision_bits", c.precision_bits},
               {"norms", c.norms},
               {"formats", std::move(formats)},
               {"assumptions", c.assumptions},
               {"distances", std::move(distances)},
               {"next_tokens", std::move(next_tokens)},
               {"claims", std::move(claims)}};
  // A text that is not UTF-8 is replaced where it is printed, so that the digest is taken of what will be read.
  const std::string text = canonical_text(nlohmann::json(json));
  json["digest"] = sha256(std::as_bytes(std::span(text)));
  return json;
}

}  // namespace snellen
