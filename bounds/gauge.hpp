// What a criterion allows, as a gauge: kappa >= 0, convex and positively homogeneous, with collapse proved where kappa <= 1. Mathematics: proofs/rope.md, "Gauges".
#pragma once

#include <optional>
#include <span>
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

class GaugeInDoubles;

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

  // The same for many vectors in doubles.
  GaugeInDoubles in_doubles() const;

  enum class Combine { sum, euclid, largest };

 private:
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

// kappa of vectors x known up to radii r: at most kappa at the middle of the derivatives, plus sum of |x_k| rough_k + r_k unit_k, with unit_k at least kappa of the k-th unit vector and of
// its opposite, and rough_k at least what the derivatives' radii add to that and what rounding does (a part of 2^-40 of unit_k, for fewer than 2^12 variables).
class GaugeInDoubles {
 public:
  GaugeInDoubles(Gauge::Combine combine, std::size_t variables) : combine_(combine), variables_(variables), units_(variables), rough_(variables) {}

  std::size_t variables() const { return variables_; }
  double unit(std::size_t k) const { return units_[k]; }
  // At least kappa of every vector within the radii of x. Infinite where any entry is not moderate.
  double operator()(std::span<const double> x, std::span<const double> radii) const;

 private:
  friend class Gauge;
  Gauge::Combine combine_;
  std::size_t variables_;
  std::vector<double> up_, down_;  // [row * variables + k]
  std::vector<double> units_, rough_;
};

}  // namespace snellen
