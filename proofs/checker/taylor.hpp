// Taylor models: what is known of a function f of t on [-1, 1], as a row of intervals c_0, ..., c_q. At every t there are numbers in the intervals, which may differ
// from t to t, with f(t) = sum c_k t^k. Sums over many t must therefore split a row into midpoints and radii (`era_sum`, proofs/era.md).
#pragma once

#include <array>

#include "proofs/checker/operations.hpp"

namespace snellen::check {

using Row = Vector;

// An upper bound of a size, by MPFR with 64 bits rounded up.
class Upper {
 public:
  Upper() : value_(64) {}
  explicit Upper(double value) : value_(64) { mpfr_set_d(value_.get(), value, MPFR_RNDU); }
  static Upper magnitude(const Number& x);  // of all of x; infinite for what is not finite
  static Upper radius(const Number& x);     // of what is left of x without its midpoint()
  Upper& operator+=(const Upper& other) { return mpfr_add(value_.get(), value_.get(), other.value_.get(), MPFR_RNDU), *this; }
  Upper& operator*=(const Upper& other) { return mpfr_mul(value_.get(), value_.get(), other.value_.get(), MPFR_RNDU), *this; }
  friend Upper operator+(Upper x, const Upper& y) { return x += y; }
  friend Upper operator*(Upper x, const Upper& y) { return x *= y; }
  Upper scaled(long exponent) const;        // times 2^exponent
  Upper expm1() const;
  Upper root() const;
  Upper part(unsigned long of) const;       // x / of
  Upper inverse_of_rest() const;            // 1 / (1 - x); infinite for x >= 1
  mpfr_srcptr get() const { return value_.get(); }
  friend bool operator<(const Upper& x, const Upper& y) { return x.value_ < y.value_; }

 private:
  Dyadic value_;
};

Number midpoint(const Number& x);           // a point in or near the middle
void widen(Number& x, const Upper& error);  // [lower - error, upper + error]

// What the exponential of a polynomial without constant term has beyond a degree: at most R^-(degree + 1) (e^P(R) - 1), P(R) at least the sum of |p_k| R^k, for the best of
// R = 2^0, ..., 2^6 (`exponential_tail`, proofs/era.md). Constructed from the bounds P(2^e).
using Majorants = std::array<Upper, 7>;
class ExponentialTail {
 public:
  explicit ExponentialTail(const Majorants& p);
  Upper beyond(std::size_t degree) const;

 private:
  Majorants growth_;  // e^P - 1
};

class Taylor {
 public:
  Taylor(long bits, std::size_t degree) : o_(bits), length_(degree + 1) {}
  const Operations& operations() const { return o_; }
  const IntervalArithmetic& arithmetic() const { return o_.arithmetic(); }
  std::size_t length() const { return length_; }

  Row zero() const { return Row(length_, arithmetic().zero()); }
  Row constant(const Number& x) const;
  void add(Row& x, const Row& y) const;
  void scale(Row& x, const Number& factor) const;
  Row multiply(const Row& x, const Row& y) const;
  Row exp(const Row& x) const;
  Row inverse(const Row& x) const;       // `taylor_inverse`
  Row inverse_sqrt(const Row& x) const;  // `taylor_rsqrt`
  Row relu(const Row& x) const;

  Upper supremum(const Row& x) const;      // of |f|
  Number range(const Row& x) const;        // of f
  Number at(const Row& x, const Number& t) const;
  // On all of an interval t, by the mean value theorem for the midpoints.
  Number over(const Row& x, const Number& t) const;
  // f(u + step) - f(u) for all u with u and u + step in t: the midpoints' polynomial by its slope, and the error at both ends, since they are not the same.
  Number step_over(const Row& x, const Number& t, const Number& step) const;
  // f(to) - f(from) at two points.
  Number step_between(const Row& x, const Number& from, const Number& to) const;

 private:
  Row everything() const;
  Operations o_;
  std::size_t length_;
};

// At least the sum of |x_k| 2^(e k) for k >= first.
Upper weighted_norm(const Row& x, std::size_t first, long e);
// The same for e = 0, ..., 6.
Majorants majorants(const Row& x, std::size_t first);

}  // namespace snellen::check
