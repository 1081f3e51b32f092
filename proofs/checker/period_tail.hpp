// Under ALiBi slopes in every layer, S_n = P . U^n . Q: enclosures of the last vectors that hold for every n > copies, and of their limit, by one evaluation on a copy of U and the tokens that follow
// it. Each attention output lies between what copy `copies` + 1 and what a copy after infinitely many others would see (`periodic_hull`, proofs/periodic.md).
#pragma once

#include "proofs/certificate/certificate.hpp"
#include "proofs/checker/forward.hpp"

namespace snellen::check {

// Why a model or a family is not covered; nothing where it is.
std::optional<std::string> period_refused(const Model& model, const CertificateSequences& sequences);

class PeriodTail {
 public:
  // The tokens of the first `copies` copies are evaluated one by one.
  PeriodTail(const Model& model, const CertificateSequences& sequences, std::int64_t copies, long bits);

  // x(L) of the last token of S_n, and of the sequence that it is compared with.
  const Vector& first() const { return columns_[first_]; }
  const Vector& second() const { return columns_[second_]; }
  const Vector& limit() const { return limits_[first_]; }
  Vector final(const Vector& x) const { return forward_.final(x); }
  std::optional<std::int64_t> token(const Vector& final) const;

 private:
  // What a head's weights and weighted values add up to: entry 0 the weights, then the values less the centre.
  using Sums = Vector;
  // The outputs of one layer's attention, between both ends; `past` null: after infinitely many copies only.
  std::vector<Vector> attend(const Layer& layer, const Forward::Projections& p, const Forward::Past* past) const;

  Forward forward_;
  std::size_t period_, before_ = 0;  // tokens of U, and of all explicit tokens
  std::size_t first_, second_;
  std::vector<Vector> columns_, limits_;
};

}  // namespace snellen::check
