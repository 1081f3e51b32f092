// One pass through the decoder that keeps what derivatives need: the layers' inputs, and how far every token reaches.
#pragma once

#include <span>
#include <vector>

#include "bounds/evaluate.hpp"
#include "lib/world/influence.hpp"

namespace snellen {

struct ForwardPass {
  std::vector<BallMatrix> states;              // x(0), ..., x(L) [width, tokens], as balls entry by entry
  std::vector<std::vector<Magnitude>> blocks;  // of each layer [tokens][tokens]: at least |d x_n(l+1) / d x_i(l)|_2, row n
  Reach reach;                                 // of y (place `final`), or of x(L)
  BallMatrix y;                                // N3(x(L)) [width, tokens]
};

// At most `bits` bits in midpoints. The columns come in one block, with no memory before them.
ForwardPass forward_pass(const Model& model, std::span<const Column> columns, Place place, long bits, Progress& progress);

}  // namespace snellen
