// P . U^n . Q, with delimiters or without, under ALiBi, windows in some layers or none: pairs of finitely many kinds, each of which tends geometrically to a pair of
// vectors. Copies of the period one by one, and a tail that shows how it ends: collapse of all later pairs, or some kind distinct for ever. Why: proofs/periodic.md.
#pragma once

#include "bounds/inevitable.hpp"

namespace snellen {

// Why this way does not serve; nothing if it does.
std::optional<std::string> period_refuses(const InevitableTask& task);

// The task must not be refused. More precision while some row is open.
InevitableAnswer by_period(const InevitableTask& task, Progress& progress);

}  // namespace snellen
