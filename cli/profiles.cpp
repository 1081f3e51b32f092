#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/table.hpp"
#include "lib/world/profile.hpp"

namespace snellen {
namespace {

std::string_view name_of(Scaling scaling) {
  switch (scaling) {
    case Scaling::none: return "none";
    case Scaling::per_tensor: return "tensor";
    case Scaling::per_token: return "token";
  }
  throw std::logic_error("name_of: unknown scaling");
}

int show_profiles() {
  std::vector<std::vector<std::string>> rows = {{"profile", "storage", "operand", "accumulator", "softmax", "cache", "norm", "scales (weights, activations)"}};
  for (const Profile& p : shipped_profiles()) {
    rows.push_back({p.name, p.storage.name, p.operand.name, p.accumulator.name, p.softmax.name, p.cache.name, p.norm.name,
                    fmt::format("{}, {}", name_of(p.weight_scaling), name_of(p.activation_scaling))});
  }
  fmt::print("{}\n", table("llllllll", rows));
  for (const Profile& p : shipped_profiles()) fmt::print("{}: {}\n", p.name, p.description);
  return exit_passed;
}

}  // namespace

void add_profiles(CLI::App& command, Action& chosen) {
  command.add_subcommand("profiles", "Engine profiles: what an emulated engine rounds, where, and to which format")->callback([&chosen] {
    chosen = show_profiles;
  });
}

}  // namespace snellen
