// certificate.json as data (schema "snellen.certificate/2"): every claim of a run, and all that is needed to prove it again from the model file. README.md documents
// every field. Nothing here knows how anything was proved.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "proofs/certificate/claim.hpp"

namespace snellen {

inline constexpr std::string_view certificate_schema = "snellen.certificate/2";

struct CertificateClaim {
  std::string id, statement, theorem, scope;
  ClaimNumbers numbers;
  std::vector<std::string> hypotheses;  // of the theorem, as the producer checked them: sentences for people
};

// Of whose function the claims speak.
struct CertificateModel {
  std::string source;  // a path, or "random: seed 1, ..." from which the model is made
  std::string architecture, sha256;
  std::int64_t layers = 0, width = 0;
};

// S_n: the prefix, n units (or the first n sampled tokens) with the delimiter after every `every` run tokens but never last, the suffix.
struct CertificateSequences {
  std::vector<std::int64_t> prefix, unit, sampled, suffix, delimiter;
  std::int64_t every = 0;    // 0: no delimiter
  bool repeat_last = false;  // S_n is compared with S_n with its last token once more; else with S_{n+1}
};

struct CertificateFormat {
  std::string name;
  std::int64_t precision = 0, emin = 0, emax = 0;
  std::string overflow;          // "infinity", "saturate", "nan"
  bool top_code_is_nan = false;
};

// What a name means: the shipped formats. Nothing for another name.
std::optional<CertificateFormat> known_format(const std::string& name);

struct ListedDistances {
  std::int64_t n = 0;
  struct Interval { std::string lower, upper; };  // hex floats
  std::vector<Interval> by_norm;                  // in the order of Certificate::norms
};

struct Certificate {
  std::string title, case_name, producer;
  CertificateModel model;
  std::optional<CertificateSequences> sequences;  // none: a case without a model
  std::string at;                                 // "final", "hidden", or "softmax" without sequences
  std::int64_t from = 0, to = 0;                  // the lengths n that were evaluated one by one
  std::int64_t precision_bits = 0;                // that were enough for the producer: a hint
  std::vector<std::string> norms;
  std::vector<CertificateFormat> formats;
  std::vector<std::string> assumptions;
  std::vector<ListedDistances> distances;         // one for each n from `from` to `to`, or none
  std::vector<std::optional<std::int64_t>> next_tokens;  // the same; null: not certified
  std::vector<CertificateClaim> claims;
};

nlohmann::ordered_json json_of(const CertificateClaim& claim);
// With its digest.
nlohmann::ordered_json json_of(const Certificate& certificate);

// Untrusted input. Throws InputError, "FILE: claims[3].numbers.eps: found ..., expected ...", for the first thing that is missing, unknown, out of range or
// inconsistent: a sentence or an id that does not say what the numbers say, a format that is not what its name means, a digest that does not fit.
// `ignore_digest`: for tests that change a certificate.
Certificate read_certificate(const std::filesystem::path& file);
Certificate certificate_from(const nlohmann::json& json, const std::string& place, bool ignore_digest = false);

// The text that the digest is taken of.
std::string canonical_text(const nlohmann::json& certificate);

}  // namespace snellen
