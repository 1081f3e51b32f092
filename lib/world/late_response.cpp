#include "lib/world/late_response.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "lib/model/decoder.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/late_parts.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr std::size_t widest = 4096;  // a stream or a head: sums of so many products err by less than 2^-40 of their terms' sizes (dot_error)

LateBound plus(const Decay& x, LateBound y) {
  y.first += x;
  return y;
}

}  // namespace

LateResponse::~LateResponse() = default;

LateResponse::LateResponse(const Model& model, Token unit, std::size_t prefix, std::int64_t first, std::vector<std::span<const double>> states, std::vector<std::span<const double>> errors,
                           const Settings& settings, long bits)
    : model_(model), first_(first), states_(std::move(states)), errors_(std::move(errors)), settings_(settings), balls_(bits), decays_(first) {
  if (model.width > widest || std::any_of(model.layers.begin(), model.layers.end(), [](const Layer& layer) { return layer.attention.head_size > widest; })) throw std::logic_error("LateResponse: too wide");
  settings_.own_tokens = std::min(static_cast<std::size_t>(first - 1), std::max(prefix, settings.own_tokens));
  frequencies_ = std::make_unique<RotaryFrequencies>(*model.layers.front().attention.rotary);
  const std::size_t planes = frequencies_->planes(), width = model.width, tokens = static_cast<std::size_t>(first - 1), own = settings_.own_tokens;
  // Limits, and the largest scores of any head: one list of modes for all of them.
  const Decoder<BallWorld> decoder(model, balls_);
  const std::vector<Column> column{{unit, 0, 0, 0}};
  limits_.push_back(decoder.embed(column));
  RotaryScore largest{{}, std::vector<ComplexBall>(planes)};
  std::vector<double> moduli(planes);
  Ball t, scale;
  ComplexBall product, key;
  for (const Layer& layer : model.layers) {
    const Attention& a = layer.attention;
    const BallMatrix& r = limits_.back();
    const BallMatrix h = layer.attention_norm ? balls_.norm(*layer.attention_norm, r, 1) : r;
    const BallMatrix q = balls_.linear(layer.query, h), k = balls_.linear(layer.key, h), v = balls_.linear(layer.value, h);
    set_root(scale, a.scale, bits);
    for (std::size_t head = 0; head < a.heads; ++head) {
      const std::size_t qr = head * a.head_size, kr = head / (a.heads / a.kv_heads) * a.head_size;
      for (std::size_t f = 0; f < planes; ++f) {
        arb_set(product.real(), q(qr + f, 0)), arb_set(product.imag(), q(qr + f + planes, 0));
        arb_set(key.real(), k(kr + f, 0)), arb_neg(key.imag(), k(kr + f + planes, 0));
        acb_mul(product, product, key, bits);
        acb_mul_arb(product, product, scale, bits);
        acb_abs(t, product, bits);
        moduli[f] = std::max(moduli[f], arf_get_d(arb_midref(static_cast<arb_ptr>(t)), ARF_RND_NEAR));
      }
    }
    BallMatrix mixed(a.heads * a.head_size, 1);
    for (std::size_t i = 0; i < mixed.rows(); ++i) arb_set(mixed(i, 0), v(i / a.head_size / (a.heads / a.kv_heads) * a.head_size + i % a.head_size, 0));
    const BallMatrix z = balls_.add(r, balls_.linear(layer.output, mixed));
    limits_.push_back(mlp_response(layer, z, {}, balls_).value);
  }
  for (std::size_t f = 0; f < planes; ++f) arb_set_d(largest.planes[f].real(), 0.9 * moduli[f]);  // the largest of all heads at once would overstate what any of them needs
  modes_ = std::make_unique<RotaryModes>(largest, *frequencies_, settings_.most_modes, mode_bits);
  pairs_ = std::make_unique<TurningPairs>(*modes_, *frequencies_, first, mode_bits);
  // Normed vectors less their limits, in doubles.
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    const std::optional<Norm>& norm = model.layers[l].attention_norm;
    const BallMatrix limit = norm ? balls_.norm(*norm, limits_[l], 1) : limits_[l];
    std::vector<double> h(width), weights(width, norm && norm->unit_offset ? 0 : 1), bias(width);
    double limit_error = 0, limit_size = 0, largest_weight = norm ? 0 : 1;
    for (std::size_t i = 0; i < width; ++i) {
      h[i] = arf_get_d(arb_midref(limit(i, 0)), ARF_RND_NEAR);
      limit_error += upper_double(Magnitude::radius_of(limit(i, 0))) + std::fabs(h[i]) * 0x1p-52, limit_size += std::fabs(h[i]);
    }
    if (norm && norm->weight) weights = read_all(*norm->weight);
    if (norm && norm->bias) bias = read_all(*norm->bias);
    if (norm)
      for (double& w : weights) {
        if (norm->unit_offset) w += 1;
        largest_weight = std::max(largest_weight, std::fabs(w));
      }
    std::vector<double> apart(tokens * width), apart_errors(tokens);
    const double count = static_cast<double>(width), root = std::sqrt(count);
    parallel_for(tokens, [&](std::size_t e) {
      const double* const x = states_[l].data() + e * width;
      double* const y = apart.data() + e * width;
      double mean = 0, square = 0, size = 0, image = 0;
      for (std::size_t i = 0; i < width; ++i) mean += x[i], size += x[i] * x[i];
      mean = norm && norm->kind == NormKind::layer ? mean / count : 0;
      for (std::size_t i = 0; i < width; ++i) square += (x[i] - mean) * (x[i] - mean);
      const double rho = norm ? std::sqrt(square / count + norm->epsilon) : 1;
      for (std::size_t i = 0; i < width; ++i) {
        const double value = norm ? (x[i] - mean) / rho * weights[i] + bias[i] : x[i];
        image += value * value;
        y[i] = value - h[i];
      }
      // rho moves by at most |x - x^|/sqrt(n), the normed vector by |x - x^|/(the least rho); sums of n <= 2^12 terms err by less than 2^-40 of their sizes, those of the mean in 2-norms of x.
      const double off = upward(errors_[l][e] + std::sqrt(size) * 0x1p-38), least = norm ? rho * (1 - 0x1p-30) - upward(off / root) : 1;
      const double error = upward(upward(largest_weight * off) / least + (std::sqrt(image) + limit_size) * 0x1p-38 + limit_error);
      const bool fits = least > 0 && is_moderate(error) && are_moderate(std::span(y, width));
      if (!fits) std::fill(y, y + width, 0);
      apart_errors[e] = fits ? error : infinite_bound;
    });
    apart_.push_back(std::move(apart)), apart_errors_.push_back(std::move(apart_errors));
  }
  const std::size_t layers = model.layers.size();
  std::vector<double> together((tokens - own) * layers * width);
  for (std::size_t e = own; e < tokens; ++e)
    for (std::size_t l = 0; l < layers; ++l) std::copy_n(apart_[l].begin() + static_cast<std::ptrdiff_t>(e * width), width, together.begin() + static_cast<std::ptrdiff_t>(((e - own) * layers + l) * width));
  sums_ = run_sums(*modes_, *frequencies_, together, layers * width, static_cast<std::int64_t>(own) + 1, mode_bits);
}

LateStates LateResponse::embedded() const { return {limits_[0], {}, {}, {}}; }

KnownSizes LateResponse::sizes(const LateStates& x) const { return sizes_of(x.known, *pairs_, decays_); }
LateBound LateResponse::deviation(const LateStates& x) const { return plus(sizes(x).size, x.rest); }
LateBound LateResponse::motion(const LateStates& x) const {
  LateBound result = sizes(x).step;
  result += x.step;
  return result;
}

Magnitude LateResponse::twofold_back() const {
  const Magnitude back = quotient(first_ + 1, first_);
  return shifted(back * back, 1);
}

LateStates LateResponse::layer(std::size_t l, const LateStates& x) const {
  const Layer& layer = model_.layers[l];
  const long bits = balls_.bits();
  const std::size_t count = pairs_->count(), width = model_.width, orders = x.known.size();
  const Magnitude over_first = quotient(1, first_), both = twofold_back(), back = shifted(both, -1);
  const LateBound deviation = this->deviation(x);
  const Moves moves{deviation, motion(x), product(decays_, deviation, deviation)};
  const SmoothResponse norm = norm_response(layer.attention_norm, x.limit, supremum(decays_, deviation), balls_);
  const std::vector<Head> heads = this->heads(l, norm);
  std::vector<ModeWeights> weights;
  for (const Head& head : heads) weights.push_back({head.sizes, head.value_map});
  const PairSums pairs = pair_sums(weights, x.known, width, *pairs_, decays_);
  const std::size_t size = layer.attention.head_size;

  // The heads' known vectors Y (of (o - v) = N/Z), and those of the stream after them.
  std::vector<ModeVectors> known(orders + 1, zero_vectors(count, width));
  for (std::size_t k = 0; k < orders; ++k) known[k] = x.known[k];
  std::vector<Magnitude> fuzz(orders + 1);  // the sizes that go through the products, opposites included
  const double length_inverse = 1 / static_cast<double>(first_);
  std::vector<std::vector<ModeVectors>> outputs(heads.size());
  for (std::size_t k = 0; k < orders; ++k) fuzz[k] += total_length(x.known[k]);
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const Head& head = heads[h];
    outputs[h].assign(orders + 1, zero_vectors(count, size));
    const RoundedMatrix output(head.output);
    double explicit_size = 0, largest_sum = 0;
    for (std::size_t m = 0; m < count; ++m) {
      const double c = head.real[m], s = head.imag[m];
      // psi_0: the explicit tokens, and where the later ones begin. V of the former's sums, V N' of the latter's.
      ModeVectors& y = outputs[h][0];
      const double* const real = &sums_.real[m * sums_.columns + l * width];
      const double* const imag = &sums_.imag[m * sums_.columns + l * width];
      add_image(y, m, head.value_weights, real, imag, c * length_inverse, s * length_inverse);
      if (orders > 0) add_image(y, m, head.value_map, &pairs.ends.real[m * width], &pairs.ends.imag[m * width], c * length_inverse, s * length_inverse);
      double here = 0;
      for (std::size_t i = 0; i < width; ++i) here += real[i] * real[i] + imag[i] * imag[i] + pairs.ends.real[m * width + i] * pairs.ends.real[m * width + i] + pairs.ends.imag[m * width + i] * pairs.ends.imag[m * width + i];
      const double length = std::sqrt(2 * here);
      explicit_size += head.sizes[m] * length, largest_sum = std::max(largest_sum, length);
      for (std::size_t i = 0; i < size; ++i) {
        y.real[m * size + i] += head.own.real[m * size + i] * length_inverse, y.imag[m * size + i] += head.own.imag[m * size + i] * length_inverse;
        if (m == 0) y.imag[i] = 0;
      }
      for (std::size_t k = 0; k < orders; ++k) {
        const double over = 1 / static_cast<double>(k + 1);
        add_image(outputs[h][k + 1], m, head.value_map, &x.known[k].real[m * width], &x.known[k].imag[m * width], c * over, s * over);
        if (m == 0) std::fill_n(outputs[h][k + 1].imag.begin(), size, 0);
      }
      for (std::size_t k = 0; k <= orders; ++k) add_image(known[k], m, output, &outputs[h][k].real[m * size], &outputs[h][k].imag[m * size], 1, 0);
    }
    const Magnitude out = precise_size(output), through = larger(precise_size(head.value_map), precise_size(head.value_weights)) * out * head.largest;
    fuzz[0] += through * magnitude_of(upward(2 * (explicit_size + largest_sum) * length_inverse)) + out * total_length(head.own) * over_first;
    for (std::size_t k = 0; k < orders; ++k) fuzz[k + 1] += through * total_length(x.known[k]);
  }

  std::vector<Remainder> remainders;
  for (std::size_t h = 0; h < heads.size(); ++h) remainders.push_back(remainder(heads[h], pairs.heads[h], outputs[h], x, moves));

  // The stream's rest after a linear map A of the stream: A w_j, the heads' remainders, and the mean of the later tokens' rests, all heads together.
  struct Rest {
    LateBound rest, step;
  };
  const auto after = [&](const BallMatrix& map) {
    Rest result;
    const Magnitude whole = two_norm(RoundedMatrix(map));
    result.rest.add(x.rest, whole), result.step.add(x.step, whole);
    BallMatrix sum(width, width);
    std::vector<RoundedMatrix> parts;
    std::vector<double> moving, stepping;
    Magnitude moving_excess, stepping_excess, unlisted, unlisted_steps, own_weight, root_heads = root(Magnitude::of(heads.size()));
    for (std::size_t h = 0; h < heads.size(); ++h) {
      const Head& head = heads[h];
      const BallMatrix output = product_of(map, head.output, bits), through = product_of(output, head.values, bits);
      const Magnitude out = two_norm(RoundedMatrix(output));
      result.rest.add(remainders[h].rest, out), result.step.add(remainders[h].step, out);
      arb_mat_add(sum.get(), sum.get(), through.get(), bits);
      parts.emplace_back(through);
      const Magnitude size_here = two_norm(parts.back());
      const PairSums::Sums& sums = pairs.heads[h];
      moving.push_back(root_mean(sums.square)), stepping.push_back(root_mean(sums.step_square));
      moving_excess += magnitude_of(upward(upward(sums.square_excess) / (moving.back() * moving.back() * (1 - 0x1p-40))));
      stepping_excess += magnitude_of(upward(upward(sums.step_excess) / (stepping.back() * stepping.back() * (1 - 0x1p-40))));
      unlisted += size_here * head.fluctuation, unlisted_steps += size_here * shifted(head.unlisted, 1), own_weight += size_here * head.largest;
    }
    const Decay mean = average(decays_, x.rest);
    const Magnitude top = supremum(decays_, x.rest) * over_first;
    const Magnitude together = two_norm(side_by_side(parts, moving)), steps_together = two_norm(side_by_side(parts, stepping));
    result.rest.first.add(mean, two_norm(RoundedMatrix(sum)) + together * root_heads + unlisted);
    result.step.first.add(mean, steps_together * root_heads + unlisted_steps);
    const auto excess = [&](Decay& target, const Magnitude& norm_here, const Magnitude& excesses) {
      target.add(Decay::inverse(top), norm_here * quotient_of(shifted(excesses, -1), root_heads) * back);
    };
    excess(result.rest.first, together, moving_excess), excess(result.step.first, steps_together, stepping_excess);
    // E(0) w_j / Z_j.
    result.step.second.add(Decays::over_length(of_first_order(x.rest)), own_weight * over_first);
    return result;
  };

  // The stream after attention, and the MLP.
  const BallMatrix v = balls_.linear(layer.value, norm.value);
  BallMatrix mixed(layer.attention.heads * size, 1);
  for (std::size_t i = 0; i < mixed.rows(); ++i) arb_set(mixed(i, 0), v(i / size / (layer.attention.heads / layer.attention.kv_heads) * size + i % size, 0));
  const BallMatrix z = balls_.add(x.limit, balls_.linear(layer.output, mixed));
  BallMatrix identity(width, width);
  for (std::size_t i = 0; i < width; ++i) arb_one(identity(i, i));
  Rest between = after(identity);
  // Each of the maps on the way errs by less than 2^-40 of its Frobenius norm times the vector's.
  for (Magnitude& size_here : fuzz) size_here *= magnitude_of(product_error);
  const Decay rounding = Decay::of(std::move(fuzz));
  between.rest.first += rounding;
  between.step.first.add(rounding, both);
  if (!layer.up) return {limits_[l + 1], std::move(known), between.rest, between.step};
  const KnownSizes between_sizes = sizes_of(known, *pairs_, decays_);
  const LateBound apart = plus(between_sizes.size, between.rest);
  LateBound moved = between_sizes.step;
  moved += between.step;
  const SmoothResponse mlp = mlp_response(layer, z, supremum(decays_, apart), balls_);
  const Rest end = after(mlp.derivative);
  LateStates result{limits_[l + 1], {}, end.rest, end.step};
  result.rest.second.add(product(decays_, apart, apart), shifted(mlp.curvature, -1));
  result.step.second.add(product(decays_, apart, moved), mlp.curvature * back);
  const RoundedMatrix derivative(mlp.derivative);
  for (std::size_t k = 0; k <= orders; ++k) {
    result.known.push_back(zero_vectors(count, width));
    for (std::size_t m = 0; m < count; ++m) {
      add_image(result.known[k], m, derivative, &known[k].real[m * width], &known[k].imag[m * width], 1, 0);
      if (m == 0) std::fill_n(result.known[k].imag.begin(), width, 0);
    }
  }
  result.rest.first.add(rounding, precise_size(derivative));
  result.step.first.add(rounding, precise_size(derivative) * both);
  return result;
}

LateResponse::Vector LateResponse::vector(const LateStates& x, bool normed) const {
  const std::size_t count = pairs_->count(), width = model_.width;
  const LateBound deviation = this->deviation(x), motion = this->motion(x);
  const SmoothResponse norm = norm_response(normed ? model_.final_norm : std::nullopt, x.limit, supremum(decays_, deviation), balls_);
  const RoundedMatrix map(norm.derivative);
  const std::vector<Magnitude> rows = row_norms(map);
  Vector result{norm.value, {}, std::vector<LateBound>(width)};
  LateBound bent, bent_step;  // of the 2-norm
  bent.second.add(product(decays_, deviation, deviation), shifted(norm.curvature, -1));
  const Magnitude back = shifted(twofold_back(), -1);
  bent_step.second.add(product(decays_, deviation, motion), norm.curvature * back);
  // What is known, through the norm's derivative.
  std::vector<ModeVectors> known;
  std::vector<Magnitude> fuzz;
  for (const ModeVectors& of : x.known) {
    known.push_back(zero_vectors(count, width));
    double lengths = 0;
    for (std::size_t m = 0; m < count; ++m) {
      add_image(known.back(), m, map, &of.real[m * width], &of.imag[m * width], 1, 0);
      lengths += 2 * length_of(of, m);
    }
    fuzz.push_back(magnitude_of(upward(lengths * (map.error + map.frobenius * 0x1p-38))));
  }
  const Decay rounding = Decay::of(std::move(fuzz));
  const KnownSizes sizes = sizes_of(known, *pairs_, decays_);
  std::vector<std::vector<Magnitude>> entries(width);
  std::array<std::vector<Magnitude>, 3> steps;
  for (const ModeVectors& of : known) {
    double moved[3] = {};
    std::vector<double> most(width);
    for (std::size_t m = 0; m < count; ++m) {
      double one = 0, largest = 0;
      for (std::size_t i = 0; i < width; ++i) {
        const double a = of.real[m * width + i], b = of.imag[m * width + i], modulus = (m == 0 ? 1 : 2) * std::sqrt(a * a + b * b);
        most[i] += modulus, one += modulus, largest = std::max(largest, modulus);
      }
      moved[0] += one * pairs_->step(m), moved[1] += most_of(of, m) * pairs_->step(m), moved[2] += largest * pairs_->step(m);
    }
    for (std::size_t i = 0; i < 3; ++i) steps[i].push_back(magnitude_of(upward(moved[i])));
    for (std::size_t i = 0; i < width; ++i) entries[i].push_back(magnitude_of(upward(most[i])));
  }
  const Magnitude root_width = root(Magnitude::of(width));
  Magnitude largest_row;
  for (const Magnitude& row : rows) largest_row = larger(largest_row, row);
  for (std::size_t i = 0; i < 3; ++i) {
    const Magnitude factor = i == 0 ? root_width : Magnitude::of(1UL);  // |x|_1 <= sqrt(n) |x|_2, |x|_inf <= |x|_2
    LateBound& step = result.steps[i];
    step.first += Decay::of(std::move(steps[i]));
    step.second.add(sizes.step.second, factor);
    step.first.add(rounding, shifted(factor * back, 1));
    step.add(x.step, i == 0 ? two_to_one_norm(map) : i == 1 ? two_norm(map) : largest_row);
    step.add(bent_step, factor);
  }
  for (std::size_t i = 0; i < width; ++i) {
    LateBound& entry = result.entries[i];
    entry.first += Decay::of(std::move(entries[i]));
    entry.first += rounding;
    entry.add(x.rest, rows[i]);
    entry.second += bent.second;
  }
  return result;
}

}  // namespace snellen
