// Bounds of what dies away along a run. Lemmas: proofs/majorant.md, "Decays".
//
// With the basis log(j/M)^k (M/j)^order on the integers j >= M, a DecayOf<order> is a sum of upper bounds c_k >= 0 times the basis. It bounds a sequence x if
// |x_j| <= sum_k c_k log(j/M)^k (M/j)^order for every j >= M. Every operation rounds up; an infinite coefficient says nothing.
#pragma once

#include <vector>

#include "lib/number/length.hpp"
#include "lib/number/magnitude.hpp"

namespace snellen {

template <unsigned long order>
class DecayOf {
 public:
  // c (M/j)^order.
  static DecayOf inverse(Magnitude c);
  // c[k] for each k.
  static DecayOf of(std::vector<Magnitude> c);
  // Bounds every sequence.
  static DecayOf unknown();

  std::size_t terms() const { return c_.size(); }
  const Magnitude& operator[](std::size_t k) const { return c_[k]; }
  bool is_zero() const;

  DecayOf& operator+=(const DecayOf& x);
  void add(const DecayOf& x, const Magnitude& factor);  // += factor x
  // Coefficient by coefficient: bounds the larger of two sequences.
  void raise_to(const DecayOf& x);

 private:
  friend class Decays;
  std::vector<Magnitude> c_;
};

using Decay = DecayOf<1>;      // how far x_j is from a limit, basis psi_k(j) = log(j/M)^k M/j
using StepDecay = DecayOf<2>;  // how far x_j is from x_(j-1), basis log(j/M)^k (M/j)^2

// How x_j moves: at every j >= M within `deviation` of a limit, at every j > M within `step` of x_(j-1).
struct Motion {
  Decay deviation;
  StepDecay step;

  Motion& operator+=(const Motion& x) { return deviation += x.deviation, step += x.step, *this; }
  void add(const Motion& x, const Magnitude& factor) { deviation.add(x.deviation, factor), step.add(x.step, factor); }
};

// What depends on M >= 1.
class Decays {
 public:
  explicit Decays(Length first);
  const Length& first() const { return first_; }

  // Bounds the sum at every j >= n, n >= M: a term falls from log(j/M) = k/order on and is at most (k/(order e))^k.
  template <unsigned long order>
  Magnitude from(const DecayOf<order>& x, const Length& n) const;
  template <unsigned long order>
  Magnitude supremum(const DecayOf<order>& x) const { return from(x, first_); }
  // Bounds (1/j) (x_M + ... + x_j).
  Decay average(const Decay& x) const;
  Decay average(const StepDecay& x) const;
  // Bounds x_M + ... + x_{end-1}.
  Magnitude sum(const Decay& x, const Length& end) const;
  // Bounds the largest of x_i, max(M, j - back) <= i <= j.
  template <unsigned long order>
  DecayOf<order> reaching_back(const DecayOf<order>& x, const Length& back) const;
  // Bounds x_j M/j; and x_j j.
  static StepDecay over_length(const Decay& x);
  Decay times_length(const StepDecay& x) const;
  // Bounds x_j y_j.
  static StepDecay product(const Decay& x, const Decay& y);

 private:
  Length first_;
};

// At least x, for x >= 0; and at least x/y, for y > 0.
Magnitude magnitude_of(const Length& x);
Magnitude quotient(const Length& x, const Length& y);

}  // namespace snellen
