// The mass of a run of equal tokens under rotary positions whose frequencies are multiples of one: Z_n = E(first) + ... + E(first + n - 1), E(D) = e^(score at distance D).
//
// E is a function of one angle, unit D. As a sum of modes e^(i k unit D) each of them adds up as a geometric series, so that Z_n is known for any n, and for all n at once
// (`mass_by_modes`, proofs/rope.md).
#pragma once

#include "lib/number/length.hpp"
#include "proofs/checker/taylor.hpp"

namespace snellen::check {

struct Complex { Number re, im; };
Complex conjugate(const IntervalArithmetic& a, Complex x);
Complex times(const IntervalArithmetic& a, const Complex& x, const Complex& y);
// e^(i numerator / denominator), however large the integer is.
Complex on_circle(const IntervalArithmetic& a, const Length& numerator, std::int64_t denominator);

// theta_f = base^(-2f/dimensions) = multiples[f] / multiples[0], where base^(2/dimensions) is an integer; empty where it is none, or too large a one.
std::vector<std::int64_t> multiples_of_one(const Rotary& rotary);

// What every plane turns by over a distance: theta_f distance.
std::vector<Operations::Turn> turns_over(const IntervalArithmetic& a, const std::vector<std::int64_t>& multiples, std::int64_t distance);

// The score of a query and a key: constant + sum over planes f of Re(planes[f] e^(i theta_f D)) at distance D.
struct TurningScore {
  Number constant;
  std::vector<Complex> planes;
};
// At a distance whose turns are given, and an upper bound over all distances, after exp.
Number weight_at(const Operations& o, const TurningScore& score, const std::vector<Operations::Turn>& turns);
Number largest_weight(const Operations& o, const TurningScore& score);

class RotaryMass {
 public:
  // Of one score for each head. Modes below 2^-smallest are left out, and counted as what is not known.
  RotaryMass(const Operations& o, const std::vector<std::int64_t>& multiples, const std::vector<TurningScore>& scores, std::int64_t first, long smallest);

  std::size_t modes() const { return modes_.size(); }
  // |Z_n - m n| <= excess for every n >= 0, m some number of mean that may depend on n.
  const Number& mean(std::size_t head) const { return mean_[head]; }
  const Upper& excess(std::size_t head) const { return excess_[head]; }
  // Z_n of every head.
  Vector at(std::int64_t n) const;

 private:
  struct Mode {
    std::int64_t k;
    std::vector<Complex> sums;  // of every head: the factor of 1 - e^(i k unit n)
  };
  const Operations& o_;
  std::int64_t whole_;  // 1 / unit
  std::vector<Mode> modes_;
  Vector mean_, constant_;
  std::vector<Upper> excess_;
};

}  // namespace snellen::check
