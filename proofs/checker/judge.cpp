#include "proofs/checker/judge.hpp"

#include <algorithm>

#include "proofs/certificate/numbers.hpp"

namespace snellen::check {

RoundedEnd round_to(const CertificateFormat& format, mpfr_srcptr x) {
  RoundedEnd result{Dyadic(static_cast<mpfr_prec_t>(format.precision))};
  mpfr_ptr value = result.value.get();
  if (!mpfr_number_p(x)) return result.finite = false, result;
  if (mpfr_zero_p(x)) return result;
  if (mpfr_get_exp(x) - 1 >= format.emin) {
    mpfr_set(value, x, MPFR_RNDN);  // to `precision` bits, ties to even
  } else {  // subnormal: a multiple of the smallest one
    const long unit = static_cast<long>(format.emin - format.precision + 1);
    Dyadic units(mpfr_get_prec(x));
    mpfr_mul_2si(units.get(), x, -unit, MPFR_RNDN);
    mpfr_rint_roundeven(value, units.get(), MPFR_RNDN);
    mpfr_mul_2si(value, value, unit, MPFR_RNDN);
  }
  // Beyond the largest finite value, (2^precision - 1 or, where the topmost code is NaN, - 2) 2^(emax - precision + 1).
  Dyadic largest(static_cast<mpfr_prec_t>(format.precision));
  mpfr_set_ui_2exp(largest.get(), 1, static_cast<long>(format.precision), MPFR_RNDN);
  mpfr_sub_ui(largest.get(), largest.get(), format.top_code_is_nan ? 2 : 1, MPFR_RNDN);
  mpfr_mul_2si(largest.get(), largest.get(), static_cast<long>(format.emax - format.precision + 1), MPFR_RNDN);
  result.finite = mpfr_cmpabs(value, largest.get()) <= 0;
  return result;
}

RoundedVector::RoundedVector(const CertificateFormat& format, const Vector& x) {
  for (const Number& entry : x) {
    RoundedEnd low = round_to(format, lower(entry)), high = round_to(format, upper(entry));
    if (!low.finite || !high.finite) may_overflow_ = true;
    if (is_finite(entry) && !low.finite && !high.finite && mpfr_sgn(lower(entry)) == mpfr_sgn(upper(entry))) overflows_ = true;
    entries_.push_back({std::move(low.value), std::move(high.value)});
  }
}

bool RoundedVector::is_one_value() const {
  return !may_overflow_ && std::all_of(entries_.begin(), entries_.end(), [](const Ends& e) { return e.low == e.high; });
}

Letter RoundedVector::compared_with(const RoundedVector& other) const {
  if (overflows_ || other.overflows_) return 'O';
  if (may_overflow_ || other.may_overflow_) return 'U';
  bool same = true;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Ends &x = entries_[i], &y = other.entries_[i];
    if (x.high < y.low || y.high < x.low) return 'D';
    same = same && x.low == x.high && y.low == y.high && x.low == y.low;
  }
  return same ? 'C' : 'U';
}

Number norm_of(const IntervalArithmetic& a, const std::string& norm, const Vector& x) {
  Number total = a.zero(), term = a.zero();
  for (const Number& entry : x) {
    if (norm == "l2") a.sqr(term, entry);
    else mpfi_abs(IntervalArithmetic::raw(term), IntervalArithmetic::raw(entry));
    if (norm == "linf") {
      mpfr_max(lower(total), lower(total), lower(term), MPFR_RNDD);
      mpfr_max(upper(total), upper(total), upper(term), MPFR_RNDU);
      if (!is_finite(term)) mpfr_set_inf(upper(total), +1);
    } else {
      a.add(total, total, term);
    }
  }
  if (norm == "l2") a.sqrt(total, total);
  return total;
}

Number distance(const IntervalArithmetic& a, const std::string& norm, const Vector& x, const Vector& y) {
  Vector difference = x;
  for (std::size_t i = 0; i < x.size(); ++i) a.sub(difference[i], x[i], y[i]);
  return norm_of(a, norm, difference);
}

Letter tolerance(const Number& d, const Dyadic& eps) {
  if (!is_finite(d)) return 'U';
  if (mpfr_lessequal_p(upper(d), eps.get())) return 'C';
  if (mpfr_less_p(eps.get(), lower(d))) return 'D';
  return 'U';
}

const CertificateFormat& format_of(const Certificate& c, const ClaimNumbers& numbers) {
  return *std::find_if(c.formats.begin(), c.formats.end(), [&](const CertificateFormat& f) { return f.name == numbers.at("format"); });
}

bool all_collapse(const Certificate& c, const IntervalArithmetic& a, const ClaimNumbers& numbers, const Vector& box, const std::function<std::optional<std::int64_t>()>& token) {
  const std::string& criterion = numbers.at("criterion");
  if (criterion == "bitwise") return is_finite(box) && RoundedVector(format_of(c, numbers), box).is_one_value();
  if (criterion == "tolerance") return tolerance(distance(a, numbers.at("norm"), box, box), *parse_exact(numbers.at("eps"))) == 'C';
  return token().has_value();
}

bool all_overflow(const Certificate& c, const ClaimNumbers& numbers, const Vector& box) {
  return numbers.at("criterion") == "bitwise" && is_finite(box) && RoundedVector(format_of(c, numbers), box).overflows();
}

std::optional<std::int64_t> argmax(const Vector& logits) {
  if (!is_finite(logits)) return std::nullopt;
  std::size_t best = 0;
  for (std::size_t i = 1; i < logits.size(); ++i)
    if (mpfr_less_p(lower(logits[best]), lower(logits[i]))) best = i;
  for (std::size_t i = 0; i < logits.size(); ++i)
    if (i != best && !mpfr_less_p(upper(logits[i]), lower(logits[best]))) return std::nullopt;
  return static_cast<std::int64_t>(best);
}

Letter same_token(const std::optional<std::int64_t>& x, const std::optional<std::int64_t>& y) { return !x || !y ? 'U' : *x == *y ? 'C' : 'D'; }

}  // namespace snellen::check
