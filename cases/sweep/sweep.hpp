// A sweep: a template of a case and axes; every combination of their values is a point, a case of its own. The keys are documented in cases/README.md.
#pragma once

#include <toml++/toml.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cases/case.hpp"
#include "cases/sweep/axis.hpp"

namespace snellen {

struct SweepPoint {
  std::vector<std::size_t> at;  // the index of its value on every axis
  std::string name;             // 32 hexadecimal digits: of all that its result depends on, see point_name()
};

// How the report lays the axes out; empty: chosen by what the axes are.
struct SweepLayout {
  std::string x, y;      // labels of axes with numbers: of heat maps and curves
  std::string criterion, norm;
};

struct Sweep {
  std::filesystem::path file;
  std::string title, name;  // name: the file's, without folder and .toml
  std::vector<SweepAxis> axes;
  std::vector<SweepPoint> points;  // the first axis turns slowest
  SweepLayout layout;
  bool distances = false;          // keep D(n) of every length, not only what is said of it
  toml::table pattern;             // the template

  // Of all points and axes: two sweeps with the same one are the same sweep.
  std::string sha256;
  // "layers 2, width 32, position none".
  std::string describe(const SweepPoint& point) const;
};

// Reads the sweep and checks the template and every value of every axis; whether each combination of values can be run is seen when it is. Models that are
// files are read for their hashes. InputError, "sweep.toml:LINE: key: found ..., expected ...".
Sweep read_sweep(const std::filesystem::path& file);

// The case of a point. InputError where the values do not go together.
Case case_of(const Sweep& sweep, const SweepPoint& point);

// SHA-256 of the schema, of Snellen's version, of the resolved case (JSON, keys sorted) and of the model's file, shortened to 128 bits: the same name, the
// same result. `model_sha256` is empty for a random model, which the case describes in full.
std::string point_name(const toml::table& resolved, const std::string& model_sha256);

// The most points of one sweep.
inline constexpr std::size_t max_sweep_points = 1'000'000;

}  // namespace snellen
