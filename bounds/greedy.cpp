#include "bounds/greedy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <variant>

#include "bounds/evaluate.hpp"
#include "lib/error.hpp"

namespace snellen {
namespace {

// Correct bits asked of the last vectors at first: margins of logits are seldom smaller.
constexpr long accuracy = 40;
constexpr long first_raise = 64;

void check(const Model& model, const std::vector<Token>& prompt, std::size_t number) {
  const std::string place = fmt::format("prompt {}", number);
  if (prompt.empty()) throw InputError(place, "no token, expected at least one");
  for (const Token token : prompt) {
    if (token < 0 || token >= static_cast<Token>(model.vocabulary))
      throw InputError(place, fmt::format("found token {}, expected token ids from 0 to {}", token, model.vocabulary - 1));
  }
  const auto* learned = std::get_if<LearnedPositions>(&model.positions);
  if (learned && prompt.size() > learned->table->rows())
    throw InputError(place, fmt::format("{} tokens, expected at most {}, the learned positions", prompt.size(), learned->table->rows()));
}

}  // namespace

std::vector<std::optional<Token>> greedy_tokens(const Model& model, const std::vector<std::vector<Token>>& prompts, long max_bits, Progress& progress) {
  for (std::size_t i = 0; i < prompts.size(); ++i) check(model, prompts[i], i + 1);
  std::vector<std::optional<Token>> result(prompts.size());
  std::vector<std::size_t> open(prompts.size());
  std::iota(open.begin(), open.end(), std::size_t{0});
  long bits = 0;
  for (long raise = first_raise; !open.empty(); raise *= 2) {
    SequenceTree tree({});
    FamilyBlock block;
    for (const std::size_t i : open) block.first.push_back(tree.add(0, prompts[i]));
    block.second = block.first;
    block.columns = tree.columns();
    bits = std::min(max_bits, bits == 0 ? predict_bits(model, block.columns, accuracy) : bits + raise);
    const Evaluation evaluation = evaluate(model, block, Place::final, true, bits, progress);
    for (std::size_t i = 0; i < open.size(); ++i) result[open[i]] = evaluation.next_tokens[evaluation.first[i]];
    std::erase_if(open, [&](std::size_t i) { return result[i].has_value(); });
    if (bits == max_bits) break;
  }
  return result;
}

}  // namespace snellen
