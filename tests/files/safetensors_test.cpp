#include "lib/files/safetensors.hpp"

#include <cmath>

#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"

using namespace snellen;
using checkpoint::raw;
using checkpoint::refusal;
using nlohmann::json;

namespace {

json entry(const std::string& dtype, const std::vector<std::uint64_t>& shape, std::uint64_t begin, std::uint64_t end) {
  return {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, end}}};
}

StoredTensors read(const checkpoint::Folder& folder, const std::string& bytes) {
  return read_safetensors(MappedFile::open(folder.write("t.safetensors", bytes)));
}

std::string with_header(const std::string& text, const std::string& data) {
  return raw(static_cast<std::uint64_t>(text.size())) + text + data;
}

}  // namespace

TEST_CASE("safetensors: what was written is read, row by row, at any alignment", "[files]") {
  const checkpoint::Folder folder;
  // Three bytes first: nothing after them is aligned.
  json header = {{"odd", entry("U8", {3}, 0, 3)},
                 {"f32", entry("F32", {2, 3}, 3, 27)},
                 {"f64", entry("F64", {1, 2}, 27, 43)},
                 {"f16", entry("F16", {2}, 43, 47)},
                 {"bf16", entry("BF16", {2, 1}, 47, 51)},
                 {"none", entry("F32", {0, 4}, 51, 51)}};
  std::string data = "xyz";
  for (const float value : {1.0f, -2.5f, 0x1p-149f, 3e38f, -0.0f, 7.0f}) data += raw(value);
  data += raw(0.1) + raw(-1e308);
  data += raw(std::uint16_t{0x3c01}) + raw(std::uint16_t{0x8001}) + raw(std::uint16_t{0x3f81}) + raw(std::uint16_t{0xc000});
  std::string text = header.dump();
  text += std::string((8 - text.size() % 8) % 8 + 1, ' ');  // padding, and a data section at an odd byte
  const StoredTensors tensors = read(folder, with_header(text, data));
  REQUIRE(tensors.size() == 6);
  const auto all = [&](const char* name) { return read_all(*tensors.at(name).tensor(name)); };
  CHECK(all("f32") == std::vector<double>{1.0, -2.5, 0x1p-149, 3e38f, -0.0, 7.0});
  CHECK(all("f64") == std::vector<double>{0.1, -1e308});
  CHECK(all("f16") == std::vector<double>{1 + 0x1p-10, -0x1p-24});
  CHECK(all("bf16") == std::vector<double>{1 + 0x1p-7, -2.0});
  CHECK(tensors.at("f16").tensor("f16")->rows() == 1);
  CHECK(tensors.at("bf16").tensor("bf16")->rows() == 2);
  std::vector<double> row(3);
  tensors.at("f32").tensor("f32")->read_row(1, row);
  CHECK(row == std::vector<double>{3e38f, -0.0, 7.0});
  CHECK(refusal([&] { tensors.at("odd").tensor("odd"); }).find("tensor 'odd' has type U8") != std::string::npos);
}

TEST_CASE("safetensors: a file cut anywhere is refused", "[files]") {
  const checkpoint::Folder folder;
  const std::string whole = checkpoint::safetensors({checkpoint::tensor("a", {2, 3}), checkpoint::tensor("b", {4})});
  CHECK(read(folder, whole).size() == 2);
  std::size_t refused = 0;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string message = refusal([&] { read(folder, whole.substr(0, length)); });
    if (message.find("t.safetensors: ") == std::string::npos) FAIL(length << ": " << message);
    ++refused;
  }
  CHECK(refused == whole.size());
}

TEST_CASE("safetensors: no change of one byte leads anywhere but to tensors or an InputError", "[files]") {
  const checkpoint::Folder folder;
  const std::string whole = checkpoint::safetensors({checkpoint::tensor("a", {2, 3}), checkpoint::tensor("b", {4})});
  std::size_t read_well = 0, refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {0x01, 0x02, 0x10, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const std::string message = refusal([&] {
        const auto tensors = read(folder, changed);
        for (const auto& [name, stored] : tensors) read_all(*stored.tensor(name));
      });
      if (message == "NOT REFUSED") {
        ++read_well;
      } else if (message.starts_with("NOT")) {
        FAIL(at << ": " << message);
      } else {
        ++refused;
      }
    }
  }
  CHECK(read_well + refused == 5 * whole.size());
  CHECK(read_well > 100);  // changes of values and names
  CHECK(refused > 500);
}

TEST_CASE("safetensors: what does not fit is refused, and said", "[files]") {
  const checkpoint::Folder folder;
  const std::string data(24, '\0');
  const auto one = [&](const json& header) { return checkpoint::safetensors(header, data); };
  const auto huge = std::uint64_t{1} << 62;
  struct Case {
    std::string bytes, message;
  };
  const Case cases[] = {
      {raw(std::uint64_t{100'000'001}) + std::string(100, ' '), "a header of 100000001 bytes, expected at most 100"},
      {raw(~std::uint64_t{0}) + "{}", "byte 0: a header of 18446744073709551615 bytes"},
      {with_header("[]", ""), "expected the header to begin with '{'"},
      {with_header("", ""), "expected the header to begin with '{'"},
      {with_header("{\"a\":}", ""), "is not valid JSON"},
      {with_header("{\"a\":{\"dtype\":\"\xff\"}}", ""), "is not valid JSON"},
      {with_header("{\"a\":[[[[[[[[[[1]]]]]]]]]]}", ""), "nested more than 8 deep"},
      {with_header(std::string("{").append(100000, '['), ""), "is not valid JSON"},
      {with_header(std::string("{\"a\":").append(100000, '['), ""), "nested more than 8 deep"},
      {with_header("{\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]},"
                   "\"a\":{\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}", data), "key 'a' occurs twice"},
      {with_header("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[6],\"data_offsets\":[0,24]}}", data), "key 'dtype' occurs twice"},
      {one({{"a", 1}}), "tensor 'a' is number, expected object"},
      {one({{"__metadata__", {{"x", 1}}}, {"a", entry("F32", {6}, 0, 24)}}), "__metadata__ 'x' is number, expected string"},
      {one({{"a", {{"shape", {6}}, {"data_offsets", {0, 24}}}}}), "'dtype' is missing"},
      {one({{"a", {{"dtype", 1}, {"shape", {6}}, {"data_offsets", {0, 24}}}}}), "'dtype' is number, expected string"},
      {one({{"a", {{"dtype", "F32"}, {"shape", 6}, {"data_offsets", {0, 24}}}}}), "'shape' is number, expected array"},
      {one({{"a", {{"dtype", "F32"}, {"shape", {6}}, {"data_offsets", {0, 24}}, {"x", 1}}}}), "unknown key 'x'"},
      {one({{"a", {{"dtype", "F32"}, {"shape", {-6}}, {"data_offsets", {0, 24}}}}}), "a dimension of its shape is -6"},
      {one({{"a", {{"dtype", "F32"}, {"shape", {6.0}}, {"data_offsets", {0, 24}}}}}), "a dimension of its shape is 6.0"},
      {one({{"a", {{"dtype", "F32"}, {"shape", {6}}, {"data_offsets", {0, 24, 24}}}}}), "3 data_offsets, expected 2"},
      {one({{"a", {{"dtype", "F32"}, {"shape", {6}}, {"data_offsets", {0, 1e30}}}}}), "a data offset is 1e+30"},
      {one({{"a", entry("Q32", {6}, 0, 24)}}), "unknown dtype 'Q32'"},
      {one({{"a", entry("F32", {6}, 24, 0)}}), "data_offsets [24, 0]"},
      {one({{"a", entry("F32", {7}, 0, 28)}}), "data_offsets [0, 28], expected begin <= end <= 24"},
      {one({{"a", entry("F32", {5}, 0, 24)}}), "24 bytes of data, expected 20 for F32 and shape [5]"},
      {one({{"a", entry("F64", {6}, 0, 24)}}), "24 bytes of data, expected 48"},
      {one({{"a", entry("F32", {huge, huge}, 0, 24)}}), "expected more than can be addressed"},
      {one({{"a", entry("F32", {huge, 4}, 0, 24)}}), "expected more than can be addressed"},
      {one({{"a", entry("F32", {4}, 0, 16)}, {"b", entry("F32", {3}, 12, 24)}}), "tensor 'b' begins at data byte 12, expected 16: it overlaps"},
      {one({{"a", entry("F32", {6}, 0, 24)}, {"b", entry("F32", {6}, 0, 24)}}), "it overlaps"},
      {one({{"a", entry("F32", {2}, 0, 8)}, {"b", entry("F32", {3}, 12, 24)}}), "begins at data byte 12, expected 8: a hole"},
      {one({{"a", entry("F32", {5}, 4, 24)}}), "begins at data byte 4, expected 0: a hole"},
      {one({{"a", entry("F32", {5}, 0, 20)}}), "4 unused bytes"},
      {one(json::object()), "24 unused bytes"},
  };
  std::size_t refused = 0;
  for (const Case& c : cases) {
    const std::string message = refusal([&] { read(folder, c.bytes); });
    CAPTURE(message, c.message);
    CHECK(message.find(c.message) != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
    ++refused;
  }
  CHECK(refused == 34);
}

TEST_CASE("safetensors: values that are no numbers are refused by name and place", "[files]") {
  const checkpoint::Folder folder;
  auto tensor = checkpoint::tensor("w", {3, 4});
  tensor.values[7] = NAN;
  const StoredTensors nan = read(folder, checkpoint::safetensors({tensor}));
  CHECK(refusal([&] { nan.at("w").tensor("w"); }).find("tensor 'w' at [1, 3]: the value is NaN or infinite") != std::string::npos);
  const StoredTensors cube = read(folder, checkpoint::safetensors({checkpoint::tensor("c", {1, 2, 3})}));
  CHECK(refusal([&] { cube.at("c").tensor("c"); }).find("tensor 'c' has shape [1, 2, 3], expected one or two") != std::string::npos);
}

TEST_CASE("safetensors: a sharded checkpoint is one set of tensors, its index believed only where it is true", "[files]") {
  const checkpoint::Folder folder;
  const auto a = checkpoint::tensor("a", {2, 3}), b = checkpoint::tensor("b", {4});
  folder.write("one.safetensors", checkpoint::safetensors({a}));
  folder.write("two.safetensors", checkpoint::safetensors({b}));
  const auto index = [&](const json& map) { return folder.write("i.json", json{{"metadata", json::object()}, {"weight_map", map}}.dump()); };
  const SafetensorsSet set = open_safetensors_index(index({{"a", "one.safetensors"}, {"b", "two.safetensors"}}));
  CHECK(set.tensors.size() == 2);
  CHECK(set.files.size() == 3);

  // A link out of the folder; and in the layout of a Hugging Face cache, a link to the blobs of the same model.
  const checkpoint::Folder elsewhere;
  elsewhere.write("two.safetensors", checkpoint::safetensors({b}));
  std::filesystem::create_symlink(elsewhere.path() / "two.safetensors", folder.path() / "link.safetensors");
  const auto snapshot = folder.path() / "snapshots" / "rev";
  std::filesystem::create_directories(snapshot);
  std::filesystem::create_directories(folder.path() / "blobs");
  std::filesystem::rename(folder.path() / "two.safetensors", folder.path() / "blobs" / "123");
  std::filesystem::create_symlink("../../blobs/123", snapshot / "two.safetensors");
  std::ofstream(snapshot / "i.json") << json{{"weight_map", {{"b", "two.safetensors"}}}}.dump();
  CHECK(open_safetensors_index(snapshot / "i.json").tensors.size() == 1);
  std::filesystem::create_symlink("../../one.safetensors", snapshot / "one.safetensors");
  folder.write("two.safetensors", checkpoint::safetensors({b}));

  struct Case {
    json map;
    std::string message;
  };
  const Case cases[] = {
      {{{"a", "one.safetensors"}, {"b", "one.safetensors"}, {"c", "two.safetensors"}}, "tensor 'b' is not listed for this file"},
      {{{"a", "one.safetensors"}, {"b", "two.safetensors"}, {"c", "one.safetensors"}, {"d", "two.safetensors"}},
       "2 listed tensors are missing, the first is 'c' (in 'one.safetensors')"},
      {{{"a", "one.safetensors"}, {"b", "link.safetensors"}}, "'link.safetensors' is a link that leaves the folder"},
      {{{"a", "../one.safetensors"}}, "expected a plain file name"},
      {{{"a", "/etc/hostname"}}, "expected a plain file name"},
      {{{"a", ".."}}, "expected a plain file name"},
      {{{"a", ""}}, "expected a plain file name"},
      {{{"a", "x\\y"}}, "expected a plain file name"},
      {{{"a", std::string("one.safetensors\0x", 17)}}, "expected a plain file name"},
      {{{"a", "three.safetensors"}}, "three.safetensors: cannot be opened"},
      {{{"a", "snapshots"}}, "is a folder"},
      {{{"a", 1}}, "weight_map 'a' is number, expected string"},
      {json::array(), "an object 'weight_map'"},
  };
  std::size_t refused = 0;
  for (const Case& c : cases) {
    const std::string message = refusal([&] { open_safetensors_index(index(c.map)); });
    CAPTURE(message, c.message);
    CHECK(message.find(c.message) != std::string::npos);
    ++refused;
  }
  CHECK(refused == 13);
  std::ofstream(snapshot / "i.json") << json{{"weight_map", {{"a", "one.safetensors"}}}}.dump();
  CHECK(refusal([&] { open_safetensors_index(snapshot / "i.json"); }).find("leaves the folder") != std::string::npos);
}
