// S_n = P . a^n . Q through a model of one layer with rotary positions whose frequencies are multiples of one. All tokens of the run have one key and one value, so that the last
// token's vector is a function F of the shares alone that the tokens of P and Q have in each head; F does not depend on n (`closed_form`, proofs/rope.md).
//
// Without positions a copy of a unit U of several tokens weighs the same wherever it stands, as one token would whose weight is the sum of theirs and whose value is their mean; so
// the same holds of P . U^n . Q.
#pragma once

#include "proofs/certificate/certificate.hpp"
#include "proofs/checker/forward.hpp"
#include "proofs/checker/rotary_mass.hpp"
#include "proofs/checker/slopes.hpp"

namespace snellen::check {

// The score of a head's query and the key that it sees, by their distance; both before rotation, the query without the scale.
TurningScore score_of(const Operations& o, const Attention& attention, std::size_t head, const Vector& query, const Vector& key);

// Why this is no such run; nothing where it is.
std::optional<std::string> share_run_refused(const Model& model, const CertificateSequences& sequences);

class ShareRun {
 public:
  // Not refused. What is referred to outlives this object. `smallest_mode`: of RotaryMass.
  ShareRun(const Model& model, const CertificateSequences& sequences, long bits, long smallest_mode);
  ShareRun(const ShareRun&) = delete;
  ShareRun& operator=(const ShareRun&) = delete;
  const Forward& forward() const { return forward_; }
  const IntervalArithmetic& arithmetic() const { return forward_.operations().arithmetic(); }
  const RotaryMass& mass() const { return *mass_; }
  std::size_t heads() const { return attention_.heads; }
  std::size_t shares() const { return heads() * singles_.size(); }
  std::int64_t whole() const { return multiples_[0]; }  // the circle of phases is turned by 1 / whole() a token

  struct Two { Vector hidden, final; };  // x(L) and y
  Two limit() const { return vectors({forward_.operations().zeros(shares())})[0]; }
  Two at(std::int64_t n) const;
  // Of n = 1, ..., count, the masses summed up term by term.
  std::vector<Two> first(std::int64_t count) const;

  // What the shares are of: e^score of every single token in every head (share s * heads() + h), wherever the phase n / whole() lies in these radians; `later`: of n + 1.
  Vector weights(const Number& phase, bool later) const;
  Vector largest_weights() const;                           // over all n
  bool turns(std::size_t share) const { return singles_[share / heads()].turns; }
  Number largest_of_run(std::size_t head) const { return largest_weight(forward_.operations(), run_[head]); }

  // e^score of a token of the run in every head, at a distance of the last one.
  Vector weights_of_run(std::int64_t distance) const;
  // Each single token's share in every head at n, Z_n of every head given; and what the heads have as outputs then.
  Vector shares_of(const Vector& masses, std::int64_t n) const;
  Vector outputs_of(const Vector& shares) const;
  const Vector& embedding() const { return embedding_; }  // of the last token: the stream that the heads' outputs join
  // x(L) and y of n = from, from + 1, ..., Z_n of every head given for each.
  std::vector<Two> with_masses(const std::vector<Vector>& masses, std::int64_t from) const;
  // T_n / n of every head for all n >= first, T all weights together.
  Vector densities(std::int64_t first) const;

  // x(L) or y, and their derivatives by the shares, for all shares from 0 to these.
  Sloped sloped(const Vector& most, bool final) const;
  std::vector<Vector> slopes(const Vector& most, bool final) const { return sloped(most, final).slopes; }

 private:
  struct Single {
    std::vector<TurningScore> scores;  // of each head; at distance n + later where it turns, else at `later`
    std::int64_t later;
    bool turns;                        // a token of P: its distance grows with n
    Vector value;                      // an entry each of every head's output
  };
  std::vector<Two> vectors(const std::vector<Vector>& shares) const;
  std::vector<Operations::Turn> turns_at(std::int64_t distance) const;

  const Model& model_;
  const Layer& layer_;
  const Attention& attention_;
  Forward forward_;
  std::vector<std::int64_t> multiples_;
  std::int64_t behind_;              // tokens of Q
  Vector embedding_, value_;         // of the last token; every head's output with all weight on the run
  std::vector<Single> singles_;
  std::vector<TurningScore> run_;    // of each head
  std::vector<TurningScore> turned_now_, turned_later_;  // of each share, the distance's fixed part turned in: a function of the phase
  std::optional<RotaryMass> mass_;
};

}  // namespace snellen::check
