// What every way to a limit of S_n along n begins its refusals with.
#pragma once

#include "bounds/inevitable.hpp"

namespace snellen {

// Why S_n = P . U^n . Q has no limit, or its pairs are not (S_n, S_n+1); nothing where neither is known to be so.
std::optional<std::string> limit_refuses(const InevitableTask& task);

}  // namespace snellen
