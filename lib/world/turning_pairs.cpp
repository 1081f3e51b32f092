#include "lib/world/turning_pairs.hpp"

#include <cmath>

#include "lib/number/multiversion.hpp"
#include "lib/number/upward.hpp"

namespace snellen {
namespace {

constexpr double power_error = RotaryModes::power_error;  // 2^-39
constexpr double nearest = 0x1p-18;                       // of |1 - e^(i (tau_m - tau_p))| as computed

struct Turns {
  const double *turn_real, *turn_imag, *first_real, *first_imag;
};

// d = 1 - e^(i tau_m) e^(-i tau_p), and e^(i tau_m M) e^(-i tau_p M) / d.
SNELLEN_MULTIVERSION void divide(double* sizes, double* real, double* imag, const Turns& all, std::size_t count, double a, double b, double c, double e) {
  for (std::size_t m = 0; m < count; ++m) {
    const double dr = 1 - (all.turn_real[m] * a + all.turn_imag[m] * b), di = -(all.turn_imag[m] * a - all.turn_real[m] * b);
    const double square = dr * dr + di * di;
    const double x = all.first_real[m] * c + all.first_imag[m] * e, y = all.first_imag[m] * c - all.first_real[m] * e;
    sizes[m] = std::sqrt(square);
    real[m] = (x * dr + y * di) / square;
    imag[m] = (y * dr - x * di) / square;
  }
}

}  // namespace

void set_powers(RotaryModes::Powers& powers, const RotaryModes& modes, const RotaryFrequencies& frequencies, std::int64_t n, long bits) {
  std::vector<ComplexBall> turns(frequencies.planes());
  for (std::size_t f = 0; f < turns.size(); ++f) frequencies.set_turn(turns[f], f, n, bits);
  modes.set_powers(powers, turns);
}

TurningPairs::TurningPairs(const RotaryModes& modes, const RotaryFrequencies& frequencies, std::int64_t first, long bits) {
  RotaryModes::Powers powers;
  const auto set_all = [&](std::vector<double>& real, std::vector<double>& imag, std::int64_t n) {
    set_powers(powers, modes, frequencies, n, bits);
    real = powers.real, imag = powers.imag;
    for (std::size_t m = 1; m < modes.count(); ++m) real.push_back(powers.real[m]), imag.push_back(-powers.imag[m]);
  };
  set_all(first_real_, first_imag_, first);
  set_all(turn_real_, turn_imag_, 1);
  for (std::size_t m = 0; m < all(); ++m) {
    const double x = turn_real_[m] - 1, y = turn_imag_[m];
    steps_.push_back(m == 0 ? 0 : upward(std::sqrt(x * x + y * y) + 2 * power_error));
  }
}

// The difference d is known within 2^-37: each power within 2^-39, of modulus at most 1 + 2^-39, and some roundings of 2^-52. So |g| <= 1/(|d^| - 2^-37); and with |d^| >= 2^-18 the quotient, its
// numerator within 2^-37 too, errs by less than 2^-37 (1 + 2^-15) (|g|^2 + |g|) <= 2^-34 |g|^2, since |g| >= 1/2 (1/|d| with |d| <= 2).
void TurningPairs::set_row(Row& row, std::size_t p) const {
  row.sizes.resize(all()), row.real.resize(all()), row.imag.resize(all());
  row.close.clear();
  divide(row.sizes.data(), row.real.data(), row.imag.data(), {turn_real_.data(), turn_imag_.data(), first_real_.data(), first_imag_.data()}, all(), turn_real_[p], turn_imag_[p], first_real_[p], first_imag_[p]);
  for (std::size_t m = 0; m < all(); ++m) {
    if (m != p && row.sizes[m] >= nearest) {
      row.sizes[m] = upward(1 / (row.sizes[m] - 0x1p-37));
      continue;
    }
    row.sizes[m] = row.real[m] = row.imag[m] = 0;
    row.close.push_back(m);
  }
}

}  // namespace snellen
