// Several dumps of the same tokens beside each other: two engines, or runs of one engine that should be the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bounds/validation/validate.hpp"

namespace snellen {

// One operation that all dumps have.
struct Spread {
  OperationName operation;
  double largest = 0;           // max over entries of (largest - smallest over the dumps); infinite where one is no number
  double relative = 0;          // over the largest magnitude of the operation
  std::size_t differing = 0;    // entries that are not the same in all dumps
  // What two engines of the profile may differ by at most at one entry, given the first dump's inputs: the widest image. None where the first dump lacks it.
  std::optional<double> allowed;
};

struct Comparison {
  std::vector<Spread> operations;          // in program order
  std::optional<std::size_t> first;        // index of the first operation that differs: all that was dumped before it is the same, so the difference arises there
  bool explained = false;                  // every dump passes under its profile: rounding explains all of the difference
};

// validations[i] is dumps[i]'s. InputError as Dump::read.
Comparison compare(const Model& model, std::size_t tokens, const std::vector<const Dump*>& dumps, const std::vector<const Validation*>& validations);

}  // namespace snellen
