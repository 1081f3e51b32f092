// Can rounding explain what an engine computed? Operation by operation, each from the engine's own inputs.
//
// The inputs of an operation are the engine's dumped tensors, taken as exact (or as their rounding cells where the dump is narrower than the engine's own format);
// its image under the profile (lib/world/image.hpp) contains every result of every engine of the profile (proofs/validation.md, `engine_in_image`). So an entry
// outside is a proof that this operation is not the profile's: `fail`. An entry inside proves nothing wrong; where the image is so wide that it would also
// hold a vector of zeros (its radius is at least the vector, in the 2-norm) or has an infinite end, the answer is `inconclusive`. NaN is never a pass.
// Operations that were not dumped are carried as images to the next one that was. Of a layer of which only input and output were dumped, each token is also judged along the direction
// in which it deviates from the exact layer (directional.hpp): `fail` where that is farther than any engine of the profile can be, and a `pass`, too, says only that this direction holds
// no proof, while a layer that did nothing would have been noticed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bounds/validation/directional.hpp"
#include "bounds/validation/dump.hpp"
#include "bounds/validation/lint.hpp"
#include "lib/model/columns.hpp"
#include "lib/progress.hpp"
#include "lib/world/engine_profile.hpp"
#include "lib/world/image.hpp"

namespace snellen {

enum class Judgement { pass, inconclusive, fail };

// An entry that no rounding of the profile explains.
struct Outside {
  std::size_t token = 0, entry = 0;
  double value = 0;
  Range image;
  double ulps = 0;  // how far outside, in units in the last place of the operation's format; NaN where the value is no number
};

struct OperationVerdict {
  OperationName operation;
  std::string source;                  // the tensor's name in the file
  std::vector<std::string> carried;    // operations just before it that were not dumped: a failure may be theirs
  std::vector<Judgement> tokens;
  Judgement verdict = Judgement::pass;
  std::size_t entries = 0, outside = 0, determined = 0;  // determined: the image is one value
  std::optional<Outside> worst;        // the farthest outside, or first NaN
  std::optional<std::size_t> first_token;  // that fails
  std::vector<std::string> hints;      // what would explain a failure: bounds/validation/explain.hpp
  // Changing any one entry by more than `surely_caught` ulps of its own would have failed; some entry by `least_caught`.
  double surely_caught = 0, least_caught = 0;
  // The same relative to the token's largest entry; the largest of all tokens. Where inconclusive: what would have been caught.
  double surely_relative = 0, least_relative = 0;
  double resolution = 0;               // largest |radius|_2 / |values|_2 of a token
  // Half the width of images over the distance of the value from their middles, as a median over entries whose image is no point: how much of the room was used.
  double median_use = 0;
  std::vector<Directional> directions;  // of each token, where this is a layer's output and nothing inside the layer was dumped
  double tolerance_absolute = 0, tolerance_relative = 0;  // for an engine's own tests: |a - b| <= absolute + relative |b| holds for any two results of the profile
};

struct Validation {
  std::string model, profile, dump;
  std::size_t tokens = 0;
  std::vector<OperationVerdict> operations;  // those that were dumped, in program order
  std::vector<std::string> not_dumped, unknown;
  Lint lint;
  Judgement verdict = Judgement::pass;
  const OperationVerdict* first_failure() const;
};

// InputError where a tensor has another shape or number of tokens, none of the model's operations was dumped, or the profile's sums cannot be replayed.
Validation validate(const Model& model, std::span<const Column> columns, const Dump& dump, const EngineProfile& profile, Progress& progress);

}  // namespace snellen
