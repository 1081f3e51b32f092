#include "lib/files/safetensors_writer.hpp"

#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "lib/files/safetensors.hpp"
#include "tests/catch.hpp"

using namespace snellen;

TEST_CASE("safetensors writer: the reader gets back every bit", "[safetensors]") {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<NamedArray> arrays = {{"hidden.0.lower", {2, 3}, {0.1, -0.0, 5e-324, -infinity, 1e308, -1}},
                                          {"empty", {0, 3}, {}},
                                          {"a \"name\"", {1, 1, 2}, {infinity, 2}}};
  const std::string content = safetensors_content(arrays);
  const auto path = std::filesystem::temp_directory_path() / "snellen-safetensors-writer-test.safetensors";
  std::ofstream(path, std::ios::binary) << content;
  const StoredTensors tensors = read_safetensors(MappedFile::open(path));
  REQUIRE(tensors.size() == 3);
  int values = 0;
  for (const NamedArray& array : arrays) {
    const StoredTensor& stored = tensors.at(array.name);
    CHECK(stored.storage->name == "F64");
    CHECK(stored.shape == array.shape);
    CHECK(reinterpret_cast<std::uintptr_t>(stored.bytes.data()) % 8 == 0);
    REQUIRE(stored.bytes.size() == 8 * array.values.size());
    for (std::size_t i = 0; i < array.values.size(); ++i, ++values) {
      double value = 0;
      std::memcpy(&value, stored.bytes.data() + 8 * i, 8);
      CHECK(std::bit_cast<std::uint64_t>(value) == std::bit_cast<std::uint64_t>(array.values[i]));
    }
  }
  CHECK(values == 8);
  std::filesystem::remove(path);
}

TEST_CASE("safetensors writer: what contradicts itself is refused", "[safetensors]") {
  CHECK_THROWS_AS(safetensors_content({{"a", {2}, {1}}}), std::invalid_argument);
  CHECK_THROWS_AS(safetensors_content({{"a", {1}, {1}}, {"a", {1}, {2}}}), std::invalid_argument);
}
