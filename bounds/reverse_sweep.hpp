// Derivatives of the decoder's output with respect to what every token enters with, layer by layer from the last one down. Only the layers' inputs are kept from the
// forward pass; a layer is evaluated again, recording, when its turn comes, so that one layer's tape is alive at a time (checkpointing; Griewank and Walther 2008,
// chapter 12).
#pragma once

#include <functional>
#include <vector>

#include "bounds/evaluate.hpp"
#include "lib/number/magnitude.hpp"
#include "lib/world/reverse.hpp"

namespace snellen {

// states[l] [width, tokens] encloses x(l), l = 0, ..., layers, of the tokens in `columns` (one block, no memory before it). Each batch holds cotangents of y (or of x(L)
// where place is `hidden`), and comes back as those of x(0): an enclosure of the exact derivative, since the exact states lie in the balls. Batches share the tapes;
// their size decides the memory. `observe` sees each layer's tape, layers - 1 first.
//
// blocks[l] [tokens][tokens]: at least |d x_n(l+1) / d x_i(l)|_2, row n. From layer to layer a cotangent is an exact midpoint m and a radius rho in the 2-norm: a layer is walked
// back at m alone, and what is left, |J^T (g - m)|, is at most sum_n blocks[n][i] rho_n (proofs/sensitivity.md, "Radii"). Entry by entry balls would lose |W|_1 at each
// map, this loses |J|_2 at each layer.
using TapeObserver = std::function<void(std::size_t layer, const Tape& tape)>;
std::vector<Cotangents> reverse_sweep(const Model& model, std::span<const Column> columns, const std::vector<BallMatrix>& states,
                                      const std::vector<std::vector<Magnitude>>& blocks, Place place, std::vector<Cotangents> batches, long bits,
                                      Progress& progress, const TapeObserver& observe = {});

}  // namespace snellen
