#include "lib/world/mode_vectors.hpp"

#include <cmath>

#include "lib/number/upward.hpp"

namespace snellen {

// The largest eigenvalue of the 2 x 2 matrix of the products of Re X and Im X; sums of fewer than 2^12 products err by less than 2^-41 of the sums of squares.
double most_of(const ModeVectors& x, std::size_t m) {
  double a = 0, b = 0, c = 0;
  for (std::size_t i = m * x.size; i < (m + 1) * x.size; ++i) a += x.real[i] * x.real[i], b += x.imag[i] * x.imag[i], c += x.real[i] * x.imag[i];
  if (m == 0) return upward(std::sqrt(a));
  const double half = (a - b) / 2;
  return upward(2 * std::sqrt((a + b) / 2 + std::sqrt(half * half + c * c) + (a + b) * 0x1p-40));
}
double length_of(const ModeVectors& x, std::size_t m) {
  double sum = 0;
  for (std::size_t i = m * x.size; i < (m + 1) * x.size; ++i) sum += x.real[i] * x.real[i] + x.imag[i] * x.imag[i];
  return upward(std::sqrt(sum));
}

Magnitude total_length(const ModeVectors& x) {
  double sum = 0;
  for (std::size_t m = 0; m * x.size < x.real.size(); ++m) sum += length_of(x, m);
  return magnitude_of(upward(2 * sum));
}

ModeVectors zero_vectors(std::size_t count, std::size_t size) { return {size, std::vector<double>(count * size), std::vector<double>(count * size)}; }

void add_image(ModeVectors& y, std::size_t m, const RoundedMatrix& a, const double* real, const double* imag, double c, double s) {
  for (std::size_t i = 0; i < a.rows; ++i) {
    const double* const row = a.row(i);
    double u = 0, v = 0;
    for (std::size_t j = 0; j < a.columns; ++j) u += row[j] * real[j], v += row[j] * imag[j];
    y.real[m * y.size + i] += c * u - s * v;
    y.imag[m * y.size + i] += c * v + s * u;
  }
}

KnownSizes sizes_of(const std::vector<ModeVectors>& known, const TurningPairs& pairs, const Decays& decays) {
  std::vector<Magnitude> size(known.size()), step(known.size()), slope(known.size());
  for (std::size_t k = 0; k < known.size(); ++k) {
    double total = 0, moved = 0;
    for (std::size_t m = 0; m < pairs.count(); ++m) {
      const double most = most_of(known[k], m);
      total += most, moved += most * pairs.step(m);
    }
    size[k] = magnitude_of(upward(total)), step[k] = magnitude_of(upward(moved));
  }
  const Magnitude each = quotient(decays.first() + 1, decays.first() * decays.first());
  for (std::size_t k = 0; k < known.size(); ++k) {
    slope[k] += size[k] * each;
    if (k > 0) slope[k - 1] += size[k] * Magnitude::of(k) * each;
  }
  return {Decay::of(std::move(size)), {Decay::of(std::move(step)), StepDecay::of(std::move(slope))}};
}

}  // namespace snellen
