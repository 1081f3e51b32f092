#include "bounds/validation/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

namespace snellen {
namespace {

using Moved = std::function<std::size_t(std::size_t)>;

// Does the dump lie in the image if entry `row` is read from row moved(row), and token t from t + shift?
bool fits(const ImageBlock& image, const DumpedTensor& dumped, const Moved& moved, std::ptrdiff_t shift = 0) {
  std::size_t compared = 0;
  for (std::size_t t = 0; t < image.tokens; ++t) {
    const std::ptrdiff_t from = static_cast<std::ptrdiff_t>(t) + shift;
    if (from < 0 || from >= static_cast<std::ptrdiff_t>(image.tokens)) continue;
    for (std::size_t row = 0; row < image.width; ++row) {
      const double x = dumped.values[static_cast<std::size_t>(from) * dumped.width + moved(row)];
      if (!(image.at(row, t).lower <= x && x <= image.at(row, t).upper)) return false;
      ++compared;
    }
  }
  return compared > 0;
}

std::size_t unmoved(std::size_t row) { return row; }

// For each head the head whose values lie in its image, where that makes a permutation of them other than the identity.
std::optional<std::string> permuted_heads(const ImageBlock& image, const DumpedTensor& dumped, std::size_t heads) {
  const std::size_t size = image.width / heads;
  std::vector<std::size_t> from(heads);
  std::vector<bool> taken(heads);
  bool moved = false;
  for (std::size_t h = 0; h < heads; ++h) {
    bool found = false;
    for (std::size_t other = 0; other < heads && !found; ++other) {
      if (taken[other]) continue;
      bool inside = true;
      for (std::size_t t = 0; t < image.tokens && inside; ++t) {
        for (std::size_t i = 0; i < size && inside; ++i) {
          const Range range = image.at(h * size + i, t);
          const double x = dumped.values[t * dumped.width + other * size + i];
          inside = range.lower <= x && x <= range.upper;
        }
      }
      if (inside) from[h] = other, taken[other] = found = true, moved = moved || other != h;
    }
    if (!found) return std::nullopt;
  }
  if (!moved) return std::nullopt;
  std::string text;
  for (std::size_t h = 0; h < heads; ++h)
    if (from[h] != h) text += fmt::format("{}{} has {}'s", text.empty() ? "" : ", ", h, from[h]);
  return "heads are permuted: head " + text;
}

// One factor that takes the image's middles to the dumped values, as far as a plain look can tell.
std::optional<double> common_factor(const ImageBlock& image, const DumpedTensor& dumped) {
  double products = 0, squares = 0, own = 0;
  for (std::size_t t = 0; t < image.tokens; ++t) {
    for (std::size_t row = 0; row < image.width; ++row) {
      const Range range = image.at(row, t);
      const double x = dumped.values[t * dumped.width + row];
      if (!range.is_finite() || !std::isfinite(x)) continue;
      const double middle = range.lower / 2 + range.upper / 2;
      products += x * middle, squares += middle * middle, own += x * x;
    }
  }
  if (!(squares > 0) || !(own > 0)) return std::nullopt;
  const double factor = products / squares, residual = own - factor * products;
  if (!(residual < 1e-4 * own) || std::fabs(factor - 1) < 0.01) return std::nullopt;
  return factor;
}

}  // namespace

std::vector<std::string> explanations(const Model& model, const EngineProfile& profile, const OperationName& operation, const ImageBlock& image, const DumpedTensor& dumped,
                                      const ImageBlock* input) {
  std::vector<std::string> result;
  const bool square = operation.kind == OperationKind::scores || operation.kind == OperationKind::probabilities;
  if (!square && image.tokens > 1) {
    for (const std::ptrdiff_t shift : {1, -1})
      if (fits(image, dumped, unmoved, shift)) result.push_back(fmt::format("every token has the vector of the {} one: tokens are shifted by one", shift > 0 ? "previous" : "next"));
  }
  if (operation.layer) {
    const Attention& a = model.layers[*operation.layer].attention;
    const bool query = operation.short_name.starts_with("query"), key = operation.short_name.starts_with("key");
    if (query || key) {
      const std::size_t size = a.head_size, half = size / 2;
      const Moved interleaved = [=](std::size_t row) { return row / size * size + (row % size % half) * 2 + row % size / half; };
      const Moved halves = [=](std::size_t row) { return row / size * size + row % size / 2 + (row % 2) * half; };
      if (size % 2 == 0 && size > 2) {
        if (fits(image, dumped, interleaved)) result.push_back("rows are permuted: pairs (2f, 2f + 1) of each head, as GGUF files and Meta's reference have them, where (f, f + size/2) was expected");
        else if (fits(image, dumped, halves)) result.push_back("rows are permuted the other way: a permutation was undone twice");
      }
    }
    if (query || operation.kind == OperationKind::mix) {
      if (const auto heads = permuted_heads(image, dumped, a.heads)) result.push_back(*heads);
    } else if (key || operation.short_name == "value") {
      if (const auto heads = permuted_heads(image, dumped, a.kv_heads)) result.push_back(*heads);
    }
  }
  if (model.final_norm) {
    const ImageWorld world(profile, nullptr);
    const bool last = operation.name == fmt::format("hidden.{}", model.layers.size());
    if (operation.name == "final" || last) {
      if (fits(world.norm(*model.final_norm, image, 1), dumped, unmoved)) result.push_back(last ? "it is the final norm's output: the last hidden state was dumped after the norm" : "the final norm was applied twice");
    }
    if (operation.name == "final" && input && fits(*input, dumped, unmoved)) result.push_back("it is the final norm's input: the norm was not applied");
  }
  if (const auto factor = square ? std::nullopt : common_factor(image, dumped)) result.push_back(fmt::format("it is about {:.6g} times what was expected", *factor));
  return result;
}

}  // namespace snellen
