#include "lib/number/exact_product/prepared_weights.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <limits>
#include <optional>

namespace snellen {
namespace {

// The error bound of the radii and the 128-bit sums of the product ask for rows that are no longer.
constexpr std::size_t most_columns = std::size_t{1} << 20;

// A double as significand 2^exponent with an odd significand; zero has significand 0.
struct Parts {
  std::int64_t significand;
  int exponent, bits;  // bits: of |significand|
};

Parts split(double value) {
  const auto word = std::bit_cast<std::uint64_t>(value);
  const int biased = static_cast<int>(word >> 52 & 0x7ff);
  std::uint64_t magnitude = word & ((std::uint64_t{1} << 52) - 1);
  if (biased != 0) magnitude |= std::uint64_t{1} << 52;
  if (magnitude == 0) return {0, 0, 0};
  const int zeros = std::countr_zero(magnitude);
  magnitude >>= zeros;
  const auto significand = static_cast<std::int64_t>(magnitude);
  const int bits = static_cast<int>(std::bit_width(magnitude));
  return {word >> 63 ? -significand : significand, std::max(biased, 1) - 1075 + zeros, bits};
}

bool finite(double value) { return (std::bit_cast<std::uint64_t>(value) >> 52 & 0x7ff) != 0x7ff; }

// The range of a row without subnormal numbers: every entry is an integer times 2^last, and less than 2^top in size; [0, 0] where all are zero.
struct Range {
  int last, top;
};

std::optional<Range> range_of(std::span<const double> row) {
  constexpr std::uint64_t hidden = std::uint64_t{1} << 52, magnitude = ~(std::uint64_t{1} << 63);
  Range range{std::numeric_limits<int>::max(), std::numeric_limits<int>::min()};
  for (const double value : row) {
    const auto word = std::bit_cast<std::uint64_t>(value);
    if ((word & magnitude) == 0) continue;
    const int biased = static_cast<int>(word >> 52 & 0x7ff);
    if (biased == 0 || biased == 0x7ff) return {};
    range.last = std::min(range.last, biased - 1075 + std::countr_zero(word | hidden));
    range.top = std::max(range.top, biased - 1022);
  }
  if (range.top == std::numeric_limits<int>::min()) return Range{0, 0};
  return range;
}

// The scale s that most entries fit: |w| < 2^(bits - 1) and w integer means exponent + bits(significand) - (bits - 1) <= s <=
// exponent.
int best_scale(std::span<const Parts> row, int bits, std::vector<int>& changes) {
  constexpr int least = -1200, greatest = 1100;  // every s that a double can ask for lies between
  int lower = least, upper = greatest;
  for (const Parts& p : row) {
    if (p.significand == 0) continue;
    lower = std::max(lower, p.exponent + p.bits - (bits - 1));
    upper = std::min(upper, p.exponent);
  }
  if (lower <= upper) return upper == greatest ? 0 : upper;
  changes.assign(greatest - least + 2, 0);
  for (const Parts& p : row) {
    if (p.significand == 0 || p.bits > bits - 1) continue;
    ++changes[static_cast<std::size_t>(p.exponent + p.bits - (bits - 1) - least)];
    --changes[static_cast<std::size_t>(p.exponent + 1 - least)];
  }
  int fitting = 0, most = 0, best = 0;
  for (int s = least; s <= greatest; ++s) {
    fitting += changes[static_cast<std::size_t>(s - least)];
    if (fitting > most) most = fitting, best = s;
  }
  return best;
}

}  // namespace

BallMatrix exact_balls(const Tensor& tensor, std::size_t begin, std::size_t end) {
  BallMatrix balls(end - begin, tensor.columns());
  std::vector<double> values(tensor.columns());
  for (std::size_t i = begin; i < end; ++i) {
    tensor.read_row(i, values);
    for (std::size_t k = 0; k < values.size(); ++k) arb_set_d(balls(i - begin, k), values[k]);
  }
  return balls;
}

PreparedWeights::PreparedWeights(TensorPtr tensor) : tensor_(std::move(tensor)) {
  if (rows() * columns() <= few) balls_ = exact_balls(*tensor_, 0, rows());
  // An entry of the tail costs about a hundred multiply-adds of the matrix for each column of the product.
  const std::size_t entries = rows() * columns();
  fits_ = columns() < most_columns &&
          (prepare(WeightWidth::narrow, entries / 4096 + 1) || prepare(WeightWidth::wide, entries / 128 + 1));
}

std::shared_ptr<const PreparedWeights> PreparedWeights::of(const Tensor& tensor) {
  return tensor.derived().get<PreparedWeights>([](const PreparedWeights&) { return true; }, [&] { return PreparedWeights(TensorPtr(TensorPtr(), &tensor)); });
}

std::size_t PreparedWeights::bytes() const {
  const auto of = [](const auto& values) { return values.capacity() * sizeof(values[0]); };
  const std::size_t stored = groups() * group_rows * columns() * (narrow_ ? sizeof narrow_[0] : wide_ ? sizeof wide_[0] : 0);
  return sizeof *this + balls_.rows() * balls_.columns() * sizeof(arb_struct) + stored + of(scale_) + of(sum_) + of(tail_) + of(tail_begin_);
}

bool PreparedWeights::prepare(WeightWidth width, std::size_t most_in_tail) {
  width_ = width;
  const int bits = weight_bits(width);
  const std::uint64_t offset = std::uint64_t{1} << (bits - 1);
  const std::size_t stored = groups() * group_rows * columns();
  // Written group by group by all threads, which are also the first ones to touch the memory.
  narrow_ = width == WeightWidth::narrow ? std::make_unique_for_overwrite<std::uint32_t[]>(stored) : nullptr;
  wide_ = width == WeightWidth::wide ? std::make_unique_for_overwrite<std::uint64_t[]>(stored) : nullptr;
  scale_.assign(rows(), 0);
  sum_.assign(rows(), 0);
  std::vector<std::vector<TailWeight>> tails(rows());
  // The verdict is that of the whole sum, whatever the order in which threads add to it.
  std::atomic<std::size_t> in_tail = 0;
  int sum_bits = 0;
#pragma omp parallel reduction(max : sum_bits)
  {
    std::vector<double> values(columns());
    std::vector<Parts> row(columns());
    std::vector<int> changes;
#pragma omp for schedule(static)
    for (std::size_t g = 0; g < groups(); ++g) {
      const std::size_t group = g * group_rows * columns();
      if (narrow_) std::fill_n(narrow_.get() + group, group_rows * columns(), static_cast<std::uint32_t>(offset));
      else std::fill_n(wide_.get() + group, group_rows * columns(), offset);
      for (std::size_t i = g * group_rows; i < std::min(rows(), (g + 1) * group_rows); ++i) {
        if (in_tail > most_in_tail) continue;
        tensor_->read_row(i, values);
        const std::size_t first = group + i % group_rows;
        Int128 sum = 0, magnitudes = 0;
        const auto store = [&](std::size_t k, std::int64_t w) {
          const std::uint64_t word = offset + static_cast<std::uint64_t>(w);
          if (width == WeightWidth::narrow) narrow_[first + k * group_rows] = static_cast<std::uint32_t>(word);
          else wide_[first + k * group_rows] = word;
        };
        const std::optional<Range> range = range_of(values);
        if (range && range->top - (bits - 1) <= range->last && std::abs(range->last) < 1000) {
          // All of them fit, as almost always: the scaled doubles are the integers.
          scale_[i] = range->last;
          const auto power = std::bit_cast<double>(static_cast<std::uint64_t>(1023 - range->last) << 52);
          constexpr std::size_t chunk = 4096;  // sums of 2^12 integers below 2^50
          for (std::size_t begin = 0; begin < columns(); begin += chunk) {
            std::int64_t part = 0, size = 0;
            for (std::size_t k = begin; k < std::min(columns(), begin + chunk); ++k) {
              const auto w = static_cast<std::int64_t>(values[k] * power);
              part += w;
              size += w < 0 ? -w : w;
              store(k, w);
            }
            sum += part;
            magnitudes += size;
          }
        } else {
          if (!std::all_of(values.begin(), values.end(), finite)) {
            in_tail += most_in_tail + 1;
            continue;
          }
          std::transform(values.begin(), values.end(), row.begin(), split);
          scale_[i] = best_scale(row, bits, changes);
          for (std::size_t k = 0; k < columns(); ++k) {
            const auto [significand, exponent, significand_bits] = row[k];
            if (significand == 0) continue;
            if (exponent < scale_[i] || exponent + significand_bits > scale_[i] + bits - 1) {
              tails[i].push_back({static_cast<std::uint32_t>(k), exponent, significand});
              continue;
            }
            const std::int64_t w = significand * (std::int64_t{1} << (exponent - scale_[i]));
            sum += w;
            magnitudes += w < 0 ? -w : w;
            store(k, w);
          }
        }
        sum_[i] = sum;
        in_tail += tails[i].size();
        const auto high = static_cast<std::uint64_t>(magnitudes >> 64), low = static_cast<std::uint64_t>(magnitudes);
        sum_bits = std::max(sum_bits, static_cast<int>(high > 0 ? 64 + std::bit_width(high) : std::bit_width(low)));
      }
    }
  }
  sum_bits_ = sum_bits;
  if (in_tail > most_in_tail) {
    narrow_.reset(), wide_.reset();
    return false;
  }
  tail_begin_.assign(1, 0);
  for (const auto& tail : tails) {
    tail_.insert(tail_.end(), tail.begin(), tail.end());
    tail_begin_.push_back(tail_.size());
  }
  return true;
}

}  // namespace snellen
