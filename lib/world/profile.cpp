#include "lib/world/profile.hpp"

namespace snellen {
namespace {

Format format(std::string_view name) { return find_format(name).value(); }

// Everything in one format.
Profile uniform(std::string name, std::string description, const Format& f) {
  return {std::move(name), std::move(description), f, f, f, f, f, f, f, f, f, f};
}

// Vectors in a narrow format, arithmetic in fp32: what CPU and GPU kernels do.
Profile mixed(std::string name, std::string description, const Format& narrow) {
  Profile p = uniform(std::move(name), std::move(description), format("fp32"));
  p.storage = p.operand = p.probability = p.cache = narrow;
  return p;
}

// Matrix operands in fp8, scaled dynamically into its range; the rest as bf16-acc32.
Profile fp8(const std::string& operand, Scaling scaling) {
  const bool token = scaling == Scaling::per_token;
  Profile p = mixed("fp8-" + operand + "-acc32" + (token ? "-token" : ""),
                    "weights and activations of matrix products in fp8 " + operand + " (saturating), scaled dynamically per " +
                        (token ? "token (weights: per row)" : "tensor") + ", fp32 accumulation; everything else as bf16-acc32",
                    format("bf16"));
  p.operand = format(operand + "-saturating");
  p.weight_scaling = p.activation_scaling = scaling;
  return p;
}

}  // namespace

const std::vector<Profile>& shipped_profiles() {
  static const std::vector<Profile> profiles = {
      uniform("fp64", "IEEE double precision throughout", format("fp64")),
      uniform("fp32", "IEEE single precision throughout, without fused multiply-add", format("fp32")),
      mixed("fp16-acc32", "vectors, weights and cache in fp16; sums, softmax, norms and functions in fp32", format("fp16")),
      uniform("bf16", "bfloat16 throughout, sums and softmax too", format("bf16")),
      mixed("bf16-acc32", "vectors, weights and cache in bfloat16; sums, softmax, norms and functions in fp32", format("bf16")),
      fp8("e4m3", Scaling::per_tensor),
      fp8("e5m2", Scaling::per_tensor),
      fp8("e4m3", Scaling::per_token),
      fp8("e5m2", Scaling::per_token)};
  return profiles;
}

std::optional<Profile> find_profile(std::string_view name) {
  for (const Profile& profile : shipped_profiles())
    if (profile.name == name) return profile;
  return {};
}

}  // namespace snellen
