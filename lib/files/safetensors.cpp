#include "lib/files/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "lib/error.hpp"
#include "lib/files/json.hpp"
#include "lib/files/little_endian.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

using nlohmann::json;

constexpr std::uint64_t maximum_header = 100'000'000;

struct Extent {
  std::uint64_t begin, end;
  std::string name;
};

std::uint64_t unsigned_number(const json& value, const std::string& place, const std::string& what) {
  if (!value.is_number_unsigned()) {
    throw InputError(place, fmt::format("{} is {}, expected a non-negative integer", what, printable(value.dump())));
  }
  return value.get<std::uint64_t>();
}

const json& member(const json& entry, const char* key, json::value_t type, const std::string& place, const std::string& name) {
  const auto found = entry.find(key);
  if (found == entry.end() || found->type() != type) {
    throw InputError(place, fmt::format("tensor {}: '{}' is {}, expected {}", in_quotes(name), key,
                                        found == entry.end() ? "missing" : found->type_name(), json(type).type_name()));
  }
  return *found;
}

void check_metadata(const json& metadata, const std::string& place) {
  if (!metadata.is_object()) throw InputError(place, fmt::format("__metadata__ is {}, expected object", metadata.type_name()));
  for (const auto& [key, value] : metadata.items()) {
    if (!value.is_string()) {
      throw InputError(place, fmt::format("__metadata__ {} is {}, expected string", in_quotes(key), value.type_name()));
    }
  }
}

// Tensors in the order of their data must touch, from byte 0 to the last.
void check_cover(std::vector<Extent>& extents, std::uint64_t data_size, const std::string& place) {
  std::sort(extents.begin(), extents.end(), [](const Extent& a, const Extent& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t covered = 0;
  for (const Extent& extent : extents) {
    if (extent.begin != covered) {
      throw InputError(place, fmt::format("tensor {} begins at data byte {}, expected {}: {}", in_quotes(extent.name), extent.begin,
                                          covered, extent.begin < covered ? "it overlaps another tensor" : "a hole in the data"));
    }
    covered = extent.end;
  }
  if (covered != data_size) {
    throw InputError(place, fmt::format("the tensors end at data byte {}, the file at {}: {} unused bytes, expected none", covered,
                                        data_size, data_size - covered));
  }
}

}  // namespace

StoredTensors read_safetensors(const std::shared_ptr<const MappedFile>& file) {
  const std::string& place = file->name();
  const std::size_t file_size = file->bytes().size();
  if (file_size < 8) throw InputError(place, fmt::format("{} bytes, expected at least the 8 of a header length", file_size));
  const auto header_size = load_little_endian<std::uint64_t>(file->bytes().data());
  if (header_size > maximum_header || header_size > file_size - 8) {
    throw InputError(place, fmt::format("byte 0: a header of {} bytes, expected at most {} (the file has {} bytes)", header_size,
                                        std::min<std::uint64_t>(maximum_header, file_size - 8), file_size));
  }
  const std::string_view text = file->text().substr(8, header_size);
  if (text.empty() || text[0] != '{') throw InputError(place, "byte 8: expected the header to begin with '{'");
  const json header = parse_json(text, place + ": header", 8);
  const std::uint64_t data_begin = 8 + header_size, data_size = file_size - data_begin;

  StoredTensors tensors;
  std::vector<Extent> extents;
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") {
      check_metadata(entry, place);
      continue;
    }
    if (!entry.is_object()) {
      throw InputError(place, fmt::format("tensor {} is {}, expected object", in_quotes(name), entry.type_name()));
    }
    for (const auto& [key, value] : entry.items()) {
      if (key != "dtype" && key != "shape" && key != "data_offsets") {
        throw InputError(place, fmt::format("tensor {}: unknown key {}", in_quotes(name), in_quotes(key)));
      }
    }
    const std::string dtype = member(entry, "dtype", json::value_t::string, place, name);
    const Storage* storage = safetensors_storage(dtype);
    if (!storage) throw InputError(place, fmt::format("tensor {}: unknown dtype {}", in_quotes(name), in_quotes(dtype)));

    std::vector<std::size_t> shape;
    for (const json& dimension : member(entry, "shape", json::value_t::array, place, name)) {
      shape.push_back(unsigned_number(dimension, place, fmt::format("tensor {}: a dimension of its shape", in_quotes(name))));
    }
    const json& offsets = member(entry, "data_offsets", json::value_t::array, place, name);
    if (offsets.size() != 2) {
      throw InputError(place, fmt::format("tensor {}: {} data_offsets, expected 2", in_quotes(name), offsets.size()));
    }
    const std::string what = fmt::format("tensor {}: a data offset", in_quotes(name));
    const std::uint64_t begin = unsigned_number(offsets[0], place, what), end = unsigned_number(offsets[1], place, what);
    if (begin > end || end > data_size) {
      throw InputError(place, fmt::format("tensor {}: data_offsets [{}, {}], expected begin <= end <= {}", in_quotes(name), begin,
                                          end, data_size));
    }
    const auto expected = stored_size(*storage, shape);
    if (!expected || *expected != end - begin) {
      throw InputError(place, fmt::format("tensor {}: {} bytes of data, expected {} for {} and shape [{}]", in_quotes(name),
                                          end - begin, expected ? std::to_string(*expected) : "more than can be addressed", dtype,
                                          printable(fmt::format("{}", fmt::join(shape, ", ")))));
    }
    tensors.emplace(name, StoredTensor{file, storage, std::move(shape), file->bytes(data_begin + begin, end - begin)});
    extents.push_back({begin, end, name});
  }
  check_cover(extents, data_size, place);
  return tensors;
}

SafetensorsSet open_safetensors(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return {read_safetensors(file), {file}};
}

namespace {

// The path of shard `name`, which must lie beside the index: in its folder, or, in a Hugging Face cache
// (.../snapshots/<revision>/), be a link into the .../blobs of the same model.
std::filesystem::path shard_path(const std::filesystem::path& index, const std::string& name) {
  namespace fs = std::filesystem;
  const std::string place = printable(index.string());
  if (name.empty() || name == "." || name == ".." || name.find_first_of(std::string("/\\\0", 3)) != std::string::npos) {
    throw InputError(place, fmt::format("weight_map names the file {}, expected a plain file name in the same folder",
                                        in_quotes(name)));
  }
  std::error_code error;
  const fs::path parent = index.has_parent_path() ? index.parent_path() : fs::path(".");
  const fs::path folder = fs::canonical(parent, error), shard = fs::canonical(parent / name, error);
  if (error) throw InputError(printable((parent / name).string()), "cannot be opened: " + error.message());
  const fs::path snapshots = folder.parent_path();
  const bool in_cache = snapshots.filename() == "snapshots" && shard.parent_path() == snapshots.parent_path() / "blobs";
  if (shard.parent_path() != folder && !in_cache) {
    throw InputError(place, fmt::format("shard {} is a link that leaves the folder, expected a file in it", in_quotes(name)));
  }
  return parent / name;
}

}  // namespace

SafetensorsSet open_safetensors_index(const std::filesystem::path& path) {
  const auto index_file = MappedFile::open(path);
  const std::string& place = index_file->name();
  const json index = parse_json(index_file->text(), place);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    throw InputError(place, "expected an object with an object 'weight_map'");
  }
  std::map<std::string, std::set<std::string>> names_in;  // by shard
  for (const auto& [name, shard] : index["weight_map"].items()) {
    if (!shard.is_string()) {
      throw InputError(place, fmt::format("weight_map {} is {}, expected string", in_quotes(name), shard.type_name()));
    }
    names_in[shard.get<std::string>()].insert(name);
  }
  SafetensorsSet set;
  set.files.push_back(index_file);
  std::vector<std::string> missing;
  for (const auto& [shard, names] : names_in) {
    const auto file = MappedFile::open(shard_path(path, shard));
    StoredTensors found = read_safetensors(file);
    for (const auto& [name, stored] : found) {
      if (!names.contains(name)) {
        throw InputError(file->name(), fmt::format("tensor {} is not listed for this file in {}", in_quotes(name), place));
      }
    }
    for (const std::string& name : names) {
      if (!found.contains(name)) missing.push_back(in_quotes(name) + " (in " + in_quotes(shard) + ")");
    }
    set.tensors.merge(found);
    set.files.push_back(file);
  }
  if (!missing.empty()) {
    throw InputError(place, fmt::format("{} listed tensor{} missing, the first is {}", missing.size(),
                                        missing.size() == 1 ? " is" : "s are", missing[0]));
  }
  return set;
}

}  // namespace snellen
