#include "lib/model/synthetic.hpp"

#include <bit>
#include <charconv>
#include <cmath>

#include "lib/files/append_little_endian.hpp"
#include "lib/files/sha256.hpp"
#include "lib/number/splitmix64.hpp"

namespace snellen {
namespace {

constexpr std::size_t max_entries = std::size_t{1} << 30;

std::string text(double value) {  // the shortest decimal that reads back as `value`: the same on every platform
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}
std::string text(std::size_t value) { return std::to_string(value); }

std::string_view name_of(PositionKind kind) {
  switch (kind) {
    case PositionKind::rope: return "rope";
    case PositionKind::alibi: return "alibi";
    case PositionKind::none: return "none";
    case PositionKind::sinusoidal: return "sinusoidal";
    case PositionKind::learned: return "learned";
  }
  throw std::logic_error("name_of: unknown position kind");
}

std::string_view name_of(Activation activation) {
  switch (activation) {
    case Activation::silu: return "silu";
    case Activation::gelu_exact: return "gelu";
    case Activation::gelu_tanh: return "gelu_tanh";
    case Activation::relu: return "relu";
    case Activation::identity: return "identity";
  }
  throw std::logic_error("name_of: unknown activation");
}

// With every 0 that stands for a default replaced by it.
RandomModel completed(RandomModel r) {
  if (r.kv_heads == 0) r.kv_heads = r.heads;
  if (r.head_size == 0) r.head_size = r.width / r.heads;
  if (r.rotary_dimensions == 0) r.rotary_dimensions = r.head_size;
  return r;
}

std::optional<Problem> outside(const std::string& key, std::size_t value, std::size_t least, std::size_t most) {
  if (value >= least && value <= most) return std::nullopt;
  return Problem{key, "found " + text(value) + ", expected " + text(least) + " to " + text(most)};
}

std::optional<Problem> not_positive(const std::string& key, double value) {
  if (std::isfinite(value) && value > 0) return std::nullopt;
  return Problem{key, "found " + text(value) + ", expected a positive finite number"};
}

bool is_power_of_two(double value) {
  int exponent = 0;
  return std::frexp(value, &exponent) == 0.5;
}

// Fills tensors, each from its own stream, and hashes what it fills.
class Weights {
 public:
  explicit Weights(const RandomModel& description) : description_(description), contents_(describe(description) + "\n") {}

  // W [out, in] with entries of order 1/sqrt(in), and its bias.
  Linear linear(const std::string& name, std::size_t out, std::size_t in, double gain = 1) {
    Linear result;
    result.weight = tensor(name + ".weight", out, in, 127, gain / 128 / inverse_root_scale(in));
    if (description_.bias) result.bias = vector(name + ".bias", out, 0x1p-9);
    return result;
  }

  Norm norm(const std::string& name, std::size_t size) {
    Norm result;
    result.kind = description_.norm;
    result.epsilon = description_.epsilon;
    if (description_.identity) return result;
    result.unit_offset = description_.unit_offset;
    result.weight = tensor(name + ".weight", 1, size, 16, 0x1p-6, description_.unit_offset ? 0 : 1);
    if (description_.norm == NormKind::layer) result.bias = vector(name + ".bias", size, 0x1p-9);
    return result;
  }

  TensorPtr vector(const std::string& name, std::size_t size, double unit) { return tensor(name, 1, size, 127, unit); }

  // Entries offset + m * unit, m uniform in -most..most.
  TensorPtr tensor(const std::string& name, std::size_t rows, std::size_t columns, std::int64_t most, double unit, double offset = 0) {
    SplitMix64 stream(stream_seed(name));
    std::vector<double> values(rows * columns);
    for (double& value : values) {
      const auto m = static_cast<std::int64_t>(stream.below(static_cast<std::uint64_t>(2 * most + 1))) - most;
      value = offset + static_cast<double>(m) * unit;
    }
    return hashed(name, rows, columns, std::move(values));
  }

  Linear identity(const std::string& name, std::size_t size) { return {unit_rows(name + ".weight", size, size), nullptr}; }

  // Row i is the i-th unit vector, rows <= columns.
  TensorPtr unit_rows(const std::string& name, std::size_t rows, std::size_t columns) {
    std::vector<double> values(rows * columns);
    for (std::size_t i = 0; i < rows; ++i) values[i * columns + i] = 1;
    return hashed(name, rows, columns, std::move(values));
  }

  // 2^k, 4^k the largest power of four up to n.
  static double inverse_root_scale(std::size_t n) { return static_cast<double>(std::size_t{1} << ((std::bit_width(n) - 1) / 2)); }

  // Of the description, and of every tensor's digest, name and shape.
  std::string digest() const { return sha256(std::as_bytes(std::span(contents_))); }

 private:
  TensorPtr hashed(const std::string& name, std::size_t rows, std::size_t columns, std::vector<double> values) {
    contents_ += sha256(little_endian(values)) + "  " + name + " " + text(rows) + " " + text(columns) + "\n";
    return std::make_shared<DenseTensor>(rows, columns, std::move(values));
  }

  // FNV-1a of the name, mixed with the seed.
  std::uint64_t stream_seed(const std::string& name) const {
    std::uint64_t hash = 0xcbf29ce484222325u;
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    return SplitMix64(description_.seed ^ SplitMix64(hash).next()).next();
  }

  const RandomModel& description_;
  std::string contents_;
};

Layer layer(Weights& weights, const RandomModel& r, std::size_t index) {
  const std::string name = "layers." + text(index) + ".";
  const std::size_t q_size = r.heads * r.head_size, kv_size = r.kv_heads * r.head_size;
  Layer l;
  if (r.pre_norm) l.attention_norm = weights.norm(name + "attention_norm", r.width);
  if (r.identity) {
    l.query = weights.identity(name + "query", r.width);
    l.key = weights.identity(name + "key", r.width);
    l.value = weights.identity(name + "value", r.width);
    l.output = weights.identity(name + "output", r.width);
  } else {
    l.query = weights.linear(name + "query", q_size, r.width, r.gain);
    l.key = weights.linear(name + "key", kv_size, r.width, r.gain);
    l.value = weights.linear(name + "value", kv_size, r.width);
    l.output = weights.linear(name + "output", r.width, q_size);
  }
  if (r.qk_norm) {
    l.query_norm = weights.norm(name + "query_norm", r.head_size);
    l.key_norm = weights.norm(name + "key_norm", r.head_size);
  }
  if (r.post_norms) l.post_attention_norm = weights.norm(name + "post_attention_norm", r.width);

  Attention& a = l.attention;
  a.heads = r.heads, a.kv_heads = r.kv_heads, a.head_size = r.head_size;
  a.scale = {r.unscaled ? 1.0 : static_cast<double>(r.head_size), true};
  a.softcap = r.softcap;
  if (r.window && !(r.global_every > 0 && (index + 1) % r.global_every == 0)) a.window = r.window;
  if (r.position == PositionKind::rope) a.rotary = Rotary{r.rope_base, r.rotary_dimensions};
  if (r.position == PositionKind::alibi) a.alibi = alibi_slopes(r.heads);

  if (r.hidden > 0) {
    if (r.pre_norm) l.mlp_norm = weights.norm(name + "mlp_norm", r.width);
    if (r.gated) l.gate = weights.linear(name + "gate", r.hidden, r.width);
    l.up = weights.linear(name + "up", r.hidden, r.width);
    l.down = weights.linear(name + "down", r.width, r.hidden);
    l.activation = r.activation;
    if (r.post_norms) l.post_mlp_norm = weights.norm(name + "post_mlp_norm", r.width);
  }
  return l;
}

}  // namespace

std::optional<Problem> problem_of(const RandomModel& description) {
  if (auto problem = outside("layers", description.layers, 1, 1024)) return problem;
  if (auto problem = outside("width", description.width, 1, 65536)) return problem;
  if (auto problem = outside("heads", description.heads, 1, 4096)) return problem;
  if (auto problem = outside("head_size", description.head_size, 0, 4096)) return problem;
  if (auto problem = outside("hidden", description.hidden, 0, 1 << 20)) return problem;
  if (auto problem = outside("vocab", description.vocab, 1, 1 << 20)) return problem;
  if (auto problem = outside("context", description.context, 1, 1 << 20)) return problem;
  if (description.head_size == 0 && description.width % description.heads != 0) {
    return Problem{"heads", "found " + text(description.heads) + " heads for width " + text(description.width) +
                                ", expected a divisor of the width, or a head_size"};
  }
  const RandomModel r = completed(description);
  if (r.kv_heads > r.heads || r.heads % r.kv_heads != 0) {
    return Problem{"kv_heads", "found " + text(r.kv_heads) + ", expected a divisor of heads = " + text(r.heads)};
  }
  if (r.position == PositionKind::rope && (r.rotary_dimensions > r.head_size || r.rotary_dimensions % 2 != 0)) {
    return Problem{"rotary_dimensions", "found " + text(r.rotary_dimensions) + ", expected an even number up to head_size = " + text(r.head_size)};
  }
  if (r.position == PositionKind::sinusoidal && r.width % 2 != 0) {
    return Problem{"width", "found " + text(r.width) + ", expected an even width for sinusoidal positions: a sine and a cosine each"};
  }
  if (auto problem = not_positive("rope_base", r.rope_base)) return problem;
  if (auto problem = not_positive("epsilon", r.epsilon)) return problem;
  if (r.softcap) {
    if (auto problem = not_positive("softcap", *r.softcap)) return problem;
  }
  if (r.final_softcap) {
    if (auto problem = not_positive("final_softcap", *r.final_softcap)) return problem;
  }
  if (r.window == std::size_t{0}) return Problem{"window", "found 0, expected at least 1: a token sees itself"};
  if (r.global_every > 0 && !r.window) return Problem{"global_every", "found " + text(r.global_every) + " without a window, expected a window"};
  if (!is_power_of_two(r.gain) || r.gain < 0x1p-8 || r.gain > 0x1p8) {
    return Problem{"gain", "found " + text(r.gain) + ", expected a power of two from 1/256 to 256"};
  }
  if (r.one_hot && r.vocab > r.width) {
    return Problem{"one_hot", "found " + text(r.vocab) + " tokens for width " + text(r.width) + ", expected at most one token a dimension"};
  }
  if (r.identity && (r.heads * r.head_size != r.width || r.kv_heads != r.heads || r.bias)) {
    return Problem{"identity", "found projections of another size than the width, fewer key heads, or biases; expected heads * head_size = width, "
                               "kv_heads = heads and no bias"};
  }
  const std::size_t a_layer = 2 * r.heads * r.head_size * r.width + 2 * r.kv_heads * r.head_size * r.width + 3 * r.hidden * r.width;
  if (r.layers * a_layer + 2 * r.vocab * r.width + (r.position == PositionKind::learned ? r.context * r.width : 0) > max_entries) {
    return Problem{"width", "found a model of more than " + text(max_entries) + " weights, which is more than a synthetic model may have"};
  }
  return std::nullopt;
}

std::string describe(const RandomModel& description) {
  const RandomModel r = completed(description);
  std::string d = "random: seed " + std::to_string(r.seed) + ", layers " + text(r.layers) + ", width " + text(r.width) + ", heads " + text(r.heads) +
                  ", kv_heads " + text(r.kv_heads) + ", head_size " + text(r.head_size) + ", hidden " + text(r.hidden) + ", vocab " + text(r.vocab) +
                  ", position " + std::string(name_of(r.position));
  if (r.position == PositionKind::learned) d += ", context " + text(r.context);
  if (r.position == PositionKind::rope) d += ", rope_base " + text(r.rope_base) + ", rotary_dimensions " + text(r.rotary_dimensions);
  d += std::string(", norm ") + (r.norm == NormKind::rms ? "rms" : "layer") + ", epsilon " + text(r.epsilon);
  if (r.hidden > 0) d += ", activation " + std::string(name_of(r.activation));
  if (r.window) d += ", window " + text(*r.window) + ", global_every " + text(r.global_every);
  if (r.softcap) d += ", softcap " + text(*r.softcap);
  if (r.final_softcap) d += ", final_softcap " + text(*r.final_softcap);
  if (!r.identity) d += ", gain " + text(r.gain);
  if (!r.pre_norm) d += ", no pre_norm";
  const std::pair<bool, const char*> flags[] = {{r.post_norms, "post_norms"}, {r.qk_norm, "qk_norm"},   {r.unit_offset, "unit_offset"},
                                                {r.hidden > 0 && r.gated, "gated"}, {r.bias, "bias"},   {r.tied, "tied"},
                                                {r.embedding_scale, "embedding_scale"}, {r.identity, "identity"},
                                                {r.one_hot, "one_hot"},       {r.unscaled, "unscaled"}};
  for (const auto& [set, name] : flags) {
    if (set) d += std::string(", ") + name;
  }
  return d;
}

Model synthetic_model(const RandomModel& description) {
  if (const auto problem = problem_of(description)) throw InputError("model.random." + problem->key, problem->description);
  const RandomModel r = completed(description);
  Weights weights(r);
  Model model;
  model.architecture = "synthetic";
  model.source = describe(r);
  model.width = r.width;
  model.vocabulary = r.vocab;
  model.embedding = r.one_hot ? weights.unit_rows("embedding", r.vocab, r.width)
                              : weights.tensor("embedding", r.vocab, r.width, 127, 0x1p-7 / (r.embedding_scale ? Weights::inverse_root_scale(r.width) : 1));
  if (r.embedding_scale) model.embedding_scale = {static_cast<double>(r.width), false};
  if (r.position == PositionKind::sinusoidal) model.positions = SinusoidalPositions{};
  if (r.position == PositionKind::learned) {
    model.positions = LearnedPositions{weights.tensor("positions", r.context, r.width, 127, 0x1p-9)};
    model.context_length = r.context;
  }
  for (std::size_t i = 0; i < r.layers; ++i) model.layers.push_back(layer(weights, r, i));
  model.final_norm = weights.norm("final_norm", r.width);
  model.unembedding.weight = r.tied ? model.embedding : weights.tensor("unembedding", r.vocab, r.width, 127, 0x1p-7 / Weights::inverse_root_scale(r.width));
  model.logit_softcap = r.final_softcap;
  model.sha256 = weights.digest();
  return model;
}

}  // namespace snellen
