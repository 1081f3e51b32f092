// Vectors in fixed point: every column of a block has one unit and one bound of its errors, its entries are integers of the same number of digits. What a ball
// world spends on single balls (their structs, radii and memory) is spent once for a column.
//
// Column c knows a vector x_c up to |x_c - m_c 2^unit|_2 <= error, m_c integers with |m_ic| <= 2^(52 digits - 1), |m_ic| 2^unit <= 2^top. One bound for a column, in the
// 2-norm: it is what a linear map takes to its images' without losing the square root of a width (|W e|_2 <= |W|_F |e|_2), and what the stream asks for in the end.
//
// Every operation on them ends in integers that are cut off. What that costs is written beside each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/exact_product/long_digits.hpp"
#include "lib/number/magnitude.hpp"

namespace snellen {

inline Magnitude two_to(slong e) { return shifted(Magnitude::of(1ul), e); }
// At least sqrt(n).
inline Magnitude root_of(std::size_t n) {
  Magnitude result = Magnitude::of(n);
  mag_sqrt(result.get(), result.get());
  return result;
}

class FixedColumns {
 public:
  struct Column {
    slong top = 0;
    Magnitude error;
  };
  // Beyond that, doubles do not serve; whoever makes a column keeps to it, or makes none.
  static constexpr slong most_top = 90;
  static bool serves(slong top) { return top >= -most_top && top <= most_top; }

  // Entries are whatever they are: every group has to be written. digits >= 2.
  FixedColumns(std::size_t rows, std::size_t columns, std::size_t digits);
  FixedColumns(const FixedColumns&) = delete;
  FixedColumns(FixedColumns&&) = default;

  // The midpoints cut off towards zero to `digits` digits from their column's largest on: error = |radii|_2 + sqrt(rows) 2^unit. Nothing where exponents are out of range.
  static std::optional<FixedColumns> of(const BallMatrix& x, std::size_t digits);

  // The same of one column, entry(i) its balls; false: out of range.
  template <class Entry>
  bool set_column(std::size_t c, const Entry& entry) {
    slong top = 0;
    bool zero = true;
    for (std::size_t i = 0; i < rows_; ++i) {
      arb_srcptr x = entry(i);
      if (!tame(x)) return false;
      if (arf_is_zero(arb_midref(x))) continue;
      top = zero ? ARF_EXP(arb_midref(x)) : std::max<slong>(top, ARF_EXP(arb_midref(x)));
      zero = false;
    }
    if (!serves(top)) return false;
    columns_[c].top = top;
    Magnitude squares;
    DigitCutter cutter;
    if (rows_ % long_lanes != 0) std::fill_n(group(c, groups_ - 1), group_size(), 0);  // rows that are not there
    for (std::size_t i = 0; i < rows_; ++i) {
      arb_srcptr x = entry(i);
      std::uint64_t* words = group(c, i / long_lanes) + i % long_lanes;
      cutter.cut(arb_midref(x), unit(c), static_cast<slong>(digits_) * long_digit_bits - 1, digits_, words, long_lanes);
      words[(digits_ - 1) * long_lanes] ^= std::uint64_t{1} << (long_digit_bits - 1);
      mag_addmul(squares.get(), arb_radref(x), arb_radref(x));
    }
    mag_sqrt(squares.get(), squares.get());
    columns_[c].error = squares + root_of(rows_) * two_to(unit(c));
    return true;
  }

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_.size(); }
  std::size_t digits() const { return digits_; }
  Column& column(std::size_t c) { return columns_[c]; }
  const Column& column(std::size_t c) const { return columns_[c]; }
  slong unit(std::size_t c) const { return columns_[c].top + 1 - static_cast<slong>(digits_) * long_digit_bits; }

  // Rows 8g to 8g + 7 of a column, two's complement, the lowest digit first: [digits][8]. Rows that are not there are zero.
  std::size_t groups() const { return groups_; }
  std::size_t group_size() const { return digits_ * long_lanes; }
  std::uint64_t* group(std::size_t c, std::size_t g) { return words_.get() + (c * groups_ + g) * group_size(); }
  const std::uint64_t* group(std::size_t c, std::size_t g) const { return words_.get() + (c * groups_ + g) * group_size(); }

  // The least b >= 0 with -2^b <= m_ic < 2^b for the whole column.
  slong used_bits(std::size_t c) const;
  // Doubles [rows] with |m_ic 2^unit - values_i| <= 2^-52 |values_i| + 2^(top - 100).
  void middles(std::size_t c, std::span<double> values) const;
  // At least |x_ic - values_i| - 2^-52 |values_i| for every i.
  Magnitude middle_error(std::size_t c) const;
  // At least |x_ic| for every i, at least |x_c|_2.
  Magnitude largest(std::size_t c) const;
  Magnitude norm(std::size_t c) const;

  // The entries m_ic 2^unit; with the column's error as everyone's radius.
  BallMatrix midpoints() const;
  BallMatrix balls() const;

 private:
  std::size_t rows_, digits_, groups_;
  std::vector<Column> columns_;
  std::unique_ptr<std::uint64_t[]> words_;
};

}  // namespace snellen
