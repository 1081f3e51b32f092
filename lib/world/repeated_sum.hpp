// s <- rd(s + c), again and again with the same c: what a sequential sum does to a run of equal terms. Why: `repeated_sum` in proofs/engines.md.
#pragma once

#include <cstdint>

#include "lib/world/format_arithmetic.hpp"

namespace snellen {

class RepeatedSum {
 public:
  // `format` rounds the sums. It outlives this object.
  explicit RepeatedSum(const FormatArithmetic& format);

  // s after `steps` >= 0 steps: the bits that single steps give, in time of the order of the exponents passed. s and c are values of the format, s not -0.
  double after(double s, double c, std::int64_t steps) const;

  // The value that no further step changes (an infinity and NaN are such values), and the least number of steps that lead to it. It exists: the sums are
  // monotone, in the direction of c, and finitely many.
  struct Settled {
    double value;
    std::int64_t steps;
  };
  Settled settle(double s, double c) const;

 private:
  // One step, then as many more of equal size as the binade of s allows, `most` >= 1 in all: s is replaced, the number of steps returned; 0 where s is settled.
  std::int64_t advance(double& s, double c, std::int64_t most) const;
  // How many further steps from s, at most `most`, stay in its binade and are equal; s is moved by them.
  std::int64_t jump(double& s, double c, std::int64_t most) const;

  const FormatArithmetic& format_;
  int precision_;
  int emin_;
};

}  // namespace snellen
