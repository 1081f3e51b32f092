// What the heads of both layers put out at the last token of P . a^n, for every n beyond some M: quotients of sums of modes, enclosed. Mathematics: proofs/rope.md, "Two layers, for every
// n".
//
//   first layer   n alpha_s(n) = n w_s(n) / T_n                                        of head h and token s of the prefix
//   second layer  n (o_n - v) = n (sum over all keys e of w_e (v_e - v)) / (sum of w_e)   of each head, v the run's value in the limit
//
// Numerators are f(n) + L(n) g(n) with sums of modes f and g and L(n) = 1/(M+1) + ... + 1/n; so are the denominators, less n times their mean.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "bounds/far_run.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/rotary_modes.hpp"
#include "lib/world/second_layer.hpp"

namespace snellen {

// x_i(n) = Re sum of c_mi e^(i (m.theta) n) over listed modes m, evaluated in doubles with RotaryModes::Powers (in any order of summation), is within rest_i of what it stands for, at every n.
struct PhaseSum {
  std::size_t size = 0;            // of vectors
  std::vector<double> real, imag;  // c, [mode * size + i]; twice that of the mode's share, as m and -m stand together
  std::vector<double> rest;        // [i]
};

struct TurningQuotient {
  RotaryModes modes;
  std::vector<std::int64_t> multiples;  // of each mode: m.theta = multiple * unit
  double mean_low = 0, mean_high = 0;   // the mass is n times a number in between, plus its entries of `fixed` and L(n) times `growing`
  PhaseSum fixed, growing;              // of equal size; the last entry is the mass's, the others are numerators'
  std::vector<std::vector<double>> octaves;  // [octave][k]: what is left out besides `rest` of the tokens between start 2^octave and start 2^(octave + 1), at the most; it falls from octave to octave

  // At least what tokens up to n leave out besides `rest`, L(n) being at most `harmonic`; and at least what that grows by from there on, where L grows by 1.
  double later(std::size_t k, double harmonic) const {
    double sum = 0;
    for (std::size_t i = 0; i < octaves.size() && harmonic > static_cast<double>(i) * least_octave; ++i) sum += octaves[i][k] * std::min(1.0, harmonic / least_octave - static_cast<double>(i));
    return upward(sum);
  }
  double later_growth(std::size_t k, double harmonic) const {
    const auto i = static_cast<std::size_t>(harmonic / most_octave);
    return i < octaves.size() ? upward(octaves[i][k] / least_octave) : 0;
  }
  static constexpr double least_octave = 0.69314718, most_octave = 0.69314719;  // log 2

  std::size_t numerators() const { return fixed.size - 1; }
};

class RunHarmonics {
 public:
  // `marks`: ascending, above explicit_tokens, the last at most run.tokens(). One class of frequencies, the same in both layers. What is referred to outlives this object.
  static constexpr std::int64_t explicit_tokens = 2048;  // of the run, whose weights have modes of their own
  RunHarmonics(const Model& model, const Family& family, Place place, const FarRun& run, std::vector<std::int64_t> marks, Progress& progress);

  const RotaryFrequencies& frequencies() const { return run_.below()->frequencies(); }
  std::size_t shares() const { return run_.below()->heads() * run_.below()->singles(); }
  std::size_t outputs() const { return second_.size() * size_; }
  const std::vector<std::int64_t>& marks() const { return marks_; }
  std::int64_t start() const { return marks_.back(); }

  // Hold for n >= start(): the first layer's heads, then the second's.
  std::vector<TurningQuotient> quotients() const;

  // The first layer's shares and the second layer's outputs less the limit's, at every n from `from` to `to`: middles and radii, [(n - from) * variables + k].
  struct Points {
    std::int64_t from, to;
    std::size_t variables;
    std::vector<double> middles, radii;
    std::span<const double> middle(std::int64_t n) const { return {&middles[static_cast<std::size_t>(n - from) * variables], variables}; }
    std::span<const double> radius(std::int64_t n) const { return {&radii[static_cast<std::size_t>(n - from) * variables], variables}; }
  };
  // Between two marks, one after the other.
  Points points(std::size_t mark) const;

  // The last vector and its derivatives by the first layer's shares, then by the second's outputs, for all shares from 0 to `largest` and all outputs within `apart` of the limit's. Empty: the limit.
  RotaryLengths::Frame frame(const std::vector<double>& largest, const std::vector<double>& apart) const;

  // Of the second layer's outputs, the i-th in the limit.
  arb_srcptr limit_output(std::size_t i) const { return value_(i / size_ / group_ * size_ + i % size_, 0); }
  // The second layer's outputs at n, in a column: by the quotients, n >= start(); or by the points.
  void set_outputs(BallMatrix& result, std::size_t column, const std::vector<TurningQuotient>& quotients, std::int64_t n) const;
  void set_outputs(BallMatrix& result, std::size_t column, const Points& points, std::int64_t n) const;

 private:
  // What is left out of sums over the tokens up to a mark that have no modes of their own.
  struct Left {
    std::vector<double> error, total;  // [k]: of the sum of e^(-i (m.theta) j) (v_j - v), for each mode; and at least the sum of |v_j - v|
    std::vector<double> moved, spread; // [k]: sums of (the part that a weight may grow by) |v_j - v|, and of (one more than that) |v_j - v|
    std::vector<double> moved_most, spread_most;  // [k]: the largest j^2 and j times these terms
    double mass_moved = 0, mass_moved_most = 0, growth = 0;  // the same of the weights: the sum, the largest j times its terms, the largest term
    std::vector<double> planes, rest;  // the largest key in each plane, and in each entry that does not turn
  };
  struct SecondHead {
    explicit SecondHead(TurningQuotient quotient) : start(std::move(quotient)) {}
    TurningQuotient start;             // of the explicit tokens and of the mass of equal keys
    std::vector<double> real, imag;    // c_m of equal keys
    double largest = 0, unlisted = 0, radii = 0, excess = 0;  // of equal keys: the largest weight; what is not listed; the radii of all c_m; |E(0) + ... + E(D-1) - mu D| but for what is not listed
    double explicit_mass = 0;          // the largest weights of the explicit tokens
    std::vector<double> explicit_spread;  // [k]: times |v_e - v|
    std::vector<double> query_planes, query_rest;  // |q|, times the scale
    std::vector<Left> left;            // at each mark
    std::vector<double> sum_real, sum_imag;  // up to start(): of e^(-i (m.theta) j) (v_j - v), [mode * size + k]
    std::vector<double> sizes;         // [k]: the sum of |Re c| + |Im c| of start.fixed
    std::vector<double> points;        // [(n - marks.front()) * (size + 1) + k]: N_n, and Z_n less n times its mean, by modes
    // At least the sum of E(n - j) beta_j with 0 <= beta_j <= most, a monotone beta and `sum` at least its sum: by the largest weight, or by the mean one (`mean_weight`).
    double weighed(double sum, double most) const { return upward(std::min(largest * sum, start.mean_high * sum + 2 * excess * most)); }
  };
  // What j |q_j - q|, j |k_j - k| and j |v_j - v| are at most, for every j >= from; and j / T_j of each of the first layer's heads, and the mean of the derivatives on the way from the limit to any shares of the box.
  struct Reach {
    std::vector<Ball> densities;
    std::vector<double> queries, keys, values;
    BallMatrix value_slopes;
  };
  Reach reach_from(std::int64_t from) const;
  // n times what a score moves by, at the most, as the query does; keys of at most these planes and entries.
  double move_of_query(std::size_t head, const Reach& reach, const std::vector<double>& planes, const std::vector<double>& rest) const;
  // What sums by modes are apart from the truth at every n between the mark before and this one, e^(move/n) - 1 being at most `query_more`; numerators, then the mass.
  std::vector<double> rest_at(const SecondHead& head, std::size_t mark, double query_more) const;
  BallMatrix box_of(const std::vector<double>& largest) const;
  SecondLayerWorld::Memory second_layer(const std::vector<double>& largest) const;
  RotaryScore score(std::size_t head, const BallVector& key) const;
  void make_first();
  void make_second(Progress& progress);
  void follow(Progress& progress);
  void add_point(SecondHead& head, const RotaryModes::Powers& powers) const;

  const Model& model_;
  Place place_;
  const FarRun& run_;
  Token last_;
  std::int64_t before_;
  std::vector<std::int64_t> marks_;
  long bits_;
  std::size_t size_, group_;           // of a head; heads for each key-value head
  Ball scale_;
  BallMatrix query_, key_, value_;     // in the limit, before rotation
  std::vector<TurningQuotient> first_;
  std::vector<SecondHead> second_;
};

// At least 1/(M+1) + ... + 1/n, and at most; n >= M >= 1.
double harmonic_above(std::int64_t start, std::int64_t n);
double harmonic_below(std::int64_t start, std::int64_t n);

}  // namespace snellen
