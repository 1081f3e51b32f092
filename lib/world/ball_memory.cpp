#include "lib/world/ball_memory.hpp"

#include <algorithm>

#include "lib/number/exact_product/grid.hpp"
#include "lib/number/exact_product/long_digits.hpp"

namespace snellen {
namespace {

constexpr std::size_t groups_of(std::size_t count) { return (count + long_lanes - 1) / long_lanes; }

// The grids of a head's vector of each token, and the digits that they ask for.
struct Grids {
  std::vector<Grid> of;
  std::size_t digits = 1;
  bool fit = true;

  Grids(const BallMatrix& x, std::size_t row, std::size_t size, long bits) : of(x.columns()) {
    for (std::size_t t = 0; t < of.size(); ++t) {
      of[t] = choose_grid(size, [&](std::size_t i) { return x(row + i, t); }, bits);
      fit = fit && of[t].fits;
      digits = std::max(digits, long_digits_for(of[t].fraction + 1));
    }
    // Every grid is made as fine as the digits allow: what one token needs costs the others nothing.
    for (Grid& grid : of) grid.fraction = static_cast<slong>(digits) * long_digit_bits - 1;
  }
};

}  // namespace

void GrowingBalls::append(const BallMatrix& x) {
  const std::size_t needed = size_ + x.rows() * x.columns();
  if (needed > entries_.size()) {
    BallVector grown(std::max(needed, 2 * size_));
    for (std::size_t i = 0; i < size_; ++i) arb_swap(grown[i], entries_[i]);
    entries_ = std::move(grown);
  }
#pragma omp parallel for schedule(static) if (x.columns() > 1)
  for (std::size_t c = 0; c < x.columns(); ++c)
    for (std::size_t i = 0; i < x.rows(); ++i) arb_set(entries_[size_ + c * x.rows() + i], x(i, c));
  size_ = needed;
}

MemoryBlock::MemoryBlock(const BallMatrix& k, const BallMatrix& v, std::size_t begin, std::size_t kv_heads, long bits)
    : begin_(begin), tokens_(k.columns()), head_size_(k.rows() / kv_heads), heads_(kv_heads) {
#pragma omp parallel for schedule(dynamic)
  for (std::size_t job = 0; job < 2 * kv_heads; ++job) {
    const std::size_t h = job / 2;
    if (job % 2 == 0) convert_keys(heads_[h], k, h * head_size_, bits);
    else convert_values(heads_[h], v, h * head_size_, bits);
  }
  for (Head& head : heads_) head.fits = head.keys.size() > 0 && head.values.size() > 0;
}

void MemoryBlock::convert_keys(Head& head, const BallMatrix& k, std::size_t row, long bits) const {
  const Grids grids(k, row, head_size_, bits);
  if (!grids.fit) return;
  const std::size_t digits = head.key_digits = grids.digits, groups = groups_of(tokens_);
  head.keys.assign(groups * head_size_ * digits * long_lanes, 0);
  head.key_sums.assign(tokens_ * digits, 0);
  head.key_size.assign(groups * head_size_ * long_lanes, 0.0f);
  head.key_radius.assign(groups * head_size_ * long_lanes, 0.0f);
  DigitCutter cutter;
  for (std::size_t t = 0; t < tokens_; ++t) {
    const Grid& grid = grids.of[t];
    const slong unit = grid.unit(), radius_top = std::max(grid.radius, unit + 1);
    head.key_unit.push_back(unit), head.key_top.push_back(grid.top), head.key_radius_top.push_back(radius_top);
    for (std::size_t i = 0; i < head_size_; ++i) {
      arb_srcptr x = k(row + i, t);
      const std::size_t place = (t / long_lanes * head_size_ + i) * long_lanes + t % long_lanes;
      std::uint64_t* words = &head.keys[(t / long_lanes * head_size_ + i) * digits * long_lanes + t % long_lanes];
      const bool cut = cutter.cut(arb_midref(x), unit, grid.fraction, digits, words, long_lanes);
      for (std::size_t d = 0; d < digits; ++d) head.key_sums[t * digits + d] += words[d * long_lanes];
      head.key_size[place] = magnitude_float(arb_midref(x), grid.top);
      head.key_radius[place] = error_float(x, cut, unit, radius_top);
    }
  }
}

void MemoryBlock::convert_values(Head& head, const BallMatrix& v, std::size_t row, long bits) const {
  const Grids grids(v, row, head_size_, bits);
  if (!grids.fit) return;
  const std::size_t digits = head.value_digits = grids.digits, groups = groups_of(head_size_);
  head.values.assign(groups * tokens_ * digits * long_lanes, 0);
  head.value.assign(groups * tokens_ * long_lanes, 0.0f);
  head.value_radius.assign(groups * tokens_ * long_lanes, 0.0f);
  head.value_top = head.value_radius_top = Grid::least;
  for (const Grid& grid : grids.of) {
    if (!grid.zero) head.value_top = std::max<std::int64_t>(head.value_top, grid.top);
    head.value_radius_top = std::max<std::int64_t>({head.value_radius_top, grid.radius, grid.unit() + 1});
  }
  if (head.value_top == Grid::least) head.value_top = 0;
  DigitCutter cutter;
  for (std::size_t t = 0; t < tokens_; ++t) {
    const Grid& grid = grids.of[t];
    head.value_unit.push_back(grid.unit()), head.value_zero.push_back(grid.zero);
    for (std::size_t i = 0; i < head_size_; ++i) {
      arb_srcptr x = v(row + i, t);
      const std::size_t place = (i / long_lanes * tokens_ + t) * long_lanes + i % long_lanes;
      const bool cut = cutter.cut(arb_midref(x), grid.unit(), grid.fraction, digits,
                                  &head.values[(i / long_lanes * tokens_ + t) * digits * long_lanes + i % long_lanes], long_lanes);
      head.value[place] = (ARF_SGNBIT(arb_midref(x)) ? -1.0f : 1.0f) * magnitude_float(arb_midref(x), head.value_top);
      head.value_radius[place] = error_float(x, cut, grid.unit(), head.value_radius_top);
    }
  }
}

void BallMemory::append(const BallMatrix& k, const BallMatrix& v, std::size_t kv_heads, long bits) {
  keys.append(k);
  values.append(v);
  if (k.columns() > 0) blocks.emplace_back(k, v, entries, kv_heads, bits);
  entries += k.columns();
}

}  // namespace snellen
