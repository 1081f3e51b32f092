// The closed form of attention under rotary positions against the decoder that reads every token, and its parts against sums and differences.
#include "lib/world/rotary_world.hpp"

#include "lib/model/decoder.hpp"
#include "lib/model/family.hpp"
#include "lib/model/synthetic.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

RandomModel one_layer(std::uint64_t seed) {
  RandomModel m;
  m.seed = seed, m.layers = 1, m.width = 32, m.heads = 4, m.position = PositionKind::rope;
  return m;
}

std::vector<Column> known_columns(const Family& family) {
  std::vector<Column> columns;
  for (const Token token : family.prefix) columns.push_back({token, 0, 0, 0});
  columns.push_back({family.unit[0], 0, 0, 0});
  for (const Token token : family.suffix) columns.push_back({token, 0, 0, 0});
  return columns;
}

std::vector<Column> lengths_of(const Family& family, std::int64_t from, std::int64_t to) {
  std::vector<Column> columns;
  for (std::int64_t n = from; n <= to; ++n) columns.push_back({family.suffix.empty() ? family.unit[0] : family.suffix.back(), n, 0, 0});
  return columns;
}

// Overlap of finite balls with at least `least` accurate bits in each of them.
void require_same(const BallMatrix& a, std::size_t i, std::size_t column, const BallMatrix& b, std::size_t other, long least) {
  REQUIRE((arb_is_finite(a(i, column)) && arb_is_finite(b(i, other))));
  REQUIRE(arb_rel_accuracy_bits(a(i, column)) >= least);
  REQUIRE(arb_rel_accuracy_bits(b(i, other)) >= least);
  REQUIRE(arb_overlaps(a(i, column), b(i, other)));
}

std::size_t compare(const RandomModel& description, const Family& family, std::int64_t to, const MassSettings& settings, long least) {
  const Model model = synthetic_model(description);
  Family all = family;
  all.from = 1, all.to = to;
  const BallWorld balls(128);
  const Decoder<BallWorld> plain(model, balls);
  Decoder<BallWorld>::Memory past;
  const FamilyBlock block = family_block(all);
  const BallMatrix expected = plain.final(plain.hidden(block.columns, past));
  const RotaryWorld world(128, {family.prefix.size(), family.suffix.size()}, settings);
  const Decoder<RotaryWorld> decoder(model, world);
  Decoder<RotaryWorld>::Memory memory;
  decoder.hidden(known_columns(family), memory);
  const BallMatrix found = decoder.final(decoder.hidden(lengths_of(family, 1, to), memory));
  std::size_t compared = 0;
  for (std::int64_t n = 1; n <= to; ++n)
    for (std::size_t i = 0; i < found.rows(); ++i, ++compared) require_same(found, i, static_cast<std::size_t>(n - 1), expected, block.first[static_cast<std::size_t>(n - 1)], least);
  return compared;
}

Family run_of(std::vector<Token> prefix, std::vector<Token> suffix = {}) {
  Family family;
  family.prefix = std::move(prefix), family.unit = {2}, family.suffix = std::move(suffix);
  return family;
}

}  // namespace

TEST_CASE("rotary run: the closed form is what the decoder computes token by token") {
  MassSettings quick;
  quick.most_modes = 100;
  REQUIRE(compare(one_layer(1), run_of({1}), 300, quick, 60) == 300 * 32);
  REQUIRE(compare(one_layer(2), run_of({1, 3, 4, 2}), 60, quick, 60) == 60 * 32);
  REQUIRE(compare(one_layer(3), run_of({}, {5}), 60, quick, 60) == 60 * 32);
  REQUIRE(compare(one_layer(4), run_of({1, 2}, {5, 2, 6}), 60, quick, 60) == 60 * 32);
  RandomModel m = one_layer(5);
  m.kv_heads = 2, m.bias = true, m.qk_norm = true, m.post_norms = true, m.rotary_dimensions = 4, m.rope_base = 500000;
  REQUIRE(compare(m, run_of({1, 3}), 60, quick, 60) == 60 * 32);
  m = one_layer(6);
  m.head_size = 64, m.heads = 2, m.norm = NormKind::layer, m.activation = Activation::gelu_tanh;
  REQUIRE(compare(m, run_of({1, 3}), 60, quick, 60) == 60 * 32);
}
