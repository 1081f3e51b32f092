// Prompts, a JSON value a line.
#include "cases/prompts.hpp"
#include "tests/fuzz/target.hpp"

namespace snellen::fuzz {
namespace {

constexpr std::string_view tokenizer = R"({"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}})";

void run(Bytes input) {
  const Scratch scratch;
  const auto prompts = read_prompts(scratch.file("prompts.jsonl", text_of(input)), scratch.file("tokenizer.json", tokenizer));
  for (const auto& prompt : prompts) {
    for (const Token token : prompt) check(token >= 0, "a token id below 0");
  }
}

const Registered registered({"prompts", run});

}  // namespace
}  // namespace snellen::fuzz
