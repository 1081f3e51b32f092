// The softmax of one attention step as balls, and the vector-Jacobian product of the step.
//
// With s_ce = cap(scale q_c . k_e) - slope distance, alpha_c the softmax of s_c over the entries that c sees, o_c = sum_e alpha_ce v_e and g = the cotangent of o_c:
//   d / d v_e += alpha_ce g,    ds_ce = alpha_ce (g . v_e - sum_f alpha_cf g . v_f),    r_ce = scale cap'_ce ds_ce,    d / d q_c = sum_e r_ce k_e,    d / d k_e += r_ce q_c.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "lib/model/columns.hpp"
#include "lib/model/model.hpp"
#include "lib/world/cotangent.hpp"

namespace snellen {

// Of one head and column, by place in the column's view.
struct SoftmaxRow {
  BallVector scores;   // s_ce
  BallVector weights;  // alpha_ce
  BallVector slopes;   // scale cap'_ce
};

struct AttentionStep {
  Attention attention;
  std::vector<Column> columns;
  std::shared_ptr<const BallMatrix> q, k, v;  // column c is entry c; q [heads * head_size, columns], k and v [kv_heads * head_size, columns]
  std::vector<SoftmaxRow> rows;               // [head][column]
  const SoftmaxRow& row(std::size_t head, std::size_t column) const { return rows[head * columns.size() + column]; }
  View view(std::size_t column) const { return visible(columns[column], column, attention.window); }
};

AttentionStep attention_step(const Attention& attention, std::span<const Column> columns, std::shared_ptr<const BallMatrix> q, std::shared_ptr<const BallMatrix> k,
                             std::shared_ptr<const BallMatrix> v, long bits);

struct AttentionCotangents {
  Cotangents q, k, v;
};
AttentionCotangents pull(const AttentionStep& step, const Cotangents& dy, long bits);

}  // namespace snellen
