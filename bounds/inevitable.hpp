// From which length on is collapse proved for every n, to infinity? Families P . a^n, pairs (S_n, S_{n+1}). Why: proofs/tail.md and proofs/era.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bounds/evaluate.hpp"
#include "bounds/result.hpp"

namespace snellen {

// One row of the answer: what certify() answers for a CollapseRow, with the scope `all`.
struct InevitableRow {
  Inevitable answer;           // scope `all`; `unknown` where nothing is proved for all n
  std::int64_t undecided = 0;  // n between lower and upper that stayed undecided (counted up to a maximum)
};

struct InevitableAnswer {
  std::vector<InevitableRow> rows;        // as asked
  std::string theorem;                    // "inevitable_by_eras" or "window_reach" (proofs/era.md, tail.md); empty where nothing is proved
  std::string unsupported;                // why nothing is proved; empty otherwise
  std::vector<std::string> hypotheses;    // what was checked, sentences
  std::string tail_from;                  // the tail's first n; empty without one
  std::size_t eras = 0;
  std::int64_t explicit_tokens = 0;
  std::size_t degree = 0;
  long bits = 0;
  std::optional<CertifiedVector> limit;   // y([a]) (or x(L)): what is left of the prompt when n grows
};

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

// Why no statement for all n can be made here; nothing if one can be tried.
std::optional<std::string> no_proof_for_all(const Model& model, const Family& family);

// For each row the least N >= 1 such that collapse is proved for every n >= N, and 1 + the largest n >= 1 proved distinct (1 where none is). The
// family's horizon plays no part; its lengths begin at 1. InputError where the family does not fit the model.
InevitableAnswer inevitable_lengths(const Model& model, const Family& family, Place place, const std::vector<InevitableQuestion>& rows,
                                    const InevitableLimits& limits, Progress& progress);

}  // namespace snellen
