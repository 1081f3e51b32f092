// One operation's dump against its image.
#pragma once

#include "bounds/validation/validate.hpp"

namespace snellen {

// Does `token` see this row of its scores or probabilities [heads * entries]? True of every other operation. What is not seen engines fill with -infinity, or the lowest number that they have.
bool visible_entry(const Model& model, const OperationName& operation, std::size_t row, std::size_t token, std::size_t entries);

// Every entry inside, outside, or not to be told; without `carried` and `hints`.
OperationVerdict judged(const Model& model, const EngineProfile& profile, const OperationName& operation, const ImageBlock& image, const DumpedTensor& dumped);

// What the engine had in place of `image`, as the next operations' input: the dumped values, or their rounding cells where the dump is narrower than the engine's own format. What a
// token does not see keeps its image; of a NaN or an infinity whatever comes is no news.
void take_dumped(const Model& model, const EngineProfile& profile, const OperationName& operation, const DumpedTensor& dumped, ImageBlock& image);

}  // namespace snellen
