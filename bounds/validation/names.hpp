// What other people call the operations: names of Hugging Face modules, of llama.cpp's graph and of Meta's reference, put into Snellen's
// (lib/model/operations.hpp); and rules of the user's own.
#pragma once

#include <optional>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "lib/error.hpp"

namespace snellen {

// A name that matches `pattern` as a whole becomes `replacement`, with $1, $2, ... for groups (ECMAScript).
struct NameRule {
  std::regex pattern;
  std::string replacement;
};
// A tensor that is the sum of several, each pattern's groups filled in: engines that keep a pending residual.
struct SumRule {
  std::string name;                // "hidden.1"
  std::vector<std::string> terms;  // names in the file
};

// "PATTERN=NAME" and "NAME=TERM+TERM". InputError with `place`.
NameRule name_rule(const std::string& text, const std::string& place);
SumRule sum_rule(const std::string& text, const std::string& place);

// Snellen's name: by the first rule that matches, else by the tables, else none.
std::optional<std::string> canonical_name(const std::string& name, const std::vector<NameRule>& rules);

}  // namespace snellen
