#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <memory>
#include <set>

#include "cases/case.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "lib/files/load_model.hpp"

namespace snellen {
namespace {

std::string_view name_of(Activation activation) {
  switch (activation) {
    case Activation::silu: return "silu";
    case Activation::gelu_exact: return "gelu";
    case Activation::gelu_tanh: return "gelu (tanh)";
    case Activation::relu: return "relu";
    case Activation::identity: return "identity";
  }
  throw std::logic_error("name_of: unknown activation");
}

std::string describe(const Norm& norm) {
  return fmt::format("{} norm (epsilon {}{})", norm.kind == NormKind::rms ? "rms" : "layer", norm.epsilon, norm.unit_offset ? ", 1 + weight" : "");
}

// "attention ...; MLP ...": everything in which layers may differ.
std::string describe(const Layer& l) {
  const Attention& a = l.attention;
  std::string text = l.attention_norm ? describe(*l.attention_norm) + ", " : "";
  text += fmt::format("attention: {} heads ({} for keys) of {}", a.heads, a.kv_heads, a.head_size);
  if (a.rotary) text += fmt::format(", rotary base {} on {} of {} dimensions", a.rotary->base, a.rotary->dimensions, a.head_size);
  if (!a.alibi.empty()) text += ", ALiBi";
  if (l.query_norm) text += ", norms of queries and keys";
  if (a.softcap) text += fmt::format(", soft-cap {}", *a.softcap);
  if (a.window) text += fmt::format(", window {}", *a.window);
  if (l.query.bias) text += ", biases";
  if (l.post_attention_norm) text += ", post-norm";
  if (!l.up) return text + "; no MLP";
  if (l.mlp_norm) text += "; " + describe(*l.mlp_norm) + ", ";
  text += fmt::format("MLP: {}{} of {}", l.gate ? "gated " : "", name_of(l.activation), l.up->weight->rows());
  if (l.up->bias) text += ", biases";
  if (l.post_mlp_norm) text += ", post-norm";
  return text;
}

std::string positions(const Model& model) {
  if (const auto* learned = std::get_if<LearnedPositions>(&model.positions)) return fmt::format("learned table of {}", learned->table->rows());
  if (std::holds_alternative<SinusoidalPositions>(model.positions)) return "sinusoidal";
  for (const Layer& l : model.layers) {
    if (l.attention.rotary) return "rotary";
    if (!l.attention.alibi.empty()) return "ALiBi";
  }
  return "none";
}

// "1-5, 7-11".
std::string ranges(const std::vector<std::size_t>& numbers) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i;
    while (end + 1 < numbers.size() && numbers[end + 1] == numbers[end] + 1) ++end;
    parts.push_back(i == end ? std::to_string(numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[end]));
    i = end + 1;
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

// Values by the type they are stored in, each tensor once (tied ones are one).
std::map<std::string_view, std::size_t> values_by_storage(const Model& model) {
  std::map<std::string_view, std::size_t> values;
  std::set<const Tensor*> seen;
  const auto tensor = [&](const TensorPtr& t) {
    if (t && seen.insert(t.get()).second) values[t->storage()] += t->rows() * t->columns();
  };
  const auto linear = [&](const Linear& l) { tensor(l.weight), tensor(l.bias); };
  const auto norm = [&](const std::optional<Norm>& n) {
    if (n) tensor(n->weight), tensor(n->bias);
  };
  tensor(model.embedding);
  if (const auto* learned = std::get_if<LearnedPositions>(&model.positions)) tensor(learned->table);
  for (const Layer& l : model.layers) {
    for (const Linear* map : {&l.query, &l.key, &l.value, &l.output}) linear(*map);
    for (const auto* map : {&l.gate, &l.up, &l.down}) {
      if (*map) linear(**map);
    }
    for (const auto* n : {&l.attention_norm, &l.query_norm, &l.key_norm, &l.post_attention_norm, &l.mlp_norm, &l.post_mlp_norm}) norm(*n);
  }
  norm(model.final_norm);
  linear(model.unembedding);
  return values;
}

int inspect(const std::string& path) {
  const bool is_case = std::filesystem::path(path).extension() == ".toml";
  const Model model = is_case ? load_model(read_case(std::filesystem::path(path))) : load_model(std::filesystem::path(path));
  std::vector<std::vector<std::string>> rows = {{"architecture", model.architecture},
                                                {"source", model.source},
                                                {"sha256", model.sha256},
                                                {"layers", std::to_string(model.layers.size())},
                                                {"width", std::to_string(model.width)},
                                                {"vocabulary", std::to_string(model.vocabulary)},
                                                {"positions", positions(model)},
                                                {"context length", model.context_length ? std::to_string(*model.context_length) : "not stated"}};
  if (!model.embedding_scale.is_one()) rows.push_back({"embeddings", fmt::format("times sqrt({})", model.embedding_scale.radicand)});
  rows.push_back({"unembedding", model.unembedding.weight == model.embedding ? "the embedding" : "its own"});
  if (model.logit_softcap) rows.push_back({"logits", fmt::format("soft-cap {}", *model.logit_softcap)});
  if (model.final_norm) rows.push_back({"final", describe(*model.final_norm)});
  std::size_t total = 0;
  for (const auto& [storage, count] : values_by_storage(model)) {
    rows.push_back({fmt::format("stored in {}", storage), fmt::format("{} values", count)});
    total += count;
  }
  rows.push_back({"parameters", std::to_string(total)});
  std::vector<std::pair<std::string, std::vector<std::size_t>>> kinds;  // of layers, in the order of their first
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    const std::string text = describe(model.layers[i]);
    auto kind = std::find_if(kinds.begin(), kinds.end(), [&](const auto& known) { return known.first == text; });
    if (kind == kinds.end()) kind = kinds.insert(kinds.end(), {text, {}});
    kind->second.push_back(i + 1);
  }
  for (const auto& [text, layers] : kinds) rows.push_back({"layers " + ranges(layers), text});
  fmt::print("{}", table("ll", rows));
  return exit_passed;
}

}  // namespace

void add_inspect(CLI::App& command, Action& chosen) {
  CLI::App* verb = command.add_subcommand("inspect", "What a model is: its architecture, sizes, storage and checksum");
  const auto path = std::make_shared<std::string>();
  verb->add_option("MODEL", *path, "a Hugging Face folder, a .safetensors or .gguf file, or a case (.toml)")->required();
  verb->callback([path, &chosen] { chosen = [path] { return inspect(*path); }; });
}

}  // namespace snellen
