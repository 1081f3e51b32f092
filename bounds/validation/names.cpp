#include "bounds/validation/names.hpp"

#include <array>
#include <utility>

#include "lib/files/printable.hpp"

namespace snellen {
namespace {

// (pattern, name). Modules mean their outputs, with or without a ".output" behind; what is an input says so.
constexpr std::pair<const char*, const char*> tables[] = {
    // Snellen's own.
    {R"((hidden\.\d+|final|logits|layer\.\d+\.[a-z_]+))", "$1"},
    {R"(layer\.(\d+)\.output)", "layer.$1.output"},
    // Hugging Face: Llama, Mistral, Qwen, SmolLM, Gemma.
    {R"((?:model\.)?layers\.(\d+)\.input_layernorm(?:\.output)?)", "layer.$1.attention_norm"},
    {R"((?:model\.)?layers\.(\d+)\.self_attn\.q_proj(?:\.output)?)", "layer.$1.query"},
    {R"((?:model\.)?layers\.(\d+)\.self_attn\.k_proj(?:\.output)?)", "layer.$1.key"},
    {R"((?:model\.)?layers\.(\d+)\.self_attn\.v_proj(?:\.output)?)", "layer.$1.value"},
    {R"((?:model\.)?layers\.(\d+)\.self_attn\.q_norm(?:\.output)?)", "layer.$1.query_norm"},
    {R"((?:model\.)?layers\.(\d+)\.self_attn\.k_norm(?:\.output)?)", "layer.$1.key_norm"},
    {R"((?:model\.)?layers\.(\d+)\.self_attn\.o_proj\.input)", "layer.$1.mix"},
    {R"((?:model\.)?layers\.(\d+)\.self_attn\.o_proj(?:\.output)?)", "layer.$1.attention_output"},
    {R"((?:model\.)?layers\.(\d+)\.(?:post_attention_layernorm|pre_feedforward_layernorm)\.input)", "layer.$1.residual"},
    {R"((?:model\.)?layers\.(\d+)\.pre_feedforward_layernorm(?:\.output)?)", "layer.$1.mlp_norm"},
    {R"((?:model\.)?layers\.(\d+)\.post_feedforward_layernorm(?:\.output)?)", "layer.$1.post_mlp_norm"},
    {R"((?:model\.)?layers\.(\d+)\.post_attention_layernorm(?:\.output)?)", "layer.$1.post_attention_layernorm"},
    {R"((?:model\.)?layers\.(\d+)\.mlp\.gate_proj(?:\.output)?)", "layer.$1.gate"},
    {R"((?:model\.)?layers\.(\d+)\.mlp\.up_proj(?:\.output)?)", "layer.$1.up"},
    {R"((?:model\.)?layers\.(\d+)\.mlp\.act_fn(?:\.output)?)", "layer.$1.activation"},
    {R"((?:model\.)?layers\.(\d+)\.mlp\.down_proj\.input)", "layer.$1.inner"},
    {R"((?:model\.)?layers\.(\d+)\.mlp\.down_proj(?:\.output)?)", "layer.$1.down"},
    {R"((?:model\.)?layers\.(\d+)(?:\.output)?)", "layer.$1.output"},
    {R"((?:model\.)?embed_tokens(?:\.output)?)", "hidden.0"},
    {R"((?:model\.)?norm(?:\.output)?)", "final"},
    {R"(lm_head(?:\.output)?)", "logits"},
    // Hugging Face: GPT-2.
    {R"((?:transformer\.)?h\.(\d+)\.ln_1(?:\.output)?)", "layer.$1.attention_norm"},
    {R"((?:transformer\.)?h\.(\d+)\.attn\.c_proj\.input)", "layer.$1.mix"},
    {R"((?:transformer\.)?h\.(\d+)\.attn\.c_proj(?:\.output)?)", "layer.$1.attention_output"},
    {R"((?:transformer\.)?h\.(\d+)\.ln_2\.input)", "layer.$1.residual"},
    {R"((?:transformer\.)?h\.(\d+)\.ln_2(?:\.output)?)", "layer.$1.mlp_norm"},
    {R"((?:transformer\.)?h\.(\d+)\.mlp\.c_fc(?:\.output)?)", "layer.$1.up"},
    {R"((?:transformer\.)?h\.(\d+)\.mlp\.c_proj\.input)", "layer.$1.activation"},
    {R"((?:transformer\.)?h\.(\d+)\.mlp\.c_proj(?:\.output)?)", "layer.$1.down"},
    {R"((?:transformer\.)?h\.(\d+)(?:\.output)?)", "layer.$1.output"},
    {R"((?:transformer\.)?ln_f(?:\.output)?)", "final"},
    // llama.cpp's graph.
    {R"(inp_embd|inp_scaled)", "hidden.0"},
    {R"(attn_norm-(\d+))", "layer.$1.attention_norm"},
    {R"(Qcur-(\d+))", "layer.$1.query"},
    {R"(Kcur-(\d+))", "layer.$1.key"},
    {R"(Vcur-(\d+))", "layer.$1.value"},
    {R"(Qcur_normed-(\d+))", "layer.$1.query_norm"},
    {R"(Kcur_normed-(\d+))", "layer.$1.key_norm"},
    {R"(Qcur_(?:rope|pos)-(\d+))", "layer.$1.query_rotated"},
    {R"(Kcur_(?:rope|pos)-(\d+))", "layer.$1.key_rotated"},
    {R"(kq_soft_max(?:_ext)?-(\d+))", "layer.$1.probabilities"},
    {R"(kqv_out-(\d+))", "layer.$1.mix"},
    {R"(attn_out-(\d+))", "layer.$1.attention_output"},
    {R"(attn_post_norm-(\d+))", "layer.$1.post_attention_norm"},
    {R"(ffn_inp-(\d+))", "layer.$1.residual"},
    {R"(ffn_norm-(\d+))", "layer.$1.mlp_norm"},
    {R"(ffn_gate-(\d+))", "layer.$1.gate"},
    {R"(ffn_up-(\d+))", "layer.$1.up"},
    {R"((?:ffn_silu|ffn_gelu|ffn_relu)-(\d+))", "layer.$1.activation"},
    {R"((?:ffn_gate_par|ffn_swiglu|ffn_geglu)-(\d+))", "layer.$1.inner"},
    {R"(ffn_out-(\d+))", "layer.$1.down"},
    {R"(ffn_post_norm-(\d+))", "layer.$1.post_mlp_norm"},
    {R"(l_out-(\d+))", "layer.$1.output"},
    {R"(result_norm)", "final"},
    {R"(result_output)", "logits"},
    // Meta's reference.
    {R"(tok_embeddings(?:\.output)?)", "hidden.0"},
    {R"(layers\.(\d+)\.attention_norm(?:\.output)?)", "layer.$1.attention_norm"},
    {R"(layers\.(\d+)\.attention\.wq(?:\.output)?)", "layer.$1.query"},
    {R"(layers\.(\d+)\.attention\.wk(?:\.output)?)", "layer.$1.key"},
    {R"(layers\.(\d+)\.attention\.wv(?:\.output)?)", "layer.$1.value"},
    {R"(layers\.(\d+)\.attention\.wo\.input)", "layer.$1.mix"},
    {R"(layers\.(\d+)\.attention\.wo(?:\.output)?)", "layer.$1.attention_output"},
    {R"(layers\.(\d+)\.ffn_norm\.input)", "layer.$1.residual"},
    {R"(layers\.(\d+)\.ffn_norm(?:\.output)?)", "layer.$1.mlp_norm"},
    {R"(layers\.(\d+)\.feed_forward\.w1(?:\.output)?)", "layer.$1.gate"},
    {R"(layers\.(\d+)\.feed_forward\.w3(?:\.output)?)", "layer.$1.up"},
    {R"(layers\.(\d+)\.feed_forward\.w2\.input)", "layer.$1.inner"},
    {R"(layers\.(\d+)\.feed_forward\.w2(?:\.output)?)", "layer.$1.down"},
    {R"(output(?:\.output)?)", "logits"},
};

const std::vector<NameRule>& known_names() {
  static const std::vector<NameRule> rules = [] {
    std::vector<NameRule> made;
    for (const auto& [pattern, name] : tables) made.push_back({std::regex(pattern), name});
    return made;
  }();
  return rules;
}

// "layer.3.output" is the input of layer 4.
std::string with_hidden(const std::string& name) {
  static const std::regex output(R"(layer\.(\d{1,9})\.output)");
  std::smatch found;
  return std::regex_match(name, found, output) ? "hidden." + std::to_string(std::stoul(found[1]) + 1) : name;
}

}  // namespace

NameRule name_rule(const std::string& text, const std::string& place) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) throw InputError(place, "found " + in_quotes(text) + ", expected PATTERN=NAME");
  try {
    return {std::regex(text.substr(0, equals)), text.substr(equals + 1)};
  } catch (const std::regex_error& error) {
    throw InputError(place, "found the pattern " + in_quotes(text.substr(0, equals)) + ", expected a regular expression (" + error.what() + ")");
  }
}

SumRule sum_rule(const std::string& text, const std::string& place) {
  const std::size_t equals = text.find('=');
  SumRule rule;
  if (equals != std::string::npos) {
    rule.name = text.substr(0, equals);
    for (std::size_t begin = equals + 1; begin <= text.size();) {
      const std::size_t end = std::min(text.find('+', begin), text.size());
      rule.terms.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  bool complete = !rule.name.empty() && rule.terms.size() > 1;
  for (const std::string& term : rule.terms) complete = complete && !term.empty();
  if (!complete) throw InputError(place, "found " + in_quotes(text) + ", expected NAME=TENSOR+TENSOR");
  return rule;
}

std::optional<std::string> canonical_name(const std::string& name, const std::vector<NameRule>& rules) {
  if (name.size() > 500) return std::nullopt;  // std::regex recurses once a character
  for (const std::vector<NameRule>* list : {&rules, &known_names()}) {
    for (const NameRule& rule : *list) {
      std::smatch found;
      if (std::regex_match(name, found, rule.pattern)) return with_hidden(found.format(rule.replacement));
    }
  }
  return std::nullopt;
}

}  // namespace snellen
