// FLINT's integer of any size, freed at the end of its scope.
#pragma once

#include "lib/number/flint.hpp"

namespace snellen {

class Fmpz {
 public:
  Fmpz() { fmpz_init(value_); }
  Fmpz(const Fmpz&) = delete;
  Fmpz& operator=(const Fmpz&) = delete;
  ~Fmpz() { fmpz_clear(value_); }
  operator fmpz*() { return value_; }
  operator const fmpz*() const { return value_; }

 private:
  fmpz_t value_;
};

}  // namespace snellen
