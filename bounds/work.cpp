#include "bounds/work.hpp"

namespace snellen {
namespace {

double size_of(const Linear& linear) { return static_cast<double>(linear.weight->rows()) * static_cast<double>(linear.weight->columns()); }

double weights_of(const Model& model) {
  double sum = size_of(model.unembedding);
  for (const Layer& layer : model.layers) {
    for (const Linear* linear : {&layer.query, &layer.key, &layer.value, &layer.output}) sum += size_of(*linear);
    for (const std::optional<Linear>* linear : {&layer.gate, &layer.up, &layer.down}) sum += *linear ? size_of(**linear) : 0;
  }
  return sum;
}

double memory_of(const Model& model) {  // entries that a query meets of one earlier token, all layers together
  double sum = 0;
  for (const Layer& layer : model.layers) sum += 2 * static_cast<double>(layer.attention.heads * layer.attention.head_size);
  return sum;
}

// The largest count up to `most` whose work is within the budget; `work` grows with its argument.
template <class Work>
std::size_t most_within(double budget, std::size_t most, Work work) {
  std::size_t within = 0, beyond = most + 1;
  while (beyond - within > 1) {
    const std::size_t middle = within + (beyond - within) / 2;
    (work(static_cast<double>(middle)) <= budget ? within : beyond) = middle;
  }
  return within;
}

}  // namespace

double work_of_tokens(const Model& model, double tokens) { return tokens * weights_of(model) + tokens * tokens / 2 * memory_of(model); }

double work_of_differences(const Model& model, const FamilyBlock& block) {
  constexpr double each = 64;
  double met = 0;  // entries that queries meet
  for (const Layer& layer : model.layers) {
    double seen = 0;
    for (std::size_t c = 0; c < block.columns.size(); ++c) seen += static_cast<double>(visible(block.columns[c], c, layer.attention.window).size());
    met += 2 * seen * static_cast<double>(layer.attention.heads * layer.attention.head_size);
  }
  return 2 * static_cast<double>(block.columns.size()) * weights_of(model) + each * met;
}

double work_of_far_tokens(const Model& model, double tokens, double lengths) { return (tokens + lengths) * weights_of(model) + tokens * lengths * memory_of(model); }

double work_of_eras(const Model& model, double eras, double degree) {
  const double terms = (degree + 1) * (degree + 2) / 2;
  return eras * (degree + 1) * weights_of(model) + eras * eras / 2 * terms * memory_of(model);
}

InevitableLimits limits_within(double work, const Model& model, long max_bits) {
  InevitableLimits limits;
  limits.max_bits = max_bits;
  const double each = work / limits.attempts;
  const double degree = 26 + 5 * static_cast<double>(model.layers.size());  // of the last attempt
  limits.max_tokens = most_within(each, limits.max_tokens, [&](double tokens) { return work_of_tokens(model, tokens); });
  limits.max_eras = most_within(each, limits.max_eras, [&](double eras) { return work_of_eras(model, eras, degree); });
  return limits;
}

}  // namespace snellen
