#include "proofs/checker/rotary_mass.hpp"

#include <cmath>
#include <map>

namespace snellen::check {
namespace {

constexpr std::int64_t largest_multiple = std::int64_t{1} << 22;
constexpr std::size_t most_terms = 200;  // of an exponential series

Upper size_of(const Complex& x) { return Upper::magnitude(x.re) + Upper::magnitude(x.im); }

// A function on the circle: sum of modes[k] z^k, |z| = 1, up to `rest`.
struct Series {
  std::map<std::int64_t, Complex> modes;
  Upper rest;

  Upper norm() const {
    Upper sum;
    for (const auto& [k, mode] : modes) sum += size_of(mode);
    return sum;
  }
  void add(const IntervalArithmetic& a, std::int64_t k, const Complex& x) {
    const auto [at, fresh] = modes.try_emplace(k, x);
    if (fresh) return;
    a.add(at->second.re, at->second.re, x.re);
    a.add(at->second.im, at->second.im, x.im);
  }
};

// e^(Re(b z^step)) = e^(b z/2) e^(conj(b z)/2), two exponential series, of which the terms beyond some power are at most 2 e^x (x^(p+1)/(p+1)!) / (1 - x/(p+2)), x = |b|/2.
Series of_plane(const IntervalArithmetic& a, Complex b, std::int64_t step, const Upper& smallest) {
  a.mul(b.re, b.re, 0.5), a.mul(b.im, b.im, 0.5);
  const Upper x = size_of(b), growth = x.expm1() + Upper(1);
  std::vector<Complex> powers{{a.of(1), a.zero()}};  // (b/2)^p / p!
  Series series;
  for (Upper term(1);;) {
    const std::size_t p = powers.size();
    const Number inverse = [&] { Number one = a.of(1); a.div(one, one, a.of(static_cast<double>(p))); return one; }();
    term *= x * Upper::magnitude(inverse);  // x^p / p!, the first that is left out if the series ends here
    const Upper ratio = x * Upper::magnitude(inverse);
    series.rest = (growth * term * ratio.inverse_of_rest()).scaled(1);
    if (series.rest < smallest || p > most_terms) break;
    Complex next = times(a, powers.back(), b);
    a.mul(next.re, next.re, inverse), a.mul(next.im, next.im, inverse);
    powers.push_back(std::move(next));
  }
  for (std::size_t p = 0; p < powers.size(); ++p)
    for (std::size_t q = 0; q < powers.size(); ++q)
      series.add(a, step * (static_cast<std::int64_t>(p) - static_cast<std::int64_t>(q)), times(a, powers[p], conjugate(a, powers[q])));
  return series;
}

// What is smaller than `smallest` goes into the rest: (x + r)(y + s) = x y + r (y + s) + x s.
Series product(const IntervalArithmetic& a, const Series& x, const Series& y, const Upper& smallest) {
  Series result;
  result.rest = x.rest * (y.norm() + y.rest) + x.norm() * y.rest;
  for (const auto& [j, u] : x.modes)
    for (const auto& [k, v] : y.modes) {
      const Upper size = size_of(u) * size_of(v);
      if (size < smallest) result.rest += size;
      else result.add(a, j + k, times(a, u, v));
    }
  return result;
}

}  // namespace

Complex conjugate(const IntervalArithmetic& a, Complex x) {
  a.sub(x.im, a.zero(), x.im);
  return x;
}

Complex times(const IntervalArithmetic& a, const Complex& x, const Complex& y) {
  Complex result{a.zero(), a.zero()};
  Number term = a.zero();
  a.mul(result.re, x.re, y.re), a.mul(term, x.im, y.im), a.sub(result.re, result.re, term);
  a.mul(result.im, x.re, y.im), a.mul(term, x.im, y.re), a.add(result.im, result.im, term);
  return result;
}

Complex on_circle(const IntervalArithmetic& a, const Length& numerator, std::int64_t denominator) {
  const IntervalArithmetic wide(a.bits() + static_cast<long>(mpz_sizeinbase(numerator.backend().data(), 2)) + 2);
  Number angle = wide.zero();
  mpfi_set_z(IntervalArithmetic::raw(angle), numerator.backend().data());
  wide.div(angle, angle, wide.of(static_cast<double>(denominator)));
  Complex result{a.zero(), a.zero()};
  a.cos(result.re, angle), a.sin(result.im, angle);
  return result;
}

std::vector<std::int64_t> multiples_of_one(const Rotary& rotary) {
  const std::size_t planes = rotary.dimensions / 2;
  const double ratio = planes == 1 ? 1 : std::round(std::pow(rotary.base, 1 / static_cast<double>(planes)));
  if (planes == 0 || !(ratio >= 1 && ratio <= static_cast<double>(largest_multiple))) return {};
  std::vector<std::int64_t> multiples{1};
  while (multiples.size() < planes) {
    if (multiples[0] > largest_multiple) return {};
    multiples.insert(multiples.begin(), multiples[0] * static_cast<std::int64_t>(ratio));
  }
  // base^(2/dimensions) is this integer if base is its power; one plane turns by 1, whatever the base is.
  if (planes > 1 && (ratio < 2 || static_cast<double>(multiples[0]) * ratio != rotary.base)) return {};
  return multiples[0] <= largest_multiple ? multiples : std::vector<std::int64_t>();
}

std::vector<Operations::Turn> turns_over(const IntervalArithmetic& a, const std::vector<std::int64_t>& multiples, std::int64_t distance) {
  std::vector<Operations::Turn> turns;
  for (const std::int64_t multiple : multiples) {
    Complex z = on_circle(a, Length(multiple) * distance, multiples[0]);
    turns.push_back({std::move(z.re), std::move(z.im)});
  }
  return turns;
}

Number weight_at(const Operations& o, const TurningScore& score, const std::vector<Operations::Turn>& turns) {
  const IntervalArithmetic& a = o.arithmetic();
  Number sum = score.constant, term = a.zero();
  for (std::size_t f = 0; f < score.planes.size(); ++f) {
    a.mul(term, score.planes[f].re, turns[f].cosine), a.add(sum, sum, term);
    a.mul(term, score.planes[f].im, turns[f].sine), a.sub(sum, sum, term);
  }
  a.exp(sum, sum);
  return sum;
}

Number largest_weight(const Operations& o, const TurningScore& score) {
  const IntervalArithmetic& a = o.arithmetic();
  Number sum = score.constant, square = a.zero(), size = a.zero();
  for (const Complex& b : score.planes) {
    a.sqr(size, b.re), a.sqr(square, b.im), a.add(size, size, square);
    a.sqrt(size, size), a.add(sum, sum, size);
  }
  a.exp(sum, sum);
  return sum;
}

RotaryMass::RotaryMass(const Operations& o, const std::vector<std::int64_t>& multiples, const std::vector<TurningScore>& scores, std::int64_t first, long smallest)
    : o_(o), whole_(multiples[0]) {
  const IntervalArithmetic& a = o_.arithmetic();
  std::vector<Series> series(scores.size());
  for_each_index(scores.size(), true, [&](std::size_t h) {
    const Upper least = Upper(1).scaled(-smallest);
    series[h].modes[0] = {a.of(1), a.zero()};
    for (std::size_t f = 0; f < scores[h].planes.size(); ++f) series[h] = product(a, series[h], of_plane(a, scores[h].planes[f], multiples[f], least), least);
  });
  std::map<std::int64_t, std::vector<Complex>> together;  // by |k|: of a real function only the real part is asked for, and that of x z^-k is that of conj(x) z^k
  for (std::size_t h = 0; h < scores.size(); ++h)
    for (auto& [k, mode] : series[h].modes) {
      auto& sums = together.try_emplace(std::abs(k), scores.size(), Complex{a.zero(), a.zero()}).first->second[h];
      const Complex x = k < 0 ? conjugate(a, mode) : mode;
      a.add(sums.re, sums.re, x.re), a.add(sums.im, sums.im, x.im);
    }
  mean_ = constant_ = o_.zeros(scores.size());
  excess_.resize(scores.size());
  Vector factors;
  for (std::size_t h = 0; h < scores.size(); ++h) {
    factors.push_back(scores[h].constant);
    a.exp(factors[h], factors[h]);
  }
  for (auto& [k, sums] : together) {
    if (k == 0) {
      for (std::size_t h = 0; h < scores.size(); ++h) mean_[h] = sums[h].re;
      continue;
    }
    // z^(k first) + ... + z^(k (first + n - 1)) = z^(k first) / (1 - z^k) (1 - z^(k n)).
    Complex rest = on_circle(a, Length(k), whole_);
    a.sub(rest.re, a.of(1), rest.re), a.sub(rest.im, a.zero(), rest.im);
    Number size = a.zero(), square = a.zero();
    a.sqr(size, rest.re), a.sqr(square, rest.im), a.add(size, size, square);
    if (!mpfi_is_strictly_pos(IntervalArithmetic::raw(size))) {
      for (std::size_t h = 0; h < scores.size(); ++h) series[h].rest += size_of(sums[h]);
      continue;
    }
    Complex geometric = times(a, on_circle(a, Length(k) * first, whole_), conjugate(a, rest));
    a.div(geometric.re, geometric.re, size), a.div(geometric.im, geometric.im, size);
    for (std::size_t h = 0; h < scores.size(); ++h) {
      sums[h] = times(a, sums[h], geometric);
      a.mul(sums[h].re, sums[h].re, factors[h]), a.mul(sums[h].im, sums[h].im, factors[h]);
      a.add(constant_[h], constant_[h], sums[h].re);
      a.sqr(size, sums[h].re), a.sqr(square, sums[h].im), a.add(size, size, square), a.sqrt(size, size);
      excess_[h] += Upper::magnitude(size).scaled(1);
    }
    modes_.push_back({k, std::move(sums)});
  }
  for (std::size_t h = 0; h < scores.size(); ++h) {
    widen(mean_[h], series[h].rest);
    a.mul(mean_[h], mean_[h], factors[h]);
  }
}

Vector RotaryMass::at(std::int64_t n) const {
  const IntervalArithmetic& a = o_.arithmetic();
  // z^(k n) as a product of two: k = high 2^half + low.
  int half = 0;
  const std::int64_t largest = modes_.empty() ? 0 : modes_.back().k;
  while (largest >> (2 * half)) ++half;
  std::vector<Complex> low, high;
  for (std::int64_t j = 0; j < std::int64_t{1} << half; ++j) {
    low.push_back(on_circle(a, Length(j) * n, whole_));
    high.push_back(on_circle(a, (Length(j) << half) * n, whole_));
  }
  Vector masses = constant_;
  Number term = a.zero();
  for (std::size_t h = 0; h < masses.size(); ++h) {
    mpfi_mul_si(IntervalArithmetic::raw(term), IntervalArithmetic::raw(mean_[h]), n);
    a.add(masses[h], masses[h], term);
  }
  for (const Mode& mode : modes_) {
    const Complex z = times(a, high[static_cast<std::size_t>(mode.k >> half)], low[static_cast<std::size_t>(mode.k & ((std::int64_t{1} << half) - 1))]);
    for (std::size_t h = 0; h < masses.size(); ++h) {
      a.mul(term, mode.sums[h].re, z.re), a.sub(masses[h], masses[h], term);
      a.mul(term, mode.sums[h].im, z.im), a.add(masses[h], masses[h], term);
    }
  }
  return masses;
}

}  // namespace snellen::check
