#include "lib/world/run_sums.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/number/multiversion.hpp"
#include "lib/world/turning_pairs.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr std::size_t tokens_together = 64, modes_together = 64;

// real += sum of c_e x_e, imag -= sum of s_e x_e, over `count` tokens whose powers lie `stride` apart.
SNELLEN_MULTIVERSION void add_tokens(double* real, double* imag, const double* c, const double* s, std::size_t stride, const double* x, std::size_t count, std::size_t columns) {
  for (std::size_t e = 0; e < count; ++e) {
    const double a = c[e * stride], b = s[e * stride];
    const double* const row = x + e * columns;
    for (std::size_t k = 0; k < columns; ++k) {
      real[k] += a * row[k];
      imag[k] -= b * row[k];
    }
  }
}

}  // namespace

RunSums run_sums(const RotaryModes& modes, const RotaryFrequencies& frequencies, std::span<const double> x, std::size_t columns, std::int64_t begin, long bits) {
  const std::size_t count = modes.count(), tokens = columns == 0 ? 0 : x.size() / columns;
  if (tokens >= std::size_t{1} << 19) throw std::logic_error("run_sums: too many tokens");
  RunSums result{columns, std::vector<double>(count * columns), std::vector<double>(count * columns)};
  std::vector<double> cosines(tokens_together * count), sines(tokens_together * count);
  for (std::size_t first = 0; first < tokens; first += tokens_together) {
    const std::size_t here = std::min(tokens_together, tokens - first);
    parallel_for(here, [&](std::size_t e) {
      RotaryModes::Powers powers;
      set_powers(powers, modes, frequencies, begin + static_cast<std::int64_t>(first + e), bits);
      std::copy(powers.real.begin(), powers.real.end(), cosines.begin() + static_cast<std::ptrdiff_t>(e * count));
      std::copy(powers.imag.begin(), powers.imag.end(), sines.begin() + static_cast<std::ptrdiff_t>(e * count));
    });
    parallel_for((count + modes_together - 1) / modes_together, [&](std::size_t block) {
      for (std::size_t m = block * modes_together; m < std::min(count, (block + 1) * modes_together); ++m)
        add_tokens(&result.real[m * columns], &result.imag[m * columns], &cosines[m], &sines[m], count, x.data() + first * columns, here, columns);
    });
  }
  return result;
}

}  // namespace snellen
