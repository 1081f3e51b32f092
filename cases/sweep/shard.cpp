#include "cases/sweep/shard.hpp"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "lib/error.hpp"
#include "lib/files/printable.hpp"

namespace snellen {
namespace {

std::optional<long> number(std::string_view text) {
  long value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::optional<long> variable(const char* name) {
  const char* text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  const auto value = number(text);
  if (!value || *value < 0) throw InputError(name, "found \"" + printable(text) + "\" in the environment, expected a number");
  return value;
}

}  // namespace

Shard parse_shard(const std::string& text) {
  const std::size_t slash = text.find('/');
  const auto index = number(std::string_view(text).substr(0, slash));
  const auto count = slash == std::string::npos ? std::nullopt : number(std::string_view(text).substr(slash + 1));
  if (!index || !count || *index < 1 || *count < *index) throw InputError("--shard", "found \"" + printable(text) + "\", expected i/N with 1 <= i <= N, such as 3/8");
  return {static_cast<std::size_t>(*index), static_cast<std::size_t>(*count)};
}

std::optional<Shard> slurm_shard() {
  const auto id = variable("SLURM_ARRAY_TASK_ID");
  if (!id) return std::nullopt;
  const long first = variable("SLURM_ARRAY_TASK_MIN").value_or(0), step = variable("SLURM_ARRAY_TASK_STEP").value_or(1);
  const auto count = variable("SLURM_ARRAY_TASK_COUNT");
  if (!count || step < 1 || *id < first || (*id - first) % step != 0 || (*id - first) / step >= *count)
    throw InputError("SLURM_ARRAY_TASK_ID", "found " + std::to_string(*id) + ", which is not of MIN + k STEP for k < COUNT, expected an array such as --array=1-8");
  return Shard{static_cast<std::size_t>((*id - first) / step) + 1, static_cast<std::size_t>(*count)};
}

std::optional<int> slurm_threads() {
  const auto cpus = variable("SLURM_CPUS_PER_TASK");
  return cpus && *cpus > 0 ? std::optional(static_cast<int>(*cpus)) : std::nullopt;
}

}  // namespace snellen
