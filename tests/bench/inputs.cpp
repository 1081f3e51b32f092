#include "tests/bench/inputs.hpp"

#include <bit>
#include <cstdint>
#include <vector>

#include "lib/number/splitmix64.hpp"

namespace snellen {
namespace {

// Sums of uniform integers: bell-shaped, as weights and activations are.
double bell(SplitMix64& random) {
  double sum = -2;
  for (int i = 0; i < 4; ++i) sum += static_cast<double>(random.next() >> 11) * 0x1p-53;
  return sum;
}

}  // namespace

TensorPtr random_weights(std::size_t rows, std::size_t columns, Stored stored) {
  SplitMix64 random(1);
  std::vector<double> values(rows * columns);
  for (double& value : values) {
    auto word = std::bit_cast<std::uint32_t>(static_cast<float>(bell(random) / 16));
    if (stored == Stored::bf16) word &= 0xffff0000u;
    value = std::bit_cast<float>(word);
  }
  return std::make_shared<DenseTensor>(rows, columns, std::move(values));
}

BallMatrix random_block(std::size_t rows, std::size_t columns, long bits) {
  SplitMix64 random(2);
  BallMatrix x(rows, columns);
  Ball small;
  for (std::size_t k = 0; k < rows; ++k)
    for (std::size_t j = 0; j < columns; ++j) {
      arb_set_d(x(k, j), bell(random));
      for (long scale = -52; scale > -bits; scale -= 52) {
        arb_set_d(small, bell(random));
        arb_mul_2exp_si(small, small, scale);
        arb_add(x(k, j), x(k, j), small, bits);
      }
      mag_set_ui_2exp_si(arb_radref(x(k, j)), 1 + (random.next() >> 34), -bits - 31);
    }
  return x;
}

}  // namespace snellen
