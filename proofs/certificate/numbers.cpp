#include "proofs/certificate/numbers.hpp"

#include <algorithm>

namespace snellen {

std::optional<Dyadic> parse_exact(const std::string& text) {
  const bool infinite = text == "inf" || text == "-inf";
  const std::size_t begin = text.starts_with('-') ? 1 : 0;
  if (!infinite && text.compare(begin, 2, "0x") != 0) return std::nullopt;
  Dyadic value(std::max<mpfr_prec_t>(64, static_cast<mpfr_prec_t>(4 * text.size())));  // four bits a digit: nothing is rounded
  char* end = nullptr;
  const int inexact = mpfr_strtofr(value.get(), text.c_str(), &end, infinite ? 10 : 16, MPFR_RNDN);
  if (inexact != 0 || end != text.c_str() + text.size() || mpfr_nan_p(value.get())) return std::nullopt;
  return value;
}

std::optional<Length> parse_length(const std::string& text) {
  constexpr std::size_t longest = 100'000;  // upper ends from norms alone have tens of thousands of digits
  if (text.empty() || text.size() > longest || (text[0] == '0' && text.size() > 1)) return std::nullopt;
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  return Length(text);
}

}  // namespace snellen
