// Lengths of sequences, of any size: eras reach beyond 2^64.
#pragma once

#include <boost/multiprecision/cpp_int.hpp>
#include <cstdint>

#include "lib/number/flint.hpp"

namespace snellen {

using Length = boost::multiprecision::number<boost::multiprecision::cpp_int_backend<>, boost::multiprecision::et_off>;

// Exactly `length`.
inline void set_length(arb_ptr result, const Length& length) {
  if (length <= INT64_MAX && length >= INT64_MIN) return arb_set_si(result, static_cast<slong>(static_cast<std::int64_t>(length)));
  fmpz_t integer;
  fmpz_init(integer);
  fmpz_set_str(integer, length.str().c_str(), 10);
  arb_set_fmpz(result, integer);
  fmpz_clear(integer);
}

}  // namespace snellen
