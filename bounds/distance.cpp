#include "bounds/distance.hpp"

#include <cmath>
#include <stdexcept>

namespace snellen {
namespace {

Enclosure entry(const CertifiedVector& v, std::size_t i) { return v[i]; }

Enclosure entry(const std::vector<double>& v, std::size_t i) {
  Enclosure point{Dyadic::of(v[i]), Dyadic::of(v[i])};
  if (!std::isfinite(v[i])) {
    mpfr_set_inf(point.lower.get(), -1);
    mpfr_set_inf(point.upper.get(), +1);
  }
  return point;
}

// |x - y| with outward rounding.
Enclosure absolute_difference(const Enclosure& x, const Enclosure& y, long bits) {
  Dyadic low(bits), high(bits);
  mpfr_sub(low.get(), x.lower.get(), y.upper.get(), MPFR_RNDD);
  mpfr_sub(high.get(), x.upper.get(), y.lower.get(), MPFR_RNDU);
  if (mpfr_sgn(low.get()) >= 0) return {std::move(low), std::move(high)};
  mpfr_neg(low.get(), low.get(), MPFR_RNDN);
  if (mpfr_sgn(high.get()) <= 0) {
    mpfr_neg(high.get(), high.get(), MPFR_RNDN);
    return {std::move(high), std::move(low)};
  }
  mpfr_max(high.get(), high.get(), low.get(), MPFR_RNDU);
  return {Dyadic(bits), std::move(high)};
}

template <class A, class B>
Enclosure enclosed_distance(Metric metric, const A& a, const B& b, long bits) {
  if (a.size() != b.size()) throw std::logic_error("distance: vectors of different sizes");
  Enclosure result{Dyadic(bits), Dyadic(bits)};
  mpfr_ptr lower = result.lower.get(), upper = result.upper.get();
  for (std::size_t i = 0; i < a.size(); ++i) {
    Enclosure term = absolute_difference(entry(a, i), entry(b, i), bits);
    if (metric == Metric::l2) {
      mpfr_sqr(term.lower.get(), term.lower.get(), MPFR_RNDD);
      mpfr_sqr(term.upper.get(), term.upper.get(), MPFR_RNDU);
    }
    if (metric == Metric::linf) {
      mpfr_max(lower, lower, term.lower.get(), MPFR_RNDD);
      mpfr_max(upper, upper, term.upper.get(), MPFR_RNDU);
    } else {
      mpfr_add(lower, lower, term.lower.get(), MPFR_RNDD);
      mpfr_add(upper, upper, term.upper.get(), MPFR_RNDU);
    }
  }
  if (metric == Metric::l2) {
    mpfr_sqrt(lower, lower, MPFR_RNDD);
    mpfr_sqrt(upper, upper, MPFR_RNDU);
  }
  return result;
}

}  // namespace

Enclosure distance(Metric metric, const CertifiedVector& a, const CertifiedVector& b, long bits) {
  return enclosed_distance(metric, a, b, bits);
}
Enclosure norm_of(Metric metric, const CertifiedVector& d, long bits) { return enclosed_distance(metric, std::vector<double>(d.size()), d, bits); }
Enclosure distance(Metric metric, const std::vector<double>& a, const std::vector<double>& b, long bits) {
  return enclosed_distance(metric, a, b, bits);
}
Enclosure distance(Metric metric, const std::vector<double>& a, const CertifiedVector& b, long bits) {
  return enclosed_distance(metric, a, b, bits);
}

}  // namespace snellen
