// Words that the reports of a validation share.
#pragma once

#include <string>

#include "bounds/validation/validate.hpp"

namespace snellen {

std::string rough(double x);  // three digits; "unbounded" for infinities
std::string where(const Outside& o);

}  // namespace snellen
