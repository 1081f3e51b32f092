#include "bounds/validation/dump.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"
#include "lib/number/format.hpp"

namespace snellen {
namespace {

std::vector<std::size_t> without_ones(const std::vector<std::size_t>& shape, std::size_t least) {
  auto begin = shape.begin();
  while (shape.end() - begin > static_cast<std::ptrdiff_t>(least) && *begin == 1) ++begin;
  return {begin, shape.end()};
}

bool is_square(OperationKind kind) { return kind == OperationKind::scores || kind == OperationKind::probabilities; }

std::string format_name(std::string_view storage) {
  return storage == "F64" ? "fp64" : storage == "F32" ? "fp32" : storage == "F16" ? "fp16" : storage == "BF16" ? "bf16" : std::string(storage);
}

}  // namespace

Dump::Dump(const std::filesystem::path& path, StoredTensors arrays, const std::vector<NameRule>& rules, const std::vector<SumRule>& sums)
    : place_(printable(path.string())) {
  for (const SumRule& sum : sums) {
    Entry entry;
    for (const std::string& term : sum.terms) {
      const auto found = arrays.find(term);
      if (found == arrays.end()) throw InputError(place_, "found no tensor " + in_quotes(term) + ", which the sum " + in_quotes(sum.name) + " needs");
      entry.terms.push_back(found->second);
      entry.source += (entry.source.empty() ? "" : " + ") + term;
    }
    tensors_[sum.name] = std::move(entry);
  }
  for (const auto& [name, tensor] : arrays) {
    const auto canonical = canonical_name(name, rules);
    if (!canonical) {
      unknown_.push_back(name);
      continue;
    }
    const auto [entry, isnew] = tensors_.try_emplace(*canonical, Entry{{tensor}, name});
    if (!isnew && entry->second.terms.size() == 1)
      throw InputError(place_, "tensors " + in_quotes(entry->second.source) + " and " + in_quotes(name) + " both mean " + *canonical + ": --rename one of them");
  }
}

std::vector<std::string> Dump::names() const {
  std::vector<std::string> result;
  for (const auto& [name, entry] : tensors_) result.push_back(name);
  return result;
}

std::optional<std::size_t> Dump::tokens_of(const OperationName& operation, std::size_t expected) const {
  const auto found = tensors_.find(operation.name);
  if (found == tensors_.end()) return std::nullopt;
  const auto shape = without_ones(found->second.terms.front().shape, is_square(operation.kind) ? 3 : 2);
  if (shape.size() == 2 && shape[1] == operation.width) return shape[0];
  if (shape.size() == 3) return shape[0] == expected && !is_square(operation.kind) ? expected : shape[1];
  return std::nullopt;
}

DumpedTensor Dump::read(const OperationName& operation, std::size_t tokens) const {
  const Entry& entry = tensors_.at(operation.name);
  const StoredTensor& first = entry.terms.front();
  DumpedTensor result;
  result.source = entry.source;
  result.format = format_name(first.storage->name);
  result.values = values_of(first, entry.source);
  for (std::size_t t = 1; t < entry.terms.size(); ++t) {
    if (entry.terms[t].shape != first.shape) throw InputError(place_, "the terms of " + in_quotes(entry.source) + " have different shapes");
    const std::vector<double> more = values_of(entry.terms[t], entry.source);
    const DoubleRounder rounder(*find_format(result.format));
    for (std::size_t i = 0; i < more.size(); ++i) result.values[i] = rounder(result.values[i] + more[i]);
  }
  result.tokens = tokens;
  const auto wrong = [&](const std::string& expected) -> InputError {
    return {place_, fmt::format("tensor {} has shape {}, expected {} for {}", in_quotes(entry.source), shape_text(first.shape), expected, operation.name)};
  };
  const auto transposed = [&](std::size_t heads, std::size_t size) {  // [heads, tokens, size] -> [tokens, heads, size]
    std::vector<double> values(result.values.size());
    for (std::size_t h = 0; h < heads; ++h)
      for (std::size_t t = 0; t < tokens; ++t)
        std::copy_n(result.values.begin() + static_cast<std::ptrdiff_t>((h * tokens + t) * size), size, values.begin() + static_cast<std::ptrdiff_t>((t * heads + h) * size));
    result.values = std::move(values);
    result.width = heads * size;
  };
  if (is_square(operation.kind)) {
    const auto shape = without_ones(first.shape, 3);
    if (shape != std::vector<std::size_t>{operation.width, tokens, tokens}) throw wrong(fmt::format("[{}, {}, {}] (heads, tokens, tokens)", operation.width, tokens, tokens));
    transposed(operation.width, tokens);
    return result;
  }
  auto shape = without_ones(first.shape, 2);
  if (shape == std::vector<std::size_t>{tokens, operation.width}) {
    result.width = operation.width;
  } else if (shape.size() == 3 && shape[1] == tokens && shape[0] * shape[2] == operation.width) {
    transposed(shape[0], shape[2]);
  } else if (shape.size() == 3 && shape[0] == tokens && shape[1] * shape[2] == operation.width) {
    result.width = operation.width;
  } else {
    throw wrong(fmt::format("[{}, {}] (tokens, width)", tokens, operation.width));
  }
  return result;
}

}  // namespace snellen
