#include "lib/files/array_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "lib/error.hpp"
#include "lib/files/little_endian.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/safetensors.hpp"

namespace snellen {
namespace {

namespace fs = std::filesystem;

// The value of `key` in a Python dictionary literal as numpy writes it: 'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
std::string literal(const std::string& header, const std::string& key, const std::string& place) {
  const std::size_t at = header.find("'" + key + "':");
  if (at == std::string::npos) throw InputError(place, "the header has no '" + key + "', expected one as numpy writes it");
  std::size_t begin = at + key.size() + 3;
  while (begin < header.size() && header[begin] == ' ') ++begin;
  const char open = begin < header.size() ? header[begin] : ' ';
  const std::size_t end = open == '\'' ? header.find('\'', begin + 1) : open == '(' ? header.find(')', begin) : header.find_first_of(",}", begin);
  if (end == std::string::npos) throw InputError(place, "the value of '" + key + "' has no end");
  return open == '\'' ? header.substr(begin + 1, end - begin - 1) : open == '(' ? header.substr(begin + 1, end - begin - 1) : header.substr(begin, end - begin);
}

// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
StoredTensor read_npy(const std::shared_ptr<const MappedFile>& file, std::span<const std::byte> bytes, const std::string& place) {
  static constexpr char magic[] = "\x93NUMPY";
  if (bytes.size() < 10 || !std::equal(magic, magic + 6, reinterpret_cast<const char*>(bytes.data()))) throw InputError(place, "the first bytes are not \\x93NUMPY, expected a .npy");
  const auto major = static_cast<unsigned>(bytes[6]);
  if (major < 1 || major > 3) throw InputError(place, fmt::format("byte 6: version {}, expected 1 to 3", major));
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  if (bytes.size() < 8 + length_bytes) throw InputError(place, "ends inside its header");
  const std::size_t length = major == 1 ? load_little_endian<std::uint16_t>(bytes.data() + 8) : load_little_endian<std::uint32_t>(bytes.data() + 8);
  const std::size_t data = 8 + length_bytes + length;
  if (data > bytes.size()) throw InputError(place, fmt::format("byte 8: a header of {} bytes, expected at most {}", length, bytes.size() - 8 - length_bytes));
  const std::string header(reinterpret_cast<const char*>(bytes.data()) + 8 + length_bytes, length);

  const std::string type = literal(header, "descr", place);
  static const std::map<std::string, std::string_view> types = {{"<f8", "F64"}, {"<f4", "F32"}, {"<f2", "F16"}, {"<V2", "BF16"}, {"|V2", "BF16"}, {"bfloat16", "BF16"}};
  const auto known = types.find(type);
  if (known == types.end()) throw InputError(place, "type " + in_quotes(type) + ", expected <f8, <f4, <f2, or |V2 (bfloat16)");
  if (literal(header, "fortran_order", place) != "False") throw InputError(place, "fortran_order is not False, expected C order");
  StoredTensor result{file, safetensors_storage(known->second), {}, {}};
  std::string shape = literal(header, "shape", place);
  for (std::size_t at = 0; at < shape.size();) {
    if (!std::isdigit(static_cast<unsigned char>(shape[at]))) {
      if (shape[at] != ',' && shape[at] != ' ') throw InputError(place, "shape (" + printable(shape) + "), expected sizes");
      ++at;
      continue;
    }
    std::size_t size = 0;
    for (; at < shape.size() && std::isdigit(static_cast<unsigned char>(shape[at])); ++at) {
      if (__builtin_mul_overflow(size, std::size_t{10}, &size) || __builtin_add_overflow(size, static_cast<std::size_t>(shape[at] - '0'), &size))
        throw InputError(place, "shape (" + printable(shape) + ") is too large");
    }
    result.shape.push_back(size);
  }
  const auto size = stored_size(*result.storage, result.shape);
  if (!size || *size != bytes.size() - data)
    throw InputError(place, fmt::format("{} bytes of data, expected {} for shape {} of {}", bytes.size() - data, size ? std::to_string(*size) : "fewer", shape_text(result.shape), type));
  result.bytes = bytes.subspan(data);
  return result;
}

// A zip archive whose members are stored, not deflated: its central directory, read from the end. APPNOTE.TXT 4.3.
StoredTensors read_npz(const std::shared_ptr<const MappedFile>& file) {
  const std::span<const std::byte> bytes = file->bytes();
  const std::string& place = file->name();
  const auto at32 = [&](std::size_t at) { return load_little_endian<std::uint32_t>(bytes.data() + at); };
  const auto at16 = [&](std::size_t at) { return load_little_endian<std::uint16_t>(bytes.data() + at); };
  std::size_t end = bytes.size() < 22 ? 0 : bytes.size() - 22;
  const std::size_t least = end > 65535 ? end - 65535 : 0;
  while (end > least && at32(end) != 0x06054b50) --end;
  if (bytes.size() < 22 || at32(end) != 0x06054b50) throw InputError(place, "no end of a zip archive's directory, expected an .npz");
  const std::size_t members = at16(end + 10);
  std::uint64_t at = at32(end + 16);
  if (members == 0xffff || at == 0xffffffff) throw InputError(place, "a zip64 archive, expected one of less than 4 GB (or a .safetensors)");
  struct Member {
    std::string name;
    std::uint64_t begin, data, end;  // header and data lie in [begin, end)
  };
  std::vector<Member> found;
  for (std::size_t m = 0; m < members; ++m) {
    file->bytes(at, 46);
    if (at32(at) != 0x02014b50) throw InputError(place, fmt::format("byte {}: no member of the archive's directory", at));
    const std::size_t method = at16(at + 10), name_size = at16(at + 28), extra = at16(at + 30), comment = at16(at + 32);
    const std::uint64_t size = at32(at + 20), local = at32(at + 42);
    const std::span<const std::byte> name_bytes = file->bytes(at + 46, name_size);
    std::string name(reinterpret_cast<const char*>(name_bytes.data()), name_bytes.size());
    if (method != 0) throw InputError(place, "member " + in_quotes(name) + " is compressed, expected numpy.savez (not savez_compressed)");
    file->bytes(local, 30);
    if (at32(local) != 0x04034b50) throw InputError(place, fmt::format("byte {}: no header of member {}", local, in_quotes(name)));
    const std::uint64_t data = local + 30 + at16(local + 26) + at16(local + 28);
    file->bytes(data, size);
    found.push_back({std::move(name), local, data, data + size});
    at += 46 + name_size + extra + comment;
  }
  // Members that share their bytes make of a small file as much as there are pairs of them and of bytes: a zip bomb without compression.
  std::sort(found.begin(), found.end(), [](const Member& a, const Member& b) { return a.begin < b.begin; });
  for (std::size_t m = 1; m < found.size(); ++m)
    if (found[m].begin < found[m - 1].end) throw InputError(place, "members " + in_quotes(found[m - 1].name) + " and " + in_quotes(found[m].name) + " overlap");
  StoredTensors result;
  for (Member& member : found) {
    const StoredTensor tensor = read_npy(file, file->bytes(member.data, member.end - member.data), place + ": " + printable(member.name));
    if (member.name.ends_with(".npy")) member.name.resize(member.name.size() - 4);
    if (!result.emplace(member.name, tensor).second) throw InputError(place, "member " + in_quotes(member.name) + " comes twice");
  }
  return result;
}

}  // namespace

StoredTensors read_arrays(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(path)) {
      const auto extension = entry.path().extension();
      if (extension == ".npy" || extension == ".npz" || extension == ".safetensors") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    if (files.empty()) throw InputError(printable(path.string()), "a folder without .safetensors, .npz or .npy, expected an engine's dump");
    StoredTensors all;
    for (const fs::path& file : files) {
      for (auto& [name, tensor] : read_arrays(file)) {
        if (!all.emplace(name, tensor).second) throw InputError(printable(file.string()), "tensor " + in_quotes(name) + " is in another file of the folder, too");
      }
    }
    return all;
  }
  const auto file = MappedFile::open(path);
  if (path.extension() == ".npz") return read_npz(file);
  if (path.extension() == ".npy") return {{path.stem().string(), read_npy(file, file->bytes(), file->name())}};
  if (path.extension() == ".safetensors") return read_safetensors(file);
  throw InputError(file->name(), "found the ending " + in_quotes(path.extension().string()) + ", expected .safetensors, .npz, .npy, or a folder of them");
}

StoredTensor read_raw_array(const fs::path& path, const std::string& dtype, const std::vector<std::size_t>& shape) {
  const auto file = MappedFile::open(path);
  const Storage* storage = safetensors_storage(dtype);
  if (!storage || !storage->decode) throw InputError(file->name(), "type " + in_quotes(dtype) + ", expected F64, F32, F16 or BF16");
  const auto size = stored_size(*storage, shape);
  if (!size || *size != file->bytes().size())
    throw InputError(file->name(), fmt::format("{} bytes, expected {} for shape {} of {}", file->bytes().size(), size ? std::to_string(*size) : "fewer", shape_text(shape), dtype));
  return {file, storage, shape, file->bytes()};
}

std::vector<double> values_of(const StoredTensor& tensor, const std::string& name) {
  if (!tensor.storage->decode || tensor.storage->values != 1)
    throw InputError(tensor.file->name(), "tensor " + in_quotes(name) + " has type " + std::string(tensor.storage->name) + ", expected F64, F32, F16 or BF16");
  std::vector<double> values(tensor.bytes.size() / tensor.storage->bytes);
  tensor.storage->decode(tensor.bytes, values.data());
  return values;
}

}  // namespace snellen
