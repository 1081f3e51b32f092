// An attack on a bound: a search for a point at which what the bound bounds is larger than the bound. One file an attack; main.cpp runs them all.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/number/ball_matrix.hpp"

namespace snellen::attacks {

// A point is a list of numbers in [-1, 1]; the attack says what they mean: weights, vectors, positions, choices.
using Point = std::span<const double>;

struct Attempt {
  double closeness = 0;  // what was reached, divided by the bound: for the search to climb; at most 1 unless the bound is wrong, and below 0 where nothing was tested
  bool broken = false;   // proved, in exact arithmetic or in balls, to be beyond the bound
};

struct Attack {
  std::string_view name, bound;  // bound: what is attacked, for people
  std::size_t dimensions;
  Attempt (*attempt)(Point);
  unsigned cost = 1;             // an attempt counts as so many of the budget
};

const std::vector<Attack>& attacks();
struct Registered {
  explicit Registered(Attack attack);
};

// Reads a point, number after number.
class Reader {
 public:
  explicit Reader(Point point) : point_(point) {}
  double number() { return point_[next_++]; }                                    // in [-1, 1]
  std::size_t below(std::size_t count) {                                        // 0, ..., count - 1
    const double x = (number() + 1) / 2;
    return std::min(count - 1, static_cast<std::size_t>(x * static_cast<double>(count)));
  }
  std::vector<double> numbers(std::size_t count) {
    const auto part = point_.subspan(next_, count);
    next_ += count;
    return {part.begin(), part.end()};
  }

 private:
  Point point_;
  std::size_t next_ = 0;
};

constexpr long bits = 320;  // of the arithmetic that judges

// reached <= bound is violated: proved, since both are balls that contain the exact numbers.
Attempt compare(arb_srcptr reached, arb_srcptr bound);
inline Attempt nothing_tested() { return {-1, false}; }

// sum of x_i^2, and its root.
void euclidean(Ball& result, const std::vector<Ball>& x);
// A x for row-major A [rows, x.size()], exactly but for `bits` bits.
std::vector<Ball> image(std::span<const double> a, const std::vector<Ball>& x);
std::vector<Ball> exact(std::span<const double> x);

// A vector near the one that A stretches most, by the power method in doubles from `start`.
std::vector<double> stretched_most(std::span<const double> a, std::vector<double> start, int steps);

}  // namespace snellen::attacks
