// How far one operation of an engine may be from the real operation on the same operands, for all operands within balls: what is left of an engine when everything but one
// operation is exact (lib/world/deviation.hpp). Formulas: proofs/validation.md, "Local errors".
#pragma once

#include <span>
#include <vector>

#include "lib/number/ball_matrix.hpp"
#include "lib/world/engine_profile.hpp"
#include "lib/world/image_sum.hpp"
#include "lib/world/reverse_attention.hpp"

namespace snellen {

// |rd(x) - x| in one format, x a real number.
struct RoundingError {
  double unit = 0;      // relative, to nearest
  double lost = 0;      // what underflow or flushing takes at most
  double largest = 0;   // beyond it nothing is known
  RoundingError(const Format& format, bool flush);
  // Of |x| <= magnitude; infinite where it may overflow.
  double operator()(double magnitude) const;
};

// Each function: [width * tokens], column after column, upper bounds; infinite where nothing is known. y: the real operation on the balls x, as balls. The weights and biases are
// values of the format that the engine keeps them in.
class LocalErrors {
 public:
  explicit LocalErrors(const EngineProfile& profile);

  // Does the profile leave nothing open that these bounds do not cover? Casts that are left out (every reader sees another value) and quantised activations are not covered.
  static bool cover(const EngineProfile& profile) { return !profile.elided_casts && profile.activation_blocks == ActivationBlocks::none; }

  std::vector<double> embed(const BallMatrix& y) const;
  std::vector<double> add_rows(const BallMatrix& x, const BallMatrix& y) const;
  std::vector<double> add_sinusoids(const BallMatrix& x, const BallMatrix& y) const;
  std::vector<double> scale(const BallMatrix& y) const;
  std::vector<double> add(const BallMatrix& y) const;
  std::vector<double> multiply(const BallMatrix& x, const BallMatrix& z, const BallMatrix& y) const;
  std::vector<double> linear(const Linear& map, const BallMatrix& x, const BallMatrix& y) const;
  std::vector<double> norm(const Norm& n, const BallMatrix& x, const BallMatrix& y, std::size_t groups) const;
  std::vector<double> activate(Activation activation, const BallMatrix& x, const BallMatrix& y) const;
  std::vector<double> rotate(const Rotary& rotary, std::size_t heads, std::span<const Column> columns, const BallMatrix& x, const BallMatrix& y) const;
  std::vector<double> attend(const AttentionStep& step, const BallMatrix& y) const;

 private:
  std::vector<double> add_constant(const BallMatrix& x, const BallMatrix& y, double off) const;
  double activated(Activation activation, const RoundingError& f, const Range& x, double y) const;

  EngineProfile profile_;
  RoundingError storage_, operand_, accumulator_, score_, alibi_, scalar_, embedding_scale_, softmax_, probability_, cache_, norm_, angle_, rotation_;
  std::vector<RoundingError> functions_;
  ImageSum linear_sum_, score_sum_, mix_sum_, softmax_sum_, norm_sum_;
};

}  // namespace snellen
