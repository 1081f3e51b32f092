#include "proofs/checker/check.hpp"

#include "proofs/checker/for_all.hpp"
#include "proofs/checker/horizon.hpp"

namespace snellen::check {

std::vector<Finding> check(const Model& model, const Certificate& c, const Options& options) {
  Findings findings(c);
  if (!c.sequences) return std::vector<Finding>(c.claims.size(), settled("softmaxes without a model are not repeated by this program"));
  Budget budget(options.work);
  const bool of_all = check_periods(model, c, options, budget, findings) || check_shares(model, c, options, budget, findings);
  const auto pairs = check_horizon(model, c, options, budget, findings);
  check_windows(model, c, options, budget, findings);
  if (!of_all && !check_norms(model, c, options, pairs.get(), budget, findings)) check_runs(model, c, options, budget, findings);
  check_deep_runs(model, c, options, budget, findings);
  check_engines(model, c, options, budget, findings);
  return findings.list();
}

}  // namespace snellen::check
