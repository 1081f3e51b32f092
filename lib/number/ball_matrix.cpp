#include "lib/number/ball_matrix.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace snellen {
namespace {

constexpr std::size_t parallel_entries = 4096;  // below that, threads cost more than they bring

// Row after row as they lie in memory; each thread its own columns, as in everything else, so that it gives back the memory that it asked for.
template <class Each>
void for_each_entry(std::size_t rows, std::size_t columns, const Each& each) {
#pragma omp parallel if (columns > 1 && rows * columns >= parallel_entries)
  {
    std::size_t first = 0, last = columns;
#ifdef _OPENMP
    const auto thread = static_cast<std::size_t>(omp_get_thread_num()), threads = static_cast<std::size_t>(omp_get_num_threads());
    first = columns * thread / threads, last = columns * (thread + 1) / threads;
#endif
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = first; j < last; ++j) each(i, j);
  }
}

}  // namespace

BallMatrix::BallMatrix(const BallMatrix& other) : BallMatrix(other.rows(), other.columns()) {
  for_each_entry(rows(), columns(), [&](std::size_t i, std::size_t j) { arb_set((*this)(i, j), other(i, j)); });
}

BallMatrix::~BallMatrix() {
  if (rows() * columns() >= parallel_entries)
    for_each_entry(rows(), columns(), [&](std::size_t i, std::size_t j) {
      arb_clear((*this)(i, j));
      arb_init((*this)(i, j));  // for arb_mat_clear
    });
  arb_mat_clear(matrix_);
}

}  // namespace snellen
