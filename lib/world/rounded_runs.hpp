// An emulated engine on a sequence without end whose last token is repeated for ever: RoundedWorld's bits, run by run of equal columns instead of token by
// token. It follows the engine exactly, as far as its limits allow. Why: proofs/engines.md.
#pragma once

#include <optional>
#include <stdexcept>

#include "lib/world/run_attention.hpp"
#include "lib/world/world.hpp"

namespace snellen {

class RoundedRunsWorld {
 public:
  static constexpr bool certified = false;

  // Runs of equal columns: column c of `values` stands at the positions starts[c], ..., starts[c + 1] - 1; the last one at all from starts.back() on.
  // Positions before starts[0] are left out.
  struct Block {
    RoundedWorld::Block values;
    std::vector<std::int64_t> starts;
  };
  // The whole sequence is one block: there is nothing to keep.
  struct Memory {};

  // Attention's output is computed from position `from` on; none: only where the sums of its exponentials change no more.
  RoundedRunsWorld(const Profile& profile, const RunLimits& limits, std::optional<std::int64_t> from);

  // The columns stand at the positions 0, 1, ...; the last is repeated for ever.
  Block embed(const TensorPtr& table, std::span<const Column> columns) const;
  // std::logic_error: bits that depend on the position are those of no run.
  Block add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const;
  Block add_sinusoids(const Block& x, std::span<const Column> columns) const;
  Block rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const;
  Block scale(const Block& x, const Root& factor) const;
  Block add(const Block& x, const Block& y) const;
  Block multiply(const Block& x, const Block& y) const;
  Block linear(const Linear& map, const Block& x) const;
  Block norm(const Norm& n, const Block& x, std::size_t groups) const;
  Block activate(Activation activation, const Block& x) const;
  // RunLimitReached where it takes more runs or steps than the limits allow. Under ALiBi the layer must have a window.
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  // The chosen columns, ascending, each from its own start to that of the next chosen one.
  Block select(const Block& x, std::span<const std::size_t> columns) const;
  std::size_t width(const Block& x) const { return x.values.width; }
  std::size_t tokens(const Block& x) const { return x.values.tokens; }

 private:
  RoundedWorld world_;
  RunArithmetic arithmetic_;
  RunLimits limits_;
  std::optional<std::int64_t> from_;
};

static_assert(World<RoundedRunsWorld>);

}  // namespace snellen
