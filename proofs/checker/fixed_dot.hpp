// Products of rows of doubles with vectors of intervals, exact but for what a vector loses when it is put on a grid: sums of products of digits (digit_kernels.hpp), each an exact integer.
#pragma once

#include <cstdint>
#include <span>

#include "proofs/checker/arithmetic.hpp"
#include "proofs/checker/digit_kernels.hpp"

namespace snellen::check {

// Entry j lies within radius_j 2^radius_unit of 2^unit times the sum of its digits, digit k times 2^(21 k).
class FixedVector {
 public:
  // The grid is about 2^-(bits + 64) times the largest entry, or 2^-40 times the widest entry's width where that is more: what lies below would only cost time.
  FixedVector(const Vector& x, long bits);
  bool finite() const { return finite_; }  // else nothing is known of any entry

 private:
  friend class FixedRows;
  std::size_t size_ = 0, blocks_ = 0;  // blocks of lanes
  long unit_ = 0, radius_unit_ = 0;
  std::vector<double> digits_;  // [block][entry][lane]
  std::vector<double> radii_;
  bool finite_ = true;
};

// Rows of weights of one length.
class FixedRows {
 public:
  explicit FixedRows(std::span<const std::vector<double>> rows, const DigitKernel& kernel = digit_kernels().front());  // finite
  // Sets y[i] to an interval that contains rows[i] . x.
  void times(const FixedVector& x, std::span<Number> y) const;

 private:
  // A row is 2^exponent times the sum of its digits; digit k is stream first + k.
  struct Row {
    long exponent;
    std::size_t first, digits;
    std::vector<double> magnitudes;
  };
  const DigitKernel& kernel_;
  std::size_t size_ = 0;
  std::vector<Row> rows_;
  std::vector<double> digits_;  // [streams, four by four][entry][stream of the four]
};

}  // namespace snellen::check
