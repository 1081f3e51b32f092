// Of a model of one layer with rotary positions and a run P . a^n . Q: its last vectors at any lengths, and the lengths below a bound whose pairs may be distinct.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "bounds/evaluate.hpp"
#include "bounds/inevitable.hpp"
#include "bounds/phase_bound.hpp"
#include "lib/world/rotary_world.hpp"

namespace snellen {

class RotaryLengths {
 public:
  RotaryLengths(const Model& model, const Family& family, Place place, bool next_tokens, long bits, const MassSettings& settings);

  const RotaryRun& run() const { return *memory_[0]; }
  const BallWorld& balls() const { return world_.balls(); }

  struct Vectors {
    std::vector<CertifiedVector> vectors;
    std::vector<std::optional<Token>> next_tokens;  // none where they were not asked for
  };
  // y(S_n) (or x(L)) at each of the lengths, ascending, following so many modes of the masses.
  Vectors at(const std::vector<std::int64_t>& lengths, std::size_t modes);

  // The last vector and its derivative by the shares, over all shares from 0 to `largest`. With 0: the limit.
  struct Frame {
    BallMatrix vector, slopes, final, final_slopes;
  };
  Frame frame(const Magnitude& largest) const;

 private:
  const Model& model_;
  Place place_;
  bool next_tokens_;
  Token last_;
  RotaryWorld world_;
  Decoder<RotaryWorld>::Memory memory_;
};

// The n with from <= n < to, from >= 1, to <= 2^62, at which n kappa(n) may exceed `from` (at n or, where pairs are judged by their vectors, at n + 1), descending: visit(n) returns true to
// stop. `bound` must hold for n >= from. False where that was too much work.
bool visit_large(const PhaseBound& bound, const RotaryFrequencies& frequencies, bool steps, std::int64_t from, std::int64_t to, std::int64_t most, const std::function<bool(std::int64_t)>& visit);

}  // namespace snellen
