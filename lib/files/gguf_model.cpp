#include "lib/files/gguf_model.hpp"

#include <fmt/format.h>

#include <cmath>
#include <set>

#include "lib/error.hpp"
#include "lib/files/blueprint.hpp"
#include "lib/files/gguf.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/sha256.hpp"

namespace snellen {
namespace {

// The keys "<architecture>.*": each must be asked for.
class Keys {
 public:
  Keys(const Gguf& gguf, std::string architecture) : gguf_(gguf), prefix_(std::move(architecture) + ".") {}

  std::size_t size(std::string_view name, std::optional<std::size_t> fallback = {}) {
    const GgufValue* value = find(name);
    if (!value && fallback) return *fallback;
    const auto number = value ? integer(*value) : std::nullopt;
    if (!number || *number == 0) fail(name, "a positive integer");
    return *number;
  }
  std::optional<std::size_t> size_if_present(std::string_view name) {
    return find(name) ? std::optional(size(name)) : std::nullopt;
  }
  std::optional<double> positive_if_present(std::string_view name) {
    return find(name) ? std::optional(positive(name)) : std::nullopt;
  }
  double positive(std::string_view name, std::optional<double> fallback = {}) {
    const GgufValue* value = find(name);
    if (!value && fallback) return *fallback;
    const auto* number = value ? std::get_if<double>(&value->value) : nullptr;
    if (!number || !(*number > 0) || !std::isfinite(*number)) fail(name, "a positive finite float");
    return *number;
  }
  // Absent, or this integer.
  void expect(std::string_view name, std::size_t expected) {
    const GgufValue* value = find(name);
    if (value && integer(*value) != expected) fail(name, std::to_string(expected));
  }
  // Keys that may say that nothing unusual is asked for.
  void expect_neutral() {
    expect("expert_count", 0);
    expect("expert_used_count", 0);
    expect_exactly("rope.scaling.type", std::string("none"), "'none'");
    expect_exactly("rope.scaling.factor", 1.0, "1");
    expect_exactly("attention.causal", true, "true");
  }
  void refuse_unread() const {
    for (const auto& [key, value] : gguf_.metadata) {
      if (key.starts_with(prefix_) && !read_.contains(key)) {
        throw InputError(gguf_.file->name(), fmt::format("byte {}: key {} is not known for this architecture and may change what it "
                                                         "computes, expected only known keys", value.at, in_quotes(key)));
      }
    }
  }

  [[noreturn]] void fail(std::string_view name, const std::string& expected) const {
    const std::string key = prefix_ + std::string(name);
    const auto found = gguf_.metadata.find(key);
    if (found == gguf_.metadata.end()) {
      throw InputError(gguf_.file->name(), fmt::format("key {} is missing, expected {}", in_quotes(key), expected));
    }
    throw InputError(gguf_.file->name(), fmt::format("byte {}: key {} is {}, expected {}", found->second.at, in_quotes(key),
                                                     text_of(found->second), expected));
  }

 private:
  template <class T>
  void expect_exactly(std::string_view name, const T& expected, const std::string& text) {
    const GgufValue* value = find(name);
    const T* found = value ? std::get_if<T>(&value->value) : nullptr;
    if (value && (!found || *found != expected)) fail(name, text);
  }
  static std::optional<std::size_t> integer(const GgufValue& value) {
    if (const auto* number = std::get_if<std::uint64_t>(&value.value)) return *number;
    if (const auto* number = std::get_if<std::int64_t>(&value.value); number && *number >= 0) return *number;
    return std::nullopt;
  }
  static std::string text_of(const GgufValue& value) {
    if (const auto* text = std::get_if<std::string>(&value.value)) return in_quotes(*text);
    if (const auto* number = std::get_if<double>(&value.value)) return fmt::format("{} ({})", *number, name_of(value.type));
    if (const auto* flag = std::get_if<bool>(&value.value)) return *flag ? "true" : "false";
    if (const auto* number = std::get_if<std::int64_t>(&value.value)) return std::to_string(*number);
    if (const auto* number = std::get_if<std::uint64_t>(&value.value)) return std::to_string(*number);
    return "an array";
  }
  const GgufValue* find(std::string_view name) {
    const std::string key = prefix_ + std::string(name);
    read_.insert(key);
    const auto found = gguf_.metadata.find(key);
    return found == gguf_.metadata.end() ? nullptr : &found->second;
  }

  const Gguf& gguf_;
  std::string prefix_;
  std::set<std::string, std::less<>> read_;
};

// Sizes and names that all architectures share.
Blueprint decoder(Keys& keys, const Weights& weights) {
  Blueprint b;
  b.width = keys.size("embedding_length");
  b.layers = keys.size("block_count");
  b.hidden = keys.size("feed_forward_length");
  b.heads = keys.size("attention.head_count");
  b.kv_heads = keys.size("attention.head_count_kv", b.heads);
  b.context_length = keys.size("context_length");
  b.vocabulary = weights.rows_of("token_embd.weight");
  keys.expect("vocab_size", b.vocabulary);
  const auto key_size = keys.size_if_present("attention.key_length");
  if (!key_size && b.width % b.heads != 0) {
    keys.fail("embedding_length", fmt::format("a multiple of {}, the number of heads", b.heads));
  }
  b.head_size = key_size.value_or(b.width / b.heads);
  keys.expect("attention.value_length", b.head_size);
  keys.expect_neutral();

  b.tied = !weights.contains("output.weight");
  b.embedding = "token_embd";
  b.final_norm = "output_norm";
  b.unembedding = "output";
  b.layer_prefix = "blk.{}.";
  b.attention_norm = "attn_norm";
  b.output = "attn_output";
  b.mlp_norm = "ffn_norm";
  b.up = "ffn_up";
  b.down = "ffn_down";
  return b;
}

Attention attention_of(const Blueprint& b) {
  Attention attention;
  attention.heads = b.heads;
  attention.kv_heads = b.kv_heads;
  attention.head_size = b.head_size;
  attention.scale = {static_cast<double>(b.head_size), true};
  return attention;
}

// A decoder with RMS norms, a gated MLP and the rotation of whole heads.
Blueprint gated_decoder(Keys& keys, const Weights& weights) {
  Blueprint b = decoder(keys, weights);
  b.epsilon = keys.positive("attention.layer_norm_rms_epsilon");
  keys.expect("rope.dimension_count", b.head_size);
  if (b.head_size % 2 != 0) keys.fail("attention.head_count", fmt::format("an even head size for a rotation, not {}", b.head_size));
  b.query = "attn_q";
  b.key = "attn_k";
  b.value = "attn_v";
  b.gate = "ffn_gate";
  return b;
}

Attention rotated(const Blueprint& b, double base) {
  Attention attention = attention_of(b);
  attention.rotary = Rotary{base, b.head_size};
  return attention;
}

constexpr double default_base = 10000;  // llama.cpp's, where rope.freq_base is absent

void rotate_all_layers_alike(Keys& keys, Blueprint& b) {
  const Attention attention = rotated(b, keys.positive("rope.freq_base", default_base));
  b.attention = [attention](std::size_t) { return attention; };
}

Blueprint read_llama(Keys& keys, const Weights& weights) {
  Blueprint b = gated_decoder(keys, weights);
  b.interleaved_pairs = true;
  b.qkv_bias = b.output_bias = b.mlp_bias = Bias::if_present;
  rotate_all_layers_alike(keys, b);
  return b;
}

Blueprint read_qwen2(Keys& keys, const Weights& weights) {
  Blueprint b = gated_decoder(keys, weights);
  b.qkv_bias = Bias::required;
  rotate_all_layers_alike(keys, b);
  return b;
}

Blueprint read_qwen3(Keys& keys, const Weights& weights) {
  Blueprint b = gated_decoder(keys, weights);
  b.query_norm = "attn_q_norm";
  b.key_norm = "attn_k_norm";
  rotate_all_layers_alike(keys, b);
  return b;
}

Blueprint gemma_decoder(Keys& keys, const Weights& weights) {
  Blueprint b = gated_decoder(keys, weights);
  b.embedding_scale = {static_cast<double>(b.width), false};
  b.activation = Activation::gelu_tanh;
  return b;
}

Blueprint read_gemma(Keys& keys, const Weights& weights) {
  Blueprint b = gemma_decoder(keys, weights);
  rotate_all_layers_alike(keys, b);
  return b;
}

// Every period-th layer sees all keys with base `global`, the others a window with base `local`. No key says how scores are
// scaled: llama.cpp takes the head size, but width / heads for the 27B models, which it knows by their number of layers.
void alternate_layers(Keys& keys, Blueprint& b, Attention attention, std::optional<std::size_t> window, std::size_t default_period,
                      double local_base, std::size_t layers_of_27b) {
  if (b.layers == layers_of_27b) attention.scale = {static_cast<double>(b.width / b.heads), true};
  const std::size_t period = keys.size("attention.sliding_window_pattern", default_period);
  local_base = keys.positive("rope.freq_base_swa", local_base);
  b.attention = [attention, window, period, local_base](std::size_t layer) {
    Attention result = attention;
    if (window && layer % period < period - 1) {
      result.window = window;
      result.rotary->base = local_base;
    }
    return result;
  };
}

Blueprint read_gemma2(Keys& keys, const Weights& weights) {
  Blueprint b = gemma_decoder(keys, weights);
  b.post_attention_norm = "post_attention_norm";
  b.post_mlp_norm = "post_ffw_norm";
  b.logit_softcap = keys.positive("final_logit_softcapping", 30);
  const double base = keys.positive("rope.freq_base", default_base);
  Attention attention = rotated(b, base);
  attention.softcap = keys.positive("attn_logit_softcapping", 50);
  alternate_layers(keys, b, attention, keys.size("attention.sliding_window", 4096), 2, base, 46);
  return b;
}

Blueprint read_gemma3(Keys& keys, const Weights& weights) {
  Blueprint b = gemma_decoder(keys, weights);
  b.query_norm = "attn_q_norm";
  b.key_norm = "attn_k_norm";
  b.post_attention_norm = "post_attention_norm";
  b.post_mlp_norm = "post_ffw_norm";
  b.logit_softcap = keys.positive_if_present("final_logit_softcapping");
  const Attention attention = rotated(b, keys.positive("rope.freq_base"));
  alternate_layers(keys, b, attention, keys.size_if_present("attention.sliding_window"), 6, 10000, 62);
  return b;
}

Blueprint read_gpt2(Keys& keys, const Weights& weights) {
  Blueprint b = decoder(keys, weights);
  b.norm = NormKind::layer;
  b.epsilon = keys.positive("attention.layer_norm_epsilon");
  b.learned_positions = "position_embd";
  b.fused_query_key_value = "attn_qkv";
  b.qkv_bias = b.output_bias = b.mlp_bias = Bias::required;
  b.activation = Activation::gelu_tanh;
  b.attention = [attention = attention_of(b)](std::size_t) { return attention; };
  return b;
}

struct Architecture {
  std::string_view name;
  Blueprint (*read)(Keys&, const Weights&);
};

constexpr Architecture architectures[] = {
    {"llama", read_llama},   {"qwen2", read_qwen2},   {"qwen3", read_qwen3}, {"gemma", read_gemma},
    {"gemma2", read_gemma2}, {"gemma3", read_gemma3}, {"gpt2", read_gpt2},
};

const std::string& required_text(const Gguf& gguf, std::string_view key) {
  const auto found = gguf.metadata.find(key);
  const auto* text = found == gguf.metadata.end() ? nullptr : std::get_if<std::string>(&found->second.value);
  if (!text) throw InputError(gguf.file->name(), fmt::format("key {} is missing or no string, expected a string", in_quotes(key)));
  return *text;
}

// Outside "<architecture>.*" llama.cpp reads only the vocabulary and these.
void check_general(const Gguf& gguf) {
  if (gguf.metadata.contains("general.type") && required_text(gguf, "general.type") != "model") {
    throw InputError(gguf.file->name(),
                     fmt::format("general.type is {}, expected 'model'", in_quotes(required_text(gguf, "general.type"))));
  }
  if (const auto parts = gguf.metadata.find("split.count"); parts != gguf.metadata.end()) {
    const auto* count = std::get_if<std::uint64_t>(&parts->second.value);
    if (!count || *count > 1) {
      throw InputError(gguf.file->name(), fmt::format("byte {}: split.count: one part of a split model, expected a whole one",
                                                      parts->second.at));
    }
  }
}

Blueprint read_metadata(const Gguf& gguf, const Weights& weights) {
  check_general(gguf);
  const std::string& name = required_text(gguf, "general.architecture");
  std::string known;
  for (const Architecture& architecture : architectures) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", architecture.name);
    if (name != architecture.name) continue;
    Keys keys(gguf, name);
    Blueprint b = architecture.read(keys, weights);
    keys.refuse_unread();
    b.architecture = name;
    return b;
  }
  throw InputError(gguf.file->name(), fmt::format("general.architecture {} is not a known architecture, expected one of {}",
                                                  in_quotes(name), known));
}

}  // namespace

Model load_gguf(const std::filesystem::path& path) {
  Gguf gguf = read_gguf(MappedFile::open(path));
  Weights weights(gguf.file->name(), std::move(gguf.tensors));
  const Blueprint blueprint = read_metadata(gguf, weights);
  Model model = build_model(blueprint, weights);
  weights.refuse_others([](std::string_view) { return false; });
  model.source = path.string();
  model.sha256 = sha256(gguf.file->bytes());
  return model;
}

}  // namespace snellen
