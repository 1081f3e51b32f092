#include "bounds/engine_run.hpp"

#include <algorithm>
#include <cmath>

#include "bounds/collapse.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/rounded.hpp"

namespace snellen {
namespace {

// The last-token vectors of some columns of a block, and their next tokens.
class EnginePass {
 public:
  EnginePass(const Model& model, const Profile& profile, Place place, bool next_tokens)
      : model_(model), world_(profile), decoder_(model, world_), place_(place), next_tokens_(next_tokens) {}

  void run(std::span<const Column> columns, std::span<const std::size_t> wanted, EngineVectors& result, const std::function<void()>& layer_done) {
    Decoder<RoundedWorld>::Memory memory;
    const RoundedWorld::Block all = decoder_.hidden(columns, memory, [&](std::size_t layer, const RoundedWorld::Block&) {
      note(layer == 0 ? "embedding" : "layer " + std::to_string(layer), columns, result);
      if (layer > 0) layer_done();
    });
    const RoundedWorld::Block x = world_.select(all, wanted), y = decoder_.final(x);
    note("final norm", columns, result, wanted);
    const RoundedWorld::Block& vectors = place_ == Place::final ? y : x;
    for (std::size_t c = 0; c < wanted.size(); ++c) {
      std::vector<double> vector(model_.width);
      for (std::size_t i = 0; i < model_.width; ++i) vector[i] = world_.value(vectors, i, c);
      result.vectors.push_back(std::move(vector));
    }
    if (!next_tokens_) return;
    const RoundedWorld::Block logits = world_.linear(model_.unembedding, y);
    note("unembedding", columns, result, wanted);
    for (std::size_t c = 0; c < wanted.size(); ++c) result.next_tokens.push_back(greedy_token({logits.column(c), logits.width}));
  }

 private:
  // Keeps the first event of the pass, with the layer it happened in.
  void note(const std::string& part, std::span<const Column> columns, EngineVectors& result, std::span<const std::size_t> chosen = {}) {
    const std::optional<Event> event = world_.first_event();
    if (!event) return;
    if (!result.trouble) {
      const std::size_t column = chosen.empty() ? event->column : chosen[event->column];
      result.trouble = Trouble{event->what, part + ", " + event->operation, columns[column].position};
    }
    world_.forget_events();
  }

  const Model& model_;
  RoundedWorld world_;
  Decoder<RoundedWorld> decoder_;
  Place place_;
  bool next_tokens_;
};

// The tokens of the sequence that ends in a column.
std::vector<Token> sequence_of(const std::vector<Column>& columns, std::size_t column) {
  const View view = visible(columns[column], column, std::nullopt);
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < view.size(); ++i) tokens.push_back(columns[view.entry(i)].token);
  return tokens;
}

bool finite(const std::vector<double>& vector) {
  return std::all_of(vector.begin(), vector.end(), [](double x) { return std::isfinite(x); });
}

// Entry by entry as the format stores them; none where some entry has no finite value in it.
std::optional<std::vector<Dyadic>> stored(const Format& format, const std::vector<double>& vector) {
  std::vector<Dyadic> result;
  for (const double x : vector) {
    Rounded rounded = round(format, Dyadic::of(x));
    if (rounded.status != RoundStatus::finite) return std::nullopt;
    result.push_back(std::move(rounded.value));
  }
  return result;
}

}  // namespace

Token greedy_token(std::span<const double> logits) {
  Token best = -1;
  for (std::size_t t = 0; t < logits.size(); ++t)
    if (!std::isnan(logits[t]) && (best < 0 || logits[t] > logits[static_cast<std::size_t>(best)])) best = static_cast<Token>(t);
  return best;
}

EngineVectors run_engine(const Model& model, const Profile& profile, const FamilyBlock& block, Place place, bool next_tokens,
                         Progress& progress) {
  EnginePass pass(model, profile, place, next_tokens);
  EngineVectors result;
  const std::vector<std::size_t> wanted = wanted_columns(block);
  if (!profile.couples_tokens()) {
    progress.begin("engine " + profile.name, model.layers.size());
    pass.run(block.columns, wanted, result, [&] { progress.step(); });
    return result;
  }
  progress.begin("engine " + profile.name + ", sequence by sequence", wanted.size());
  for (const std::size_t column : wanted) {
    const SequenceTree alone(sequence_of(block.columns, column));
    const std::vector<std::size_t> last{alone.columns().size() - 1};
    pass.run(alone.columns(), last, result, [] {});
    progress.step();
  }
  return result;
}

std::vector<Verdict> observed_verdicts(const CollapseRow& row, const EngineVectors& run, const std::vector<PairDistances>& distances,
                                       const std::vector<Metric>& metrics, const Evaluation& pairs) {
  std::vector<std::optional<std::vector<Dyadic>>> rounded;
  if (row.criterion == Criterion::bitwise)
    for (const std::vector<double>& vector : run.vectors) rounded.push_back(stored(*row.format, vector));
  std::vector<Verdict> verdicts;
  for (std::size_t i = 0; i < pairs.first.size(); ++i) {
    const std::size_t a = pairs.first[i], b = pairs.second[i];
    if (!finite(run.vectors[a]) || !finite(run.vectors[b])) {
      verdicts.push_back(Verdict::overflow);
      continue;
    }
    switch (row.criterion) {
      case Criterion::bitwise:
        if (!rounded[a] || !rounded[b]) verdicts.push_back(Verdict::overflow);
        else verdicts.push_back(*rounded[a] == *rounded[b] ? Verdict::collapsed : Verdict::distinct);
        break;
      case Criterion::tolerance: {
        const auto metric = static_cast<std::size_t>(std::find(metrics.begin(), metrics.end(), *row.metric) - metrics.begin());
        verdicts.push_back(tolerance(distances[i].by_metric[metric], *row.eps));
        break;
      }
      case Criterion::argmax:
        verdicts.push_back(run.next_tokens[a] < 0 || run.next_tokens[b] < 0 ? Verdict::overflow
                                                                            : argmax(run.next_tokens[a], run.next_tokens[b]));
        break;
    }
  }
  return verdicts;
}

Observed summarise_run(const std::string& profile, const std::vector<Verdict>& verdicts, std::int64_t from) {
  CollapseRow row;
  row.verdicts = verdicts;
  summarise(row, from);
  Observed observed{profile, {}, row.last_distinct, row.first, {}, {}, {}};
  const auto distinct = std::find(verdicts.begin(), verdicts.end(), Verdict::distinct);
  if (distinct != verdicts.end()) observed.first_distinct = from + (distinct - verdicts.begin());
  if (row.inevitable.upper) observed.collapsed_from = std::stoll(*row.inevitable.upper);
  return observed;
}

}  // namespace snellen
