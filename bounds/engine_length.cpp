#include "bounds/engine_length.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "bounds/engine_pair.hpp"
#include "bounds/engine_run.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/rounded_runs.hpp"

namespace snellen {
namespace {

using Block = RoundedRunsWorld::Block;
// How far the last layer is followed back at first, in tokens, and how much farther each time.
constexpr std::int64_t first_stride = 16, growth = 16;

EngineLength unknown(std::string reason) { return {{"1", std::nullopt, Scope::all, Status::unknown}, std::move(reason)}; }

// The pairs (S_n, S_{n+1}) of a settled sequence, from the last change back to the first: what each row says of them.
class RowScan {
 public:
  RowScan(const Model& model, const Profile& profile, const Family& family, const std::vector<CollapseRow>& rows, const std::vector<Metric>& metrics)
      : model_(model), world_(profile), before_(static_cast<std::int64_t>(family.prefix.size())), rows_(rows), judge_(rows, metrics) {}

  // `vectors` at all positions from vectors.starts[0] on; `finals` are what the unembedding reads there. True if every row is answered.
  bool scan(const Block& vectors, const Block& finals, std::vector<EngineLength>& answers) const {
    const std::int64_t covered = std::max<std::int64_t>(1, vectors.starts[0] - before_ + 1);  // the pairs from here on
    std::vector<Open> open(rows_.size());
    for (std::size_t c = vectors.starts.size() - 1;; --c) {
      for (std::size_t r = 0; c + 1 == vectors.starts.size() && r < rows_.size(); ++r)
        open[r].fails = verdict(r, vectors, finals, c, c) != Verdict::collapsed;  // two tokens of one run
      const std::int64_t n = vectors.starts[c] - before_;  // S_n ends one token before this run begins
      if (c == 0 || n < 1) break;
      bool more = false;
      for (std::size_t r = 0; r < rows_.size(); ++r) {
        if (open[r].fails || open[r].distinct) continue;
        const Verdict found = verdict(r, vectors, finals, c - 1, c);
        if (found != Verdict::collapsed && !open[r].upper) open[r].upper = n + 1;
        if (found == Verdict::distinct) open[r].distinct = n;
        more = more || !open[r].distinct;
      }
      if (!more) break;
    }
    bool answered = true;
    for (std::size_t r = 0; r < rows_.size(); ++r) {
      const Open& o = open[r];
      if (o.fails) {
        answers[r] = unknown("from some n on the vectors are constant, but not finite");
        continue;
      }
      const std::int64_t upper = o.upper.value_or(covered), lower = o.distinct ? *o.distinct + 1 : 1;
      const bool exact = lower == upper;
      answers[r] = {{std::to_string(lower), std::to_string(upper), Scope::all, exact ? Status::exact : Status::bracket}, ""};
      answered = answered && (exact || covered == 1);
    }
    return answered;
  }

 private:
  struct Open {
    bool fails = false;
    std::optional<std::int64_t> upper, distinct;  // one past the last n without collapse; the last distinct n
  };
  Verdict verdict(std::size_t row, const Block& vectors, const Block& finals, std::size_t a, std::size_t b) const {
    const auto column = [&](std::size_t c) { return std::span(vectors.values.column(c), vectors.values.width); };
    return judge_(row, column(a), column(b), [&] {
      const std::size_t chosen[] = {a, b};
      const RoundedWorld::Block logits = world_.linear(model_.unembedding, world_.select(finals.values, chosen));
      return std::vector<Token>{greedy_token({logits.column(0), logits.width}), greedy_token({logits.column(1), logits.width})};
    });
  }

  const Model& model_;
  RoundedWorld world_;
  std::int64_t before_;
  const std::vector<CollapseRow>& rows_;
  EnginePairJudge judge_;
};

}  // namespace

EngineLimits engine_limits_within(double work) {
  EngineLimits limits;
  limits.layer.steps = static_cast<std::int64_t>(std::min(work / 8, 0x1p40));
  limits.last_steps = limits.layer.steps / 8;
  return limits;
}

void join(EngineLength& length, const Observed& run, std::int64_t from, std::int64_t to) {
  Inevitable& known = length.known;
  const std::int64_t seen_lower = run.last_distinct ? *run.last_distinct + 1 : 1;
  std::optional<std::int64_t> upper;
  if (known.upper) {
    upper = std::stoll(*known.upper);
    // From here to the horizon the run collapsed, as is proved of it.
    const std::int64_t collapses = std::max(from, *upper);
    if (seen_lower > *upper || (collapses <= to && (!run.collapsed_from || *run.collapsed_from > collapses)))
      throw std::logic_error("engine " + run.profile + ": its run contradicts what is proved of it");
  }
  if (known.status == Status::exact) {
    // n = upper - 1 does not collapse.
    if (*upper > from && *upper - 1 <= to && run.collapsed_from && *run.collapsed_from < *upper)
      throw std::logic_error("engine " + run.profile + ": its run collapses where it is proved not to");
    return;
  }
  const std::int64_t lower = std::max<std::int64_t>(std::stoll(known.lower), seen_lower);
  known.lower = std::to_string(lower);
  // All lengths from the run's collapse on were seen or are proved to collapse.
  if (upper && run.collapsed_from && *upper <= to + 1) known.upper = std::to_string(std::min(*upper, *run.collapsed_from));
  if (known.upper == known.lower) known.status = Status::exact, length.reason.clear();
}

std::optional<std::string> engine_length_refuses(const Model& model, const Profile& profile, const Family& family) {
  if (profile.couples_tokens()) return "the profile's scales couple all tokens of a batch";
  if (family.sample) return "sampled tokens";
  if (family.delimiter) return "delimiters between groups";
  if (family.unit.size() != 1) return "a unit of several tokens";
  if (!family.suffix.empty()) return "a suffix";
  if (!std::holds_alternative<NoPositions>(model.positions)) return "absolute positions: no two tokens of the run are alike";
  for (const Layer& layer : model.layers) {
    if (layer.attention.rotary && layer.attention.rotary->dimensions >= 2) return "rotary positions: no two tokens of the run are alike";
    if (!layer.attention.alibi.empty() && !layer.attention.window) return "ALiBi without a window: every length shifts all scores";
  }
  return std::nullopt;
}

EngineLengths engine_lengths(const Model& model, const Profile& profile, const Family& family, Place place, const std::vector<CollapseRow>& rows,
                             const std::vector<Metric>& metrics, const EngineLimits& limits, Progress& progress) {
  const auto all_unknown = [&](const std::string& reason) { return EngineLengths{unknown(reason), std::vector<EngineLength>(rows.size(), unknown(reason))}; };
  if (const auto reason = engine_length_refuses(model, profile, family)) return all_unknown(*reason);
  progress.begin("engine " + profile.name + " for ever", model.layers.size());
  std::vector<Token> tokens = family.prefix;
  tokens.push_back(family.unit[0]);
  const std::vector<Column> columns = SequenceTree(tokens).columns();
  const auto before = static_cast<std::int64_t>(family.prefix.size());

  // All layers but the last, at every position.
  const RoundedRunsWorld everywhere(profile, limits.layer, 0);
  const Decoder<RoundedRunsWorld> decoder(model, everywhere);
  Block x = decoder.embed(columns);
  for (std::size_t l = 0; l + 1 < model.layers.size(); ++l) {
    RoundedRunsWorld::Memory memory;
    try {
      x = decoder.layer(model.layers[l], std::move(x), columns, memory);
    } catch (const RunLimitReached& limit) {
      return all_unknown(fmt::format("layer {}: {}", l + 1, limit.what()));
    }
    progress.step();
  }

  // The last layer from where it settles, then farther and farther back.
  EngineLengths result = all_unknown("");
  const RowScan scan(model, profile, family, rows, metrics);
  const std::string open = "the smaller lengths take more steps than the limits allow";
  std::optional<std::int64_t> from;
  RunLimits last = limits.layer;
  for (std::int64_t stride = first_stride;; stride *= growth) {
    const RoundedRunsWorld world(profile, last, from);
    const Decoder<RoundedRunsWorld> end(model, world);
    RoundedRunsWorld::Memory memory;
    Block vectors, finals;
    try {
      vectors = end.layer(model.layers.back(), x, columns, memory);
      finals = end.final(vectors);
    } catch (const RunLimitReached& limit) {
      if (!from) return all_unknown(fmt::format("layer {}: {}", model.layers.size(), limit.what()));
      break;
    }
    if (place == Place::final) vectors = finals;
    const bool all = vectors.starts[0] <= before;
    const std::int64_t constant = std::max<std::int64_t>(1, vectors.starts.back() - before + 1);
    const bool exact = all || vectors.starts.size() > 1;
    result.constant = {{exact ? std::to_string(constant) : "1", std::to_string(constant), Scope::all, exact ? Status::exact : Status::bracket}, ""};
    if (scan.scan(vectors, finals, result.rows) && exact) break;
    from = std::max(before, vectors.starts[0] - stride);
    last.steps = limits.last_steps;
  }
  for (EngineLength* length : {&result.constant})
    if (length->known.status == Status::bracket) length->reason = open;
  for (EngineLength& row : result.rows)
    if (row.known.status == Status::bracket) row.reason = open;
  progress.step();
  return result;
}

}  // namespace snellen
