// A whole layer at once, where only its input and its output were dumped. Componentwise images are far too wide over a layer; along one direction roundings mostly cancel.
//
// Let z be the exact layer of the engine's own input, y what it dumped, and c any vector: if an engine of the profile computed y, then
//   |c . (y - z)| <= sum over the layer's operations of |J^T c| . rho,
// J the derivative of the layer's output with respect to the operation's result, enclosed over everything between the engine and exact arithmetic, rho what the operation's own roundings
// may be (lib/world/deviation.hpp; proofs/validation.md, `directional`). c is the direction of y - z, where it shows most.
#pragma once

#include <vector>

#include "lib/model/columns.hpp"
#include "lib/world/engine_profile.hpp"
#include "lib/world/image.hpp"

namespace snellen {

// Of one token, |c|_2 = 1 up to rounding.
struct Directional {
  double distance = 0;   // at most |c . (y - z)|
  double reach = 0;      // at least what any engine of the profile may have there; infinite where nothing is known
  double relative = 0;   // reach / |z - x|_2, what the layer adds: from 1 on a layer that does nothing would not be noticed
  bool proves_failure() const { return distance > reach; }
};

// before, after [width, tokens]: what the engine had before and after layer `layer`, as intervals where a dump is narrower than its format; one entry a token. Empty where the
// profile's local errors are not covered (LocalErrors::cover) or the intervals are infinite.
std::vector<Directional> directional(const Model& model, std::size_t layer, std::span<const Column> columns, const EngineProfile& profile, const ImageBlock& before, const ImageBlock& after);

}  // namespace snellen
