// Sums over pairs of modes, of heads' weights and of what is known of the later tokens. Mathematics: proofs/response.md, "Modes against modes" and "The late rest".
//
// Of one head let E(D) = sum of c_m e^(i tau_m D) over modes and opposites, f the same without mode 0, y_e = sum over k of psi_k(e) sum over m of V N' X_km e^(i tau_m e) the known part of its values.
// Then, for every j >= M,
//
//   (1/j) sum over M <= e <= j of E(j - e) y_e  =  sum over k of psi_(k+1)(j)/(k+1) sum over m of c_m V N' X_km e^(i tau_m j)  +  (psi_0(j)/M) sum over p of c_p V N' ends_p e^(i tau_p j)
//
// up to (psi_0(j)/M) beginning + (psi_0(j)/j) end + the average of sum over k of near_k psi_k, in the 2-norm; and for beta >= 0 that rises and falls
//
//   sum over M <= e <= j of f(j - e)^2 beta_e  <=  square sum of beta_e + square_excess max beta,          (E(D + 1) - E(D))^2 likewise with step_square and step_excess.
#pragma once

#include <span>
#include <vector>

#include "lib/world/mode_vectors.hpp"

namespace snellen {

// Of one head; what is referred to outlives the call.
struct ModeWeights {
  std::span<const double> sizes;  // [all]: at least |c_m|
  const RoundedMatrix& values;    // V N' [size, width]
};

struct PairSums {
  ModeVectors ends;  // of mode p: sum over m of X_0m g e^(i (tau_m - tau_p) M)                   [width]
  // Head by head.
  struct Sums {
    double square = 0, square_excess = 0;
    double step_square = 0, step_excess = 0;
    double beginning = 0;                      // of psi_k, k > 0, and what is not known of psi_0 at M; of first order
    double end = 0;                            // of psi_0 at j, of second
    std::vector<double> near;                  // [k]: pairs that are not told from resonances
  };
  std::vector<Sums> heads;
};

// `known` are the X, [k][count][width]; decays and pairs are those of M. Sums of computed bounds: upward() makes bounds of them.
PairSums pair_sums(const std::vector<ModeWeights>& heads, const std::vector<ModeVectors>& known, std::size_t width, const TurningPairs& pairs, const Decays& decays);

}  // namespace snellen
