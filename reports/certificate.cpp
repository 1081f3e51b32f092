#include "reports/certificate.hpp"

#include <algorithm>

#include "lib/version.hpp"

namespace snellen {
namespace {

CertificateSequences sequences_of(const Family& family) {
  CertificateSequences s{family.prefix, family.unit, {}, family.suffix, {}, 0, family.pair == Pair::repeat_last};
  if (family.delimiter) s.delimiter = family.delimiter->tokens, s.every = family.delimiter->every;
  if (family.sample) {  // as drawn: whoever checks needs no generator
    Family plain = family;
    plain.delimiter.reset();
    s.sampled = plain.run(family.to + 1);
  }
  return s;
}

std::string name_of(Overflow overflow) { return overflow == Overflow::infinity ? "infinity" : overflow == Overflow::saturate ? "saturate" : "nan"; }

}  // namespace

CertificateClaim certificate_claim(const Claim& claim) {
  return {claim.id, claim.statement, claim.theorem, std::string(name_of(claim.scope)), claim.numbers, claim.hypotheses};
}

Certificate certificate(const Certification& c) {
  Certificate result;
  result.title = c.title, result.case_name = c.case_name, result.producer = "snellen " + version().version;
  result.model = {c.model_source, c.model_architecture, c.model_sha256, static_cast<std::int64_t>(c.layers), static_cast<std::int64_t>(c.width)};
  if (c.sequences) result.sequences = sequences_of(*c.sequences);
  result.at = c.at, result.from = c.from, result.to = c.to, result.precision_bits = c.precision_bits, result.assumptions = c.assumptions;
  for (const Metric metric : c.metrics) result.norms.emplace_back(name_of(metric));
  for (const CollapseRow& row : c.rows) {
    if (!row.format || std::any_of(result.formats.begin(), result.formats.end(), [&](const CertificateFormat& f) { return f.name == row.format->name; })) continue;
    const Format& f = *row.format;
    result.formats.push_back({f.name, f.precision, f.emin, f.emax, name_of(f.overflow), f.top_code_is_nan});
  }
  for (const PairDistances& pair : c.subtracted.empty() ? c.distances : c.subtracted) {
    ListedDistances listed{pair.n, {}};
    for (const Enclosure& d : pair.by_metric) listed.by_norm.push_back({d.lower.hex(), d.upper.hex()});
    result.distances.push_back(std::move(listed));
  }
  result.next_tokens = c.next_tokens;
  for (const Claim& claim : c.claims) result.claims.push_back(certificate_claim(claim));
  return result;
}

}  // namespace snellen
