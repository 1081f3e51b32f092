// What the heads of both layers put out at the last token of P . a^n, for every n beyond some M: quotients of sums of modes, enclosed. Mathematics: proofs/rope.md, "Two layers, for every
// n".
//
//   first layer   n alpha_s(n) = n w_s(n) / T_n                                        of head h and token s of the prefix
//   second layer  n (o_n - v) = n (sum over all keys e of w_e (v_e - v)) / (sum of w_e)   of each head, v the run's value in the limit
//
// Numerators are f(n) + L(n) g(n) with sums of modes f and g and L(n) = 1/(M+1) + ... + 1/n; so are the denominators, less n times their mean.
#pragma once

#include <cstdint>
#include <vector>

#include "bounds/far_run.hpp"
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

  std::size_t numerators() const { return fixed.size - 1; }
};

class RunHarmonics {
 public:
  // Quotients are made for n >= M for each M of `starts`: ascending, not below `explicit_tokens`, not above run.tokens(). One class of frequencies, the same in both layers. What is referred to
  // outlives this object.
  static constexpr std::int64_t explicit_tokens = 2048;  // of the run, whose weights have modes of their own
  RunHarmonics(const Model& model, const Family& family, Place place, const FarRun& run, std::vector<std::int64_t> starts, Progress& progress);

  const RotaryFrequencies& frequencies() const { return run_.below()->frequencies(); }
  const std::vector<std::int64_t>& starts() const { return starts_; }
  std::size_t shares() const { return run_.below()->heads() * run_.below()->singles(); }
  std::size_t outputs() const { return second_.size() * size_; }

  // Hold for n >= starts()[i]: the first layer's heads, then the second's.
  std::vector<TurningQuotient> quotients(std::size_t i) const;

  // The last vector and its derivatives by the first layer's shares, then by the second's outputs, for all shares from 0 to `largest` and all outputs within `apart` of the limit's. Empty: the limit.
  RotaryLengths::Frame frame(const std::vector<double>& largest, const std::vector<double>& apart) const;

  // The second layer's outputs at n >= start, by the quotients of that start, in a column.
  void set_outputs(BallMatrix& result, std::size_t column, const std::vector<TurningQuotient>& quotients, std::int64_t start, std::int64_t n) const;

 private:
  // What the tokens up to a start add to.
  struct Sums {
    std::vector<double> real, imag;    // sum of e^(-i (m.theta) j) (v_j - v), [mode * size + k], over the tokens that have no modes of their own
    std::vector<double> error, total;  // [k], of each of these; and at least the sum of |v_j - v|
    std::vector<double> moved, spread; // [k]: sums of (the part that a weight may grow by) |v_j - v|, and of (one more than that) |v_j - v|
    std::vector<double> moved_most, spread_most;  // [k]: the largest j^2 and j times these terms
    double mass_moved = 0, mass_moved_most = 0, growth = 0;  // the same of the weights: the sum, the largest j times its terms, the largest term
    std::vector<double> planes, rest;  // the largest key in each plane, and in each entry that does not turn
  };
  struct SecondHead {
    TurningQuotient start;             // of the explicit tokens and of the mass of equal keys
    std::vector<double> real, imag;    // c_m of equal keys
    double largest = 0, unlisted = 0, radii = 0, excess = 0;  // of equal keys: the largest weight; what is not listed; the radii of all c_m; |E(0) + ... + E(D-1) - mu D| but for what is not listed
    double explicit_mass = 0;          // the largest weights of the explicit tokens
    std::vector<double> explicit_spread;  // [k]: times |v_e - v|
    std::vector<double> query_planes, query_rest;  // |q|, times the scale
    std::vector<Sums> sums;            // for each start
  };
  BallMatrix box_of(const std::vector<double>& largest) const;
  SecondLayerWorld::Memory second_layer(const std::vector<double>& largest) const;
  RotaryScore score(std::size_t head, const BallVector& key) const;
  void make_first();
  void make_second(Progress& progress);
  void follow(Progress& progress);

  const Model& model_;
  Place place_;
  const FarRun& run_;
  Token last_;
  std::int64_t before_;
  std::vector<std::int64_t> starts_;
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
