// Taylor models: functions of t in [-1, 1] enclosed by a polynomial and a remainder. Lemmas: proofs/era.md, "Taylor models".
//
// A model is a row of `length` balls c_0, ..., c_q, of which c_1, ..., c_q are exact. It encloses a function f on a set T of [-1, 1] if
//     f(t) in c_0 + c_1 t + ... + c_q t^q     for every t in T:
// the constant's radius bounds the error at each t, and the error may differ from t to t. Every operation returns an enclosure of its exact
// result on the same T. Rows do not overlap unless said otherwise.
#pragma once

#include "lib/number/ball_matrix.hpp"
#include "lib/number/magnitude.hpp"

namespace snellen {

class TaylorArithmetic {
 public:
  // Models of degree `degree`; coefficients are rounded to `bits` bits.
  TaylorArithmetic(long bits, std::size_t degree);

  long bits() const { return bits_; }
  slong length() const { return length_; }

  // A row of any balls becomes a model of the same functions: the radii of c_1, ..., c_q move into the constant, since |t| <= 1.
  void sweep(arb_ptr x) const;
  // At least sup |f|; and at least sup |f - c_0| for the midpoint of c_0 where `constant` is false.
  Magnitude supremum(arb_srcptr x) const;
  Magnitude variation(arb_srcptr x) const;  // |c_1| + ... + |c_q|
  // A ball that contains every f(t).
  void range(arb_ptr result, arb_srcptr x) const;
  // A ball that contains f(t) for every t of the ball `t`, by Horner's rule.
  void evaluate(arb_ptr result, arb_srcptr x, arb_srcptr t) const;
  // The same by the mean-value form f(m) + f'(t) (t - m): narrow for a narrow `t`.
  void evaluate_mean_value(arb_ptr result, arb_srcptr x, arb_srcptr t) const;

  void add_error(arb_ptr x, const Magnitude& error) const { arb_add_error_mag(x, error.get()); }
  void add(arb_ptr result, arb_srcptr x, arb_srcptr y) const;     // may alias
  void multiply(arb_ptr result, arb_srcptr x, arb_srcptr y) const;
  void scale(arb_ptr result, arb_srcptr x, arb_srcptr factor) const;  // by one ball; may alias
  void inverse(arb_ptr result, arb_srcptr x) const;               // 1/f; infinite where f may vanish
  void inverse_sqrt(arb_ptr result, arb_srcptr x) const;          // f^(-1/2); infinite where f may not be positive
  void exp(arb_ptr result, arb_srcptr x) const;
  void erf(arb_ptr result, arb_srcptr x) const;
  void relu(arb_ptr result, arb_srcptr x) const;                  // max(f, 0)

 private:
  void set_indeterminate(arb_ptr result) const;

  long bits_;
  slong length_;
};

// An upper bound of the sum over k > degree of |[t^k] e^p(t)| where `majorant(R)` >= sum of |p_k| R^k bounds a polynomial p without constant term (in one
// variable, or in several by total degree): R^-(degree+1) (e^majorant(R) - 1) for every R >= 1; the least over R = 1, 2, 4, ..., 64.
template <class Majorant>
Magnitude exponential_tail(std::size_t degree, const Majorant& majorant) {
  Magnitude best;
  mag_inf(best.get());
  for (long e = 0; e <= 6; ++e) {
    const Magnitude bound = shifted(expm1(majorant(e)), -e * static_cast<long>(degree + 1));
    if (bound < best) best = bound;
  }
  return best;
}

// sum over first <= k < length of |x_k| 2^(e k).
Magnitude weighted_norm(arb_srcptr x, slong first, slong length, long e);

}  // namespace snellen
