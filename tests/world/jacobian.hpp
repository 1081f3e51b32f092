// Matrices formed entry by entry, to compare bounds of their norms with.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

namespace snellen {

struct Jacobian {
  std::size_t rows, columns;
  std::vector<double> entries;
  double frobenius() const {
    double sum = 0;
    for (const double x : entries) sum += x * x;
    return std::sqrt(sum);
  }
  // By the power method: at most the norm, up to rounding.
  double norm() const {
    std::vector<double> x(columns, 1), y(rows);
    double result = 0;
    for (int step = 0; step < 200; ++step) {
      double size = 0;
      for (const double e : x) size += e * e;
      if (size == 0) return 0;
      size = std::sqrt(size);
      for (double& e : x) e /= size;
      result = 0;
      for (std::size_t i = 0; i < rows; ++i) {
        y[i] = 0;
        for (std::size_t j = 0; j < columns; ++j) y[i] += entries[i * columns + j] * x[j];
        result += y[i] * y[i];
      }
      std::fill(x.begin(), x.end(), 0.0);
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < columns; ++j) x[j] += entries[i * columns + j] * y[i];
    }
    return std::sqrt(result);
  }
};

}  // namespace snellen
