// The frequencies of rotary positions, and which of them are commensurable. Mathematics: proofs/rope.md, "Frequencies".
//
// theta_f = r^f with r = base^(-2/dimensions), f = 0, ..., dimensions/2 - 1. With k the least number such that r^k is rational, 1, r, ..., r^(k-1) are linearly independent
// over the rationals, and the planes f, f + k, f + 2k, ... are multiples of one frequency: the phases (theta_f n mod 2 pi)_f lie on a torus of as many dimensions as there are
// classes, and sum of m_f theta_f = 0 is a question of integers in each class.
#pragma once

#include <cstdint>
#include <vector>

#include "lib/model/model.hpp"
#include "lib/number/ball_matrix.hpp"
#include "lib/number/complex_ball.hpp"
#include "lib/number/length.hpp"

namespace snellen {

class RotaryFrequencies {
 public:
  explicit RotaryFrequencies(const Rotary& rotary);

  std::size_t planes() const { return class_.size(); }
  // The rank of the frequencies over the rationals, or more where their multiples are beyond the integers used here (then relations are not seen, and none is claimed).
  std::size_t classes() const { return classes_; }
  std::size_t class_of(std::size_t plane) const { return class_[plane]; }
  // theta_f = multiple(f) * unit(class_of(f)), exactly.
  std::int64_t multiple(std::size_t plane) const { return multiple_[plane]; }
  void set_unit(arb_ptr result, std::size_t c, long bits) const;
  void set_frequency(arb_ptr result, std::size_t plane, long bits) const;
  // e^(i theta_f n), n >= 0.
  void set_turn(acb_ptr result, std::size_t plane, const Length& n, long bits) const;

  // sum of m_f theta_f = 0, proved: exact, false where the numbers are too large to tell.
  bool resonant(const std::int16_t* m) const;

 private:
  double base_;
  std::size_t dimensions_, classes_ = 0;
  std::vector<std::size_t> class_;
  std::vector<std::int64_t> multiple_;
  std::vector<std::size_t> first_;             // plane of each class with the largest frequency
  std::vector<std::int64_t> first_multiple_;
  BallVector known_;                           // the frequencies to some hundred bits
};

}  // namespace snellen
