#include "lib/files/gguf.hpp"

#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"

using namespace snellen;
using checkpoint::raw;
using checkpoint::refusal;
using namespace checkpoint::gguf;

namespace {

Gguf read(const checkpoint::Folder& folder, const std::string& bytes) {
  return read_gguf(MappedFile::open(folder.write("t.gguf", bytes)));
}

std::string array_of(std::uint32_t element, std::uint64_t count, const std::string& elements) {
  return raw(std::uint32_t{9}) + raw(element) + raw(count) + elements;
}

// Every type of value, and two tensors; nothing is padded at the end, so that no prefix is whole.
std::string everything(std::uint32_t version = 3) {
  const Metadata metadata = {
      {"u8", raw(std::uint32_t{0}) + raw(std::uint8_t{200})},
      {"i8", raw(std::uint32_t{1}) + raw(std::int8_t{-100})},
      {"u16", raw(std::uint32_t{2}) + raw(std::uint16_t{65535})},
      {"i16", raw(std::uint32_t{3}) + raw(std::int16_t{-32768})},
      {"u32", u32(4000000000u)},
      {"i32", raw(std::uint32_t{5}) + raw(std::int32_t{-2000000000})},
      {"f32", f32(0.1f)},
      {"bool", boolean(true)},
      {"string", string("ab")},
      {"strings", array_of(8, 3, text("x") + text("") + text("yz"))},
      {"numbers", array_of(5, 2, raw(std::int32_t{1}) + raw(std::int32_t{-1}))},
      {"arrays", array_of(9, 2, raw(std::uint32_t{0}) + raw(std::uint64_t{1}) + "q" + raw(std::uint32_t{8}) + raw(std::uint64_t{0}))},
      {"u64", raw(std::uint32_t{10}) + raw(~std::uint64_t{0})},
      {"i64", raw(std::uint32_t{11}) + raw(std::int64_t{-1})},
      {"f64", raw(std::uint32_t{12}) + raw(0.1)},
      {"general.alignment", u32(16)},
  };
  const auto a = checkpoint::tensor("a", {2, 3}), b = checkpoint::tensor("b", {5});
  std::string data = a.data();
  data.resize(32);
  return file(metadata, {{"a", {2, 3}, 0, 0}, {"b", {5}, 0, 32}}, data + b.data(), 16, version);
}

}  // namespace

TEST_CASE("gguf: every type of metadata and both versions are read; the fastest dimension is the columns", "[files]") {
  const checkpoint::Folder folder;
  for (const std::uint32_t version : {2u, 3u}) {
    const Gguf gguf = read(folder, everything(version));
    CHECK(gguf.version == version);
    REQUIRE(gguf.metadata.size() == 16);
    const auto value = [&](const char* key) { return gguf.metadata.at(key).value; };
    CHECK(std::get<std::uint64_t>(value("u8")) == 200);
    CHECK(std::get<std::int64_t>(value("i8")) == -100);
    CHECK(std::get<std::uint64_t>(value("u16")) == 65535);
    CHECK(std::get<std::int64_t>(value("i16")) == -32768);
    CHECK(std::get<std::uint64_t>(value("u32")) == 4000000000u);
    CHECK(std::get<std::int64_t>(value("i32")) == -2000000000);
    CHECK(std::get<double>(value("f32")) == 0.1f);
    CHECK(std::get<bool>(value("bool")));
    CHECK(std::get<std::string>(value("string")) == "ab");
    CHECK(std::get<std::uint64_t>(value("u64")) == ~std::uint64_t{0});
    CHECK(std::get<std::int64_t>(value("i64")) == -1);
    CHECK(std::get<double>(value("f64")) == 0.1);
    CHECK(std::get<GgufArray>(value("strings")).strings() == std::vector<std::string_view>{"x", "", "yz"});
    CHECK(std::get<GgufArray>(value("numbers")).count == 2);
    CHECK(std::get<GgufArray>(value("arrays")).element == GgufType::array);
    CHECK(gguf.tensors.at("a").shape == std::vector<std::size_t>{2, 3});
    const auto expected = checkpoint::tensor("a", {2, 3}).values;
    CHECK(read_all(*gguf.tensors.at("a").tensor("a")) == std::vector<double>(expected.begin(), expected.end()));
    CHECK(gguf.tensors.at("b").tensor("b")->columns() == 5);
  }
}

TEST_CASE("gguf: a file cut anywhere is refused", "[files]") {
  const checkpoint::Folder folder;
  const std::string whole = everything();
  std::size_t refused = 0;
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string message = refusal([&] { read(folder, whole.substr(0, length)); });
    if (message.find("t.gguf: byte ") == std::string::npos) FAIL(length << ": " << message);
    ++refused;
  }
  CHECK(refused == whole.size());
}

TEST_CASE("gguf: no change of one byte leads anywhere but to a model file or an InputError", "[files]") {
  const checkpoint::Folder folder;
  const std::string whole = everything();
  std::size_t read_well = 0, refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {0x01, 0x02, 0x10, 0x80, 0xff}) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ flip);
      const std::string message = refusal([&] {
        const Gguf gguf = read(folder, changed);
        for (const auto& [name, stored] : gguf.tensors) read_all(*stored.tensor(name));
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
  CHECK(read_well > 500);
  CHECK(refused > 500);
}

TEST_CASE("gguf: what does not fit is refused with its byte", "[files]") {
  const checkpoint::Folder folder;
  const auto huge = std::uint64_t{1} << 62;
  const std::string data(64, '\0');
  const auto keys = [](const Metadata& metadata) { return file(metadata, std::vector<Info>{}, ""); };
  const auto infos = [&](const std::vector<Info>& infos) { return file(Metadata{}, infos, data); };
  struct Case {
    std::string bytes, message;
  };
  std::string nested = raw(std::uint8_t{0});
  for (int depth = 0; depth < 10; ++depth) nested = raw(std::uint32_t{depth == 0 ? 0u : 9u}) + raw(std::uint64_t{1}) + nested;
  const Case cases[] = {
      {"GGML" + raw(std::uint32_t{3}) + std::string(16, '\0'), "byte 0: the file begins with 'GGML', expected 'GGUF'"},
      {start(0, 0, 1), "byte 4: GGUF version 1, expected 2 or 3"},
      {start(0, 0, 4), "byte 4: GGUF version 4"},
      {start(0, 0, 0), "byte 4: GGUF version 0"},
      {start(0, 0, 0x03000000), "byte 4: a big-endian GGUF file"},
      {start(huge, 0), "byte 8: the number of tensors is 4611686018427387904, expected at most 0"},
      {start(0, huge), "byte 16: the number of metadata keys is 4611686018427387904"},
      {keys({{"k", raw(std::uint32_t{13})}}), "byte 33: a metadata value's type is 13"},
      {keys({{"k", raw(std::uint32_t{7}) + "\x02"}}), "byte 37: a bool is 2"},
      {keys({{"k", raw(std::uint32_t{8}) + raw(~std::uint64_t{0})}}), "byte 45: a metadata value needs 18446744073709551615 bytes"},
      {keys({{"k", array_of(12, huge, "")}}), "byte 41: an array's length is 4611686018427387904, expected at most 0"},
      {keys({{"k", array_of(8, huge, "")}}), "an array's length is 4611686018427387904"},
      {keys({{"k", array_of(9, huge, "")}}), "an array's length is 4611686018427387904"},
      {keys({{"k", array_of(77, 0, "")}}), "byte 37: an array's element type is 77"},
      {keys({{"k", raw(std::uint32_t{9}) + nested}}), "arrays nested more than 4 deep"},
      {keys({{"k", u32(1)}, {"k", u32(1)}}), "byte 41: key 'k' occurs twice"},
      {file({{"general.alignment", u32(24)}}, {{"a", {16}, 0, 0}}, data), "general.alignment is 24, expected a power of two"},
      {file({{"general.alignment", u32(0)}}, {{"a", {16}, 0, 0}}, data), "general.alignment is 0"},
      {file({{"general.alignment", string("x")}}, {{"a", {16}, 0, 0}}, data), "general.alignment has type string"},
      {infos({{"a", {}, 0, 0}}), "byte 24: tensor 'a': 0 dimensions"},
      {infos({{"a", {1, 1, 1, 1, 1}, 0, 0}}), "5 dimensions, expected 1 to 4"},
      {infos({{"a", {4, 0}, 0, 0}}), "a dimension is 0"},
      {infos({{"a", {huge, huge}, 0, 0}}), "fewer than 2^64 bytes"},
      {infos({{"a", {huge}, 0, 0}}), "fewer than 2^64 bytes"},
      {infos({{"a", {huge / 2}, 0, 0}}), "the file ends at"},
      {infos({{"a", {16}, 99, 0}}), "unknown type number 99"},
      {infos({{"a", {2, 16}, 8, 0}}), "expected rows of whole blocks of 32"},
      {infos({{"a", {16}, 0, 32}}), "data offset 32, expected 0: a hole"},
      {infos({{"a", {16}, 0, 0}, {"b", {16}, 0, 32}}), "data offset 32, expected 64: it overlaps"},
      {infos({{"a", {8}, 0, 0}, {"b", {1}, 0, 33}}), "data offset 33, expected 32"},
      {infos({{"a", {17}, 0, 0}}), "its 68 bytes begin at byte 64, the file ends at 128"},
      {infos({{"a", {8}, 0, 0}, {"b", {8}, 0, ~std::uint64_t{0} - 7}}), "a hole"},
      {infos({{"a", {8}, 0, 0}, {"a", {8}, 0, 32}}), "tensor 'a': the name occurs twice"},
      {infos({{"a", {8}, 0, 0}}), "32 bytes after the last tensor"},
  };
  std::size_t refused = 0;
  for (const Case& c : cases) {
    const std::string message = refusal([&] { read(folder, c.bytes); });
    CAPTURE(message, c.message);
    CHECK(message.find(c.message) != std::string::npos);
    ++refused;
  }
  CHECK(refused == 34);
  CHECK(read(folder, infos({{"a", {16}, 0, 0}})).tensors.size() == 1);
}

TEST_CASE("gguf: types that are not decoded, and scales that are no numbers, are refused when used", "[files]") {
  const checkpoint::Folder folder;
  const Gguf q2 = read(folder, file(Metadata{}, {{"w", {1, 256}, 10, 0}}, std::string(84, '\0')));
  CHECK(refusal([&] { q2.tensors.at("w").tensor("w"); }).find("tensor 'w' has type Q2_K") != std::string::npos);
  std::string blocks(6 * 34, '\0');
  blocks.replace(4 * 34, 2, raw(std::uint16_t{0x7c00}));
  const Gguf q8 = read(folder, file(Metadata{}, {{"w", {2, 96}, 8, 0}}, blocks));
  CHECK(refusal([&] { q8.tensors.at("w").tensor("w"); }).find("tensor 'w' at [1, 32]: the scale of the block there") != std::string::npos);
}
