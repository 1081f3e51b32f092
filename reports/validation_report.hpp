// What a validation says, for people: the table and the sentence on standard output.
#pragma once

#include <string>
#include <vector>

#include "bounds/validation/validate.hpp"

namespace snellen {

std::string_view name_of(Judgement judgement);

// One row a dumped operation.
std::vector<std::vector<std::string>> validation_table(const Validation& v);
// The verdict: which layer and operation no rounding of the profile explains, or that all are explained.
std::string validation_sentence(const Validation& v);

}  // namespace snellen
