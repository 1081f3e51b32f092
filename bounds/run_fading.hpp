// What the last token of a run can still feel, for every length without end: P . a^n for n to infinity. Mathematics: proofs/sensitivity.md, "A run that grows".
#pragma once

#include <string>
#include <vector>

#include "bounds/evaluate.hpp"
#include "lib/number/dyadic.hpp"
#include "lib/number/magnitude.hpp"

namespace snellen {

// For every t >= from (tokens, prefix included) and every token i < t, counted from 1: |J_{t,i}|_2 <= constant (1 + H_t)^(layers - 1) / t, H_t = 1 + 1/2 + ... + 1/t
// (`sensitivity_fades`). constant = output C_layers, C_0 = 0, C_{l+1} = (own + other) C_l + other own^l.
struct RunFading {
  std::string refused;        // why nothing is proved; empty where something is
  std::int64_t from = 0;
  std::size_t layers = 0;
  Dyadic own, other;          // of every layer l and every t: |d x_t(l+1) / d x_t(l)|_2 <= own, t |d x_t(l+1) / d x_i(l)|_2 <= other
  Dyadic output;              // |d output / d x_t(L)|_2 at every t >= from
  Dyadic constant;

  // The bound at t >= from tokens, rounded up.
  Dyadic at(std::int64_t t) const;
};

// `reader`: at least the 2-norm of what is read from the vector at `place` (1 for the vector itself).
RunFading run_fading(const Model& model, const Family& family, Place place, const Magnitude& reader, Progress& progress);

}  // namespace snellen
