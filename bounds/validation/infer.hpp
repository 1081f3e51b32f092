// Which profile explains a dump best: candidates as they are, then each with one field changed, and again from the best.
#pragma once

#include <string>
#include <vector>

#include "bounds/validation/validate.hpp"

namespace snellen {

struct InferredProfile {
  EngineProfile profile;
  std::string change;        // "norm = bf16, cast of norms after the weight"; empty: as shipped
  std::size_t outside = 0;   // entries that it does not explain
  std::size_t failures = 0;  // operations
  double resolution = 0;     // mean over operations of envelope over signal: of profiles that explain as much the tightest says most
};

// Best first: the fewest failing operations, then the fewest entries outside, then the tightest envelopes. Candidates whose operations the envelope does not cover are left out.
std::vector<InferredProfile> infer_profile(const Model& model, std::span<const Column> columns, const Dump& dump, const std::vector<EngineProfile>& candidates, Progress& progress);

}  // namespace snellen
