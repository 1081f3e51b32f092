// Earlier tokens whose scores are small: e^s = 1 + s + s^2/2 + rest, |rest| <= |s|^3/6 e^|s|, s = dq . dk. Of all of them together only sums are kept, of weight (1, dv) times 1, dk_c and dk_c dk_d;
// the rest is at most Q^3 e^(Q K) / 6 times the sum of |weight (1, dv)| k^3, with Q the sum over c of sup |dq_c|, k the largest |dk_c| of a token and K the largest k ("retired tokens", proofs/era.md).
#pragma once

#include "proofs/checker/taylor.hpp"

namespace snellen::check {

// The sum over c of sup |dq_c|.
Upper reach_of(const Taylor& taylor, const std::vector<Row>& query);

class Retired {
 public:
  // A token, or those of an era: models of dk in tau, sums of tau^b weight (1, dv) [row][b], sums of |weight (1, dv)|, the largest |dk_c|.
  void add(const Operations& o, const std::vector<Row>& keys, const std::vector<Vector>& moments, const std::vector<Upper>& absolute, const Upper& reach);
  // Adds the sums of weight (1, dv) e^(dq . dk) to these models, 1 + size of them.
  void add_sums(const Taylor& taylor, const std::vector<Row>& query, std::vector<Row>& total) const;

 private:
  struct Sums {
    Number plain;
    Vector linear, quadratic;  // by c; by c <= d
    Upper cubic;
  };
  std::vector<Sums> rows_;
  Upper reach_;
};

}  // namespace snellen::check
