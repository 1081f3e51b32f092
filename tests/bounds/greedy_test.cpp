#include "bounds/greedy.hpp"

#include "bounds/certify.hpp"
#include "lib/error.hpp"
#include "lib/model/synthetic.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

// The next token of one prompt by itself, by a certification.
std::optional<Token> alone(const Model& model, const std::vector<Token>& prompt) {
  CertifyRequest request;
  request.family.prefix = prompt;
  request.family.unit = {0};
  request.family.from = request.family.to = 0;
  request.criteria = {Criterion::argmax};
  SilentProgress silent;
  return certify(model, request, silent).next_tokens.at(0);
}

}  // namespace

TEST_CASE("greedy tokens of many prompts are those of each by itself", "[greedy]") {
  std::size_t compared = 0;
  for (const PositionKind position : {PositionKind::none, PositionKind::rope, PositionKind::alibi, PositionKind::sinusoidal, PositionKind::learned}) {
    RandomModel description;
    description.width = 16, description.layers = 2, description.hidden = 16, description.position = position, description.seed = 3;
    const Model model = synthetic_model(description);
    const std::vector<std::vector<Token>> prompts = {{1, 2, 3}, {4}, {1, 2, 3, 4, 5, 6, 7, 8, 9}, {4}, {3, 2, 1}, {15, 0, 0, 0}, {9, 9}};
    SilentProgress progress;
    const auto next = greedy_tokens(model, prompts, 4096, progress);
    REQUIRE(next.size() == prompts.size());
    for (std::size_t i = 0; i < prompts.size(); ++i) {
      REQUIRE(next[i]);
      CHECK(next[i] == alone(model, prompts[i]));
      ++compared;
    }
  }
  CHECK(compared == 35);
}

TEST_CASE("greedy tokens: a tie is never decided", "[greedy]") {
  RandomModel description;
  description.width = 16, description.layers = 1, description.hidden = 16;
  Model model = synthetic_model(description);
  const std::vector<double> row(model.width, 0.0);
  std::vector<double> equal;
  for (std::size_t token = 0; token < model.vocabulary; ++token) equal.insert(equal.end(), row.begin(), row.end());
  model.unembedding.weight = std::make_shared<DenseTensor>(model.vocabulary, model.width, std::move(equal));
  SilentProgress progress;
  CHECK(greedy_tokens(model, {{1, 2}, {3}}, 256, progress) == std::vector<std::optional<Token>>(2));
}

TEST_CASE("greedy tokens: prompts that the model cannot take are refused by their number", "[greedy]") {
  RandomModel description;
  const Model model = synthetic_model(description);
  SilentProgress progress;
  for (const std::vector<Token>& bad : {std::vector<Token>{}, {-1}, {static_cast<Token>(model.vocabulary)}}) {
    try {
      greedy_tokens(model, {{1}, bad}, 256, progress);
      FAIL("not refused");
    } catch (const InputError& error) {
      CHECK(std::string(error.what()).find("prompt 2") != std::string::npos);
    }
  }
  CHECK(greedy_tokens(model, {}, 256, progress).empty());
}
