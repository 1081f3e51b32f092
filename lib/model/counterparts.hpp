// Which tokens of the two sequences of a pair belong together: those whose states are alike. Where S_n = P.U^n.Q and S_{n+1} are compared, a token of the prefix is the
// same in both; a run token belongs to the one that is a unit later, and a token of the suffix to the same token of the other suffix: these stand at equal distances
// from the end, so that what differs fades with n. (By causality the run tokens of S_n itself are also tokens of S_{n+1}; but the last token, in which both are compared,
// sees them from another distance.)
#pragma once

#include <optional>
#include <vector>

#include "lib/model/family.hpp"

namespace snellen {

// No counterpart.
inline constexpr std::size_t no_column = ~std::size_t{0};

// counterparts[c]: the column that stands in S_{n+1} where column c stands in S_n, c itself in the prefix; no_column for the last columns, of which the family's block has no
// later ones. No column is the counterpart of two. Nothing for families whose pairs are not of this kind (samples, delimiters, a repeated last token).
std::optional<std::vector<std::size_t>> counterparts(const Family& family, const FamilyBlock& block);

}  // namespace snellen
