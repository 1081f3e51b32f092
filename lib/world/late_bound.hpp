// Bounds of what is of first and of second order in 1/j along a run, in one. Lemmas: proofs/response.md, "Orders".
#pragma once

#include "lib/number/decay.hpp"

namespace snellen {

// Bounds x if |x_j| <= first + second at every j >= M (of a step: |x_j - x_(j-1)| at every j > M).
struct LateBound {
  Decay first;
  StepDecay second;

  LateBound& operator+=(const LateBound& x) { return first += x.first, second += x.second, *this; }
  void add(const LateBound& x, const Magnitude& factor) { first.add(x.first, factor), second.add(x.second, factor); }
  static LateBound unknown() { return {Decay::unknown(), StepDecay::unknown()}; }
};

inline LateBound scaled(const LateBound& x, const Magnitude& factor) {
  LateBound result;
  result.add(x, factor);
  return result;
}
inline Decay scaled(const Decay& x, const Magnitude& factor) {
  Decay result;
  result.add(x, factor);
  return result;
}

inline Magnitude from(const Decays& decays, const LateBound& x, const Length& n) { return decays.from(x.first, n) + decays.from(x.second, n); }
inline Magnitude supremum(const Decays& decays, const LateBound& x) { return decays.supremum(x.first) + decays.supremum(x.second); }

// Bounds (1/j) (x_M + ... + x_j).
inline Decay average(const Decays& decays, const LateBound& x) {
  Decay result = decays.average(x.first);
  result += decays.average(x.second);
  return result;
}

// Bounds x_j y_j: what is of third order or more is at most the one factor times the other's supremum.
inline StepDecay product(const Decays& decays, const LateBound& x, const LateBound& y) {
  StepDecay result = Decays::product(x.first, y.first);
  result.add(y.second, decays.supremum(x.first));
  result.add(x.second, supremum(decays, y));
  return result;
}

}  // namespace snellen
