#include "bounds/era_width.hpp"

#include <algorithm>

namespace snellen {

bool EraWidth::keeps(const Seen& seen) {
  if (!wanted_) return true;
  const bool helped = !wider_ || seen.error < *wider_ - degree_ / 4;
  if (seen.error > std::max(*wanted_, accepted_) && helped && divisor_ < narrowest) {
    wider_ = seen.error, divisor_ *= 2, kept_ = 0;
    return false;
  }
  // What is left comes from earlier eras; less of it may be left later.
  accepted_ = seen.error > *wanted_ ? seen.error + 1 : -1e300;
  wider_.reset();
  // Twice the width makes the last coefficients 2^degree as large. Wider than usual only where they leave much room: while the prefix outweighs all, nothing changes.
  constexpr double room = 10;
  if (++kept_ >= before_widening && (divisor_ > usual || (divisor_ > widest && seen.last + degree_ < *wanted_ - room))) divisor_ /= 2, kept_ = 0;
  return true;
}

}  // namespace snellen
