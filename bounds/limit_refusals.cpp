#include "bounds/limit_refusals.hpp"

namespace snellen {

std::optional<std::string> limit_refuses(const InevitableTask& task) {
  if (!std::holds_alternative<NoPositions>(task.model.positions)) return "absolute positions: the sequences have no limit";
  if (task.family.delimiter) return "delimiters between groups";
  if (task.family.pair != Pair::next) return "pairs other than (S_n, S_n+1)";
  return std::nullopt;
}

}  // namespace snellen
