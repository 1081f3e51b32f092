// A regular file mapped into memory, read-only. The mapping lives as long as the last tensor that reads from it.
// The file must not change meanwhile. A read past the end of one that was shortened, or of a disk that fails, is answered with SIGBUS: mapped_file_at() says which
// file it was. One that was written to is found out by require_mapped_files_unchanged().
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
  // What a write changes.
  struct Stamp {
    std::int64_t seconds = 0, nanoseconds = 0, size = 0;
    bool operator==(const Stamp&) const = default;
  };
  static Stamp stamp_of(int descriptor);

  MappedFile(std::filesystem::path path, int descriptor, const Stamp& stamp, const std::byte* data);
  bool changed() const { return stamp_of(descriptor_) != stamp_; }

  friend void require_mapped_files_unchanged();
  friend const char* mapped_file_at(const void* address) noexcept;

  std::filesystem::path path_;
  std::string name_;
  int descriptor_;
  Stamp stamp_;
  const std::byte* data_;
  std::size_t size_;
};

// Throws InputError for a file that was written to while it was mapped, now or earlier in this process: what was read of it is perhaps neither the old nor
// the new. To be called before anything that was computed from files leaves. (A write within the same tick of the file system's clock as the opening is not seen.)
void require_mapped_files_unchanged();

// The name of the file that is mapped at this address; null where there is none. Safe in a signal handler.
const char* mapped_file_at(const void* address) noexcept;

}  // namespace snellen
