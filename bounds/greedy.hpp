// The tokens that follow prompts by greedy choice, certified.
#pragma once

#include <optional>
#include <vector>

#include "lib/model/model.hpp"
#include "lib/progress.hpp"

namespace snellen {

// For each prompt the token whose logit is proved to exceed every other after the prompt's last token, or none at `max_bits`. All prompts are branches of one
// evaluation; those whose choice stays open are evaluated again with more bits. InputError, naming the prompt by its number from 1, for an empty prompt, a token
// outside the vocabulary, or more tokens than a learned table of positions has.
std::vector<std::optional<Token>> greedy_tokens(const Model& model, const std::vector<std::vector<Token>>& prompts, long max_bits, Progress& progress);

}  // namespace snellen
