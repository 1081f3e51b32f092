// Sums of powers over the tokens of an era, exactly.
#pragma once

#include "lib/number/length.hpp"
#include "proofs/checker/arithmetic.hpp"

namespace snellen::check {

// The lengths first, ..., last, at least two, as points t = (2 n - first - last) / (last - first) of [-1, 1].
class Era {
 public:
  Era(Length first, Length last, std::size_t degree, long bits);
  const Length& first() const { return first_; }
  const Length& last() const { return last_; }
  Number position(const Length& n) const;
  const Number& step() const { return step_; }    // of t from one length to the next
  const Number& count() const { return count_; }  // of lengths
  // The sum of t^k over all lengths, k <= 2 degree.
  const Number& whole(std::size_t k) const { return whole_[k]; }
  // The sum of t_j^k over first <= j <= n as a polynomial in t_n, of degree k + 1, k <= degree.
  const Vector& part(std::size_t k) const { return part_[k]; }

 private:
  Length first_, last_;
  long bits_;
  Number step_, count_;
  Vector whole_;
  std::vector<Vector> part_;
};

}  // namespace snellen::check
