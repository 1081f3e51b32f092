#include "bounds/validation/compare.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bounds/validation/judge.hpp"

namespace snellen {

Comparison compare(const Model& model, std::size_t tokens, const std::vector<const Dump*>& dumps, const std::vector<const Validation*>& validations) {
  Comparison result;
  result.explained = std::all_of(validations.begin(), validations.end(), [](const Validation* v) { return v->verdict == Judgement::pass; });
  for (const OperationName& operation : operations_of(model)) {
    if (!std::all_of(dumps.begin(), dumps.end(), [&](const Dump* dump) { return dump->contains(operation.name); })) continue;
    Spread spread;
    spread.operation = operation;
    std::vector<DumpedTensor> tensors;
    for (const Dump* dump : dumps) tensors.push_back(dump->read(operation, tokens));
    double magnitude = 0;
    const std::size_t width = tensors.front().width;
    for (std::size_t i = 0; i < tensors.front().values.size(); ++i) {
      if (!visible_entry(model, operation, i % width, i / width, tokens)) continue;
      double low = tensors.front().values[i], high = low;
      bool same = true;
      for (const DumpedTensor& tensor : tensors) {
        const double x = tensor.values[i], first = tensors.front().values[i];
        same = same && (x == first || (std::isnan(x) && std::isnan(first)));
        low = std::min(low, x), high = std::max(high, x);
        if (std::isnan(x)) low = x;
        if (std::isfinite(x)) magnitude = std::max(magnitude, std::fabs(x));
      }
      if (same) continue;
      ++spread.differing;
      const double difference = high - low;
      spread.largest = std::max(spread.largest, std::isfinite(difference) ? difference : std::numeric_limits<double>::infinity());
    }
    spread.relative = magnitude > 0 ? spread.largest / magnitude : 0;
    for (const OperationVerdict& v : validations.front()->operations)
      if (v.operation.name == operation.name) spread.allowed = v.tolerance_absolute;
    if (spread.differing > 0 && !result.first) result.first = result.operations.size();
    result.operations.push_back(std::move(spread));
  }
  return result;
}

}  // namespace snellen
