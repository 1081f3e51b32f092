// Arrays that engines write: .npy, .npz, raw numbers; and what is refused.
#include "lib/files/array_file.hpp"

#include <cmath>
#include <cstring>
#include <fstream>

#include "lib/error.hpp"
#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"

namespace {

using namespace snellen;
namespace fs = std::filesystem;

fs::path folder() {
  static const fs::path path = [] {
    std::string pattern = (fs::temp_directory_path() / "snellen-arrays-XXXXXX").string();
    if (!::mkdtemp(pattern.data())) throw std::runtime_error("mkdtemp");
    return fs::path(pattern);
  }();
  return path;
}

std::string little_endian(std::uint64_t value, std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::string npy(const std::string& descr, const std::string& shape, const std::string& data, const std::string& order = "False") {
  std::string header = "{'descr': '" + descr + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  return std::string("\x93NUMPY\x01\x00", 8) + little_endian(header.size(), 2) + header + data;
}

// A zip archive of stored members, as numpy.savez writes it; `shared`: all of them the first one's bytes.
std::string npz(const std::vector<std::pair<std::string, std::string>>& members, unsigned method = 0, bool shared = false) {
  std::string archive, directory;
  for (const auto& [name, content] : members) {
    const std::string common = little_endian(20, 2) + little_endian(0, 2) + little_endian(method, 2) + little_endian(0, 8) + little_endian(content.size(), 4) + little_endian(content.size(), 4) +
                               little_endian(name.size(), 2) + little_endian(0, 2);
    directory += little_endian(0x02014b50, 4) + little_endian(20, 2) + common + little_endian(0, 2) + little_endian(0, 2) + little_endian(0, 2) + little_endian(0, 4) + little_endian(shared ? 0 : archive.size(), 4) + name;
    if (shared && !archive.empty()) continue;
    archive += little_endian(0x04034b50, 4) + common + name + content;
  }
  const std::size_t at = archive.size();
  return archive + directory + little_endian(0x06054b50, 4) + little_endian(0, 4) + little_endian(members.size(), 2) + little_endian(members.size(), 2) + little_endian(directory.size(), 4) + little_endian(at, 4) +
         little_endian(0, 2);
}

fs::path written(const std::string& name, const std::string& content) {
  const fs::path path = folder() / name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::string floats(const std::vector<float>& values) {
  std::string data(values.size() * 4, '\0');
  std::memcpy(data.data(), values.data(), data.size());
  return data;
}

std::string refusal(const fs::path& path) {
  try {
    read_arrays(path);
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

TEST_CASE("npy and npz files are read, NaN and all") {
  const StoredTensors one = read_arrays(written("hidden.1.npy", npy("<f4", "(2, 3)", floats({1, 2.5f, -3, 0, NAN, INFINITY}))));
  REQUIRE(one.size() == 1);
  CHECK(one.begin()->first == "hidden.1");
  CHECK(one.begin()->second.shape == std::vector<std::size_t>{2, 3});
  const std::vector<double> values = values_of(one.begin()->second, "hidden.1");
  CHECK(values[1] == 2.5);
  CHECK(std::isnan(values[4]));
  CHECK(std::isinf(values[5]));

  const StoredTensors many = read_arrays(written("dump.npz", npz({{"hidden.0.npy", npy("<f2", "(2,)", std::string("\x00\x3c\x00\xc0", 4))}, {"b.npy", npy("|V2", "(1, 1)", std::string("\x80\x3f", 2))}})));
  REQUIRE(many.size() == 2);
  CHECK(values_of(many.at("hidden.0"), "a") == std::vector<double>{1, -2});
  CHECK(values_of(many.at("b"), "b") == std::vector<double>{1});
  CHECK(read_arrays(folder()).size() == 3);
}

TEST_CASE("raw numbers are read by type and shape") {
  const fs::path path = written("x.bin", floats({1, 2, 3, 4}));
  CHECK(values_of(read_raw_array(path, "F32", {2, 2}), "x") == std::vector<double>{1, 2, 3, 4});
  CHECK_THROWS_AS(read_raw_array(path, "F32", {2, 3}), InputError);
  CHECK_THROWS_AS(read_raw_array(path, "F31", {2, 2}), InputError);
}

TEST_CASE("what is no array is refused with its place") {
  const std::string good = npy("<f4", "(2, 3)", floats({1, 2, 3, 4, 5, 6}));
  CHECK(refusal(written("short.npy", good.substr(0, 9))).find("expected a .npy") != std::string::npos);
  CHECK(refusal(written("cut.npy", good.substr(0, good.size() - 1))).find("23 bytes of data, expected 24") != std::string::npos);
  CHECK(refusal(written("type.npy", npy("<i4", "(2,)", floats({1, 2})))).find("type '<i4'") != std::string::npos);
  CHECK(refusal(written("order.npy", npy("<f4", "(2,)", floats({1, 2}), "True"))).find("expected C order") != std::string::npos);
  CHECK(refusal(written("shape.npy", npy("<f4", "(99999999999999999999,)", ""))).find("too large") != std::string::npos);
  CHECK(refusal(written("names.npy", npy("<f4", "(a,)", ""))).find("expected sizes") != std::string::npos);
  CHECK(refusal(written("empty.npz", "")).find("expected an .npz") != std::string::npos);
  CHECK(refusal(written("deflated.npz", npz({{"a.npy", good}}, 8))).find("compressed") != std::string::npos);
  CHECK(refusal(written("twice.npz", npz({{"a.npy", good}, {"a.npy", good}}))).find("comes twice") != std::string::npos);
  CHECK(refusal(written("bomb.npz", npz({{"a.npy", good}, {"b.npy", good}}, 0, true))).find("'a.npy' and 'b.npy' overlap") != std::string::npos);
  std::string long_shape = "(";
  for (int i = 0; i < 5000; ++i) long_shape += "22,";
  CHECK(refusal(written("long.npy", npy("<f4", long_shape + ")", ""))).size() < 1000);
  const std::string archive = npz({{"a.npy", good}});
  for (std::size_t at = 0; at + 1 < archive.size(); at += 7) CHECK(refusal(written("cut.npz", archive.substr(0, at))) != "accepted");
  for (std::size_t at = 0; at < archive.size(); at += 3) {  // damaged anywhere: an error or other numbers, never a crash
    std::string damaged = archive;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    refusal(written("damaged.npz", damaged));
  }
  CHECK(refusal(written("x.txt", "1 2 3")).find("expected .safetensors, .npz, .npy") != std::string::npos);
  fs::remove_all(folder());
}

}  // namespace
