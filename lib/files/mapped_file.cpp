#include "lib/files/mapped_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

std::string reason(int error) { return std::generic_category().message(error); }

struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

MappedFile::MappedFile(std::filesystem::path path, const std::byte* data, std::size_t size)
    : path_(std::move(path)), name_(printable(path_.string())), data_(data), size_(size) {}

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const std::string name = printable(path.string());
  // O_NONBLOCK: opening a pipe must fail below, not wait for a writer.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.value < 0) throw InputError(name, "cannot be opened: " + reason(errno));
  struct stat status;
  if (::fstat(file.value, &status) != 0) throw InputError(name, "cannot be examined: " + reason(errno));
  if (S_ISDIR(status.st_mode)) throw InputError(name, "is a folder, expected a regular file");
  if (!S_ISREG(status.st_mode)) throw InputError(name, "is not a regular file");
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
    if (data == MAP_FAILED) throw InputError(name, "cannot be mapped into memory: " + reason(errno));
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, static_cast<const std::byte*>(data), size));
}

MappedFile::~MappedFile() {
  if (size_ > 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

std::span<const std::byte> MappedFile::bytes(std::uint64_t begin, std::uint64_t size) const {
  if (begin > size_ || size > size_ - begin) {
    throw InputError(name_, fmt::format("byte {}: {} bytes expected, the file ends at byte {}", begin, size, size_));
  }
  return {data_ + begin, static_cast<std::size_t>(size)};
}

}  // namespace snellen
