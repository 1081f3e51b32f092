#include "lib/world/rotary_run.hpp"

#include <stdexcept>

#include "lib/world/ball_functions.hpp"

namespace snellen {
namespace {

// e^(score at n).
void set_weight(arb_ptr result, const RotaryScore& score, const std::vector<ComplexBall>& turns, long bits) {
  arb_set(result, score.constant);
  for (std::size_t f = 0; f < score.planes.size(); ++f) add_real_product(result, score.planes[f], turns[f], bits);
  arb_exp(result, result, bits);
}

void set_turns(std::vector<ComplexBall>& turns, const RotaryFrequencies& frequencies, std::int64_t n, long bits) {
  for (std::size_t f = 0; f < turns.size(); ++f) frequencies.set_turn(turns[f], f, n, bits);
}

}  // namespace

// Planes turn the entries f and f + dimensions/2 of a head as one complex number: <R_i q, R_j k> = Re(q conj(k) e^(i theta (i - j))) in each plane.
RotaryScore RotaryRun::score_of(const BallMatrix& q, const BallMatrix& k, std::size_t head, std::size_t column) const {
  const std::size_t size = attention_.head_size, q_row = head * size, k_row = head / (attention_.heads / attention_.kv_heads) * size;
  const std::size_t last = shape_.columns() - 1, turning = attention_.rotary->dimensions, half = turning / 2;
  Ball scale;
  set_root(scale, attention_.scale, bits_);
  RotaryScore score;
  for (std::size_t i = turning; i < size; ++i) arb_addmul(score.constant, q(q_row + i, last), k(k_row + i, column), bits_);
  arb_mul(score.constant, score.constant, scale, bits_);
  for (std::size_t f = 0; f < half; ++f) {
    ComplexBall a, b;
    arb_set(a.real(), q(q_row + f, last)), arb_set(a.imag(), q(q_row + f + half, last));
    arb_set(b.real(), k(k_row + f, column)), arb_neg(b.imag(), k(k_row + f + half, column));
    acb_mul(a, a, b, bits_);
    acb_mul_arb(a, a, scale, bits_);
    score.planes.push_back(std::move(a));
  }
  return score;
}

RotaryRun::RotaryRun(const Attention& attention, const BallMatrix& q, const BallMatrix& k, const BallMatrix& v, const RotaryShape& shape, long bits, const MassSettings& settings)
    : attention_(attention), shape_(shape), frequencies_(*attention.rotary), bits_(bits), values_(v) {
  if (attention.window || attention.softcap || !attention.alibi.empty()) throw std::logic_error("RotaryRun: a window, a soft-cap or ALiBi");
  const auto tokens_after = static_cast<std::int64_t>(shape.suffix);
  std::vector<ComplexBall> turns(frequencies_.planes());
  for (std::size_t h = 0; h < attention.heads; ++h) {
    Head head{{}, {}, RotaryMass(score_of(q, k, h, shape.prefix), frequencies_, tokens_after, bits, settings), h / (attention.heads / attention.kv_heads) * attention.head_size};
    for (std::size_t s = 0; s < shape.singles(); ++s) {
      RotaryScore score = score_of(q, k, h, shape.column(s));
      // The last token stands at |P| + n + |Q| - 1. Of P, token s is n + (|P| - 1 - s + |Q|) before it; of Q, token j is |Q| - 1 - j before it.
      const bool moves = s < shape.prefix;
      const auto lag = static_cast<std::int64_t>(moves ? shape.prefix - 1 - s + shape.suffix : shape.suffix - 1 - (s - shape.prefix));
      set_turns(turns, frequencies_, lag, bits);
      Ball most;
      for (std::size_t f = 0; f < turns.size(); ++f) {
        acb_mul(score.planes[f], score.planes[f], turns[f], bits);
        if (!moves) arb_add(score.constant, score.constant, score.planes[f].real(), bits);
      }
      if (!moves) score.planes.clear();
      arb_set(most, score.constant);
      for (const ComplexBall& plane : score.planes) {
        Ball amplitude;
        acb_abs(amplitude, plane, bits);
        arb_add(most, most, amplitude, bits);
      }
      arb_exp(most, most, bits);
      head.largest.push_back(Magnitude::of(most));
      head.scores.push_back(std::move(score));
    }
    heads_.push_back(std::move(head));
  }
}

BallMatrix RotaryRun::shares(const std::vector<std::int64_t>& lengths, std::size_t modes) const {
  const std::size_t count = singles();
  BallMatrix result(heads_.size() * count, lengths.size());
  std::vector<ComplexBall> turns(frequencies_.planes());
  std::vector<Ball> sums(heads_.size());
  for (std::size_t c = 0; c < lengths.size(); ++c) {
    set_turns(turns, frequencies_, lengths[c], bits_);
    for (std::size_t h = 0; h < heads_.size(); ++h) {
      const Head& head = heads_[h];
      if (c > 0 && lengths[c] == lengths[c - 1] + 1) {
        Ball term;
        head.mass.term(term, lengths[c - 1]);
        arb_add(sums[h], sums[h], term, bits_);
      } else if (c == 0 || lengths[c] != lengths[c - 1]) {
        head.mass.sum(sums[h], lengths[c], modes);
      }
      Ball mass = sums[h];
      for (std::size_t s = 0; s < count; ++s) {
        arb_ptr weight = result(h * count + s, c);
        set_weight(weight, head.scores[s], turns, bits_);
        arb_add(mass, mass, weight, bits_);
      }
      for (std::size_t s = 0; s < count; ++s) {
        arb_ptr share = result(h * count + s, c);
        arb_div(share, share, mass, bits_);
      }
    }
  }
  return result;
}

Ball RotaryRun::inverse_density(std::size_t h, const Length& from) const {
  Ball density, singles, count;
  const Head& head = heads_[h];
  head.mass.mean(density, from);
  // Between none of the single weights and the largest ones, over n >= from.
  Magnitude most;
  for (const Magnitude& weight : head.largest) most += weight;
  arf_set_mag(arb_midref(static_cast<arb_ptr>(singles)), most.get());
  arb_mul_2exp_si(singles, singles, -1);
  mag_set(arb_radref(static_cast<arb_ptr>(singles)), most.get());
  mag_mul_2exp_si(arb_radref(static_cast<arb_ptr>(singles)), arb_radref(static_cast<arb_ptr>(singles)), -1);
  set_length(count, from);
  arb_div(singles, singles, count, bits_);
  arb_add(density, density, singles, bits_);
  if (arb_is_positive(density)) arb_inv(density, density, bits_);
  else arb_indeterminate(density);
  return density;
}

BallMatrix RotaryRun::mix(const BallMatrix& shares) const {
  const std::size_t size = attention_.head_size, count = singles();
  BallMatrix result(heads_.size() * size, shares.columns());
  Ball difference;
  for (std::size_t h = 0; h < heads_.size(); ++h)
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t row = heads_[h].value_row + i;
      for (std::size_t c = 0; c < shares.columns(); ++c) arb_set(result(h * size + i, c), values_(row, shape_.prefix));
      for (std::size_t s = 0; s < count; ++s) {
        arb_sub(difference, values_(row, shape_.column(s)), values_(row, shape_.prefix), bits_);
        for (std::size_t c = 0; c < shares.columns(); ++c) arb_addmul(result(h * size + i, c), difference, shares(h * count + s, c), bits_);
      }
    }
  return result;
}

BallMatrix RotaryRun::directions() const {
  const std::size_t size = attention_.head_size, count = singles();
  BallMatrix result(heads_.size() * size, heads_.size() * count);
  for (std::size_t h = 0; h < heads_.size(); ++h)
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t s = 0; s < count; ++s)
        arb_sub(result(h * size + i, h * count + s), values_(heads_[h].value_row + i, shape_.column(s)), values_(heads_[h].value_row + i, shape_.prefix), bits_);
  return result;
}

BallMatrix RotaryRun::hull() const {
  const std::size_t size = attention_.head_size;
  BallMatrix result(heads_.size() * size, shape_.columns());
  for (std::size_t h = 0; h < heads_.size(); ++h)
    for (std::size_t i = 0; i < size; ++i) {
      const std::size_t row = heads_[h].value_row + i;
      Ball all;
      arb_set(all, values_(row, 0));
      for (std::size_t c = 1; c < shape_.columns(); ++c) arb_union(all, all, values_(row, c), bits_);
      for (std::size_t c = 0; c < shape_.columns(); ++c) arb_set(result(h * size + i, c), all);
    }
  return result;
}

}  // namespace snellen
