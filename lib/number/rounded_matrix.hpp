// A matrix in doubles with the error of them all: what operators known as balls are made into where many vectors meet them, and for their norms.
#pragma once

#include <cstddef>
#include <vector>

#include "lib/number/ball_matrix.hpp"
#include "lib/number/magnitude.hpp"

namespace snellen {

struct RoundedMatrix {
  std::size_t rows = 0, columns = 0;
  std::vector<double> values;  // row-major
  double error = 0;            // at least |A - values|_F; infinite where an entry is not moderate
  double frobenius = 0;        // at least |A|_F and |values|_F

  RoundedMatrix() = default;
  explicit RoundedMatrix(const BallMatrix& a);
  const double* row(std::size_t i) const { return values.data() + i * columns; }
};

// At least |A|_2; at least |A x|_1 for every |x|_2 = 1; at least the 2-norm of each row.
Magnitude two_norm(const RoundedMatrix& a);
Magnitude two_to_one_norm(const RoundedMatrix& a);
std::vector<Magnitude> row_norms(const RoundedMatrix& a);

// Side by side: [A_1 f_1, A_2 f_2, ...], all with as many rows, the factors f_i >= 0.
RoundedMatrix side_by_side(const std::vector<RoundedMatrix>& parts, const std::vector<double>& factors);

}  // namespace snellen
