// Frobenius norms of D (diag(a) G + diag(b) U) for many pairs (a, b) and fixed matrices D [out, hidden], G and U [hidden, in]: Jacobians of a gated MLP,
// one for each token, without forming any of them:
//
//   |D (diag(a) G + diag(b) U)|_F^2 = sum_kl (D^T D)_kl (a_k a_l (G G^T)_kl + a_k b_l (G U^T)_kl + b_k a_l (U G^T)_kl + b_k b_l (U U^T)_kl).
//
// Computed in floats, tile by tile; the error is enclosed (proofs/norms.md).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace snellen {

class FrobeniusForm {
 public:
  // down [out, hidden], gate and up [hidden, in], row-major; up may be empty: then b is not used.
  FrobeniusForm(std::span<const double> down, std::span<const double> gate, std::span<const double> up, std::size_t hidden);

  // a and b are [count][hidden] (b empty where there is no up). At least the norm, for each pair.          -> [count]
  std::vector<double> norms(std::span<const double> a, std::span<const double> b, std::size_t count) const;

  // At least |down|_F; at least |row k|_2 of gate and of up.
  double down_norm() const { return down_norm_; }
  std::span<const double> gate_rows() const { return gate_rows_; }
  std::span<const double> up_rows() const { return up_rows_; }

 private:
  // The columns of `down`, the rows of `gate` or `up`, each divided by a power of two near its norm, in panels of 16: [panel][length][16].
  struct Panels {
    std::size_t length = 0;
    std::vector<float> values;
    std::vector<int> exponents;   // [hidden]
    std::vector<double> sizes;    // [hidden]: at least the norm of the row divided by 2^exponent, in [1, 2]
  };

  Panels panels(std::span<const double> rows, std::size_t length) const;  // [hidden, length]

  std::size_t hidden_;
  double down_norm_ = 0;
  std::vector<double> down_columns_, gate_rows_, up_rows_;
  Panels down_, gate_, up_;
};

}  // namespace snellen
