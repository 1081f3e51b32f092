#include "lib/model/synthetic.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>
#include <string>

#include "tests/catch.hpp"

using namespace snellen;

namespace {

using Vector = std::vector<double>;

Vector times(const Linear& l, const Vector& x) {
  Vector row(l.weight->columns()), y(l.weight->rows());
  for (std::size_t i = 0; i < y.size(); ++i) {
    l.weight->read_row(i, row);
    y[i] = std::inner_product(row.begin(), row.end(), x.begin(), 0.0);
  }
  return y;
}

Vector normed(const Norm& n, Vector x) {
  const Vector w = read_all(*n.weight);
  const double mean = std::inner_product(x.begin(), x.end(), x.begin(), 0.0) / static_cast<double>(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) x[i] *= w[i] / std::sqrt(mean + n.epsilon);
  return x;
}

struct Alive {
  double largest_weight = 0;  // the mean over layers, heads and tokens of the largest attention weight times the number of keys seen
  double output = 0;          // root mean square of the last token's state before the final norm
};

// A plain pass over `tokens`, positions left out: enough to see whether a model is alive.
Alive life_of(const Model& model, const std::vector<Token>& tokens) {
  std::vector<Vector> x;
  for (const Token token : tokens) {
    x.emplace_back(model.width);
    model.embedding->read_row(static_cast<std::size_t>(token), x.back());
  }
  Alive alive;
  int counted = 0;
  for (const Layer& l : model.layers) {
    const std::size_t size = l.attention.head_size;
    std::vector<Vector> keys, values, next;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const Vector h = normed(*l.attention_norm, x[i]), q = times(l.query, h);
      keys.push_back(times(l.key, h)), values.push_back(times(l.value, h));
      Vector mixed(q.size(), 0.0);
      for (std::size_t head = 0; head < l.attention.heads; ++head) {
        const std::size_t begin = head * size;
        Vector weights;
        for (const Vector& k : keys) {
          weights.push_back(std::exp(std::inner_product(&q[begin], &q[begin] + size, &k[begin], 0.0) / std::sqrt(static_cast<double>(size))));
        }
        const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
        for (std::size_t j = 0; j < weights.size(); ++j) {
          for (std::size_t c = begin; c < begin + size; ++c) mixed[c] += weights[j] / sum * values[j][c];
        }
        if (i > 0) {
          alive.largest_weight += *std::max_element(weights.begin(), weights.end()) / sum * static_cast<double>(weights.size());
          ++counted;
        }
      }
      Vector z = times(l.output, mixed);
      for (std::size_t c = 0; c < z.size(); ++c) z[c] += x[i][c];
      const Vector inner = normed(*l.mlp_norm, z);
      Vector gate = times(*l.gate, inner);
      const Vector up = times(*l.up, inner);
      for (std::size_t c = 0; c < gate.size(); ++c) gate[c] *= up[c] / (1 + std::exp(-gate[c]));
      const Vector down = times(*l.down, gate);
      for (std::size_t c = 0; c < z.size(); ++c) z[c] += down[c];
      next.push_back(z);
    }
    x = next;
  }
  alive.largest_weight /= counted;
  alive.output = std::sqrt(std::inner_product(x.back().begin(), x.back().end(), x.back().begin(), 0.0) / static_cast<double>(model.width));
  return alive;
}

// Every tensor of a model.
void for_each_tensor(const Model& model, const std::function<void(const Tensor&)>& visit) {
  const auto tensor = [&](const TensorPtr& t) {
    if (t) visit(*t);
  };
  const auto linear = [&](const Linear& l) { tensor(l.weight), tensor(l.bias); };
  const auto norm = [&](const std::optional<Norm>& n) {
    if (n) tensor(n->weight), tensor(n->bias);
  };
  tensor(model.embedding);
  if (const auto* learned = std::get_if<LearnedPositions>(&model.positions)) tensor(learned->table);
  for (const Layer& l : model.layers) {
    linear(l.query), linear(l.key), linear(l.value), linear(l.output);
    norm(l.attention_norm), norm(l.query_norm), norm(l.key_norm), norm(l.post_attention_norm), norm(l.mlp_norm), norm(l.post_mlp_norm);
    for (const auto* l3 : {&l.gate, &l.up, &l.down}) {
      if (*l3) linear(**l3);
    }
  }
  norm(model.final_norm);
  linear(model.unembedding);
}

// Everything switched on.
RandomModel ornate() {
  RandomModel r;
  r.seed = 42, r.layers = 3, r.width = 24, r.heads = 6, r.kv_heads = 2, r.head_size = 8, r.hidden = 40, r.vocab = 10;
  r.position = PositionKind::learned, r.context = 50, r.norm = NormKind::layer, r.post_norms = true, r.qk_norm = true, r.bias = true;
  r.activation = Activation::gelu_tanh, r.gated = false, r.tied = true, r.embedding_scale = true, r.unit_offset = true;
  r.window = 5, r.global_every = 3, r.softcap = 50, r.final_softcap = 30, r.epsilon = 1e-6;
  return r;
}

}  // namespace

TEST_CASE("synthetic: golden checksums", "[synthetic]") {
  // The first was recomputed in Python from the documented rules.
  CHECK(synthetic_model({}).sha256 == "6fe0b7b145dbf6fc4820396a4bc971dd2ac347b7c03595061419c1629b984b6a");
  CHECK(synthetic_model(ornate()).sha256 == "6040bb7401f4c215b1cdc49789268df03ace7ab6f6751335b4e6f8c903853585");
  CHECK(describe({}) ==
        "random: seed 1, layers 2, width 32, heads 4, kv_heads 4, head_size 8, hidden 64, vocab 16, position rope, rope_base 10000, "
        "rotary_dimensions 8, norm rms, epsilon 1e-05, activation silu, gain 2, gated");
}

TEST_CASE("synthetic: bf16 holds every weight", "[synthetic]") {
  int entries = 0;
  RandomModel wide;
  wide.width = 100, wide.heads = 5, wide.gain = 16;
  for (const RandomModel& r : {RandomModel{}, ornate(), wide}) {
    for_each_tensor(synthetic_model(r), [&](const Tensor& tensor) {
      for (const double value : read_all(tensor)) {
        const auto narrow = static_cast<float>(value);
        REQUIRE(static_cast<double>(narrow) == value);
        REQUIRE((std::bit_cast<std::uint32_t>(narrow) & 0xffffu) == 0);
        ++entries;
      }
    });
  }
  CHECK(entries > 100000);
}

TEST_CASE("synthetic: every tensor has its own stream", "[synthetic]") {
  RandomModel r;
  const Model two = synthetic_model(r);
  r.layers = 3;
  const Model three = synthetic_model(r);
  CHECK(read_all(*two.layers[1].query.weight) == read_all(*three.layers[1].query.weight));
  CHECK(read_all(*two.unembedding.weight) == read_all(*three.unembedding.weight));
  CHECK(read_all(*two.final_norm->weight) == read_all(*three.final_norm->weight));
  CHECK(read_all(*three.layers[1].query.weight) != read_all(*three.layers[2].query.weight));
  CHECK(read_all(*three.layers[1].query.weight) != read_all(*three.layers[1].key.weight));
  CHECK(two.sha256 != three.sha256);
  RandomModel other = r;
  other.seed = 2;
  CHECK(read_all(*synthetic_model(other).embedding) != read_all(*three.embedding));
}

TEST_CASE("synthetic: shapes and switches", "[synthetic]") {
  const Model m = synthetic_model(ornate());
  REQUIRE(m.layers.size() == 3);
  CHECK(m.unembedding.weight == m.embedding);
  CHECK(m.embedding_scale.radicand == 24);
  CHECK(std::get<LearnedPositions>(m.positions).table->rows() == 50);
  const Layer& l = m.layers[0];
  CHECK((l.query.weight->rows() == 48 && l.query.weight->columns() == 24));
  CHECK((l.key.weight->rows() == 16 && l.output.weight->rows() == 24 && l.output.weight->columns() == 48));
  CHECK((l.query_norm->weight->columns() == 8 && l.post_mlp_norm && !l.gate && l.up->bias && l.attention_norm->bias));
  CHECK((m.layers[0].attention.window == 5 && m.layers[1].attention.window == 5 && !m.layers[2].attention.window));
  CHECK((l.attention.softcap == 50 && m.logit_softcap == 30));

  RandomModel bare;
  bare.identity = true, bare.heads = 1, bare.hidden = 0, bare.position = PositionKind::none;
  const Model b = synthetic_model(bare);
  CHECK((!b.layers[0].up && !b.layers[0].attention_norm->weight && !b.layers[0].attention.rotary));
  const Vector identity = read_all(*b.layers[0].value.weight);
  CHECK((identity[0] == 1 && identity[1] == 0 && identity[33] == 1));
  CHECK(std::accumulate(identity.begin(), identity.end(), 0.0) == 32);
}

TEST_CASE("synthetic: the default model is alive", "[synthetic]") {
  std::vector<Token> tokens;
  for (Token i = 0; i < 16; ++i) tokens.push_back(i * 7 % 16);
  int seeds = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed, ++seeds) {
    RandomModel r;
    r.seed = seed;
    const Alive alive = life_of(synthetic_model(r), tokens);
    CAPTURE(seed, alive.largest_weight, alive.output);
    CHECK(alive.largest_weight > 2);   // uniform attention would give 1
    CHECK(alive.largest_weight < 7);   // attention to one key alone would give 9
    CHECK(alive.output > 0.25);
    CHECK(alive.output < 4);
  }
  CHECK(seeds == 5);
}

TEST_CASE("synthetic: unusable descriptions are refused by key", "[synthetic]") {
  int refused = 0;
  const auto refuses = [&](const std::string& key, auto spoil) {
    RandomModel r;
    spoil(r);
    REQUIRE(problem_of(r));
    CHECK(problem_of(r)->key == key);
    CHECK_THROWS_AS(synthetic_model(r), InputError);
    ++refused;
  };
  REQUIRE(!problem_of(RandomModel{}));
  refuses("layers", [](RandomModel& r) { r.layers = 0; });
  refuses("width", [](RandomModel& r) { r.width = 0; });
  refuses("width", [](RandomModel& r) { r.width = 65536, r.layers = 1024; });
  refuses("heads", [](RandomModel& r) { r.heads = 5; });
  refuses("heads", [](RandomModel& r) { r.heads = 0; });
  refuses("kv_heads", [](RandomModel& r) { r.kv_heads = 3; });
  refuses("rotary_dimensions", [](RandomModel& r) { r.rotary_dimensions = 3; });
  refuses("rotary_dimensions", [](RandomModel& r) { r.width = 12; });
  refuses("epsilon", [](RandomModel& r) { r.epsilon = 0; });
  refuses("softcap", [](RandomModel& r) { r.softcap = -1; });
  refuses("window", [](RandomModel& r) { r.window = 0; });
  refuses("global_every", [](RandomModel& r) { r.global_every = 2; });
  refuses("gain", [](RandomModel& r) { r.gain = 3; });
  refuses("identity", [](RandomModel& r) { r.identity = true, r.bias = true; });
  CHECK(refused == 14);
}
