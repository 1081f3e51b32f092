// The states of a long run of one token after a prefix, layer by layer, as doubles with a bound of their errors: what analyses of even longer runs start from.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "lib/model/model.hpp"
#include "lib/progress.hpp"

namespace snellen {

class RoundedRun {
 public:
  // prefix . unit^n of `tokens` tokens in all. Layers without windows, soft-caps and ALiBi; no positions are added to the embeddings (std::logic_error). A step of progress for each block of tokens.
  RoundedRun(const Model& model, std::span<const Token> prefix, Token unit, std::size_t tokens, Progress& progress);

  std::size_t tokens() const { return tokens_; }
  // The residual stream that enters layer l of token j: states(l)[j * width ...]; l = layers: what leaves the last, before the final norm.                     [tokens][width]
  std::span<const double> states(std::size_t l) const { return states_[l]; }
  // At least |x - states|_2, token by token. Infinite where nothing is known.                                                                                  [tokens]
  std::span<const double> errors(std::size_t l) const { return errors_[l]; }
  // The largest of them.
  double error(std::size_t l) const;

 private:
  std::size_t tokens_;
  std::vector<std::vector<double>> states_, errors_;  // [layers + 1]
};

}  // namespace snellen
