// The differences y(S_{n+1}) - y(S_n) themselves, by the difference world: to full relative accuracy, where the difference of two enclosures would say only that it is small.
#pragma once

#include <optional>
#include <vector>

#include "bounds/evaluate.hpp"
#include "bounds/result.hpp"
#include "lib/model/counterparts.hpp"

namespace snellen {

// For each pair of the block an enclosure of second - first, entry by entry; nothing for a pair of tokens that are not counterparts (counterparts.hpp).
std::vector<std::optional<CertifiedVector>> evaluate_differences(const Model& model, const FamilyBlock& block, const std::vector<std::size_t>& counterparts, Place place,
                                                                 long bits, Progress& progress);

// The precision at which the differences of a model of this depth have some 40 correct bits, however small they are: balls lose about 15 bits a layer. A guess for speed only.
long difference_bits(const Model& model);

// Both enclose one number: what both allow. std::logic_error where they are disjoint.
Enclosure intersection(const Enclosure& x, const Enclosure& y);

// Does the enclosure have at least `bits` correct bits, relative to itself? [0, 0] has.
bool is_accurate(const Enclosure& distance, long bits);

}  // namespace snellen
