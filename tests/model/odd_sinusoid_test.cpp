// Sinusoidal positions come in pairs: a width that leaves a sine without its cosine is refused wherever models are made. (Worlds would differ on it.)
#include "lib/files/load_model.hpp"
#include "lib/model/synthetic.hpp"
#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"

using namespace snellen;

TEST_CASE("sinusoidal positions need an even width") {
  RandomModel description;
  description.width = 33, description.heads = 1, description.position = PositionKind::sinusoidal;
  REQUIRE(problem_of(description));
  CHECK(problem_of(description)->key == "width");
  CHECK_THROWS_AS(synthetic_model(description), InputError);
  description.position = PositionKind::none;
  CHECK(!problem_of(description));

  const checkpoint::Folder folder;
  folder.write("model.safetensors", checkpoint::safetensors({checkpoint::tensor("model.embed_tokens.weight", {2, 33})}));
  nlohmann::json config = {{"model_type", "llama"},     {"hidden_size", 33}, {"intermediate_size", 4},
                           {"num_hidden_layers", 1},    {"vocab_size", 2},   {"num_attention_heads", 1},
                           {"num_key_value_heads", 1},  {"position_embedding_type", "sinusoidal"}};
  folder.write("config.json", config.dump());
  const std::string refusal = checkpoint::refusal([&] { load_model(folder.path()); });
  INFO(refusal);
  CHECK(refusal.find("field 'hidden_size' is 33, expected an even width") != std::string::npos);
}
