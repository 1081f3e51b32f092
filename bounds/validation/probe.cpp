#include "bounds/validation/probe.hpp"

#include <algorithm>
#include <stdexcept>

#include "bounds/validation/judge.hpp"
#include "lib/error.hpp"

namespace snellen {
namespace {

// The image of an operation that reads rows by themselves; none for the others.
std::optional<ImageBlock> image_of(const Model& model, const ImageWorld& world, const OperationName& operation, const std::vector<ImageBlock>& inputs) {
  const std::string& name = operation.short_name;
  if (operation.kind == OperationKind::sum) return world.add(inputs[0], inputs[1]);
  if (operation.kind == OperationKind::product) return world.multiply(inputs[0], inputs[1]);
  if (!operation.layer) {
    if (name == "final") return world.norm(*model.final_norm, inputs[0], 1);
    if (name == "logits") return world.linear(model.unembedding, inputs[0]);
    return std::nullopt;
  }
  const Layer& l = model.layers[*operation.layer];
  const Attention& a = l.attention;
  if (operation.kind == OperationKind::activation) return world.activate(l.activation, inputs[0]);
  if (operation.kind == OperationKind::linear) {
    const Linear& map = name == "query" ? l.query : name == "key" ? l.key : name == "value" ? l.value : name == "up" ? *l.up : name == "gate" ? *l.gate : name == "down" ? *l.down : l.output;
    return world.linear(map, inputs[0]);
  }
  if (operation.kind == OperationKind::norm) {
    if (name.starts_with("query")) return world.norm(*l.query_norm, inputs[0], a.heads);
    if (name.starts_with("key")) return world.norm(*l.key_norm, inputs[0], a.kv_heads);
    const bool attention = name.find("attention") != std::string::npos, post = name.starts_with("post");
    return world.norm(attention ? (post ? *l.post_attention_norm : *l.attention_norm) : post ? *l.post_mlp_norm : *l.mlp_norm, inputs[0], 1);
  }
  return std::nullopt;
}

}  // namespace

Validation validate_probes(const Model& model, const Dump& dump, const EngineProfile& profile, Progress& progress) {
  Validation result;
  result.model = model.source;
  result.profile = profile.name;
  result.dump = dump.place();
  result.unknown = dump.unknown();
  const std::vector<OperationName> operations = operations_of(model);
  progress.begin("probes of " + dump.place(), operations.size());
  const ImageWorld world(profile, nullptr);
  for (const OperationName& operation : operations) {
    progress.step();
    const bool fed = !operation.inputs.empty() && std::all_of(operation.inputs.begin(), operation.inputs.end(), [&](std::size_t i) { return dump.contains(operations[i].name); });
    if (!dump.contains(operation.name) || !fed) continue;
    const std::size_t rows = dump.tokens_of(operation, 0).value_or(0);
    std::vector<ImageBlock> inputs;
    for (const std::size_t i : operation.inputs) {
      if (operations[i].kind == OperationKind::scores || operations[i].kind == OperationKind::probabilities) break;
      const DumpedTensor dumped = dump.read(operations[i], rows);
      inputs.emplace_back(dumped.width, rows);
      take_dumped(model, profile, operations[i], dumped, inputs.back());
    }
    if (inputs.size() < operation.inputs.size()) continue;
    std::optional<ImageBlock> image;
    try {
      image = image_of(model, world, operation, inputs);
    } catch (const std::invalid_argument& problem) {
      throw InputError("profile " + profile.name, problem.what());
    }
    if (!image) continue;
    result.operations.push_back(judged(model, profile, operation, *image, dump.read(operation, rows)));
    result.tokens = std::max(result.tokens, rows);
    result.verdict = std::max(result.verdict, result.operations.back().verdict);
  }
  if (result.operations.empty()) throw InputError(dump.place(), "found no operation whose inputs were dumped too, expected pairs such as layer.0.inner and layer.0.down");
  return result;
}

}  // namespace snellen
