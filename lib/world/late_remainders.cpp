// What is left of a head's output. Mathematics: proofs/response.md, "One head".
#include "lib/world/late_parts.hpp"

namespace snellen {
namespace {

constexpr long typical_length = 3;  // times M: where two bounds are compared, a choice of quality only

}  // namespace

LateResponse::Remainder LateResponse::remainder(const Head& head, const PairSums::Sums& sums, const std::vector<ModeVectors>& output, const LateStates& x, const Moves& moves) const {
  const LateBound &deviation = moves.deviation, &motion = moves.motion;
  const std::size_t count = pairs_->count(), width = model_.width, size = head.value_map.rows, orders = x.known.size();
  const Magnitude one = Magnitude::of(1UL), over_first = quotient(1, first_), both = twofold_back(), back = shifted(both, -1);
  const KnownSizes sizes = sizes_of(output, *pairs_, decays_);
  // sum of E x / (mu j) of a sum of terms that rise and fall: by the mean weight, or by the largest.
  const auto weighed = [&](const LateBound& terms) {
    const Decay mean = average(decays_, terms), by_largest = scaled(mean, head.largest);
    Decay by_mean = scaled(mean, one + head.drift);
    by_mean += Decay::inverse(shifted(head.excess, 1) * supremum(decays_, terms) * over_first);
    const Length typical = Length(first_) * typical_length;
    return decays_.from(by_largest, typical) < decays_.from(by_mean, typical) ? by_largest : by_mean;
  };
  // How far queries, keys and values are from their limits, and the changes of scores by keys, |q| |k_e - k|, and by the query, |q_j - q| |k'|.
  const auto image = [&](const Head::Image& map) {
    LateBound result = scaled(deviation, map.slope);
    result.second.add(moves.bent, map.bend);
    return result;
  };
  const LateBound keys = image(head.key_image), value = image(head.value_image), query = image(head.query_image), key_change = scaled(keys, head.query);
  const Magnitude late_key = head.limit_key + supremum(decays_, keys), largest_key = larger(head.key, late_key);
  const LateBound query_change = scaled(query, largest_key);
  LateBound query_step = scaled(motion, head.query_image.slope);
  query_step.second.add(product(decays_, deviation, motion), shifted(head.query_image.bend, 1) * back);
  const Magnitude factor = exponential(supremum(decays_, key_change) + supremum(decays_, query_change));  // e^x - 1 <= x e^x
  // Z_j = mu j (1 + error), |error| <= mass_drift + mass.
  const Decay changes = scaled(average(decays_, key_change), head.largest * factor);
  Decay mass = Decay::inverse((head.excess + head.mass) * over_first);
  mass += changes;
  const Decay query_first = of_first_order(query_change);
  const Magnitude without_query = one + head.drift + decays_.supremum(mass);
  mass.add(query_first, factor * without_query);
  Remainder r;
  const Magnitude worst = head.drift + decays_.supremum(mass);
  if (!(worst < shifted(one, -1))) {
    r.rest = r.step = LateBound::unknown();
    return r;
  }
  Magnitude inverse;  // mu j / Z_j is at most this
  {
    Ball ball, whole;
    arf_set_mag(arb_midref(static_cast<arb_ptr>(ball)), worst.get());
    arb_one(whole);
    arb_sub(ball, whole, ball, mode_bits);
    arb_inv(ball, ball, mode_bits);
    inverse = Magnitude::of(ball);
  }
  // Of first order: what is missing of the explicit tokens, and where the known part of the later ones begins; their unlisted modes; curvature of the norm, changed keys.
  Decay once = Decay::inverse((head.missing + head.changed + magnitude_of(upward(sums.beginning))) * over_first);
  std::vector<Magnitude> unlisted(orders);
  const ModeVectors none = zero_vectors(1, size);
  for (std::size_t k = 0; k < orders; ++k) {
    double total = 0;
    ModeVectors image = none;
    for (std::size_t m = 0; m < count; ++m) {
      std::fill(image.real.begin(), image.real.end(), 0), std::fill(image.imag.begin(), image.imag.end(), 0);
      add_image(image, 0, head.value_map, &x.known[k].real[m * width], &x.known[k].imag[m * width], 1, 0);
      total += (m == 0 ? 1 : 2) * (length_of(image, 0) + length_of(x.known[k], m) * (head.value_map.error + head.value_map.frobenius * 0x1p-38));
    }
    unlisted[k] = head.unlisted * magnitude_of(upward(total)) + magnitude_of(upward(sums.near[k]));
  }
  once += decays_.average(Decay::of(std::move(unlisted)));
  once.add(weighed({{}, moves.bent}), head.value_image.bend);
  once.add(weighed({{}, product(decays_, key_change, value)}), factor);
  // Of second: the later tokens' end, the changed query.
  StepDecay twice = StepDecay::inverse(magnitude_of(upward(sums.end)) * over_first);
  twice.add(product(decays_, query, {Decay::inverse(head.weighed * over_first), {}}), factor);
  twice.add(product(decays_, query, {weighed(value), {}}), factor * late_key);
  // The mass's error: of what is known, and of the later tokens' rest.
  const Decay late = scaled(weighed(x.rest), two_norm(head.value_map));
  Decay both_parts = sizes.size;
  both_parts += late;
  r.rest.first.add(once, inverse), r.rest.second.add(twice, inverse);
  r.rest.first.add(both_parts, inverse * head.drift);
  r.rest.second.add(Decays::product(mass, both_parts), inverse);
  // Steps. |o - v| |dZ|/Z: Z moves by E and by what changes; P (1/Z_j - 1/mu j) by the step of P; the rest twice.
  const LateBound twofold{once, twice};
  r.step.add(twofold, inverse * both);
  LateBound whole = r.rest;  // |o_j - v|
  whole.first += sizes.size, whole.first.add(late, inverse);
  // dZ with the query of j - 1, whose weights are at most `stirred` times farther from those of equal keys than the limit's query's; and the query's own step.
  const Magnitude stirred = exponential(supremum(decays_, query_change) * Magnitude::of(3UL)) * (one + quotient_of(supremum(decays_, query), head.query)) * back;
  Decay moved = Decay::inverse((head.largest + shifted(head.mass, 1)) * stirred * over_first);
  moved.add(changes, both * stirred);
  moved.add(of_first_order(query_step), largest_key * stirred * without_query);
  r.step.second.add(product(decays_, whole, {scaled(moved, inverse), {}}), back);
  r.step.second.add(product(decays_, {sizes.size, {}}, {Decay::inverse(over_first), {}}), back);
  r.step.first.add(sizes.step.first, inverse * head.drift);
  r.step.second.add(Decays::product(mass, sizes.step.first), inverse), r.step.second.add(sizes.step.second, inverse * worst);
  // The late tokens' rest times the mass's error: its own step is small, as the weights' is.
  const double stepping = root_mean(sums.step_square);
  const Magnitude value_map = two_norm(head.value_map);
  const Decay mean = average(decays_, x.rest);
  Decay late_step = scaled(mean, magnitude_of(stepping) + shifted(head.unlisted, 1));
  late_step += Decay::inverse(magnitude_of(upward(sums.step_excess / (2 * stepping * (1 - 0x1p-40)))) * supremum(decays_, x.rest) * over_first * back);
  late_step.add(of_first_order(x.rest), head.largest * over_first);  // E(0) w_j
  late_step = scaled(late_step, value_map);
  r.step.first.add(late_step, inverse * head.drift), r.step.second.add(Decays::product(mass, late_step), inverse);
  return r;
}

}  // namespace snellen
