// A certificate, whatever its digest: what is read is written and read again as the same; and a small one is judged by the checker, with little work.
#include "proofs/certificate/certificate.hpp"

#include "lib/files/json.hpp"
#include "proofs/checker/check.hpp"
#include "proofs/checker/model_source.hpp"
#include "tests/fuzz/target.hpp"

namespace snellen::fuzz {
namespace {

bool small(const RandomModel& m) {
  return m.layers <= 2 && m.width <= 16 && m.hidden <= 16 && m.heads <= 4 && m.kv_heads <= 4 && m.head_size <= 16 && m.vocab <= 16 && m.context <= 64;
}

void run(Bytes input) {
  const Certificate c = certificate_from(parse_json(text_of(input), "input"), "input", true);
  const nlohmann::ordered_json written = json_of(c);
  fuzz::check(json_of(certificate_from(written, "written")) == written, "a certificate changes when it is written and read again");
  const auto random = check::parse_random_model(c.model.source);
  if (!c.sequences || !random || !small(*random)) return;
  check::Options options;
  options.work = 2e4, options.max_bits = 128;
  const std::vector<check::Finding> findings = check::check(synthetic_model(*random), c, options);
  fuzz::check(findings.size() == c.claims.size(), "a claim without a finding");
}

// A list of 2^20 lengths, and a seat for each of up to two million tokens.
const Registered registered({"certificate", run, std::size_t{512} << 20});

}  // namespace
}  // namespace snellen::fuzz
