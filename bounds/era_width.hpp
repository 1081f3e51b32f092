// How wide eras of lengths are, found on the way. For decisions about speed: enclosures hold for eras of any width. Where
// attention turns from one token to another within a few lengths, narrow ones keep a Taylor model's remainder small.
#pragma once

#include <cstddef>
#include <optional>

namespace snellen {

class EraWidth {
 public:
  explicit EraWidth(std::optional<double> wanted, std::size_t degree) : wanted_(wanted), degree_(static_cast<double>(degree)) {}
  unsigned divisor() const { return divisor_; }  // an era is [a, a + a/divisor], its half-width 1/(2 divisor + 1) of the middle's distance to n = 0
  // log2 of an era's error, over the distance from the limit, for an era of this width: true where it is to be kept, false where a narrower one is to
  // take its place. The divisor is then the next one's.
  bool keeps(double error);

 private:
  std::optional<double> wanted_;
  double degree_, accepted_ = -1e300;     // what no narrower era would have improved on
  std::optional<double> wider_;           // the error of the era given up for this one
  std::optional<double> before_trial_;    // while a wider era is tried: the error of the one before
  unsigned divisor_ = usual, kept_ = 0;   // eras kept since the divisor changed
  unsigned patience_ = least_patience;    // kept eras before a wider one is tried; more after each that failed
  static constexpr unsigned widest = 1, usual = 4, narrowest = 64, least_patience = 4, most_patience = 32;
};

}  // namespace snellen
