// Certified sensitivities: central differences of the real world lie inside for every position encoding, bounds hold, and the sweep by layers is the derivative of the whole.
#include "bounds/sensitivity.hpp"

#include <algorithm>
#include <cmath>

#include "lib/number/ball_enclosure.hpp"
#include "lib/world/scalar.hpp"
#include "reports/sensitivity_report.hpp"
#include "tests/bounds/whole_jacobian.hpp"
#include "tests/catch.hpp"
#include "tests/model/zoo.hpp"
#include "tests/world/enclosing.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

const std::vector<Token> sequence = {1, 2, 2, 3, 2, 4};

// y of the last token when entry k of x_i(0) is moved by h, at `bits` bits.
RealWorld::Block moved(const Model& model, std::span<const Column> columns, std::size_t i, std::size_t k, double h, long bits) {
  const RealWorld world(bits);
  const RealArithmetic arithmetic(bits);
  const Decoder<RealWorld> decoder(model, world);
  RealWorld::Block x = decoder.embed(columns);
  arithmetic.add(x(k, i), x(k, i), arithmetic.of(h));
  for (const Layer& layer : model.layers) {
    RealWorld::Memory past;
    x = decoder.layer(layer, std::move(x), columns, past);
  }
  return decoder.final(x);
}

CertifyRequest request_of(std::int64_t to) {
  CertifyRequest request;
  request.title = "test", request.case_name = "test";
  request.family.prefix = {1}, request.family.unit = {2}, request.family.from = 1, request.family.to = to;
  return request;
}

}  // namespace

TEST_CASE("central differences of the real world lie inside, for every kind of model") {
  // (f(x+h) - f(x-h)) / 2h is within h^2/6 sup|f'''| of f'(x): with h = 2^-60 and 2^-59 the two differences differ by h^2/2 f''' and more, so that a difference of theirs
  // that is below 2^-100 shows f''' where it is small; 2^-95 of the entry's scale is then far more than their error.
  constexpr double h = 0x1p-60;
  constexpr long real_bits = 600, bits = 160;
  std::size_t tested = 0, number = 0;
  for (const Specimen& specimen : zoo()) {
    INFO(specimen.name);
    const Model model = synthetic_model(specimen.description);
    const SequenceTree tree(sequence);
    const std::vector<BallMatrix> j = whole_jacobian(model, sequence, bits);
    const std::size_t last = sequence.size() - 1;
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      const std::size_t k = (5 * i + 3 * number) % model.width;
      const auto up = moved(model, tree.columns(), i, k, h, real_bits), down = moved(model, tree.columns(), i, k, -h, real_bits);
      const auto up2 = moved(model, tree.columns(), i, k, 2 * h, real_bits), down2 = moved(model, tree.columns(), i, k, -2 * h, real_bits);
      for (std::size_t d = 0; d < model.width; ++d) {
        INFO("d y_" << d << " / d x_" << k << " of token " << i);
        Dyadic near(real_bits), far(real_bits), error(64);
        mpfr_sub(near.get(), up(d, last).backend().data(), down(d, last).backend().data(), MPFR_RNDN);
        mpfr_div_d(near.get(), near.get(), 2 * h, MPFR_RNDN);
        mpfr_sub(far.get(), up2(d, last).backend().data(), down2(d, last).backend().data(), MPFR_RNDN);
        mpfr_div_d(far.get(), far.get(), 4 * h, MPFR_RNDN);
        // near = f' + h^2 f'''/6 + O(h^4), far = f' + 4 h^2 f'''/6 + O(h^4): |near - f'| is a third of |far - near|, up to O(h^4); all of it, and the rounding of 600 bits, is taken.
        mpfr_sub(error.get(), far.get(), near.get(), MPFR_RNDA);
        mpfr_abs(error.get(), error.get(), MPFR_RNDU);
        mpfr_add_d(error.get(), error.get(), 0x1p-200, MPFR_RNDU);
        REQUIRE(error < Dyadic::of(0x1p-90));
        const Enclosure ball = enclosure_of(j[i](d, k), bits);
        Dyadic low(real_bits + 64), high(real_bits + 64);
        mpfr_sub(low.get(), near.get(), error.get(), MPFR_RNDD);
        mpfr_add(high.get(), near.get(), error.get(), MPFR_RNDU);
        REQUIRE(ball.is_finite());
        REQUIRE(ball.lower <= high);
        REQUIRE(low <= ball.upper);
        REQUIRE(width(ball) < 0x1p-40);
        ++tested;
      }
    }
    ++number;
  }
  REQUIRE(tested >= zoo().size() * 6 * 16);
}

TEST_CASE("no assumption: the bound is above the certified norm on every model, for every token") {
  std::size_t tested = 0, closer_than_1000 = 0;
  for (const Specimen& specimen : zoo()) {
    INFO(specimen.name);
    Reach reach;
    const std::vector<BallMatrix> j = whole_jacobian(synthetic_model(specimen.description), sequence, 160, &reach);
    for (std::size_t i = 0; i < sequence.size(); ++i) {
      INFO("token " << i);
      const Enclosure two = matrix_norms(j[i], 128).two;
      const Magnitude& bound = reach.moving[(sequence.size() - 1) * sequence.size() + i];
      REQUIRE(bound.is_finite());
      const Dyadic value = exact_bound(bound);
      REQUIRE(two.upper <= value);  // not only possible: proved by the enclosure itself
      closer_than_1000 += value.to_double(MPFR_RNDU) <= 1000 * two.lower.to_double(MPFR_RNDD);
      ++tested;
    }
  }
  REQUIRE(tested == zoo().size() * 6);
  REQUIRE(closer_than_1000 > tested / 2);
}

// 27 November 2026: the norm of the only key head was taken for one over the stream, and the bound was infinite.
TEST_CASE("a norm over the only key head is a norm over a head") {
  RandomModel description;
  description.seed = 69, description.width = 8, description.layers = 1, description.heads = 2, description.kv_heads = 1, description.hidden = 16, description.vocab = 12;
  description.qk_norm = true;
  const std::vector<Token> tokens = {1, 2, 3, 2};
  Reach reach;
  const std::vector<BallMatrix> j = whole_jacobian(synthetic_model(description), tokens, 160, &reach);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const Magnitude& bound = reach.moving[(tokens.size() - 1) * tokens.size() + i];
    REQUIRE(bound.is_finite());
    REQUIRE(matrix_norms(j[i], 128).two.upper <= exact_bound(bound));
  }
}

TEST_CASE("the paper's own model: Theorem 5.1 literally, and beside it the truth") {
  RandomModel description;
  description.identity = true, description.hidden = 0, description.heads = 1, description.width = 8, description.vocab = 6, description.position = PositionKind::none;
  SilentProgress silent;
  const Sensitivity s = sensitivity(synthetic_model(description), request_of(5), {}, silent);
  REQUIRE(s.not_the_papers.empty());
  REQUIRE(s.tokens.size() == 6);
  REQUIRE(!s.undecided);
  for (const TokenSensitivity& t : s.tokens) {
    REQUIRE(t.paper);
    REQUIRE(t.norms.two.upper <= t.own);
    // W = I: the frozen bound has |O V|_2 = 1 up to n^(1/64) and norms at each token, where the theorem has the largest slope of all.
    REQUIRE(t.frozen.to_double(MPFR_RNDU) <= t.paper->to_double(MPFR_RNDU) * 1.04);
  }
  description.heads = 2;
  REQUIRE(sensitivity(synthetic_model(description), request_of(2), {}, silent).not_the_papers.find("2 heads") != std::string::npos);
}

TEST_CASE("the gradient of a logit is the row of the Jacobian, and what a window hides is exactly zero") {
  RandomModel description;
  description.width = 16, description.vocab = 8, description.window = 3, description.layers = 2;
  const Model model = synthetic_model(description);
  SilentProgress silent;
  SensitivityRequest question;
  question.token = 5, question.against = 2;
  const Sensitivity s = sensitivity(model, request_of(9), question, silent);
  REQUIRE(s.of == Output::logit);
  REQUIRE(s.outputs == 1);
  REQUIRE(s.value->is_finite());
  const std::vector<Token> tokens = request_of(9).family.sequence(9);
  const std::vector<BallMatrix> j = whole_jacobian(model, tokens, 200);
  std::vector<double> up(model.width), down(model.width);
  model.unembedding.weight->read_row(5, up), model.unembedding.weight->read_row(2, down);
  std::size_t zeros = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    BallMatrix gradient(1, model.width);
    Ball t;
    for (std::size_t k = 0; k < model.width; ++k)
      for (std::size_t d = 0; d < model.width; ++d) {
        arb_set_d(t, up[d] - down[d]);
        arb_addmul(gradient(0, k), t, j[i](d, k), 200);
      }
    const Enclosure norm = matrix_norms(gradient, 128).frobenius;
    REQUIRE(overlap(norm, s.tokens[i].norms.frobenius));
    const bool hidden = tokens.size() - 1 - i > 2 * 2;
    REQUIRE((mpfr_zero_p(s.tokens[i].norms.frobenius.upper.get()) != 0) == hidden);
    if (!hidden) REQUIRE(accurate_bits(s.tokens[i].norms.frobenius, magnitude(norm)) >= asked_bits);
    zeros += hidden;
  }
  REQUIRE(zeros == 5);
}

TEST_CASE("rows of the heat map are what shorter sequences give") {
  RandomModel description;
  description.width = 16, description.vocab = 8, description.position = PositionKind::alibi;
  const Model model = synthetic_model(description);
  SilentProgress silent;
  SensitivityRequest question;
  question.rows = 3;
  const Sensitivity whole = sensitivity(model, request_of(8), question, silent);
  REQUIRE(whole.rows.size() == 3);
  REQUIRE(whole.rows.back().position == 8);
  question.length = static_cast<std::int64_t>(whole.rows[0].position);
  const Sensitivity part = sensitivity(model, request_of(8), question, silent);
  REQUIRE(part.tokens.size() == whole.rows[0].two.size());
  for (std::size_t i = 0; i < part.tokens.size(); ++i) REQUIRE(overlap(part.tokens[i].norms.two, whole.rows[0].two[i]));
}

TEST_CASE("attention's facts: bounds that everyone knows") {
  RandomModel description;
  description.width = 16, description.vocab = 8;
  SilentProgress silent;
  const Sensitivity s = sensitivity(synthetic_model(description), request_of(7), {}, silent);
  const double most = std::log(8.0);
  for (const LayerFacts& layer : s.by_layer) {
    REQUIRE(layer.attention.heads.size() == 4);
    for (const HeadFacts& head : layer.attention.heads) {
      REQUIRE(head.sink.lower.to_double(MPFR_RNDD) > 0);
      REQUIRE(head.sink.upper.to_double(MPFR_RNDU) < 1);
      REQUIRE(head.entropy.lower.to_double(MPFR_RNDD) > 0);
      REQUIRE(head.entropy.upper.to_double(MPFR_RNDU) < most);
      // A softmax over scores that spread by D has an entropy of at least log n - D.
      REQUIRE(head.entropy.upper.to_double(MPFR_RNDU) >= most - head.spread.upper.to_double(MPFR_RNDU));
      REQUIRE(width(head.entropy) < 1e-9);
    }
    REQUIRE(layer.rank.lower.to_double(MPFR_RNDD) >= 1);
    REQUIRE(layer.rank.upper.to_double(MPFR_RNDU) <= 8.0000001);
  }
  // Prefix and run: two different vectors enter the first layer, so at most rank two.
  REQUIRE(s.by_layer[0].rank.upper.to_double(MPFR_RNDU) <= 2.0000001);
}

TEST_CASE("a run that grows: the bound for every length is above the truth at lengths that were not used, and falls like it") {
  std::size_t tested = 0;
  for (const PositionKind position : {PositionKind::none, PositionKind::rope})
    for (const std::size_t layers : {1, 2}) {
      INFO("positions " << static_cast<int>(position) << ", layers " << layers);
      RandomModel description;
      description.width = 8, description.heads = 2, description.hidden = 16, description.vocab = 8, description.gain = 1, description.layers = layers, description.position = position;
      const Model model = synthetic_model(description);
      SilentProgress silent;
      constexpr std::int64_t length = 159;
      SensitivityRequest question;
      question.length = length - 1, question.rows = 1;
      const Sensitivity truth = sensitivity(model, request_of(length), question, silent);
      const RunFading& run = truth.run;
      REQUIRE(run.refused.empty());
      REQUIRE(run.from <= length);
      REQUIRE(truth.tokens.size() == length);
      for (std::size_t i = 0; i + 1 < truth.tokens.size(); ++i, ++tested) REQUIRE(truth.tokens[i].norms.two.upper <= run.at(length));
      REQUIRE(run.at(1000 * length) < run.at(length));
    }
  REQUIRE(tested == 4 * 158);
  RandomModel description;
  SilentProgress silent;
  for (const PositionKind position : {PositionKind::alibi, PositionKind::sinusoidal}) {
    description.position = position;
    REQUIRE(!run_fading(synthetic_model(description), request_of(4).family, Place::final, Magnitude::of(1), silent).refused.empty());
  }
  description.position = PositionKind::none, description.window = 4;
  REQUIRE(run_fading(synthetic_model(description), request_of(4).family, Place::final, Magnitude::of(1), silent).refused.find("window") != std::string::npos);
}

TEST_CASE("where attention's weights move, Theorem 5.1 is exceeded by the truth, and the report says so") {
  RandomModel description;
  description.identity = true, description.hidden = 0, description.heads = 1, description.width = 4, description.vocab = 4, description.position = PositionKind::none;
  description.one_hot = true, description.unscaled = true, description.pre_norm = false;
  CertifyRequest request = request_of(6);
  request.at = Place::hidden;
  SilentProgress silent;
  const Sensitivity s = sensitivity(synthetic_model(description), request, {}, silent);
  REQUIRE(s.not_the_papers.empty());
  // One layer would have |J_{n,i}|_2 = alpha_i |I + (v_i - o) q^T|_2 > alpha_i wherever v_i is not o.
  std::size_t exceeded = 0;
  for (const TokenSensitivity& t : s.tokens) exceeded += *t.paper < t.norms.two.lower;
  REQUIRE(exceeded > 0);
  bool said = false;
  for (const std::string& sentence : sensitivity_sentences(s)) said = said || sentence.find("is violated by the truth at " + std::to_string(exceeded)) != std::string::npos;
  REQUIRE(said);
}

TEST_CASE("what cannot be asked is said") {
  RandomModel description;
  description.width = 16, description.vocab = 8;
  const Model model = synthetic_model(description);
  const Family family = request_of(4).family;
  SensitivityRequest question;
  question.length = 9;
  REQUIRE(problem_of(question, family, model)->key == "length");
  question = {};
  question.token = 8;
  REQUIRE(problem_of(question, family, model)->key == "token");
  question.token = 3, question.against = 3;
  REQUIRE(problem_of(question, family, model)->key == "against");
  question.against = 2, question.of = Output::vector;
  REQUIRE(problem_of(question, family, model));
  question.of.reset();
  REQUIRE(!problem_of(question, family, model));
}
