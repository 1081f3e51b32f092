// From which length on is collapse proved for every n, to infinity? There are several ways to prove it, each for its kind of model and family
// (bounds/inevitable_by_*.hpp); what they prove is put together here. Why: proofs/tail.md and proofs/era.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bounds/evaluate.hpp"
#include "bounds/result.hpp"

namespace snellen {

// What is asked: format, criterion, metric and eps of each row, as in CollapseRow.
struct InevitableQuestion {
  std::optional<Format> format;
  Criterion criterion = Criterion::bitwise;
  std::optional<Metric> metric;
  std::optional<Dyadic> eps;
};

// What a proof may cost. certify() makes the numbers of eras and tokens small where a model is large (bounds/work.hpp).
struct InevitableLimits {
  long max_bits = 4096;
  std::size_t max_eras = 1200;
  std::size_t max_tokens = 20000;  // evaluated one by one: explicit ones, and the eras under ALiBi
  int attempts = 3;  // with more degree and precision, while some row is not exact
};

struct InevitableTask {
  const Model& model;
  const Family& family;
  Place place;
  const std::vector<InevitableQuestion>& questions;
  const InevitableLimits& limits;
};

// One row of the answer: what certify() answers for a CollapseRow, with the scope `all`.
struct InevitableRow {
  Inevitable answer;           // scope `all`; `unknown` where nothing is proved for all n
  std::int64_t undecided = 0;  // as in Basis, like all that follows
  std::string theorem;
  std::map<std::string, std::string> numbers;  // empty: those of the proof with this theorem
  std::optional<std::string> overflow_from;
  std::string open;

  // Nothing is left to prove: exact, never, or overflow for ever.
  bool decided() const;
};

struct InevitableAnswer {
  std::vector<InevitableRow> rows;        // as asked
  std::vector<InevitableProof> proofs;
  std::string unsupported;                // why nothing is proved; empty otherwise
  std::optional<CertifiedVector> limit;   // of y(S_n) (or x(L)): y([a]) for a run without suffix; what is left of the prompt when n grows
  std::string limit_sequence;             // whose vector it is, for people: "[2]"
  std::optional<Token> limit_next_token;  // where it is asked for and certified
  std::optional<CertifiedVector> tail;    // contains y(S_n) for every n >= tail_from
  std::string tail_from, tail_theorem;

  // Every row is.
  bool decided() const;
  // Takes over what another answer to the same questions proves beyond this one: the larger lower end, the smaller upper end, `never`, overflow
  // for ever. No row becomes worse.
  void sharpen(InevitableAnswer other);
};

// For each row the least N >= 1 such that collapse is proved for every n >= N, and 1 + the largest n >= 1 proved distinct (1 where none is). The
// family's horizon plays no part; its lengths begin at 1. InputError where the family does not fit the model.
InevitableAnswer inevitable_lengths(const Model& model, const Family& family, Place place, const std::vector<InevitableQuestion>& rows,
                                    const InevitableLimits& limits, Progress& progress);

}  // namespace snellen
