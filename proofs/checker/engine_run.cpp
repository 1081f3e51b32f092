#include "proofs/checker/engine_run.hpp"

#include <algorithm>
#include <cmath>

namespace snellen::check {
namespace {

// Neighbours that are alike become one run. The sign of a zero is not looked at: no value follows from it, as nothing is divided by a zero.
std::vector<Run> joined(std::vector<Run> runs) {
  runs.erase(std::unique(runs.begin(), runs.end(), [](const Run& x, const Run& y) { return x.column == y.column; }), runs.end());
  return runs;
}

std::vector<std::int64_t> firsts_of(const std::vector<Run>& runs) {
  std::vector<std::int64_t> firsts;
  for (const Run& run : runs) firsts.push_back(run.first);
  return firsts;
}

std::vector<Column> columns_of(const std::vector<Run>& runs) {
  std::vector<Column> columns;
  for (const Run& run : runs) columns.push_back(run.column);
  return columns;
}

}  // namespace

EngineRun::EngineRun(const Model& model, const std::vector<Token>& prefix, Token token, const EngineProfile& profile, Budget& budget)
    : model_(model), engine_(model, profile), budget_(budget) {
  std::vector<Token> tokens = prefix;
  tokens.push_back(token);
  for (const Token t : tokens) below_.push_back({static_cast<std::int64_t>(below_.size()), engine_.embedding(t)});
  for (std::size_t l = 0; l + 1 < model.layers.size() && !below_.empty(); ++l) below_ = through(model.layers[l], below_, 0);
}

bool EngineRun::follow(std::int64_t from) {
  if (below_.empty()) return false;
  trouble_.clear();
  hidden_ = model_.layers.empty() ? below_ : through(model_.layers.back(), below_, from);
  finals_ = engine_.final(columns_of(hidden_));
  return trouble_.empty();
}

std::vector<Run> EngineRun::through(const Layer& layer, const std::vector<Run>& runs, std::int64_t from) {
  const std::vector<std::int64_t> firsts = firsts_of(runs);
  const Engine::Projections projections = engine_.project(layer, columns_of(runs));
  // Half of what is left, so that there is some for a later beginning.
  EngineAttention attention(engine_, layer.attention, firsts, projections, budget_.left() / 2 / Engine::products_per_step);
  std::optional<std::vector<Run>> mixed = attention.outputs(from);
  budget_.spend(attention.steps() * Engine::products_per_step);
  if (!mixed) return trouble_ = attention.trouble(), std::vector<Run>();
  const double products = static_cast<double>(mixed->size()) * engine_.steps_of_layer(layer) * Engine::products_per_step;
  if (!budget_.affords(2 * products)) return trouble_ = "it takes more steps than are left (--work)", std::vector<Run>();
  budget_.spend(products);
  std::vector<Column> xs;
  std::size_t r = 0;
  for (const Run& run : *mixed) {
    while (r + 1 < runs.size() && runs[r + 1].first <= run.first) ++r;
    xs.push_back(runs[r].column);
  }
  xs = engine_.finish(layer, std::move(xs), columns_of(*mixed));
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (!std::all_of(xs[i].begin(), xs[i].end(), [](double x) { return std::isfinite(x); })) return trouble_ = "a vector is not finite", std::vector<Run>();
    (*mixed)[i].column = std::move(xs[i]);
  }
  return joined(*std::move(mixed));
}

}  // namespace snellen::check
