// Products of a matrix of doubles with vectors of intervals, exact but for what a vector loses when it is put on a grid: integers, one limb times many.
#pragma once

#include <gmp.h>

#include "proofs/checker/arithmetic.hpp"

namespace snellen::check {

// Entry j lies within radius_j 2^radius_unit of +- magnitude_j 2^unit.
class FixedVector {
 public:
  // The grid is about 2^-(bits + 64) times the largest entry, or 2^-40 times the widest entry's width where that is more: what lies below would only cost time.
  FixedVector(const Vector& x, long bits);
  bool finite() const { return finite_; }  // else nothing is known of any entry

 private:
  friend class FixedRow;
  std::size_t limbs_ = 0;
  long unit_ = 0, radius_unit_ = 0;
  std::vector<mp_limb_t> magnitudes_;  // [entry][limb]
  std::vector<signed char> signs_;
  std::vector<double> radii_;
  bool finite_ = true;
};

// A row of weights.
class FixedRow {
 public:
  explicit FixedRow(const std::vector<double>& weights);  // finite
  // Sets y to an interval that contains weights . x.
  void times(const FixedVector& x, Number& y) const;

 private:
  // A weight is +- limb 2^(exponent_ + band step_); most rows have one band.
  struct Weight {
    mp_limb_t limb;
    std::size_t band;
    bool negative;
  };
  std::vector<double> magnitudes_;
  std::vector<Weight> weights_;
  long exponent_ = 0, step_ = 1;
  std::size_t bands_ = 1;
};

}  // namespace snellen::check
