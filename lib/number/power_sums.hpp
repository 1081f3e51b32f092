// Sums of powers over the integers of an interval, in the variable t that runs over [-1, 1] as the integer runs over the interval.
#pragma once

#include <vector>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/length.hpp"

namespace snellen {

// The integers first, ..., last (first < last), and t_j = (j - centre) step, centre = (first + last)/2, step = 2/(last - first).
class PowerSums {
 public:
  // Powers up to 2 degree for the whole, up to `degree` for the part.
  PowerSums(const Length& first, const Length& last, std::size_t degree, long bits);

  // Encloses t_n.
  void position(arb_ptr t, const Length& n) const;
  // Encloses t_{n+1} - t_n.
  arb_srcptr step() const { return step_; }
  const Length& count() const { return count_; }
  // The sum of t_j^k over all j, k <= 2 degree.
  arb_srcptr whole(std::size_t k) const { return whole_[k]; }
  // Coefficients s_0, ..., s_{k+1} of the polynomial that is the sum of t_j^k over first <= j <= n at t = t_n, k <= degree (Faulhaber).
  arb_srcptr part(std::size_t k) const { return parts_[k][0]; }

 private:
  Length count_, twice_centre_;
  long bits_;
  Ball step_;
  BallVector whole_;
  std::vector<BallVector> parts_;
};

}  // namespace snellen
