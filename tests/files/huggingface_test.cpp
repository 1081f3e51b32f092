#include "lib/files/huggingface.hpp"

#include <cmath>

#include "lib/files/load_model.hpp"
#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"

using namespace snellen;
using checkpoint::refusal;
using checkpoint::tensor;
using nlohmann::json;

namespace {

constexpr std::uint64_t width = 8, hidden = 12, vocabulary = 10, heads = 4, kv_heads = 2, head_size = 4, layers = 3;

struct Checkpoint {
  json config;
  std::vector<checkpoint::Tensor> tensors;

  void remove(const std::string& name) {
    std::erase_if(tensors, [&](const checkpoint::Tensor& t) { return t.name == name; });
  }
  void add(const std::string& name, const std::vector<std::uint64_t>& shape) { tensors.push_back(tensor(name, shape)); }
  checkpoint::Tensor& at(const std::string& name) {
    for (auto& t : tensors) {
      if (t.name == name) return t;
    }
    throw std::logic_error(name);
  }
  Model load(const checkpoint::Folder& folder) const {
    folder.write("config.json", config.dump());
    folder.write("model.safetensors", checkpoint::safetensors(tensors));
    return load_model(folder.path());
  }
};

// Any family but GPT-2. `layer_norms` are of size width.
Checkpoint gated(const std::string& model_type, const std::string& class_name, const std::vector<std::string>& layer_norms,
                 const std::string& prefix = "model.") {
  Checkpoint c;
  c.config = {{"model_type", model_type},   {"architectures", {class_name}}, {"hidden_size", width},
              {"intermediate_size", hidden}, {"num_hidden_layers", layers},   {"num_attention_heads", heads},
              {"num_key_value_heads", kv_heads}, {"head_dim", head_size},     {"vocab_size", vocabulary},
              {"max_position_embeddings", 64},   {"rms_norm_eps", 1e-5},      {"tie_word_embeddings", true},
              {"torch_dtype", "float32"},        {"use_cache", true},         {"bos_token_id", 1}};
  c.add(prefix + "embed_tokens.weight", {vocabulary, width});
  c.add(prefix + "norm.weight", {width});
  for (std::uint64_t i = 0; i < layers; ++i) {
    const std::string p = prefix + "layers." + std::to_string(i) + ".";
    for (const std::string& norm : layer_norms) c.add(p + norm + ".weight", {width});
    c.add(p + "self_attn.q_proj.weight", {heads * head_size, width});
    c.add(p + "self_attn.k_proj.weight", {kv_heads * head_size, width});
    c.add(p + "self_attn.v_proj.weight", {kv_heads * head_size, width});
    c.add(p + "self_attn.o_proj.weight", {width, heads * head_size});
    c.add(p + "mlp.gate_proj.weight", {hidden, width});
    c.add(p + "mlp.up_proj.weight", {hidden, width});
    c.add(p + "mlp.down_proj.weight", {width, hidden});
  }
  return c;
}

void add_to_layers(Checkpoint& c, const std::string& name, const std::vector<std::uint64_t>& shape, const std::string& prefix = "model.") {
  for (std::uint64_t i = 0; i < layers; ++i) c.add(prefix + "layers." + std::to_string(i) + "." + name, shape);
}

const std::vector<std::string> two_norms = {"input_layernorm", "post_attention_layernorm"};
const std::vector<std::string> four_norms = {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                                             "post_feedforward_layernorm"};

Checkpoint llama() { return gated("llama", "LlamaForCausalLM", two_norms); }
Checkpoint qwen2() {
  Checkpoint c = gated("qwen2", "Qwen2ForCausalLM", two_norms);
  add_to_layers(c, "self_attn.q_proj.bias", {heads * head_size});
  add_to_layers(c, "self_attn.k_proj.bias", {kv_heads * head_size});
  add_to_layers(c, "self_attn.v_proj.bias", {kv_heads * head_size});
  return c;
}
Checkpoint with_head_norms(Checkpoint c, const std::string& prefix = "model.") {
  add_to_layers(c, "self_attn.q_norm.weight", {head_size}, prefix);
  add_to_layers(c, "self_attn.k_norm.weight", {head_size}, prefix);
  return c;
}
Checkpoint gemma2() {
  Checkpoint c = gated("gemma2", "Gemma2ForCausalLM", four_norms);
  c.config["query_pre_attn_scalar"] = 9;
  c.config["sliding_window"] = 5;
  return c;
}
Checkpoint gemma3() {
  Checkpoint c = with_head_norms(gated("gemma3_text", "Gemma3ForCausalLM", four_norms));
  c.config["sliding_window"] = 5;
  c.config["sliding_window_pattern"] = 3;
  return c;
}
Checkpoint gpt2(const std::string& prefix) {
  Checkpoint c;
  c.config = {{"model_type", "gpt2"}, {"n_embd", width}, {"n_layer", layers}, {"n_head", 2}, {"vocab_size", vocabulary},
              {"n_positions", 16}, {"n_ctx", 16}, {"layer_norm_epsilon", 1e-5}, {"activation_function", "gelu_new"},
              {"attn_pdrop", 0.1}, {"summary_type", "cls_index"}, {"task_specific_params", json::object()}};
  c.add(prefix + "wte.weight", {vocabulary, width});
  c.add(prefix + "wpe.weight", {16, width});
  for (const std::string end : {"weight", "bias"}) c.add(prefix + "ln_f." + end, {width});
  for (std::uint64_t i = 0; i < layers; ++i) {
    const std::string p = prefix + "h." + std::to_string(i) + ".";
    const std::pair<std::string, std::pair<std::uint64_t, std::uint64_t>> linears[] = {
        {"attn.c_attn", {width, 3 * width}}, {"attn.c_proj", {width, width}}, {"mlp.c_fc", {width, 4 * width}}, {"mlp.c_proj", {4 * width, width}}};
    for (const auto& [name, in_out] : linears) {
      c.add(p + name + ".weight", {in_out.first, in_out.second});
      c.add(p + name + ".bias", {in_out.second});
    }
    for (const std::string norm : {"ln_1", "ln_2"}) {
      for (const std::string end : {"weight", "bias"}) c.add(p + norm + "." + end, {width});
    }
    c.add(p + "attn.bias", {1, 1, 16, 16});
  }
  return c;
}
Checkpoint mpt(const std::string& prefix, std::uint64_t number_of_heads = 4) {
  Checkpoint c;
  c.config = {{"model_type", "mpt"}, {"architectures", {"MptForCausalLM"}}, {"d_model", width}, {"n_layers", layers}, {"n_heads", number_of_heads},
              {"vocab_size", vocabulary}, {"max_seq_len", 16}, {"no_bias", true}, {"learned_pos_emb", true}, {"resid_pdrop", 0.1},
              {"attn_config", {{"alibi", true}, {"alibi_bias_max", 8}, {"attn_pdrop", 0}, {"softmax_scale", nullptr}}}};
  c.add(prefix + "wte.weight", {vocabulary, width});
  c.add(prefix + "norm_f.weight", {width});
  for (std::uint64_t i = 0; i < layers; ++i) {
    const std::string p = prefix + "blocks." + std::to_string(i) + ".";
    for (const std::string norm : {"norm_1.weight", "norm_2.weight"}) c.add(p + norm, {width});
    c.add(p + "attn.Wqkv.weight", {3 * width, width});
    c.add(p + "attn.out_proj.weight", {width, width});
    c.add(p + "ffn.up_proj.weight", {4 * width, width});
    c.add(p + "ffn.down_proj.weight", {width, 4 * width});
  }
  return c;
}

std::vector<double> values(const std::string& name, const std::vector<std::uint64_t>& shape) {
  const auto floats = tensor(name, shape).values;
  return {floats.begin(), floats.end()};
}

}  // namespace

TEST_CASE("llama: every part is where the config says", "[files]") {
  const checkpoint::Folder folder;
  Checkpoint c = llama();
  c.config["rope_theta"] = 100000;
  const Model model = c.load(folder);
  CHECK(model.architecture == "llama");
  CHECK(model.width == width);
  CHECK(model.vocabulary == vocabulary);
  CHECK(model.context_length == 64u);
  CHECK(model.embedding_scale.is_one());
  CHECK(model.unembedding.weight == model.embedding);
  CHECK(read_all(*model.embedding) == values("model.embed_tokens.weight", {vocabulary, width}));
  CHECK(std::holds_alternative<NoPositions>(model.positions));
  REQUIRE(model.layers.size() == layers);
  const Layer& layer = model.layers[1];
  CHECK(read_all(*layer.key.weight) == values("model.layers.1.self_attn.k_proj.weight", {kv_heads * head_size, width}));
  CHECK(read_all(*layer.gate->weight) == values("model.layers.1.mlp.gate_proj.weight", {hidden, width}));
  CHECK(read_all(*layer.up->weight) == values("model.layers.1.mlp.up_proj.weight", {hidden, width}));
  CHECK(read_all(*layer.down->weight) == values("model.layers.1.mlp.down_proj.weight", {width, hidden}));
  CHECK(read_all(*layer.mlp_norm->weight) == values("model.layers.1.post_attention_layernorm.weight", {width}));
  CHECK_FALSE(layer.query.bias);
  CHECK_FALSE(layer.query_norm);
  CHECK_FALSE(layer.post_attention_norm);
  CHECK(layer.activation == Activation::silu);
  CHECK(layer.attention.heads == heads);
  CHECK(layer.attention.kv_heads == kv_heads);
  CHECK(layer.attention.head_size == head_size);
  CHECK(layer.attention.scale.radicand == 4);
  CHECK(layer.attention.scale.inverse);
  CHECK(layer.attention.rotary->base == 100000);
  CHECK(layer.attention.rotary->dimensions == head_size);
  CHECK_FALSE(layer.attention.window);
  CHECK(layer.attention.alibi.empty());
  CHECK(model.final_norm->epsilon == 1e-5);
  CHECK_FALSE(model.final_norm->unit_offset);
  CHECK(model.sha256.size() == 64);
  CHECK(load_model(folder.path() / "model.safetensors").sha256 == model.sha256);
  c.config["rms_norm_eps"] = 1e-6;
  CHECK(c.load(folder).sha256 != model.sha256);
}

TEST_CASE("llama: positions, biases, untied heads, bare names, older and newer spellings", "[files]") {
  const checkpoint::Folder folder;
  Checkpoint c = llama();
  c.config["position_embedding_type"] = "alibi";
  CHECK(c.load(folder).layers[2].attention.alibi.size() == heads);
  CHECK_FALSE(c.load(folder).layers[2].attention.rotary);
  c.config["position_embedding_type"] = "none";
  CHECK(c.load(folder).layers[0].attention.alibi.empty());
  CHECK_FALSE(c.load(folder).layers[0].attention.rotary);
  c.config["position_embedding_type"] = "sinusoidal";
  CHECK(std::holds_alternative<SinusoidalPositions>(c.load(folder).positions));
  c.config["position_embedding_type"] = "learned";
  CHECK(refusal([&] { c.load(folder); }).find("'model.embed_positions.weight' is missing, expected with shape [64, 8]") != std::string::npos);
  c.add("model.embed_positions.weight", {64, width});
  CHECK(std::get<LearnedPositions>(c.load(folder).positions).table->rows() == 64);

  Checkpoint biased = llama();
  biased.config["attention_bias"] = biased.config["mlp_bias"] = true;
  const std::pair<const char*, std::uint64_t> biases[] = {{"self_attn.q_proj", heads * head_size}, {"self_attn.k_proj", kv_heads * head_size},
                                                          {"self_attn.v_proj", kv_heads * head_size}, {"self_attn.o_proj", width},
                                                          {"mlp.gate_proj", hidden}, {"mlp.up_proj", hidden}, {"mlp.down_proj", width}};
  for (const auto& [name, size] : biases) add_to_layers(biased, std::string(name) + ".bias", {size});
  const Model with_biases = biased.load(folder);
  CHECK(read_all(*with_biases.layers[1].output.bias) == values("model.layers.1.self_attn.o_proj.bias", {width}));
  CHECK(read_all(*with_biases.layers[1].gate->bias) == values("model.layers.1.mlp.gate_proj.bias", {hidden}));

  Checkpoint untied = llama();
  untied.config.erase("tie_word_embeddings");  // false is llama's default
  CHECK(refusal([&] { untied.load(folder); }).find("tensor 'lm_head.weight' is missing") != std::string::npos);
  untied.add("lm_head.weight", {vocabulary, width});
  CHECK(read_all(*untied.load(folder).unembedding.weight) == values("lm_head.weight", {vocabulary, width}));

  Checkpoint repeated = llama();
  repeated.add("lm_head.weight", {vocabulary, width});
  CHECK(refusal([&] { repeated.load(folder); }).find("'lm_head.weight' differs in row 0 from 'model.embed_tokens.weight'") != std::string::npos);
  repeated.at("lm_head.weight").values = repeated.at("model.embed_tokens.weight").values;
  CHECK(repeated.load(folder).unembedding.weight != nullptr);

  Checkpoint defaults = gated("llama", "LlamaModel", two_norms, "");
  defaults.config.erase("rms_norm_eps");
  defaults.config["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 500000.0}};
  defaults.config["rope_scaling"] = nullptr;
  add_to_layers(defaults, "self_attn.rotary_emb.inv_freq", {head_size / 2}, "");
  const Model bare = defaults.load(folder);
  CHECK(bare.layers[0].attention.rotary->base == 500000);
  CHECK(bare.final_norm->epsilon == 1e-6);
}

TEST_CASE("mistral and qwen: windows, biases, head norms, defaults", "[files]") {
  const checkpoint::Folder folder;
  Checkpoint mistral = gated("mistral", "MistralForCausalLM", two_norms);
  CHECK(mistral.load(folder).layers[0].attention.window == 4096u);  // the class's default
  mistral.config["sliding_window"] = 7;
  CHECK(mistral.load(folder).layers[2].attention.window == 7u);
  mistral.config["sliding_window"] = nullptr;
  CHECK_FALSE(mistral.load(folder).layers[2].attention.window);

  Checkpoint q2 = qwen2();
  q2.config["sliding_window"] = 7;
  q2.config["max_window_layers"] = 2;
  CHECK_FALSE(q2.load(folder).layers[2].attention.window);
  q2.config["use_sliding_window"] = true;
  const Model windowed = q2.load(folder);
  CHECK_FALSE(windowed.layers[1].attention.window);
  CHECK(windowed.layers[2].attention.window == 7u);
  CHECK(read_all(*windowed.layers[0].key.bias) == values("model.layers.0.self_attn.k_proj.bias", {kv_heads * head_size}));
  CHECK_FALSE(windowed.layers[0].output.bias);
  q2.config["layer_types"] = {"sliding_attention", "full_attention", "full_attention"};
  CHECK(q2.load(folder).layers[0].attention.window == 7u);
  q2.config["use_sliding_window"] = false;
  CHECK(refusal([&] { q2.load(folder); }).find("'layer_types'") != std::string::npos);

  Checkpoint q3 = with_head_norms(gated("qwen3", "Qwen3ForCausalLM", two_norms));
  const Model qk = q3.load(folder);
  CHECK(read_all(*qk.layers[1].key_norm->weight) == values("model.layers.1.self_attn.k_norm.weight", {head_size}));
  CHECK_FALSE(qk.layers[1].query_norm->unit_offset);
  CHECK(qk.layers[1].query_norm->epsilon == 1e-5);
  q3.config.erase("head_dim");
  CHECK(refusal([&] { q3.load(folder); }).find("expected [512, 8]") != std::string::npos);  // 4 heads of the default size 128
}

TEST_CASE("gemma 1 to 3: offsets, scales, caps, post-norms, alternating layers", "[files]") {
  const checkpoint::Folder folder;
  Checkpoint g1 = gated("gemma", "GemmaForCausalLM", two_norms);
  g1.config.erase("tie_word_embeddings");
  g1.config["hidden_act"] = "gelu";
  const Model one = g1.load(folder);
  CHECK(one.embedding_scale.radicand == width);
  CHECK_FALSE(one.embedding_scale.inverse);
  CHECK(one.final_norm->unit_offset);
  CHECK(one.layers[0].mlp_norm->unit_offset);
  CHECK(one.layers[0].activation == Activation::gelu_tanh);
  CHECK(one.layers[0].attention.scale.radicand == head_size);
  CHECK(one.unembedding.weight == one.embedding);

  Checkpoint g2 = gemma2();
  const Model two = g2.load(folder);
  CHECK(two.layers[0].attention.scale.radicand == 9);
  CHECK(two.layers[0].attention.softcap == 50.0);
  CHECK(two.logit_softcap == 30.0);
  CHECK(two.layers[0].attention.window == 5u);
  CHECK_FALSE(two.layers[1].attention.window);
  CHECK(two.layers[2].attention.window == 5u);
  CHECK(read_all(*two.layers[1].post_attention_norm->weight) == values("model.layers.1.post_attention_layernorm.weight", {width}));
  CHECK(read_all(*two.layers[1].mlp_norm->weight) == values("model.layers.1.pre_feedforward_layernorm.weight", {width}));
  CHECK(read_all(*two.layers[1].post_mlp_norm->weight) == values("model.layers.1.post_feedforward_layernorm.weight", {width}));
  g2.config["attn_logit_softcapping"] = g2.config["final_logit_softcapping"] = nullptr;
  CHECK_FALSE(g2.load(folder).layers[0].attention.softcap);
  CHECK_FALSE(g2.load(folder).logit_softcap);

  Checkpoint g3 = gemma3();
  const Model three = g3.load(folder);
  CHECK(three.layers[0].attention.window == 5u);
  CHECK(three.layers[0].attention.rotary->base == 10000);
  CHECK_FALSE(three.layers[2].attention.window);
  CHECK(three.layers[2].attention.rotary->base == 1000000);
  CHECK(three.layers[2].attention.scale.radicand == 256);
  CHECK(three.layers[2].query_norm->unit_offset);
  CHECK_FALSE(three.logit_softcap);
  g3.config["rope_theta"] = 5000;
  g3.config["rope_local_base_freq"] = 50;
  CHECK(g3.load(folder).layers[0].attention.rotary->base == 50);
  CHECK(g3.load(folder).layers[2].attention.rotary->base == 5000);
  g3.config.erase("rope_theta");
  g3.config.erase("rope_local_base_freq");
  g3.config["layer_types"] = {"full_attention", "sliding_attention", "full_attention"};
  g3.config["rope_parameters"] = {{"full_attention", {{"rope_type", "default"}, {"rope_theta", 70.0}}},
                                  {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 7.0}}}};
  g3.config["_sliding_window_pattern"] = 6;
  CHECK(g3.load(folder).layers[0].attention.rotary->base == 70);
  CHECK_FALSE(g3.load(folder).layers[0].attention.window);
  CHECK(g3.load(folder).layers[1].attention.rotary->base == 7);
  CHECK(g3.load(folder).layers[1].attention.window == 5u);

  const std::string prefix = "model.language_model.";
  Checkpoint images = with_head_norms(gated("gemma3_text", "Gemma3ForCausalLM", four_norms, prefix), prefix);
  images.config.erase("tie_word_embeddings");
  images.config["sliding_window"] = 5;
  images.config = {{"model_type", "gemma3"}, {"text_config", images.config}, {"vision_config", {{"anything", 1}}}, {"mm_tokens_per_image", 4}};
  images.add("model.vision_tower.some.weight", {1, 2, 3});
  images.add("model.multi_modal_projector.weight", {2});
  CHECK(images.load(folder).layers.size() == layers);
}

TEST_CASE("gpt2: fused and transposed maps are taken apart", "[files]") {
  const checkpoint::Folder folder;
  for (const std::string prefix : {"", "transformer."}) {
    Checkpoint c = gpt2(prefix);
    const Model model = c.load(folder);
    REQUIRE(model.layers.size() == layers);
    const Layer& layer = model.layers[1];
    const auto fused = values(prefix + "h.1.attn.c_attn.weight", {width, 3 * width});
    const auto bias = values(prefix + "h.1.attn.c_attn.bias", {3 * width});
    const Linear* parts[] = {&layer.query, &layer.key, &layer.value};
    std::size_t compared = 0;
    for (std::size_t part = 0; part < 3; ++part) {
      const auto weight = read_all(*parts[part]->weight), part_bias = read_all(*parts[part]->bias);
      REQUIRE(weight.size() == width * width);
      for (std::size_t out = 0; out < width; ++out) {
        compared += part_bias[out] == bias[part * width + out];
        for (std::size_t in = 0; in < width; ++in) compared += weight[out * width + in] == fused[in * 3 * width + part * width + out];
      }
    }
    CHECK(compared == 3 * width * (width + 1));
    CHECK(layer.up->weight->rows() == 4 * width);
    CHECK(layer.down->weight->rows() == width);
    CHECK_FALSE(layer.gate);
    CHECK(layer.activation == Activation::gelu_tanh);
    CHECK(layer.attention_norm->kind == NormKind::layer);
    CHECK(read_all(*layer.mlp_norm->bias) == values(prefix + "h.1.ln_2.bias", {width}));
    CHECK(std::get<LearnedPositions>(model.positions).table->rows() == 16);
    CHECK(model.unembedding.weight == model.embedding);
    CHECK_FALSE(layer.attention.rotary);
    CHECK(layer.attention.scale.radicand == 4);
    c.config["scale_attn_by_inverse_layer_idx"] = true;
    CHECK(c.load(folder).layers[1].attention.scale.radicand == 4 * 2 * 2);
    c.config["scale_attn_weights"] = false;
    CHECK(c.load(folder).layers[2].attention.scale.radicand == 9);
    CHECK(c.load(folder).layers[2].attention.scale.inverse);
  }
}

TEST_CASE("mpt: one fused map, norms without bias, slopes", "[files]") {
  const checkpoint::Folder folder;
  for (const std::string prefix : {"", "transformer."}) {
    Checkpoint c = mpt(prefix);
    const Model model = c.load(folder);
    REQUIRE(model.layers.size() == layers);
    const Layer& layer = model.layers[2];
    const auto fused = values(prefix + "blocks.2.attn.Wqkv.weight", {3 * width, width});
    const Linear* parts[] = {&layer.query, &layer.key, &layer.value};
    for (std::size_t part = 0; part < 3; ++part) {
      const auto begin = fused.begin() + static_cast<std::ptrdiff_t>(part * width * width);
      CHECK(read_all(*parts[part]->weight) == std::vector<double>(begin, begin + width * width));
      CHECK_FALSE(parts[part]->bias);
    }
    CHECK(read_all(*layer.up->weight) == values(prefix + "blocks.2.ffn.up_proj.weight", {4 * width, width}));
    CHECK(read_all(*layer.down->weight) == values(prefix + "blocks.2.ffn.down_proj.weight", {width, 4 * width}));
    CHECK_FALSE(layer.gate);
    CHECK(layer.activation == Activation::gelu_exact);
    CHECK(layer.attention_norm->kind == NormKind::layer);
    CHECK(layer.attention_norm->epsilon == 1e-5);
    CHECK_FALSE(layer.attention_norm->bias);
    CHECK(read_all(*layer.mlp_norm->weight) == values(prefix + "blocks.2.norm_2.weight", {width}));
    CHECK(std::holds_alternative<NoPositions>(model.positions));
    CHECK(model.context_length == 16);
    CHECK(model.unembedding.weight == model.embedding);
    CHECK_FALSE(layer.attention.rotary);
    CHECK(layer.attention.scale.radicand == 2);
    CHECK(layer.attention.scale.inverse);
  }

  // What build_mpt_alibi_tensor makes of six heads: of the slopes 2^-1 to 2^-8 the second, fourth, sixth and eighth, then the first and the third.
  Checkpoint six = mpt("transformer.");
  six.config["d_model"] = 6;
  six.config["n_heads"] = 6;
  for (auto& t : six.tensors) {
    auto shape = t.shape;
    for (auto& dimension : shape) dimension = dimension % width == 0 ? dimension / width * 6 : dimension;
    t = tensor(t.name, shape);
  }
  const auto slopes = six.load(folder).layers[0].attention.alibi;
  const std::int64_t exponents[] = {2, 4, 6, 8, 1, 3};
  REQUIRE(slopes.size() == std::size(exponents));
  for (std::size_t h = 0; h < slopes.size(); ++h) CHECK(slopes[h].numerator == exponents[h] * slopes[h].denominator);

  Checkpoint published = mpt("transformer.");  // as its authors wrote it
  published.config["architectures"] = {"MPTForCausalLM"};
  published.config["auto_map"] = {{"AutoConfig", "configuration_mpt.MPTConfig"}, {"AutoModelForCausalLM", "modeling_mpt.MPTForCausalLM"}};
  published.config["norm_type"] = "low_precision_layernorm";
  published.config["init_config"] = {{"name", "kaiming_normal_"}};
  CHECK(refusal([&] { published.load(folder); }) == "NOT REFUSED");
}

TEST_CASE("mpt: every setting of another function is refused by name", "[files]") {
  const checkpoint::Folder folder;
  std::size_t refused = 0;
  for (const auto& [field, value] : std::initializer_list<std::pair<const char*, json>>{
           {"alibi", false}, {"alibi_bias_max", 16}, {"attn_type", "multiquery_attention"}, {"attn_uses_sequence_id", true}, {"clip_qkv", 6.0},
           {"prefix_lm", true}, {"qk_ln", true}, {"rope", true}, {"sliding_window_size", 64}, {"softmax_scale", 0.125}, {"kv_n_heads", 2}}) {
    Checkpoint c = mpt("transformer.");
    c.config["attn_config"][field] = value;
    const std::string message = refusal([&] { c.load(folder); });
    CAPTURE(message);
    CHECK(message.find(std::string("field 'attn_config.") + field + "' is ") != std::string::npos);
    ++refused;
  }
  CHECK(refused == 11);
}

TEST_CASE("a config that is not understood is refused, and the field is named", "[files]") {
  const checkpoint::Folder folder;
  struct Case {
    Checkpoint checkpoint;
    std::string field;
    json value;
    std::string message;
  };
  const Case cases[] = {
      {llama(), "model_type", "mixtral", "model_type 'mixtral' is not a known architecture"},
      {llama(), "model_type", 1, "field 'model_type' is 1, expected a string"},
      {llama(), "architectures", {"LlamaForSequenceClassification"}, "field 'architectures'"},
      {llama(), "architectures", {"MyLlama"}, "field 'architectures'"},
      {llama(), "residual_multiplier", 0.5, "field 'residual_multiplier' is not known for this architecture"},
      {llama(), "num_local_experts", 8, "field 'num_local_experts' is not known"},
      {llama(), "auto_map", json::object(), "field 'auto_map' is not known"},
      {llama(), "rope_scaling", {{"type", "linear"}, {"factor", 2.0}}, "field 'rope_scaling.type' is \"linear\", expected \"default\""},
      {llama(), "rope_scaling", {{"rope_type", "llama3"}}, "field 'rope_scaling.rope_type' is \"llama3\""},
      {llama(), "rope_scaling", {{"factor", 2.0}}, "field 'rope_scaling.factor' is not known"},
      {llama(), "rope_scaling", 2, "'rope_scaling.' is number, expected an object"},
      {llama(), "rope_parameters", {{"rope_type", "yarn"}}, "field 'rope_parameters.rope_type'"},
      {llama(), "rope_parameters", {{"partial_rotary_factor", 0.5}}, "field 'rope_parameters.partial_rotary_factor' is 0.5, expected 1"},
      {llama(), "partial_rotary_factor", 0.5, "field 'partial_rotary_factor' is 0.5"},
      {llama(), "rope_interleaved", true, "field 'rope_interleaved' is true, expected false"},
      {llama(), "quantization_config", {{"bits", 4}}, "field 'quantization_config'"},
      {llama(), "attn_logit_softcapping", 50.0, "field 'attn_logit_softcapping' is 50.0, expected null"},
      {llama(), "final_logit_softcapping", 30.0, "field 'final_logit_softcapping'"},
      {llama(), "sliding_window", 8, "field 'sliding_window' is 8, expected null"},
      {llama(), "layer_types", {"full_attention"}, "field 'layer_types' is not known"},
      {llama(), "pretraining_tp", 2, "field 'pretraining_tp' is 2, expected 1"},
      {llama(), "position_embedding_type", "relative", "field 'position_embedding_type' is \"relative\""},
      {llama(), "hidden_act", "quick_gelu", "field 'hidden_act' is \"quick_gelu\""},
      {llama(), "hidden_size", -8, "field 'hidden_size' is -8, expected a positive integer"},
      {llama(), "hidden_size", 8.0, "field 'hidden_size' is 8.0"},
      {llama(), "num_hidden_layers", 0, "field 'num_hidden_layers' is 0"},
      {llama(), "num_hidden_layers", 4, "tensor 'model.layers.3.input_layernorm.weight' is missing"},
      {llama(), "num_hidden_layers", 2, "tensor 'model.layers.2.input_layernorm.weight' is not part of this architecture (9 such tensors)"},
      {llama(), "num_key_value_heads", 3, "4 heads share 3 key-value heads"},
      {llama(), "num_attention_heads", ~std::uint64_t{0} - 1, "heads of size 4 overflow"},
      {llama(), "head_dim", 5, "field 'head_dim' is 5, expected an even head size"},
      {llama(), "rms_norm_eps", 0, "field 'rms_norm_eps' is 0, expected a positive"},
      {llama(), "rms_norm_eps", "1e-5", "field 'rms_norm_eps' is \"1e-5\""},
      {llama(), "rope_theta", -1.0, "field 'rope_theta' is -1.0"},
      {llama(), "tie_word_embeddings", "yes", "field 'tie_word_embeddings' is \"yes\""},
      {llama(), "vocab_size", 11, "tensor 'model.embed_tokens.weight' has shape [10, 8], expected [11, 8]"},
      {qwen2(), "use_mrope", true, "field 'use_mrope'"},
      {qwen2(), "layer_types", {"full_attention", "chunked_attention", "full_attention"}, "field 'layer_types'"},
      {qwen2(), "layer_types", {"full_attention"}, "field 'layer_types' is [\"full_attention\"], expected 3 entries"},
      {gemma2(), "use_bidirectional_attention", true, "field 'use_bidirectional_attention'"},
      {gemma2(), "hidden_act", "silu", "field 'hidden_act' is \"silu\", expected \"gelu_pytorch_tanh\""},
      {gemma2(), "sliding_window", nullptr, "field 'sliding_window' is null, expected the window"},
      {gemma2(), "sliding_window_size", 6, "field 'sliding_window_size' is 6, expected 5"},
      {gemma3(), "attn_logit_softcapping", 50.0, "field 'attn_logit_softcapping'"},
      {gemma3(), "rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}, "field 'rope_scaling.rope_type'"},
      {gemma3(), "rope_parameters", {{"rope_type", "default"}}, "field 'rope_parameters.rope_type' is not known"},
      {gemma3(), "rope_parameters", {{"full_attention", {{"rope_type", "linear"}}}}, "field 'rope_parameters.full_attention.rope_type'"},
      {gemma3(), "_sliding_window_pattern", 4, "field '_sliding_window_pattern' is 4, expected 3"},
      {gpt2(""), "add_cross_attention", true, "field 'add_cross_attention'"},
      {gpt2(""), "activation_function", "gelu_fast", "field 'activation_function'"},
      {gpt2(""), "n_head", 3, "field 'n_embd' is 8, expected a multiple of n_head, 3"},
      {gpt2(""), "n_positions", 17, "field 'n_ctx' is 16, expected 17"},
      {gpt2(""), "rope_theta", 1e4, "field 'rope_theta' is not known"},
      {llama(), "model_type", "bloom", "model_type 'bloom' is not a known architecture"},
      {mpt(""), "n_heads", 3, "field 'd_model' is 8, expected a multiple of n_heads, 3"},
      {mpt(""), "expansion_ratio", 2, "field 'expansion_ratio' is 2, expected 4"},
      {mpt(""), "logit_scale", 0.5, "field 'logit_scale' is 0.5, expected null"},
      {mpt(""), "no_bias", false, "field 'no_bias' is false, expected true"},
      {mpt(""), "norm_type", "rmsnorm", "field 'norm_type' is \"rmsnorm\""},
      {mpt(""), "auto_map", {{"AutoConfig", "mine.Config"}}, "field 'auto_map'"},
      {mpt(""), "ffn_config", {{"ffn_type", "mptglu"}}, "field 'ffn_config' is not known"},
  };
  std::size_t refused = 0;
  for (const Case& c : cases) {
    Checkpoint changed = c.checkpoint;
    changed.config[c.field] = c.value;
    const std::string message = refusal([&] { changed.load(folder); });
    CAPTURE(message, c.message);
    CHECK(message.find(c.message) != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
    ++refused;
  }
  CHECK(refused == 61);

  Checkpoint two_bases = llama();
  two_bases.config["rope_theta"] = 10000;
  two_bases.config["rope_parameters"] = {{"rope_theta", 20000.0}};
  CHECK(refusal([&] { two_bases.load(folder); }).find("field 'rope_theta' is 10000, expected 20000") != std::string::npos);
}

TEST_CASE("each tensor of each family must be there, of its shape, finite; others must not", "[files]") {
  const checkpoint::Folder folder;
  const Checkpoint families[] = {llama(), qwen2(), with_head_norms(gated("qwen3", "Qwen3ForCausalLM", two_norms)),
                                 gated("gemma", "GemmaForCausalLM", two_norms), gemma2(), gemma3(), gpt2("transformer."), mpt("transformer.")};
  std::size_t tried = 0;
  for (const Checkpoint& family : families) {
    REQUIRE(refusal([&] { family.load(folder); }) == "NOT REFUSED");
    for (const auto& t : family.tensors) {
      if (t.name.ends_with(".attn.bias")) continue;  // GPT-2's mask, which nobody reads
      CAPTURE(t.name);
      const auto message_for = [&](const std::function<void(Checkpoint&)>& change) {
        Checkpoint changed = family;
        change(changed);
        return refusal([&] { changed.load(folder); });
      };
      CHECK(message_for([&](Checkpoint& c) { c.remove(t.name); }).find("tensor '" + t.name + "' is missing") != std::string::npos);
      CHECK(message_for([&](Checkpoint& c) {
              auto shape = t.shape;
              shape.back() += 1;
              c.at(t.name) = tensor(t.name, shape);
            }).find("tensor '" + t.name + "' has shape [") != std::string::npos);
      CHECK(message_for([&](Checkpoint& c) { c.at(t.name).values.back() = INFINITY; }).find("tensor '" + t.name + "' at [") !=
            std::string::npos);
      CHECK(message_for([&](Checkpoint& c) { c.add(t.name + "_scale", {1}); })
                .find("tensor '" + t.name + "_scale' is not part of this architecture (1 such tensor)") != std::string::npos);
      ++tried;
    }
  }
  CHECK(tried == 29 + 38 + 35 + 29 + 35 + 41 + 40 + 20);
}

TEST_CASE("the folder must hold one checkpoint", "[files]") {
  const checkpoint::Folder folder;
  CHECK(refusal([&] { load_model(folder.path()); }).find("config.json: cannot be opened") != std::string::npos);
  CHECK(refusal([&] { load_model(folder.path() / "none"); }).find("does not exist") != std::string::npos);
  folder.write("config.json", "{\"model_type\":\"llama\",\"model_type\":\"llama\"}");
  CHECK(refusal([&] { load_model(folder.path()); }).find("key 'model_type' occurs twice") != std::string::npos);
  const Checkpoint c = llama();
  c.load(folder);
  folder.write("model.safetensors.index.json", "{}");
  CHECK(refusal([&] { load_model(folder.path()); }).find("both of model.safetensors and") != std::string::npos);
  std::filesystem::remove(folder.path() / "model.safetensors");
  std::filesystem::remove(folder.path() / "model.safetensors.index.json");
  CHECK(refusal([&] { load_model(folder.path()); }).find("neither of model.safetensors and") != std::string::npos);
  CHECK(refusal([&] { load_model(folder.path() / "config.json"); }).find("is no model") != std::string::npos);

  json map;
  for (const auto& t : c.tensors) map[t.name] = "model-00001-of-00001.safetensors";
  folder.write("model.safetensors.index.json", json{{"weight_map", map}}.dump());
  folder.write("model-00001-of-00001.safetensors", checkpoint::safetensors(c.tensors));
  CHECK(load_model(folder.path()).layers.size() == layers);
  folder.write("config.json", "[]");
  CHECK(refusal([&] { load_model(folder.path()); }).find("is array, expected an object") != std::string::npos);
}
