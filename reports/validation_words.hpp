// Words that the reports of a validation share.
#pragma once

#include <string>

#include "bounds/validation/validate.hpp"

namespace snellen {

std::string rough(double x);  // three digits; "unbounded" for infinities
std::string where(const Outside& o);
// What shows best what was found: the entry farthest outside, or the direction that no engine of the profile reaches, or how far directions reach; empty where there is nothing to say.
std::string evidence(const OperationVerdict& o);

}  // namespace snellen
