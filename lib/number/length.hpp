// Lengths of sequences, of any size: eras reach beyond 2^64.
#pragma once

#include <boost/multiprecision/gmp.hpp>

#include "lib/number/flint.hpp"

namespace snellen {

using Length = boost::multiprecision::number<boost::multiprecision::gmp_int, boost::multiprecision::et_off>;

// Exactly `length`.
inline void set_length(arb_ptr result, const Length& length) {
  fmpz_t integer;
  fmpz_init(integer);
  fmpz_set_mpz(integer, length.backend().data());
  arb_set_fmpz(result, integer);
  fmpz_clear(integer);
}

}  // namespace snellen
