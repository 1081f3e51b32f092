// One claim about every n of a run in two layers, as far as it is proved: which pairs it asks for, what is settled at once, what is left (deep_runs.cpp).
#pragma once

#include <array>

#include "proofs/certificate/numbers.hpp"
#include "proofs/checker/finding.hpp"
#include "proofs/checker/judge.hpp"

namespace snellen::check {

class DeepClaim {
 public:
  static constexpr std::int64_t farthest = std::int64_t{1} << 40;
  static constexpr std::int64_t far = 1 << 18;  // a claim from beyond that on is met with as many tokens as leave no pair to be judged by itself: all those before it

  // What it refers to outlives this object.
  DeepClaim(const Certificate& c, const CertificateClaim& claim);
  const Finding& result() const { return result_; }
  bool open() const { return !done_ && !result_.settled && result_.status != Status::refuted; }
  void give_up(std::string why);

  // How far the run is followed: in any case; next after `end`; far enough to try all that comes after it.
  std::int64_t least_end() const;
  std::int64_t end_after(std::int64_t end) const { return wants_beyond() && from_ > far && from_ > end ? std::min(from_, 2 * end) : 2 * end; }
  bool may_try(std::int64_t end) const { return from_ > far ? end >= from_ : 3 * start(end) <= 4 * end; }

  // The vector of n is asked for.
  bool asks(std::int64_t n) const;
  // x, y of n and n + 1.
  void see_pair(const IntervalArithmetic& a, std::int64_t n, const Vector& x, const Vector& y, const Vector& limit);

  // Something is claimed of all n, and not all from start(end) on is settled, though pairs before `end` are seen.
  bool wants_beyond() const { return open() && !beyond_; }
  std::int64_t start(std::int64_t end) const { return std::max({from_, end, settled_}); }
  // Whether the limit and all vectors that are off it by a member of the box collapse with each other; boxes for which this holds may be mixed (`two_layers_again`, proofs/rope.md).
  bool near(const IntervalArithmetic& a, const Vector& limit, const Vector& off) const;
  // Of two boxes d and g (`two_layers_again`): from n on all up to n / sigma are settled at once where d and sigma d + (1 - sigma) g are near the limit; 0: all.
  static constexpr std::array strides = {0.0, 0.125, 0.25, 0.5, 0.625, 0.75, 0.85, 0.92, 0.96, 0.98};
  // The first sigma, from this one on, for which they are; else their number.
  std::size_t stride(const IntervalArithmetic& a, const Vector& limit, const Vector& d, const Vector& g, std::size_t from) const;
  // The vectors of n = start, ..., start / stride are near the limit; stride 0: of all n >= start.
  void settle(std::int64_t start, double stride);

 private:
  bool must_collapse(std::int64_t n) const { return !beyond_ && n >= std::max(from_, settled_); }
  // Of "distinct at or after": x rounds to other values than the limit, and from the claimed length on, as is proved beside this, all vectors round to those of the limit. So some pair between them is distinct.
  bool differs_from(const Vector& limit, const Vector& x) const;
  std::int64_t length(const char* name) const;
  void conclude();

  const Certificate& c_;
  const ClaimNumbers& numbers_;
  std::int64_t from_ = 0;               // 0: nothing is claimed of all n
  std::vector<std::int64_t> distinct_;  // not yet seen
  std::int64_t settled_ = 0;            // vectors up to this one, from where the pairs that were seen end, are near the limit
  bool beyond_ = false, done_ = false;
  Finding result_ = check::open("the run was not followed far enough");
};

}  // namespace snellen::check
