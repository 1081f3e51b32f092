// Inside LateResponse: what its heads are, and what they leave out. Not for others.
#pragma once

#include <algorithm>
#include <cmath>

#include "lib/number/magnitude_functions.hpp"
#include "lib/number/rounded_matrix.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/late_response.hpp"

namespace snellen {

inline constexpr long mode_bits = 80;  // of expansions: their radii are in the rest
// Of known vectors, relative to the product of the norms on their way (`fuzz`): matrices are known to 2^-44 of their Frobenius norms (precise_size), sums of products to 2^-40, coefficients to
// 2^-44 of the largest weight, 1/mu to 2^-44 of itself, and at most four of them follow one another.
inline constexpr double product_error = 0x1p-36, coefficient_error = 0x1p-44;

// |A|_F, where doubles hold A to some 13 digits: what `product_error` is relative to; else infinite.
inline Magnitude precise_size(const RoundedMatrix& a) { return magnitude_of(a.error <= a.frobenius * 0x1p-44 ? a.frobenius : infinite_bound); }

// psi_k M/j <= psi_k.
inline Decay of_first_order(const LateBound& x) {
  Decay result = x.first;
  std::vector<Magnitude> c;
  for (std::size_t k = 0; k < x.second.terms(); ++k) c.push_back(x.second[k]);
  result += Decay::of(std::move(c));
  return result;
}

// At least the root of a computed mean square, and positive: it divides.
inline double root_mean(double square) { return std::max(upward(std::sqrt(upward(square))), 0x1p-60); }

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

// How far a layer's input is from the limit and from the token before.
struct LateResponse::Moves {
  LateBound deviation, motion;
  StepDecay bent;  // deviation^2
};

// What a head's output has besides what is known, in its own space: bounds of what is neither known nor the late tokens' rest, and of its step.
struct LateResponse::Remainder {
  LateBound rest, step;
};

}  // namespace snellen
