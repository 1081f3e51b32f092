#include "lib/world/majorant_attention.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/number/magnitude_functions.hpp"
#include "lib/world/ball_functions.hpp"

namespace snellen {
namespace {

constexpr std::size_t most_own_directions = 8;
constexpr long coarse_bits = 64;  // of everything but limits: what dies away need not be known to more

// At least the Euclidean norm of a plane's two entries.
Magnitude plane_norm(arb_srcptr x, arb_srcptr y) {
  Magnitude result, a = Magnitude::of(x), b = Magnitude::of(y);
  mag_hypot(result.get(), a.get(), b.get());
  return result;
}

Magnitude distance(arb_srcptr x, arb_srcptr y, long bits) {
  Ball difference;
  arb_sub(difference, x, y, bits);
  return Magnitude::of(difference);
}

// 1/x rounded up, for a lower bound x.
Magnitude inverse_of_lower(const Magnitude& lower) {
  Magnitude result;
  mag_inv(result.get(), lower.get());
  return result;
}

// The lower end of x.
Ball lower_end(arb_srcptr x) {
  Ball result;
  arb_get_lbound_arf(arb_midref(static_cast<arb_ptr>(result)), x, coarse_bits);
  return result;
}

// At most e^-x.
Ball exp_of_minus(const Magnitude& x) {
  Ball result;
  arf_set_mag(arb_midref(static_cast<arb_ptr>(result)), x.get());
  arb_neg(result, result);
  arb_exp(result, result, coarse_bits);
  return lower_end(result);
}

// At least (m + x - 1) / max(a + b x, c + d x) for every real x >= 1; a, b > 0 and all five exact. On each side of where the lines cross the quotient is monotone.
Magnitude largest_quotient(const Ball& m, const Ball& a, const Ball& b, const Ball& c, const Ball& d) {
  const auto quotient_at = [&](const Ball& x, const Ball& y, const Ball& z) {  // over y + z x
    Ball above, below;
    arb_sub_ui(above, x, 1, coarse_bits);
    arb_add(above, above, m, coarse_bits);
    arb_set(below, y);
    arb_addmul(below, z, x, coarse_bits);
    if (!arb_is_positive(below)) arb_indeterminate(below);
    arb_div(above, above, below, coarse_bits);
    return Magnitude::of(above);
  };
  const auto inverse_of = [](const Ball& x) {
    Ball inverse;
    arb_inv(inverse, x, coarse_bits);
    return Magnitude::of(inverse);
  };
  Ball one, first, second, crossing, slope;
  arb_one(one);
  arb_add(first, a, b, coarse_bits), arb_add(second, c, d, coarse_bits);
  if (arb_is_positive(d) && arb_ge(second, first)) return larger(quotient_at(one, c, d), inverse_of(d));
  arb_sub(slope, d, b, coarse_bits);
  if (!arb_is_positive(slope)) return larger(quotient_at(one, a, b), inverse_of(b));
  arb_sub(crossing, a, c, coarse_bits);
  arb_div(crossing, crossing, slope, coarse_bits);
  return larger(larger(quotient_at(one, a, b), quotient_at(crossing, a, b)), inverse_of(d));
}

// e^x of the ends of x.
void set_end_exponentials(arb_ptr lower, arb_ptr upper, arb_srcptr x, long bits) {
  arb_get_lbound_arf(arb_midref(lower), x, bits);
  arb_get_ubound_arf(arb_midref(upper), x, bits);
  mag_zero(arb_radref(lower)), mag_zero(arb_radref(upper));
  arb_exp(lower, lower, bits);
  arb_exp(upper, upper, bits);
}

}  // namespace

// The query of one head at one abstract token, times the score's scale.
struct MajorantAttention::Query {
  std::size_t head, column, row, key_row;  // its rows in q and o; those of its key head
  BallVector limit, range;
  std::vector<Magnitude> size, plane;      // of the range: |q_i|, and the norms of its rotating planes
  std::vector<Magnitude> moved, plane_moved;  // of the range less the limit, likewise
  std::vector<Motion> motion;
  BallVector reference;                    // a key: scores are taken less the score of its unrotated entries
  bool whole;                              // sees the whole last copy of the unit
  const TurningHead* turning;              // or null
};

// Of the run: at least fixed + x tail for x tokens of the tail; no better than zero where nothing is known.
struct MajorantAttention::Mass {
  Ball fixed, tail;
};

struct MajorantAttention::Weight {
  Ball lower, upper;
  Ball hull(long bits) const {
    Ball both;
    arb_union(both, lower, upper, bits);
    return both;
  }
};

MajorantAttention::MajorantAttention(const Attention& attention, const RunShape& shape, const Decays& decays, const MajorantBlock& q, const MajorantBlock& k,
                                     const MajorantBlock& v, const MajorantMemory& memory, long bits)
    : a_(attention), shape_(shape), decays_(decays), q_(q), k_(k), v_(v), memory_(memory), bits_(bits),
      rotated_(attention.rotary ? attention.rotary->dimensions : 0), half_(rotated_ / 2),
      own_directions_(attention.rotary && !attention.window ? std::min(shape.prefix, most_own_directions) : 0) {}

// At least |q| |k - its limit| for the unit's keys in the tail: how badly their weights are known.
Magnitude MajorantAttention::spread(std::size_t head, std::size_t column) const {
  const std::size_t row = head * a_.head_size, key_row = head / (a_.heads / a_.kv_heads) * a_.head_size;
  Ball scale;
  set_root(scale, a_.scale, coarse_bits);
  Magnitude largest;
  for (std::size_t b = 0; b < shape_.unit; ++b) {
    Magnitude sum;
    for (std::size_t i = 0; i < a_.head_size; ++i)
      sum += Magnitude::of(q_.range(row + i, column)) * distance(k_.range(key_row + i, b), k_.limit(key_row + i, b), coarse_bits);
    largest = larger(largest, sum * Magnitude::of(scale));
  }
  return largest;
}

BallVector MajorantAttention::column_of(const BallMatrix& m, std::size_t row, std::size_t column) const {
  BallVector result(a_.head_size);
  for (std::size_t i = 0; i < a_.head_size; ++i) arb_set(result[i], m(row + i, column));
  return result;
}

MajorantAttention::Query MajorantAttention::query_of(std::size_t head, std::size_t column) const {
  Query query{head, column, head * a_.head_size, head / (a_.heads / a_.kv_heads) * a_.head_size, {}, {}, {}, {}, {}, {}, {}, {}, column + 1 >= shape_.unit, nullptr};
  if (turns()) query.turning = memory_.turning[head * q_.columns() + column].get();
  Ball scale;
  set_root(scale, a_.scale, bits_);
  query.limit = column_of(q_.balls, query.row, column);
  query.range = column_of(q_.balls, query.row, q_.columns() + column);
  query.reference = BallVector(a_.head_size);
  const Magnitude factor = Magnitude::of(scale);
  query.motion.resize(a_.head_size);
  for (std::size_t i = 0; i < a_.head_size; ++i) {
    arb_mul(query.limit[i], query.limit[i], scale, bits_);
    arb_mul(query.range[i], query.range[i], scale, bits_);
    query.size.push_back(Magnitude::of(query.range[i]));
    query.moved.push_back(distance(query.range[i], query.limit[i], coarse_bits));
    query.motion[i].add(q_.motion(query.row + i, column), factor);
    if (query.turning) arb_set(query.reference[i], query.turning->reference()[i]);
    else arb_get_mid_arb(query.reference[i], k_.limit(query.key_row + i, 0));
  }
  for (std::size_t f = 0; f < half_; ++f) {
    query.plane.push_back(plane_norm(query.range[f], query.range[f + half_]));
    Magnitude moved;
    mag_hypot(moved.get(), query.moved[f].get(), query.moved[f + half_].get());
    query.plane_moved.push_back(std::move(moved));
  }
  return query;
}

HeadMajorant MajorantAttention::output(std::size_t head, std::size_t column) const {
  const Query query = query_of(head, column);
  HeadMajorant result = a_.window ? local(query) : global(query);
  while (result.directions.size() < direction_count()) result.directions.emplace_back(a_.head_size), result.factors.emplace_back();
  return result;
}

std::unique_ptr<const TurningHead> MajorantAttention::turning_head(std::shared_ptr<const RotaryFrequencies> frequencies, std::size_t head, std::size_t column) const {
  const std::size_t key_row = head / (a_.heads / a_.kv_heads) * a_.head_size;
  TurningLimits limits{column_of(q_.balls, head * a_.head_size, column), column_of(k_.balls, key_row, 0), column_of(v_.balls, key_row, 0), BallVector(a_.head_size), rotated_};
  Ball scale;
  set_root(scale, a_.scale, bits_);
  for (std::size_t i = 0; i < a_.head_size; ++i) {
    arb_mul(limits.query[i], limits.query[i], scale, bits_);
    arb_get_mid_arb(limits.reference[i], limits.key[i]);
  }
  return std::make_unique<const TurningHead>(std::move(frequencies), std::move(limits), ExplicitTokens{memory_.tokens, k_.width(), key_row, own_directions_}, coarse_bits);
}

// At least |q.(key - origin) - q'.(limit - origin)|, turned by whatever angle in the planes (where there is no origin), for the queries q in the range and the limit's query q'.
Magnitude MajorantAttention::score_change(const Query& query, const BallVector& key, const BallVector& limit, const BallVector& origin) const {
  Magnitude sum;
  for (std::size_t i = rotated_; i < a_.head_size; ++i)
    sum += query.size[i] * distance(key[i], limit[i], coarse_bits) + query.moved[i] * distance(limit[i], origin[i], coarse_bits);
  for (std::size_t f = 0; f < half_; ++f) {
    Magnitude apart, x = distance(key[f], limit[f], coarse_bits), y = distance(key[f + half_], limit[f + half_], coarse_bits);
    mag_hypot(apart.get(), x.get(), y.get());
    sum += query.plane[f] * apart + query.plane_moved[f] * plane_norm(limit[f], limit[f + half_]);
  }
  return sum;
}

// e^(score - reference), whatever the angles of the rotating planes. q is the query's range or its limit.
MajorantAttention::Weight MajorantAttention::weight_of(const BallVector& q, const Query& query, const BallVector& key, long bits) const {
  Ball score, t;
  if (a_.softcap && half_ > 0) {  // no reference: it would not cancel
    for (std::size_t i = rotated_; i < a_.head_size; ++i) arb_addmul(score, q[i], key[i], bits);
  } else {
    for (std::size_t i = rotated_; i < a_.head_size; ++i) {
      arb_sub(t, key[i], query.reference[i], bits);
      arb_addmul(score, q[i], t, bits);
    }
  }
  for (std::size_t f = 0; f < half_; ++f) {
    const Magnitude turning = query.plane[f] * plane_norm(key[f], key[f + half_]);
    arb_add_error_mag(score, turning.get());
  }
  if (a_.softcap && half_ > 0) apply_softcap(score, score, *a_.softcap, bits);
  if (a_.softcap && half_ == 0) {
    // c tanh(s/c) - c tanh(r/c) lies between 0 and s - r, and is the difference of the two.
    Ball capped, reference;
    arb_dot(capped, nullptr, 0, q[0], 1, key[0], 1, static_cast<slong>(a_.head_size), bits);
    arb_dot(reference, nullptr, 0, q[0], 1, query.reference[0], 1, static_cast<slong>(a_.head_size), bits);
    apply_softcap(capped, capped, *a_.softcap, bits);
    apply_softcap(reference, reference, *a_.softcap, bits);
    arb_sub(capped, capped, reference, bits);
    const Ball zero;
    arb_union(score, score, zero, bits);
    if (!arb_is_finite(capped) || !arb_intersection(score, score, capped, bits)) arb_set(score, capped);
  }
  Weight weight;
  set_end_exponentials(weight.lower, weight.upper, score, bits);
  return weight;
}

// The output's limit in a layer that sees everything: the mean over one copy of the unit.
void MajorantAttention::set_global_limit(const Query& query, BallVector& limit) const {
  if (shape_.unit == 1) {
    limit = column_of(v_.balls, query.key_row, 0);
    return;
  }
  limit = BallVector(a_.head_size);
  Ball mass;
  for (std::size_t b = 0; b < shape_.unit; ++b) {
    const Ball weight = weight_of(query.limit, query, column_of(k_.balls, query.key_row, b), bits_).hull(bits_);
    arb_add(mass, mass, weight, bits_);
    for (std::size_t i = 0; i < a_.head_size; ++i) arb_addmul(limit[i], weight, v_.limit(query.key_row + i, b), bits_);
  }
  for (std::size_t i = 0; i < a_.head_size; ++i) arb_div(limit[i], limit[i], mass, bits_);
}

// An upper bound of j / Z_j for every j >= M, Z_j the mass that the token in copy j sees: at least `fixed`, and `tail` for each visible copy from M on; and at least what
// the modes say.
Magnitude MajorantAttention::inverse_mass(const Query& query, Ball fixed, arb_srcptr tail, const Mass& by_modes) const {
  Ball m;
  set_length(m, decays_.first());
  Magnitude by_two;
  mag_inf(by_two.get());
  if (const Ball a = lower_end(fixed), b = lower_end(tail); query.turning && arb_is_positive(a) && arb_is_positive(b))
    by_two = largest_quotient(m, a, b, lower_end(by_modes.fixed), lower_end(by_modes.tail));
  // Z_j >= fixed + (j - M [+ 1]) tail is linear in j, so that Z_j / j is least at j = M or in the limit.
  if (query.whole) arb_add(fixed, fixed, tail, coarse_bits);
  arb_div(fixed, fixed, m, coarse_bits);
  Magnitude at_first, at_last;
  arb_get_mag_lower_nonnegative(at_first.get(), fixed);
  arb_get_mag_lower_nonnegative(at_last.get(), tail);
  Magnitude best = least(by_two, inverse_of_lower(at_first < at_last ? at_first : at_last));
  if (shape_.unit > 1 || a_.softcap) return best;

  // Z_j >= T e^(mean score) over the T = |P| + j tokens of the prefix and the run (proofs/theories/softmax.v, `mass_by_mean_score`): an upper bound of minus that mean.
  Magnitude sum, mean;
  Decay decaying;
  Ball rest, t;
  for (std::size_t i = 0; i < a_.head_size; ++i) {
    const std::size_t row = query.key_row + i;
    const Magnitude& size = i < rotated_ ? query.plane[i % half_] : query.size[i];
    if (i >= rotated_) {
      arb_mul_ui(t, query.reference[i], memory_.tokens.entries, coarse_bits);
      arb_sub(t, memory_.key_total[row], t, coarse_bits);
      arb_addmul(rest, query.range[i], t, coarse_bits);
      mean += size * distance(k_.limit(row, 0), query.reference[i], coarse_bits);
    }
    for (const RunPart& part : memory_.parts)
      if (part.count > 0) sum += size * part.key_sums[row];
    decaying.add(k_.deviation(row, 0), size);
  }
  sum += Magnitude::of(rest);
  const Length before = memory_.tokens.entries;
  for (std::size_t f = 0; f < half_; ++f) {
    const std::size_t row = query.key_row + f;
    sum += query.plane[f] * plane_norm(memory_.key_total[row], memory_.key_total[row + half_]);
    // Of equal keys in a row, turned by theta each: their sum is at most min(count, 1/|sin(theta/2)|) times the key.
    Ball turns, total;
    set_frequency(turns, a_.rotary->base, f, rotated_, coarse_bits);
    arb_mul_2exp_si(turns, turns, -1);
    arb_sin(turns, turns, coarse_bits);
    arb_inv(turns, turns, coarse_bits);
    arb_abs(turns, turns);
    set_length(total, before);
    arb_add(total, total, turns, coarse_bits);
    set_length(t, decays_.first() + shape_.prefix);
    arb_max(total, total, t, coarse_bits);
    arb_div(turns, turns, total, coarse_bits);
    mean += query.plane[f] * plane_norm(k_.limit(row, 0), k_.limit(row + half_, 0)) * least(Magnitude::of(turns), Magnitude::of(1UL));
  }
  mean += sum * quotient(1, decays_.first() + shape_.prefix);
  mean += decays_.supremum(decays_.average(decaying));
  Magnitude by_mean;
  mag_exp(by_mean.get(), mean.get());
  return least(best, by_mean);
}

// The tokens beyond the explicit ones, the newest at the least distance: their weights are at least e^-change E(D), with changes that are taken not to fall with the
// distance, so that sum e^-change E(D) >= (mu - drift) sum e^-change - 2 excess e^-(the least change).
void MajorantAttention::add_run_mass(const TurningHead& turning, const std::vector<Magnitude>& changes, Mass& by_modes) const {
  Ball mean, t, count;
  arf_set_mag(arb_midref(static_cast<arb_ptr>(t)), turning.run().drift().get());
  arb_sub(mean, turning.run().mu(), t, coarse_bits);
  if (!arb_is_positive(mean)) return;
  Magnitude change;
  for (std::size_t p = memory_.parts.size(); p-- > 0;) {
    change = larger(change, changes[p]);
    const RunPart& part = memory_.parts[p];
    arb_mul(t, mean, exp_of_minus(change), coarse_bits);
    if (part.count == 0) {
      arb_set(by_modes.tail, t);
      arf_set_mag(arb_midref(static_cast<arb_ptr>(t)), shifted(turning.run().excess(), 1).get());
      mag_zero(arb_radref(static_cast<arb_ptr>(t)));
      arb_sub(by_modes.fixed, by_modes.fixed, t, coarse_bits);
      continue;
    }
    set_length(count, part.count);
    arb_addmul(by_modes.fixed, t, count, coarse_bits);
  }
}

// Weights over the mass, the mass by `inverse_mass`, and t = |P| + j <= (1 + |P|/M) j.
HeadShares MajorantAttention::shares(std::size_t head) const {
  if (a_.window || shape_.unit != 1 || shape_.suffix != 0) throw std::logic_error("MajorantAttention::shares: a window, a unit of several tokens, or a suffix");
  const Query query = query_of(head, 0);
  HeadShares result;
  Ball fixed, tail, count;
  BallVector key(a_.head_size);
  for (std::size_t e = 0; e < memory_.tokens.entries; ++e) {
    for (std::size_t i = 0; i < a_.head_size; ++i) arb_set(key[i], memory_.tokens.keys[e * k_.width() + query.key_row + i]);
    const Weight weight = weight_of(query.range, query, key, coarse_bits);
    arb_add(fixed, fixed, weight.lower, coarse_bits);
    result.explicit_tokens.push_back(Magnitude::of(weight.upper));
  }
  for (const RunPart& part : memory_.parts) {
    const Weight weight = weight_of(query.range, query, column_of(part.keys.balls, query.key_row, 1), coarse_bits);
    result.copies = larger(result.copies, Magnitude::of(weight.upper));
    set_length(count, part.count);
    if (part.count == 0) arb_set(tail, weight.lower);
    else arb_addmul(fixed, weight.lower, count, coarse_bits);
  }
  const Magnitude factor = inverse_mass(query, fixed, tail, Mass{}) * quotient(decays_.first() + shape_.prefix, decays_.first());
  for (Magnitude& share : result.explicit_tokens) share *= factor;
  result.copies *= factor;
  return result;
}

HeadMajorant MajorantAttention::global(const Query& query) const {
  HeadMajorant result;
  set_global_limit(query, result.limit);
  const std::size_t size = a_.head_size, entry_width = k_.width(), unit = shape_.unit;
  const BallVector& o = result.limit;
  Ball t, fixed, tail;

  // Single tokens, each with the enclosure of its weight: the explicit ones, and what is seen of the last copy and of the suffix.
  BallVector single(size), key(size), after(size);
  std::vector<Magnitude> explicit_weights;  // at least
  const TurningHead* turning = query.turning;
  Mass by_modes;
  Magnitude turned;                    // at least the change of an explicit token's score with the query, from its limit
  std::vector<Magnitude> moved(size);  // and what that makes of the sum of w (v - o)
  for (std::size_t e = 0; e < memory_.tokens.entries; ++e) {
    const std::size_t begin = e * entry_width + query.key_row;
    for (std::size_t i = 0; i < size; ++i) arb_set(key[i], memory_.tokens.keys[begin + i]);
    const Weight weight = weight_of(query.range, query, key, coarse_bits);
    const Ball hull = weight.hull(coarse_bits);
    arb_add(fixed, fixed, weight.lower, coarse_bits);
    explicit_weights.push_back(Magnitude::of(weight.upper));
    if (e < own_directions_) {
      arb_add(by_modes.fixed, by_modes.fixed, weight.lower, coarse_bits);
      result.directions.emplace_back(size);
      for (std::size_t i = 0; i < size; ++i) arb_sub(result.directions[e][i], memory_.tokens.values[begin + i], o[i], coarse_bits);
      continue;
    }
    for (std::size_t i = 0; i < size; ++i) {
      arb_sub(t, memory_.tokens.values[begin + i], o[i], coarse_bits);
      arb_addmul(single[i], hull, t, coarse_bits);
    }
    if (!turning) continue;
    const Magnitude change = score_change(query, key, key, query.reference), more = expm1(change) * turning->largest()[e - own_directions_];
    turned = larger(turned, change);
    for (std::size_t i = 0; i < size; ++i) moved[i] += more * distance(memory_.tokens.values[begin + i], o[i], coarse_bits);
  }
  for (std::size_t c = query.whole ? unit : 0; c <= query.column; ++c) {
    if (query.whole && query.column < unit) break;
    const Ball hull = weight_of(query.range, query, column_of(k_.balls, query.key_row, k_.columns() + c), coarse_bits).hull(coarse_bits);
    for (std::size_t i = 0; i < size; ++i) {
      arb_sub(t, v_.range(query.key_row + i, c), o[i], coarse_bits);
      arb_addmul(after[i], hull, t, coarse_bits);
    }
  }
  bool modes_used = false;
  if (turning) {
    Magnitude by_hulls, by_turns;
    for (std::size_t i = 0; i < size; ++i) {
      by_hulls += Magnitude::of(single[i]);
      by_turns += Magnitude::of(turning->constant()[i]) + turning->rest()[i] + moved[i];
      for (const BallVector& direction : turning->directions()) by_turns += Magnitude::of(direction[i]);
    }
    modes_used = by_turns < by_hulls;
    for (std::size_t i = 0; i < size && modes_used; ++i) {
      arb_set(single[i], turning->constant()[i]);
      arb_add_error_mag(single[i], (turning->rest()[i] + moved[i]).get());
    }
    if (arb_is_positive(turning->explicit_mass())) {
      arb_mul(t, turning->explicit_mass(), exp_of_minus(turned), coarse_bits);
      arb_add(by_modes.fixed, by_modes.fixed, t, coarse_bits);
    }
    if (const Ball modes = lower_end(by_modes.fixed), hulls = lower_end(fixed); arb_gt(modes, hulls)) fixed = modes;
  }
  for (std::size_t i = 0; i < size; ++i) arb_add(single[i], single[i], after[i], coarse_bits);

  // Whole copies of the unit: their weights times their deviations, and (several positions) times the change of the weights.
  std::vector<Magnitude> numerator, heaviest(unit);
  for (std::size_t i = 0; i < size; ++i) numerator.push_back(Magnitude::radius_of(single[i]));  // the midpoints are a direction
  std::vector<Decay> decaying(size);
  // Weights e^(+-change) E(D) of tokens at growing distances: against what falls with the distance from the prefix they weigh as their mean, but for an excess.
  Magnitude mean, excess;
  std::vector<Magnitude> changes;  // of the scores of each part
  if (turning) {
    mean = Magnitude::of(turning->run().mu()) + turning->run().drift();
    excess = shifted(turning->run().excess(), 1);
    for (const RunPart& part : memory_.parts)
      changes.push_back(score_change(query, column_of(part.keys.balls, query.key_row, 1), column_of(part.keys.balls, query.key_row, 0), query.reference));
    add_run_mass(*turning, changes, by_modes);
  }
  for (std::size_t p = 0; p < memory_.parts.size(); ++p) {
    const RunPart& part = memory_.parts[p];
    const bool is_tail = part.count == 0;
    Magnitude growth;
    if (turning) mag_exp(growth.get(), changes[p].get());
    Ball mass;
    for (std::size_t b = 0; b < unit; ++b) {
      const std::size_t base = b * entry_width + query.key_row;
      const Weight weight = weight_of(query.range, query, column_of(part.keys.balls, query.key_row, unit + b), coarse_bits);
      arb_add(mass, mass, weight.lower, coarse_bits);
      const Magnitude upper = Magnitude::of(weight.upper);
      heaviest[b] = larger(heaviest[b], upper);
      Magnitude score_sum;
      Decay score;
      for (std::size_t i = 0; i < size && unit > 1; ++i) {
        if (!is_tail) score_sum += query.size[i] * part.key_sums[base + i];
        else score.add(part.keys.motions[base + i].deviation, query.size[i]);
      }
      score = decays_.average(score);
      for (std::size_t i = 0; i < size; ++i) {
        const Magnitude apart = unit > 1 ? distance(part.values.limit(query.key_row + i, b), o[i], coarse_bits) : Magnitude();
        const Decay& deviation = part.values.motions[base + i].deviation;
        if (!is_tail) {
          Magnitude by_largest = upper * (part.value_sums[base + i] + apart * score_sum);
          if (turning) {
            const Magnitude most = larger(Decays(part.first).supremum(deviation), distance(part.values.range(query.key_row + i, b), part.values.limit(query.key_row + i, b), coarse_bits));
            by_largest = least(by_largest, growth * (mean * part.value_sums[base + i] + excess * most));
          }
          numerator[i] += by_largest;
          continue;
        }
        const Decay average = decays_.average(deviation);
        if (turning) {
          const Magnitude most = excess * decays_.supremum(deviation), all = decays_.supremum(average);
          if (growth * (mean * all + most * quotient(1, decays_.first())) < upper * all) {
            decaying[i].add(average, growth * mean);
            numerator[i] += growth * most;
            continue;
          }
        }
        decaying[i].add(average, upper);
        decaying[i].add(score, upper * apart);
      }
    }
    if (is_tail) {
      arb_set(tail, mass);
    } else {
      set_length(t, part.count);
      arb_addmul(fixed, mass, t, coarse_bits);
    }
  }
  for (std::size_t b = 0; b < unit && unit > 1; ++b) {  // the query's own change, the same for all copies
    Decay change;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t row = query.key_row + i;
      Magnitude lever = distance(k_.limit(row, b), query.reference[i], coarse_bits);
      if (a_.softcap) lever = Magnitude::of(k_.limit(row, b)) + Magnitude::of(query.reference[i]);
      change.add(query.motion[i].deviation, lever);
    }
    for (std::size_t i = 0; i < size; ++i) decaying[i].add(change, heaviest[b] * distance(v_.limit(query.key_row + i, b), o[i], coarse_bits));
  }

  const Magnitude inverse = inverse_mass(query, fixed, tail, by_modes), scaled = inverse * quotient(1, decays_.first());
  for (std::size_t e = 0; e < result.directions.size(); ++e) result.factors.push_back({Decay::inverse(explicit_weights[e] * scaled), StepDecay::unknown()});
  const std::size_t common = result.directions.size();
  result.directions.emplace_back(size), result.factors.push_back({Decay::inverse(scaled), {}});
  for (std::size_t d = 0; modes_used && d < turning->directions().size(); ++d) {
    result.directions.emplace_back(size), result.factors.push_back({Decay::inverse(scaled), {}});
    for (std::size_t i = 0; i < size; ++i) arb_set(result.directions.back()[i], turning->directions()[d][i]);
  }
  result.rest.resize(size);
  for (std::size_t i = 0; i < size; ++i) {
    arb_get_mid_arb(result.directions[common][i], single[i]);
    result.rest[i].deviation = Decay::inverse(numerator[i] * scaled);
    result.rest[i].deviation.add(decaying[i], inverse);
  }
  set_global_steps(query, explicit_weights, inverse, result);
  return result;
}

// Steps of a layer that sees everything: of the last factor 1/Z_j and of the rests, whose deviations are known; 1/Z_j <= `inverse` / j.
void MajorantAttention::set_global_steps(const Query& query, const std::vector<Magnitude>& explicit_weights, const Magnitude& inverse,
                                         HeadMajorant& result) const {
  if (half_ > 0) {  // a query that turns against the prefix: nothing better than two deviations
    for (Motion& factor : result.factors) factor.step = StepDecay::unknown();
    for (Motion& rest : result.rest) rest.step = StepDecay::unknown();
    return;
  }
  const std::size_t size = a_.head_size, entry_width = k_.width(), unit = shape_.unit;
  const Magnitude by_first = quotient(1, decays_.first());
  // |dq . k - dq . reference|, or with a soft-cap a number between 0 and the one less a number between 0 and the other.
  const auto lever = [&](arb_srcptr key, std::size_t i) {
    return a_.softcap ? Magnitude::of(key) + Magnitude::of(query.reference[i]) : distance(key, query.reference[i], coarse_bits);
  };
  const auto score_step = [&](const auto& key) {
    StepDecay sum;
    for (std::size_t i = 0; i < size; ++i) sum.add(query.motion[i].step, lever(key(i), i));
    return sum;
  };

  // By how much the mass grows from copy j - 1 to copy j, and the numerator sum w (v - o): by the copy of the unit that is new, ...
  Magnitude mass;
  std::vector<Decay> gained(size);
  // ... and, since the query and the suffix change, by the old tokens: those before M, and each copy from M on, in units of M/j.
  StepDecay mass_before;
  std::vector<StepDecay> before(size), each(size), moving(size);
  Decay mass_moved;

  for (std::size_t e = 0; e < memory_.tokens.entries; ++e) {
    const std::size_t begin = e * entry_width + query.key_row;
    StepDecay score;
    score.add(score_step([&](std::size_t i) { return memory_.tokens.keys[begin + i]; }), explicit_weights[e]);
    mass_before += score;
    for (std::size_t i = 0; i < size; ++i) before[i].add(score, distance(memory_.tokens.values[begin + i], result.limit[i], coarse_bits));
  }
  for (std::size_t c = unit; c <= query.column; ++c) {  // the suffix
    const auto key = [&](std::size_t i) { return k_.range(query.key_row + i, c); };
    const Magnitude upper = Magnitude::of(weight_of(query.range, query, column_of(k_.balls, query.key_row, k_.columns() + c), coarse_bits).upper);
    StepDecay score = score_step(key);
    for (std::size_t i = 0; i < size; ++i) score.add(k_.step(query.key_row + i, c), query.size[i]);
    mass_before.add(score, upper);
    for (std::size_t i = 0; i < size; ++i) {
      before[i].add(score, upper * distance(v_.range(query.key_row + i, c), result.limit[i], coarse_bits));
      before[i].add(v_.step(query.key_row + i, c), upper);
    }
  }
  for (const RunPart& part : memory_.parts) {
    const bool is_tail = part.count == 0;
    const Magnitude count = magnitude_of(part.count);
    for (std::size_t b = 0; b < unit; ++b) {
      const std::size_t base = b * entry_width + query.key_row;
      const Magnitude upper = Magnitude::of(weight_of(query.range, query, column_of(part.keys.balls, query.key_row, unit + b), coarse_bits).upper);
      const StepDecay score = score_step([&](std::size_t i) { return part.keys.range(query.key_row + i, b); });
      // The sum of the levers of many keys: that of their limit, and how far they are from it.
      if (!is_tail) {
        for (std::size_t i = 0; i < size; ++i) {
          mass_before.add(query.motion[i].step, upper * (count * lever(part.keys.limit(query.key_row + i, b), i) + part.key_sums[base + i]));
          before[i].add(score, upper * (count * distance(part.values.limit(query.key_row + i, b), result.limit[i], coarse_bits) + part.value_sums[base + i]));
        }
        continue;
      }
      mass += upper;
      for (std::size_t i = 0; i < size; ++i) {
        const std::size_t row = query.key_row + i;
        const Decay &key = part.keys.deviation(row, b), &value = part.values.deviation(row, b);
        gained[i].add(decays_.reaching_back(value, 1), upper);
        mass_moved.add(decays_.times_length(query.motion[i].step), upper * (lever(part.keys.limit(row, b), i) + decays_.supremum(decays_.average(key))));
        moving[i].add(score, upper * decays_.supremum(decays_.average(value)));
      }
      if (unit == 1) continue;
      Decay change;  // of a new token's score
      for (std::size_t i = 0; i < size; ++i) {
        const std::size_t row = query.key_row + i;
        change.add(decays_.reaching_back(part.keys.deviation(row, b), 1), query.size[i]);
        change.add(query.motion[i].deviation, lever(part.keys.limit(row, b), i));
      }
      for (std::size_t i = 0; i < size; ++i) {
        const Magnitude apart = distance(part.values.limit(query.key_row + i, b), result.limit[i], coarse_bits);
        gained[i].add(change, upper * apart);
        each[i].add(score, upper * apart);
      }
    }
  }
  mass += decays_.supremum(mass_before) + decays_.supremum(mass_moved);
  // 1/Z_(j-1) <= inverse / (j - 1), and j - 1 >= j M/(M + 1).
  const Magnitude before_last = inverse * quotient(decays_.first() + 1, decays_.first()), scaled = before_last * by_first;
  result.factors.back().step = StepDecay::inverse(mass * scaled * inverse * by_first);
  for (std::size_t i = 0; i < size; ++i) {
    StepDecay old, &step = result.rest[i].step;
    old.add(before[i], by_first);
    old.raise_to(each[i]);  // j copies, of which M weigh as those before M
    old += moving[i];
    step.add(old, before_last);
    step.add(Decays::over_length(gained[i]), scaled);
    step.add(Decays::over_length(result.rest[i].deviation), mass * scaled);
  }
}

HeadMajorant MajorantAttention::local(const Query& query) const {
  const std::size_t size = a_.head_size, entry_width = k_.width(), unit = shape_.unit;
  // Every token seen is in copy j - back or a later one.
  const Length window = *a_.window, back = (window - 1 + unit - 1) / unit, first = decays_.first(), begin = first - back;
  const Magnitude stretch = quotient(first - 1 + back, first);  // M/j at the last j that sees a copy before M, inverted

  // Bounds that hold for every copy seen of each position of the unit, as functions of j: of deviations, ...
  const auto seen = [&](bool values, std::size_t b, std::size_t i) {
    const std::size_t row = query.key_row + i;
    const MajorantBlock& block = values ? v_ : k_;
    Magnitude before;
    for (const RunPart& part : memory_.parts) {
      if (part.count == 0 || part.first + part.count <= begin) continue;
      const MajorantBlock& of = values ? part.values : part.keys;
      const Magnitude decayed = Decays(part.first).from(of.deviation(row, b), std::max(part.first, begin));
      before = larger(before, least(decayed, distance(of.range(row, b), of.limit(row, b), coarse_bits)));
    }
    Decay result = decays_.reaching_back(block.deviation(row, b), back);
    result.raise_to(Decay::inverse(before * stretch));
    return result;
  };
  // ... and, for j > M, of steps, but those to the first copy that is not explicit: copies i <= M are seen up to j = M + back.
  const Magnitude step_stretch = quotient(first + back, first);
  const auto seen_step = [&](bool values, std::size_t b, std::size_t i) {
    const std::size_t row = query.key_row + i;
    Magnitude before;
    for (const RunPart& part : memory_.parts) {
      if (part.count == 0 || part.first + part.count <= begin) continue;
      const MajorantBlock& of = values ? part.values : part.keys;
      before = larger(before, Decays(part.first).from(of.step(row, b), std::max(part.first, begin) + 1));
    }
    StepDecay result = decays_.reaching_back((values ? v_ : k_).step(row, b), back);
    result.raise_to(StepDecay::inverse(before * step_stretch * step_stretch));
    return result;
  };
  // At least the size of what is seen of a key's or a query's entry or plane.
  const auto largest_key = [&](std::size_t c, std::size_t i) {
    Magnitude largest = Magnitude::of(k_.range(query.key_row + i, c));
    for (const RunPart& part : memory_.parts)
      if (c < unit && part.count > 0 && part.first + part.count > begin) largest = larger(largest, Magnitude::of(part.keys.range(query.key_row + i, c)));
    return largest;
  };
  // Of a score at a fixed distance, whatever the angle.
  const auto score_step = [&](std::size_t c) {
    StepDecay sum;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t row = query.key_row + i, f = i < rotated_ ? i % half_ : 0;
      Magnitude key = largest_key(c, i);
      if (i < rotated_) {
        const Magnitude x = largest_key(c, f), y = largest_key(c, f + half_);
        mag_hypot(key.get(), x.get(), y.get());
      }
      sum.add(c < unit ? seen_step(false, c, i) : k_.step(row, c), i < rotated_ ? query.plane[f] : query.size[i]);
      sum.add(query.motion[i].step, key);
    }
    return sum;
  };
  // The explicit tokens that may be seen from copy M on: none where the window is shorter than the copies in between.
  const Length explicit_from = begin < 1 ? Length(0) : Length(shape_.prefix + (begin - 1) * unit);
  const std::size_t first_explicit = explicit_from < memory_.tokens.entries ? static_cast<std::size_t>(explicit_from) : memory_.tokens.entries;
  const bool explicit_seen = first_explicit < memory_.tokens.entries;
  // The last j for which the step to j involves an explicit token, seen from j or from j - 1.
  const Length last_mixed = Length(shape_.copies + 1) + back;
  const auto set_step = [&](Motion& motion, StepDecay step) {
    motion.step = std::move(step);
    if (last_mixed <= first) return;
    const Magnitude ratio = quotient(last_mixed, first);
    motion.step.raise_to(StepDecay::inverse(shifted(decays_.supremum(motion.deviation), 1) * ratio * ratio));
  };

  HeadMajorant result;
  result.rest.resize(size);
  if (unit == 1 && query.column == 0) {  // a mean of values that are all near one another
    result.limit = column_of(v_.balls, query.key_row, 0);
    const StepDecay scores = score_step(0);
    for (std::size_t i = 0; i < size; ++i) {
      Magnitude farthest;
      for (std::size_t e = first_explicit; e < memory_.tokens.entries; ++e)
        farthest = larger(farthest, distance(memory_.tokens.values[e * entry_width + query.key_row + i], result.limit[i], coarse_bits));
      Decay& deviation = result.rest[i].deviation;
      deviation = seen(true, 0, i);
      // The output at fixed weights moves as the values, and as the weights change, within twice what the values are apart.
      StepDecay step = seen_step(true, 0, i);
      step.add(scores, shifted(decays_.supremum(deviation), 1));
      deviation.raise_to(Decay::inverse(farthest * stretch));
      set_step(result.rest[i], std::move(step));
    }
    return result;
  }

  // The limit: the last tokens at their distances.
  result.limit = BallVector(size);
  BallVector weights(v_.columns());
  std::vector<bool> visible(v_.columns());
  Ball mass, angle, sine, cosine, t, slope;
  if (!a_.alibi.empty()) set_slope(slope, a_.alibi[query.head], bits_);
  for (std::size_t d = 0; d < *a_.window; ++d) {
    const std::size_t own = query.column < unit ? 0 : query.column - unit + 1;  // suffix tokens up to itself
    const std::size_t position = query.column < unit ? query.column : unit - 1;
    const std::size_t c = d < own ? query.column - d : (position + unit * d - (d - own)) % unit;
    Ball score;
    for (std::size_t i = rotated_; i < size; ++i) arb_addmul(score, query.limit[i], k_.limit(query.key_row + i, c), bits_);
    for (std::size_t f = 0; f < half_; ++f) {  // <R_d q, k>
      const std::size_t g = f + half_;
      arb_srcptr ka = k_.limit(query.key_row + f, c), kb = k_.limit(query.key_row + g, c);
      set_frequency(angle, a_.rotary->base, f, rotated_, bits_ + 64);
      arb_mul_ui(angle, angle, d, bits_ + 64);
      arb_sin_cos(sine, cosine, angle, bits_);
      arb_mul(t, query.limit[f], ka, bits_);
      arb_addmul(t, query.limit[g], kb, bits_);
      arb_addmul(score, t, cosine, bits_);
      arb_mul(t, query.limit[f], kb, bits_);
      arb_submul(t, query.limit[g], ka, bits_);
      arb_addmul(score, t, sine, bits_);
    }
    if (a_.softcap) apply_softcap(score, score, *a_.softcap, bits_);
    if (!a_.alibi.empty()) arb_submul_ui(score, slope, d, bits_);
    arb_exp(score, score, bits_);
    arb_add(weights[c], weights[c], score, bits_);
    arb_add(mass, mass, score, bits_);
    visible[c] = true;
  }
  for (std::size_t c = 0; c < v_.columns(); ++c) {
    arb_div(weights[c], weights[c], mass, bits_);
    for (std::size_t i = 0; i < size; ++i) arb_addmul(result.limit[i], weights[c], v_.limit(query.key_row + i, c), bits_);
  }

  // How far a score is from its limit, and how far values are.
  Decay change;
  StepDecay scores;
  std::vector<Motion> values(size);
  for (std::size_t c = 0; c < v_.columns(); ++c) {
    if (!visible[c]) continue;
    scores.raise_to(score_step(c));
    std::vector<Decay> keys(size);
    for (std::size_t i = 0; i < size; ++i) {
      keys[i] = c < unit ? seen(false, c, i) : k_.deviation(query.key_row + i, c);
      values[i].deviation.raise_to(c < unit ? seen(true, c, i) : v_.deviation(query.key_row + i, c));
      values[i].step.raise_to(c < unit ? seen_step(true, c, i) : v_.step(query.key_row + i, c));
    }
    Decay score;
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t row = query.key_row + i, f = i < rotated_ ? i % half_ : 0;
      score.add(keys[i], i < rotated_ ? query.plane[f] : query.size[i]);
      score.add(query.motion[i].deviation, i < rotated_ ? plane_norm(k_.limit(query.key_row + f, c), k_.limit(query.key_row + f + half_, c)) : Magnitude::of(k_.limit(row, c)));
    }
    change.raise_to(score);
  }
  Magnitude growth = shifted(decays_.supremum(change), 1);
  mag_exp(growth.get(), growth.get());
  const Magnitude weights_grow = growth;
  growth = shifted(growth, 1);  // e^(2 delta) - 1 <= 2 delta e^(2 delta)
  for (std::size_t i = 0; i < size; ++i) {
    Magnitude apart, farthest;
    for (std::size_t c = 0; c < v_.columns(); ++c) {
      const std::size_t row = query.key_row + i;
      if (visible[c]) apart += Magnitude::of(weights[c]) * distance(v_.limit(row, c), result.limit[i], coarse_bits);
      if (visible[c]) farthest = larger(farthest, distance(v_.range(row, c), result.limit[i], coarse_bits));
    }
    Decay& deviation = result.rest[i].deviation;
    deviation = values[i].deviation;
    deviation.add(change, growth * apart);
    // Under the weights on the way |v - output| is on the average at most that of the limits, and what values and output are from theirs.
    StepDecay step = std::move(values[i].step);
    step.add(scores, weights_grow * apart + decays_.supremum(values[i].deviation) + decays_.supremum(deviation));
    if (!explicit_seen) {
      set_step(result.rest[i], std::move(step));
      continue;
    }
    // Queries that see explicit tokens: a mean of whatever they may see.
    for (std::size_t e = first_explicit; e < memory_.tokens.entries; ++e)
      farthest = larger(farthest, distance(memory_.tokens.values[e * entry_width + query.key_row + i], result.limit[i], coarse_bits));
    for (const RunPart& part : memory_.parts)
      for (std::size_t b = 0; b < unit && part.first + part.count > begin; ++b)
        farthest = larger(farthest, distance(part.values.range(query.key_row + i, b), result.limit[i], coarse_bits));
    deviation.raise_to(Decay::inverse(farthest * stretch));
    set_step(result.rest[i], std::move(step));
  }
  return result;
}

}  // namespace snellen
