// A thousand certificates and models that say something false: ./snellen check accepts none.
#include <fstream>

#include "lib/files/load_model.hpp"
#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"
#include "tests/proofs/tampering.hpp"

using namespace snellen;

TEST_CASE("of a thousand changed certificates and models none passes") {
  const std::vector<testing::Example> examples = testing::examples();
  for (const testing::Example& example : examples) REQUIRE(testing::passes({"", example.certificate, example.model}));  // what is not changed does
  const testing::Attack attack = testing::attack(examples, 1000, 20240607);
  for (const auto& [what, tried] : attack.tried) WARN(what << ": " << tried);
  CAPTURE(attack.passed);
  CHECK(attack.passed.empty());
  REQUIRE(attack.total == 1000);
  CHECK(attack.tried.size() == 17);
}

// Slow to check, so that few are tried.
TEST_CASE("of changed certificates and models of two layers under rotary positions none passes") {
  const std::vector<testing::Example> examples = {testing::deep_example()};
  REQUIRE(testing::passes({"", examples[0].certificate, examples[0].model}));
  const testing::Attack attack = testing::attack(examples, 60, 20241128);
  for (const auto& [what, tried] : attack.tried) WARN(what << ": " << tried);
  CAPTURE(attack.passed);
  CHECK(attack.passed.empty());
  REQUIRE(attack.total == 60);
  CHECK(attack.tried.size() >= 14);
}

TEST_CASE("a flipped bit of a model's file: another digest; and with that in the certificate, other distances") {
  const std::filesystem::path source = std::string(std::getenv("SNELLEN_SOURCE")) + "/tests/engines/fixtures/tiny/llama";
  checkpoint::Folder folder;
  std::filesystem::copy(source / "config.json", folder.path() / "config.json");
  const auto bytes_of = [](const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const std::string good = bytes_of(source / "model.safetensors");
  folder.write("model.safetensors", good);
  CertifyRequest request = testing::small_request(2, {"bf16"}, false);
  const testing::Example example = testing::example("llama", load_model(folder.path()), request);
  REQUIRE(testing::passes({"", example.certificate, example.model}));

  SplitMix64 random(5);
  std::size_t loaded = 0, used = 0;
  for (int i = 0; i < 40; ++i) {
    std::string bytes = good;
    // In the last half of the file: weights, whatever the header's length.
    bytes[bytes.size() / 2 + random.below(bytes.size() / 2)] ^= static_cast<char>(1 << random.below(8));
    folder.write("model.safetensors", bytes);
    try {
      testing::Tamperer::Tampered t{"", example.certificate, load_model(folder.path())};
      ++loaded;
      CHECK(t.model.sha256 != example.model.sha256);
      CHECK(!testing::passes(t));
      t.certificate["model"]["sha256"] = t.model.sha256;
      used += !testing::passes(t);  // but for rows of tokens that no sequence has
    } catch (const InputError&) {  // no longer finite: refused on loading
    }
  }
  CHECK(loaded >= 30);
  CHECK(used >= loaded / 2);
}
