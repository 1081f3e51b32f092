#include "lib/world/format_arithmetic.hpp"

#include <stdexcept>

namespace snellen {
namespace {

const Format& checked(const Format& format) {
  if (format == *find_format("fp64")) return format;
  if (format.precision > 25 || format.emin < -450 || format.emax > 450)
    throw std::invalid_argument("format " + format.name + " cannot be emulated: its precision must be at most 25 bits and its exponents within +-450, or fp64");
  return format;
}

}  // namespace

FormatArithmetic::FormatArithmetic(const Format& format) : format_(checked(format)), rounder_(format), function_(format) {}

RoundStatus FormatArithmetic::status(double x) const {
  if (std::isnan(x)) return RoundStatus::nan;
  return std::isinf(x) ? RoundStatus::overflow : round(format_, Dyadic::of(x)).status;
}

}  // namespace snellen
