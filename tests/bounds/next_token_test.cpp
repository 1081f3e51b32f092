#include "bounds/next_token.hpp"

#include <cmath>

#include "bounds/evaluate.hpp"
#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"
#include "tests/model/zoo.hpp"
#include "tests/world/enclosing.hpp"

using namespace snellen;
using namespace snellen::testing;

TEST_CASE("certified next tokens are the ones of all logits, compared") {
  std::size_t tested = 0;
  for (const Specimen& specimen : zoo()) {
    INFO(specimen.name);
    const Model model = synthetic_model(specimen.description);
    const BallWorld world(200);
    const Decoder<BallWorld> decoder(model, world);
    Decoder<BallWorld>::Memory memory;
    const auto y = decoder.final(decoder.hidden(SequenceTree({1, 2, 3, 3, 3}).columns(), memory));
    const auto tokens = certified_next_tokens(model, world, y);
    const auto logits = world.linear(model.unembedding, y);
    for (std::size_t c = 0; c < 5; ++c) {
      const auto column = world.enclosures(logits, c);
      REQUIRE(tokens[c].has_value());
      for (std::size_t t = 0; t < column.size(); ++t)
        if (static_cast<Token>(t) != *tokens[c]) REQUIRE(column[t].upper < column[static_cast<std::size_t>(*tokens[c])].lower);
      ++tested;
    }
  }
  REQUIRE(tested == 5 * zoo().size());
}

// y = (1 +- 1/2, 1), and rows that give the logits [1/2, 3/2] and 3/4, in both orders: the token whose lower end is largest is not certified, whichever
// came first, and was passed on the way.
TEST_CASE("a token that may exceed the leader keeps it from being certified, before it and after it") {
  Model model;
  model.width = 2;
  BallMatrix y(2, 1);
  arb_one(y(0, 0)), arb_one(y(1, 0));
  mag_set_d(arb_radref(y(0, 0)), 0.5);
  const BallWorld world(128);
  const auto next = [&](const std::vector<double>& rows) {
    model.vocabulary = rows.size() / 2;
    model.unembedding.weight = std::make_shared<DenseTensor>(model.vocabulary, 2, rows);
    return certified_next_tokens(model, world, y)[0];
  };
  REQUIRE(next({1, 0, 0, 0.75}) == std::nullopt);
  REQUIRE(next({0, 0.75, 1, 0}) == std::nullopt);
  REQUIRE(next({1, 0, 0, 0.75, 0, -1}) == std::nullopt);
  REQUIRE(next({1, 0, 0, 1.75}) == Token{1});
  REQUIRE(next({0, 1.75, 1, 0}) == Token{0});
  // Exactly equal, and known exactly.
  REQUIRE(next({0, 1, 0, 1}) == std::nullopt);
  REQUIRE(next({0, 1, 0, 0.5}) == Token{0});
}

TEST_CASE("a tie of two logits is never decided, and a close race only by enough precision") {
  Model model = synthetic_model(zoo()[0].description);
  const BallWorld world(200);
  const Decoder<BallWorld> decoder(model, world);
  Decoder<BallWorld>::Memory memory;
  const auto y = decoder.final(decoder.hidden(SequenceTree({1, 2, 3}).columns(), memory));
  const auto v = world.enclosures(y, 2);
  const auto sign = [&](std::size_t i) { return v[i].lower.to_double(MPFR_RNDN) > 0 ? 1.0 : -1.0; };
  // Logits |y_0|, |y_0| and zeros: a tie at the top.
  std::vector<double> weights(model.vocabulary * model.width, 0.0);
  weights[0] = weights[model.width] = sign(0);
  model.unembedding.weight = std::make_shared<DenseTensor>(model.vocabulary, model.width, weights);
  REQUIRE(!certified_next_tokens(model, world, y)[2].has_value());
  // Token 1 ahead by 2^-80 |y_1|: 64 bits cannot see it, 200 can.
  weights[model.width + 1] = sign(1) * std::ldexp(1, -80);
  model.unembedding.weight = std::make_shared<DenseTensor>(model.vocabulary, model.width, weights);
  REQUIRE(certified_next_tokens(model, world, y)[2] == Token{1});
  const BallWorld coarse(64);
  REQUIRE(!certified_next_tokens(model, coarse, coarse.select(y, std::vector<std::size_t>{0, 1, 2}))[2].has_value());
}

TEST_CASE("sums of doubles that come out in the wrong order decide nothing") {
  constexpr std::size_t width = 64;
  Model model;
  model.width = width, model.vocabulary = 3;
  BallMatrix y(width, 1);
  for (std::size_t k = 0; k < width; ++k) arb_one(y(k, 0));
  // 1 + 63 a, of which doubles lose all; 63 b + 1, of which they lose little, b < a.
  std::vector<double> rows(3 * width, 0x1.9p-54);
  rows[0] = 1;
  for (std::size_t k = 0; k + 1 < width; ++k) rows[width + k] = 0x1.8p-54;
  rows[2 * width - 1] = 1;
  std::fill(rows.begin() + 2 * width, rows.end(), 0.0);
  for (const auto& [from, to] : std::vector<std::pair<std::size_t, std::size_t>>{{0, 0}, {0, 1}}) {
    std::vector<double> some = rows;
    if (from != to) std::swap_ranges(some.begin(), some.begin() + width, some.begin() + width);
    model.unembedding.weight = std::make_shared<DenseTensor>(3, width, some);
    REQUIRE(certified_next_tokens(model, BallWorld(128), y)[0] == static_cast<Token>(to));
  }
  // As much as the sums' order adds a bias that is rounded away.
  model.unembedding.weight = std::make_shared<DenseTensor>(3, width, std::vector<double>(3 * width, 1.0));
  model.unembedding.bias = std::make_shared<DenseTensor>(1, 3, std::vector<double>{0, 0x1p-60, 0});
  REQUIRE(certified_next_tokens(model, BallWorld(128), y)[0] == Token{1});
}

// Radii of all sizes, so that some columns are given up by doubles and some are decided by a hair: nothing is lost that balls can tell.
TEST_CASE("what is given up without balls is what they could not certify, and nothing else") {
  constexpr std::size_t width = 4, vocabulary = 5, count = 400;
  SplitMix64 random(7);
  const auto small = [&](std::int64_t size) { return static_cast<double>(static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(2 * size + 1))) - size); };
  const BallWorld world(128);
  std::size_t certified = 0, open = 0;
  for (std::size_t round = 0; round < 20; ++round) {
    Model model;
    model.width = width, model.vocabulary = vocabulary;
    std::vector<double> rows(width * vocabulary), biases(vocabulary);
    for (double& entry : rows) entry = small(4);
    for (double& entry : biases) entry = small(2);
    model.unembedding.weight = std::make_shared<DenseTensor>(vocabulary, width, rows);
    if (round % 2) model.unembedding.bias = std::make_shared<DenseTensor>(1, vocabulary, biases);
    BallMatrix y(width, count);
    for (std::size_t c = 0; c < count; ++c)
      for (std::size_t k = 0; k < width; ++k) {
        arb_set_d(y(k, c), small(8) / 4);
        mag_set_ui_2exp_si(arb_radref(y(k, c)), random.below(8), -5);
      }
    const auto tokens = certified_next_tokens(model, world, y);
    const auto logits = world.linear(model.unembedding, y);
    for (std::size_t c = 0; c < count; ++c) {
      const auto column = world.enclosures(logits, c);
      std::optional<Token> expected;
      for (std::size_t t = 0; t < vocabulary; ++t) {
        bool leads = true;
        for (std::size_t i = 0; i < vocabulary; ++i) leads &= i == t || column[i].upper < column[t].lower;
        if (leads) expected = static_cast<Token>(t);
      }
      REQUIRE(tokens[c] == expected);
      (expected ? certified : open)++;
    }
  }
  REQUIRE(certified > 1000);
  REQUIRE(open > 1000);
}
