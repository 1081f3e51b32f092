// What attention of a run without positions (or with slopes) needs of earlier tokens, head by head. All is centred on exact numbers near the limit: query q = q_c + dq
// (the score's scale included), key k = k_c + dk, value v = v_c + dv. e^(q . k_c) is common to all tokens and cancels (`centred_attention`, proofs/era.md), so that
//     o = v_c + sum_j e^(q_c . dk_j) e^(dq . dk_j) (1, dv_j)  quotient of entries 1.. by entry 0.
#pragma once

#include "proofs/checker/pair_exponential.hpp"
#include "proofs/checker/power_sums.hpp"
#include "proofs/checker/retired.hpp"

namespace snellen::check {

class HeadPast {
 public:
  // A token: dk, and weight times (1, dv).
  void add_token(const IntervalArithmetic& a, const Vector& key, const Vector& weighted);
  // The tokens of an era: models of dk and of weight times (1, dv).
  void add_era(const IntervalArithmetic& a, std::vector<Row> keys, const std::vector<Row>& weighted, const Era& era);
  // Sums of weight (1, dv) over all that was added, for the query dq: 1 + size models.
  std::vector<Row> sums(const Taylor& taylor, const std::vector<Row>& query, long wanted) const;
  // Retires what adds to these sums an error of no more than about 2^wanted of them, for queries no larger than this one: a question of speed.
  void retire(const Taylor& taylor, const std::vector<Row>& query, const std::vector<Row>& total, long wanted);
  std::size_t groups() const { return groups_.size(); }  // that are not retired

 private:
  struct Group {
    Side keys;
    std::vector<Vector> moments;  // [row][b]: sum of tau^b weight (1, dv)
    std::vector<Grid> grids;      // of each row's moments
    std::vector<Upper> absolute;  // sum of |weight (1, dv)|
    Upper reach;                  // largest |dk_c|
    Group(const IntervalArithmetic& a, Side side, std::vector<Vector> sums, std::vector<Upper> sizes, Upper largest);
  };
  std::vector<Group> groups_;
  Retired retired_;
};

// Over the era's own tokens first <= j <= n, n the length that the query belongs to.
std::vector<Row> own_sums(const Taylor& taylor, const std::vector<Row>& query, const std::vector<Row>& keys, const std::vector<Row>& weighted, const Era& era, long wanted);

}  // namespace snellen::check
