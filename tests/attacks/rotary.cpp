// Runs under rotary positions (lib/world/rotary_mass, turning_head): a number of terms at which the sum leaves its mean by more than is said, a position of the query at which the weights
// of a run's explicit tokens do?
#include <cmath>

#include "lib/world/ball_functions.hpp"
#include "lib/world/rotary_mass.hpp"
#include "lib/world/turning_head.hpp"
#include "tests/attacks/attack.hpp"

namespace snellen::attacks {
namespace {

constexpr double bases[] = {10000, 100, 8, 4, 2.25};  // with three planes 8 and 4 make modes resonate

Ball magnitude(const Magnitude& x) {
  Ball result;
  arf_set_mag(arb_midref(static_cast<arb_ptr>(result)), x.get());
  return result;
}

// The angle of a plane at this distance.
Ball angle_of(const Rotary& rotary, std::size_t plane, std::int64_t distance) {
  Ball angle;
  set_frequency(angle, rotary.base, plane, rotary.dimensions, bits);
  arb_mul_si(angle, angle, distance, bits);
  return angle;
}

// Distances are drawn by the logarithm: the small ones, where few terms have not averaged out, and large ones.
std::int64_t distance(Reader& read, double most) { return static_cast<std::int64_t>(std::exp2(most * std::fabs(read.number()))); }

Attempt mass(Point point) {
  Reader read(point);
  const std::size_t planes = 1 + read.below(3);
  const Rotary rotary{bases[read.below(5)], 2 * planes};
  const RotaryFrequencies frequencies(rotary);
  RotaryScore score;
  arb_set_d(score.constant, read.number());
  const double size = 3 * std::exp2(-8 * std::fabs(read.number()));
  for (std::size_t f = 0; f < 3; ++f) {
    ComplexBall b;
    arb_set_d(b.real(), size * read.number()), arb_set_d(b.imag(), size * read.number());
    if (f < planes) score.planes.push_back(std::move(b));
  }
  const std::int64_t first = distance(read, 12) - 1, count = distance(read, 8);
  const std::size_t listed = 1 + read.below(200), followed = read.below(40);
  const RotaryMass bounded(score, frequencies, first, 96, {listed, followed, static_cast<std::int64_t>(read.below(50))});
  Ball sum, term, sine, cosine;
  for (std::int64_t d = first; d < first + count; ++d) {
    arb_set(term, score.constant);
    for (std::size_t f = 0; f < planes; ++f) {
      arb_sin_cos(sine, cosine, angle_of(rotary, f, d), bits);
      arb_addmul(term, score.planes[f].real(), cosine, bits), arb_submul(term, score.planes[f].imag(), sine, bits);
    }
    arb_exp(term, term, bits);
    arb_add(sum, sum, term, bits);
  }
  Ball enclosed, off, bound, share;
  bounded.sum(enclosed, Length(count), followed);
  if (!arb_overlaps(enclosed, sum)) return {2, true};
  bounded.mean(enclosed, Length(count));
  arb_div_si(off, sum, count, bits);
  if (!arb_overlaps(enclosed, off)) return {2, true};
  if (arb_gt(term, magnitude(bounded.largest_term()))) return {2, true};
  arb_mul_si(off, bounded.mu(), count, bits);
  arb_sub(off, sum, off, bits), arb_abs(off, off);
  arb_set(bound, magnitude(bounded.excess()));
  arb_mul_si(share, magnitude(bounded.drift()), count, bits), arb_add(bound, bound, share, bits);
  return compare(off, bound);
}

constexpr std::size_t turning = 4, head_size = 6, tokens = 4, skipped = 1;

Attempt turning_head(Point point) {
  Reader read(point);
  const Rotary rotary{bases[read.below(5)], turning};
  const double size = 2 * std::exp2(-6 * std::fabs(read.number())), run = std::exp2(-30 * std::fabs(read.number()));
  TurningLimits limits{BallVector(head_size), BallVector(head_size), BallVector(head_size), BallVector(head_size), turning};
  for (std::size_t i = 0; i < head_size; ++i) {
    arb_set_d(limits.query[i], size * read.number()), arb_set_d(limits.key[i], run * read.number()), arb_set_d(limits.value[i], read.number());
    arb_set_d(limits.reference[i], i < turning ? 0 : read.number());
  }
  const std::int64_t position = tokens + distance(read, 14) - 1;
  const bool met = read.below(2) == 0;  // the planes of all tokens meet the query at its position, as nearly as `apart` says
  BallMatrix keys(head_size, tokens), values(head_size, tokens);
  Ball sine, cosine, angle, t, u;
  const auto turn = [&](arb_ptr a, arb_ptr b, const std::int64_t by, std::size_t f) {
    arb_sin_cos(sine, cosine, angle_of(rotary, f, by), bits);
    arb_mul(t, a, cosine, bits), arb_submul(t, b, sine, bits);
    arb_mul(u, a, sine, bits), arb_addmul(u, b, cosine, bits);
    arb_set(a, t), arb_set(b, u);
  };
  std::vector<Ball> turned(head_size);  // the query at its position
  for (std::size_t i = 0; i < head_size; ++i) arb_set(turned[i], limits.query[i]);
  for (std::size_t f = 0; f < turning / 2; ++f) turn(turned[f], turned[f + turning / 2], position, f);
  for (std::size_t e = 0; e < tokens; ++e) {
    const double apart = std::exp2(-20 * std::fabs(read.number())), share = 3 * read.number();
    for (std::size_t i = 0; i < head_size; ++i) {
      arb_set_d(keys(i, e), (met && i < turning ? apart : 1) * read.number());
      if (met && i < turning) arb_set_d(t, share), arb_addmul(keys(i, e), turned[i], t, bits);
      arb_set_d(values(i, e), read.number());
    }
    if (!met)
      for (std::size_t f = 0; f < turning / 2; ++f) turn(keys(f, e), keys(f + turning / 2, e), static_cast<std::int64_t>(e), f);
  }
  BallMemory memory;
  memory.append(keys, values, 1, bits);

  std::vector<Ball> sum(head_size);
  Ball all, weight;
  std::vector<Ball> weights;
  for (std::size_t e = skipped; e < tokens; ++e) {
    arb_zero(weight);
    for (std::size_t i = 0; i < head_size; ++i) {
      arb_sub(t, keys(i, e), limits.reference[i], bits);
      arb_addmul(weight, turned[i], i < turning ? static_cast<arb_srcptr>(keys(i, e)) : static_cast<arb_srcptr>(t), bits);
    }
    arb_exp(weight, weight, bits);
    arb_add(all, all, weight, bits);
    for (std::size_t i = 0; i < head_size; ++i) arb_sub(t, values(i, e), limits.value[i], bits), arb_addmul(sum[i], weight, t, bits);
    weights.push_back(weight);
  }
  const TurningHead head(std::make_shared<const RotaryFrequencies>(rotary), std::move(limits), {memory, head_size, 0, skipped}, 96);
  Attempt best = nothing_tested();
  const auto judge = [&](const Attempt& one) {
    best.closeness = std::max(best.closeness, one.closeness), best.broken = best.broken || one.broken;
  };
  for (std::size_t e = 0; e < weights.size(); ++e) judge(compare(weights[e], magnitude(head.largest()[e])));
  best.closeness = -1;  // a weight that is attained says nothing about the rest
  if (arb_is_positive(head.explicit_mass())) judge(compare(head.explicit_mass(), all));
  best.closeness = -1;
  for (std::size_t i = 0; i < head_size; ++i) {
    Ball off, bound = magnitude(head.rest()[i]);
    arb_sub(off, sum[i], head.constant()[i], bits), arb_abs(off, off);
    for (std::size_t d = 0; d < head.directions().size(); d += 2) arb_hypot(t, head.directions()[d][i], head.directions()[d + 1][i], bits), arb_add(bound, bound, t, bits);
    judge(compare(off, bound));
  }
  return best;
}

const Registered r1({"rotary-mass", "RotaryMass: sums, means and distances from the mean of a run under rotary positions", 15, mass, 20});
const Registered r2({"turning-head", "TurningHead: what a query sees of a run's explicit tokens at any position", 5 + 4 * head_size + tokens * (2 + 2 * head_size), turning_head, 40});

}  // namespace
}  // namespace snellen::attacks
