// Enclosures of the vectors of P . U^n . Q, with delimiters or without, for all n, under ALiBi and windows: the first copies of the period token by token, then copy
// by copy, then a tail that holds for every later copy. Why they hold: proofs/periodic.md.
#pragma once

#include <vector>

#include "bounds/evaluate.hpp"
#include "lib/world/periodic.hpp"

namespace snellen {

// How a family's run comes back to itself. S_n leaves the run after token ends[k] of copy c of the period, n - 1 = c kinds + k.
struct PeriodShape {
  std::vector<Token> period;                 // with its delimiters, which close it
  std::vector<std::size_t> ends;             // of each kind
  std::vector<std::vector<Token>> branches;  // of each kind, what follows there: the suffix, and the last token once more where pairs ask for it
  std::size_t suffix = 0;                    // tokens
  bool repeats = false;                      // the pair's second sequence ends with the branch; else it is the next kind's first

  explicit PeriodShape(const Family& family);  // not sampled
  std::size_t branch_size() const { return branches[0].size(); }
  std::size_t columns() const { return period.size() + branches.size() * branch_size(); }  // of a copy
};

struct PeriodSettings {
  std::int64_t explicit_tokens = 96;  // of the run, at least
  long bits = 160, accuracy = 72;     // of sums over earlier tokens
};

class PeriodEvaluation {
 public:
  // The vectors of one pair, or of all later pairs of one kind: at the place asked for, and y (for next tokens).
  struct Two {
    CertifiedVector first, second;
    BallMatrix first_final, second_final;
  };

  // The model and the family must not be refused (`period_refuses`, bounds/inevitable_by_period.hpp).
  PeriodEvaluation(const Model& model, const Family& family, Place place, const PeriodSettings& settings);

  const BallWorld& balls() const { return copy_; }
  std::int64_t kinds() const { return static_cast<std::int64_t>(shape_.ends.size()); }
  std::int64_t copies() const { return static_cast<std::int64_t>(copies_.size()); }
  std::int64_t tokens() const { return copies() * static_cast<std::int64_t>(shape_.period.size()); }
  // Appends a copy.
  void extend();
  // n <= (copies() - 1) kinds().
  Two pair(std::int64_t n) const;
  // By kinds, enclosures that hold for every pair n > copies() kinds().
  std::vector<Two> tail();
  // By kinds, what the pairs' vectors tend to.
  std::vector<Two> limits() const { return all_kinds(limit_); }

 private:
  // Columns: the pairs' first vectors of each kind, then their second ones where these end a branch.
  struct Vectors { BallMatrix vector, final; };
  Vectors vectors_of(const BallMatrix& x, const std::vector<std::size_t>& columns) const;
  std::vector<Two> all_kinds(const Vectors& all) const;
  Two two_of(const Vectors& copy, const Vectors& next, std::size_t kind) const;
  std::vector<Column> block(std::int64_t copy) const;
  Vectors evaluate(const PeriodicWorld& world, std::int64_t copy);

  const Model& model_;
  Place place_;
  PeriodShape shape_;
  std::size_t prefix_;
  PeriodicWorld copy_, tail_;
  Decoder<PeriodicWorld>::Memory memory_;
  Vectors limit_;
  std::vector<Vectors> copies_;
};

}  // namespace snellen
