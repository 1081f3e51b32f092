#include "cases/sweep/point_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>

#include "lib/files/printable.hpp"
#include "lib/files/sha256.hpp"

namespace snellen {
namespace {

constexpr std::string_view schema = "snellen.point-file/1";

std::string sha256_of(const std::string& text) { return sha256(std::as_bytes(std::span(text))); }

}  // namespace

std::string point_file_text(const PointFile& point) {
  const nlohmann::ordered_json head = {{"schema", schema}, {"sha256", sha256_of(point.body)}, {"bytes", point.body.size()}, {"commit", point.commit}};
  return head.dump() + "\n" + point.body + "\n";
}

PointRead read_point_file(const std::filesystem::path& path, const std::string& name) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return error ? PointRead{{}, "cannot be read: " + error.message()} : PointRead{};
  if (!std::filesystem::is_regular_file(path, error)) return {{}, "is not a regular file"};  // a device or a pipe may have no end
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) return {{}, std::string("cannot be read: ") + std::strerror(errno)};
  const std::size_t end = text.find('\n');
  if (end == std::string::npos) return {{}, fmt::format("found {} bytes without an end of line, expected a line with a digest", text.size())};
  const auto head = nlohmann::json::parse(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
  if (!head.is_object() || head.value("schema", nlohmann::json()) != schema || !head.contains("bytes") || !head["bytes"].is_number_unsigned() ||
      !head.contains("sha256") || !head["sha256"].is_string() || !head.contains("commit") || !head["commit"].is_string())
    return {{}, fmt::format("line 1: found no head of a point's file, expected the schema {}", schema)};
  PointFile point{text.substr(end + 1), head["commit"].get<std::string>()};
  const auto bytes = head["bytes"].get<std::size_t>();
  // Not bytes + 1: that of 2^64 - 1 is 0, the size of an empty body, which has no last character.
  if (point.body.empty() || point.body.size() - 1 != bytes || point.body.back() != '\n') return {{}, fmt::format("line 2: found {} bytes, expected {} and a line break", point.body.size(), bytes)};
  point.body.pop_back();
  const std::string digest = sha256_of(point.body);
  if (digest != head["sha256"]) return {{}, fmt::format("line 2: its SHA-256 is {}, expected {}", digest, printable(head["sha256"].get<std::string>()))};
  // A whole file in another point's place.
  if (!point.body.starts_with(fmt::format("{{\"schema\":\"snellen.point/1\",\"point\":\"{}\"", name)))
    return {{}, fmt::format("line 2: found the result of another point, expected {}", name)};
  return {std::move(point), ""};
}

}  // namespace snellen
