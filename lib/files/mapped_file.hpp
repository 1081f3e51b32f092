// A regular file mapped into memory, read-only. The mapping lives as long as the last tensor that reads from it.
// The file must not be shortened meanwhile: the kernel answers a read past its end with SIGBUS.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace snellen {

class MappedFile {
 public:
  // Throws InputError with the path and the system's reason; also for a path that is not a regular file.
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::string& name() const { return name_; }  // the path, fit for a message
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // Bytes [begin, begin + size); throws InputError when they do not all lie in the file.
  std::span<const std::byte> bytes(std::uint64_t begin, std::uint64_t size) const;
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  MappedFile(std::filesystem::path path, const std::byte* data, std::size_t size);

  std::filesystem::path path_;
  std::string name_;
  const std::byte* data_;
  std::size_t size_;
};

}  // namespace snellen
