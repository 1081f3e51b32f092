// What a row says of one pair of an engine's vectors, for scans over millions of pairs: in doubles where their errors leave no doubt, else by exact rounding and enclosed
// distances (bounds/engine_run). The answers are those of `observed_verdicts`, always.
//
// Rounding to a format is `DoubleRounder`, exact; a format's overflow is looked for first, since no value up to the largest one rounds beyond it. For vectors of at most 2^20
// entries, none beyond 2^100, a distance D computed in doubles is d with d (1 - 2^-30) - 2^-240 <= D <= upward(d) (lib/number/upward.hpp: all roundings together are within the
// factors 1 -+ 2^-32, and squares that underflow add up to less than 2^-250 under the root, which is exact to a rounding).
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "bounds/engine_run.hpp"
#include "bounds/result.hpp"

namespace snellen {

class EnginePairJudge {
 public:
  static constexpr long distance_bits = 160;  // of the enclosed distances

  EnginePairJudge(const std::vector<CollapseRow>& rows, const std::vector<Metric>& metrics);

  // The pair (a, b) under row `row`; next_tokens() is asked under the argmax criterion alone.
  Verdict operator()(std::size_t row, std::span<const double> a, std::span<const double> b, const std::function<std::vector<Token>()>& next_tokens) const;

 private:
  struct Row {
    std::optional<DoubleRounder> rounder;  // bitwise, where the format's values are doubles
    double eps_below = 0, eps_above = 0;   // tolerance: the doubles around eps
  };

  std::optional<Verdict> bitwise_in_doubles(const Row& row, std::span<const double> a, std::span<const double> b) const;
  std::optional<Verdict> tolerance_in_doubles(const Row& row, Metric metric, std::span<const double> a, std::span<const double> b) const;

  const std::vector<CollapseRow>& rows_;
  const std::vector<Metric>& metrics_;
  std::vector<Row> prepared_;
};

}  // namespace snellen
