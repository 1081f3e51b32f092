// Norms of D (diag(a) G + diag(b) U) for many pairs (a, b) and fixed matrices D [out, hidden], G and U [hidden, in]: the Jacobians J of an MLP, one for each
// token. Mathematics and errors: proofs/norms.md, "MLP".
//
// No Jacobian is formed but those of a few reference tokens. For every token the Frobenius norm comes from Gram matrices that all tokens share,
//
//   |J|_F^2 = sum_kl (D^T D)_kl (a_k a_l (G G^T)_kl + a_k b_l (G U^T)_kl + b_k a_l (U G^T)_kl + b_k b_l (U U^T)_kl),
//
// and |J|_2 <= min(|J|_F, min over references r of |J_r|_2 + |J - J_r|_F), the second by the same form, |J_r|_2 <= |(J_r J_r^T)^2|_F^(1/4). In a long run
// tokens grow alike, and a reference saves a factor of two to three.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "lib/model/tensor.hpp"

namespace snellen {

class MlpNorm {
 public:
  // down [out, hidden]; gate and up [hidden, in], their columns multiplied by weights [in] (none where empty); up may be null: then b is not used. `down` must
  // outlive this. The Gram matrices are kept if they take no more than so many bytes (2 hidden^2, or 8 hidden^2 with `up`), else computed at each use: the same numbers.
  MlpNorm(const Tensor& down, TensorPtr gate, TensorPtr up, std::span<const double> weights, std::size_t most_gram_bytes = most_kept_bytes() / 64);
  // The same, kept with `down`.
  static std::shared_ptr<const MlpNorm> of(const Tensor& down, const TensorPtr& gate, const TensorPtr& up, std::span<const double> weights);
  std::size_t bytes() const;

  // a and b are [count][hidden] (b empty where there is no up). At least |J|_2 of each; infinite where floats do not serve. The bounds of
  // tokens of large importance [count] are the sharpest.                                                                     -> [count]
  std::vector<double> norms(std::span<const double> a, std::span<const double> b, std::span<const double> importance) const;

  // The parts: at least |J|_F of each pair, and at least |J|_2 of one pair.
  std::vector<double> frobenius_norms(std::span<const double> a, std::span<const double> b, std::size_t count) const;
  double operator_norm(std::span<const double> a, std::span<const double> b) const;

  // At least |D|_F; at least |row k|_2 of gate and of up.
  double down_norm() const { return down_norm_; }
  std::span<const double> gate_rows() const { return gate_rows_; }
  std::span<const double> up_rows() const { return up_rows_; }

 private:
  // Vectors side by side in panels of 16, as floats: [panel][length][16].
  struct Panels {
    std::size_t length = 0;
    std::unique_ptr<float[]> values;
  };
  // The columns of `down`, the rows of `gate` or `up`, each as integers (lib/number/integer_tile.hpp) that stand for 2^(exponent - 15) times themselves.
  struct ScaledRows {
    std::size_t pairs = 0;
    std::vector<std::int16_t> values;  // [panel][pairs][16][2]
    std::vector<int> exponents;        // [hidden]
    std::vector<double> sizes;         // [hidden]: at least the norm of the integers / 2^15, at most 2^0.5
    std::vector<double> losses;        // [hidden]: at least the norm of what rounding to integers took, in the same unit
  };
  ScaledRows scaled_rows(std::span<const double> rows, std::size_t length) const;  // [hidden, length]
  using Tile = std::array<float, std::size_t{16} * 16>;
  // Entries of D^T D times those of G G^T, G U^T, U G^T, U U^T (without `up`, of the first alone), of the hidden units of two panels. How many tiles there are.
  std::size_t gram_tiles(Tile* tiles, std::size_t k, std::size_t l) const;
  std::size_t first_gram_tile(std::size_t k, std::size_t l) const;
  template <class Entry>
  static Panels panels(std::size_t vectors, std::size_t length, const Entry& entry);
  static std::unique_ptr<float[]> products(const Panels& x, const Panels& y, std::size_t rows, std::size_t columns, bool symmetric);
  std::vector<std::size_t> choose_references(std::span<const double> a, std::span<const double> b, std::span<const double> importance) const;

  const Tensor& down_;
  TensorPtr gate_, up_;
  std::vector<double> weights_;
  std::size_t hidden_, out_, in_;
  bool fits_ = false;             // every entry is moderate
  double down_norm_ = 0;
  double largest_down_ = 0x1p-200;  // at least every |entry|
  std::vector<double> down_columns_, gate_rows_, up_rows_;
  ScaledRows scaled_down_, scaled_gate_, scaled_up_;  // without their integers where `gram_` is there
  std::vector<Tile> gram_;        // for panels k, l >= k: tiles side by side; or empty
};

}  // namespace snellen
