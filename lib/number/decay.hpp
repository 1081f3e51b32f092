// Bounds of what dies away along a run. Lemmas: proofs/majorant.md, "Decays".
//
// With the basis psi_k(j) = log(j/M)^k M/j on the integers j >= M, a Decay is a sum of c_k psi_k with upper bounds c_k >= 0. It bounds
// a sequence x if |x_j| <= sum_k c_k psi_k(j) for every j >= M. Every operation rounds up; an infinite coefficient says nothing.
#pragma once

#include <vector>

#include "lib/number/length.hpp"
#include "lib/number/magnitude.hpp"

namespace snellen {

class Decay {
 public:
  // c M/j.
  static Decay inverse(Magnitude c);

  std::size_t terms() const { return c_.size(); }
  const Magnitude& operator[](std::size_t k) const { return c_[k]; }
  bool is_zero() const;

  Decay& operator+=(const Decay& x);
  void add(const Decay& x, const Magnitude& factor);  // += factor x
  // Coefficient by coefficient: bounds the larger of two sequences.
  void raise_to(const Decay& x);

 private:
  friend class Decays;
  std::vector<Magnitude> c_;
};

// What depends on M >= 1.
class Decays {
 public:
  explicit Decays(Length first);
  const Length& first() const { return first_; }

  // Bounds the sum at every j >= n, n >= M: psi_k falls from log(j/M) = k on and is at most (k/e)^k.
  Magnitude from(const Decay& x, const Length& n) const;
  Magnitude supremum(const Decay& x) const { return from(x, first_); }
  // Bounds (1/j) (x_M + ... + x_j).
  Decay average(const Decay& x) const;
  // Bounds x_M + ... + x_{end-1}.
  Magnitude sum(const Decay& x, const Length& end) const;
  // Bounds the largest of x_i, max(M, j - back) <= i <= j.
  Decay reaching_back(const Decay& x, const Length& back) const;

 private:
  Length first_;
};

// At least x, for x >= 0; and at least x/y, for y > 0.
Magnitude magnitude_of(const Length& x);
Magnitude quotient(const Length& x, const Length& y);

}  // namespace snellen
