// Attention of the ball world as exact integer products over blocks of queries, and the enclosure of a softmax's mixture.
//
// Scores. With K_ei, q_i the midpoints cut off to their vectors' grids and e_ei, f_i the radii and what was cut off, the score sum_i k_ei q_i of
// any points of the balls is within
//   sum_i |K_ei| f_i + sum_i e_ei (|q_i| + f_i)
// of the exact sum_i K_ei q_i, which is rounded once. (Sums of floats, with a factor for their roundings as in exact_product.hpp.)
//
// Mixture. Let the true weights be w_e > 0 with |w_e - P_e| <= rho_e, the true values v_e with |v_e - V_e| <= tau_e, M = sum P_e, and W = sum w_e,
// so that W >= M - sum rho_e. For every number o,
//   sum w_e v_e / W - o = ( sum P_e V_e - o M + sum (w_e - P_e)(V_e - o) + sum w_e (v_e - V_e) ) / W,
// since sum w_e (V_e - o) = sum P_e V_e - o M + sum (w_e - P_e)(V_e - o). With o the midpoint of an enclosure of (sum P_e V_e) / M of radius r,
//   | sum w_e v_e / W - o | <= ( r M + sum rho_e |V_e - o| + sum (P_e + rho_e) tau_e ) / (M - sum rho_e):
// errors of the weights count only as far as the values differ. Where M - sum rho_e is not large, the mixture is still a convex combination:
//   | sum w_e v_e / W - o | <= max_e ( |V_e - o| + tau_e ).
// sum P_e V_e is an exact integer product of P_e cut off to a grid, and the cut's own bound.
//
// Queries whose balls do not fit (not finite, exponents beyond 2^40) are left to FLINT's dot products, ball by ball.
#pragma once

#include <span>

#include "lib/model/columns.hpp"
#include "lib/world/ball_memory.hpp"

namespace snellen {

// The constants of an attention's scores as balls, made once.
struct ScoreConstants {
  Ball scale;
  BallVector slopes;  // one per head, or empty
  ScoreConstants(const Attention& attention, long bits);
};

// What stands after a score's scaled product: s becomes softcap(s) - slope * distance, each where the attention has it.
void finish_score(const Attention& attention, const ScoreConstants& constants, arb_ptr s, std::size_t head, std::int64_t distance, long bits);

// Subtracts the largest midpoint from every score, so that the exponentials stay in range: a softmax does not change when an exact
// number is subtracted from every score. 64 bits of that midpoint serve as well as all of them. Returns that number.
Ball centre(BallVector& scores, long bits);

// [heads * head_size, columns]: column c is memory entry first + c. memory holds the block's keys and values already.
BallMatrix ball_attention(const Attention& attention, const BallMatrix& q, std::span<const Column> columns, std::size_t first, const BallMemory& memory,
                          long bits);

// The same by FLINT's dot products: the oracle, and the fallback for one head of one column.
void ball_attention_by_dots(const Attention& attention, const BallMatrix& q, const Column& column, std::size_t c, std::size_t head, std::size_t first,
                            const BallMemory& memory, long bits, BallMatrix& mixed);

}  // namespace snellen
