// Enclosures of y(S_n), S_n = P . U^n . Q, that hold for every n >= N, for any N: explicit tokens one by one, then worlds of majorants, each from a larger
// length on and sharper than the one before. Why they hold: proofs/majorant.md.
#pragma once

#include <memory>
#include <vector>

#include "bounds/evaluate.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/majorant.hpp"

namespace snellen {

// The vectors of the last token for all n >= first.
struct MajorantStage {
  Length first;
  MajorantWorld world;
  MajorantBlock vector, final;  // one column each: at the place asked for, and y (for next tokens)

  // A ball column that contains the vector (of `block`, one of the two above) for every integer n >= from, from >= first.
  BallMatrix over(const MajorantBlock& block, const Length& from) const { return world.from(block, 0, from); }
  // A ball column around zero that contains the vector of n + 1 less that of n, for every integer n >= from.
  BallMatrix steps_over(const MajorantBlock& block, const Length& from) const { return world.steps(block, 0, from); }
};

class MajorantRun {
 public:
  // Evaluates P . U^copies token by token: `least` copies >= 1, and twice as many as long as the weights of later tokens, or a turning head's mass, are known badly, up to `most`. Limits are
  // computed to `bits`. The model and the family must not be refused (`majorant_refuses`, bounds/inevitable_by_majorant.hpp).
  MajorantRun(const Model& model, const Family& family, Place place, std::int64_t least, std::int64_t most, long bits);

  const BallWorld& balls() const { return *balls_; }
  std::int64_t copies() const { return static_cast<std::int64_t>(shape_.copies); }
  // The stage that holds from n = first on: copies() + 1 for the first one, then larger each time.
  MajorantStage stage(const Length& first, const Decoder<MajorantWorld>::Observer& observe = {});

 private:
  void read_copies(const Family& family, std::size_t copies);

  const Model& model_;
  Place place_;
  RunShape shape_;
  std::shared_ptr<const BallWorld> balls_;
  std::vector<Column> abstract_;
  Decoder<MajorantWorld>::Memory memory_;
};

}  // namespace snellen
