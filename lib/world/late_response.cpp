#include "lib/world/late_response.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "lib/model/decoder.hpp"
#include "lib/number/rounded_matrix.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/norm_slope.hpp"
#include "lib/world/smooth_response.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

constexpr long mode_bits = 80;            // of expansions: their radii are in the rest
constexpr std::size_t widest = 4096;      // a stream or a head: sums of so many products err by less than 2^-40 of their terms' sizes (dot_error)
// Of known vectors, relative to the product of the norms on their way (`fuzz`): matrices are known to 2^-44 of their Frobenius norms (precise_size), sums of products to 2^-40, coefficients to
// 2^-44 of the largest weight, 1/mu to 2^-44 of itself, and at most four of them follow one another.
constexpr double product_error = 0x1p-36, coefficient_error = 0x1p-44;
constexpr long typical_length = 3;       // times M: where two bounds are compared, a choice of quality only

Magnitude larger(const Magnitude& a, const Magnitude& b) { return a < b ? b : a; }
Magnitude root_of(Magnitude x) {
  mag_sqrt(x.get(), x.get());
  return x;
}
Magnitude exponential(Magnitude x) {
  mag_exp(x.get(), x.get());
  return x;
}
Magnitude quotient_of(Magnitude x, const Magnitude& y) {
  mag_div(x.get(), x.get(), y.get());
  return x;
}

// |x|_2 of a column.
Magnitude norm_of(const BallMatrix& x, std::size_t begin, std::size_t end) {
  Magnitude sum;
  for (std::size_t i = begin; i < end; ++i) {
    const Magnitude entry = Magnitude::of(x(i, 0));
    sum += entry * entry;
  }
  return root_of(std::move(sum));
}

BallMatrix rows_of(const BallMatrix& a, std::size_t begin, std::size_t count) {
  BallMatrix result(count, a.columns());
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t j = 0; j < a.columns(); ++j) arb_set(result(i, j), a(begin + i, j));
  return result;
}
BallMatrix columns_of(const BallMatrix& a, std::size_t begin, std::size_t count) {
  BallMatrix result(a.rows(), count);
  for (std::size_t i = 0; i < a.rows(); ++i)
    for (std::size_t j = 0; j < count; ++j) arb_set(result(i, j), a(i, begin + j));
  return result;
}

// |A|_F, where doubles hold A to some 13 digits: what `product_error` is relative to; else infinite.
Magnitude precise_size(const RoundedMatrix& a) { return magnitude_of(a.error <= a.frobenius * 0x1p-44 ? a.frobenius : infinite_bound); }

// Vectors of mode m: what turns, 2 Re(X e^(i t)), is at most this at any t (m > 0); |X| of mode 0.
double most_of(const ModeVectors& x, std::size_t m) {
  double a = 0, b = 0, c = 0;
  for (std::size_t i = m * x.size; i < (m + 1) * x.size; ++i) a += x.real[i] * x.real[i], b += x.imag[i] * x.imag[i], c += x.real[i] * x.imag[i];
  if (m == 0) return upward(std::sqrt(a));
  const double half = (a - b) / 2;
  return upward(2 * std::sqrt((a + b) / 2 + std::sqrt(half * half + c * c) + (a + b) * 0x1p-40));
}
// |X_m|_2.
double length_of(const ModeVectors& x, std::size_t m) {
  double sum = 0;
  for (std::size_t i = m * x.size; i < (m + 1) * x.size; ++i) sum += x.real[i] * x.real[i] + x.imag[i] * x.imag[i];
  return upward(std::sqrt(sum));
}

ModeVectors zero_vectors(std::size_t count, std::size_t size) { return {size, std::vector<double>(count * size), std::vector<double>(count * size)}; }

// y += factor A x, mode by mode (complex factors; A real).
void add_image(ModeVectors& y, std::size_t m, const RoundedMatrix& a, const double* real, const double* imag, double c, double s) {
  for (std::size_t i = 0; i < a.rows; ++i) {
    const double* const row = a.row(i);
    double u = 0, v = 0;
    for (std::size_t j = 0; j < a.columns; ++j) u += row[j] * real[j], v += row[j] * imag[j];
    y.real[m * y.size + i] += c * u - s * v;
    y.imag[m * y.size + i] += c * v + s * u;
  }
}

// Sizes and steps of what is known: |psi_k(j) - psi_k(j-1)| <= (1 + 1/M) (k psi_(k-1)(j) + psi_k(j)) / j.
KnownSizes sizes_of(const std::vector<ModeVectors>& known, const TurningPairs& pairs, const Decays& decays) {
  std::vector<Magnitude> size(known.size()), step(known.size()), slope(known.size());
  for (std::size_t k = 0; k < known.size(); ++k) {
    double total = 0, moved = 0;
    for (std::size_t m = 0; m < pairs.count(); ++m) {
      const double most = most_of(known[k], m);
      total += most, moved += most * pairs.step(m);
    }
    size[k] = magnitude_of(upward(total)), step[k] = magnitude_of(upward(moved));
  }
  const Magnitude each = quotient(decays.first() + 1, decays.first() * decays.first());
  for (std::size_t k = 0; k < known.size(); ++k) {
    slope[k] += size[k] * each;
    if (k > 0) slope[k - 1] += size[k] * Magnitude::of(k) * each;
  }
  return {Decay::of(std::move(size)), {Decay::of(std::move(step)), StepDecay::of(std::move(slope))}};
}

// psi_k M/j <= psi_k.
Decay of_first_order(const LateBound& x) {
  Decay result = x.first;
  std::vector<Magnitude> c;
  for (std::size_t k = 0; k < x.second.terms(); ++k) c.push_back(x.second[k]);
  result += Decay::of(std::move(c));
  return result;
}

// At least the root of a computed mean square, and positive: it divides.
double root_mean(double square) { return std::max(upward(std::sqrt(upward(square))), 0x1p-60); }

LateBound plus(const Decay& x, LateBound y) {
  y.first += x;
  return y;
}

}  // namespace

// One head at its limit, and what its query sees of the explicit tokens.
struct LateResponse::Head {
  RoundedMatrix value_map;       // V N': of the head's value by the stream                       [size, width]
  RoundedMatrix value_weights;   // V                                                             [size, width]
  BallMatrix values, output;     // V N' and O as balls
  Magnitude inverse_mean;        // 1/mu
  Magnitude largest;             // of E, over mu
  Magnitude excess, drift;       // of the mass, over mu
  Magnitude unlisted;            // of E less the listed modes, over mu
  Magnitude fluctuation;         // of E/mu - 1 less the modes other than 0
  std::vector<double> real, imag;  // [count]: c_m / mu
  std::vector<double> sizes;       // [all]: at least |c_m| / mu
  ModeVectors own;               // sum over own tokens of c_m^(e) e^(-i tau_m e) (v_e - v), over mu
  // Sums over explicit tokens, all over mu.
  Magnitude missing;             // what the listed modes leave out, errors included
  Magnitude changed;             // by keys that are not the limit's, of tokens that are not own
  Magnitude weighed;             // sum of w |k'_e| |v_e - v|
  Magnitude mass;                // how far their mass is from that of the limit's key
  Magnitude query, key, limit_key;  // |q|; |k'|, the largest of explicit tokens and the limit's
  // A map W after the norm: |W h_j - W h| <= slope |x_j - r| + bend |x_j - r|^2.
  struct Image {
    Magnitude slope, bend;
  };
  Image query_image, key_image, value_image;  // the query's times the scale
  Magnitude value_norm;          // |V|
};

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
std::vector<double> LateResponse::known(const LateStates& x, std::int64_t j) const {
  RotaryModes::Powers powers;
  set_powers(powers, *modes_, *frequencies_, j, mode_bits);
  std::vector<double> result(model_.width);
  const double u = std::log(static_cast<double>(j) / static_cast<double>(first_));
  double psi = static_cast<double>(first_) / static_cast<double>(j);
  for (const ModeVectors& of : x.known) {
    for (std::size_t m = 0; m < pairs_->count(); ++m)
      for (std::size_t i = 0; i < model_.width; ++i)
        result[i] += (m == 0 ? 1 : 2) * psi * (of.real[m * model_.width + i] * powers.real[m] - of.imag[m * model_.width + i] * powers.imag[m]);
    psi *= u;
  }
  return result;
}

LateBound LateResponse::deviation(const LateStates& x) const { return plus(sizes(x).size, x.rest); }
LateBound LateResponse::motion(const LateStates& x) const {
  LateBound result = sizes(x).step;
  result += x.step;
  return result;
}

// Every head of layer l against the explicit tokens.
std::vector<LateResponse::Head> LateResponse::heads(std::size_t l, const SmoothResponse& norm) const {
  const Layer& layer = model_.layers[l];
  const Attention& a = layer.attention;
  const std::size_t size = a.head_size, planes = frequencies_->planes(), turning = 2 * planes, width = model_.width, count = modes_->count(), tokens = static_cast<std::size_t>(first_ - 1), own = settings_.own_tokens;
  const long bits = balls_.bits();
  const BallMatrix q = balls_.linear(layer.query, norm.value), k = balls_.linear(layer.key, norm.value);
  const BallMatrix query_map = matrix_of(layer.query), key_map = matrix_of(layer.key), value_map = matrix_of(layer.value), output_map = matrix_of(layer.output);
  const std::vector<double>&apart = apart_[l], &apart_errors = apart_errors_[l];
  Ball scale;
  set_root(scale, a.scale, bits);
  std::vector<Head> heads(a.heads);
  parallel_for(a.heads, [&](std::size_t index) {
    Head& head = heads[index];
    const std::size_t qr = index * size, kr = index / (a.heads / a.kv_heads) * size;
    BallMatrix query(size, 1);
    for (std::size_t i = 0; i < size; ++i) arb_mul(query(i, 0), q(qr + i, 0), scale, bits);
    const BallMatrix keys = rows_of(key_map, kr, size), values = rows_of(value_map, kr, size);
    const RoundedMatrix key_rows(keys), value_rows(values);
    head.values = product_of(values, norm.derivative, bits), head.output = columns_of(output_map, qr, size);
    head.value_map = RoundedMatrix(head.values), head.value_weights = value_rows;
    head.query = norm_of(query, 0, size);
    const auto image_of = [&](const BallMatrix& map, const Magnitude& factor) {
      return Head::Image{two_norm(RoundedMatrix(product_of(map, norm.derivative, bits))) * factor, two_norm(RoundedMatrix(map)) * shifted(norm.curvature, -1) * factor};
    };
    head.query_image = image_of(rows_of(query_map, qr, size), Magnitude::of(scale)), head.key_image = image_of(keys, Magnitude::of(1UL)), head.value_image = image_of(values, Magnitude::of(1UL));
    head.value_norm = two_norm(value_rows);
    // Of a key that is the limit's plus `apart` within `error`, in each entry.
    const auto score = [&](const double* key_apart, double error) {
      RotaryScore result;
      Ball entry;
      ComplexBall x, y;
      const auto set_entry = [&](arb_ptr target, std::size_t i, bool whole) {
        arb_set_d(target, key_apart == nullptr ? 0 : key_apart[i]);
        if (error > 0) arb_add_error_mag(target, magnitude_of(error).get());
        if (whole) arb_add(target, target, k(kr + i, 0), mode_bits);
      };
      for (std::size_t i = turning; i < size; ++i) {
        set_entry(entry, i, false);
        arb_addmul(result.constant, query(i, 0), entry, mode_bits);
      }
      for (std::size_t f = 0; f < planes; ++f) {
        arb_set(x.real(), query(f, 0)), arb_set(x.imag(), query(f + planes, 0));
        set_entry(y.real(), f, true), set_entry(y.imag(), f + planes, true);
        acb_conj(y, y);
        acb_mul(x, x, y, mode_bits);
        result.planes.push_back(x);
      }
      return result;
    };
    const RotaryScore equal = score(nullptr, 0);
    const RotaryMass mass(equal, *frequencies_, 0, mode_bits, {settings_.mass_modes, 0, 0});
    Ball inverse;
    arb_inv(inverse, mass.mu(), mode_bits);
    head.inverse_mean = Magnitude::of(inverse);
    if (!arb_is_positive(inverse)) mag_inf(head.inverse_mean.get());
    const Magnitude& over = head.inverse_mean;
    head.largest = mass.largest_term() * over, head.excess = mass.excess() * over, head.drift = mass.drift() * over;
    const RotaryModes::Expansion run = modes_->expand(equal);
    head.unlisted = run.unlisted * over;
    ComplexBall c;
    Ball t;
    Magnitude radii;  // of all modes and their opposites
    head.sizes.resize(pairs_->all());
    for (std::size_t m = 0; m < count; ++m) {
      acb_mul_arb(c, run.coefficients[m], inverse, mode_bits);
      if (m == 0) {
        arb_sub_ui(t, c.real(), 1, mode_bits);
        head.fluctuation = Magnitude::of(t) + head.unlisted;
      }
      Magnitude modulus;
      acb_get_mag(modulus.get(), c);
      head.sizes[m] = head.sizes[pairs_->opposite(m)] = upper_double(modulus);
      head.real.push_back(arf_get_d(arb_midref(c.real()), ARF_RND_NEAR)), head.imag.push_back(m == 0 ? 0 : arf_get_d(arb_midref(c.imag()), ARF_RND_NEAR));
      radii += shifted(Magnitude::radius_of(c.real()) + Magnitude::radius_of(c.imag()), 1);
    }
    // What `product_error` allows for.
    if (!(radii < head.largest * magnitude_of(coefficient_error) && Magnitude::radius_of(inverse) < over * magnitude_of(coefficient_error))) mag_inf(head.missing.get());
    // Explicit tokens, one by one.
    const Magnitude limit_key = [&] {  // |k'|
      Magnitude sum;
      for (std::size_t i = 0; i < turning; ++i) {
        const Magnitude entry = Magnitude::of(k(kr + i, 0));
        sum += entry * entry;
      }
      return root_of(std::move(sum));
    }();
    Magnitude largest_key;
    head.own = zero_vectors(count, size);
    std::vector<double> key_apart(size), value_apart(size);
    double size_sum = 0, error_sum = 0;
    RotaryModes::Powers powers;
    for (std::size_t e = 0; e < tokens; ++e) {
      const double* const x = apart.data() + e * width;
      const double length = euclidean_norm(std::span(x, width));
      const auto image = [&](const RoundedMatrix& map, std::vector<double>& result) {  // the error of the whole vector
        for (std::size_t i = 0; i < size; ++i) {
          double sum = 0;
          for (std::size_t j = 0; j < width; ++j) sum += map.row(i)[j] * x[j];
          result[i] = sum;
        }
        return upward(map.frobenius * (apart_errors[e] + length * 0x1p-40));
      };
      const double key_error = image(key_rows, key_apart), value_error = image(value_rows, value_apart);
      const double value_size = euclidean_norm(value_apart);
      const Magnitude value = magnitude_of(upward(value_size + value_error)), key = magnitude_of(upward(euclidean_norm(key_apart) + key_error));
      largest_key = larger(largest_key, key);
      const Magnitude change = expm1(head.query * key) * head.largest;
      if (e >= own) {
        head.changed += change * value, head.mass += change, head.weighed += (head.largest + change) * (limit_key + key) * value, head.missing += head.unlisted * value;
        size_sum += length, error_sum += apart_errors[e];
        continue;
      }
      const RotaryModes::Expansion weight = modes_->expand(score(key_apart.data(), key_error));
      const Magnitude most = Magnitude::of(weight.total) * over, either = larger(most, head.largest);
      head.mass += change < either ? change : either;
      head.weighed += most * (limit_key + key) * value, head.missing += weight.unlisted * over * value;
      set_powers(powers, *modes_, *frequencies_, static_cast<std::int64_t>(e) + 1, mode_bits);
      Magnitude off;
      for (std::size_t m = 0; m < count; ++m) {
        const ComplexBall& whole = weight.coefficients[m];
        const double re = arf_get_d(arb_midref(whole.real()), ARF_RND_NEAR), im = m == 0 ? 0 : arf_get_d(arb_midref(whole.imag()), ARF_RND_NEAR);
        const double u = re * powers.real[m] + im * powers.imag[m], v = im * powers.real[m] - re * powers.imag[m];
        for (std::size_t i = 0; i < size; ++i) head.own.real[m * size + i] += u * value_apart[i], head.own.imag[m * size + i] += v * value_apart[i];
        off += shifted(Magnitude::radius_of(whole.real()) + Magnitude::radius_of(whole.imag()), 1);
      }
      // Radii; and per token: powers err by 2^-39, coefficients and products by 2^-50 in all, sums of fewer than 2^13 terms by 2^-39 of the terms' sizes, which are at most |c_m| |v_e - v|; both parts.
      head.missing += off * over * magnitude_of(value_size) + most * magnitude_of(upward(value_error + value_size * 0x1p-36));
    }
    // V times the sums over the other tokens, whose modes are the limit's key's.
    head.missing += head.largest * head.value_norm * magnitude_of(upward(size_sum * run_sums_error + error_sum)) + radii * head.value_norm * magnitude_of(upward(size_sum));
    const double reciprocal = arf_get_d(arb_midref(static_cast<arb_ptr>(inverse)), ARF_RND_NEAR);
    for (double& x : head.own.real) x *= reciprocal;
    for (double& x : head.own.imag) x *= reciprocal;
    head.key = limit_key + largest_key, head.limit_key = limit_key;
  });
  return heads;
}

// Sums over pairs of modes, of the heads' weights and of what is known of the later tokens.
struct LateResponse::PairSums {
  ModeVectors ends;  // of mode p: sum over m of X_0m g e^(i (tau_m - tau_p) M)                   [width]
  // Head by head, over mu and without the 1/j of the mass.
  struct Sums {
    double square = 0, square_excess = 0;      // of E/mu - 1, as far as listed: its mean square, and what its square adds up to beyond
    double step_square = 0, step_excess = 0;   // of E(D + 1)/mu - E(D)/mu
    double beginning = 0;                      // of psi_k, k > 0, and what is not known of psi_0 at M; of first order
    double end = 0;                            // of psi_0 at j, of second
    std::vector<double> near;                  // [k]: pairs that are not told from resonances
  };
  std::vector<Sums> heads;
};

LateResponse::PairSums LateResponse::pair_sums(const std::vector<Head>& heads, const std::vector<ModeVectors>& known) const {
  const std::size_t count = pairs_->count(), all = pairs_->all(), width = model_.width, orders = known.size();
  PairSums result;
  result.ends = zero_vectors(count, width);
  result.heads.resize(heads.size());
  // Of each head: |V N' X_km| and the rounding of sums of them; the sizes of the weights' modes less 0; of their steps.
  struct Sizes {
    std::vector<std::vector<double>> values;
    std::vector<double> values_rounded, moving, steps;
  };
  std::vector<Sizes> sizes(heads.size());
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const RoundedMatrix& map = heads[h].value_map;
    ModeVectors image = zero_vectors(1, map.rows);
    for (std::size_t k = 0; k < orders; ++k) {
      std::vector<double> values(all);
      if (k == 0) sizes[h].values_rounded.resize(all);
      for (std::size_t m = 0; m < count; ++m) {
        std::fill(image.real.begin(), image.real.end(), 0), std::fill(image.imag.begin(), image.imag.end(), 0);
        add_image(image, 0, map, &known[k].real[m * width], &known[k].imag[m * width], 1, 0);
        const double length = length_of(known[k], m);
        values[m] = values[pairs_->opposite(m)] = upward(length_of(image, 0) + length * (map.error + map.frobenius * 0x1p-38));
        if (k == 0) sizes[h].values_rounded[m] = sizes[h].values_rounded[pairs_->opposite(m)] = upward(values[m] + map.frobenius * length * 0x1p-10);
      }
      sizes[h].values.push_back(std::move(values));
    }
    sizes[h].moving = heads[h].sizes, sizes[h].moving[0] = 0;
    for (std::size_t m = 0; m < all; ++m) sizes[h].steps.push_back(upward(heads[h].sizes[m] * pairs_->step(m)));
    result.heads[h].near.resize(orders);
  }
  std::vector<double> real(all * width), imag(all * width);  // X_0
  for (std::size_t m = 0; m < (orders > 0 ? all : 0); ++m) {
    const std::size_t one = m < count ? m : pairs_->opposite(m);
    for (std::size_t i = 0; i < width; ++i) real[m * width + i] = known[0].real[one * width + i], imag[m * width + i] = (m < count ? 1 : -1) * known[0].imag[one * width + i];
  }
  std::vector<double> peak(orders);  // the largest value of psi_k
  for (std::size_t k = 0; k < orders; ++k) {
    std::vector<Magnitude> unit(k + 1);
    unit[k] = Magnitude::of(1UL);
    peak[k] = upper_double(decays_.supremum(Decay::of(std::move(unit))));
  }
  const double second = upward(2.0 / static_cast<double>(first_));
  constexpr std::size_t rows_together = 32;
  const std::size_t blocks = (count + rows_together - 1) / rows_together;
  std::vector<std::vector<PairSums::Sums>> parts(blocks, std::vector<PairSums::Sums>(heads.size()));
  parallel_for(blocks, [&](std::size_t block) {
    TurningPairs::Row row;
    std::vector<double> squares(all);
    for (std::size_t p = block * rows_together; p < std::min(count, (block + 1) * rows_together); ++p) {
      pairs_->set_row(row, p);
      const double twice = p == 0 ? 1 : 2;  // -p with the opposites of all m
      // The second summation by parts leaves at most |g| min(1, 2 |g| / M); the quotient's error is below 2^-32 |g|^2 |V N' X|, that of the sum over m below 2^-38 |g| |V N'|_F |X| <= 2^-37 |g|^2 ...
      for (std::size_t m = 0; m < all; ++m) squares[m] = std::min(row.sizes[m], second * row.sizes[m] * row.sizes[m]) + 0x1p-24 * row.sizes[m] * row.sizes[m];
      for (std::size_t h = 0; h < heads.size(); ++h) {
        PairSums::Sums& sums = parts[block][h];
        sums.near.resize(orders);
        const Sizes& s = sizes[h];
        const double weight = twice * heads[h].sizes[p];
        const auto dot = [&](const std::vector<double>& x, const std::vector<double>& y) {
          double a = 0, b = 0, c = 0, d = 0;
          std::size_t m = 0;
          for (; m + 4 <= all; m += 4) a += x[m] * y[m], b += x[m + 1] * y[m + 1], c += x[m + 2] * y[m + 2], d += x[m + 3] * y[m + 3];
          for (; m < all; ++m) a += x[m] * y[m];
          return (a + b) + (c + d);
        };
        sums.square_excess += 2 * twice * s.moving[p] * dot(row.sizes, s.moving);
        sums.step_excess += 2 * twice * s.steps[p] * dot(row.sizes, s.steps);
        for (const std::size_t m : row.close) {
          sums.square += twice * s.moving[p] * s.moving[m], sums.step_square += twice * s.steps[p] * s.steps[m];
          for (std::size_t k = 0; k < orders; ++k) {
            // The sum of psi_k is its integral up to its largest value; for m = p the integral is known.
            sums.beginning += weight * s.values[k][m] * peak[k];
            if (m != p) sums.near[k] += weight * s.values[k][m];
          }
        }
        for (std::size_t k = 0; k < orders; ++k) {
          if (k > 0) {
            sums.beginning += weight * 2 * peak[k] * dot(row.sizes, s.values[k]);
            continue;
          }
          sums.end += weight * dot(row.sizes, s.values[0]);
          sums.beginning += weight * dot(squares, s.values_rounded);
        }
      }
      if (orders == 0) continue;
      double* const x = &result.ends.real[p * width];
      double* const y = &result.ends.imag[p * width];
      for (std::size_t m = 0; m < all; ++m) {
        const double a = row.real[m], b = row.imag[m];
        const double *const u = &real[m * width], *const v = &imag[m * width];
        for (std::size_t i = 0; i < width; ++i) x[i] += a * u[i] - b * v[i], y[i] += a * v[i] + b * u[i];
      }
      if (p == 0) std::fill(y, y + width, 0);  // opposites cancel
    }
  });
  for (const std::vector<PairSums::Sums>& part : parts)
    for (std::size_t h = 0; h < heads.size(); ++h) {
      PairSums::Sums& sums = result.heads[h];
      const PairSums::Sums& more = part[h];
      sums.square += more.square, sums.square_excess += more.square_excess, sums.step_square += more.step_square, sums.step_excess += more.step_excess;
      sums.beginning += more.beginning, sums.end += more.end;
      for (std::size_t k = 0; k < orders; ++k) sums.near[k] += more.near[k];
    }
  return result;
}

LateStates LateResponse::layer(std::size_t l, const LateStates& x) const {
  const Layer& layer = model_.layers[l];
  const long bits = balls_.bits();
  const std::size_t count = pairs_->count(), width = model_.width, orders = x.known.size();
  const Magnitude one = Magnitude::of(1UL), over_first = quotient(1, first_);
  Magnitude both = quotient(first_ + 1, first_);  // |y_j| + |y_(j-1)| <= both |y|'s bound at j, of either order
  both = shifted(both * both, 1);
  const Magnitude back = shifted(both, -1);
  const LateBound deviation = this->deviation(x);
  const SmoothResponse norm = norm_response(layer.attention_norm, x.limit, supremum(decays_, deviation), balls_);
  const StepDecay bent = product(decays_, deviation, deviation);
  const LateBound motion = this->motion(x);
  const std::vector<Head> heads = this->heads(l, norm);
  const PairSums pairs = pair_sums(heads, x.known);
  const std::size_t size = layer.attention.head_size;

  // The heads' known vectors Y (of (o - v) = N/Z), and those of the stream after them.
  std::vector<ModeVectors> known(orders + 1, zero_vectors(count, width));
  for (std::size_t k = 0; k < orders; ++k) known[k] = x.known[k];
  std::vector<Magnitude> fuzz(orders + 1);  // the sizes that go through the products, opposites included
  const double length_inverse = 1 / static_cast<double>(first_);
  std::vector<std::vector<ModeVectors>> outputs(heads.size());
  const auto total_length = [&](const ModeVectors& v) {
    double sum = 0;
    for (std::size_t m = 0; m < count; ++m) sum += length_of(v, m);
    return magnitude_of(upward(2 * sum));
  };
  for (std::size_t k = 0; k < orders; ++k) fuzz[k] += total_length(x.known[k]);
  std::vector<double> sum_real(width), sum_imag(width);
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

  // What each head's output has besides, in its own space: bounds of what is not known and not the late tokens' rest, and of its step.
  struct Remainder {
    LateBound rest, step;
    LateBound late;  // at least |(1/Z) sum of w V N' w_e|, the late tokens' rest, up to 1 + the mass's error
    Decay mass;
    Magnitude mass_drift;
  };
  std::vector<Remainder> remainders(heads.size());
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const Head& head = heads[h];
    const PairSums::Sums& sums = pairs.heads[h];
    const KnownSizes sizes = sizes_of(outputs[h], *pairs_, decays_);
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
      result.second.add(bent, map.bend);
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
    Remainder& r = remainders[h];
    r.mass = mass, r.mass_drift = head.drift;
    const Magnitude worst = head.drift + decays_.supremum(mass);
    if (!(worst < shifted(one, -1))) {
      r.rest = r.step = r.late = LateBound::unknown();
      continue;
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
    once.add(weighed({{}, bent}), head.value_image.bend);
    once.add(weighed({{}, product(decays_, key_change, value)}), factor);
    // Of second: the later tokens' end, the changed query.
    StepDecay twice = StepDecay::inverse(magnitude_of(upward(sums.end)) * over_first);
    twice.add(product(decays_, query, {Decay::inverse(head.weighed * over_first), {}}), factor);
    twice.add(product(decays_, query, {weighed(value), {}}), factor * late_key);
    // The mass's error: of what is known, and of the later tokens' rest.
    r.late = {scaled(weighed(x.rest), two_norm(head.value_map)), {}};
    Decay both_parts = sizes.size;
    both_parts += r.late.first;
    r.rest.first.add(once, inverse), r.rest.second.add(twice, inverse);
    r.rest.first.add(both_parts, inverse * head.drift);
    r.rest.second.add(Decays::product(mass, both_parts), inverse);
    // Steps. |o - v| |dZ|/Z: Z moves by E and by what changes; P (1/Z_j - 1/mu j) by the step of P; the rest twice.
    const LateBound twofold{once, twice};
    r.step.add(twofold, inverse * both);
    LateBound whole = r.rest;  // |o_j - v|
    whole.first += sizes.size, whole.first.add(r.late.first, inverse);
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
  }

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
    Magnitude moving_excess, stepping_excess, unlisted, unlisted_steps, own_weight, root = root_of(Magnitude::of(heads.size()));
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
    result.rest.first.add(mean, two_norm(RoundedMatrix(sum)) + together * root + unlisted);
    result.step.first.add(mean, steps_together * root + unlisted_steps);
    const auto excess = [&](Decay& target, const Magnitude& norm_here, const Magnitude& excesses) {
      target.add(Decay::inverse(top), norm_here * quotient_of(shifted(excesses, -1), root_of(Magnitude::of(heads.size()))) * back);
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
  Magnitude back = quotient(first_ + 1, first_);
  back *= back;
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
  const Magnitude root = root_of(Magnitude::of(width));
  Magnitude largest_row;
  for (const Magnitude& row : rows) largest_row = larger(largest_row, row);
  for (std::size_t i = 0; i < 3; ++i) {
    const Magnitude factor = i == 0 ? root : Magnitude::of(1UL);  // |x|_1 <= sqrt(n) |x|_2, |x|_inf <= |x|_2
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
