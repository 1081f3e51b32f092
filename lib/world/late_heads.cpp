// Heads at their limits against the explicit tokens. Mathematics: proofs/response.md, "One head".
#include "lib/world/ball_functions.hpp"
#include "lib/world/late_parts.hpp"
#include "lib/world/rotary_mass.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

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

}  // namespace

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
    head.query = norm_of(query, 0, size, 0);
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
      return root(std::move(sum));
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

}  // namespace snellen
