// The main job: certify, for every n of a family, how far the last-token representations of a pair are apart, and in which formats and
// engines the two can still be told apart.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bounds/evaluate.hpp"
#include "bounds/result.hpp"
#include "lib/world/profile.hpp"

namespace snellen {

struct CertifyRequest {
  std::string title, case_name;
  Family family;
  std::vector<Format> formats;
  std::vector<Criterion> criteria;
  std::vector<Metric> metrics;
  Place at = Place::final;
  std::optional<Dyadic> eps;            // of the tolerance criterion, for every format; none: 2^(1-t)
  std::vector<Profile> profiles;
  std::optional<long> start_bits;       // none: predicted
  long max_bits = 4096;
};

// The precision is raised until everything asked is decided or max_bits is reached; what then is open is reported as undecided.
// Throws InputError for tokens outside the vocabulary or positions beyond a learned table, Interrupted if the progress asks to stop.
Certification certify(const Model& model, const CertifyRequest& request, Progress& progress);

}  // namespace snellen
