// A block X [in, columns] of balls in fixed point, one grid for each column, made once and multiplied by any number of weight
// matrices.
//
// Column j: |X_kj - m_kj 2^unit| <= error_kj, m_kj an integer (the midpoint cut off towards zero), |m_kj| < 2^fraction, and
// error_kj the ball's radius, plus 2^unit where bits were cut off. The column's largest midpoint lies in [1/2, 1) 2^(unit +
// fraction). The grid is as fine as the entries deserve (grid.hpp).
// The error that the cut adds to (W X)_ij is at most sum_k |W_ik| 2^unit <= 2^-(bits + 6) |W_i|_1 max_k |X_kj| (midpoints).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/exact_product/prepared_weights.hpp"

namespace snellen {

class FixedPointBlock {
 public:
  struct Column {
    bool fits = true;  // false: a ball that is not finite, or an exponent beyond 2^40; FLINT's product serves it
    slong unit = 0, fraction = 1, radius_exponent = 0;
  };
  // The integers m_kj + 2^fraction > 0 cut into digits for weights of one width: 28 bits for narrow ones, 52 for wide ones.
  struct Digits {
    // A column begins at begin[j]: [in][count[j]], the lowest digit first. One of the two.
    std::unique_ptr<std::uint32_t[]> narrow;
    std::unique_ptr<std::uint64_t[]> wide;
    std::vector<std::size_t> begin, count;
    std::vector<Int128> offsets;       // 2^(weight bits - 1) times the sum of a digit over the column; [columns][most digits]
    std::size_t most = 0;
  };
  // The integers m_kj in signed digits of 8 bits, as byte_kernel.hpp wants them.
  struct Bytes {
    std::unique_ptr<std::uint8_t[]> digits;
    std::vector<std::size_t> begin, own;  // of a column, which has byte_places(own) places
  };

  // x must outlive the block. bits >= 2.
  FixedPointBlock(const BallMatrix& x, long bits);
  FixedPointBlock(const FixedPointBlock&) = delete;
  FixedPointBlock& operator=(const FixedPointBlock&) = delete;

  const BallMatrix& balls() const { return x_; }
  std::size_t rows() const { return x_.rows(); }
  std::size_t columns() const { return x_.columns(); }
  const Column& column(std::size_t j) const { return columns_[j]; }
  // error_kj <= radii[k] 2^radius_exponent, 0 or in [2^-100, 2], to two roundings of floats. Stored for tiles of
  // radius_columns() columns: [tile][in][radius_columns()].
  std::size_t radius_columns() const { return columns() == 1 ? 1 : 4; }
  const float* radii(std::size_t tile) const { return radii_.data() + tile * rows() * radius_columns(); }
  // Made at the first call, in parallel; safe to call from several threads.
  const Digits& digits(WeightWidth width) const;
  // Each digit stored as `zero` more than it is, 0 or 128. As digits() otherwise.
  const Bytes& bytes(std::uint8_t zero) const;

 private:
  // Of columns [begin, end).
  void choose_grids(std::size_t begin, std::size_t end, long bits);
  void enclose_errors(std::size_t begin, std::size_t end);
  void make(Digits& digits, WeightWidth width) const;
  void make(Bytes& bytes, std::uint8_t zero) const;
  void store(Bytes& bytes, std::uint8_t zero, std::size_t j, std::size_t chunk, mp_limb_t* limbs, std::size_t count) const;
  template <int digit_bits, class Word>
  void cut(Digits& digits, Word* words) const;
  bool worth_threads() const;
  // m_kj modulo 2^(64 limbs).
  void integer(mp_limb_t* number, slong limbs, std::size_t k, std::size_t j) const;

  const BallMatrix& x_;
  std::vector<Column> columns_;
  std::vector<float> radii_;
  mutable std::array<Digits, 2> digits_;
  mutable std::array<Bytes, 2> bytes_;
  mutable std::array<std::once_flag, 2> made_, made_bytes_;
};

}  // namespace snellen
