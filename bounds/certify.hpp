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
  bool inevitable = false;              // ask for a proof for all n as well
  std::optional<double> inevitable_work;  // the most that it may cost (bounds/work.hpp); none: default_inevitable_work
};

// Enough for small models, far too little for a real one.
inline constexpr double default_inevitable_work = 2e10;

// The family's pairs from n = from to the horizon are evaluated one by one; with `inevitable` all n >= 1 are asked about as well, whatever `from` is, and
// both are joined row by row. The precision is raised until everything asked is decided or max_bits is reached; what then is open is reported as undecided.
// Throws InputError for tokens outside the vocabulary or positions beyond a learned table, Interrupted if the progress asks to stop.
Certification certify(const Model& model, const CertifyRequest& request, Progress& progress);

}  // namespace snellen
