// Upper bounds of |J_{n,i}|_2 = |d y_n / d x_i(0)|_2 to set beside the certified norm: the paper's Theorem 5.1 as its proof has it.
#pragma once

#include <string>
#include <vector>

#include "lib/model/model.hpp"
#include "lib/number/magnitude.hpp"
#include "lib/world/reverse_attention.hpp"

namespace snellen {

// Why the paper's theorem cannot be read literally for this model; empty where it can: one head that reads the normalised vectors themselves (W = I, no biases), no norm
// with weights, no MLP. (The theorem has an MLP with a global Lipschitz constant, which a gated one does not have.)
std::string not_the_papers_model(const Model& model);

// C [prod over l of (Lambda(l) / beta1(l) + I)]_{n,i} for every n and i, C = 1 / beta3, last layer first: Barbero et al. 2024, Theorem 5.1, in the version of its proof
// (`over_squashing` in proofs/theories), rounded up. It takes attention's weights Lambda(l) for constants, and so the norms: beta(l) is the least root of a token
// that occurs. Not a bound of the true derivative, in which both move.
// weights[l] is layer l's attention step, states[l] encloses its input, l = 0, ..., layers (the last: without a step).                       -> [n][i], row-major
std::vector<Magnitude> papers_bound(const Model& model, const std::vector<std::shared_ptr<const AttentionStep>>& steps, const std::vector<BallMatrix>& states, bool final);

}  // namespace snellen
