#include "lib/world/turning_head.hpp"

#include <algorithm>
#include <numeric>

namespace snellen {
namespace {

constexpr std::size_t most_modes = 400;  // of m and -m one each
// The run's mean: its modes are bounded, not followed, and no terms are added up.
constexpr MassSettings run_settings{4000, 0, 0};

}  // namespace

// <R_i q, R_j k> in each plane is Re(q conj(k) e^(i theta (i - j))), and q conj(R_j k) = q conj(k) e^(-i theta j).
RotaryScore TurningHead::score(arb_srcptr key) const {
  const std::size_t half = limits_.turning / 2, size = limits_.query.size();
  RotaryScore result;
  Ball t;
  for (std::size_t i = limits_.turning; i < size; ++i) {
    arb_sub(t, key + i, limits_.reference[i], bits_);
    arb_addmul(result.constant, limits_.query[i], t, bits_);
  }
  for (std::size_t f = 0; f < half; ++f) {
    ComplexBall a, b;
    arb_set(a.real(), limits_.query[f]), arb_set(a.imag(), limits_.query[f + half]);
    arb_set(b.real(), key + f), arb_neg(b.imag(), key + f + half);
    acb_mul(a, a, b, bits_);
    result.planes.push_back(std::move(a));
  }
  return result;
}

TurningHead::TurningHead(std::shared_ptr<const RotaryFrequencies> frequencies, TurningLimits limits, const ExplicitTokens& tokens, long bits)
    : frequencies_(std::move(frequencies)), limits_(std::move(limits)), bits_(bits), constant_(limits_.value.size()), rest_(limits_.value.size()) {
  const std::size_t size = limits_.value.size();
  const RotaryScore equal = score(limits_.key[0]);
  arb_set(least_, equal.constant);
  Ball t;
  for (const ComplexBall& b : equal.planes) {
    acb_abs(t, b, bits_);
    arb_sub(least_, least_, t, bits_);
  }
  arb_exp(least_, least_, bits_);
  run_ = std::make_unique<const RotaryMass>(equal, *frequencies_, 0, bits_, run_settings);

  // V_m = sum of c_m^(e) (v_e - v) and U_m = sum of c_m^(e), c_m^(e) = e^c prod I_(m_f)(A_f) e^(i m_f phi_f).
  const RotaryModes modes(equal, *frequencies_, most_modes, bits_);
  const std::size_t count = modes.count();
  std::vector<std::vector<ComplexBall>> sums(count, std::vector<ComplexBall>(size));
  std::vector<ComplexBall> masses(count);
  Magnitude unlisted;  // what the modes that are not listed may take from the mass
  for (std::size_t e = tokens.skipped; e < tokens.memory.entries; ++e) {
    const std::size_t begin = e * tokens.width + tokens.row;
    const RotaryModes::Expansion weight = modes.expand(score(tokens.memory.keys[begin]));
    largest_.push_back(Magnitude::of(weight.total));
    BallVector apart(size);
    for (std::size_t i = 0; i < size; ++i) arb_sub(apart[i], tokens.memory.values[begin + i], limits_.value[i], bits_);
    for (std::size_t i = 0; i < count; ++i) {
      const ComplexBall& c = weight.coefficients[i];
      acb_add(masses[i], masses[i], c, bits_);
      for (std::size_t k = 0; k < size; ++k) {
        arb_addmul(sums[i][k].real(), c.real(), apart[k], bits_);
        arb_addmul(sums[i][k].imag(), c.imag(), apart[k], bits_);
      }
    }
    unlisted += weight.unlisted;
    for (std::size_t k = 0; k < size; ++k) rest_[k] += weight.unlisted * Magnitude::of(apart[k]);
  }

  // m and -m together: 2 Re(V_m e^(i tau)), tau an angle that depends on the position; 0 where m is resonant.
  std::vector<std::size_t> turning;
  for (std::size_t i = 0; i < count; ++i) {
    const long twice = i == 0 ? 0 : 1;
    for (ComplexBall& v : sums[i]) acb_mul_2exp_si(v, v, twice);
    acb_mul_2exp_si(masses[i], masses[i], twice);
    if (!modes.resonant(i)) {
      turning.push_back(i);
      Ball modulus;
      acb_abs(modulus, masses[i], bits_);
      arb_sub(mass_, mass_, modulus, bits_);
      continue;
    }
    arb_add(mass_, mass_, masses[i].real(), bits_);
    for (std::size_t k = 0; k < size; ++k) arb_add(constant_[k], constant_[k], sums[i][k].real(), bits_);
  }
  arf_set_mag(arb_midref(static_cast<arb_ptr>(t)), unlisted.get()), mag_zero(arb_radref(static_cast<arb_ptr>(t)));
  arb_sub(mass_, mass_, t, bits_);
  const auto modulus_of = [&](std::size_t i) {
    Magnitude sum;
    for (const ComplexBall& v : sums[i]) {
      Magnitude modulus;
      acb_get_mag(modulus.get(), v);
      sum += modulus;
    }
    return sum;
  };
  std::vector<Magnitude> moduli(count);
  for (const std::size_t i : turning) moduli[i] = modulus_of(i);
  std::stable_sort(turning.begin(), turning.end(), [&](std::size_t a, std::size_t b) { return moduli[b] < moduli[a]; });
  for (std::size_t place = 0; place < pairs; ++place) {
    BallVector real(size), imaginary(size);
    for (std::size_t k = 0; k < size && place < turning.size(); ++k) arb_set(real[k], sums[turning[place]][k].real()), arb_set(imaginary[k], sums[turning[place]][k].imag());
    directions_.push_back(std::move(real)), directions_.push_back(std::move(imaginary));
  }
  for (std::size_t place = pairs; place < turning.size(); ++place)
    for (std::size_t k = 0; k < size; ++k) {
      Magnitude modulus;
      acb_get_mag(modulus.get(), sums[turning[place]][k]);
      rest_[k] += modulus;
    }
}

}  // namespace snellen
