#include "lib/world/rotary_frequencies.hpp"

#include <cmath>
#include <numeric>
#include <optional>

#include "lib/world/ball_functions.hpp"

namespace snellen {
namespace {

constexpr long known_bits = 512;
constexpr std::int64_t largest_multiple = std::int64_t(1) << 32;  // times a mode's number, below 2^15, and the planes of a class, far fewer than 2^15

struct Fraction {
  Length numerator, denominator;
};

// The exact integer root, if there is one.
std::optional<Length> root_of(const Length& x, unsigned degree) {
  mpz_t root;
  mpz_init(root);
  const bool exact = mpz_root(root, x.backend().data(), degree) != 0;
  Length result;
  mpz_set(result.backend().data(), root);
  mpz_clear(root);
  return exact ? std::optional(result) : std::nullopt;
}

Length power(const Length& x, std::size_t exponent) {
  Length result = 1;
  for (std::size_t i = 0; i < exponent; ++i) result *= x;
  return result;
}

// base = c^g for the largest g; base > 1, a double.
std::pair<Fraction, unsigned> largest_power(double base) {
  int exponent = 0;
  const auto significand = static_cast<std::int64_t>(std::ldexp(std::frexp(base, &exponent), 53));
  Fraction exact{Length(significand), 1};
  exponent -= 53;
  if (exponent >= 0) exact.numerator <<= static_cast<unsigned>(exponent);
  else exact.denominator <<= static_cast<unsigned>(-exponent);
  const Length common = boost::multiprecision::gcd(exact.numerator, exact.denominator);
  exact.numerator /= common, exact.denominator /= common;
  for (unsigned g = 1100; g > 1; --g) {
    const auto n = root_of(exact.numerator, g);
    if (!n) continue;
    if (const auto d = root_of(exact.denominator, g)) return {{*n, *d}, g};
  }
  return {exact, 1};
}

}  // namespace

RotaryFrequencies::RotaryFrequencies(const Rotary& rotary) : base_(rotary.base), dimensions_(rotary.dimensions) {
  const std::size_t planes = dimensions_ / 2;
  class_.resize(planes), multiple_.assign(planes, 1);
  std::iota(class_.begin(), class_.end(), std::size_t{0});
  classes_ = planes;
  if (base_ > 1) {
    const auto [c, g] = largest_power(base_);
    // base^(2k/dimensions) = c^(2 g k / dimensions) is rational where the exponent is an integer, and only there: c is no perfect power.
    const std::size_t k = dimensions_ / std::gcd(dimensions_, 2 * static_cast<std::size_t>(g)), exponent = 2 * static_cast<std::size_t>(g) * k / dimensions_;
    if (k < planes) {
      const Length u = power(c.numerator, exponent), v = power(c.denominator, exponent);  // r^k = v / u
      const std::size_t most = (planes - 1) / k;
      if (power(u, most) <= largest_multiple && power(v, most) <= largest_multiple) {
        classes_ = k;
        for (std::size_t f = 0; f < planes; ++f) {
          const std::size_t i = f / k, last = (planes - 1 - f % k) / k;  // of the class
          class_[f] = f % k;
          multiple_[f] = static_cast<std::int64_t>(power(v, i) * power(u, last - i));
        }
      }
    }
  }
  for (std::size_t c = 0; c < classes_; ++c) first_.push_back(c), first_multiple_.push_back(multiple_[c]);
  known_ = BallVector(planes);
  for (std::size_t f = 0; f < planes; ++f) snellen::set_frequency(known_[f], base_, f, dimensions_, known_bits);
}

void RotaryFrequencies::set_unit(arb_ptr result, std::size_t c, long bits) const {
  set_frequency(result, first_[c], bits + 4);
  arb_div_si(result, result, first_multiple_[c], bits);
}

void RotaryFrequencies::set_frequency(arb_ptr result, std::size_t plane, long bits) const {
  if (bits <= known_bits) arb_set_round(result, known_[plane], bits);
  else snellen::set_frequency(result, base_, plane, dimensions_, bits);
}

// The integer part of the angle takes log2(n) bits more.
void RotaryFrequencies::set_turn(acb_ptr result, std::size_t plane, const Length& n, long bits) const {
  Ball angle, count;
  const long working = bits + (n == 0 ? 2 : static_cast<long>(boost::multiprecision::msb(n)) + 4);
  set_frequency(angle, plane, working);
  set_length(count, n);
  arb_mul(angle, angle, count, working);
  snellen::set_unit(result, angle, bits);
}

bool RotaryFrequencies::resonant(const std::int16_t* m) const {
  for (std::size_t c = 0; c < classes_; ++c) {
    std::int64_t sum = 0;
    for (std::size_t f = c; f < planes(); f += classes_) sum += m[f] * multiple_[f];
    if (sum != 0) return false;
  }
  return true;
}

}  // namespace snellen
