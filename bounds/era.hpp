// Enclosures of y(S_n), S_n = P . a^n, for all n: explicit tokens one by one, then eras (Taylor models over n), then a tail that holds for every n
// from its first on. Why they hold: proofs/era.md and proofs/tail.md.
#pragma once

#include <memory>
#include <vector>

#include "bounds/evaluate.hpp"
#include "lib/world/era.hpp"

namespace snellen {

// One vector of y for many n: width x (degree + 1), a Taylor model a row.
struct EraVector {
  EraWorld::Era era;
  BallMatrix vector, final;  // at the place asked for, and y (for next tokens)
  EraWorld world;

  // Ball columns that contain the vector (of `models`, one of the two above) for every integer n of [from, to], a part of the era.
  BallMatrix over(const BallMatrix& models, const Length& from, const Length& to) const;
  // ... that contain vector(n + 1) - vector(n) for every n of [from, to - 1].
  BallMatrix steps_over(const Length& from, const Length& to) const;
  // ... vector(n + 1) - vector(n) at one n.
  BallMatrix step_at(const Length& n) const;
};

// A ball column that contains the vector for every n >= first.
struct TailVector {
  Length first;
  BallMatrix vector, final;
};

struct RunSettings {
  std::int64_t explicit_tokens = 200;  // run tokens evaluated one by one: y(S_1), ..., y(S_explicit_tokens)
  std::size_t degree = 20;
  long bits = 160;
  bool one_token_eras = false;         // ALiBi
};

class RunEvaluation {
 public:
  // The model and the family must not be refused (`eras_refuse`, bounds/inevitable_by_eras.hpp).
  RunEvaluation(const Model& model, const std::vector<Token>& prefix, Token token, Place place, const RunSettings& settings);

  const BallWorld& balls() const { return *balls_; }
  // y([a]): the limit, and what the model remembers.
  const BallMatrix& limit() const { return limit_.vector; }
  const BallMatrix& limit_final() const { return limit_.final; }
  // Columns n - 1 = 0, ..., explicit_tokens - 1.
  const BallMatrix& explicit_vectors() const { return explicit_.vector; }
  const BallMatrix& explicit_finals() const { return explicit_.final; }
  std::int64_t explicit_tokens() const { return settings_.explicit_tokens; }
  const std::vector<EraVector>& eras() const { return eras_; }
  // The first n beyond the eras.
  const Length& next() const { return next_; }
  // Appends the era that begins at next().
  void extend();
  // Holds for every n >= next().
  TailVector tail();

 private:
  struct Vectors { BallMatrix vector, final; };
  BallMatrix placed(const BallMatrix& hidden, const BallMatrix& final) const { return place_ == Place::final ? final : hidden; }

  const Model& model_;
  Place place_;
  RunSettings settings_;
  std::shared_ptr<const BallWorld> balls_;
  std::vector<Column> abstract_;  // the abstract token
  Vectors limit_, explicit_;
  Decoder<EraWorld>::Memory memory_;
  std::vector<EraVector> eras_;
  Length next_;
};

}  // namespace snellen
