// The world of an inference engine: every operation rounded where and how a profile says, in a fixed order, so that a run is the same on every
// machine and for any number of threads. It emulates; it certifies nothing about real numbers.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lib/world/accumulator.hpp"
#include "lib/world/format_arithmetic.hpp"
#include "lib/world/profile.hpp"
#include "lib/world/world.hpp"

namespace snellen {

// Where finite numbers first became something else.
struct Event {
  std::string what;        // "overflow" (to infinity, to NaN where the format has no infinity, or saturated) or "nan"
  std::string operation;   // "embedding", "linear", "norm", ...
  std::size_t column = 0;  // of the block: the smallest one in the first operation that had any
};

class RoundedWorld {
 public:
  static constexpr bool certified = false;

  // [width, tokens]; every entry is a value of the profile's storage format (infinite or NaN only after an event).
  struct Block {
    std::size_t width = 0, tokens = 0;
    std::vector<double> values;  // column after column
    double* column(std::size_t c) { return values.data() + c * width; }
    const double* column(std::size_t c) const { return values.data() + c * width; }
  };

  // One layer's keys and values in the cache format, laid out for Accumulator: per key-value head, `lanes` entries or dimensions side by side.
  template <class Real>
  struct Head {
    std::vector<Real> keys;                 // [entries / lanes, head size, lanes]
    std::vector<std::vector<Real>> values;  // for each `lanes` dimensions: [entries, lanes]
  };
  struct Memory {
    std::size_t entries = 0;
    std::variant<std::vector<Head<float>>, std::vector<Head<double>>> heads;
  };

  // std::invalid_argument if the profile's formats cannot be emulated exactly (FormatArithmetic, Accumulator), or one that is only met inside
  // operations saturates.
  explicit RoundedWorld(const Profile& profile);

  const Profile& profile() const { return profile_; }
  double value(const Block& x, std::size_t row, std::size_t column) const { return x.column(column)[row]; }

  // The first event of all operations since the construction or the last forget_events(), in program order: call it after each layer to know which.
  std::optional<Event> first_event() const;
  void forget_events() const;

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
  Block attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const;
  Block select(const Block& x, std::span<const std::size_t> columns) const;
  std::size_t width(const Block& x) const { return x.width; }
  std::size_t tokens(const Block& x) const { return x.tokens; }

 private:
  class Shared;
  class Watch;
  using AnyAccumulator = std::variant<Accumulator<float>, Accumulator<double>>;

  static AnyAccumulator make_accumulator(const Profile& profile);
  std::vector<double> stored_vector(const Tensor& tensor) const;
  double store(double x, Watch& watch, std::size_t column) const;
  void store_all(std::span<double> values, Watch& watch, std::size_t column) const;  // the same, in place and at once
  template <class Fill>
  Block each_column(const char* operation, std::size_t width, std::size_t tokens, const Fill& fill) const;
  template <class Combine>
  Block each_entry(const char* operation, const Block& x, const Combine& combine) const;
  template <class Real>
  Block linear_with(const Accumulator<Real>& accumulate, const Linear& map, const Block& x) const;
  template <class Real>
  Block attend_with(const Accumulator<Real>& accumulate, const Attention& attention, const Block& q, const Block& k, const Block& v,
                    std::span<const Column> columns, Memory& memory) const;

  Profile profile_;
  FormatArithmetic storage_, operand_, softmax_, probability_, cache_, norm_, function_, rope_, rescale_;
  AnyAccumulator accumulator_;
  std::shared_ptr<Shared> shared_;
};

static_assert(World<RoundedWorld>);

}  // namespace snellen
