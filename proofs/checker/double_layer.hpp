// Vectors in doubles, each with one bound of its error, through norms, linear maps and an MLP: some hundred times as fast as intervals, and good to some 40 bits. Where 2-norms take too much, or doubles are not
// rounded to nearest, the error is infinite.
//
// With u = 2^-53, ^ what is computed, e the error, and sums of n terms in any order, each within gamma_n = 1.01 n u of the sum of sizes (Higham 2002, section 4.2; n u < 0.01):
//   linear     e |W|_F + gamma_(n+2) (|W|_F |x^| + |b|), n columns: |(|W| |x^|)|_2 <= |W|_F |x^|
//   sum        e_x + e_y + u |z^|
//   product    max|x^| e_y + max|y^| e_x + e_x e_y + u |z^|, entry by entry
//   norm       of n entries, rho(x) = (|x|^2/n + epsilon)^(1/2): the derivative of x / rho, (I - x x^T / (n rho^2)) / rho, is symmetric with eigenvalues from 0 to 1/rho, and rho has the Lipschitz constant n^(-1/2).
//              So x/rho moves by at most e / (rho^ (1 - 2^-30) - e n^(-1/2)), times the largest weight. Computed entries of x/rho, which has a 2-norm of at most n^(1/2), err by less than gamma_(n+10) of themselves
//              with the weights, and u |b| more. Less the mean (a projection): e + gamma_(n+3) |x^| before that.
//   activation L e + delta |y^|, L at least the largest |f'|: relu 1 and delta 0; silu, x / (1 + e^-x), 1.1 and delta = 2^-44 for |x| <= 300, as the exponential errs by less than 2^-45 of itself (exponential.inc)
// and 2^-900 more for what is below the normal doubles. Bounds are themselves computed in doubles, from numbers >= 0; a factor 1 + 2^-30 is for that.
#pragma once

#include "proofs/checker/operations.hpp"

namespace snellen::check {

// The exact vector is within `error` of this one, in the 2-norm.
struct DoubleVector {
  std::vector<double> entries;
  double error;
};
DoubleVector rounded(const Vector& x);
// Intervals that contain the entries.
Vector enclosed(const IntervalArithmetic& a, const DoubleVector& x);

DoubleVector sum(DoubleVector x, const DoubleVector& y);
DoubleVector product(DoubleVector x, const DoubleVector& y);
// relu or silu.
void activate(Activation activation, DoubleVector& x);

class DoubleLinear {
 public:
  explicit DoubleLinear(const Linear& map);
  DoubleVector operator()(const DoubleVector& x) const;

 private:
  std::size_t rows_, columns_;
  std::vector<double> weights_, bias_;  // [rows][columns]
  double norm_, bias_norm_;             // at least |W|_F, |b|_2
};

class DoubleNorm {
 public:
  explicit DoubleNorm(const std::optional<Norm>& norm);
  void operator()(DoubleVector& x) const;

 private:
  bool there_, centred_ = false;
  double epsilon_ = 0, largest_ = 1, bias_norm_ = 0;
  std::vector<double> weights_, bias_;
};

// A layer but for its attention.
class DoubleLayer {
 public:
  // The activations that doubles know: relu and silu.
  static bool knows(const Layer& layer);
  explicit DoubleLayer(const Layer& layer);  // known
  // What the layer makes of the stream x where its heads have these outputs.
  DoubleVector operator()(DoubleVector x, const DoubleVector& mixed) const;

 private:
  Activation activation_;
  DoubleLinear output_;
  DoubleNorm after_attention_, before_mlp_, after_mlp_;
  std::optional<DoubleLinear> up_, gate_, down_;
};

}  // namespace snellen::check
