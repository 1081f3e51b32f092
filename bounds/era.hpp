// Enclosures of y(S_n), S_n = P . a^n . Q, for all n: explicit tokens one by one, then eras (Taylor models over n), then a tail that holds for every n
// from its first on. Why they hold: proofs/era.md and proofs/tail.md.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "bounds/era_width.hpp"
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
  // An era whose error, relative to the distance from the limit, is beyond 2^wanted is evaluated again as a narrower one, where that helps. Nothing: never.
  std::optional<double> wanted = std::nullopt;
};

class RunEvaluation {
 public:
  // The model and the family must not be refused (`eras_refuse`, bounds/inevitable_by_eras.hpp).
  RunEvaluation(const Model& model, const std::vector<Token>& prefix, Token token, const std::vector<Token>& suffix, Place place, const RunSettings& settings);

  const BallWorld& balls() const { return *balls_; }
  // The limit of y(S_n), and what the model remembers: y([a]) without suffix; with one, its last token's where all weight is on the run.
  const BallMatrix& limit() const { return limit_.vector; }
  const BallMatrix& limit_final() const { return limit_.final; }
  // Columns n - 1 = 0, ..., explicit_tokens - 1.
  const BallMatrix& explicit_vectors() const { return explicit_.vector; }
  const BallMatrix& explicit_finals() const { return explicit_.final; }
  std::int64_t explicit_tokens() const { return settings_.explicit_tokens; }
  const std::vector<EraVector>& eras() const { return eras_; }
  // The first n beyond the eras.
  const Length& next() const { return next_; }
  // About log2 of how many run tokens weigh as much as the prefix in the head where it weighs most, for decisions about speed.
  double heaviness() const;
  // Appends the era that begins at next().
  void extend();
  // Holds for every n >= next().
  TailVector tail();

 private:
  struct Vectors { BallMatrix vector, final; };
  // At the tokens chosen.
  template <CertifiedWorld W>
  Vectors vectors(const W& world, std::span<const Column> columns, std::span<const std::size_t> chosen, typename Decoder<W>::Memory& memory) const;
  // At the last of the abstract tokens; appends the era to the memory.
  Vectors run(const EraWorld& world);
  Length last_of_era() const;
  // log2 of the largest error over the largest distance from the limit, for decisions about speed.
  double error_of(const EraWorld& world, const BallMatrix& vector) const;

  const Model& model_;
  Place place_;
  RunSettings settings_;
  std::shared_ptr<const BallWorld> balls_;
  std::vector<Column> abstract_;  // the run token and the suffix
  Vectors limit_, explicit_;
  Decoder<EraWorld>::Memory memory_;
  std::vector<EraVector> eras_;
  Length next_;
  EraWidth width_;
};

}  // namespace snellen
