#include "lib/number/exact_product/exact_product.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/number/exact_product/byte_kernel.hpp"
#include "lib/number/exact_product/byte_product.hpp"
#include "lib/number/exact_product/digit_product.hpp"
#include "lib/number/exact_product/residue_product.hpp"

namespace snellen {
namespace {

const ResidueKernels& residue_kernels_of(ProductPath path) {
#if defined(__x86_64__)
  if (path == ProductPath::residues_avx512) return avx512_residue_kernels();
  if (path == ProductPath::residues_avx2) return avx2_residue_kernels();
#endif
  return portable_residue_kernels();
}

// ---- FLINT's product --------------------------------------------------------------------------------------------------

// Rows multiplied at a time, fixed, so that FLINT chooses the same algorithm and the same blocks whatever the number of threads.
constexpr std::size_t strip_rows = 96;

// Columns `which` of y.
void flint_product(BallMatrix& y, const Tensor& weights, const BallMatrix& x, const std::vector<std::size_t>& which, long bits) {
  const std::size_t out = weights.rows(), in = weights.columns();
  BallMatrix rounded(in, which.size());  // FLINT's product takes every bit that it is given
  for (std::size_t k = 0; k < in; ++k)
    for (std::size_t c = 0; c < which.size(); ++c) arb_set_round(rounded(k, c), x(k, which[c]), bits);
#pragma omp parallel for schedule(dynamic)
  for (std::size_t begin = 0; begin < out; begin += strip_rows) {
    const std::size_t end = std::min(out, begin + strip_rows);
    BallMatrix product(end - begin, which.size());
    arb_mat_mul(product.get(), exact_balls(weights, begin, end).get(), rounded.get(), bits);
    for (std::size_t i = begin; i < end; ++i)
      for (std::size_t c = 0; c < which.size(); ++c) arb_swap(y(i, which[c]), product(i - begin, c));
  }
}

// Measured: FLINT's product is as fast up to about 400 multiply-adds.
bool tiny(const PreparedWeights& weights, std::size_t columns) {
  return weights.rows() * weights.columns() * columns <= PreparedWeights::few;
}

BallMatrix tiny_product(const PreparedWeights& weights, const BallMatrix& x, long bits) {
  BallMatrix y(weights.rows(), x.columns());
  arb_mat_mul(y.get(), weights.balls().get(), x.get(), bits);
  return y;
}

}  // namespace

const Kernels& kernels_of(ProductPath path) {
  if (by_bytes(path)) return kernels_of(best_path());
#if defined(__x86_64__)
  if (path == ProductPath::avx512) return avx512_kernels();
  if (path == ProductPath::avx512_fma) return avx512_fma_kernels();
  if (path == ProductPath::avx2 || path == ProductPath::residues_avx2 || path == ProductPath::residues_avx512) return avx2_kernels();
  if (path == ProductPath::sse2 || path == ProductPath::residues) return sse2_kernels();
#endif
  return portable_kernels();
}

bool available(ProductPath path) {
  switch (path) {
#if defined(__x86_64__)
    case ProductPath::avx512: return available(ProductPath::avx512_fma) && __builtin_cpu_supports("avx512ifma");
    case ProductPath::avx512_fma: return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    case ProductPath::avx2: return __builtin_cpu_supports("avx2");
    case ProductPath::sse2: return true;
    case ProductPath::residues_avx512: return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx2");
    case ProductPath::residues_avx2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    case ProductPath::bytes_vnni: return byte_vnni_available();
    case ProductPath::byte_tiles: return byte_tiles_available();
    default: return path == ProductPath::portable || path == ProductPath::residues || path == ProductPath::bytes;
  }
}

ProductPath best_path() {
  static const ProductPath best = available(ProductPath::avx512)       ? ProductPath::avx512
                                  : available(ProductPath::avx512_fma) ? ProductPath::avx512_fma
                                  : available(ProductPath::avx2)       ? ProductPath::avx2
                                  : available(ProductPath::sse2)       ? ProductPath::sse2
                                                                       : ProductPath::portable;
  return best;
}

ProductPath best_byte_path() {
  static const ProductPath best = available(ProductPath::byte_tiles)   ? ProductPath::byte_tiles
                                  : available(ProductPath::bytes_vnni) ? ProductPath::bytes_vnni
                                                                       : best_path();
  return best;
}

// Residues of the weights are made anew for each product: they pay from some columns on, and their recombination from some rows on.
ProductPath fastest_portable_path(const PreparedWeights& weights, std::size_t columns) {
  static const ProductPath residues = available(ProductPath::residues_avx512) ? ProductPath::residues_avx512
                                      : available(ProductPath::residues_avx2) ? ProductPath::residues_avx2
                                                                              : ProductPath::residues;
  const std::size_t least_columns = residues == ProductPath::residues ? 16 : 4;
  return columns >= least_columns && weights.rows() >= 64 ? residues : ProductPath::portable;
}

ProductPath fastest_path(const PreparedWeights& weights, std::size_t columns) {
  const ProductPath digits = best_path();
  if (weights.width() == WeightWidth::narrow) return best_byte_path();
  if (digits == ProductPath::avx512) return digits;
  if ((digits == ProductPath::avx512_fma || digits == ProductPath::avx2) && (columns < 8 || weights.rows() < 128)) return digits;
  return fastest_portable_path(weights, columns);
}

BallMatrix exact_product(const PreparedWeights& weights, const FixedPointBlock& x, long bits, ProductPath path) {
  if (weights.columns() != x.rows()) throw std::logic_error("exact_product: the weights' columns are not the block's rows");
  if (!available(path)) throw std::logic_error("exact_product: this CPU lacks the path");
  if (tiny(weights, x.columns())) return tiny_product(weights, x.balls(), bits);
  BallMatrix y(weights.rows(), x.columns());
  std::vector<std::size_t> outside;
  for (std::size_t j = 0; j < x.columns(); ++j)
    if (!weights.fits() || !x.column(j).fits) outside.push_back(j);
  if (!outside.empty()) flint_product(y, weights.tensor(), x.balls(), outside, bits);
  if (outside.size() == x.columns()) return y;

  if (by_residues(path) && residues_serve(weights, x)) residue_product(y, weights, x, bits, residue_kernels_of(path), kernels_of(path));
  else if (by_bytes(path) && ByteWeights::serves(weights)) byte_product(y, weights, x, bits, byte_kernels_of(path), kernels_of(path));
  else digit_product(y, weights, x, bits, kernels_of(path));
  return y;
}

BallMatrix exact_product(const PreparedWeights& weights, const BallMatrix& x, long bits, ProductPath path) {
  if (weights.columns() == x.rows() && tiny(weights, x.columns())) return tiny_product(weights, x, bits);
  return exact_product(weights, FixedPointBlock(x, bits), bits, path);
}

BallMatrix exact_product(const PreparedWeights& weights, const FixedPointBlock& x, long bits) {
  return exact_product(weights, x, bits, fastest_path(weights, x.columns()));
}

BallMatrix exact_product(const PreparedWeights& weights, const BallMatrix& x, long bits) {
  return exact_product(weights, x, bits, fastest_path(weights, x.columns()));
}

}  // namespace snellen
