// How far apart are the softmaxes of two lists of scores that differ in their first entries only, when the lists grow? Lemma B.2 and figure 9 of the paper.
#pragma once

#include <cstdint>
#include <vector>

#include "bounds/certify.hpp"

namespace snellen {

struct SoftmaxFamily {
  std::uint64_t seed = 0;
  std::size_t changed = 200;  // the scores that are changed: the first ones
  double noise = 0.1;         // what is added to them is drawn from [0, noise]
  std::int64_t from = 1, to = 1;
};

// The scores x_1, ..., x_n: integers of 53 bits times 2^-53, each uniform in [0, 1); and what is added to x_i, i <= changed, to make x*_i: t noise, t drawn
// likewise, rounded to double. Exact numbers; the first n are the same for every n.
struct SoftmaxScores {
  std::vector<double> scores, added;
};
SoftmaxScores softmax_scores(const SoftmaxFamily& family, std::int64_t n);

// For every n from the first length to the last the L1 distance of the softmax of x_1, ..., x_n and that of x*_1, ..., x*_n, twice their total variation:
//   sum over i <= n of | e^{x_i} / sum_j e^{x_j} - e^{x*_i} / sum_j e^{x*_j} |,
// enclosed; and when it is at most each format's 2^(1-t). Title, name, formats and precision of the request are used, nothing else; precision is raised as in
// certify().
Certification certify_softmax(const SoftmaxFamily& family, const CertifyRequest& request, Progress& progress);

}  // namespace snellen
