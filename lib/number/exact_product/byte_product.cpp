#include "lib/number/exact_product/byte_product.hpp"

#include <algorithm>

#include "lib/number/exact_product/byte_kernel.hpp"
#include "lib/number/exact_product/sum_rounding.hpp"
#include "lib/number/exact_product/tile_shares.hpp"
#include "lib/number/multiversion.hpp"

namespace snellen {
namespace {

constexpr std::size_t block_columns = 16;  // a multiple of SumRounding::together
constexpr std::size_t limb_bytes = sizeof(mp_limb_t), groups_of_block = byte_rows / group_rows;

// Eight rows.
constexpr std::size_t lanes = 8;
using Lanes = std::uint64_t __attribute__((vector_size(64), aligned(8), may_alias));
using SignedLanes = std::int64_t __attribute__((vector_size(64)));
using DoubleLanes = double __attribute__((vector_size(64)));
using HalfLanes = std::int32_t __attribute__((vector_size(32), aligned(4), may_alias));

// sum_p sums[p] 256^p in two's complement, [places / 8 limbs and one more][16 rows]: a sum is below 2^31, and what is carried below 2^33.
SNELLEN_MULTIVERSION void carry_limbs(std::uint64_t* limbs, const std::int32_t* sums, std::size_t places) {
  for (std::size_t first = 0; first < byte_rows; first += lanes) {
    std::uint64_t* to = limbs + first;
    SignedLanes carry = {};
    for (std::size_t p = 0; p < places; p += limb_bytes, to += byte_rows) {
      const auto add = [&](SignedLanes& half, std::size_t b) __attribute__((always_inline)) {
        for (std::size_t i = 0; i < 4 && p + b + i < places; ++i)
          half += __builtin_convertvector(*reinterpret_cast<const HalfLanes*>(sums + (p + b + i) * byte_rows + first), SignedLanes) << (8 * i);
      };
      SignedLanes low = carry, high = {};
      add(low, 0), add(high, 4);
      high += low >> 32;
      *reinterpret_cast<Lanes*>(to) = (reinterpret_cast<Lanes>(low) & 0xffffffff) | reinterpret_cast<Lanes>(high) << 32;
      carry = high >> 32;
    }
    *reinterpret_cast<Lanes*>(to) = reinterpret_cast<Lanes>(carry);
  }
}

// The same limbs as absolute values, and each shifted up until its first bit is the first of limb size - 1: the words that WordsOfRow speaks of. signs: all ones where the number was
// negative; length: its bits, 0 for zero.
SNELLEN_MULTIVERSION void shift_to_first_bits(std::uint64_t* limbs, std::size_t size, std::uint64_t* signs, std::uint64_t* length) {
  for (std::size_t first = 0; first < byte_rows; first += lanes) {
    const auto at = [&](std::size_t l) __attribute__((always_inline)) -> Lanes& { return *reinterpret_cast<Lanes*>(limbs + l * byte_rows + first); };
    Lanes carry = at(size - 1) >> 63, bits = Lanes{} + size * FLINT_BITS;
    const Lanes sign = -carry;
    for (std::size_t l = 0; l < size; ++l) {
      at(l) = (at(l) ^ sign) + carry;
      carry &= reinterpret_cast<Lanes>(at(l) == 0);
    }
    // By whole limbs, as long as one of the numbers has no bit in its highest.
    for (std::size_t turn = 0; turn < size; ++turn) {
      const Lanes empty = reinterpret_cast<Lanes>(at(size - 1) == 0);
      std::uint64_t any = 0;
      for (std::size_t r = 0; r < lanes; ++r) any |= empty[r];
      if (any == 0) break;
      for (std::size_t l = size - 1; l > 0; --l) at(l) = (at(l) & ~empty) | (at(l - 1) & empty);
      at(0) &= ~empty;
      bits -= empty & FLINT_BITS;
    }
    // Leading zeros: of the upper half of it, or of the lower one where that is zero, 52 bits as a double's significand, of which the exponent says where the first bit is.
    const Lanes highest = at(size - 1), half = reinterpret_cast<Lanes>(highest >> 32 == 0) & 32, leading = highest << half >> 12;
    const auto number = reinterpret_cast<DoubleLanes>(leading | std::uint64_t{1023 + 52} << 52) - 0x1p52;
    const Lanes shift = (half + (1023 + 51) - (reinterpret_cast<Lanes>(number) >> 52)) & reinterpret_cast<Lanes>(leading != 0);
    bits -= shift;
    for (std::size_t l = size - 1; l > 0; --l) at(l) = at(l) << shift | at(l - 1) >> 1 >> (63 - shift);
    at(0) <<= shift;
    *reinterpret_cast<Lanes*>(signs + first) = sign, *reinterpret_cast<Lanes*>(length + first) = bits;
  }
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
      std::uint64_t signs[byte_rows];
      std::uint64_t length[byte_rows];
      shift_to_first_bits(limbs_.data(), size, signs, length);
      for (std::size_t i = begin; i < end; ++i) {
        const std::size_t r = i - begin;
        const WordsOfRow sum(&limbs_[r], byte_rows, static_cast<mp_size_t>(size), static_cast<slong>(length[r]));
        rounding_.round(y(i, j), length[r] > 0 ? &sum : nullptr, signs[r] != 0, i, j, radii_[j % SumRounding::together * tile_rows + r]);
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
  std::vector<mp_limb_t> limbs_;
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
