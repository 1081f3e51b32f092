// Attention of single queries to very many tokens, in doubles whose errors are enclosed: for one head, the sums over the first tokens of e^(q . k), of e^(q . k) (v - v0), and of
// e^(q . k) |v - v0|_2, v0 one value for all tokens.
//
// With q^, k^, d^ the doubles, A = |q^|_1, a the sum of the query's radii, K >= |k^|, kappa >= |k - k^| and delta >= |d - d^|, d = v - v0:
//   scores   |s - s^| <= (A + a) kappa + a K + (size + 2) 2^-53 A K 1.01 =: eta, at most 2^-10                               (Higham 2002, section 3.1)
//   weights  w^ = w (1 + x), |x| <= omega := 2 eta + 2^-44: the exponential errs by less than 2^-45 of itself (token_sums.inc)
//   sums     16 lanes, each added up in turn, then the lanes: what is summed of c tokens errs by at most gamma := (c / 16 + 20) 2^-53 1.01 times the sum of sizes
// so that the sum of w d is within 1.1 ((gamma + 2 omega) S^ + delta Z^) + 2^-900 of what is computed, S^ that of w^ |d^|_2, the sum of w within 1.1 (gamma + 2 omega) Z^ and that of w |d|_2 below
// S^ (1 + 1.1 (gamma + 2 omega)). 1.1 has room for products of what is small and for the roundings of these bounds themselves.
#pragma once

#include <cstddef>
#include <vector>

#include "proofs/checker/taylor.hpp"

namespace snellen::check {

class TokenSums {
 public:
  // Of keys and values with `size` entries.
  explicit TokenSums(std::size_t size) : size_(size) {}
  // The key as its position turned it, and the value less v0; `size` entries each.
  void add(const Number* key, const Number* apart);
  std::size_t tokens() const { return tokens_; }
  const Upper& longest_key() const { return longest_key_; }  // at least |k|_2 of every token

  struct Query {
    const Number* entries;  // turned by its position, times the scale
    std::size_t count;      // of tokens that it sees, from the first on
  };
  struct Sums {
    Vector apart;   // of e^(q . k) (v - v0)
    Upper spread;   // at least that of e^(q . k) |v - v0|_2
    Number mass;    // of e^(q . k)
  };
  // On all threads. Infinite bounds where scores may be beyond 300, a number is not moderate, or doubles are not rounded to nearest.
  std::vector<Sums> sums(const IntervalArithmetic& a, const std::vector<Query>& queries) const;

  // In tiles: of 16 tokens side by side the keys' entries, those of the values, and a bound of |v - v0|_2.
  static constexpr std::size_t lanes = 16;

 private:
  std::size_t rows() const { return 2 * size_ + 1; }

  std::size_t size_, tokens_ = 0;
  std::vector<double> tiles_;  // [(tile * rows() + row) * lanes + lane]
  double key_error_ = 0, apart_error_ = 0, largest_key_ = 0, largest_apart_ = 0;
  Upper longest_key_;
};

}  // namespace snellen::check
