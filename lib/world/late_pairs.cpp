#include "lib/world/late_pairs.hpp"

#include <algorithm>
#include <cmath>

#include "lib/number/upward.hpp"
#include "lib/world/workers.hpp"

namespace snellen {

PairSums pair_sums(const std::vector<ModeWeights>& heads, const std::vector<ModeVectors>& known, std::size_t width, const TurningPairs& pairs, const Decays& decays) {
  const std::size_t count = pairs.count(), all = pairs.all(), orders = known.size();
  PairSums result;
  result.ends = zero_vectors(count, width);
  result.heads.resize(heads.size());
  // Of each head: |V N' X_km| and the rounding of sums of them; the sizes of the weights' modes less 0; of their steps.
  struct Sizes {
    std::vector<std::vector<double>> values;
    std::vector<double> values_rounded, moving, steps;
  };
  std::vector<Sizes> sizes(heads.size());
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const RoundedMatrix& map = heads[h].values;
    ModeVectors image = zero_vectors(1, map.rows);
    for (std::size_t k = 0; k < orders; ++k) {
      std::vector<double> values(all);
      if (k == 0) sizes[h].values_rounded.resize(all);
      for (std::size_t m = 0; m < count; ++m) {
        std::fill(image.real.begin(), image.real.end(), 0), std::fill(image.imag.begin(), image.imag.end(), 0);
        add_image(image, 0, map, &known[k].real[m * width], &known[k].imag[m * width], 1, 0);
        const double length = length_of(known[k], m);
        values[m] = values[pairs.opposite(m)] = upward(length_of(image, 0) + length * (map.error + map.frobenius * 0x1p-38));
        if (k == 0) sizes[h].values_rounded[m] = sizes[h].values_rounded[pairs.opposite(m)] = upward(values[m] + map.frobenius * length * 0x1p-10);
      }
      sizes[h].values.push_back(std::move(values));
    }
    sizes[h].moving.assign(heads[h].sizes.begin(), heads[h].sizes.end()), sizes[h].moving[0] = 0;
    for (std::size_t m = 0; m < all; ++m) sizes[h].steps.push_back(upward(heads[h].sizes[m] * pairs.step(m)));
    result.heads[h].near.resize(orders);
  }
  std::vector<double> real(all * width), imag(all * width);  // X_0
  for (std::size_t m = 0; m < (orders > 0 ? all : 0); ++m) {
    const std::size_t one = m < count ? m : pairs.opposite(m);
    for (std::size_t i = 0; i < width; ++i) real[m * width + i] = known[0].real[one * width + i], imag[m * width + i] = (m < count ? 1 : -1) * known[0].imag[one * width + i];
  }
  std::vector<double> peak(orders);  // the largest value of psi_k
  for (std::size_t k = 0; k < orders; ++k) {
    std::vector<Magnitude> unit(k + 1);
    unit[k] = Magnitude::of(1UL);
    peak[k] = upper_double(decays.supremum(Decay::of(std::move(unit))));
  }
  const double second = upward(2.0 / static_cast<double>(decays.first()));
  constexpr std::size_t rows_together = 32;
  const std::size_t blocks = (count + rows_together - 1) / rows_together;
  std::vector<std::vector<PairSums::Sums>> parts(blocks, std::vector<PairSums::Sums>(heads.size()));
  parallel_for(blocks, [&](std::size_t block) {
    TurningPairs::Row row;
    std::vector<double> squares(all);
    for (std::size_t p = block * rows_together; p < std::min(count, (block + 1) * rows_together); ++p) {
      pairs.set_row(row, p);
      const double twice = p == 0 ? 1 : 2;  // -p with the opposites of all m
      // The second summation by parts leaves at most |g| min(1, 2 |g| / M); the quotient's error is below 2^-32 |g|^2 |V N' X|, that of the sum over m below 2^-38 |g| |V N'|_F |X| <= 2^-37 |g|^2 ...
      for (std::size_t m = 0; m < all; ++m) squares[m] = std::min(row.sizes[m], second * row.sizes[m] * row.sizes[m]) + 0x1p-24 * row.sizes[m] * row.sizes[m];
      for (std::size_t h = 0; h < heads.size(); ++h) {
        PairSums::Sums& sums = parts[block][h];
        sums.near.resize(orders);
        const Sizes& s = sizes[h];
        const double weight = twice * heads[h].sizes[p];
        const auto dot = [&](const std::vector<double>& x, const std::vector<double>& y) {
          double a = 0, b = 0, c = 0, d = 0;
          std::size_t m = 0;
          for (; m + 4 <= all; m += 4) a += x[m] * y[m], b += x[m + 1] * y[m + 1], c += x[m + 2] * y[m + 2], d += x[m + 3] * y[m + 3];
          for (; m < all; ++m) a += x[m] * y[m];
          return (a + b) + (c + d);
        };
        sums.square_excess += 2 * twice * s.moving[p] * dot(row.sizes, s.moving);
        sums.step_excess += 2 * twice * s.steps[p] * dot(row.sizes, s.steps);
        for (const std::size_t m : row.close) {
          sums.square += twice * s.moving[p] * s.moving[m], sums.step_square += twice * s.steps[p] * s.steps[m];
          for (std::size_t k = 0; k < orders; ++k) {
            // The sum of psi_k is its integral up to its largest value; for m = p the integral is known.
            sums.beginning += weight * s.values[k][m] * peak[k];
            if (m != p) sums.near[k] += weight * s.values[k][m];
          }
        }
        for (std::size_t k = 0; k < orders; ++k) {
          if (k > 0) {
            sums.beginning += weight * 2 * peak[k] * dot(row.sizes, s.values[k]);
            continue;
          }
          sums.end += weight * dot(row.sizes, s.values[0]);
          sums.beginning += weight * dot(squares, s.values_rounded);
        }
      }
      if (orders == 0) continue;
      double* const x = &result.ends.real[p * width];
      double* const y = &result.ends.imag[p * width];
      for (std::size_t m = 0; m < all; ++m) {
        const double a = row.real[m], b = row.imag[m];
        const double *const u = &real[m * width], *const v = &imag[m * width];
        for (std::size_t i = 0; i < width; ++i) x[i] += a * u[i] - b * v[i], y[i] += a * v[i] + b * u[i];
      }
      if (p == 0) std::fill(y, y + width, 0);  // opposites cancel
    }
  });
  for (const std::vector<PairSums::Sums>& part : parts)
    for (std::size_t h = 0; h < heads.size(); ++h) {
      PairSums::Sums& sums = result.heads[h];
      const PairSums::Sums& more = part[h];
      sums.square += more.square, sums.square_excess += more.square_excess, sums.step_square += more.step_square, sums.step_excess += more.step_excess;
      sums.beginning += more.beginning, sums.end += more.end;
      for (std::size_t k = 0; k < orders; ++k) sums.near[k] += more.near[k];
    }
  return result;
}

}  // namespace snellen
