#include "bounds/validation/infer.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <tuple>

#include "lib/error.hpp"

namespace snellen {
namespace {

struct Change {
  std::string text;
  std::function<bool(EngineProfile&)> apply;  // false: the profile has it already
};

std::vector<Change> changes() {
  std::vector<Change> result;
  const auto formats = [&](const std::string& what, Format EngineProfile::* field) {
    for (const char* name : {"fp32", "bf16", "fp16"}) result.push_back({what + " = " + name, [field, f = *find_format(name)](EngineProfile& p) { return !(p.*field == f) && (p.*field = f, true); }});
  };
  formats("accumulator", &EngineProfile::accumulator);
  formats("score accumulator", &EngineProfile::score_accumulator);
  formats("mix accumulator", &EngineProfile::mix_accumulator);
  formats("score", &EngineProfile::score);
  formats("softmax", &EngineProfile::softmax);
  formats("probability", &EngineProfile::probability);
  formats("cache", &EngineProfile::cache);
  formats("norm", &EngineProfile::norm);
  formats("RoPE table", &EngineProfile::rope_table);
  formats("rotation", &EngineProfile::rotation);
  for (const char* name : {"fp32", "bf16", "fp16"}) result.push_back({std::string("function = ") + name, [f = *find_format(name)](EngineProfile& p) { return !(p.function == std::vector<Format>{f}) && (p.function = {f}, true); }});
  result.push_back({"norms cast before the weight", [](EngineProfile& p) { return p.norm_cast != NormCast::before_weight && (p.norm_cast = p.offset_norm_cast = NormCast::before_weight, true); }});
  result.push_back({"norms cast after the weight", [](EngineProfile& p) { return p.norm_cast != NormCast::after_weight && (p.norm_cast = p.offset_norm_cast = NormCast::after_weight, true); }});
  result.push_back({"the scale on the query", [](EngineProfile& p) { return p.scale != ScaleOn::query && (p.scale = ScaleOn::query, true); }});
  result.push_back({"the scale on the product", [](EngineProfile& p) { return p.scale != ScaleOn::product && (p.scale = ScaleOn::product, true); }});
  result.push_back({"probabilities cast before their sum", [](EngineProfile& p) { return p.probability_cast != ProbabilityCast::before_sum && (p.probability_cast = ProbabilityCast::before_sum, true); }});
  result.push_back({"casts between operations left out", [](EngineProfile& p) { return !p.elided_casts && (p.elided_casts = true); }});
  result.push_back({"biases in the accumulator", [](EngineProfile& p) { return p.bias != BiasIn::accumulator && (p.bias = BiasIn::accumulator, true); }});
  for (const bool fused : {false, true}) {
    result.push_back({fused ? "chains of fused multiply-adds from the first term to the last" : "sums from the first term to the last", [fused](EngineProfile& p) {
                        if (p.order == SumOrder::sequential && p.fused == fused) return false;
                        p.order = SumOrder::sequential, p.linear_blocks.reset(), p.fused = fused, p.flush_to_zero = false, p.addition = Addition::nearest;
                        return true;
                      }});
    for (const std::size_t lanes : {8, 16, 32, 64}) {
      const std::string text = (fused ? "linear maps in chains of fused multiply-adds, " : "linear maps in chains, ") + std::to_string(lanes) + " side by side";
      result.push_back({text, [fused, lanes](EngineProfile& p) {
                          if (p.linear_blocks) return false;
                          p.order = SumOrder::any, p.linear_blocks = SumBlocks{.lanes = lanes, .fused = fused}, p.flush_to_zero = false, p.addition = Addition::nearest;
                          return true;
                        }});
    }
  }
  return result;
}

auto rank(const InferredProfile& p) { return std::make_tuple(p.failures, p.outside, p.resolution); }

}  // namespace

std::vector<InferredProfile> infer_profile(const Model& model, std::span<const Column> columns, const Dump& dump, const std::vector<EngineProfile>& candidates, Progress& progress) {
  std::vector<InferredProfile> tried;
  SilentProgress silent;
  std::string refused;
  const auto attempt = [&](const EngineProfile& profile, const std::string& change) {
    progress.step();
    InferredProfile result{profile, change};
    try {
      const Validation v = validate(model, columns, dump, profile, silent);
      for (const OperationVerdict& o : v.operations) {
        result.outside += o.outside, result.failures += o.verdict == Judgement::fail;
        result.resolution += std::isfinite(o.resolution) ? std::min(o.resolution, 1e3) : 1e3;
      }
      result.resolution /= static_cast<double>(v.operations.size());
    } catch (const InputError& error) {  // what this profile does not cover; a dump that cannot be judged fails for all
      refused = error.what();
      return;
    }
    tried.push_back(std::move(result));
  };
  const std::vector<Change> all = changes();
  progress.begin("profiles", candidates.size() + 3 * all.size());
  for (const EngineProfile& candidate : candidates) attempt(candidate, "");
  if (tried.empty()) throw InputError(dump.place(), "no profile could be tried: " + refused);
  const auto better = [](const InferredProfile& a, const InferredProfile& b) { return rank(a) < rank(b); };
  for (int round = 0; round < 3; ++round) {
    const InferredProfile best = *std::min_element(tried.begin(), tried.end(), better);
    for (const Change& change : all) {
      EngineProfile profile = best.profile;
      if (change.apply(profile)) attempt(profile, best.change.empty() ? change.text : best.change + ", " + change.text);
    }
    if (!(rank(*std::min_element(tried.begin(), tried.end(), better)) < rank(best))) break;
  }
  std::stable_sort(tried.begin(), tried.end(), better);
  return tried;
}

}  // namespace snellen
