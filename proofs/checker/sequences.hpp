// The sequences of a certificate, token by token, and the seats that hold them all.
#pragma once

#include "proofs/certificate/certificate.hpp"
#include "proofs/checker/forward.hpp"

namespace snellen::check {

// The tokens between prefix and suffix of S_n. InputError where n is beyond the sampled tokens.
std::vector<Token> run_of(const CertificateSequences& s, std::int64_t n);
std::int64_t run_length(const CertificateSequences& s, std::int64_t n);
// S_n, and what it is compared with.
std::vector<Token> sequence(const CertificateSequences& s, std::int64_t n);
std::vector<Token> second_sequence(const CertificateSequences& s, std::int64_t n);

// Sequences with a common trunk: every seat once.
class Seating {
 public:
  explicit Seating(std::vector<Token> trunk);
  // The seat of the last token of trunk[0, length) followed by `tokens`.
  std::size_t add(std::size_t length, const std::vector<Token>& tokens);
  const std::vector<Seat>& seats() const { return seats_; }

 private:
  std::size_t trunk_;
  std::vector<Seat> seats_;
};

// Where the last tokens of both sequences sit, for every n from `from` to `to`.
struct Pairs {
  Seating seating;
  std::vector<std::size_t> first, second;
};
Pairs seat_pairs(const CertificateSequences& s, std::int64_t from, std::int64_t to);

}  // namespace snellen::check
