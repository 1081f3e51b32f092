#include "lib/number/ball_matrix.hpp"

namespace snellen {
namespace {

constexpr std::size_t parallel_entries = 4096;  // below that, threads cost more than they bring

}  // namespace

BallMatrix::BallMatrix(const BallMatrix& other) : BallMatrix(other.rows(), other.columns()) {
  const std::size_t height = rows(), width = columns();
  // By columns, as everything else is: what a thread asked memory for, it gives back.
#pragma omp parallel for schedule(static) if (height * width >= parallel_entries)
  for (std::size_t j = 0; j < width; ++j)
    for (std::size_t i = 0; i < height; ++i) arb_set((*this)(i, j), other(i, j));
}

BallMatrix::~BallMatrix() {
  const std::size_t height = rows(), width = columns();
  if (height * width >= parallel_entries) {
#pragma omp parallel for schedule(static)
    for (std::size_t j = 0; j < width; ++j)
      for (std::size_t i = 0; i < height; ++i) {
        arb_clear((*this)(i, j));
        arb_init((*this)(i, j));  // for arb_mat_clear
      }
  }
  arb_mat_clear(matrix_);
}

}  // namespace snellen
