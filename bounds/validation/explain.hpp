// A failed operation, explained: hypotheses about the dump that are tried one by one. Each one named is checked (the entries moved so lie in the image); none is
// part of the verdict.
#pragma once

#include <string>
#include <vector>

#include "bounds/validation/dump.hpp"
#include "lib/world/image.hpp"

namespace snellen {

// `input`: the operation's own input as it was dumped (the final norm's), or null.
std::vector<std::string> explanations(const Model& model, const EngineProfile& profile, const OperationName& operation, const ImageBlock& image, const DumpedTensor& dumped,
                                      const ImageBlock* input);

}  // namespace snellen
