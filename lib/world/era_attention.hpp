// What attention of a run needs of the past: weighted sums over earlier tokens for a query that depends on the length. Lemmas: proofs/era.md, "Attention".
//
// Everything is centred on exact numbers near the limit: query q = q_c + dq (scaled scores included), key k = k_c + dk, value v = v_c + dv. A softmax does
// not change when e^(q . k_c) is taken out of every weight, so token j has the weight e^(q_c . dk_j) e^(dq . dk_j) (times e^(slope j) under ALiBi), and
//     o = v_c + sum_j weight_j dv_j / sum_j weight_j.
// Weighted sums are matrices of 1 + head_size rows: row 0 the mass (sum of weights), row 1 + i the sum of weight times entry i of dv.
#pragma once

#include <vector>

#include "lib/model/model.hpp"
#include "lib/number/power_sums.hpp"
#include "lib/number/taylor.hpp"
#include "lib/world/ball.hpp"

namespace snellen {

// dq of one head over an era: Taylor models, [head_size, length].
struct HeadQuery {
  BallMatrix rows;
  Magnitude norm;              // at least |dq|_2 over the era
  std::vector<double> middle;  // about dq in the era's middle, for decisions about speed only
  explicit HeadQuery(BallMatrix models);
};

// dk, and weight times (1, dv), of one head's tokens of one era.
struct HeadTokens {
  BallMatrix keys;     // [head_size, length]
  BallMatrix weighted; // [1 + head_size, length]: e^(q_c . dk) (1, dv)
};

// One head's tokens before an era.
class HeadPast {
 public:
  // A token with the given weight e^(q_c . dk) (and ALiBi factor); keys and values [head_size].
  void add_token(arb_srcptr weight, BallVector key, const BallVector& value, long bits);
  // All tokens of an era.
  void add_era(const HeadTokens& tokens, const PowerSums& sums, const TaylorArithmetic& taylor);
  // Moves what is small enough for such a query into sums of low order in dk: an error of about 2^-accuracy of the result, enclosed by sums().
  void retire(const HeadQuery& query, long accuracy, long bits);
  // Encloses the weighted sums over all tokens added, as Taylor models of the query's era.                   -> [1 + head_size, length]
  BallMatrix sums(const HeadQuery& query, const TaylorArithmetic& taylor, long accuracy) const;
  // Takes back the last add_era.
  void forget_era() { eras_.pop_back(); }
  // How far apart values are and how heavy all is for a query in its era's middle, for decisions about speed: log2 of mass, and of the largest sum of |weight dv_i|.
  struct Scale { double mass, deviation; };
  Scale scale(const HeadQuery& query) const;
  // log2 of what the truncation of e^(dq . dk) may be, relative to its value in the middle, for tokens of the query's own era: 2^-accuracy, or more where the past
  // outweighs them.
  double wanted(const HeadQuery& query, const HeadTokens& own, const PowerSums& sums, const TaylorArithmetic& taylor, long accuracy) const;
  std::size_t live() const { return tokens_.size() + eras_.size(); }

 private:
  struct Token {
    BallVector key, weighted;       // [head_size], [1 + head_size]
    std::vector<double> middle;     // about the key
    Magnitude key_norm;             // at least |dk|_2
    std::vector<Magnitude> absolute;  // at least |weight (1, dv)|
  };
  struct Era {
    BallMatrix keys;                // [head_size, length]
    std::vector<double> middle;     // about the keys in the middle
    BallMatrix moments;             // [1 + head_size, length]: sum over tokens of tau^b weight (1, dv)
    BallMatrix features;            // [1 + head_size, features]: sum of weight (1, dv) times the features of dk
    Magnitude key_norm;             // at least sup |dk|_2
    std::vector<Magnitude> absolute;  // at least the sum of |weight (1, dv)|
  };
  // The features of dk are 1, dk_c, and where heads are small dk_c dk_d for c <= d: e^(dq . dk) is their sum with factors made of dq, up to order
  // 1 or 2. Sums of weight (1, dv) times features; at least the sums of |weight (1, dv)| |dk|_2^(order + 1); the largest |dk|_2.
  struct Retired {
    BallMatrix features;            // [1 + head_size, features]
    std::vector<Magnitude> rest, absolute;
    Magnitude key_norm;
  };
  void prepare(std::size_t head_size);
  void retire_one(const BallMatrix& features, const Magnitude& key_norm, const std::vector<Magnitude>& absolute, long bits);

  std::vector<Token> tokens_;
  std::vector<Era> eras_;
  Retired retired_;
};

// Weighted sums over the tokens first, ..., n of the query's own era, n the length that the query belongs to.  -> [1 + head_size, length]
BallMatrix own_sums(const HeadQuery& query, const HeadTokens& tokens, const PowerSums& sums, const TaylorArithmetic& taylor, double wanted_log2);

}  // namespace snellen
