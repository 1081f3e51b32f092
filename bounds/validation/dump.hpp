// What an engine wrote down, under Snellen's names.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bounds/validation/names.hpp"
#include "lib/model/operations.hpp"
#include "lib/files/array_file.hpp"

namespace snellen {

// One operation's result as dumped.
struct DumpedTensor {
  std::size_t width = 0, tokens = 0;  // scores and probabilities: width = heads * entries
  std::vector<double> values;         // token after token; exact; may be NaN or infinite
  std::string format;                 // "bf16"
  std::string source;                 // its name in the file
};

class Dump {
 public:
  // InputError where two tensors of the file have the same name of Snellen's, or a sum names a tensor that is not there.
  Dump(const std::filesystem::path& path, StoredTensors arrays, const std::vector<NameRule>& rules, const std::vector<SumRule>& sums);

  const std::string& place() const { return place_; }
  bool contains(const std::string& name) const { return tensors_.contains(name); }
  // Tensors whose names nobody understood.
  const std::vector<std::string>& unknown() const { return unknown_; }
  std::vector<std::string> names() const;
  // [tokens, width], with leading ones; [heads, tokens, size] is put into tokens first; scores [heads, tokens, entries]. InputError for another shape.
  DumpedTensor read(const OperationName& operation, std::size_t tokens) const;
  // How many tokens `name` has, as far as its shape says; `expected` where the shape could be read so.
  std::optional<std::size_t> tokens_of(const OperationName& operation, std::size_t expected) const;

 private:
  struct Entry {
    std::vector<StoredTensor> terms;
    std::string source;
  };
  std::string place_;
  std::map<std::string, Entry> tensors_;
  std::vector<std::string> unknown_;
};

}  // namespace snellen
