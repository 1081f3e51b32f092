#include "bounds/era_width.hpp"

#include <algorithm>

namespace snellen {

bool EraWidth::keeps(double error) {
  if (!wanted_) return true;
  if (before_trial_) {
    // An error that is kept is left in all that follows: wide eras may cost next to nothing.
    constexpr double room = 16;
    const bool serves = error < std::max(*before_trial_ + 1, *wanted_ - room);
    before_trial_.reset(), kept_ = 0;
    patience_ = serves ? least_patience : std::min(2 * patience_, most_patience);
    if (!serves) divisor_ *= 2;
    return serves;
  }
  const bool helped = !wider_ || error < *wider_ - degree_ / 4;
  if (error > std::max(*wanted_, accepted_) && helped && divisor_ < narrowest) {
    wider_ = error, divisor_ *= 2, kept_ = 0;
    return false;
  }
  // What is left comes from earlier eras, and narrow ones are wasted on it; less of it may be left later.
  if (!helped && divisor_ > usual) divisor_ /= 2;
  accepted_ = error > *wanted_ ? error + degree_ / 8 : -1e300;
  wider_.reset();
  if (++kept_ >= patience_ && divisor_ > widest) before_trial_ = error, divisor_ /= 2;
  return true;
}

}  // namespace snellen
