// What two enclosed vectors prove: one letter, as in a certificate. Plain code with MPFR; the lemmas are those of proofs/README.md.
#pragma once

#include <functional>

#include "proofs/certificate/certificate.hpp"
#include "proofs/checker/arithmetic.hpp"

namespace snellen::check {

// 'C' collapsed, 'D' distinct, 'O' overflow (bitwise), 'U' not decided.
using Letter = char;

// rd_F of one number, ties to even; `finite` is false where the format has no finite value for it.
struct RoundedEnd {
  Dyadic value;
  bool finite = true;
};
RoundedEnd round_to(const CertificateFormat& format, mpfr_srcptr x);

// For each entry the interval of values that rd_F takes on its enclosure (`rounding_monotone`).
class RoundedVector {
 public:
  RoundedVector(const CertificateFormat& format, const Vector& x);
  bool overflows() const { return overflows_; }        // certainly, in some entry
  bool may_overflow() const { return may_overflow_; }
  bool is_one_value() const;                           // and finite
  Letter compared_with(const RoundedVector& other) const;

 private:
  struct Ends { Dyadic low, high; };
  std::vector<Ends> entries_;
  bool overflows_ = false, may_overflow_ = false;
};

// || x ||_p, and of a difference; norm: "l1", "l2", "linf".
Number norm_of(const IntervalArithmetic& a, const std::string& norm, const Vector& x);
Number distance(const IntervalArithmetic& a, const std::string& norm, const Vector& x, const Vector& y);

// 'C' where all of D is at most eps, 'D' where it is all above.
Letter tolerance(const Number& d, const Dyadic& eps);

// The format that a claim's numbers name.
const CertificateFormat& format_of(const Certificate& c, const ClaimNumbers& numbers);
// What a claim's numbers call a collapse holds for any two vectors of the box; `token` gives the next token where it is certain for all of them.
bool all_collapse(const Certificate& c, const IntervalArithmetic& a, const ClaimNumbers& numbers, const Vector& box, const std::function<std::optional<std::int64_t>()>& token);
// Every vector of the box has an entry beyond the format.
bool all_overflow(const Certificate& c, const ClaimNumbers& numbers, const Vector& box);

// The certified argmax.
std::optional<std::int64_t> argmax(const Vector& logits);
Letter same_token(const std::optional<std::int64_t>& x, const std::optional<std::int64_t>& y);

}  // namespace snellen::check
