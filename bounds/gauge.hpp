// What a criterion allows, as a gauge: kappa >= 0, convex and positively homogeneous, with collapse proved where kappa <= 1. Mathematics: proofs/rope.md, "Gauges".
#pragma once

#include <optional>
#include <vector>

#include "bounds/inevitable.hpp"
#include "lib/number/magnitude.hpp"
#include "lib/world/ball.hpp"

namespace snellen {

// A vector and its derivative by some variables, over a box of these that contains 0 and whose vector at 0 is `limit`.
struct GaugeFrame {
  const BallMatrix& limit;   // [width, 1]
  const BallMatrix& slopes;  // [width, variables]
};

// kappa as a function of the variables: of d = J x, J any matrix in the balls of `slopes`.
//   tolerance: |d| / eps, d the difference of the pair's two vectors                       (of_steps)
//   bitwise:   max over coordinates of d_i over the room that the limit has in its rounding cell on that side, d a vector less the limit
//   argmax:    max over tokens j of the growth of logit j over that of the limit's next token, over their margin at the limit
class Gauge {
 public:
  // `final`: for argmax, of y. None where the limit itself cannot be judged.
  static std::optional<Gauge> of(const InevitableQuestion& question, const Model& model, const BallWorld& world, const GaugeFrame& place, const GaugeFrame& final);

  bool of_steps() const { return steps_; }
  // At least kappa(x) for every x of the balls; x has `variables` entries.
  Magnitude operator()(const BallVector& x) const;
  // At least kappa of the k-th unit vector and of its opposite.
  const Magnitude& unit(std::size_t k) const { return units_[k]; }

 private:
  enum class Combine { sum, euclid, largest };
  struct Row {
    BallVector entries;
    Ball up, down;  // kappa_row(z) = max(up z, -down z)
  };
  void finish();

  std::vector<Row> rows_;
  Combine combine_ = Combine::largest;
  bool steps_ = false;
  std::size_t variables_ = 0;
  std::vector<Magnitude> units_;
};

}  // namespace snellen
