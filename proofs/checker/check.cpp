#include "proofs/checker/check.hpp"

#include "proofs/checker/horizon.hpp"

namespace snellen::check {

std::vector<Finding> check(const Model& model, const Certificate& c, const Options& options) {
  Findings findings(c);
  Budget budget(options.work);
  check_horizon(model, c, options, budget, findings);
  findings.ask({"inevitable"}, [](const CertificateClaim&) { return settled("this program knows no way to prove it for all n"); });
  findings.ask({"engine"}, [](const CertificateClaim&) { return settled("this program does not emulate engines"); });
  findings.ask({"limit.tail"}, [](const CertificateClaim&) { return settled("this program knows no way to prove it for all n"); });
  return findings.list();
}

}  // namespace snellen::check
