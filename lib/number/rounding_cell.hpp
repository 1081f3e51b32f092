// The numbers that a format rounds to the same value as a given one.
#pragma once

#include <optional>

#include "lib/number/enclosure.hpp"
#include "lib/number/format.hpp"

namespace snellen {

// An interval around the enclosed number, all of which rounds to one finite value of the format: from 2^-40 of its half-width inside each of the cell's ends, which are the
// midpoints to the neighbouring values. None where the enclosure does not round to one finite value, or reaches that close to an end.
std::optional<Enclosure> rounding_cell(const Format& format, const Enclosure& x);

}  // namespace snellen
