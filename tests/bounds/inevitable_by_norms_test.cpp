// Upper ends by norms alone: how far token j is from its limit against what every token's evaluation shows, and the ends against enumeration.
#include "bounds/inevitable_by_norms.hpp"

#include <cmath>
#include <memory>

#include "bounds/inevitable_by_eras.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/run_norms.hpp"
#include "tests/bounds/inevitable_by_enumeration.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

constexpr long bits = 160;

// The last tokens of P . a^n in the plain ball world against the world of norms, token by token. Returns the largest share of its bound that a deviation of x(L) reached.
double compare(const Model& model, const std::vector<Token>& prefix, std::size_t count) {
  const RunNorms world(bits, prefix.size());
  const Decoder<RunNorms> abstract(model, world);
  std::vector<Column> columns{{2, 0, 0, 0}};
  for (const Token token : prefix) columns.push_back({token, 0, 0, 0});
  Decoder<RunNorms>::Memory memory;
  const RunNormsBlock x = abstract.hidden(columns, memory), y = abstract.final(x);

  const BallWorld balls(bits);
  const Decoder<BallWorld> decoder(model, balls);
  std::vector<Token> tokens = prefix;
  tokens.insert(tokens.end(), count, 2);
  const SequenceTree tree(tokens);
  Decoder<BallWorld>::Memory past;
  const BallMatrix hidden = decoder.hidden(tree.columns(), past), final = decoder.final(hidden);
  std::size_t averaging = 0;  // each layer that sees everything averages what the one below left
  for (const Layer& layer : model.layers) averaging += layer.attention.window ? 0 : 1;
  REQUIRE(x.deviation.terms() >= averaging);
  double share = 0;
  for (const auto& [block, direct] : {std::pair<const RunNormsBlock&, const BallMatrix&>{x, hidden}, {y, final}}) {
    for (std::size_t c = 0; c < tokens.size(); ++c) {  // of every token, P's too
      Ball sum, t;
      for (std::size_t i = 0; i < direct.rows(); ++i) arb_sqr(t, direct(i, c), bits), arb_add(sum, sum, t, bits);
      arb_sqrtpos(sum, sum, bits);
      REQUIRE(arf_cmp_d(arb_midref(static_cast<arb_ptr>(sum)), mag_get_d(block.largest.get()) * (1 + 1e-9)) <= 0);
    }
    for (std::size_t j = 1; j <= count; ++j) {
      const BallMatrix box = world.from(block, Length(j));
      Ball sum, t;
      for (std::size_t i = 0; i < direct.rows(); ++i) {
        REQUIRE(arb_contains(box(i, 0), direct(i, prefix.size() + j - 1)));
        arb_sub(t, direct(i, prefix.size() + j - 1), block.limit(i, 0), bits);
        arb_sqr(t, t, bits), arb_add(sum, sum, t, bits);
      }
      arb_sqrtpos(sum, sum, bits);
      const double off = arf_get_d(arb_midref(static_cast<arb_ptr>(sum)), ARF_RND_NEAR), bound = mag_get_d(arb_radref(box(0, 0)));
      REQUIRE(std::isfinite(bound));
      REQUIRE(off <= bound * (1 + 1e-9) + 1e-30);
      if (&block == &x) share = std::max(share, off / bound);
    }
  }
  return share;
}

RandomModel model_of(std::size_t layers, double gain) {
  RandomModel m = small(PositionKind::rope);
  m.layers = layers, m.gain = gain;
  return m;
}

InevitableAnswer norms(const Model& model, const Family& family) {
  SilentProgress silent;
  const auto asked = questions();
  const InevitableTask task{model, family, Place::final, asked, {}};
  REQUIRE(!norms_refuse(task));
  return by_norms(task, silent);
}

}  // namespace

TEST_CASE("by norms: every token of a run is as near to the limit as is said") {
  const std::vector<Token> prefix{1, 4, 3, 6, 5, 7};
  compare(synthetic_model(model_of(1, 0x1p-8)), prefix, 60);
  compare(synthetic_model(model_of(2, 0.5)), prefix, 60);
  RandomModel m = model_of(1, 0x1p-8);  // scores near zero, no MLP: little is lost but by the norm of the output matrix
  m.width = 4, m.heads = 1, m.hidden = 0;
  REQUIRE(compare(synthetic_model(m), std::vector<Token>(24, 1), 60) > 0.06);  // more than one of 24 tokens could make
  m = model_of(1, 4);  // one token of the prefix outweighs many
  m.hidden = 0;
  compare(synthetic_model(m), {1}, 60);
  m = model_of(3, 0.25);
  m.width = 12, m.heads = 4, m.kv_heads = 2, m.head_size = 6, m.rotary_dimensions = 4, m.qk_norm = true, m.bias = true, m.post_norms = true, m.unit_offset = true;
  compare(synthetic_model(m), prefix, 40);
  m = model_of(4, 0.25);
  m.window = 5, m.global_every = 2, m.norm = NormKind::layer, m.activation = Activation::gelu_tanh;
  compare(synthetic_model(m), prefix, 40);
  m = model_of(2, 0x1p-8);
  m.window = 12, m.hidden = 0;
  compare(synthetic_model(m), prefix, 30);
  m = model_of(2, 4);
  m.softcap = 0.5;
  compare(synthetic_model(m), prefix, 40);
}

TEST_CASE("by norms: upper ends hold, and there is one in every format") {
  for (const std::size_t layers : {1, 3}) {
    const Model model = synthetic_model(model_of(layers, 0.25));
    const Family family = run_after({1, 4});
    const InevitableAnswer answer = norms(model, family);
    check_brackets(model, family, questions(), answer, 60);
    for (const InevitableRow& row : answer.rows) REQUIRE((row.answer.upper && row.answer.status == Status::bracket && !row.open.empty()));
  }
}

TEST_CASE("by norms: a large score makes a large upper end, not none") {
  const Model model = synthetic_model(model_of(6, 32));
  const InevitableAnswer answer = norms(model, run_after({1}));
  for (const InevitableRow& row : answer.rows) {
    REQUIRE(row.answer.upper);
    REQUIRE(row.answer.upper->size() > 40);
  }
}

// Where there are no positions eras find the exact length, far beyond what can be enumerated; the ends by norms are within a factor of some dozens of it here.
TEST_CASE("by norms: no upper end lies below the exact length, where nearly all is lost to the prompt") {
  std::size_t far = 0;
  for (const bool heavy : {false, true}) {
    RandomModel m = model_of(1, 0x1p-8);
    m.position = PositionKind::none, m.width = 4, m.heads = 1, m.hidden = 0, m.pre_norm = !heavy;
    Model model = synthetic_model(m);
    if (heavy) {  // one token that weighs more than a thousand of the run's
      std::vector<double> rows = read_all(*model.embedding);
      for (std::size_t i = 0; i < m.width; ++i) rows[m.width + i] *= 4096;
      model.embedding = std::make_shared<DenseTensor>(model.embedding->rows(), model.embedding->columns(), rows);
    }
    const Family family = run_after(heavy ? std::vector<Token>{1} : std::vector<Token>(24, 1));
    const auto asked = questions();
    SilentProgress silent;
    const InevitableAnswer exact = by_eras({model, family, Place::final, asked, {}}, silent), answer = norms(model, family);
    for (std::size_t r = 0; r < asked.size(); ++r) {
      INFO(heavy << ", row " << r << ": " << exact.rows[r].answer.lower << ", by norms " << answer.rows[r].answer.upper.value_or("none"));
      REQUIRE(exact.rows[r].answer.status == Status::exact);
      REQUIRE(Length(*answer.rows[r].answer.upper) >= Length(exact.rows[r].answer.lower));
      far += Length(exact.rows[r].answer.lower) > 1000;
    }
  }
  REQUIRE(far >= 2);
}

TEST_CASE("by norms: what has no limit is refused with words") {
  const auto asked = questions();
  const auto refusal = [&](PositionKind kind, const Family& family) {
    const Model model = synthetic_model(small(kind));
    return norms_refuse({model, family, Place::final, asked, {}});
  };
  Family family = run_after({1});
  REQUIRE(refusal(PositionKind::alibi, family) == "ALiBi without a window");
  REQUIRE(refusal(PositionKind::learned, family).value().find("absolute positions") == 0);
  REQUIRE(!refusal(PositionKind::none, family));
  family.unit = {2, 3};
  REQUIRE(refusal(PositionKind::rope, family) == "a unit of several tokens");
  family.unit = {2}, family.suffix = {3};
  REQUIRE(refusal(PositionKind::rope, family) == "a suffix");
}
