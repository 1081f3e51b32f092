// Inside RoundedWorld: what its const operations share (tables, factors, the log of events). Not for others.
#pragma once

#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <tuple>

#include "lib/number/flint_caches.hpp"
#include "lib/world/rounded.hpp"

namespace snellen {

// `lanes` rows of a weight matrix as operands, side by side: [columns, lanes].
template <class Real>
struct WeightTile {
  std::once_flag prepared;
  std::vector<Real> weights;
  double factor[Accumulator<Real>::lanes] = {};
  RoundStatus status = RoundStatus::finite;  // whether a weight was out of the operand format's range
};

class RoundedWorld::Shared {
 public:
  explicit Shared(const Profile& profile) : rope_(profile.rope_table), storage_(profile.storage) {}

  // cos and sin of position * base^(-2f/dimensions), f = 0, 1, ..., below (dimensions + 1) / 2, in rope_table. The reference stays valid.
  const std::vector<CosSin>& rotation(double base, std::size_t dimensions, std::int64_t position) { return table(rope_, rotations_, base, dimensions, position); }
  // The same in storage.
  const std::vector<CosSin>& sinusoid(double base, std::size_t dimensions, std::int64_t position) { return table(storage_, sinusoids_, base, dimensions, position); }

  // The scaling factor of a whole weight matrix, computed once.
  template <class Compute>
  double tensor_factor(const TensorPtr& tensor, const Compute& compute) {
    const std::lock_guard lock(mutex_);
    const auto known = factors_.find(tensor);
    return known != factors_.end() ? known->second : factors_[tensor] = compute();
  }

  // A matrix kept in memory as operands, `tiles` tiles to be prepared by whoever comes first. For profiles whose runs are repeated for every length.
  template <class Real>
  std::shared_ptr<std::vector<WeightTile<Real>>> weight_tiles(const TensorPtr& tensor, std::size_t tiles) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<std::vector<WeightTile<Real>>>& entry = std::get<Kept<Real>>(kept_)[tensor];
    if (!entry) entry = std::make_shared<std::vector<WeightTile<Real>>>(tiles);
    return entry;
  }

  std::optional<Event> first_event() {
    const std::lock_guard lock(mutex_);
    return event_;
  }
  void forget_events() {
    const std::lock_guard lock(mutex_);
    event_.reset();
  }
  void record(Event event) {
    const std::lock_guard lock(mutex_);
    if (!event_) event_ = std::move(event);
  }

 private:
  using Tables = std::map<std::tuple<double, std::size_t, std::int64_t>, std::vector<CosSin>>;

  const std::vector<CosSin>& table(const Format& format, Tables& tables, double base, std::size_t dimensions, std::int64_t position) {
    const std::lock_guard lock(mutex_);
    const auto [entry, isnew] = tables.try_emplace({base, dimensions, position});
    if (isnew)
      for (std::size_t f = 0; 2 * f < dimensions; ++f)
        entry->second.push_back(round_rotation(format, position, base, static_cast<std::int64_t>(2 * f), static_cast<std::int64_t>(dimensions)));
    return entry->second;
  }

  std::mutex mutex_;
  Format rope_, storage_;
  Tables rotations_, sinusoids_;
  std::map<TensorPtr, double> factors_;
  template <class Real>
  using Kept = std::map<TensorPtr, std::shared_ptr<std::vector<WeightTile<Real>>>>;
  std::tuple<Kept<float>, Kept<double>> kept_;
  std::optional<Event> event_;
  FlintCaches caches_;
};

// Notes the columns where an operation produced something that is not finite; the log hears of them when the operation ends.
class RoundedWorld::Watch {
 public:
  Watch(Shared& shared, const char* operation, std::size_t columns) : shared_(shared), operation_(operation), seen_(columns) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    for (std::size_t c = 0; c < seen_.size(); ++c) {
      if (seen_[c] == 0) continue;
      shared_.record({seen_[c] & overflow ? "overflow" : "nan", operation_, c});
      return;
    }
  }

  // Safe to call from several threads.
  void note(std::size_t column, RoundStatus status) {
    if (status != RoundStatus::finite) seen_[column] |= status == RoundStatus::overflow ? overflow : nan;
  }
  // x is about to be rounded to `format`.
  void rounding(const FormatArithmetic& format, double x, std::size_t column) {
    if (format.suspicious(x)) note(column, format.status(x));
  }
  // An intermediate result.
  void result(double x, std::size_t column) {
    if (!std::isfinite(x)) note(column, std::isnan(x) ? RoundStatus::nan : RoundStatus::overflow);
  }

 private:
  static constexpr unsigned char overflow = 1, nan = 2;
  Shared& shared_;
  const char* operation_;
  std::vector<std::atomic<unsigned char>> seen_;
};

inline double round_root(const FormatArithmetic& f, const Root& root) {
  return root.inverse ? round_inverse_sqrt(f.format(), root.radicand) : round_sqrt(f.format(), root.radicand);
}

// From a sum of products q . k to the score, in the softmax format.
class Scores {
 public:
  Scores(const FormatArithmetic& softmax, const Attention& a)
      : f_(softmax), scale_(round_root(softmax, a.scale)), capped_(a.softcap.has_value()), cap_(a.softcap ? softmax(*a.softcap) : 0) {
    for (const Slope& slope : a.alibi) slopes_.push_back(round_power_of_two(f_.format(), -slope.numerator, slope.denominator));
  }
  // `distance` tokens back.
  double operator()(double product, std::size_t head, std::int64_t distance) const {
    double s = f_.multiply(f_(product), scale_);
    if (capped_) s = f_.multiply(cap_, f_.function().tanh(f_.divide(s, cap_)));
    if (!slopes_.empty()) s = f_.subtract(s, f_.multiply(slopes_[head], f_(static_cast<double>(distance))));
    return s;
  }

 private:
  const FormatArithmetic& f_;
  double scale_;
  bool capped_;
  double cap_;
  std::vector<double> slopes_;
};

inline double RoundedWorld::store(double x, Watch& watch, std::size_t column) const {
  if (!storage_.suspicious(x)) return storage_(x);
  watch.rounding(storage_, x, column);
  const double result = storage_(x);
  return std::isnan(result) ? std::numeric_limits<double>::quiet_NaN() : result;  // one NaN on every machine
}

inline void RoundedWorld::store_all(std::span<double> values, Watch& watch, std::size_t column) const {
  bool suspicious = false;
  for (const double x : values) suspicious |= storage_.suspicious(x);
  if (!suspicious) return storage_.rounder().round_all(values.data(), values.size());
  for (double& x : values) x = store(x, watch, column);
}

}  // namespace snellen
