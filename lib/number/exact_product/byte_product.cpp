#include "lib/number/exact_product/byte_product.hpp"

#include <algorithm>

#include "lib/number/exact_product/byte_kernel.hpp"
#include "lib/number/exact_product/limb_writer.hpp"
#include "lib/number/exact_product/sum_rounding.hpp"
#include "lib/number/exact_product/tile_shares.hpp"
#include "lib/number/multiversion.hpp"

namespace snellen {
namespace {

constexpr std::size_t block_columns = 16;  // a multiple of SumRounding::together
constexpr std::size_t limb_bytes = sizeof(mp_limb_t), groups_of_block = byte_rows / group_rows;

// sum_p sums[p] 256^p in two's complement, [places / 8 limbs and one more][16 rows]: a sum is below 2^31, and what is carried below 2^33.
SNELLEN_MULTIVERSION void carry_limbs(std::uint64_t* limbs, const std::int32_t* sums, std::size_t places) {
  std::int64_t carry[byte_rows] = {};
  for (std::size_t p = 0; p < places; p += limb_bytes, limbs += byte_rows)
    for (std::size_t r = 0; r < byte_rows; ++r) {
      const auto at = [&](std::size_t b) __attribute__((always_inline)) { return p + b < places ? static_cast<std::int64_t>(sums[(p + b) * byte_rows + r]) : 0; };
      const std::int64_t low = carry[r] + at(0) + at(1) * 0x100 + at(2) * 0x10000 + at(3) * 0x1000000;
      const std::int64_t high = (low >> 32) + at(4) + at(5) * 0x100 + at(6) * 0x10000 + at(7) * 0x1000000;
      limbs[r] = static_cast<std::uint64_t>(low & 0xffffffff) | static_cast<std::uint64_t>(high) << 32;
      carry[r] = high >> 32;
    }
  for (std::size_t r = 0; r < byte_rows; ++r) limbs[r] = static_cast<std::uint64_t>(carry[r]);
}

// Everything that the columns of a product need, for one thread.
class ByteSums {
 public:
  ByteSums(const PreparedWeights& weights, const ByteWeights& tiles, const FixedPointBlock& x, const FixedPointBlock::Bytes& digits, const ByteKernels& bytes, const Kernels& kernels,
           long bits)
      : weights_(weights), tiles_(tiles), x_(x), digits_(digits), bytes_(bytes), session_(bytes), rounding_(weights, x, kernels, bits), radii_(SumRounding::together * tile_rows) {
    for (std::size_t j = 0; j < x.columns(); ++j)
      if (x.column(j).fits) most_ = std::max(most_, bytes.wanted(tiles, digits.own[j]));
    sums_.resize(most_ * byte_rows);
    limbs_.resize((most_ / limb_bytes + 2) * byte_rows);
    number_.resize(most_ / limb_bytes + 2);
  }

  // The rows of a block, columns [first, last); first is a multiple of SumRounding::together.
  void run(BallMatrix& y, std::size_t block, std::size_t first, std::size_t last) {
    const std::size_t group = block * groups_of_block, groups = std::min(groups_of_block, weights_.groups() - group);
    const std::size_t begin = block * byte_rows, end = std::min(weights_.rows(), begin + byte_rows);
    for (std::size_t j = first; j < last; ++j) {
      if (j % SumRounding::together == 0) rounding_.sum_radii_from(j, group, groups, radii_.data());
      if (!x_.column(j).fits) continue;
      const std::size_t own = digits_.own[j], wanted = bytes_.wanted(tiles_, own), size = (wanted + limb_bytes - 1) / limb_bytes + 1;
      for (std::size_t i = begin; i < end; ++i) __builtin_prefetch(y(i, j), 1);  // far apart in memory, and needed when the sums are there
      bytes_.sums(tiles_, block, digits_.digits.get() + digits_.begin[j], byte_places(own), wanted, sums_.data());
      carry_limbs(limbs_.data(), sums_.data(), wanted);
      for (std::size_t i = begin; i < end; ++i) {
        for (std::size_t l = 0; l < size; ++l) number_[l] = limbs_[l * byte_rows + (i - begin)];
        auto used = static_cast<mp_size_t>(size);
        const bool negative = make_absolute(number_.data(), used);
        rounding_.round(y(i, j), number_.data(), used, negative, i, j, radii_[j % SumRounding::together * tile_rows + (i - begin)]);
      }
    }
  }

 private:
  const PreparedWeights& weights_;
  const ByteWeights& tiles_;
  const FixedPointBlock& x_;
  const FixedPointBlock::Bytes& digits_;
  const ByteKernels& bytes_;
  const ByteSession session_;
  const SumRounding rounding_;
  std::size_t most_ = 0;
  std::vector<float> radii_;
  std::vector<std::int32_t> sums_;
  std::vector<mp_limb_t> limbs_, number_;
};

}  // namespace

void byte_product(BallMatrix& y, const PreparedWeights& weights, const FixedPointBlock& x, long bits, const ByteKernels& bytes, const Kernels& kernels) {
  const std::shared_ptr<const ByteWeights> tiles = ByteWeights::of(weights);
  const FixedPointBlock::Bytes& digits = x.bytes(bytes.zero);
  share_tiles(
      (weights.rows() + byte_rows - 1) / byte_rows, x.columns(), block_columns, [&] { return ByteSums(weights, *tiles, x, digits, bytes, kernels, bits); },
      [&](ByteSums& sums, std::size_t block, std::size_t first, std::size_t last) { sums.run(y, block, first, last); });
}

}  // namespace snellen
