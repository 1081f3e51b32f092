#include "lib/number/exact_product/residue_product.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include "lib/number/exact_product/ball_parts.hpp"
#include "lib/number/exact_product/limb_writer.hpp"
#include "lib/number/exact_product/residue_system.hpp"
#include "lib/number/exact_product/sum_rounding.hpp"

namespace snellen {
namespace {

constexpr std::size_t block_rows = 96, block_columns = 64;  // of one thread's job; of what is kept of the block
constexpr std::size_t block_groups = block_rows / group_rows;

std::size_t rounded_up(std::size_t count, std::size_t step) { return (count + step - 1) / step * step; }

// Doubles that begin a cache line, not initialised.
class Doubles {
 public:
  explicit Doubles(std::size_t count) : data_(static_cast<double*>(::operator new(std::max<std::size_t>(count, 1) * sizeof(double), line))) {}
  double* get() const { return data_.get(); }

 private:
  static constexpr std::align_val_t line{64};
  struct Free {
    void operator()(double* p) const { ::operator delete(p, line); }
  };
  std::unique_ptr<double, Free> data_;
};

// The matrix [terms][width] in panels of `columns` columns, [panel][term][columns], zeros beyond the last.
std::vector<double> panels(const std::vector<double>& matrix, std::size_t width, std::size_t columns) {
  if (width == 0) return {};
  const std::size_t terms = matrix.size() / width;
  std::vector<double> result(rounded_up(width, columns) * terms, 0.0);
  for (std::size_t t = 0; t < terms; ++t)
    for (std::size_t i = 0; i < width; ++i) result[(i / columns * terms + t) * columns + i % columns] = matrix[t * width + i];
  return result;
}

// As many columns as a tile has, of the block.
struct Panel {
  const ResidueSystem* system = nullptr;  // null: no column of it fits
  std::size_t block_digits = 0;           // of the longest midpoint
  std::size_t begin = 0;                  // its residues: [modulus, rounded up to a tile's columns][entries]; entry k * columns + c
  std::size_t sums = 0;                   // where its sums begin in a tile's: [c][modulus + 1][tile's rows]
};

// Residues of columns [first, last) of a block.
class BlockResidues {
 public:
  BlockResidues(const PreparedWeights& weights, const FixedPointBlock& x, std::size_t first, std::size_t last, const ResidueKernels& kernels)
      : x_(x), kernels_(kernels), first_(first), last_(last), entries_(rounded_up(x.rows() * kernels.columns, kernels.rows)),
        panels_(rounded_up(last - first, kernels.columns) / kernels.columns) {
    std::size_t total = 0;
    for (std::size_t j = first; j < last; ++j) {
      const FixedPointBlock::Column& column = x.column(j);
      if (!column.fits) continue;
      Panel& panel = panels_[(j - first) / kernels.columns];
      panel.block_digits = std::max(panel.block_digits, static_cast<std::size_t>((column.fraction + residue_digit_bits - 1) / residue_digit_bits));
      const std::size_t moduli = ResidueSystem::moduli_for(weights.sum_bits() + column.fraction);
      if (panel.system == nullptr || panel.system->moduli.size() < moduli) panel.system = &ResidueSystem::first(moduli);
    }
    for (Panel& panel : panels_) {
      if (panel.system == nullptr) continue;
      most_moduli_ = std::max(most_moduli_, panel.system->moduli.size());
      panel.begin = total;
      panel.sums = tile_sums_;
      total += rounded_up(panel.system->moduli.size(), kernels.columns) * entries_;
      tile_sums_ += (panel.system->moduli.size() + 1) * kernels.columns * kernels.rows;
    }
    residues_ = std::make_unique<Doubles>(total);
    for (std::size_t p = 0; p < panels_.size(); ++p)
      if (panels_[p].system != nullptr) fill(p);
  }

  std::size_t first() const { return first_; }
  std::size_t last() const { return last_; }
  const std::vector<Panel>& panels() const { return panels_; }
  std::size_t most_moduli() const { return most_moduli_; }
  std::size_t tile_sums() const { return tile_sums_; }
  // From row k of the block on.
  const double* residues(const Panel& panel, std::size_t modulus, std::size_t k) const {
    return residues_->get() + panel.begin + modulus * entries_ + k * kernels_.columns;
  }

 private:
  void fill(std::size_t p) {
    const Panel& panel = panels_[p];
    const std::size_t columns = kernels_.columns, rows = kernels_.rows, digits = panel.block_digits;
    const std::size_t moduli = panel.system->moduli.size(), all_moduli = rounded_up(moduli, columns);
    std::vector<double> powers(panel.system->powers.begin(), panel.system->powers.begin() + static_cast<std::ptrdiff_t>(digits * moduli));
    powers = snellen::panels(powers, moduli, columns);
    std::vector<Modulus> divisors = panel.system->moduli;
    divisors.resize(all_moduli, {1, 1});
#pragma omp parallel
    {
      Doubles tile(digits * rows);  // [digit][entry]
      std::vector<mp_limb_t> number(digits * residue_digit_bits / FLINT_BITS + 3);
#pragma omp for schedule(static)
      for (std::size_t entry = 0; entry < entries_; entry += rows) {
        for (std::size_t e = 0; e < rows; ++e) {
          const std::size_t k = (entry + e) / columns, j = first_ + p * columns + (entry + e) % columns;
          cut(k, j, digits, number.data(), static_cast<slong>(number.size()) - 1, tile.get() + e);
        }
        double* place = residues_->get() + panel.begin + entry;
        for (std::size_t q = 0; q < all_moduli; q += columns)
          kernels_.residues(tile.get(), powers.data() + q * digits, digits, divisors.data() + q, 1, false, place + q * entries_, entries_);
      }
    }
  }

  // The digits of m_kj with its sign, at words[d * rows].
  void cut(std::size_t k, std::size_t j, std::size_t digits, mp_limb_t* number, slong limbs, double* words) const {
    const arf_struct* x = k < x_.rows() && j < last_ && x_.column(j).fits ? arb_midref(x_.balls()(k, j)) : nullptr;
    const slong integer_bits = x == nullptr || arf_is_zero(x) ? 0 : ARF_EXP(x) - x_.column(j).unit;
    if (integer_bits <= 0) {
      for (std::size_t d = 0; d < digits; ++d) words[d * kernels_.rows] = 0;
      return;
    }
    first_bits(number, limbs, mantissa(x), integer_bits, false);
    number[limbs] = 0;
    const int sign = ARF_SGNBIT(x) ? -1 : 1;
    for (std::size_t d = 0; d < digits; ++d) words[d * kernels_.rows] = sign * static_cast<int>(digit_at<residue_digit_bits>(number, d * residue_digit_bits));
  }

  const FixedPointBlock& x_;
  const ResidueKernels& kernels_;
  const std::size_t first_, last_, entries_;
  std::size_t most_moduli_ = 0, tile_sums_ = 0;
  std::vector<Panel> panels_;
  std::unique_ptr<Doubles> residues_;
};

// Up to block_rows rows of the weights times those columns, for one thread.
class ResidueSums {
 public:
  ResidueSums(const PreparedWeights& weights, const FixedPointBlock& x, const BlockResidues& block, const ResidueKernels& kernels, const Kernels& radii, long bits)
      : weights_(weights), x_(x), block_(block), kernels_(kernels), rounding_(weights, x, radii, bits), integers_(block_rows * residue_terms),
        residues_(block_rows * residue_terms), sums_(block_rows / kernels.rows * block.tile_sums()), radii_(4 * block_rows) {}

  // Groups [group, group + groups), groups <= block_groups.
  void run(BallMatrix& y, std::size_t group, std::size_t groups) {
    const std::size_t tiles = rounded_up(groups * group_rows, kernels_.rows) / kernels_.rows;
    for (std::size_t k = 0; k < x_.rows(); k += residue_terms) multiply(group, groups, tiles, k, std::min(residue_terms, x_.rows() - k));
    for (const Panel& panel : block_.panels())
      if (panel.system != nullptr) finish(y, panel, group, groups);
    summed_tile_ = no_tile;
  }

 private:
  double* tile_sums(const Panel& panel, std::size_t tile) { return sums_.get() + tile * block_.tile_sums() + panel.sums; }

  // Adds the terms [k, k + count) to the sums.
  void multiply(std::size_t group, std::size_t groups, std::size_t tiles, std::size_t k, std::size_t count) {
    unpack(group, groups, tiles, k, count);
    const ResidueSystem& largest = ResidueSystem::first(block_.most_moduli());
    for (std::size_t p = 0; p < block_.most_moduli(); ++p) {
      kernels_.reduce(integers_.get(), tiles * kernels_.rows * count, largest.moduli[p], residues_.get());
      for (const Panel& panel : block_.panels()) {
        if (panel.system == nullptr || p >= panel.system->moduli.size()) continue;
        const double* x = block_.residues(panel, p, k);
        const std::size_t stride = (panel.system->moduli.size() + 1) * kernels_.rows;
        for (std::size_t tile = 0; tile < tiles; ++tile)
          kernels_.residues(residues_.get() + tile * kernels_.rows * count, x, count, &largest.moduli[p], 0, k > 0,
                            tile_sums(panel, tile) + p * kernels_.rows, stride);
      }
    }
  }

  // The weights as doubles, [tile][term][row]: |w| < 2^50.
  void unpack(std::size_t group, std::size_t groups, std::size_t tiles, std::size_t k, std::size_t count) {
    const std::size_t rows = kernels_.rows;
    for (std::size_t row = 0; row < tiles * rows; row += 4) {
      double* place = integers_.get() + row / rows * rows * count + row % rows;
      const std::size_t first = k * group_rows + row % group_rows;
      if (row >= groups * group_rows) {
        for (std::size_t t = 0; t < count; ++t) std::fill_n(place + t * rows, 4, 0.0);
      } else if (weights_.width() == WeightWidth::narrow) {
        const std::uint32_t* stored = weights_.narrow(group + row / group_rows) + first;
        for (std::size_t t = 0; t < count; ++t)
          for (std::size_t r = 0; r < 4; ++r) place[t * rows + r] = integer(stored[t * group_rows + r]) - (0x1p52 + 0x1p23);
      } else {
        const std::uint64_t* stored = weights_.wide(group + row / group_rows) + first;
        for (std::size_t t = 0; t < count; ++t)
          for (std::size_t r = 0; r < 4; ++r) place[t * rows + r] = integer(stored[t * group_rows + r]) - (0x1p52 + 0x1p50);
      }
    }
  }
  // 2^52 + stored, exact for stored < 2^52.
  static double integer(std::uint64_t stored) { return std::bit_cast<double>(stored | std::uint64_t{0x433} << 52); }

  void finish(BallMatrix& y, const Panel& panel, std::size_t group, std::size_t groups) {
    const ResidueSystem& system = *panel.system;
    const std::size_t moduli = system.moduli.size(), rows = kernels_.rows, columns = kernels_.columns;
    const std::size_t first = block_.first() + static_cast<std::size_t>(&panel - block_.panels().data()) * columns;
    const std::size_t begin = group * group_rows, end = std::min(weights_.rows(), begin + groups * group_rows);
    const std::vector<double> table = panels(system.table, system.digits, columns);
    digits_.resize(rounded_up(system.digits, columns) * rows);
    limbs_.resize(system.digits * residue_digit_bits / FLINT_BITS + 3);
    for (std::size_t j = first; j < std::min(block_.last(), first + columns); ++j) {
      sum_radii(group, groups, j / x_.radius_columns());
      if (!x_.column(j).fits) continue;
      for (std::size_t row = begin; row < end; row += rows) {
        double* residues = tile_sums(panel, (row - begin) / rows) + (j - first) * (moduli + 1) * rows;
        kernels_.recombine(residues, moduli, system.moduli.data(), system.inverses.data());
        for (std::size_t d = 0; d < system.digits; d += columns)
          kernels_.sums(residues, table.data() + d * (moduli + 1), moduli + 1, digits_.data() + d * rows, rows);
        for (std::size_t r = 0; r < std::min(rows, end - row); ++r) {
          LimbWriter writer(limbs_.data());
          const bool negative = carry(writer, system.digits, digits_.data() + r);
          const std::size_t place = row - begin + r, tile = place / tile_rows;
          rounding_.round_limbs(y(row + r, j), limbs_.data(), writer.size(), negative, row + r, j,
                          radii_[(tile * 4 + j % x_.radius_columns()) * tile_rows + place % tile_rows]);
        }
      }
    }
  }

  void sum_radii(std::size_t group, std::size_t groups, std::size_t tile) {
    if (tile == summed_tile_) return;
    summed_tile_ = tile;
    for (std::size_t g = 0; g < groups; g += tile_groups)
      rounding_.sum_radii(group + g, std::min(tile_groups, groups - g), tile, 1, radii_.data() + g / tile_groups * 4 * tile_rows);
  }

  // The sum over d of digits[d * rows] 2^(24 d), digits below 2^53: a carry is then below 2^30.
  bool carry(LimbWriter& writer, std::size_t count, const double* digits) const {
    std::int64_t carry = 0;
    for (std::size_t d = 0; d < count; ++d) {
      carry += static_cast<std::int64_t>(digits[d * kernels_.rows]);
      writer.push(static_cast<std::uint64_t>(carry) & ((std::uint64_t{1} << residue_digit_bits) - 1), residue_digit_bits);
      carry >>= residue_digit_bits;
    }
    return writer.finish(carry, 1);
  }

  const PreparedWeights& weights_;
  const FixedPointBlock& x_;
  const BlockResidues& block_;
  const ResidueKernels& kernels_;
  const SumRounding rounding_;
  const Doubles integers_, residues_, sums_;
  static constexpr std::size_t no_tile = std::numeric_limits<std::size_t>::max();
  std::size_t summed_tile_ = no_tile;
  std::vector<float> radii_;  // of summed_tile_: [tile of rows][column of a tile of radii][tile_rows]
  std::vector<double> digits_;
  std::vector<mp_limb_t> limbs_;
};

}  // namespace

bool residues_serve(const PreparedWeights& weights, const FixedPointBlock& x) {
  for (std::size_t j = 0; j < x.columns(); ++j)
    if (x.column(j).fits && ResidueSystem::moduli_for(weights.sum_bits() + x.column(j).fraction) == 0) return false;
  return true;
}

void residue_product(BallMatrix& y, const PreparedWeights& weights, const FixedPointBlock& x, long bits, const ResidueKernels& kernels, const Kernels& radii) {
  const std::size_t jobs = (weights.groups() + block_groups - 1) / block_groups;
  for (std::size_t first = 0; first < x.columns(); first += block_columns) {
    const BlockResidues block(weights, x, first, std::min(x.columns(), first + block_columns), kernels);
    if (block.most_moduli() == 0) continue;
#pragma omp parallel if (jobs > 1)
    {
      ResidueSums sums(weights, x, block, kernels, radii, bits);
#pragma omp for schedule(dynamic)
      for (std::size_t job = 0; job < jobs; ++job)
        sums.run(y, job * block_groups, std::min(block_groups, weights.groups() - job * block_groups));
    }
  }
}

}  // namespace snellen
