// The inner loops of the norm bounds (mlp_norm, attention_norm), compiled for each instruction set with vectors of its own width. Every sum has one order
// and multiplications are not fused with additions (-ffp-contract=off), so all give the same bits.
#pragma once

#include <cstddef>
#include <span>

namespace snellen {

struct NormKernels {
  static constexpr std::size_t tile = 16;   // vectors side by side in a panel of floats: [length][16]
  static constexpr std::size_t chunk = 64;  // terms summed before the sum is added to another
  static constexpr std::size_t block = 4;   // vectors of doubles that a product of matrices takes at a time

  const char* name;
  // sums[i * tile + j] = sum over m < length of x[m * tile + i] y[m * tile + j], in chunks.
  void (*float_tile)(float* sums, const float* x, const float* y, std::size_t length);
  // sums[t] += sum over i, j of x[i * count + t] matrix[i * tile + j] y[j * count + t]; count is a multiple of `tile`.
  void (*add_forms)(float* sums, const float* matrix, const float* x, const float* y, std::size_t count);
  // y += A x for A [rows, columns] given by its columns [columns][rows], and each of `block` vectors: y [block][rows], x [block][columns].
  void (*add_products)(double* y, const double* a, const double* x, std::size_t rows, std::size_t columns);
  // C [n, n] += the sum of x_b y_b^T: x, y [block][n].
  void (*add_outers)(double* c, const double* x, const double* y, std::size_t n);
};

// Those that this processor can run, the fastest first.
std::span<const NormKernels> available_norm_kernels();
inline const NormKernels& norm_kernels() { return available_norm_kernels().front(); }

}  // namespace snellen
