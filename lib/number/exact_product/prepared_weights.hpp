// A weight matrix as integers: row i is W_ik = w_ik 2^(scale_i) with signed integers w_ik, except for a sparse exact tail.
//
// narrow: |w_ik| < 2^23, stored as w_ik + 2^23 in 4 bytes: bf16 and other types of few significant bits.
// wide:   |w_ik| < 2^50, stored as w_ik + 2^50 in 8 bytes: fp32, and bf16 rows whose exponents spread too far.
// The row's scale is the one that most of its entries fit. The others are its tail: w_ik = 0 in the matrix, and W_ik kept as a
// significand and an exponent. Nothing is rounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/model/tensor.hpp"
#include "lib/number/ball_matrix.hpp"

namespace snellen {

__extension__ typedef __int128 Int128;
__extension__ typedef unsigned __int128 UInt128;

// Rows are stored in groups of 8, the lanes of the products: [group][column][8]. Absent rows of the last group are zero.
inline constexpr std::size_t group_rows = 8;

enum class WeightWidth { narrow, wide };
constexpr int weight_bits(WeightWidth width) { return width == WeightWidth::narrow ? 24 : 51; }  // of the stored w + 2^(bits - 1)

struct TailWeight {
  std::uint32_t column;
  std::int32_t exponent;
  std::int64_t significand;  // odd; the weight is significand 2^exponent
};

// Rows [begin, end) of a tensor.
BallMatrix exact_balls(const Tensor& tensor, std::size_t begin, std::size_t end);

class PreparedWeights {
 public:
  // Reads every row (in parallel, the narrow form first and the wide one where its tail would be too long). The tensor stays
  // in use: FLINT's product reads it where this form does not serve.
  explicit PreparedWeights(TensorPtr tensor);
  // Those of a tensor, kept with it; they serve as long as it lives.
  static std::shared_ptr<const PreparedWeights> of(const Tensor& tensor);
  std::size_t bytes() const;

  std::size_t rows() const { return tensor_->rows(); }
  std::size_t columns() const { return tensor_->columns(); }
  const Tensor& tensor() const { return *tensor_; }
  // The weights as balls where they are few: FLINT's product of few columns is then the fastest.
  static constexpr std::size_t few = 512;
  const BallMatrix& balls() const { return balls_; }  // [0, 0] where there are more than `few`
  // False: entries that are not finite, more significant bits than 50, too long a tail, or 2^20 columns. What follows is then
  // not there.
  bool fits() const { return fits_; }
  WeightWidth width() const { return width_; }
  std::size_t groups() const { return (rows() + group_rows - 1) / group_rows; }
  const std::uint32_t* narrow(std::size_t group) const { return narrow_.get() + group * columns() * group_rows; }
  const std::uint64_t* wide(std::size_t group) const { return wide_.get() + group * columns() * group_rows; }
  int scale(std::size_t row) const { return scale_[row]; }
  Int128 sum(std::size_t row) const { return sum_[row]; }  // of w_ik over k
  int sum_bits() const { return sum_bits_; }               // sum over k of |w_ik| < 2^sum_bits in every row
  std::span<const TailWeight> tail(std::size_t row) const {
    return std::span(tail_).subspan(tail_begin_[row], tail_begin_[row + 1] - tail_begin_[row]);
  }
  std::size_t tail_size() const { return tail_.size(); }

 private:
  bool prepare(WeightWidth width, std::size_t most_in_tail);

  TensorPtr tensor_;
  BallMatrix balls_;
  bool fits_ = false;
  WeightWidth width_ = WeightWidth::narrow;
  std::unique_ptr<std::uint32_t[]> narrow_;  // one of the two, [groups()][columns()][group_rows]
  std::unique_ptr<std::uint64_t[]> wide_;
  std::vector<int> scale_;
  std::vector<Int128> sum_;
  int sum_bits_ = 0;
  std::vector<TailWeight> tail_;
  std::vector<std::size_t> tail_begin_;
};

}  // namespace snellen
