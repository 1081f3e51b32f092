#include "lib/files/mapped_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <functional>
#include <mutex>
#include <set>
#include <system_error>
#include <utility>

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

// The files that are mapped now. Slots that a signal handler can read; a file beyond them is watched all the same and only goes without a name there.
std::array<std::atomic<const MappedFile*>, 1024> mapped;
std::mutex watch;
std::set<const MappedFile*> open_files;
std::set<std::string> changed_files;  // closed since

}  // namespace

MappedFile::Stamp MappedFile::stamp_of(int descriptor) {
  struct stat status;
  if (::fstat(descriptor, &status) != 0) return {-1, -1, -1};
  return {status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size};
}

MappedFile::MappedFile(std::filesystem::path path, int descriptor, const Stamp& stamp, const std::byte* data)
    : path_(std::move(path)), name_(printable(path_.string())), descriptor_(descriptor), stamp_(stamp), data_(data), size_(static_cast<std::size_t>(stamp.size)) {
  const std::scoped_lock lock(watch);
  open_files.insert(this);
  for (auto& slot : mapped) {
    const MappedFile* empty = nullptr;
    if (slot.compare_exchange_strong(empty, this)) break;
  }
}

void require_mapped_files_unchanged() {
  const std::scoped_lock lock(watch);
  for (const MappedFile* file : open_files) {
    if (file->changed()) changed_files.insert(file->name());
  }
  if (!changed_files.empty()) {
    const std::string name = *changed_files.begin();
    changed_files.clear();  // said once: what is computed from other files after this is another matter
    throw InputError(name, "was written to while it was in use, expected a file that stays as it is: nothing that was computed from it can be trusted");
  }
}

const char* mapped_file_at(const void* address) noexcept {
  const auto* place = static_cast<const std::byte*>(address);
  for (const auto& slot : mapped) {
    const MappedFile* file = slot.load();
    // A mapping covers whole pages: the last one is read beyond the file's end without harm, until the file is shortened.
    if (file && std::less_equal<>()(file->data_, place) && std::less<>()(place, file->data_ + file->size_)) return file->name_.c_str();
  }
  return nullptr;
}

std::shared_ptr<const MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const std::string name = printable(path.string());
  // O_NONBLOCK: opening a pipe must fail below, not wait for a writer.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.value < 0) throw InputError(name, "cannot be opened: " + reason(errno));
  struct stat status;
  if (::fstat(file.value, &status) != 0) throw InputError(name, "cannot be examined: " + reason(errno));
  if (S_ISDIR(status.st_mode)) throw InputError(name, "is a folder, expected a regular file");
  if (!S_ISREG(status.st_mode)) throw InputError(name, "is not a regular file");
  // Before anything is mapped: what is written from now on counts as a change.
  const Stamp stamp{status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size};
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = nullptr;
  if (size > 0) {
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.value, 0);
    if (data == MAP_FAILED) throw InputError(name, "cannot be mapped into memory: " + reason(errno));
  }
  return std::shared_ptr<const MappedFile>(new MappedFile(path, std::exchange(file.value, -1), stamp, static_cast<const std::byte*>(data)));
}

MappedFile::~MappedFile() {
  {
    const std::scoped_lock lock(watch);
    open_files.erase(this);
    if (changed()) changed_files.insert(name_);
    for (auto& slot : mapped) {
      const MappedFile* self = this;
      if (slot.compare_exchange_strong(self, nullptr)) break;
    }
  }
  ::close(descriptor_);
  if (size_ > 0) ::munmap(const_cast<std::byte*>(data_), size_);
}

std::span<const std::byte> MappedFile::bytes(std::uint64_t begin, std::uint64_t size) const {
  if (begin > size_ || size > size_ - begin) {
    throw InputError(name_, fmt::format("byte {}: {} bytes expected, the file ends at byte {}", begin, size, size_));
  }
  return {data_ + begin, static_cast<std::size_t>(size)};
}

}  // namespace snellen
