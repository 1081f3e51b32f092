// A case: what to run, read from a TOML file and checked. The keys are documented in cases/README.md.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bounds/certify.hpp"
#include "bounds/expectation.hpp"
#include "bounds/softmax_distance.hpp"
#include "lib/error.hpp"
#include "lib/files/quantize.hpp"
#include "lib/model/synthetic.hpp"

namespace snellen {

struct Case {
  std::filesystem::path file;
  std::variant<std::filesystem::path, RandomModel> model;  // a path as written: load_model(const Case&) looks for it
  std::optional<BlockFormat> quantize;                     // what its matrices are rounded to
  CertifyRequest request;                                  // its case_name is the file's, without folder and .toml
  std::optional<SoftmaxFamily> softmax;                    // then there is neither a model nor a family
  std::optional<PaperClaim> paper;                         // what it shows of a paper: cases/paper
  std::vector<std::string> readings, warnings;             // about texts that became tokens: how, and what to beware of
  std::map<std::string, unsigned> lines;                   // of every key given, by its full name: "family.unit"

  // "cases/first.toml:12: family.unit": where a message about `key` points; the table's line where the key was not given.
  std::string place(const std::string& key) const;
};

// Throws InputError, "file.toml:LINE: key: found ..., expected ...", for the first thing that is wrong. `model` stands in place of the case's own.
// Texts become tokens here, by the model's tokenizer.
Case read_case(const std::filesystem::path& file, const std::optional<std::filesystem::path>& model = {});

// The claim alone, for which no model is needed.
std::optional<PaperClaim> read_claim(const std::filesystem::path& file);

// There is no model at the path that a case names: a gallery goes on without it.
class MissingModel : public InputError {
 public:
  using InputError::InputError;
};

// Where the model of a case lies that has a path; MissingModel where it does not. See load_model().
std::filesystem::path find_model(const Case& c);

// The model that a case names; InputError where it cannot be read or the family does not fit it. A relative path is tried from the current
// directory, from the case file's folder and from the project's root (the environment variable SNELLEN_HOME, set by the launcher), in this order.
Model load_model(const Case& c);

// certify() of the case's model, or certify_softmax(), with what the case has to say of its texts.
Certification certify(const Case& c, Progress& progress);

}  // namespace snellen
