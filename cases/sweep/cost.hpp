// What the points of a sweep will cost, predicted: to begin with the longest, and to size an allocation. Plain numbers: nothing here enters a result.
#pragma once

#include <cstddef>
#include <vector>

#include "cases/sweep/sweep.hpp"

namespace snellen {

// Of every point, counted in products (bounds/work.hpp): the columns of its sequences through the weights and the attention, again for each engine, and what a
// proof for every n may take. The same on every machine. A point whose values do not go together costs nothing.
std::vector<double> counted_work(const Sweep& sweep);

// The points' indices, the longest first; equal ones in their order.
std::vector<std::size_t> longest_first(const std::vector<double>& work);

// A measurable quantity of the points (seconds, bytes) from some that were measured. Its logarithm is modelled as
//   log guess + a sum over the axes (a number v: b log v; a name: b of that name) + products of a name and a number,
// by least squares with a ridge, so that what was not measured stays near the guess; axes of seeds differ by chance alone.
class CostModel {
 public:
  // `guess`: of every point, up to a factor.
  CostModel(const Sweep& sweep, std::vector<double> guess);
  void measured(std::size_t point, double value);
  std::size_t measurements() const { return values_.size(); }
  // Of every point; those measured keep their own value. Nothing measured: the guess.
  std::vector<double> predict() const;

  // Points to measure so that few say much: the cheapest first, then always the one farthest from all before it.
  std::vector<std::size_t> worth_measuring(std::size_t most) const;

 private:
  std::vector<double> features(std::size_t point) const;

  const Sweep& sweep_;
  std::vector<double> guess_;
  std::vector<std::pair<std::size_t, double>> values_;
};

}  // namespace snellen
