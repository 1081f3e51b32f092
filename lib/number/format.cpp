#include "lib/number/format.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>

namespace snellen {
namespace {

constexpr int max_user_precision = 1000000;
constexpr long max_user_exponent = 1L << 28;  // far inside MPFR's exponents, so that scaling never leaves them

std::vector<Format> make_shipped() {
  return {{"e5m2", 3, -14, 15},
          {"e4m3", 4, -6, 8, Overflow::nan, true},
          {"e5m2-saturating", 3, -14, 15, Overflow::saturate},
          {"e4m3-saturating", 4, -6, 8, Overflow::saturate, true},
          {"fp16", 11, -14, 15},
          {"bf16", 8, -126, 127},
          {"tf32", 11, -126, 127},
          {"fp32", 24, -126, 127},
          {"fp64", 53, -1022, 1023}};
}

// What a value of the sign of `x` beyond the largest one becomes.
Rounded overflowed(const Format& format, mpfr_srcptr x) {
  Rounded result{format.overflow == Overflow::saturate ? format.largest() : Dyadic(format.precision), RoundStatus::overflow};
  if (format.overflow == Overflow::infinity) mpfr_set_inf(result.value.get(), +1);
  if (format.overflow == Overflow::nan) mpfr_set_nan(result.value.get());
  mpfr_setsign(result.value.get(), result.value.get(), mpfr_signbit(x), MPFR_RNDN);
  return result;
}

// Reads an integer and what follows it, `after` (nothing at the end of the text).
template <class Integer>
bool take(std::string_view& text, Integer& value, std::string_view after) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (after.empty() ? !text.empty() : !text.starts_with(after)) return false;
  text.remove_prefix(after.size());
  return true;
}

std::optional<Format> user_format(std::string_view name) {
  Format format{std::string(name)};
  if (!name.starts_with('p')) return {};
  name.remove_prefix(1);
  if (!take(name, format.precision, ":") || !take(name, format.emin, ":") || !take(name, format.emax, "")) return {};
  if (format.precision < 2 || format.precision > max_user_precision) return {};
  if (format.emin > format.emax || format.emin < -max_user_exponent || format.emax > max_user_exponent) return {};
  return format;
}

SNELLEN_MULTIVERSION void round_to_grid(const GridRounder<double>& given, double* values, std::size_t count) {
  const GridRounder<double> grid = given;
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) values[i] = grid(values[i]);
}

SNELLEN_MULTIVERSION void round_to_float(double* values, std::size_t count) {
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<double>(static_cast<float>(values[i]));
}

const Format& checked(const Format& format) {
  if (!format.fits_double()) throw std::invalid_argument("the values of format " + format.name + " are not all doubles");
  return format;
}

}  // namespace

Dyadic Format::largest() const {
  Dyadic result(precision);
  mpfr_set_ui_2exp(result.get(), 1, precision, MPFR_RNDN);
  mpfr_sub_ui(result.get(), result.get(), top_code_is_nan ? 2 : 1, MPFR_RNDN);
  mpfr_mul_2si(result.get(), result.get(), emax - precision + 1, MPFR_RNDN);
  return result;
}

Dyadic Format::smallest_normal() const { return Dyadic::power_of_two(emin); }

Dyadic Format::smallest_subnormal() const { return Dyadic::power_of_two(emin - precision + 1); }

bool Format::fits_double() const { return precision <= 53 && emin - precision + 1 >= -1074 && emax <= 1023; }

bool operator==(const Format& a, const Format& b) {
  return a.precision == b.precision && a.emin == b.emin && a.emax == b.emax && a.overflow == b.overflow &&
         a.top_code_is_nan == b.top_code_is_nan;
}

Rounded round(const Format& format, const Dyadic& x) {
  Rounded result{Dyadic(format.precision)};
  mpfr_ptr value = result.value.get();
  if (mpfr_nan_p(x.get())) return mpfr_set_nan(value), result.status = RoundStatus::nan, result;
  if (mpfr_inf_p(x.get())) return overflowed(format, x.get());
  if (mpfr_zero_p(x.get())) return mpfr_set(value, x.get(), MPFR_RNDN), result;
  // In units of the quantum |x| is below 2^precision, so the nearest integer needs no more than `precision` bits.
  const long exponent = mpfr_get_exp(x.get()) - 1;
  const long quantum = std::max(exponent, format.emin) - format.precision + 1;
  Dyadic scaled(mpfr_get_prec(x.get()));
  mpfr_mul_2si(scaled.get(), x.get(), -quantum, MPFR_RNDN);
  mpfr_roundeven(value, scaled.get());
  mpfr_mul_2si(value, value, quantum, MPFR_RNDN);
  if (mpfr_cmpabs(value, format.largest().get()) > 0) return overflowed(format, x.get());
  return result;
}

DoubleRounder::DoubleRounder(const Format& format)
    : format_(checked(format)),
      path_(format == *find_format("fp64")                                ? Path::identity
            : format == *find_format("fp32")                              ? Path::cast
            : GridRounder<double>::fits(format.precision, format.emin)   ? Path::grid
                                                                         : Path::exact),
      grid_(format.precision, format.emin, format.largest().to_double(MPFR_RNDN), format.overflow) {}

double DoubleRounder::operator()(double x) const {
  switch (path_) {
    case Path::identity: return x;
    case Path::cast: return static_cast<double>(static_cast<float>(x));
    case Path::grid: return grid_(x);
    case Path::exact: break;
  }
  return round(format_, Dyadic::of(x)).value.to_double(MPFR_RNDN);
}

void DoubleRounder::round_all(double* values, std::size_t count) const {
  if (path_ == Path::cast) return round_to_float(values, count);
  if (path_ == Path::grid) return round_to_grid(grid_, values, count);
  if (path_ == Path::exact)
    for (std::size_t i = 0; i < count; ++i) values[i] = (*this)(values[i]);
}

double DoubleRounder::sum(std::span<const double> values) const {
  const auto add_up = [&](const auto& rounds) {
    double result = 0;
    for (const double x : values) result = rounds(result + x);
    return result;
  };
  if (path_ == Path::cast) return add_up([](double x) { return static_cast<double>(static_cast<float>(x)); });
  if (path_ == Path::grid) return add_up(grid_);
  return add_up(*this);
}

const std::vector<Format>& shipped_formats() {
  static const std::vector<Format> formats = make_shipped();
  return formats;
}

std::optional<Format> find_format(std::string_view name) {
  for (const Format& format : shipped_formats())
    if (format.name == name) return format;
  return user_format(name);
}

}  // namespace snellen
