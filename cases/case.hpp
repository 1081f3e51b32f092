// A case: what to run, read from a TOML file and checked. The keys are documented in cases/README.md.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bounds/result.hpp"
#include "lib/model/family.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/world/profile.hpp"

namespace snellen {

enum class At { final, hidden };

std::string_view name_of(At at);  // "final", "hidden"

struct Measure {
  std::vector<Format> formats;
  std::vector<Criterion> criteria;
  std::vector<Metric> metrics;
  At at = At::final;
  bool inevitable = true;
  std::optional<double> eps;  // none: 2^(1-t) of each format
};

struct Precision {
  std::optional<long> start_bits;
  long max_bits = 4096;
};

struct Case {
  std::filesystem::path file;
  std::string name;  // the file's, without folder and .toml
  std::string title;
  std::variant<std::filesystem::path, RandomModel> model;  // a path as written: see load_model(const Case&)
  Family family;
  Measure measure;
  std::vector<Profile> profiles;
  Precision precision;
  std::map<std::string, unsigned> lines;  // of every key given, by its full name: "family.unit"

  // "cases/first.toml:12: family.unit": where a message about `key` points. The nearest key that was given decides the line.
  std::string place(const std::string& key) const;
};

// Throws InputError, "file.toml:LINE: key: found ..., expected ...", for the first thing that is wrong.
Case read_case(const std::filesystem::path& file);

// The model that a case names. A relative path is tried from the current directory, from the case file's folder and from the project's root (the
// environment variable SNELLEN_HOME, set by the launcher), in this order. The family is checked against the model. InputError.
Model load_model(const Case& c);

}  // namespace snellen
