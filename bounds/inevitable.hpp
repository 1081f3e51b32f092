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

struct InevitableLimits {
  long max_bits = 4096;
  std::size_t max_eras = 1200;
  std::size_t max_tokens = 20000;  // under ALiBi, where eras are single tokens
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
  std::int64_t undecided = 0;  // n between lower and upper that stayed undecided (counted up to a maximum)
  std::string theorem;         // behind the answer; empty where nothing is proved
};

// One way that was taken: its theorem, what was checked (sentences), and its parameters.
struct InevitableProof {
  std::string theorem;
  std::vector<std::string> hypotheses;
  std::map<std::string, std::string> numbers;
};

struct InevitableAnswer {
  std::vector<InevitableRow> rows;        // as asked
  std::vector<InevitableProof> proofs;
  std::string unsupported;                // why nothing is proved; empty otherwise
  std::optional<CertifiedVector> limit;   // of y(S_n) (or x(L)): y([a]) for a run without suffix; what is left of the prompt when n grows

  // Every row is exact or never.
  bool decided() const;
  // Takes over what another answer to the same questions proves beyond this one: the larger lower end, the smaller upper end, `never`.
  void sharpen(InevitableAnswer other);
};

// For each row the least N >= 1 such that collapse is proved for every n >= N, and 1 + the largest n >= 1 proved distinct (1 where none is). The
// family's horizon plays no part; its lengths begin at 1. InputError where the family does not fit the model.
InevitableAnswer inevitable_lengths(const Model& model, const Family& family, Place place, const std::vector<InevitableQuestion>& rows,
                                    const InevitableLimits& limits, Progress& progress);

}  // namespace snellen
