#include "lib/world/image_constants.hpp"

#include "lib/number/flint.hpp"

namespace snellen {
namespace {

class Ball {
 public:
  Ball() { arb_init(value_); }
  Ball(const Ball&) = delete;
  Ball& operator=(const Ball&) = delete;
  ~Ball() { arb_clear(value_); }
  arb_ptr get() { return value_; }

  Range range() const {
    arf_t end;
    arf_init(end);
    arb_get_lbound_arf(end, value_, 128);
    const double lower = arf_get_d(end, ARF_RND_FLOOR);
    arb_get_ubound_arf(end, value_, 128);
    const double upper = arf_get_d(end, ARF_RND_CEIL);
    arf_clear(end);
    return checked({lower, upper});
  }

 private:
  arb_t value_;
};

// A library may have made the constant in doubles, with a few roundings.
Range with_doubles(const Range& x) { return {x.lower * (1 - 0x1p-50), x.upper * (1 + 0x1p-50)}; }

constexpr slong bits = 160;

}  // namespace

Range real_root(const Root& root) {
  Ball y;
  arb_set_d(y.get(), root.radicand);
  if (root.inverse) arb_rsqrt(y.get(), y.get(), bits);
  else arb_sqrt(y.get(), y.get(), bits);
  const Range exact = y.range();
  return exact.is_point() ? exact : with_doubles(exact);
}

Range real_root_of_two_over_pi() {
  Ball y;
  arb_const_pi(y.get(), bits), arb_ui_div(y.get(), 2, y.get(), bits), arb_sqrt(y.get(), y.get(), bits);
  return with_doubles(y.range());
}

Range real_slope(const Slope& slope) {
  Ball y;
  fmpq_t exponent;
  fmpq_init(exponent);
  fmpq_set_si(exponent, -slope.numerator, static_cast<ulong>(slope.denominator));
  arb_set_ui(y.get(), 2);
  arb_pow_fmpq(y.get(), y.get(), exponent, bits);
  fmpq_clear(exponent);
  const Range exact = y.range();
  return exact.is_point() ? exact : with_doubles(exact);
}

RealTurn real_turn(std::int64_t position, double base, std::int64_t numerator, std::int64_t denominator, double angle_error) {
  Ball angle, cos, sin, error;
  fmpq_t exponent;
  fmpq_init(exponent);
  fmpq_set_si(exponent, -numerator, static_cast<ulong>(denominator));
  arb_set_d(angle.get(), base);
  arb_pow_fmpq(angle.get(), angle.get(), exponent, bits);
  fmpq_clear(exponent);
  arb_mul_si(angle.get(), angle.get(), position, bits);
  arb_set_d(error.get(), angle_error);
  arb_mul(error.get(), error.get(), angle.get(), bits);
  arb_add_error(angle.get(), error.get());
  arb_sin_cos(sin.get(), cos.get(), angle.get(), bits);
  return {cos.range(), sin.range()};
}

}  // namespace snellen
