#include "bounds/crosscheck.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "bounds/accuracy.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/euclidean.hpp"
#include "lib/world/scalar.hpp"

namespace snellen {
namespace {

Agreement compare(const std::string& place, const EuclideanWorld& ball, const EuclideanWorld::Block& x, const IntervalWorld& interval,
                  const IntervalWorld::Block& y) {
  Agreement result{place, 0, 0, INFINITY, INFINITY};
  for (std::size_t c = 0; c < ball.tokens(x); ++c) {
    const CertifiedVector a = certified_column(ball, x, c), b = certified_column(interval, y, c);
    result.ball_bits = std::min(result.ball_bits, accurate_bits(a));
    result.interval_bits = std::min(result.interval_bits, accurate_bits(b));
    for (std::size_t i = 0; i < a.size(); ++i) {
      ++result.entries;
      if (a[i].is_finite() && b[i].is_finite() && (a[i].upper < b[i].lower || b[i].upper < a[i].lower)) ++result.disjoint;
    }
  }
  return result;
}

}  // namespace

std::vector<Agreement> crosscheck(const Model& model, const std::vector<Column>& columns, long bits, Progress& progress) {
  const EuclideanWorld ball(bits);
  const IntervalWorld interval(bits);
  const Decoder<EuclideanWorld> ball_decoder(model, ball);
  const Decoder<IntervalWorld> interval_decoder(model, interval);
  std::vector<Agreement> result;
  progress.begin("two worlds at " + std::to_string(bits) + " bits", model.layers.size());
  EuclideanWorld::Block x = ball_decoder.embed(columns);
  IntervalWorld::Block y = interval_decoder.embed(columns);
  result.push_back(compare("embedding", ball, x, interval, y));
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    EuclideanWorld::Memory ball_past;
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
