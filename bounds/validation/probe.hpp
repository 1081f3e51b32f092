// Single operations of an engine, fed with inputs of one's own: one-hot and scaled vectors show single weights, where sums of many hide an ulp.
#pragma once

#include "bounds/validation/validate.hpp"

namespace snellen {

// The dump's rows are no tokens of a sequence but probes. Judged is every operation that reads its inputs row by row (linear maps, norms, activations, products, sums) and whose inputs
// were all dumped; an operation without them is an input itself. InputError where nothing can be judged.
Validation validate_probes(const Model& model, const Dump& dump, const EngineProfile& profile, Progress& progress);

}  // namespace snellen
