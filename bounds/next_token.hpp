// The next token, certified: the greedy choice of the exact model.
#pragma once

#include <optional>
#include <vector>

#include "lib/model/model.hpp"
#include "lib/world/ball.hpp"

namespace snellen {

// For each column of y = N3(x(L)) [width, tokens] the token whose logit is proved to exceed every other, or none.
// The logits are U y; a soft-cap is increasing and changes no order. The vocabulary is large and the margin usually is too, so doubles with enclosed errors come first; for the columns that need more, the
// tokens that are left meet in balls, whose precision is raised up to the world's own.
std::vector<std::optional<Token>> certified_next_tokens(const Model& model, const BallWorld& world, const BallWorld::Block& y);

}  // namespace snellen
