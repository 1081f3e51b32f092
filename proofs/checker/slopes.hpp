// A vector that is a function of a few numbers: intervals for its entries on a box of them, and for its derivatives by each of them there. By the mean value theorem, row by row
// along a segment of the box, the vector's difference between two points of the box is these derivatives times the difference of the points (`by_mean_values`, proofs/rope.md).
#pragma once

#include "proofs/checker/operations.hpp"

namespace snellen::check {

struct Sloped {
  Vector values;
  std::vector<Vector> slopes;  // by each number, an entry each
};

class Slopes {
 public:
  explicit Slopes(const Operations& o) : o_(o) {}

  Sloped linear(const Linear& map, const Sloped& x) const;
  void add(Sloped& x, const Sloped& y) const;
  Sloped multiply(const Sloped& x, const Sloped& y) const;  // entry by entry
  void norm(const std::optional<Norm>& n, Sloped& x) const;
  void activate(Activation activation, Sloped& x) const;
  // What a layer makes of x where its attention's heads have the outputs `mixed`.
  void add_layer(const Layer& layer, Sloped& x, const Sloped& mixed) const;

 private:
  Number derivative(Activation activation, const Number& x) const;
  const Operations& o_;
};

}  // namespace snellen::check
