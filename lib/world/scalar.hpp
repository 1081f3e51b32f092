// Worlds made of scalar numbers, one by one: `real` (MPFR), `interval` (MPFI) and `tangent` (intervals with a derivative). Slow and simple on purpose: they are what
// the fast worlds are compared with, and share no code with them.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "lib/number/dual.hpp"
#include "lib/number/interval.hpp"
#include "lib/number/real.hpp"
#include "lib/world/world.hpp"

namespace snellen {

template <class Arithmetic>
class ScalarWorld {
 public:
  static constexpr bool certified = Arithmetic::certified;
  using Number = typename Arithmetic::Number;

  // [width, tokens], token after token: entry i of column c is values[c * width + i].
  struct Block {
    std::size_t width = 0, tokens = 0;
    std::vector<Number> values;
    Number& operator()(std::size_t i, std::size_t c) { return values[c * width + i]; }
    const Number& operator()(std::size_t i, std::size_t c) const { return values[c * width + i]; }
  };
  // Entry after entry, each of the width of a key.
  struct Memory {
    std::vector<Number> keys, values;
  };

  explicit ScalarWorld(long bits);

  Block embed(const TensorPtr& table, std::span<const Column> columns) const;
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const;
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const;
  Block scale(const Block& x, const Root& factor) const;
  Block add(const Block& x, const Block& y) const;
  Block multiply(const Block& x, const Block& y) const;
  Block linear(const Linear& map, const Block& x) const;
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const;
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const;
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns,
               Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const;
  std::size_t width(const Block& x) const { return x.width; }
  std::size_t tokens(const Block& x) const { return x.tokens; }

  // A double nearest to the entry (of an interval: near its middle).
  double near(const Block& x, std::size_t row, std::size_t column) const { return arithmetic_.near(x(row, column)); }
  const Number& entry(const Block& x, std::size_t row, std::size_t column) const { return x(row, column); }

  // A template, since some compilers' explicit instantiations forget the constraint of a plain member.
  template <class A = Arithmetic>
  std::vector<Enclosure> enclosures(const Block& x, std::size_t column) const
    requires(A::certified)
  {
    std::vector<Enclosure> result;
    for (std::size_t i = 0; i < x.width; ++i) result.push_back(arithmetic_.enclosure(x(i, column)));
    return result;
  }

 private:
  Block zeros(std::size_t width, std::size_t tokens) const { return {width, tokens, std::vector<Number>(width * tokens, arithmetic_.zero())}; }
  Number root(const Root& r) const;
  // cos and sin of position * base^(-2f/dimensions).
  std::pair<Number, Number> turn(std::int64_t position, double base, std::size_t f, std::size_t dimensions) const;
  void activate(Activation activation, Number& result, const Number& x) const;

  Arithmetic arithmetic_;
};

extern template class ScalarWorld<RealArithmetic>;
extern template class ScalarWorld<IntervalArithmetic>;
extern template class ScalarWorld<DualArithmetic>;

using RealWorld = ScalarWorld<RealArithmetic>;
using IntervalWorld = ScalarWorld<IntervalArithmetic>;
// Forward-mode differentiation along one direction: seed the tangents of a block, and read those of what comes of it.
using TangentWorld = ScalarWorld<DualArithmetic>;

static_assert(World<RealWorld> && !CertifiedWorld<RealWorld>);
static_assert(CertifiedWorld<IntervalWorld>);
static_assert(CertifiedWorld<TangentWorld>);

}  // namespace snellen
