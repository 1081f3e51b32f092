// The decoder in the rounded world: against a plain forward pass in doubles, and against itself.
#include "lib/world/rounded.hpp"

#include <cmath>
#include <cstring>
#include <random>

#include "lib/model/decoder.hpp"
#include "tests/catch.hpp"
#include "tests/threads.hpp"

namespace {

using namespace snellen;
using Vector = std::vector<double>;

TensorPtr random_tensor(std::mt19937_64& random, std::size_t rows, std::size_t columns, double size) {
  Vector values(rows * columns);
  for (double& x : values) x = size * (std::ldexp(static_cast<double>(random() >> 40), -23) - 1);  // 24 bits: every machine has the same model
  return std::make_shared<DenseTensor>(rows, columns, std::move(values));
}

constexpr std::size_t width = 12, hidden = 20, vocabulary = 7, heads = 4, kv_heads = 2, head_size = 6;

Model base_model(std::mt19937_64& random, bool layer_norm, bool biased) {
  Model m;
  m.width = width, m.vocabulary = vocabulary;
  m.embedding = random_tensor(random, vocabulary, width, 1);
  const auto norm = [&](std::size_t size) {
    Norm n;
    n.kind = layer_norm ? NormKind::layer : NormKind::rms;
    n.weight = random_tensor(random, 1, size, 1);
    if (layer_norm) n.bias = random_tensor(random, 1, size, 0.25);
    n.epsilon = 1e-5;
    return n;
  };
  const auto linear = [&](std::size_t out, std::size_t in) {
    return Linear{random_tensor(random, out, in, 0.5), biased ? random_tensor(random, 1, out, 0.25) : nullptr};
  };
  for (int i = 0; i < 2; ++i) {
    Layer l;
    l.attention_norm = norm(width), l.mlp_norm = norm(width);
    l.query = linear(heads * head_size, width), l.key = linear(kv_heads * head_size, width), l.value = linear(kv_heads * head_size, width);
    l.output = linear(width, heads * head_size);
    l.attention.heads = heads, l.attention.kv_heads = kv_heads, l.attention.head_size = head_size;
    l.attention.scale = {static_cast<double>(head_size), true};
    l.up = linear(hidden, width), l.down = linear(width, hidden);
    m.layers.push_back(std::move(l));
  }
  m.final_norm = norm(width);
  return m;
}

// Llama's shape: rotary positions, grouped queries, RMS norms, gated SiLU; the second layer with a window.
Model llama() {
  std::mt19937_64 random(1);
  Model m = base_model(random, false, false);
  for (Layer& l : m.layers) {
    l.attention.rotary = Rotary{10000, head_size};
    l.gate = Linear{random_tensor(random, hidden, width, 0.5), nullptr};
  }
  m.layers[1].attention.window = 5;
  return m;
}

// ALiBi, layer norms with biases, plain MLPs with both GELUs.
Model alibi() {
  std::mt19937_64 random(2);
  Model m = base_model(random, true, true);
  for (Layer& l : m.layers) l.attention.alibi = alibi_slopes(heads);
  m.layers[0].activation = Activation::gelu_exact, m.layers[1].activation = Activation::gelu_tanh;
  return m;
}

// Gemma's extras: embedding scale, 1 + w norms, norms of queries and keys, post-norms, soft cap, partial rotation; and ReLU.
Model gemma() {
  std::mt19937_64 random(3);
  Model m = base_model(random, false, false);
  m.embedding_scale = {static_cast<double>(width), false};
  for (Layer& l : m.layers) {
    l.attention_norm->unit_offset = l.mlp_norm->unit_offset = true;
    l.query_norm = l.key_norm = Norm{NormKind::rms, random_tensor(random, 1, head_size, 1), nullptr, 1e-6, true};
    l.post_attention_norm = l.post_mlp_norm = Norm{NormKind::rms, random_tensor(random, 1, width, 1), nullptr, 1e-6, true};
    l.attention.rotary = Rotary{500, 4};
    l.attention.softcap = 1.5;
    l.activation = Activation::relu;
  }
  return m;
}

Model learned() {
  std::mt19937_64 random(4);
  Model m = base_model(random, true, true);
  m.positions = LearnedPositions{random_tensor(random, 40, width, 0.5)};
  return m;
}

Model sinusoidal() {
  std::mt19937_64 random(5);
  Model m = base_model(random, false, true);
  m.positions = SinusoidalPositions{};
  m.layers[0].activation = Activation::identity;
  return m;
}

struct Named {
  const char* name;
  Model model;
};
std::vector<Named> models() {
  std::vector<Named> result;
  result.push_back({"llama", llama()}), result.push_back({"alibi", alibi()}), result.push_back({"gemma", gemma()});
  result.push_back({"learned", learned()}), result.push_back({"sinusoidal", sinusoidal()});
  return result;
}

// One sequence, token by token, in doubles with libm: no block, no memory, no shared code.
namespace plain {

Vector linear(const Linear& map, const Vector& x) {
  const Vector w = read_all(*map.weight);
  Vector y(w.size() / x.size());
  for (std::size_t r = 0; r < y.size(); ++r) {
    long double sum = map.bias ? read_all(*map.bias)[r] : 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += static_cast<long double>(w[r * x.size() + i]) * x[i];
    y[r] = static_cast<double>(sum);
  }
  return y;
}

Vector norm(const std::optional<Norm>& n, const Vector& x, std::size_t groups = 1) {
  if (!n) return x;
  Vector y = x;
  const std::size_t size = x.size() / groups;
  for (std::size_t g = 0; g < groups; ++g) {
    double mean = 0, squares = 0;
    for (std::size_t i = 0; i < size; ++i) mean += x[g * size + i] / static_cast<double>(size);
    if (n->kind == NormKind::rms) mean = 0;
    for (std::size_t i = 0; i < size; ++i) squares += std::pow(x[g * size + i] - mean, 2) / static_cast<double>(size);
    for (std::size_t i = 0; i < size; ++i) {
      const double w = n->weight ? read_all(*n->weight)[i] + (n->unit_offset ? 1 : 0) : 1;
      y[g * size + i] = (x[g * size + i] - mean) / std::sqrt(squares + n->epsilon) * w + (n->bias ? read_all(*n->bias)[i] : 0);
    }
  }
  return y;
}

double activate(Activation a, double x) {
  switch (a) {
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::gelu_exact: return x / 2 * std::erfc(-x / std::sqrt(2.0));
    case Activation::gelu_tanh: return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::relu: return std::max(x, 0.0);
    case Activation::identity: return x;
  }
  return NAN;
}

void rotate(const std::optional<Rotary>& rotary, Vector& x, std::size_t position) {
  if (!rotary) return;
  const std::size_t half = rotary->dimensions / 2;
  for (std::size_t h = 0; h * head_size < x.size(); ++h)
    for (std::size_t f = 0; f < half; ++f) {
      const double angle = static_cast<double>(position) * std::pow(rotary->base, -2.0 * static_cast<double>(f) / static_cast<double>(rotary->dimensions));
      double &a = x[h * head_size + f], &b = x[h * head_size + f + half];
      const double rotated = a * std::cos(angle) - b * std::sin(angle);
      b = b * std::cos(angle) + a * std::sin(angle);
      a = rotated;
    }
}

// The final vector of every token.
std::vector<Vector> forward(const Model& m, const std::vector<Token>& tokens) {
  const Vector table = read_all(*m.embedding);
  std::vector<Vector> x;
  for (std::size_t t = 0; t < tokens.size(); ++t) {
    Vector v(table.begin() + tokens[t] * static_cast<Token>(width), table.begin() + (tokens[t] + 1) * static_cast<Token>(width));
    for (std::size_t i = 0; i < width; ++i) {
      v[i] *= std::sqrt(m.embedding_scale.radicand);
      if (const auto* learned = std::get_if<LearnedPositions>(&m.positions)) v[i] += read_all(*learned->table)[t * width + i];
      if (std::holds_alternative<SinusoidalPositions>(m.positions)) {
        const double angle = static_cast<double>(t) / std::pow(10000.0, static_cast<double>(i - i % 2) / static_cast<double>(width));
        v[i] += i % 2 ? std::cos(angle) : std::sin(angle);
      }
    }
    x.push_back(v);
  }
  for (const Layer& l : m.layers) {
    const Attention& a = l.attention;
    std::vector<Vector> q, k, v;
    for (std::size_t t = 0; t < x.size(); ++t) {
      const Vector h = norm(l.attention_norm, x[t]);
      q.push_back(norm(l.query_norm, linear(l.query, h), heads)), k.push_back(norm(l.key_norm, linear(l.key, h), kv_heads)), v.push_back(linear(l.value, h));
      rotate(a.rotary, q[t], t), rotate(a.rotary, k[t], t);
    }
    for (std::size_t t = 0; t < x.size(); ++t) {
      Vector mixed(heads * head_size);
      for (std::size_t h = 0; h < heads; ++h) {
        const std::size_t g = h * kv_heads / heads;
        Vector weights(t + 1);
        double sum = 0;
        for (std::size_t j = 0; j <= t; ++j) {
          double s = 0;
          for (std::size_t d = 0; d < head_size; ++d) s += q[t][h * head_size + d] * k[j][g * head_size + d];
          s /= std::sqrt(static_cast<double>(head_size));
          if (a.softcap) s = *a.softcap * std::tanh(s / *a.softcap);
          if (!a.alibi.empty()) s -= std::pow(2.0, -8.0 * static_cast<double>(h + 1) / heads) * static_cast<double>(t - j);
          weights[j] = a.window && t - j >= *a.window ? 0 : std::exp(s);
          sum += weights[j];
        }
        for (std::size_t j = 0; j <= t; ++j)
          for (std::size_t d = 0; d < head_size; ++d) mixed[h * head_size + d] += weights[j] / sum * v[j][g * head_size + d];
      }
      const Vector branch = norm(l.post_attention_norm, linear(l.output, mixed));
      for (std::size_t i = 0; i < width; ++i) x[t][i] += branch[i];
      const Vector h = norm(l.mlp_norm, x[t]);
      Vector inner = linear(*l.up, h);
      const Vector gate = l.gate ? linear(*l.gate, h) : inner;
      for (std::size_t i = 0; i < inner.size(); ++i) inner[i] = l.gate ? activate(l.activation, gate[i]) * inner[i] : activate(l.activation, inner[i]);
      const Vector mlp = norm(l.post_mlp_norm, linear(*l.down, inner));
      for (std::size_t i = 0; i < width; ++i) x[t][i] += mlp[i];
    }
  }
  for (Vector& column : x) column = norm(m.final_norm, column);
  return x;
}

}  // namespace plain

RoundedWorld::Block run(const Model& model, const RoundedWorld& world, const std::vector<Column>& columns) {
  const Decoder<RoundedWorld> decoder(model, world);
  Decoder<RoundedWorld>::Memory memory;
  return decoder.final(decoder.hidden(columns, memory));
}

bool same_bits(const double* a, const double* b, std::size_t count) { return std::memcmp(a, b, count * sizeof(double)) == 0; }

const std::vector<Token> tokens = {1, 2, 3, 3, 3, 6, 3, 0, 3, 3, 5, 3, 3, 4, 3, 3, 3, 3, 2};  // more than one tile of keys

}  // namespace

TEST_CASE("rounded: the fp64 profile is a plain forward pass in doubles", "[rounded][decoder]") {
  const RoundedWorld world(*find_profile("fp64"));
  std::size_t checked = 0;
  for (const auto& [name, model] : models()) {
    const std::vector<Vector> expected = plain::forward(model, tokens);
    const RoundedWorld::Block y = run(model, world, SequenceTree(tokens).columns());
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      double norm = 0, difference = 0;
      for (std::size_t i = 0; i < width; ++i) norm += std::pow(expected[t][i], 2), difference += std::pow(world.value(y, i, t) - expected[t][i], 2);
      INFO(name << ", token " << t);
      REQUIRE(norm > 1e-3);
      REQUIRE(std::sqrt(difference) <= 1e-12 * std::sqrt(norm));
      ++checked;
    }
    CHECK_FALSE(world.first_event());
  }
  REQUIRE(checked == 5 * tokens.size());
}

TEST_CASE("rounded: every profile stores values of its format, near the exact ones, the same for any number of threads", "[rounded][decoder]") {
  std::size_t checked = 0;
  for (const auto& [name, model] : models()) {
    const std::vector<Vector> expected = plain::forward(model, tokens);
    for (const Profile& profile : shipped_profiles()) {
      INFO(name << " in " << profile.name);
      const RoundedWorld world(profile);
      const auto with_threads = [&, &model = model](int count, const RoundedWorld& w) {
        const Threads threads(count);
        return run(model, w, SequenceTree(tokens).columns());
      };
      const RoundedWorld::Block one = with_threads(1, world), two = with_threads(2, RoundedWorld(profile));
      REQUIRE(same_bits(one.values.data(), two.values.data(), width * tokens.size()));
      const DoubleRounder storage(profile.storage);
      double worst = 0, largest = 0;
      for (std::size_t t = 0; t < tokens.size(); ++t)
        for (std::size_t i = 0; i < width; ++i) {
          const double x = world.value(one, i, t);
          REQUIRE(storage(x) == x);
          worst = std::max(worst, std::fabs(x - expected[t][i])), largest = std::max(largest, std::fabs(expected[t][i]));
          ++checked;
        }
      CHECK_FALSE(world.first_event());
      // Not a bound: a gross error would be larger, no rounding at all would be smaller.
      CHECK(worst < 40 * std::ldexp(largest, -std::min(profile.operand.precision, profile.storage.precision)));
      if (profile.storage.precision < 53) CHECK(worst > std::ldexp(largest, -profile.storage.precision - 8));
    }
  }
  REQUIRE(checked == 5 * 9 * tokens.size() * width);
}

TEST_CASE("rounded: a branch of the tree is its sequence run alone, bit by bit", "[rounded][decoder]") {
  std::size_t checked = 0;
  for (const auto& [name, model] : models()) {
    for (const Profile& profile : shipped_profiles()) {
      if (profile.couples_tokens()) continue;
      const RoundedWorld world(profile);
      SequenceTree tree(tokens);
      const std::vector<std::pair<std::size_t, std::vector<Token>>> sequences = {{3, {4, 4, 1}}, {18, {5, 2}}, {7, {}}, {0, {2, 3}}, {19, {3}}, {1, {6}}};
      std::vector<std::size_t> last;
      for (const auto& [length, more] : sequences) last.push_back(tree.add(length, more));
      const RoundedWorld::Block together = world.select(run(model, world, tree.columns()), last);
      for (std::size_t s = 0; s < sequences.size(); ++s) {
        std::vector<Token> sequence(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(sequences[s].first));
        sequence.insert(sequence.end(), sequences[s].second.begin(), sequences[s].second.end());
        const RoundedWorld::Block alone = run(model, world, SequenceTree(sequence).columns());
        INFO(name << " in " << profile.name << ", sequence " << s);
        REQUIRE(same_bits(together.column(s), alone.column(sequence.size() - 1), width));
        ++checked;
      }
    }
  }
  REQUIRE(checked == 5 * 7 * 6);
}

TEST_CASE("rounded: memory carries from block to block", "[rounded][decoder]") {
  const RoundedWorld world(*find_profile("bf16-acc32"));
  const Model model = llama();
  const std::vector<Column> columns = SequenceTree(tokens).columns();
  const RoundedWorld::Block whole = run(model, world, columns);
  const Decoder<RoundedWorld> decoder(model, world);
  Decoder<RoundedWorld>::Memory memory;
  for (std::size_t t = 0; t < columns.size(); ++t) {
    const RoundedWorld::Block y = decoder.final(decoder.hidden(std::span(columns).subspan(t, 1), memory));
    REQUIRE(same_bits(y.column(0), whole.column(t), width));
  }
  CHECK(memory[0].entries == tokens.size());
}

TEST_CASE("rounded: tokens and positions outside their tables are refused", "[rounded]") {
  const RoundedWorld world(*find_profile("fp32"));
  const TensorPtr table = std::make_shared<DenseTensor>(2, 1, Vector{1, 2});
  const std::vector<Column> good{{1, 1, 0, 0}}, bad{{2, 2, 0, 0}}, negative{{-1, 0, 0, 0}};
  CHECK(world.value(world.add_rows(world.embed(table, good), table, good), 0, 0) == 4);
  CHECK_THROWS_AS(world.embed(table, bad), std::out_of_range);
  CHECK_THROWS_AS(world.embed(table, negative), std::out_of_range);
  CHECK_THROWS_AS(world.add_rows(world.embed(table, good), table, bad), std::out_of_range);
}
