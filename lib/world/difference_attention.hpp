// How the output of attention moves from one token to its counterpart in another sequence, to full relative accuracy. Proof: proofs/differences.md, "Attention".
//
// Column c with the view V is compared with its counterpart c' with the view V'. An entry e of V whose counterpart e' is in V' is `paired` with it (e' may be e
// itself); other entries of V are `dropped`, other entries of V' are `extra`. With weights w_e = exp(s_e) and w'_e' = exp(s'_e'), for paired entries
// w'_e' = w_e e^{t_e}, t_e = s'_e' - s_e, masses W = sum_V w, W' = sum_V' w', and o = sum_V w_e v_e / W:
//
//   o' - o = ( sum_paired [ w_e (e^{t_e} - 1) (v_e - o) + w'_e' (v'_e' - v_e) ] + sum_extra w'_e (v_e - o) - sum_dropped w_e (v_e - o) ) / W'.
//
// Where every value of both views is known to be one vector, o' - o = 0 exactly.
//
// t_e = scale ( dq . k_e + (q + dq) . dk_e ), through the soft-cap, minus ALiBi's slope times what the distance grows by. Under RoPE dq and dk are differences in the
// token's own frame, R_p (y - x): where c and e move by the same number of positions, <R_{p+u} y, R_{j+u} z> = <R_p y, R_j z>, and the formula stands as it is; where they do
// not (the prefix, which stays), t_e is the difference of the two scores.
#pragma once

#include <span>

#include "lib/model/counterparts.hpp"
#include "lib/number/ball_matrix.hpp"

namespace snellen {

// The columns that are compared with another column: column first[i] with second[i], ascending in `first`. What equals itself (the prefix) is not listed.
struct ColumnPairs {
  std::vector<std::size_t> first, second;
};

// A block of balls [width, tokens], and the differences [width, pairs] of its pairs: of column second[i], minus column first[i].
struct PairedBlock {
  const BallMatrix& x;
  const BallMatrix& d;
};

// counterparts[c] is c's counterpart, c itself, or no_column, no column twice; `pairs` lists those of another column than themselves. The block is a whole
// sequence tree: column c is memory entry c. mixed [heads * head_size, columns] encloses the attention's output. Returns [heads * head_size, pairs].
BallMatrix attention_difference(const Attention& attention, PairedBlock q, PairedBlock k, PairedBlock v, const BallMatrix& mixed, std::span<const Column> columns,
                                std::span<const std::size_t> counterparts, const ColumnPairs& pairs, long bits);

}  // namespace snellen
