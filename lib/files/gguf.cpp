#include "lib/files/gguf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "lib/error.hpp"
#include "lib/files/little_endian.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

constexpr std::uint32_t type_count = 13;
constexpr int maximum_array_depth = 4;

// Bytes of a value of fixed size; 0 for strings and arrays.
std::size_t size_of(GgufType type) {
  constexpr std::size_t sizes[type_count] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return sizes[static_cast<std::uint32_t>(type)];
}

// The fewest bytes an array element can take: a string is its length, an array its type and count.
std::size_t least_size_of(GgufType type) {
  return type == GgufType::string ? 8 : type == GgufType::array ? 12 : size_of(type);
}

class Reader {
 public:
  explicit Reader(const MappedFile& file) : file_(file) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t remaining() const { return file_.bytes().size() - position_; }
  std::span<const std::byte> since(std::uint64_t begin) const { return file_.bytes().subspan(begin, position_ - begin); }

  [[noreturn]] void fail(std::uint64_t at, const std::string& problem) const {
    throw InputError(file_.name(), fmt::format("byte {}: {}", at, problem));
  }

  const std::byte* take(std::uint64_t size, std::string_view what) {
    if (size > remaining()) {
      fail(position_, fmt::format("{} needs {} bytes, the file ends after {}", what, size, remaining()));
    }
    const std::byte* bytes = file_.bytes().data() + position_;
    position_ += size;
    return bytes;
  }

  template <class Unsigned>
  Unsigned number(std::string_view what) {
    return load_little_endian<Unsigned>(take(sizeof(Unsigned), what));
  }

  // A count of things that take at least `least_size` bytes each: more than the rest of the file can hold is refused here,
  // before anything is allocated.
  std::uint64_t count(std::uint64_t least_size, std::string_view what) {
    const std::uint64_t at = position_, count = number<std::uint64_t>(what);
    if (count > remaining() / least_size) {
      fail(at, fmt::format("{} is {}, expected at most {} for the rest of the file", what, count, remaining() / least_size));
    }
    return count;
  }

  std::string_view string(std::string_view what) {
    const auto length = number<std::uint64_t>(what);
    return {reinterpret_cast<const char*>(take(length, what)), static_cast<std::size_t>(length)};
  }

  GgufType type(std::string_view what) {
    const std::uint64_t at = position_;
    const auto type = number<std::uint32_t>(what);
    if (type >= type_count) fail(at, fmt::format("{} is {}, expected a value type of 0 to {}", what, type, type_count - 1));
    return static_cast<GgufType>(type);
  }

 private:
  const MappedFile& file_;
  std::uint64_t position_ = 0;
};

GgufArray read_array(Reader& in, int depth) {
  if (depth > maximum_array_depth) in.fail(in.position(), fmt::format("arrays nested more than {} deep", maximum_array_depth));
  GgufArray array;
  array.element = in.type("an array's element type");
  array.count = in.count(least_size_of(array.element), "an array's length");
  const std::uint64_t begin = in.position();
  if (const std::size_t size = size_of(array.element)) {
    in.take(array.count * size, "an array");
  } else {
    for (std::uint64_t i = 0; i < array.count; ++i) {
      if (array.element == GgufType::string) {
        in.string("a string of an array");
      } else {
        read_array(in, depth + 1);
      }
    }
  }
  array.bytes = in.since(begin);
  return array;
}

GgufValue read_value(Reader& in) {
  GgufValue value;
  value.type = in.type("a metadata value's type");
  value.at = in.position();
  constexpr std::string_view what = "a metadata value";
  switch (value.type) {
    case GgufType::u8: value.value = std::uint64_t{in.number<std::uint8_t>(what)}; break;
    case GgufType::u16: value.value = std::uint64_t{in.number<std::uint16_t>(what)}; break;
    case GgufType::u32: value.value = std::uint64_t{in.number<std::uint32_t>(what)}; break;
    case GgufType::u64: value.value = in.number<std::uint64_t>(what); break;
    case GgufType::i8: value.value = std::int64_t{static_cast<std::int8_t>(in.number<std::uint8_t>(what))}; break;
    case GgufType::i16: value.value = std::int64_t{static_cast<std::int16_t>(in.number<std::uint16_t>(what))}; break;
    case GgufType::i32: value.value = std::int64_t{static_cast<std::int32_t>(in.number<std::uint32_t>(what))}; break;
    case GgufType::i64: value.value = static_cast<std::int64_t>(in.number<std::uint64_t>(what)); break;
    case GgufType::f32: value.value = double{std::bit_cast<float>(in.number<std::uint32_t>(what))}; break;
    case GgufType::f64: value.value = std::bit_cast<double>(in.number<std::uint64_t>(what)); break;
    case GgufType::boolean: {
      const auto byte = in.number<std::uint8_t>(what);
      if (byte > 1) in.fail(value.at, fmt::format("a bool is {}, expected 0 or 1", byte));
      value.value = byte == 1;
      break;
    }
    case GgufType::string: value.value = std::string(in.string(what)); break;
    case GgufType::array: value.value = read_array(in, 1); break;
  }
  return value;
}

void read_start(Reader& in, Gguf& gguf) {
  const std::string_view magic(reinterpret_cast<const char*>(in.take(4, "the magic number")), 4);
  if (magic != "GGUF") in.fail(0, fmt::format("the file begins with {}, expected 'GGUF'", in_quotes(magic)));
  gguf.version = in.number<std::uint32_t>("the version");
  if (gguf.version != 0 && (gguf.version & 0xffffu) == 0) in.fail(4, "a big-endian GGUF file, expected a little-endian one");
  if (gguf.version != 2 && gguf.version != 3) in.fail(4, fmt::format("GGUF version {}, expected 2 or 3", gguf.version));
}

std::uint64_t alignment_of(const Reader& in, const Gguf& gguf) {
  const auto found = gguf.metadata.find("general.alignment");
  if (found == gguf.metadata.end()) return 32;
  const GgufValue& value = found->second;
  if (value.type != GgufType::u32) {
    in.fail(value.at, fmt::format("general.alignment has type {}, expected u32", name_of(value.type)));
  }
  const auto alignment = std::get<std::uint64_t>(value.value);
  if (!std::has_single_bit(alignment)) in.fail(value.at, fmt::format("general.alignment is {}, expected a power of two", alignment));
  return alignment;
}

struct TensorInfo {
  std::string name;
  std::uint64_t at;
  const Storage* storage;
  std::vector<std::size_t> shape;
  std::uint64_t offset, size;
};

[[noreturn]] void fail_at(const Reader& in, const TensorInfo& info, const std::string& problem) {
  in.fail(info.at, fmt::format("tensor {}: {}", in_quotes(info.name), problem));
}

TensorInfo read_tensor_info(Reader& in) {
  TensorInfo info;
  info.at = in.position();
  info.name = in.string("a tensor's name");
  const auto fail = [&](const std::string& problem) { fail_at(in, info, problem); };
  const auto dimensions = in.number<std::uint32_t>("a tensor's number of dimensions");
  if (dimensions < 1 || dimensions > 4) fail(fmt::format("{} dimensions, expected 1 to 4", dimensions));
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    info.shape.push_back(in.number<std::uint64_t>("a tensor's dimension"));
    if (info.shape.back() == 0) fail("a dimension is 0, expected at least 1");
  }
  std::reverse(info.shape.begin(), info.shape.end());
  const auto type = in.number<std::uint32_t>("a tensor's type");
  info.storage = gguf_storage(type);
  if (!info.storage) fail(fmt::format("unknown type number {}", type));
  const auto size = stored_size(*info.storage, info.shape);
  if (!size) {
    fail(fmt::format("type {} with shape [{}]: expected rows of whole blocks of {} and fewer than 2^64 bytes", info.storage->name,
                     fmt::join(info.shape, ", "), info.storage->values));
  }
  info.size = *size;
  info.offset = in.number<std::uint64_t>("a tensor's offset");
  return info;
}

std::uint64_t padded(std::uint64_t size, std::uint64_t alignment) { return (size + alignment - 1) & ~(alignment - 1); }

}  // namespace

std::string_view name_of(GgufType type) {
  constexpr std::string_view names[type_count] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                                  "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<std::uint32_t>(type)];
}

std::vector<std::string_view> GgufArray::strings() const {
  std::vector<std::string_view> strings;
  if (element != GgufType::string) return strings;
  strings.reserve(count);
  for (const std::byte* at = bytes.data(); strings.size() < count;) {
    const auto length = load_little_endian<std::uint64_t>(at);
    strings.emplace_back(reinterpret_cast<const char*>(at + 8), length);
    at += 8 + length;
  }
  return strings;
}

Gguf read_gguf(const std::shared_ptr<const MappedFile>& file) {
  Gguf gguf;
  gguf.file = file;
  Reader in(*file);
  read_start(in, gguf);
  const std::uint64_t tensor_count = in.count(32, "the number of tensors");
  const std::uint64_t key_count = in.count(13, "the number of metadata keys");
  for (std::uint64_t i = 0; i < key_count; ++i) {
    const std::uint64_t at = in.position();
    std::string key(in.string("a metadata key"));
    GgufValue value = read_value(in);
    const auto [place, added] = gguf.metadata.emplace(std::move(key), std::move(value));
    if (!added) in.fail(at, fmt::format("key {} occurs twice", in_quotes(place->first)));
  }
  const std::uint64_t alignment = alignment_of(in, gguf);

  std::vector<TensorInfo> infos;
  for (std::uint64_t i = 0; i < tensor_count; ++i) infos.push_back(read_tensor_info(in));
  if (infos.empty()) return gguf;

  const std::uint64_t data_begin = padded(in.position(), alignment), file_size = file->bytes().size();
  if (data_begin > file_size) {
    in.fail(in.position(), fmt::format("the tensor data begin at byte {}, the file ends at {}", data_begin, file_size));
  }
  std::uint64_t expected = 0;  // each tensor begins where the one before it, padded, ends: neither overlap nor hole
  for (TensorInfo& info : infos) {
    const auto fail = [&](const std::string& problem) { fail_at(in, info, problem); };
    if (info.offset != expected) {
      fail(fmt::format("data offset {}, expected {}: {}", info.offset, expected,
                       info.offset < expected ? "it overlaps another tensor" : "a hole in the data"));
    }
    if (info.size > file_size - data_begin - info.offset) {
      fail(fmt::format("its {} bytes begin at byte {}, the file ends at {}", info.size, data_begin + info.offset, file_size));
    }
    expected = std::min(padded(info.offset + info.size, alignment), file_size - data_begin);  // the last padding may be absent
    StoredTensor stored{file, info.storage, std::move(info.shape), file->bytes(data_begin + info.offset, info.size)};
    if (!gguf.tensors.emplace(info.name, std::move(stored)).second) fail("the name occurs twice");
  }
  if (data_begin + expected != file_size) {
    in.fail(data_begin + expected, fmt::format("{} bytes after the last tensor, expected none", file_size - data_begin - expected));
  }
  return gguf;
}

}  // namespace snellen
