#include "lib/world/rounded_runs.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

#include "lib/world/workers.hpp"

namespace snellen {
namespace {

using Block = RoundedRunsWorld::Block;
using Starts = std::vector<std::int64_t>;

// Equal neighbours become one run.
Block joined(Block x) {
  const std::size_t bytes = x.values.width * sizeof(double);
  std::size_t kept = 0;
  for (std::size_t c = 1; c < x.values.tokens; ++c) {
    if (std::memcmp(x.values.column(kept), x.values.column(c), bytes) == 0) continue;
    ++kept;
    std::memmove(x.values.column(kept), x.values.column(c), bytes);
    x.starts[kept] = x.starts[c];
  }
  x.values.tokens = kept + 1;
  x.values.values.resize(x.values.tokens * x.values.width);
  x.starts.resize(x.values.tokens);
  return x;
}

// The runs of both, from where both are known.
Starts common(const Starts& x, const Starts& y) {
  const std::int64_t from = std::max(x[0], y[0]);
  Starts all{from};
  for (const Starts* starts : {&x, &y}) std::copy_if(starts->begin(), starts->end(), std::back_inserter(all), [&](std::int64_t start) { return start > from; });
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

// The run that a position lies in.
std::size_t run_at(const Starts& starts, std::int64_t position) {
  return static_cast<std::size_t>(std::upper_bound(starts.begin(), starts.end(), position) - starts.begin()) - 1;
}

RoundedWorld::Block at(const RoundedWorld& world, const Block& x, const Starts& starts) {
  std::vector<std::size_t> columns;
  for (const std::int64_t start : starts) columns.push_back(run_at(x.starts, start));
  return world.select(x.values, columns);
}

}  // namespace

RoundedRunsWorld::RoundedRunsWorld(const Profile& profile, const RunLimits& limits, std::optional<std::int64_t> from)
    : world_(profile), arithmetic_(profile), limits_(limits), from_(from) {
  if (profile.couples_tokens()) throw std::logic_error("RoundedRunsWorld: the profile couples the tokens of a batch");
}

Block RoundedRunsWorld::embed(const TensorPtr& table, std::span<const Column> columns) const {
  Block x{world_.embed(table, columns), {}};
  for (std::size_t c = 0; c < columns.size(); ++c) {
    x.starts.push_back(static_cast<std::int64_t>(c));
    if (columns[c].position != x.starts.back() || columns[c].branch != 0) throw std::logic_error("RoundedRunsWorld::embed: the columns are not one sequence");
  }
  return joined(std::move(x));
}

Block RoundedRunsWorld::add_rows(const Block&, const TensorPtr&, std::span<const Column>) const {
  throw std::logic_error("RoundedRunsWorld: learned positions");
}

Block RoundedRunsWorld::add_sinusoids(const Block&, std::span<const Column>) const { throw std::logic_error("RoundedRunsWorld: sinusoidal positions"); }

Block RoundedRunsWorld::rotate(const Block& x, const Rotary& rotary, std::size_t, std::span<const Column>) const {
  if (rotary.dimensions < 2) return x;
  throw std::logic_error("RoundedRunsWorld: rotary positions");
}

Block RoundedRunsWorld::scale(const Block& x, const Root& factor) const { return joined({world_.scale(x.values, factor), x.starts}); }

Block RoundedRunsWorld::add(const Block& x, const Block& y) const {
  const Starts starts = common(x.starts, y.starts);
  return joined({world_.add(at(world_, x, starts), at(world_, y, starts)), starts});
}

Block RoundedRunsWorld::multiply(const Block& x, const Block& y) const {
  const Starts starts = common(x.starts, y.starts);
  return joined({world_.multiply(at(world_, x, starts), at(world_, y, starts)), starts});
}

Block RoundedRunsWorld::linear(const Linear& map, const Block& x) const { return joined({world_.linear(map, x.values), x.starts}); }

Block RoundedRunsWorld::norm(const Norm& n, const Block& x, std::size_t groups) const { return joined({world_.norm(n, x.values, groups), x.starts}); }

Block RoundedRunsWorld::activate(Activation activation, const Block& x) const { return joined({world_.activate(activation, x.values), x.starts}); }

Block RoundedRunsWorld::select(const Block& x, std::span<const std::size_t> columns) const {
  if (!std::is_sorted(columns.begin(), columns.end())) throw std::logic_error("RoundedRunsWorld::select: the columns do not ascend");
  Block y{world_.select(x.values, columns), {}};
  for (const std::size_t c : columns) y.starts.push_back(x.starts[c]);
  return joined(std::move(y));
}

Block RoundedRunsWorld::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column>, Memory&) const {
  if (!a.alibi.empty() && !a.window) throw std::logic_error("RoundedRunsWorld: ALiBi without a window");
  const Starts runs = common(k.starts, v.starts), queries = common(q.starts, runs);
  const RunAttention attention(arithmetic_, a, runs, at(world_, k, runs), at(world_, v, runs), limits_);
  const RoundedWorld::Block query = at(world_, q, queries);
  const auto last_of = [&](std::size_t g) { return g + 1 < queries.size() ? queries[g + 1] - 1 : std::numeric_limits<std::int64_t>::max(); };

  std::int64_t from = from_.value_or(0);
  if (!from_) {
    std::vector<std::int64_t> settled(a.heads);
    parallel_for(a.heads, [&](std::size_t h) { settled[h] = attention.settled_from(query.column(queries.size() - 1), h, queries.back()); });
    from = *std::max_element(settled.begin(), settled.end());
  }
  const std::size_t first = run_at(queries, std::max(from, queries[0])), groups = queries.size() - first;
  std::vector<std::vector<RunAttention::Change>> changes(groups * a.heads);
  parallel_for(changes.size(), [&](std::size_t task) {
    const std::size_t g = first + task / a.heads, h = task % a.heads;
    changes[task] = attention.outputs(query.column(g), h, std::max(from, queries[g]), last_of(g));
  });

  // A run ends where some head's output changes.
  Block y{{a.heads * a.head_size, 0, {}}, {}};
  for (std::size_t g = 0; g < groups; ++g) {
    Starts starts;
    for (std::size_t h = 0; h < a.heads; ++h)
      for (const RunAttention::Change& change : changes[g * a.heads + h]) starts.push_back(change.position);
    std::sort(starts.begin(), starts.end());
    starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
    if (y.starts.size() + starts.size() > limits_.runs) throw RunLimitReached();
    std::vector<std::size_t> next(a.heads, 0);
    for (const std::int64_t start : starts) {
      for (std::size_t h = 0; h < a.heads; ++h) {
        const std::vector<RunAttention::Change>& head = changes[g * a.heads + h];
        while (next[h] < head.size() && head[next[h]].position <= start) ++next[h];
        const std::vector<double>& values = head[next[h] - 1].values;
        y.values.values.insert(y.values.values.end(), values.begin(), values.end());
      }
      y.starts.push_back(start);
    }
  }
  y.values.tokens = y.starts.size();
  return joined(std::move(y));
}

}  // namespace snellen
