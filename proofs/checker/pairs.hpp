// The vectors of all pairs from one length to another, evaluated one by one in one pass.
#pragma once

#include "proofs/checker/forward.hpp"
#include "proofs/checker/judge.hpp"

namespace snellen::check {

class PairVectors {
 public:
  // `limit`: the tokens of a sequence whose vector is asked for, too (horizon.hpp).
  PairVectors(const Model& model, const Certificate& certificate, std::int64_t from, std::int64_t to, const std::optional<std::vector<Token>>& limit, long bits);

  std::int64_t last() const { return to_; }
  Number distance_at(std::int64_t n, const std::string& norm) const;
  // After S_n, where it is certain and some claim speaks of next tokens.
  std::optional<std::int64_t> token_at(std::int64_t n) const { return tokens_[first_[index(n)]]; }
  std::optional<Number> distance_from_limit(std::int64_t n, const std::string& norm) const;
  Number distance_from(std::int64_t n, const Vector& y, const std::string& norm) const { return distance(arithmetic(), norm, vectors_[first_[index(n)]], y); }
  // Of the row that a claim's numbers are about.
  Letter verdict_at(std::int64_t n, const ClaimNumbers& numbers) const;
  // The same where both vectors of the pair are known to be one: it collapses unless it overflows or has no certain next token.
  Letter of_one_vector(std::int64_t n, const ClaimNumbers& numbers) const;
  // "n = 3, coordinate 7: [..] and [..]": where the two differ, for people.
  std::string place_of(std::int64_t n, const ClaimNumbers& numbers) const;

 private:
  const IntervalArithmetic& arithmetic() const { return forward_.operations().arithmetic(); }
  std::size_t index(std::int64_t n) const { return static_cast<std::size_t>(n - from_); }

  const Certificate& c_;
  std::int64_t from_, to_;
  Forward forward_;
  std::vector<Vector> vectors_;  // of the seats that are asked about, at the place that the certificate speaks of
  std::vector<std::optional<std::int64_t>> tokens_;
  std::vector<std::size_t> first_, second_;
  Vector limit_;
};

// Interval products that it takes.
double products_of_pairs(const Model& model, const Certificate& certificate, std::int64_t from, std::int64_t to);

// Some claim speaks of next tokens.
bool asks_tokens(const Certificate& certificate);

}  // namespace snellen::check
