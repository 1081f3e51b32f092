// What a layer does to one token's vector, or to several, in intervals: plain loops over entries. Every result contains the exact value for every choice of arguments in the
// argument intervals. The meaning of every operation: proofs/README.md, "The object".
#pragma once

#include <cstdint>
#include <map>

#include "lib/model/model.hpp"
#include "proofs/checker/arithmetic.hpp"

namespace snellen::check {

class Operations {
 public:
  explicit Operations(long bits) : a_(bits) {}
  const IntervalArithmetic& arithmetic() const { return a_; }
  long bits() const { return a_.bits(); }

  Vector zeros(std::size_t size) const { return Vector(size, a_.zero()); }
  // A row of a tensor, exactly.
  Vector row(const Tensor& tensor, std::size_t row) const;
  // W x + b for each x; rows side by side on all threads.
  std::vector<Vector> linear(const Linear& map, const std::vector<Vector>& xs) const;
  // In place, each of `groups` equal parts by itself.
  void norm(const Norm& n, Vector& x, std::size_t groups) const;
  void activate(Activation activation, Number& x) const;
  Number root(const Root& r) const;
  Number slope(const Slope& s) const;  // 2^(-p/q)
  // e^x, in place: one exponential, of no more bits than the interval's width w deserves, and e^w <= 1 + w + w^2 for 0 <= w <= 1. Below 2^-(bits + 64) only an upper bound.
  void exp(Number& x) const;
  // c tanh(s / c), in place.
  void soft_cap(Number& score, double cap) const;

  // cos and sin of position * base^(-2f/dimensions) for every plane f.
  struct Turn { Number cosine, sine; };
  std::vector<Turn> turns(const Rotary& rotary, std::int64_t position) const;
  // x: heads of head_size entries each, in place.
  void rotate(Vector& x, std::size_t heads, std::size_t head_size, const std::vector<Turn>& turns) const;

 private:
  IntervalArithmetic a_;
};

// Runs f(i) for i < count, on all threads where that is worth it; f must not throw.
template <class F>
void for_each_index(std::size_t count, [[maybe_unused]] bool worth_it, const F& f) {
#pragma omp parallel for schedule(dynamic) if (worth_it && count > 1)
  for (std::size_t i = 0; i < count; ++i) f(i);
}

}  // namespace snellen::check
