#include "lib/files/gguf_model.hpp"

#include <cmath>

#include "lib/files/load_model.hpp"
#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"

using namespace snellen;
using checkpoint::refusal;
using checkpoint::tensor;
using namespace checkpoint::gguf;

namespace {

constexpr std::uint32_t width = 8, hidden = 12, vocabulary = 10, heads = 4, kv_heads = 2, head_size = 6, layers = 3;

struct Checkpoint {
  Metadata metadata;
  std::vector<checkpoint::Tensor> tensors;

  void set(const std::string& key, const std::string& value) {
    for (auto& [name, old] : metadata) {
      if (name == key) {
        old = value;
        return;
      }
    }
    metadata.emplace_back(key, value);
  }
  void remove(const std::string& name) {
    std::erase_if(metadata, [&](const auto& entry) { return entry.first == name; });
    std::erase_if(tensors, [&](const auto& t) { return t.name == name; });
  }
  void add(const std::string& name, const std::vector<std::uint64_t>& shape) { tensors.push_back(tensor(name, shape)); }
  void add_to_layers(const std::string& name, const std::vector<std::uint64_t>& shape) {
    for (std::uint32_t i = 0; i < layers; ++i) add("blk." + std::to_string(i) + "." + name, shape);
  }
  Model load(const checkpoint::Folder& folder) const { return load_model(folder.write("m.gguf", file(metadata, tensors))); }
};

Checkpoint gated(const std::string& name, const std::vector<std::string>& norms = {"attn_norm", "ffn_norm"}) {
  Checkpoint c;
  c.metadata = {{"general.architecture", string(name)}, {"general.type", string("model")}, {"general.name", string("x")},
                {"tokenizer.ggml.model", string("gpt2")}, {name + ".embedding_length", u32(width)}, {name + ".block_count", u32(layers)},
                {name + ".feed_forward_length", u32(hidden)}, {name + ".attention.head_count", u32(heads)},
                {name + ".attention.head_count_kv", u32(kv_heads)}, {name + ".attention.key_length", u32(head_size)},
                {name + ".attention.value_length", u32(head_size)}, {name + ".context_length", u32(64)},
                {name + ".rope.dimension_count", u32(head_size)}, {name + ".rope.freq_base", f32(5000.1f)},
                {name + ".attention.layer_norm_rms_epsilon", f32(1e-5f)}, {name + ".vocab_size", u32(vocabulary)}};
  c.add("token_embd.weight", {vocabulary, width});
  c.add("output_norm.weight", {width});
  for (const std::string& norm : norms) c.add_to_layers(norm + ".weight", {width});
  c.add_to_layers("attn_q.weight", {heads * head_size, width});
  c.add_to_layers("attn_k.weight", {kv_heads * head_size, width});
  c.add_to_layers("attn_v.weight", {kv_heads * head_size, width});
  c.add_to_layers("attn_output.weight", {width, heads * head_size});
  c.add_to_layers("ffn_gate.weight", {hidden, width});
  c.add_to_layers("ffn_up.weight", {hidden, width});
  c.add_to_layers("ffn_down.weight", {width, hidden});
  return c;
}

Checkpoint qwen2() {
  Checkpoint c = gated("qwen2");
  c.add_to_layers("attn_q.bias", {heads * head_size});
  c.add_to_layers("attn_k.bias", {kv_heads * head_size});
  c.add_to_layers("attn_v.bias", {kv_heads * head_size});
  return c;
}
Checkpoint with_head_norms(Checkpoint c) {
  c.add_to_layers("attn_q_norm.weight", {head_size});
  c.add_to_layers("attn_k_norm.weight", {head_size});
  return c;
}
const std::vector<std::string> four_norms = {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"};
Checkpoint gemma2() {
  Checkpoint c = gated("gemma2", four_norms);
  c.set("gemma2.attention.sliding_window", u32(5));
  return c;
}
Checkpoint gemma3() {
  Checkpoint c = with_head_norms(gated("gemma3", four_norms));
  c.set("gemma3.attention.sliding_window", u32(5));
  return c;
}
Checkpoint gpt2() {
  Checkpoint c;
  c.metadata = {{"general.architecture", string("gpt2")}, {"gpt2.embedding_length", u32(width)}, {"gpt2.block_count", u32(layers)},
                {"gpt2.feed_forward_length", u32(hidden)}, {"gpt2.attention.head_count", u32(heads)}, {"gpt2.context_length", u32(16)},
                {"gpt2.attention.layer_norm_epsilon", f32(1e-5f)}};
  c.add("token_embd.weight", {vocabulary, width});
  c.add("position_embd.weight", {16, width});
  c.add("output.weight", {vocabulary, width});
  for (const std::string end : {".weight", ".bias"}) {
    c.add("output_norm" + end, {width});
    c.add_to_layers("attn_norm" + end, {width});
    c.add_to_layers("ffn_norm" + end, {width});
  }
  const std::pair<const char*, std::pair<std::uint64_t, std::uint64_t>> linears[] = {
      {"attn_qkv", {3 * width, width}}, {"attn_output", {width, width}}, {"ffn_up", {hidden, width}}, {"ffn_down", {width, hidden}}};
  for (const auto& [name, out_in] : linears) {
    c.add_to_layers(std::string(name) + ".weight", {out_in.first, out_in.second});
    c.add_to_layers(std::string(name) + ".bias", {out_in.first});
  }
  return c;
}

std::vector<double> values(const std::string& name, const std::vector<std::uint64_t>& shape) {
  const auto floats = tensor(name, shape).values;
  return {floats.begin(), floats.end()};
}

}  // namespace

TEST_CASE("gguf llama: query and key rows are put back into halves, and nothing else", "[files]") {
  const checkpoint::Folder folder;
  Checkpoint c = gated("llama");
  c.add_to_layers("attn_k.bias", {kv_heads * head_size});
  const Model model = c.load(folder);
  const auto stored = values("blk.1.attn_k.weight", {kv_heads * head_size, width});
  const auto stored_bias = values("blk.1.attn_k.bias", {kv_heads * head_size});
  const auto found = read_all(*model.layers[1].key.weight), found_bias = read_all(*model.layers[1].key.bias);
  // llama.cpp's conversion: reshape(heads, 2, size / 2, columns).swapaxes(1, 2). Its entry (head, f, half) is ours (head, half, f).
  std::size_t compared = 0;
  for (std::size_t head = 0; head < kv_heads; ++head) {
    for (std::size_t half = 0; half < 2; ++half) {
      for (std::size_t f = 0; f < head_size / 2; ++f) {
        const std::size_t ours = head * head_size + half * (head_size / 2) + f, theirs = head * head_size + 2 * f + half;
        compared += found_bias[ours] == stored_bias[theirs];
        for (std::size_t i = 0; i < width; ++i) compared += found[ours * width + i] == stored[theirs * width + i];
      }
    }
  }
  CHECK(compared == kv_heads * head_size * (width + 1));
  CHECK(found != stored);
  CHECK(model.layers[1].query.weight->rows() == heads * head_size);
  CHECK(read_all(*model.layers[1].value.weight) == values("blk.1.attn_v.weight", {kv_heads * head_size, width}));
  CHECK_FALSE(model.layers[1].query.bias);
  CHECK(model.layers[1].attention.rotary->base == 5000.1f);
  CHECK(model.final_norm->epsilon == 1e-5f);
  CHECK(model.final_norm->epsilon != 1e-5);
  CHECK(model.unembedding.weight == model.embedding);
  CHECK(model.context_length == 64u);
  CHECK(model.layers[1].activation == Activation::silu);
  CHECK(model.sha256.size() == 64);
  c.add("output.weight", {vocabulary, width});
  c.remove("llama.rope.freq_base");
  const Model untied = c.load(folder);
  CHECK(read_all(*untied.unembedding.weight) == values("output.weight", {vocabulary, width}));
  CHECK(untied.layers[0].attention.rotary->base == 10000);
  CHECK(untied.sha256 != model.sha256);
}

TEST_CASE("gguf: the other architectures", "[files]") {
  const checkpoint::Folder folder;
  const Model q2 = qwen2().load(folder);
  CHECK(read_all(*q2.layers[2].query.weight) == values("blk.2.attn_q.weight", {heads * head_size, width}));
  CHECK(read_all(*q2.layers[2].query.bias) == values("blk.2.attn_q.bias", {heads * head_size}));
  const Model q3 = with_head_norms(gated("qwen3")).load(folder);
  CHECK(read_all(*q3.layers[2].query_norm->weight) == values("blk.2.attn_q_norm.weight", {head_size}));

  const Model g1 = gated("gemma").load(folder);
  CHECK(g1.embedding_scale.radicand == width);
  CHECK_FALSE(g1.final_norm->unit_offset);  // GGUF stores 1 + w
  CHECK(g1.layers[0].activation == Activation::gelu_tanh);
  const Model g2 = gemma2().load(folder);
  CHECK(g2.logit_softcap == 30.0);
  CHECK(g2.layers[0].attention.softcap == 50.0);
  CHECK(g2.layers[0].attention.window == 5u);
  CHECK_FALSE(g2.layers[1].attention.window);
  CHECK(g2.layers[0].attention.rotary->base == 5000.1f);
  CHECK(g2.layers[0].attention.scale.radicand == head_size);
  CHECK(read_all(*g2.layers[1].post_mlp_norm->weight) == values("blk.1.post_ffw_norm.weight", {width}));
  Checkpoint patterned = gemma3();
  patterned.set("gemma3.attention.sliding_window_pattern", u32(3));
  patterned.set("gemma3.final_logit_softcapping", f32(30));
  const Model g3 = patterned.load(folder);
  CHECK(g3.logit_softcap == 30.0);
  CHECK_FALSE(gemma3().load(folder).logit_softcap);
  CHECK(g3.layers[0].attention.window == 5u);
  CHECK(g3.layers[0].attention.rotary->base == 10000);
  CHECK_FALSE(g3.layers[2].attention.window);
  CHECK(g3.layers[2].attention.rotary->base == 5000.1f);
  CHECK(read_all(*g3.layers[1].post_attention_norm->weight) == values("blk.1.post_attention_norm.weight", {width}));

  const Model g = gpt2().load(folder);
  const auto fused = values("blk.1.attn_qkv.weight", {3 * width, width});
  CHECK(read_all(*g.layers[1].key.weight) == std::vector<double>(fused.begin() + width * width, fused.begin() + 2 * width * width));
  CHECK(g.layers[1].attention_norm->kind == NormKind::layer);
  CHECK(g.layers[1].value.bias->columns() == width);
  CHECK(std::get<LearnedPositions>(g.positions).table->rows() == 16);
  CHECK_FALSE(g.layers[1].gate);
  CHECK(g.layers[1].attention.kv_heads == heads);
}

TEST_CASE("gguf: keys that are not understood are refused by name", "[files]") {
  const checkpoint::Folder folder;
  struct Case {
    Checkpoint checkpoint;
    std::string key, value, message;
  };
  const Case cases[] = {
      {gated("llama"), "general.architecture", string("mamba"), "general.architecture 'mamba' is not a known architecture, expected one of llama"},
      {gated("llama"), "general.architecture", u32(1), "'general.architecture' is missing or no string"},
      {gated("llama"), "general.type", string("adapter"), "general.type is 'adapter', expected 'model'"},
      {gated("llama"), "split.count", checkpoint::raw(std::uint32_t{2}) + checkpoint::raw(std::uint16_t{2}), "one part of a split model"},
      {gated("llama"), "llama.rope.scaling.type", string("linear"), "'llama.rope.scaling.type' is 'linear', expected 'none'"},
      {gated("llama"), "llama.rope.scaling.factor", f32(8), "'llama.rope.scaling.factor' is 8 (f32), expected 1"},
      {gated("llama"), "llama.rope.scaling.original_context_length", u32(8), "scaling.original_context_length' is not known"},
      {gated("llama"), "llama.expert_count", u32(8), "'llama.expert_count' is 8, expected 0"},
      {gated("llama"), "llama.attention.sliding_window", u32(8), "'llama.attention.sliding_window' is not known"},
      {gated("llama"), "llama.attention.scale", f32(1), "'llama.attention.scale' is not known"},
      {gated("llama"), "llama.attention.causal", boolean(false), "'llama.attention.causal' is false, expected true"},
      {gated("llama"), "llama.logit_scale", f32(2), "'llama.logit_scale' is not known"},
      {gated("llama"), "llama.rope.dimension_count", u32(4), "'llama.rope.dimension_count' is 4, expected 6"},
      {gated("llama"), "llama.attention.value_length", u32(4), "'llama.attention.value_length' is 4, expected 6"},
      {gpt2(), "gpt2.attention.key_length", u32(3), "tensor 'blk.0.attn_qkv.weight' has shape [24, 8], expected [36, 8]"},
      {gated("llama"), "llama.vocab_size", u32(11), "'llama.vocab_size' is 11, expected 10"},
      {gated("llama"), "llama.block_count", u32(0), "'llama.block_count' is 0, expected a positive integer"},
      {gated("llama"), "llama.block_count", f32(3), "'llama.block_count' is 3 (f32), expected a positive integer"},
      {gated("llama"), "llama.block_count", u32(4), "tensor 'blk.3.attn_norm.weight' is missing"},
      {gated("llama"), "llama.block_count", u32(2), "tensor 'blk.2.attn_k.weight' is not part of this architecture (9 such tensors)"},
      {gated("llama"), "llama.attention.head_count_kv", u32(3), "4 heads share 3 key-value heads"},
      {gated("llama"), "llama.attention.layer_norm_rms_epsilon", f32(-1), "expected a positive finite float"},
      {gated("llama"), "llama.attention.layer_norm_rms_epsilon", f32(NAN), "expected a positive finite float"},
      {gated("llama"), "llama.rope.freq_base", u32(10000), "'llama.rope.freq_base' is 10000, expected a positive finite float"},
      {gemma3(), "gemma3.attn_logit_softcapping", f32(50), "'gemma3.attn_logit_softcapping' is not known"},
      {gpt2(), "gpt2.attention.head_count", u32(3), "'gpt2.embedding_length' is 8, expected a multiple of 3"},
  };
  std::size_t refused = 0;
  for (const Case& c : cases) {
    Checkpoint changed = c.checkpoint;
    changed.set(c.key, c.value);
    const std::string message = refusal([&] { changed.load(folder); });
    CAPTURE(message, c.message);
    CHECK(message.find(c.message) != std::string::npos);
    CHECK(message.find('\n') == std::string::npos);
    ++refused;
  }
  CHECK(refused == 26);
  Checkpoint neutral = gated("llama");
  neutral.set("llama.rope.scaling.type", string("none"));
  neutral.set("llama.rope.scaling.factor", f32(1));
  neutral.set("llama.expert_count", u32(0));
  neutral.set("somebody.note", string("anything"));
  CHECK(neutral.load(folder).layers.size() == layers);
  Checkpoint odd = gated("llama");
  for (const std::string key : {"attention.key_length", "attention.value_length", "rope.dimension_count"}) odd.set("llama." + key, u32(5));
  CHECK(refusal([&] { odd.load(folder); }).find("expected an even head size") != std::string::npos);
  Checkpoint scaled = gated("llama");
  scaled.add("rope_freqs.weight", {head_size / 2});  // llama 3's scaled frequencies
  CHECK(refusal([&] { scaled.load(folder); }).find("tensor 'rope_freqs.weight' is not part") != std::string::npos);
}

TEST_CASE("gguf: each tensor and each required key must be there", "[files]") {
  const checkpoint::Folder folder;
  std::size_t tensors = 0, keys = 0;
  for (const Checkpoint& family : {gated("llama"), qwen2(), with_head_norms(gated("qwen3")), gated("gemma"), gemma2(), gemma3(), gpt2()}) {
    REQUIRE(refusal([&] { family.load(folder); }) == "NOT REFUSED");
    for (const auto& t : family.tensors) {
      if (t.name == "output.weight") continue;
      CAPTURE(t.name);
      Checkpoint without = family;
      without.remove(t.name);
      CHECK(refusal([&] { without.load(folder); }).find("tensor '" + t.name + "' is missing") != std::string::npos);
      ++tensors;
    }
    for (const auto& [key, value] : family.metadata) {
      if (!key.ends_with(".embedding_length") && !key.ends_with(".block_count") && !key.ends_with(".feed_forward_length") &&
          !key.ends_with(".head_count") && !key.ends_with(".context_length") && !key.ends_with("epsilon")) {
        continue;
      }
      Checkpoint without = family;
      without.remove(key);
      CHECK(refusal([&] { without.load(folder); }).find("key '" + key + "' is missing") != std::string::npos);
      ++keys;
    }
  }
  CHECK(tensors == 29 + 38 + 35 + 29 + 35 + 41 + 40);
  CHECK(keys == 7 * 6);
}
