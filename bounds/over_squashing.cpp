#include "bounds/over_squashing.hpp"

#include <algorithm>

#include "lib/world/norm_slope.hpp"

namespace snellen {
namespace {

bool is_identity(const Linear& map) {
  if (map.bias || map.weight->rows() != map.weight->columns()) return false;
  std::vector<double> row(map.weight->columns());
  for (std::size_t i = 0; i < map.weight->rows(); ++i) {
    map.weight->read_row(i, row);
    for (std::size_t j = 0; j < row.size(); ++j)
      if (row[j] != (i == j ? 1.0 : 0.0)) return false;
  }
  return true;
}

bool is_plain(const std::optional<Norm>& n) {
  if (!n) return true;
  const std::vector<double> weights = norm_weights(*n);
  return !n->bias && std::all_of(weights.begin(), weights.end(), [](double w) { return w == 1; });
}

// 1 / beta: the largest slope of the norm at a token that occurs.
Magnitude slope(const std::optional<Norm>& n, const BallMatrix& x) {
  if (!n) return Magnitude::of(1);
  Magnitude largest;
  for (std::size_t c = 0; c < x.columns(); ++c) largest = std::max(largest, norm_slope(*n, x, 0, x.rows(), c, Magnitude()));
  return largest;
}

}  // namespace

std::string not_the_papers_model(const Model& model) {
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    const Layer& layer = model.layers[l];
    const std::string place = "layer " + std::to_string(l + 1) + " has ";
    if (layer.attention.heads != 1) return place + std::to_string(layer.attention.heads) + " heads";
    if (!is_identity(layer.query) || !is_identity(layer.key) || !is_identity(layer.value) || !is_identity(layer.output)) return place + "projections";
    if (layer.query_norm || layer.key_norm || layer.post_attention_norm) return place + "norms on queries, keys or branches";
    if (!is_plain(layer.attention_norm)) return place + "a norm with weights";
    if (layer.up) return place + "an MLP";
  }
  if (!is_plain(model.final_norm)) return "the last norm has weights";
  return {};
}

std::vector<Magnitude> papers_bound(const Model& model, const std::vector<std::shared_ptr<const AttentionStep>>& steps, const std::vector<BallMatrix>& states, bool final) {
  const std::size_t tokens = states[0].columns();
  std::vector<Magnitude> paths(tokens * tokens);
  for (std::size_t i = 0; i < tokens; ++i) paths[i * tokens + i] = Magnitude::of(1);
  for (std::size_t l = 0; l < steps.size(); ++l) {
    const Magnitude inverse = slope(model.layers[l].attention_norm, states[l]);
    std::vector<Magnitude> next = paths;
    for (std::size_t n = 0; n < tokens; ++n) {
      const SoftmaxRow& row = steps[l]->row(0, n);
      const View view = steps[l]->view(n);
      for (std::size_t m = 0; m < view.size(); ++m) {
        const Magnitude factor = Magnitude::of(row.weights[m]) * inverse;
        for (std::size_t i = 0; i < tokens; ++i) mag_addmul(next[n * tokens + i].get(), factor.get(), paths[view.entry(m) * tokens + i].get());
      }
    }
    paths = std::move(next);
  }
  if (final) {
    const Magnitude inverse = slope(model.final_norm, states.back());
    for (Magnitude& bound : paths) bound *= inverse;
  }
  return paths;
}

}  // namespace snellen
