// What most "divergences" turn out to be: a dump that is not what it is taken for. Looked for before anything is judged.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bounds/validation/dump.hpp"
#include "lib/model/columns.hpp"
#include "lib/world/engine_profile.hpp"

namespace snellen {

struct Finding {
  enum class Kind { wrong_tokens, not_a_number, infinite, zero, constant, duplicate, equal_tokens, padded, permuted_tokens, other_tokens, headroom };
  Kind kind;
  std::string operation;  // the first where it was seen
  std::string text;       // one sentence
  bool fatal = false;     // the dump cannot be judged: bad input
};

std::string_view name_of(Finding::Kind kind);

struct Lint {
  std::vector<Finding> findings;
  // The largest magnitude of all dumped vectors, where it is, and how many doublings are left to the format's largest number.
  double largest = 0;
  std::string largest_at;
  double headroom_bits = 0;
};

Lint lint(const Model& model, std::span<const Column> columns, const Dump& dump, const EngineProfile& profile);

}  // namespace snellen
