// The folder of a sweep. Several processes, on several machines, may work in it at the same time.
//
//   sweep.json    what the sweep is: its points and axes (manifest.hpp); written once, so that another sweep cannot come to lie in the same folder
//   points/       a file a point (point_file.hpp)
//   claims/       who computes what just now (claim.hpp)
//   runs/         a file a process: its environment, and a line a point with time and memory
//   results.*     made of the points by merging, as report.html and environment.json are
//
// It is enough that the file system renames files at once; locks save work where there are any.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cases/sweep/claim.hpp"
#include "cases/sweep/point_file.hpp"
#include "cases/sweep/sweep.hpp"

namespace snellen {

class SweepFolder {
 public:
  // Makes the folder, or finds it as it was left. InputError where it holds another sweep; with `extend` that one's points stay and this one takes its place,
  // unless a process still works on it.
  static SweepFolder open(const std::filesystem::path& path, const Sweep& sweep, bool extend);
  // A folder that is there, whatever its sweep. InputError where it is none.
  static SweepFolder open(const std::filesystem::path& path);

  SweepFolder(SweepFolder&& other) noexcept;
  ~SweepFolder();

  const std::filesystem::path& path() const { return path_; }
  const nlohmann::json& manifest() const { return manifest_; }
  bool has(const std::string& name) const;
  // The point's file; one that is not whole is renamed to NAME.json.corrupt, and `problem` says why.
  PointRead read(const std::string& name) const;
  // InputError where it cannot be written.
  void write(const std::string& name, const PointFile& point) const;
  PointClaim::Attempt claim(const std::string& name) const { return PointClaim::take(path_ / "claims" / name); }
  // Removes what processes that were killed left behind; only where all points are there, so that nobody writes.
  void tidy() const;

  // Held while results are made of the points: one process at a time.
  class Merging {
   public:
    explicit Merging(int descriptor) : descriptor_(descriptor) {}
    ~Merging();
    Merging(const Merging&) = delete;
    Merging& operator=(const Merging&) = delete;

   private:
    int descriptor_;
  };
  Merging merging() const;

 private:
  explicit SweepFolder(std::filesystem::path path) : path_(std::move(path)) {}
  void read_manifest();

  std::filesystem::path path_;
  nlohmann::json manifest_;
  int descriptor_ = -1;  // holds a shared lock while this process works in the folder
};

}  // namespace snellen
