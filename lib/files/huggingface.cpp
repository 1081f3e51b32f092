#include "lib/files/huggingface.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lib/error.hpp"
#include "lib/files/blueprint.hpp"
#include "lib/files/config_fields.hpp"
#include "lib/files/json.hpp"
#include "lib/files/printable.hpp"
#include "lib/files/safetensors.hpp"
#include "lib/files/sha256.hpp"

namespace snellen {
namespace {

using nlohmann::json;

// Fields that say nothing about the function of token ids: training, generation, bookkeeping.
constexpr std::string_view harmless_fields[] = {
    "_attn_implementation", "_attn_implementation_autoset", "_name_or_path", "attention_dropout", "attn_implementation",
    "attn_pdrop", "bad_words_ids", "begin_suppress_tokens", "bos_token_id", "cache_implementation", "chunk_size_feed_forward",
    "decoder_start_token_id", "diversity_penalty", "do_sample", "dtype", "early_stopping", "embd_pdrop",
    "encoder_no_repeat_ngram_size", "eos_token_id", "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id",
    "forced_eos_token_id", "hidden_dropout", "id2label", "initializer_range", "is_decoder", "is_llama_config", "label2id",
    "length_penalty", "max_length", "min_length", "name_or_path", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_labels", "num_return_sequences", "output_attentions", "output_hidden_states", "output_scores", "pad_token_id", "prefix",
    "problem_type", "remove_invalid_values", "repetition_penalty", "resid_pdrop", "return_dict", "return_dict_in_generate",
    "sep_token_id", "suppress_tokens", "task_specific_params", "temperature", "tokenizer_class", "top_k", "top_p", "torch_dtype",
    "torchscript", "transformers.js_config", "transformers_version", "typical_p", "unk_token_id", "unsloth_fixed",
    "unsloth_version", "use_bfloat16", "use_cache",
};

// Fields of other families or rare uses: whoever does not read them accepts only the values that change nothing.
void expect_neutral(ConfigFields& fields) {
  const auto neutral = [&](std::string_view name, std::initializer_list<json> allowed) {
    if (fields.unread(name)) fields.expect(name, allowed);
  };
  neutral("add_cross_attention", {false, nullptr});
  neutral("attention_bias", {false});
  neutral("attn_logit_softcapping", {nullptr});
  neutral("cross_attention_hidden_size", {nullptr});
  neutral("final_logit_softcapping", {nullptr});
  neutral("is_encoder_decoder", {false});
  neutral("mlp_bias", {false});
  neutral("partial_rotary_factor", {1});
  neutral("per_layer_config", {nullptr});
  neutral("position_embedding_type", {"rope"});
  neutral("pretraining_tp", {1, nullptr});
  neutral("pruned_heads", {json::object(), nullptr});
  neutral("quantization_config", {nullptr});
  neutral("rope_interleaved", {false});
  neutral("sliding_window", {nullptr});
  neutral("tf_legacy_loss", {false});
  neutral("tie_encoder_decoder", {false});
  neutral("use_bidirectional_attention", {false, nullptr});
  neutral("use_mrope", {false});
  neutral("use_sliding_window", {false});
}

void finish(ConfigFields& fields) {
  expect_neutral(fields);
  fields.ignore(harmless_fields);
  fields.refuse_unread();
}

Activation activation_of(ConfigFields& fields, std::string_view name, const std::string& fallback) {
  const std::string text = fields.text(name, fallback);
  if (text == "silu" || text == "swish") return Activation::silu;
  if (text == "gelu" || text == "gelu_python") return Activation::gelu_exact;
  if (text == "gelu_new" || text == "gelu_pytorch_tanh" || text == "gelu_python_tanh") return Activation::gelu_tanh;
  if (text == "relu") return Activation::relu;
  if (text == "linear") return Activation::identity;
  fields.fail(name, "silu, swish, gelu, gelu_new, gelu_pytorch_tanh, relu or linear");
}

// The base of an unscaled rotation in a dictionary like {"rope_type": "default", "rope_theta": 10000.0}; nothing when unsaid.
std::optional<double> base_in(const json& dictionary, const std::string& place, const std::string& name) {
  ConfigFields rope(dictionary, place, name + ".");
  rope.expect("rope_type", {"default"});
  rope.expect("type", {"default"});
  rope.expect("partial_rotary_factor", {1});
  const auto base = rope.positive_or_null("rope_theta");
  rope.refuse_unread();
  return base;
}

// A base that may be written in two places, which must agree.
double one_base(ConfigFields& fields, std::string_view field, std::optional<double> nested, double fallback) {
  const auto plain = fields.positive_or_null(field);
  if (plain && nested && *plain != *nested) fields.fail(field, fmt::format("{} as in rope_parameters", *nested));
  return nested ? *nested : plain.value_or(fallback);
}

// transformers 5 writes rope_parameters, before that rope_theta and rope_scaling.
double rotary_base(ConfigFields& fields, double fallback) {
  std::optional<double> nested;
  for (const char* name : {"rope_parameters", "rope_scaling"}) {
    const json* dictionary = fields.find(name);
    if (!dictionary || dictionary->is_null()) continue;
    const auto base = base_in(*dictionary, fields.place(), fields.prefix() + name);
    if (nested && base && *nested != *base) fields.fail(name, "the same base as in rope_parameters");
    if (base) nested = base;
  }
  return one_base(fields, "rope_theta", nested, fallback);
}

// true: a sliding layer. From layer_types where it is given.
std::vector<bool> sliding_layers(ConfigFields& fields, std::size_t layers, const std::function<bool(std::size_t)>& otherwise) {
  std::vector<bool> sliding;
  const json* types = fields.find("layer_types");
  if (!types || types->is_null()) {
    if (layers > 1'000'000) fields.fail("num_hidden_layers", "at most 1000000");
    for (std::size_t i = 0; i < layers; ++i) sliding.push_back(otherwise(i));
    return sliding;
  }
  for (const std::string& type : fields.texts("layer_types")) {
    if (type != "full_attention" && type != "sliding_attention") {
      fields.fail("layer_types", "only full_attention and sliding_attention");
    }
    sliding.push_back(type == "sliding_attention");
  }
  if (sliding.size() != layers) fields.fail("layer_types", fmt::format("{} entries, one a layer", layers));
  return sliding;
}

// What differs between the defaults of the configuration classes (transformers, configuration_*.py).
struct Defaults {
  std::optional<std::size_t> kv_heads, head_size;  // nothing: as many as heads; width / heads
  std::optional<std::size_t> width, hidden, layers, heads, vocabulary;
  bool tied = false;
};

// The fields and tensor names that all families but GPT-2 share.
Blueprint gated_decoder(ConfigFields& fields, const Weights& weights, std::string prefix, const Defaults& defaults) {
  Blueprint b;
  b.width = fields.size("hidden_size", defaults.width);
  b.hidden = fields.size("intermediate_size", defaults.hidden);
  b.layers = fields.size("num_hidden_layers", defaults.layers);
  b.heads = fields.size("num_attention_heads", defaults.heads);
  b.vocabulary = fields.size("vocab_size", defaults.vocabulary);
  const bool says_kv = fields.present("num_key_value_heads"), says_head = fields.present("head_dim");
  b.kv_heads = fields.size_or_null("num_key_value_heads").value_or(says_kv ? b.heads : defaults.kv_heads.value_or(b.heads));
  const auto head_size = fields.size_or_null("head_dim");
  if (head_size || (!says_head && defaults.head_size)) {
    b.head_size = head_size ? *head_size : *defaults.head_size;
  } else {
    if (b.width % b.heads != 0) fields.fail("hidden_size", fmt::format("a multiple of num_attention_heads, {}", b.heads));
    b.head_size = b.width / b.heads;
  }
  b.epsilon = fields.positive("rms_norm_eps", 1e-6);
  b.context_length = fields.size_or_null("max_position_embeddings");
  b.tied = fields.flag("tie_word_embeddings", defaults.tied);

  // A model saved without its head has no "model." before the names.
  const bool bare = prefix == "model." && !weights.contains("model.embed_tokens.weight") && weights.contains("embed_tokens.weight");
  if (bare) prefix.clear();
  b.embedding = prefix + "embed_tokens";
  b.final_norm = prefix + "norm";
  b.unembedding = "lm_head";
  b.layer_prefix = prefix + "layers.{}.";
  b.attention_norm = "input_layernorm";
  b.query = "self_attn.q_proj";
  b.key = "self_attn.k_proj";
  b.value = "self_attn.v_proj";
  b.output = "self_attn.o_proj";
  b.mlp_norm = "post_attention_layernorm";
  b.gate = "mlp.gate_proj";
  b.up = "mlp.up_proj";
  b.down = "mlp.down_proj";
  return b;
}

Attention attention_of(const Blueprint& b, double base) {
  Attention attention;
  attention.heads = b.heads;
  attention.kv_heads = b.kv_heads;
  attention.head_size = b.head_size;
  attention.scale = {static_cast<double>(b.head_size), true};
  attention.rotary = Rotary{base, b.head_size};
  return attention;
}

void require_even_heads(const ConfigFields& fields, const Blueprint& b) {
  if (b.head_size % 2 != 0) fields.fail("head_dim", fmt::format("an even head size for a rotation, not {}", b.head_size));
}

Bias bias_if(bool present) { return present ? Bias::required : Bias::none; }

Blueprint read_llama(ConfigFields& fields, const Weights& weights) {
  Blueprint b = gated_decoder(fields, weights, "model.", {});
  b.activation = activation_of(fields, "hidden_act", "silu");
  b.qkv_bias = b.output_bias = bias_if(fields.flag("attention_bias", false));
  b.mlp_bias = bias_if(fields.flag("mlp_bias", false));
  Attention attention = attention_of(b, rotary_base(fields, 10000));
  const std::string positions = fields.text("position_embedding_type", "rope");
  if (positions == "rope") {
    require_even_heads(fields, b);
  } else {
    attention.rotary.reset();
  }
  b.sinusoidal_positions = positions == "sinusoidal";
  if (b.sinusoidal_positions && b.width % 2 != 0) fields.fail("hidden_size", "an even width for sinusoidal positions");
  if (positions == "learned") {
    if (!b.context_length) fields.fail("max_position_embeddings", "the number of learned positions");
    b.learned_positions = b.embedding.substr(0, b.embedding.size() - std::string_view("embed_tokens").size()) + "embed_positions";
  }
  if (positions != "rope" && positions != "alibi" && positions != "none" && positions != "sinusoidal" && positions != "learned") {
    fields.fail("position_embedding_type", "rope, alibi, none, sinusoidal or learned");
  }
  b.attention = [attention, alibi = positions == "alibi"](std::size_t) {
    Attention result = attention;
    if (alibi) result.alibi = alibi_slopes(result.heads);
    return result;
  };
  return b;
}

Blueprint read_mistral(ConfigFields& fields, const Weights& weights) {
  Defaults defaults;
  defaults.kv_heads = 8;
  Blueprint b = gated_decoder(fields, weights, "model.", defaults);
  require_even_heads(fields, b);
  b.activation = activation_of(fields, "hidden_act", "silu");
  Attention attention = attention_of(b, rotary_base(fields, 10000));
  attention.window = fields.present("sliding_window") ? fields.size_or_null("sliding_window") : std::size_t{4096};
  b.attention = [attention](std::size_t) { return attention; };
  return b;
}

// Windows of Qwen 2 and 3: only with use_sliding_window, and then in the layers from max_window_layers on.
void read_qwen_attention(ConfigFields& fields, Blueprint& b) {
  require_even_heads(fields, b);
  b.activation = activation_of(fields, "hidden_act", "silu");
  const Attention attention = attention_of(b, rotary_base(fields, 10000));
  const bool uses_window = fields.flag("use_sliding_window", false);
  const auto stated = fields.present("sliding_window") ? fields.size_or_null("sliding_window") : std::size_t{4096};
  const auto window = uses_window ? stated : std::nullopt;
  // Zero is a valid first layer, so not a size.
  const json* first = fields.find("max_window_layers");
  if (first && !first->is_number_unsigned()) fields.fail("max_window_layers", "a non-negative integer");
  const std::size_t first_sliding = first ? first->get<std::size_t>() : 28;
  const auto sliding = sliding_layers(fields, b.layers, [&](std::size_t i) { return window && i >= first_sliding; });
  if (!window && std::find(sliding.begin(), sliding.end(), true) != sliding.end()) {
    fields.fail("layer_types", "no sliding_attention without use_sliding_window and sliding_window");
  }
  b.attention = [attention, sliding, window](std::size_t layer) {
    Attention result = attention;
    if (sliding[layer]) result.window = window;
    return result;
  };
}

Blueprint read_qwen2(ConfigFields& fields, const Weights& weights) {
  Defaults defaults;
  defaults.kv_heads = 32;
  Blueprint b = gated_decoder(fields, weights, "model.", defaults);
  b.qkv_bias = Bias::required;
  read_qwen_attention(fields, b);
  return b;
}

Blueprint read_qwen3(ConfigFields& fields, const Weights& weights) {
  Defaults defaults;
  defaults.kv_heads = 32;
  defaults.head_size = 128;
  Blueprint b = gated_decoder(fields, weights, "model.", defaults);
  b.qkv_bias = b.output_bias = bias_if(fields.flag("attention_bias", false));
  b.query_norm = "self_attn.q_norm";
  b.key_norm = "self_attn.k_norm";
  read_qwen_attention(fields, b);
  return b;
}

// Gemma 1 to 3: norms times 1 + w, embeddings times sqrt(width), GeGLU by tanh.
Blueprint gemma_decoder(ConfigFields& fields, const Weights& weights, const std::string& prefix, Defaults defaults) {
  defaults.head_size = 256;
  defaults.tied = true;
  Blueprint b = gated_decoder(fields, weights, prefix, defaults);
  require_even_heads(fields, b);
  b.unit_offset = true;
  b.embedding_scale = {static_cast<double>(b.width), false};
  b.qkv_bias = b.output_bias = bias_if(fields.flag("attention_bias", false));
  return b;
}

Blueprint read_gemma(ConfigFields& fields, const Weights& weights) {
  Defaults defaults;
  defaults.kv_heads = 16;
  Blueprint b = gemma_decoder(fields, weights, "model.", defaults);
  // "gelu" in the first releases meant the tanh form (configuration_gemma.py).
  fields.expect("hidden_act", {"gelu", "gelu_pytorch_tanh"});
  fields.expect("hidden_activation", {"gelu_pytorch_tanh", nullptr});
  b.activation = Activation::gelu_tanh;
  const Attention attention = attention_of(b, rotary_base(fields, 10000));
  b.attention = [attention](std::size_t) { return attention; };
  return b;
}

// What Gemma 2 and 3 share: norms around both branches, a stated score scale, activation under another name.
Blueprint gemma_with_post_norms(ConfigFields& fields, const Weights& weights, const std::string& prefix, Defaults defaults) {
  defaults.kv_heads = 4;
  Blueprint b = gemma_decoder(fields, weights, prefix, defaults);
  b.post_attention_norm = "post_attention_layernorm";
  b.mlp_norm = "pre_feedforward_layernorm";
  b.post_mlp_norm = "post_feedforward_layernorm";
  b.activation = activation_of(fields, "hidden_activation", "gelu_pytorch_tanh");
  fields.expect("hidden_act", {fields.text("hidden_activation", "gelu_pytorch_tanh")});
  return b;
}

std::optional<std::size_t> gemma_window(ConfigFields& fields) {
  const auto window = fields.present("sliding_window") ? fields.size_or_null("sliding_window") : std::size_t{4096};
  fields.expect("sliding_window_size", {window ? json(*window) : json(nullptr)});
  return window;
}

void require_window(const ConfigFields& fields, std::optional<std::size_t> window, const std::vector<bool>& sliding) {
  if (!window && std::find(sliding.begin(), sliding.end(), true) != sliding.end()) {
    fields.fail("sliding_window", "the window of the sliding layers");
  }
}

Blueprint read_gemma2(ConfigFields& fields, const Weights& weights) {
  Blueprint b = gemma_with_post_norms(fields, weights, "model.", {});
  Attention attention = attention_of(b, rotary_base(fields, 10000));
  attention.scale = {fields.positive("query_pre_attn_scalar", 256), true};
  attention.softcap = fields.present("attn_logit_softcapping") ? fields.positive_or_null("attn_logit_softcapping") : 50.0;
  b.logit_softcap = fields.present("final_logit_softcapping") ? fields.positive_or_null("final_logit_softcapping") : 30.0;
  const auto window = gemma_window(fields);
  const auto sliding = sliding_layers(fields, b.layers, [](std::size_t i) { return i % 2 == 0; });
  require_window(fields, window, sliding);
  b.attention = [attention, sliding, window](std::size_t layer) {
    Attention result = attention;
    if (sliding[layer]) result.window = window;
    return result;
  };
  return b;
}

Blueprint read_gemma3_text(ConfigFields& fields, const Weights& weights, const std::string& prefix) {
  Defaults defaults;
  defaults.width = 2304;
  defaults.hidden = 9216;
  defaults.layers = 26;
  defaults.heads = 8;
  defaults.vocabulary = 262208;
  Blueprint b = gemma_with_post_norms(fields, weights, prefix, defaults);
  b.query_norm = "self_attn.q_norm";
  b.key_norm = "self_attn.k_norm";

  std::optional<double> nested_global, nested_local;
  if (const json* rope = fields.find("rope_parameters"); rope && !rope->is_null()) {
    ConfigFields by_layer(*rope, fields.place(), fields.prefix() + "rope_parameters.");
    const auto base_of = [&](const char* type) -> std::optional<double> {
      const json* dictionary = by_layer.find(type);
      if (!dictionary || dictionary->is_null()) return std::nullopt;
      return base_in(*dictionary, fields.place(), by_layer.prefix() + type);
    };
    nested_global = base_of("full_attention");
    nested_local = base_of("sliding_attention");
    by_layer.refuse_unread();
  }
  if (const json* scaling = fields.find("rope_scaling"); scaling && !scaling->is_null()) {
    if (base_in(*scaling, fields.place(), fields.prefix() + "rope_scaling")) fields.fail("rope_scaling", "no base in it");
  }
  const double global_base = one_base(fields, "rope_theta", nested_global, 1000000);
  const double local_base = one_base(fields, "rope_local_base_freq", nested_local, 10000);

  Attention attention = attention_of(b, global_base);
  attention.scale = {fields.positive("query_pre_attn_scalar", 256), true};
  b.logit_softcap = fields.positive_or_null("final_logit_softcapping");
  const auto window = gemma_window(fields);
  const std::size_t pattern = fields.size("sliding_window_pattern", 6);
  // Written by transformers 4.5x beside layer_types, which then decides.
  constexpr std::string_view derived[] = {"_sliding_window_pattern"};
  if (fields.present("layer_types")) {
    fields.ignore(derived);
  } else {
    fields.expect(derived[0], {pattern});
  }
  const auto sliding = sliding_layers(fields, b.layers, [&](std::size_t i) { return (i + 1) % pattern != 0; });
  require_window(fields, window, sliding);
  b.attention = [attention, sliding, window, local_base](std::size_t layer) {
    Attention result = attention;
    if (sliding[layer]) {
      result.window = window;
      result.rotary->base = local_base;
    }
    return result;
  };
  return b;
}

Blueprint read_gemma3_text_alone(ConfigFields& fields, const Weights& weights) { return read_gemma3_text(fields, weights, "model."); }

// As many heads as divide the width; four times the width fits.
void set_head_size(const ConfigFields& fields, Blueprint& b, std::string_view width, std::string_view heads) {
  if (b.width % b.heads != 0) fields.fail(width, fmt::format("a multiple of {}, {}", heads, b.heads));
  if (b.width > std::size_t{1} << 32) fields.fail(width, "at most 2^32");
  b.head_size = b.width / b.heads;
}

Blueprint read_gpt2(ConfigFields& fields, const Weights& weights) {
  Blueprint b;
  b.width = fields.size("n_embd");
  b.layers = fields.size("n_layer");
  b.heads = b.kv_heads = fields.size("n_head");
  b.vocabulary = fields.size("vocab_size");
  b.context_length = fields.size("n_positions");
  fields.expect("n_ctx", {*b.context_length});
  set_head_size(fields, b, "n_embd", "n_head");
  b.hidden = fields.size_or_null("n_inner").value_or(4 * b.width);
  b.norm = NormKind::layer;
  b.epsilon = fields.positive("layer_norm_epsilon", 1e-5);
  b.activation = activation_of(fields, "activation_function", "gelu_new");
  b.tied = fields.flag("tie_word_embeddings", true);
  const bool scaled = fields.flag("scale_attn_weights", true), by_layer = fields.flag("scale_attn_by_inverse_layer_idx", false);
  // These change how an engine computes, or a head that is not read.
  constexpr std::string_view harmless[] = {"reorder_and_upcast_attn", "summary_activation", "summary_first_dropout",
                                           "summary_proj_to_labels", "summary_type", "summary_use_proj", "gradient_checkpointing"};
  fields.ignore(harmless);

  b.qkv_bias = b.output_bias = b.mlp_bias = Bias::required;
  b.weights_in_out = true;
  const std::string prefix = weights.contains("wte.weight") ? "" : "transformer.";
  b.embedding = prefix + "wte";
  b.learned_positions = prefix + "wpe";
  b.final_norm = prefix + "ln_f";
  b.unembedding = "lm_head";
  b.layer_prefix = prefix + "h.{}.";
  b.attention_norm = "ln_1";
  b.fused_query_key_value = "attn.c_attn";
  b.output = "attn.c_proj";
  b.mlp_norm = "ln_2";
  b.up = "mlp.c_fc";
  b.down = "mlp.c_proj";

  Attention attention = attention_of(b, 1);
  attention.rotary.reset();
  if (!scaled) attention.scale = {};
  b.attention = [attention, by_layer](std::size_t layer) {
    Attention result = attention;
    const auto number = static_cast<double>(layer + 1);
    if (by_layer) result.scale = {result.scale.radicand * number * number, true};
    return result;
  };
  return b;
}

// The attention of MPT: transformers computes one thing whatever is set here; a setting that asks for another is refused.
void expect_mpt_attention(ConfigFields& fields) {
  const json* dictionary = fields.find("attn_config");
  if (!dictionary || dictionary->is_null()) return;
  ConfigFields attention(*dictionary, fields.place(), fields.prefix() + "attn_config.");
  attention.expect("alibi", {true});
  attention.expect("alibi_bias_max", {8});  // transformers does not read it
  attention.expect("architectures", {nullptr});
  attention.expect("attn_type", {"multihead_attention"});
  attention.expect("attn_uses_sequence_id", {false});
  attention.expect("clip_qkv", {nullptr});
  attention.expect("model_type", {""});
  attention.expect("prefix_lm", {false});
  attention.expect("qk_gn", {false});
  attention.expect("qk_ln", {false});
  attention.expect("rope", {false});
  attention.expect("sliding_window_size", {-1});
  attention.expect("softmax_scale", {nullptr});
  constexpr std::string_view harmless[] = {"attn_impl"};
  attention.ignore(harmless);
  finish(attention);
}

Blueprint read_mpt(ConfigFields& fields, const Weights& weights) {
  Blueprint b;
  b.width = fields.size("d_model", 2048);
  b.layers = fields.size("n_layers", 24);
  b.heads = b.kv_heads = fields.size("n_heads", 16);
  b.vocabulary = fields.size("vocab_size", 50368);
  b.context_length = fields.size("max_seq_len", 2048);
  set_head_size(fields, b, "d_model", "n_heads");
  fields.expect("expansion_ratio", {4});  // transformers does not read it
  b.hidden = 4 * b.width;
  b.norm = NormKind::layer;
  b.norm_bias = false;
  b.epsilon = fields.positive("layer_norm_epsilon", 1e-5);
  b.activation = Activation::gelu_exact;
  b.tied = fields.flag("tie_word_embeddings", true);
  expect_mpt_attention(fields);
  fields.expect("auto_map", {{{"AutoConfig", "configuration_mpt.MPTConfig"}, {"AutoModelForCausalLM", "modeling_mpt.MPTForCausalLM"}}});
  fields.expect("logit_scale", {nullptr});
  fields.expect("no_bias", {true});
  fields.expect("norm_type", {"low_precision_layernorm", "layernorm"});
  // Beside ALiBi there is no table of positions; the fraction scales gradients.
  constexpr std::string_view harmless[] = {"emb_pdrop", "embedding_fraction", "init_config", "init_device", "learned_pos_emb", "tokenizer_name", "verbose"};
  fields.ignore(harmless);

  const std::string prefix = weights.contains("wte.weight") ? "" : "transformer.";
  b.embedding = prefix + "wte";
  b.final_norm = prefix + "norm_f";
  b.unembedding = "lm_head";
  b.layer_prefix = prefix + "blocks.{}.";
  b.attention_norm = "norm_1";
  b.fused_query_key_value = "attn.Wqkv";
  b.output = "attn.out_proj";
  b.mlp_norm = "norm_2";
  b.up = "ffn.up_proj";
  b.down = "ffn.down_proj";

  Attention attention = attention_of(b, 1);
  attention.rotary.reset();
  // Made when the layer's tensors were found: before that nothing has shown that there are so many heads.
  b.attention = [attention](std::size_t) {
    Attention result = attention;
    result.alibi = alibi_slopes(result.heads);  // build_mpt_alibi_tensor's, also where the number of heads is not a power of two
    return result;
  };
  return b;
}

struct Family {
  std::string_view model_type, class_prefix;
  Blueprint (*read)(ConfigFields&, const Weights&);
  std::string_view authors_class = {};  // the same function, saved by its authors' own code
};

constexpr Family families[] = {
    {"llama", "Llama", read_llama},       {"mistral", "Mistral", read_mistral},
    {"qwen2", "Qwen2", read_qwen2},       {"qwen3", "Qwen3", read_qwen3},
    {"gemma", "Gemma", read_gemma},       {"gemma2", "Gemma2", read_gemma2},
    {"gpt2", "GPT2", read_gpt2},          {"gemma3_text", "Gemma3", read_gemma3_text_alone},
    {"mpt", "Mpt", read_mpt, "MPTForCausalLM"},
};

// A class with another head, or somebody's own, computes something else.
void check_class(ConfigFields& fields, std::string_view prefix, std::initializer_list<std::string_view> suffixes, std::string_view also = {}) {
  const json* names = fields.find("architectures");
  if (!names || names->is_null()) return;
  std::string expected;
  for (const std::string_view suffix : suffixes) expected += fmt::format("{}{}{}", expected.empty() ? "" : " or ", prefix, suffix);
  for (const std::string& name : fields.texts("architectures")) {
    const bool known = name == also || std::any_of(suffixes.begin(), suffixes.end(), [&](std::string_view suffix) {
      return name == std::string(prefix) + std::string(suffix);
    });
    if (!known) fields.fail("architectures", expected);
  }
}

// The multimodal Gemma 3: its language model, which alone acts on text.
Blueprint read_gemma3(ConfigFields& outer, const Weights& weights) {
  check_class(outer, "Gemma3", {"ForConditionalGeneration", "Model"});
  const json* text = outer.find("text_config");
  if (!text) outer.fail("text_config", "an object");
  ConfigFields inner(*text, outer.place(), "text_config.");
  inner.expect("model_type", {"gemma3_text"});
  check_class(inner, "Gemma3", {"ForCausalLM", "TextModel"});
  const bool old_names = weights.contains("language_model.model.embed_tokens.weight");
  Blueprint b = read_gemma3_text(inner, weights, old_names ? "language_model.model." : "model.language_model.");
  if (old_names) b.unembedding = "language_model.lm_head";
  b.tied = outer.flag("tie_word_embeddings", true);
  inner.expect("tie_word_embeddings", {b.tied});
  finish(inner);
  constexpr std::string_view about_images[] = {"vision_config",   "mm_tokens_per_image", "boi_token_index", "eoi_token_index",
                                               "image_token_index", "boi_token_id", "eoi_token_id", "image_token_id"};
  outer.ignore(about_images);
  return b;
}

Blueprint read_config(const json& config, const std::string& place, const Weights& weights) {
  ConfigFields fields(config, place);
  const std::string model_type = fields.text("model_type");
  std::string known;
  for (const Family& family : families) {
    known += fmt::format("{}, ", family.model_type);
    if (model_type != family.model_type) continue;
    check_class(fields, family.class_prefix, {"ForCausalLM", "Model", "TextModel", "LMHeadModel"}, family.authors_class);
    Blueprint b = family.read(fields, weights);
    finish(fields);
    b.architecture = model_type;
    return b;
  }
  if (model_type != "gemma3") {
    throw InputError(place, fmt::format("model_type {} is not a known architecture, expected one of {}gemma3",
                                        in_quotes(model_type), known));
  }
  Blueprint b = read_gemma3(fields, weights);
  finish(fields);
  b.architecture = model_type;
  return b;
}

bool ends_with_any(std::string_view text, std::initializer_list<std::string_view> ends) {
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return text.ends_with(end); });
}

// Tables that older versions saved though they follow from the config; the parts of a multimodal model that act on images.
bool harmless_tensor(std::string_view architecture, std::string_view name) {
  if (architecture == "gpt2") return ends_with_any(name, {".attn.bias", ".attn.masked_bias"});
  if (architecture == "gemma3" && (name.find("vision_tower.") != name.npos || name.find("multi_modal_projector.") != name.npos)) {
    return true;
  }
  return ends_with_any(name, {"rotary_emb.inv_freq"});
}

SafetensorsSet open_weights(const std::filesystem::path& path, bool is_folder) {
  if (!is_folder) return open_safetensors(path);
  const auto single = path / "model.safetensors", index = path / "model.safetensors.index.json";
  const bool has_single = std::filesystem::exists(single), has_index = std::filesystem::exists(index);
  if (has_single == has_index) {
    throw InputError(printable(path.string()), fmt::format("{} of model.safetensors and model.safetensors.index.json, expected one",
                                                           has_single ? "both" : "neither"));
  }
  return has_single ? open_safetensors(single) : open_safetensors_index(index);
}

}  // namespace

Model load_huggingface(const std::filesystem::path& path) {
  const bool is_folder = std::filesystem::is_directory(path);
  const auto config_file = MappedFile::open((is_folder ? path : path.parent_path()) / "config.json");
  const json config = parse_json(config_file->text(), config_file->name());
  SafetensorsSet set = open_weights(path, is_folder);
  Weights weights(printable(path.string()), std::move(set.tensors));
  const Blueprint blueprint = read_config(config, config_file->name(), weights);
  Model model = build_model(blueprint, weights);
  weights.refuse_others([&](std::string_view name) { return harmless_tensor(blueprint.architecture, name); });
  model.source = path.string();
  set.files.insert(set.files.begin(), config_file);
  model.sha256 = sha256(set.files);
  return model;
}

}  // namespace snellen
