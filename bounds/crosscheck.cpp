#include "bounds/crosscheck.hpp"

#include <algorithm>
#include <cmath>

#include "lib/model/decoder.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/scalar.hpp"

namespace snellen {
namespace {

double log2_of(mpfr_srcptr x) {
  long exponent = 0;
  const double fraction = mpfr_get_d_2exp(&exponent, x, MPFR_RNDU);
  return std::log2(std::fabs(fraction)) + static_cast<double>(exponent);
}

// log2 of the largest entry's magnitude.
double log2_magnitude(const CertifiedVector& v) {
  double largest = -INFINITY;
  for (const Enclosure& e : v) {
    if (!mpfr_zero_p(e.lower.get())) largest = std::max(largest, log2_of(e.lower.get()));
    if (!mpfr_zero_p(e.upper.get())) largest = std::max(largest, log2_of(e.upper.get()));
  }
  return largest;
}

double fewest_bits(const CertifiedVector& v) {
  double fewest = INFINITY;
  const double magnitude = log2_magnitude(v);
  Dyadic width(64);
  for (const Enclosure& e : v) {
    if (!e.is_finite()) return -INFINITY;
    mpfr_sub(width.get(), e.upper.get(), e.lower.get(), MPFR_RNDU);
    if (!mpfr_zero_p(width.get())) fewest = std::min(fewest, magnitude - log2_of(width.get()));
  }
  return fewest;
}

Agreement compare(const std::string& place, const BallWorld& ball, const BallWorld::Block& x, const IntervalWorld& interval,
                  const IntervalWorld::Block& y) {
  Agreement result{place, 0, 0, INFINITY, INFINITY};
  for (std::size_t c = 0; c < ball.tokens(x); ++c) {
    const CertifiedVector a = certified_column(ball, x, c), b = certified_column(interval, y, c);
    result.ball_bits = std::min(result.ball_bits, fewest_bits(a));
    result.interval_bits = std::min(result.interval_bits, fewest_bits(b));
    for (std::size_t i = 0; i < a.size(); ++i) {
      ++result.entries;
      if (a[i].is_finite() && b[i].is_finite() && (a[i].upper < b[i].lower || b[i].upper < a[i].lower)) ++result.disjoint;
    }
  }
  return result;
}

}  // namespace

std::vector<Agreement> crosscheck(const Model& model, const std::vector<Column>& columns, long bits, Progress& progress) {
  const BallWorld ball(bits);
  const IntervalWorld interval(bits);
  const Decoder<BallWorld> ball_decoder(model, ball);
  const Decoder<IntervalWorld> interval_decoder(model, interval);
  std::vector<Agreement> result;
  progress.begin("two worlds at " + std::to_string(bits) + " bits", model.layers.size());
  BallWorld::Block x = ball_decoder.embed(columns);
  IntervalWorld::Block y = interval_decoder.embed(columns);
  result.push_back(compare("embedding", ball, x, interval, y));
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    BallWorld::Memory ball_past;
    IntervalWorld::Memory interval_past;
    x = ball_decoder.layer(model.layers[l], std::move(x), columns, ball_past);
    y = interval_decoder.layer(model.layers[l], std::move(y), columns, interval_past);
    result.push_back(compare("layer " + std::to_string(l + 1), ball, x, interval, y));
    progress.step();
  }
  result.push_back(compare("final norm", ball, ball_decoder.final(x), interval, interval_decoder.final(y)));
  return result;
}

}  // namespace snellen
