// A world that lets another one work and keeps a clock for each kind of operation: where a forward pass spends its time.
#pragma once

#include "lib/world/world.hpp"
#include "tests/bench/timing.hpp"

namespace snellen {

// CPU seconds of the thread that calls the operations: run them on one.
struct OperationTimes {
  double linear = 0, attention = 0, norms = 0, other = 0;  // other: embeddings, sums, products, activations, rotations
  double total() const { return linear + attention + norms + other; }
};

template <World W>
class TimedWorld {
 public:
  static constexpr bool certified = W::certified;
  using Block = typename W::Block;
  using Memory = typename W::Memory;

  TimedWorld(const W& world, OperationTimes& times) : w_(world), times_(times) {}

  Block embed(const TensorPtr& table, std::span<const Column> columns) const {
    return timed(times_.other, [&] { return w_.embed(table, columns); });
  }
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const {
    return timed(times_.other, [&] { return w_.add_rows(x, table, columns); });
  }
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const {
    return timed(times_.other, [&] { return w_.add_sinusoids(x, columns); });
  }
  Block scale(const Block& x, const Root& factor) const {
    return timed(times_.other, [&] { return w_.scale(x, factor); });
  }
  Block add(const Block& x, const Block& y) const {
    return timed(times_.other, [&] { return w_.add(x, y); });
  }
  Block multiply(const Block& x, const Block& y) const {
    return timed(times_.other, [&] { return w_.multiply(x, y); });
  }
  Block linear(const Linear& map, const Block& x) const {
    return timed(times_.linear, [&] { return w_.linear(map, x); });
  }
  Block norm(const Norm& n, const Block& x, std::size_t groups) const {
    return timed(times_.norms, [&] { return w_.norm(n, x, groups); });
  }
  Block activate(Activation activation, const Block& x) const {
    return timed(times_.other, [&] { return w_.activate(activation, x); });
  }
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const {
    return timed(times_.other, [&] { return w_.rotate(x, rotary, heads, columns); });
  }
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns,
               Memory& memory) const {
    return timed(times_.attention, [&] { return w_.attend(attention, q, k, v, columns, memory); });
  }
  Block select(const Block& x, std::span<const std::size_t> columns) const { return w_.select(x, columns); }
  std::size_t width(const Block& x) const { return w_.width(x); }
  std::size_t tokens(const Block& x) const { return w_.tokens(x); }

 private:
  template <class Operation>
  static Block timed(double& total, const Operation& operation) {
    const double start = thread_seconds();
    Block result = operation();
    total += thread_seconds() - start;
    return result;
  }

  const W& w_;
  OperationTimes& times_;
};

}  // namespace snellen
