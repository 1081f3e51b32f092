// Tiles of Gram matrices of 16-bit integers, exact: twice as many products an instruction as floats give, and no roundings to count.
//
// Vectors stand side by side in panels of 16, two entries of each together: [pair of entries][16 vectors][2]; an odd length is filled up with a zero.
#pragma once

#include <cstddef>
#include <cstdint>

namespace snellen {

inline constexpr std::size_t tile_side = 16;

// sums[i * 16 + j] = x_i . y_j for the vectors of two panels, each of `pairs` pairs. Every |x_i| |y_j| must be below 2^31 (then so is every partial sum, by
// Cauchy and Schwarz), and no entry may be -2^15.
void integer_tile(std::int32_t* sums, const std::int16_t* x, const std::int16_t* y, std::size_t pairs);
// The same by plain loops: what the others are tested against.
void integer_tile_portable(std::int32_t* sums, const std::int16_t* x, const std::int16_t* y, std::size_t pairs);

}  // namespace snellen
