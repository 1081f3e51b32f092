#include "lib/world/local_error.hpp"

#include <algorithm>
#include <cmath>

#include "lib/number/flint_caches.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/image_constants.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// At least |x| of the ball; infinite beyond what upward() allows as a factor.
double magnitude(arb_srcptr x) {
  const double m = upper_double(Magnitude::of(x));
  return is_moderate(m) ? m : infinite_bound;
}

// At most |x| of the ball.
double least_magnitude(arb_srcptr x) {
  Magnitude m;
  arb_get_mag_lower(m.get(), x);
  return mag_cmp_2exp_si(m.get(), -240) <= 0 || !arb_is_finite(x) ? 0 : mag_get_d(m.get()) * (1 - 0x1p-30);
}

Range ends(arb_srcptr x) {
  const double m = magnitude(x);
  if (!std::isfinite(m) || !arb_is_finite(x)) return Range::everything();
  const double middle = arf_get_d(arb_midref(x), ARF_RND_NEAR), radius = upper_double(Magnitude::radius_of(x)) + std::fabs(middle) * 0x1p-50;
  return {down(middle - radius), up(middle + radius)};
}

// [width * tokens], column after column.
template <class Bound>
std::vector<double> each_entry(const BallMatrix& y, const Bound& bound) {
  std::vector<double> result(y.rows() * y.columns());
  parallel_for(y.columns(), [&](std::size_t c) {
    for (std::size_t r = 0; r < y.rows(); ++r) result[c * y.rows() + r] = upward(bound(r, c));
  });
  return result;
}

// At least |computed - exact| of a sum of products in an engine's accumulator; a single term, too, is rounded.
double error_of(const ImageSum& sum, std::size_t terms, double magnitude, double operands) {
  if (!is_moderate(magnitude) || !is_moderate(operands)) return infinite_bound;
  return sum(std::max<std::size_t>(terms, 2), 0, 0, magnitude, operands).upper;
}

// At least (1 + a)(1 + b) ... - 1.
double compounded(std::initializer_list<double> errors) {
  double product = 1;
  for (const double e : errors) product *= 1 + e;
  return upward(product - 1 + 0x1p-46 * product);  // what the product itself loses
}

// A cast from one format to another that has fewer bits; none otherwise.
double cast_unit(const RoundingError& from, const RoundingError& to) { return to.unit > from.unit ? to.unit : 0; }

std::vector<RoundingError> each_format(const std::vector<Format>& formats, bool flush) {
  std::vector<RoundingError> result;
  for (const Format& format : formats) result.emplace_back(format, flush);
  return result;
}

}  // namespace

RoundingError::RoundingError(const Format& format, bool flush)
    : unit(std::ldexp(1.0, -format.precision)),
      lost((flush ? format.smallest_normal() : format.smallest_subnormal()).to_double(MPFR_RNDU)),
      largest(format.largest().to_double(MPFR_RNDD)) {}

double RoundingError::operator()(double m) const {
  const double error = upward(unit * m + lost);
  return upward(m + error) < largest ? error : infinite_bound;
}

LocalErrors::LocalErrors(const EngineProfile& p)
    : profile_(p),
      storage_(p.storage, p.flush_to_zero),
      operand_(p.operand, p.flush_to_zero),
      accumulator_(p.accumulator, p.flush_to_zero),
      score_(p.score, p.flush_to_zero),
      alibi_(p.alibi, p.flush_to_zero),
      scalar_(p.scalar, p.flush_to_zero),
      embedding_scale_(p.embedding_scale, p.flush_to_zero),
      softmax_(p.softmax, p.flush_to_zero),
      probability_(p.probability, p.flush_to_zero),
      cache_(p.cache, p.flush_to_zero),
      norm_(p.norm, p.flush_to_zero),
      angle_(p.rope_angle, p.flush_to_zero),
      rotation_(p.rotation, p.flush_to_zero),
      functions_(each_format(p.function, p.flush_to_zero)),
      linear_sum_(p.accumulator, p),
      score_sum_(p.score_accumulator, p),
      mix_sum_(p.mix_accumulator, p),
      softmax_sum_(p.softmax, p),
      norm_sum_(p.norm, p) {}

std::vector<double> LocalErrors::embed(const BallMatrix& y) const {
  return each_entry(y, [&](std::size_t r, std::size_t c) { return storage_(magnitude(y(r, c))); });
}

// Of y - x, a constant that the engine has within `off` before its cast.
std::vector<double> LocalErrors::add_constant(const BallMatrix& x, const BallMatrix& y, double off) const {
  return each_entry(y, [&](std::size_t r, std::size_t c) {
    const double sum = magnitude(y(r, c)), constant = upward(off + storage_(upward(sum + magnitude(x(r, c)) + off)));
    return constant + storage_(upward(sum + constant)) + 2 * storage_.lost;
  });
}

std::vector<double> LocalErrors::add_rows(const BallMatrix& x, const BallMatrix& y) const { return add_constant(x, y, 0); }

std::vector<double> LocalErrors::add_sinusoids(const BallMatrix& x, const BallMatrix& y) const {
  return add_constant(x, y, 2 * angle_.unit * std::max(profile_.ulps.sin_cos, 0.5) + angle_.lost);
}

std::vector<double> LocalErrors::scale(const BallMatrix& y) const {
  const double factor = compounded({embedding_scale_.unit + 0x1p-50, std::min(embedding_scale_.unit, storage_.unit)});
  return each_entry(y, [&](std::size_t r, std::size_t c) {
    const double m = magnitude(y(r, c)), error = upward(m * factor + 2 * (embedding_scale_.lost + storage_.lost) * (1 + m));
    return error + storage_(upward(m + error));
  });
}

// Operands that are flushed count as lost, too.
std::vector<double> LocalErrors::add(const BallMatrix& y) const {
  return each_entry(y, [&](std::size_t r, std::size_t c) { return storage_(magnitude(y(r, c))) + 2 * storage_.lost; });
}

std::vector<double> LocalErrors::multiply(const BallMatrix& x, const BallMatrix& z, const BallMatrix& y) const {
  return each_entry(y, [&](std::size_t r, std::size_t c) { return storage_(magnitude(y(r, c))) + storage_.lost * (magnitude(x(r, c)) + magnitude(z(r, c))); });
}

std::vector<double> LocalErrors::linear(const Linear& map, const BallMatrix& x, const BallMatrix& y) const {
  const std::size_t in = x.rows(), out = y.rows(), tokens = x.columns();
  std::vector<double> magnitudes(tokens * in), bias(out), result(out * tokens);
  if (map.bias) bias = read_all(*map.bias);
  for (std::size_t c = 0; c < tokens; ++c)
    for (std::size_t i = 0; i < in; ++i) magnitudes[c * in + i] = magnitude(x(i, c));
  const double cast = cast_unit(storage_, operand_);
  parallel_for(out, [&](std::size_t r) {
    std::vector<double> row(in);
    map.weight->read_row(r, row);
    for (std::size_t c = 0; c < tokens; ++c) {
      double sum = 0, largest = 0, weights = 0;
      for (std::size_t i = 0; i < in; ++i) {
        sum += std::fabs(row[i]) * magnitudes[c * in + i];
        weights += std::fabs(row[i]);
        largest = std::max({largest, std::fabs(row[i]), magnitudes[c * in + i]});
      }
      const double terms = upward(sum), own = cast > 0 ? upward(cast * terms + operand_.lost * weights) : 0, b = std::fabs(bias[r]), value = magnitude(y(r, c));
      // To the stored product, or in the accumulator: the larger of the two; value is the magnitude with the bias.
      const double together = error_of(linear_sum_, in + 1, upward(terms + own + b), largest) + own;
      const double in_accumulator = together + accumulator_(upward(value + together)) + storage_(upward(value + 2 * together + accumulator_.lost));
      const double stored = together + storage_(upward(value + b + together));
      const double in_storage = stored + storage_(upward(value + stored));
      result[c * out + r] = upward(!map.bias ? stored : profile_.bias == BiasIn::storage ? in_storage : profile_.bias == BiasIn::accumulator ? in_accumulator : std::max(in_storage, in_accumulator));
    }
  });
  return result;
}

// Relative errors of the mean square, its root and the products; a LayerNorm's centring is an absolute error before them.
std::vector<double> LocalErrors::norm(const Norm& n, const BallMatrix& x, const BallMatrix& y, std::size_t groups) const {
  const std::size_t size = x.rows() / groups;
  const auto count = static_cast<double>(size);
  std::vector<double> weight(size, 1.0), bias(size, 0.0), result(x.rows() * x.columns());
  if (n.weight) weight = read_all(*n.weight);
  if (n.bias) bias = read_all(*n.bias);
  if (n.weight && n.unit_offset)
    for (double& w : weight) w += 1;  // of its magnitude only; its rounding is counted below
  const RoundingError &f = norm_, &s = storage_;
  const double u = f.unit, cast = cast_unit(s, f);
  parallel_for(x.columns(), [&](std::size_t c) {
    for (std::size_t begin = 0; begin < x.rows(); begin += size) {
      double ones = 0, squares = 0, largest = 0;
      Ball mean, total, term;
      for (std::size_t i = 0; i < size; ++i) {
        const double m = magnitude(x(begin + i, c));
        ones += m, squares += m * m, largest = std::max(largest, m);
        arb_add(mean, mean, x(begin + i, c), 64);
      }
      arb_div_si(mean, mean, static_cast<slong>(size), 64);
      const bool centred = n.kind == NormKind::layer;
      const double off = centred ? magnitude(mean) : 0;
      // What the engine's centred entry is off by.
      const double mean_error = centred ? upward((error_of(norm_sum_, size, upward(ones * (1 + cast)), 1) + cast * ones) / count * (1 + 4 * u) + 4 * u * off + 2 * f.lost) : 0;
      double around = 0, slip = 0, reach = 0;  // sums of squares of what is centred, and of how far those are off; the largest
      std::vector<double> parts(size), errors(size);
      for (std::size_t i = 0; i < size; ++i) {
        const double m = magnitude(x(begin + i, c));
        arb_sub(term, x(begin + i, c), mean, 64);
        parts[i] = centred ? upward(std::min(m + off, magnitude(term))) : m;
        errors[i] = centred ? upward(cast * m + mean_error + f(upward(m + off + mean_error)) + 2 * f.lost) : upward(cast * m + f.lost);
        around += parts[i] * parts[i];
        slip += (2 * parts[i] + errors[i]) * errors[i];
        reach = std::max(reach, parts[i] + errors[i]);
        if (!centred) arb_set(term, x(begin + i, c));
        arb_addmul(total, term, term, 64);
      }
      arb_div_si(total, total, static_cast<slong>(size), 64);
      Ball epsilon;
      arb_set_d(epsilon, n.epsilon);
      arb_add(total, total, epsilon, 64);
      const double variance = least_magnitude(total), most = magnitude(total);
      const double sum_error = error_of(norm_sum_, size, upward(around + slip), upward(reach)) + slip;
      // Quotient or product with the reciprocal, epsilon's cast, the sum; a LayerNorm's kernels differ in how they get the variance.
      const double kernel = centred ? profile_.variance_error * u * squares : 0;
      const double absolute = upward((sum_error / count + kernel) * (1 + 8 * u) + 6 * u * most + 4 * f.lost);
      const double theta = variance > 0 ? upward(absolute / variance) : infinite_bound;
      const double root = theta < 0.5 && most < 0x1p90 && variance > 0x1p-90 ? compounded({upward(1 / std::sqrt(1 - theta) - 1), 2 * u * std::max(profile_.ulps.inverse_sqrt, 0.5)}) : infinite_bound;
      const double inverse = variance > 0 ? upward(1 / std::sqrt(variance)) : infinite_bound;
      for (std::size_t i = 0; i < size; ++i) {
        const double w = std::fabs(weight[i]), product = upward(parts[i] * inverse * w), b = std::fabs(bias[i]), out = magnitude(y(begin + i, c));
        // Before the last cast, with relative errors of what is multiplied with the weight and of that product.
        const auto error_with = [&](double normed, double weighted) {
          const double factor = compounded({root, u, normed, weighted, n.unit_offset ? u : 0.0});
          double error = product * factor + errors[i] * inverse * (1 + root) * (1 + factor) * w;  // of the centred entry
          if (centred) error += 3 * u * (parts[i] + 2 * off + errors[i]) * inverse * (1 + root) * (1 + factor) * w;  // as x r - mean r
          error = upward(error + 8 * (f.lost + s.lost) * (1 + w) * (1 + inverse));
          return n.bias ? upward(error + f(upward(product + b + error))) : error;
        };
        const double stored = error_with(s.unit, s.unit), wide = error_with(0, u);
        const NormCast where = n.unit_offset ? profile_.offset_norm_cast : centred ? NormCast::after_weight : profile_.norm_cast;
        const double before = stored + s(upward(s.lost)), after = upward(wide + s(upward(out + wide)));
        result[c * x.rows() + begin + i] = n.unit_offset && cast > 0 ? infinite_bound : where == NormCast::before_weight ? before : where == NormCast::after_weight ? after : std::max(before, after);
      }
    }
  });
  return result;
}

double LocalErrors::activated(Activation activation, const RoundingError& f, const Range& x, double y) const {
  const double u = f.unit, cast = cast_unit(storage_, f), moved = upward(cast * x.magnitude() + f.lost), m = upward(x.magnitude() + moved);
  const double own = upward(1.2 * moved);  // no slope is above 1.13
  y = upward(y + own);
  switch (activation) {
    case Activation::identity:
    case Activation::relu: return 0;
    case Activation::silu: {
      // e^-x, 1 + e^-x, the quotient or the product with the reciprocal; where e^-x overflows the result is 0, and |x| e^x at most log(largest) / largest.
      const double below = compounded({2 * u * std::max(profile_.ulps.exp, 0.5), u}), beyond = std::log(f.largest) * 0.99;
      const double gone = x.lower < -beyond ? 4 * (beyond + 1) * real_exp(Range::point(-beyond)).upper : 0;
      return below < 0.5 ? upward(y * compounded({below / (1 - below), u, u, u}) + own + f.lost * (4 + m) + gone) : infinite_bound;
    }
    case Activation::gelu_exact: {
      // The argument is 2u off, and t erf'(t) <= 0.485; then erf in ulps of 1, the sum, the products.
      const double inside = 4 * u * 0.5 + 2 * u * std::max(profile_.ulps.erf, 0.5) + 2 * u;
      return upward(0.5 * m * inside * (1 + 8 * u) + 4 * u * y + own + f.lost * (4 + m));
    }
    case Activation::gelu_tanh: {
      // The argument: at most twelve roundings, and a power of its own; t / cosh^2 t <= 0.448 below a relative change of 1/2.
      const double theta = compounded({u, u, u, u, u, u, u, u, u, u, u, u, 2 * u * profile_.ulps.exp});
      const double inside = theta / (1 - theta) * 0.45 + 2 * u * std::max(profile_.ulps.tanh, 0.5) + 2 * u;
      return theta < 0.25 ? upward(0.5 * m * inside * (1 + 8 * u) + 4 * u * y + own + f.lost * (8 + m * m * m)) : infinite_bound;
    }
  }
  return infinite_bound;
}

std::vector<double> LocalErrors::activate(Activation activation, const BallMatrix& x, const BallMatrix& y) const {
  return each_entry(y, [&](std::size_t r, std::size_t c) {
    const double out = magnitude(y(r, c));
    double error = 0;
    for (const RoundingError& f : functions_) error = std::max(error, activated(activation, f, ends(x(r, c)), out));
    return activation == Activation::identity ? 0 : activation == Activation::relu ? storage_.lost : error + storage_(upward(out + error));
  });
}

std::vector<double> LocalErrors::rotate(const Rotary& rotary, std::size_t heads, std::span<const Column> columns, const BallMatrix& x, const BallMatrix& y) const {
  const FlintCaches caches;
  const std::size_t size = x.rows() / heads, half = rotary.dimensions / 2;
  // Of cos and sin: how far the engine's table may be from the real values.
  std::vector<double> cosines(columns.size() * half), sines(columns.size() * half);
  const ImageArithmetic angle(profile_.rope_angle, profile_.flush_to_zero), table(profile_.rope_table, profile_.flush_to_zero);
  parallel_for(columns.size(), [&](std::size_t c) {
    for (std::size_t f = 0; f < half; ++f) {
      const auto turn = [&](double error) { return real_turn(columns[c].position, rotary.base, static_cast<std::int64_t>(2 * f), static_cast<std::int64_t>(rotary.dimensions), error); };
      const RealTurn real = turn(0), engine = turn(std::ldexp(profile_.angle_error, -profile_.rope_angle.precision));
      const auto off = [&](const Range& r, const Range& e) {
        const Range stored = table.cast(angle.within(e, profile_.ulps.sin_cos));
        return upward(std::max({0.0, stored.upper - r.lower, r.upper - stored.lower}));
      };
      cosines[c * half + f] = off(real.cos, engine.cos), sines[c * half + f] = off(real.sin, engine.sin);
    }
  });
  const double u = rotation_.unit, cast = cast_unit(storage_, rotation_);
  return each_entry(y, [&](std::size_t r, std::size_t c) -> double {
    const std::size_t i = r % size;
    if (i >= 2 * half) return 0;
    const double own = magnitude(x(r, c)), other = magnitude(x(i < half ? r + half : r - half, c)), dc = cosines[c * half + i % half], ds = sines[c * half + i % half];
    const double tables = own * dc + other * ds, both = (own * (1 + dc) + other * (1 + ds)) * (1 + cast);
    const double inside = upward(tables + cast * (own + other) * (1 + dc + ds) + 2 * u * both * (1 + 4 * u) + rotation_.lost * (6 + own + other));
    return inside + storage_(upward(magnitude(y(r, c)) + inside));
  });
}

std::vector<double> LocalErrors::attend(const AttentionStep& step, const BallMatrix& y) const {
  const FlintCaches caches;
  const Attention& a = step.attention;
  const std::size_t size = a.head_size, group = a.heads / a.kv_heads, tokens = step.columns.size();
  const Range root = real_root(a.scale);
  const double scale = root.magnitude(), cached = cast_unit(storage_, cache_), u = softmax_.unit;
  const std::int64_t last = step.columns.back().position;
  std::vector<double> result(y.rows() * tokens);
  parallel_for(a.heads * tokens, [&](std::size_t job) {
    const std::size_t h = job / tokens, c = job % tokens, g = h / group;
    const View view = step.view(c);
    const SoftmaxRow& row = step.row(h, c);
    std::vector<double> errors(view.size());
    double worst = 0, low = infinite_bound, high = -infinite_bound;
    for (std::size_t i = 0; i < view.size(); ++i) {
      double sum = 0, largest = 0, key = 0, query = 0;
      for (std::size_t d = 0; d < size; ++d) {
        const double q = magnitude((*step.q)(h * size + d, c)), k = magnitude((*step.k)(g * size + d, view.entry(i)));
        sum += q * k, largest = std::max({largest, q, k}), key += k, query += q;
      }
      // Of q.k: the keys' cast, the sum; where the query is multiplied with the scale first, that product's roundings and the scale's.
      const double constant = a.scale.is_one() ? 0 : scalar_.unit + 0x1p-50;
      const auto error_with = [&](double first, double factor) {
        const double slips = upward(sum * compounded({cached, first}) + query * cache_.lost + (first > 0 ? key * storage_.lost / factor : 0.0));
        return upward(slips + error_of(score_sum_, size, upward((sum + slips) * factor), upward(largest + 1)) / factor);
      };
      double product = 0;
      if (profile_.scale != ScaleOn::query || a.scale.is_one()) product = error_with(0, 1);
      if (profile_.scale != ScaleOn::product && !a.scale.is_one()) product = std::max(product, error_with(compounded({constant, scalar_.unit, storage_.unit}), scale));
      double score = magnitude(row.scores[i]), e = product * scale;
      const double uncapped = upward(sum * scale + e);
      if (!a.softcap) score = std::min(score, uncapped);
      // Casts of the product, the scale's rounding and its product.
      const double raw = a.softcap || !a.alibi.empty() ? uncapped : upward(score + e);
      e = upward(e + raw * compounded({score_.unit, constant, scalar_.unit, score_.unit}) + 3 * (score_.lost + scalar_.lost) * (1 + scale));
      if (a.softcap) {
        const double t = std::max(score_.unit, scalar_.unit), f = std::max({functions_[0].unit, t});
        e = upward(e + std::min(*a.softcap, uncapped + e) * compounded({t, t, t, 2 * f * std::max(profile_.ulps.tanh, 0.5), f, t, t}) * 2 + 4 * (score_.lost + scalar_.lost + functions_[0].lost) * (1 + *a.softcap));
      }
      double reach = score + e;
      if (!a.alibi.empty()) {
        const std::int64_t own = view.first_position + static_cast<std::int64_t>(i);
        const double slope = real_slope(a.alibi[h]).magnitude(), term = upward(slope * static_cast<double>((profile_.alibi_from == AlibiFrom::query ? step.columns[c].position : last) - own));
        e = upward(e + compounded({2 * alibi_.unit * std::max(profile_.ulps.exp, 0.5), alibi_.unit, alibi_.unit}) * term + alibi_(upward(raw + e + 2 * term)) + 4 * alibi_.lost * (1 + term));
        reach = upward(raw + e + 2 * term);
      }
      if (!(reach < score_.largest) || !(reach < softmax_.largest)) e = infinite_bound;
      e = upward(e + std::max(cast_unit(score_, softmax_), cast_unit(alibi_, softmax_)) * reach + softmax_.lost);
      errors[i] = e, worst = std::max(worst, e);
      // Differences from the largest score: of engine's own scores.
      low = std::min(low, -reach), high = std::max(high, reach);
    }
    // e^(s - m + d) (1 + err): d from the scores' errors and the rounding of the difference; the same for all others in the sum.
    const double spread = upward(high - low + 2 * worst), difference = upward(u * spread + 2 * softmax_.lost), function = 2 * u * std::max(profile_.ulps.exp, 1.0);
    const Range grown = softmax_sum_(view.size(), 1, 0, 1, 1);
    const double growth = upward(std::max(grown.upper - 1, 1 - grown.lower)), summed = profile_.probability_cast == ProbabilityCast::before_sum ? probability_.unit : 0;
    const double lost = upward(2 * std::max(profile_.ulps.exp, 1.0) * softmax_.lost + probability_.lost);
    std::vector<double> weights(view.size()), slips(view.size());
    for (std::size_t i = 0; i < view.size(); ++i) {
      const double exponent = upward(errors[i] + worst + 2 * difference);
      const double relative = exponent < 1 && growth < 0.25 ? compounded({upper_double(expm1(magnitude_of(exponent))), upward(function / (1 - function)), function, upward(growth / (1 - growth)), 4 * u, upward(summed / (1 - summed)), summed, probability_.unit})
                                                           : infinite_bound;
      weights[i] = std::min(1.0, magnitude(row.weights[i]));
      slips[i] = std::isfinite(relative) ? upward(weights[i] * relative + lost * (2 + static_cast<double>(view.size()) * weights[i])) : infinite_bound;
    }
    for (std::size_t d = 0; d < size; ++d) {
      double error = 0, sum = 0, largest = 1;
      for (std::size_t i = 0; i < view.size(); ++i) {
        const double v = magnitude((*step.v)(g * size + d, view.entry(i))), stored = upward(v * (1 + cached) + cache_.lost);
        error += slips[i] * stored + weights[i] * (cached * v + cache_.lost);
        sum += (weights[i] + slips[i]) * stored;
        largest = std::max(largest, stored);
      }
      error = upward(error + error_of(mix_sum_, view.size(), upward(sum), upward(largest)));
      result[c * y.rows() + h * size + d] = upward(error + storage_(upward(magnitude(y(h * size + d, c)) + error)));
    }
  });
  return result;
}

}  // namespace snellen
