// How far the output of an attention branch can move when the tokens before it move: a bound on the norm of its derivative, computed in doubles whose
// errors are enclosed. Mathematics: proofs/norms.md, "Attention".
//
// Token j's normalised vector n_j moves along a curve n_j(t), 0 <= t <= 1, with |dn_j/dt|_2 <= moves_j. Its query, key and value of one head are q_j, k_j
// and v_j (after head norms and rotations), the head's output is o_i = sum_j alpha_ij v_j, and with c'_ij the derivative of the soft-cap (1 without)
//
//   d/dt sum_h O_h o_i = sum_j sum_h alpha_ij O_h dv_j                                          bounded by   sum_h alpha_ij |O_h V_h|_2
//                      + sum_j sum_h alpha_ij c'_ij s O_h (v_j - o_i) (q_i . dk_j)                           sum_h alpha_ij s |O_h (v_j - o_i)|_2 |K_h^T R_j^T q_i|_2
//                      + (sum_h O_h C_h R_i Q_h) dn_i,   C_h = s sum_j alpha_ij c'_ij (v_j - o_i) k_j^T     | . |_2, its dominating part of rank one a head taken together
//
// where O_h are the columns of the output matrix, Q_h, K_h and V_h the rows of the maps with the norm's weight folded in, R_j the rotation.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/model/columns.hpp"
#include "lib/number/magnitude.hpp"

namespace snellen {

// Vectors of heads of some tokens, and how they move.
struct HeadVectors {
  std::size_t heads = 0, size = 0;
  std::vector<double> values;  // [tokens][heads * size]
  std::vector<double> errors;  // [tokens][heads]: at least |x(t) - values|_2 for every t
  std::vector<double> gains;   // [tokens][heads]: |dx/dt|_2 <= gain moves
  bool linear = true;          // dx/dt = R_position W dn/dt, W the rows of the map; false: a head norm came between

  void append(const HeadVectors& more);
  std::size_t width() const { return heads * size; }
};

struct AttentionPast {
  HeadVectors keys, values;          // values are linear, and not rotated
  std::vector<std::int64_t> positions;
  std::vector<Magnitude> moves;
};

struct AttentionBranch {
  Attention attention;
  HeadVectors queries;               // of the block's columns
  std::shared_ptr<const AttentionPast> past;
  std::vector<Column> columns;
  std::size_t first = 0;             // column c is entry first + c of the past
  TensorPtr query, key, value;       // the maps' weights
  std::vector<double> source;        // |weights| of the norm before them; empty: ones
};

// At least how far each column of output . (heads' outputs) moves in the 2-norm. Infinite where doubles do not serve.            -> [columns]
std::vector<Magnitude> attention_moves(const AttentionBranch& branch, const Tensor& output);

// The same token by token: at least the 2-norms of the derivative's blocks, d (output . heads' outputs)_c / d n_j, split into the three lines of the formula above.
struct AttentionBlockNorms {
  std::size_t entries = 0;      // of the past
  std::vector<double> values;   // [columns][entries]: attention frozen, as the values move
  std::vector<double> keys;     // [columns][entries]: its weights, as the keys move
  std::vector<double> queries;  // [columns]: its weights, as the column's own query moves
};
// slopes [entries]: how much each n_j can move for each unit that the stream moves, so that no work is spent on what could not be seen.
AttentionBlockNorms attention_block_norms(const AttentionBranch& branch, const Tensor& output, std::span<const double> slopes);

// The entries of a matrix with its columns multiplied by weights (none where empty), each rounded at most twice.
std::vector<double> folded(const Tensor& matrix, std::span<const double> weights);

}  // namespace snellen
