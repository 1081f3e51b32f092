#include "proofs/checker/token_sums.hpp"

#include <algorithm>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>

#include "proofs/checker/rounded_number.hpp"

namespace snellen::check {
namespace {

constexpr std::size_t lanes = TokenSums::lanes;
constexpr std::size_t block_tiles = 64, queries_together = 32;  // that meet a block while it is near
constexpr double largest_score = 300;

#if defined(__x86_64__) && defined(__GNUC__)
#define SNELLEN_TOKEN_SUMS_X86
namespace avx512 {
typedef double Doubles __attribute__((vector_size(64)));
typedef double Loose __attribute__((vector_size(64), aligned(8), may_alias));
typedef std::uint64_t Integers __attribute__((vector_size(64)));
#define SNELLEN_TARGET __attribute__((target("avx512f")))
#include "proofs/checker/token_sums.inc"
#undef SNELLEN_TARGET
}  // namespace avx512

namespace avx2 {
typedef double Doubles __attribute__((vector_size(32)));
typedef double Loose __attribute__((vector_size(32), aligned(8), may_alias));
typedef std::uint64_t Integers __attribute__((vector_size(32)));
#define SNELLEN_TARGET __attribute__((target("avx2")))
#include "proofs/checker/token_sums.inc"
#undef SNELLEN_TARGET
}  // namespace avx2
#endif

namespace plain {
typedef double Doubles __attribute__((vector_size(16)));
typedef double Loose __attribute__((vector_size(16), aligned(8), may_alias));
typedef std::uint64_t Integers __attribute__((vector_size(16)));
#define SNELLEN_TARGET
#include "proofs/checker/token_sums.inc"
#undef SNELLEN_TARGET
}  // namespace plain

auto* best() {
#ifdef SNELLEN_TOKEN_SUMS_X86
  if (__builtin_cpu_supports("avx512f")) return avx512::add_up;
  if (__builtin_cpu_supports("avx2")) return avx2::add_up;
#endif
  return plain::add_up;
}

Upper length(const std::vector<Upper>& entries) {
  Upper sum;
  for (const Upper& entry : entries) sum += entry * entry;
  return sum.root();
}

}  // namespace

void TokenSums::add(const Number* key, const Number* apart) {
  if (tokens_ % lanes == 0) tiles_.resize(tiles_.size() + rows() * lanes);
  double* const tile = &tiles_[tokens_ / lanes * rows() * lanes + tokens_ % lanes];
  std::vector<Upper> keys, aparts;
  for (std::size_t i = 0; i < size_; ++i) {
    const RoundedNumber k = rounded(key[i]), d = rounded(apart[i]);
    tile[i * lanes] = k.middle, tile[(size_ + i) * lanes] = d.middle;
    key_error_ = std::max(key_error_, k.error), apart_error_ = std::max(apart_error_, d.error);
    largest_key_ = std::max(largest_key_, std::fabs(k.middle)), largest_apart_ = std::max(largest_apart_, std::fabs(d.middle));
    keys.push_back(Upper::magnitude(key[i])), aparts.push_back(Upper(std::fabs(d.middle)) + Upper(d.error));
  }
  tile[2 * size_ * lanes] = mpfr_get_d(length(aparts).get(), MPFR_RNDU);
  if (const Upper here = length(keys); longest_key_ < here) longest_key_ = here;
  ++tokens_;
}

std::vector<TokenSums::Sums> TokenSums::sums(const IntervalArithmetic& a, const std::vector<Query>& queries) const {
  static auto* const kernel = best();
  std::vector<Sums> result(queries.size(), Sums{Vector(size_, a.zero()), Upper(), a.zero()});
  for_each_index((queries.size() + queries_together - 1) / queries_together, true, [&](std::size_t group) {
    const std::size_t first = group * queries_together, last = std::min(queries.size(), first + queries_together);
    std::vector<double> entries, lane_sums((last - first) * (size_ + 2) * lanes), omegas;
    std::size_t most = 0;
    for (std::size_t c = first; c < last; ++c) {
      double sum = 0, radii = 0;  // A and a
      for (std::size_t i = 0; i < size_; ++i) {
        const RoundedNumber q = rounded(queries[c].entries[i]);
        entries.push_back(q.middle), sum += std::fabs(q.middle), radii += q.error;
      }
      // At most some tens of roundings of numbers >= 0: within 2^-40.
      const double eta = ((sum + radii) * key_error_ + radii * largest_key_ + static_cast<double>(size_ + 2) * 0x1p-53 * 1.01 * sum * largest_key_) * (1 + 0x1p-40) + 0x1p-900;
      const bool known = std::fegetround() == FE_TONEAREST && eta <= 0x1p-10 && sum * largest_key_ <= largest_score * 0.99 && apart_error_ <= 0x1p100 && largest_apart_ <= 0x1p100;
      omegas.push_back(known ? 2 * eta + 0x1p-44 : std::numeric_limits<double>::infinity());
      if (known) most = std::max(most, queries[c].count);
    }
    for (std::size_t begin = 0; begin < most; begin += block_tiles * lanes)
      for (std::size_t c = first; c < last; ++c) {
        const std::size_t end = std::min(queries[c].count, begin + block_tiles * lanes);
        if (end > begin && std::isfinite(omegas[c - first])) kernel(&tiles_[begin * rows()], end - begin, size_, &entries[(c - first) * size_], &lane_sums[(c - first) * (size_ + 2) * lanes]);
      }
    for (std::size_t c = first; c < last; ++c) {
      Sums& sums = result[c];
      const double gamma = static_cast<double>(queries[c].count / lanes + 20) * 0x1p-53 * 1.01, relative = 1.1 * (gamma + 2 * omegas[c - first]);
      if (!std::isfinite(relative)) {
        for (Number& x : sums.apart) set_everything(x);
        set_everything(sums.mass), sums.spread = Upper(std::numeric_limits<double>::infinity());
        continue;
      }
      const auto total = [&](std::size_t row) {
        double sum = 0;
        for (std::size_t l = 0; l < lanes; ++l) sum += lane_sums[((c - first) * (size_ + 2) + row) * lanes + l];
        return sum;
      };
      const double spread = total(size_), mass = total(size_ + 1);
      for (std::size_t k = 0; k < size_; ++k) {
        sums.apart[k] = a.of(total(k));
        widen(sums.apart[k], Upper(relative) * Upper(spread) + Upper(1.1 * apart_error_) * Upper(mass) + Upper(0x1p-900));
      }
      sums.spread = (Upper(1) + Upper(relative)) * Upper(spread);
      sums.mass = a.of(mass);
      widen(sums.mass, Upper(relative) * Upper(mass));
    }
  });
  return result;
}

}  // namespace snellen::check
