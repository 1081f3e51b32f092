// P . a^n . Q under NoPE, P . a^n under ALiBi: explicit tokens, eras of lengths and a tail; the last pair that is distinct is isolated among them. Why: proofs/era.md and
// proofs/tail.md.
#pragma once

#include "bounds/inevitable.hpp"

namespace snellen {

// Why this way does not serve; nothing if it does.
std::optional<std::string> eras_refuse(const InevitableTask& task);

// The task must not be refused. More degree and precision while some row is not exact.
InevitableAnswer by_eras(const InevitableTask& task, Progress& progress);

}  // namespace snellen
