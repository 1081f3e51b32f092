#include "cases/sweep/folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "cases/sweep/manifest.hpp"
#include "lib/error.hpp"
#include "lib/files/durable.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

[[noreturn]] void fail(const fs::path& path, const std::string& attempt, int error) {
  throw InputError(printable(path.string()), "cannot " + attempt + ": " + std::strerror(error));
}

std::string text_of(const Json& json) { return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"; }

// Of a regular file: a device or a pipe may have no end.
std::string content_of(const fs::path& path) {
  if (std::error_code error; !fs::is_regular_file(path, error)) throw InputError(printable(path.string()), "is not a regular file");
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Files are made, written and removed in these: links would let a folder from anybody have that done elsewhere.
void refuse_links(const fs::path& path) {
  for (const char* name : {"points", "claims", "runs"})
    if (std::error_code error; fs::is_symlink(path / name, error)) throw InputError(printable((path / name).string()), "found a link, expected a folder");
}

// A descriptor of a file that locks lie on; never somebody else's file through a link.
int open_for_locks(const fs::path& path) { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666); }

}  // namespace

SweepFolder SweepFolder::open(const fs::path& path, const Sweep& sweep, bool extend) {
  SweepFolder folder(path);
  refuse_links(path);
  for (const char* name : {"points", "claims", "runs"}) {
    std::error_code error;
    fs::create_directories(path / name, error);
    if (error) fail(path / name, "make the folder", error.value());
  }
  folder.descriptor_ = open_for_locks(path / ".lock");
  if (folder.descriptor_ < 0) fail(path, "work in the folder", errno);
  flock(folder.descriptor_, LOCK_SH);
  const fs::path manifest = path / "sweep.json";
  const std::string text = text_of(manifest_of(sweep));
  if (create_file(manifest, text)) {
    folder.read_manifest();
    return folder;
  }
  folder.read_manifest();
  if (folder.manifest_["sha256"] == sweep.sha256) {
    if (content_of(manifest) != text) replace_file(manifest, text);  // another title or layout of the same points
    folder.read_manifest();
    return folder;
  }
  const std::string other = printable(folder.manifest_.at("title").get<std::string>());
  if (!extend)
    throw InputError(printable(manifest.string()),
                     fmt::format("found another sweep, \"{}\" of {} points, expected \"{}\" of {}: choose another folder (--out), or --extend to keep what both "
                                 "have in common and go on with this one", other, folder.manifest_["points"].size(), printable(sweep.title), sweep.points.size()));
  if (flock(folder.descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw InputError(printable(path.string()), fmt::format("found a process that works on another sweep, \"{}\", expected none: wait until it ends", other));
  replace_file(manifest, text);
  flock(folder.descriptor_, LOCK_SH);
  folder.read_manifest();
  return folder;
}

SweepFolder SweepFolder::open(const fs::path& path) {
  SweepFolder folder(path);
  std::error_code error;
  if (!fs::is_directory(path, error)) throw InputError(printable(path.string()), "found no such folder, expected the folder of a sweep");
  if (!fs::exists(path / "sweep.json", error)) throw InputError(printable(path.string()), "found no sweep.json, expected the folder of a sweep");
  refuse_links(path);
  folder.read_manifest();
  return folder;
}

SweepFolder::SweepFolder(SweepFolder&& other) noexcept
    : path_(std::move(other.path_)), manifest_(std::move(other.manifest_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

SweepFolder::~SweepFolder() {
  if (descriptor_ >= 0) close(descriptor_);
}

void SweepFolder::read_manifest() {
  const fs::path file = path_ / "sweep.json";
  manifest_ = parse_manifest(content_of(file), printable(file.string()));
}

bool SweepFolder::has(const std::string& name) const {
  std::error_code error;
  return fs::exists(path_ / "points" / (name + ".json"), error);
}

PointRead SweepFolder::read(const std::string& name) const {
  const fs::path file = path_ / "points" / (name + ".json");
  PointRead read = read_point_file(file, name);
  if (!read.problem.empty()) rename(file.c_str(), (file.string() + ".corrupt").c_str());
  return read;
}

void SweepFolder::write(const std::string& name, const PointFile& point) const { replace_file(path_ / "points" / (name + ".json"), point_file_text(point)); }

void SweepFolder::tidy() const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_, error))  // of a merge that was killed
    if (entry.path().filename().string().starts_with(".snellen-")) fs::remove_all(entry.path(), error);
  for (const char* folder : {"points", "claims"})
    for (const auto& entry : fs::directory_iterator(path_ / folder, error))
      if (entry.path().extension() == ".tmp" || folder == std::string_view("claims")) fs::remove(entry.path(), error);
}

SweepFolder::Merging SweepFolder::merging() const {
  const int descriptor = open_for_locks(path_ / ".merge");
  if (descriptor < 0) fail(path_, "merge into the folder", errno);
  while (flock(descriptor, LOCK_EX) != 0 && errno == EINTR) {
  }
  return Merging(descriptor);
}

SweepFolder::Merging::~Merging() { close(descriptor_); }

}  // namespace snellen
