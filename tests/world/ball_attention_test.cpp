// Attention in integers against FLINT's dot products, which share no code with it, and against exact points of the balls.
#include "lib/world/ball_attention.hpp"

#include <algorithm>

#include "tests/catch.hpp"
#include "tests/number/random_balls.hpp"
#include "tests/threads.hpp"

namespace snellen {
namespace {

struct Setting {
  Attention attention;
  std::vector<std::vector<Column>> blocks;  // appended one after the other
  std::size_t tokens() const {
    std::size_t count = 0;
    for (const auto& block : blocks) count += block.size();
    return count;
  }
};

// Trunk tokens, then branches of two tokens each that leave it at random places.
Setting random_setting(SplitMix64& random) {
  Setting s;
  s.attention.kv_heads = 1 + random.below(2);
  s.attention.heads = s.attention.kv_heads * (1 + random.below(3));
  s.attention.head_size = 1 + random.below(19);
  s.attention.scale = {static_cast<double>(s.attention.head_size), true};
  if (random.below(4) == 0) s.attention.softcap = 5;
  if (random.below(3) == 0) s.attention.window = 1 + random.below(12);
  if (random.below(4) == 0) s.attention.alibi = alibi_slopes(s.attention.heads);
  const std::size_t trunk = 1 + random.below(20);
  SequenceTree tree(std::vector<Token>(trunk, 0));
  for (std::size_t b = random.below(4); b > 0; --b) tree.add(random.below(trunk + 1), {0, 0});
  const std::vector<Column>& columns = tree.columns();
  // A cut through the trunk's tokens or between branches; a branch is never cut.
  const std::size_t cut = random.below(2) == 0 ? columns.size() : std::min(columns.size(), 1 + random.below(trunk));
  s.blocks.emplace_back(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(cut));
  if (cut < columns.size()) s.blocks.emplace_back(columns.begin() + static_cast<std::ptrdiff_t>(cut), columns.end());
  return s;
}

BallMatrix columns_of(const BallMatrix& x, std::size_t begin, std::size_t count) {
  BallMatrix y(x.rows(), count);
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t c = 0; c < count; ++c) arb_set(y(i, c), x(i, begin + c));
  return y;
}

using AttendBlock = BallMatrix (*)(const Attention&, const BallMatrix&, std::span<const Column>, std::size_t, const BallMemory&, long);

BallMatrix by_dots(const Attention& a, const BallMatrix& q, std::span<const Column> columns, std::size_t first, const BallMemory& memory, long bits) {
  BallMatrix mixed(q.rows(), columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (std::size_t h = 0; h < a.heads; ++h) ball_attention_by_dots(a, q, columns[c], c, h, first, memory, bits, mixed);
  return mixed;
}

// The mixtures of all blocks, side by side.
BallMatrix attend(const Setting& s, const BallMatrix& q, const BallMatrix& k, const BallMatrix& v, long bits, AttendBlock attend_block) {
  BallMemory memory;
  BallMatrix all(q.rows(), s.tokens());
  for (const auto& block : s.blocks) {
    const std::size_t first = memory.entries;
    memory.append(columns_of(k, first, block.size()), columns_of(v, first, block.size()), s.attention.kv_heads, bits);
    const BallMatrix mixed = attend_block(s.attention, columns_of(q, first, block.size()), block, first, memory, bits);
    for (std::size_t i = 0; i < q.rows(); ++i)
      for (std::size_t c = 0; c < block.size(); ++c) arb_set(all(i, first + c), mixed(i, c));
  }
  return all;
}

BallMatrix random_points(SplitMix64& random, const BallMatrix& x) {
  BallMatrix points(x.rows(), x.columns());
  for (std::size_t i = 0; i < x.rows(); ++i)
    for (std::size_t c = 0; c < x.columns(); ++c) random_point(random, points(i, c), x(i, c));
  return points;
}

}  // namespace

TEST_CASE("attention in integers overlaps FLINT's and contains the mixtures of random points") {
  SplitMix64 random(41);
  std::size_t entries = 0, finite = 0, points = 0;
  for (Balls kind : {Balls::last_bit, Balls::exact_doubles, Balls::exact_long, Balls::wide, Balls::mixed_radii, Balls::outlier, Balls::tiny,
                     Balls::spread, Balls::zeros, Balls::radii_only, Balls::beyond, Balls::not_finite})
    for (int round = 0; round < 12; ++round) {
      const long bits = round % 3 == 0 ? 53 : round % 3 == 1 ? 200 : 400;
      const Setting s = random_setting(random);
      const Attention& a = s.attention;
      // One kind for all three, or an ordinary kind beside it.
      const auto kind_of = [&] { return random.below(3) == 0 ? Balls::last_bit : kind; };
      const BallMatrix q = random_balls(random, a.heads * a.head_size, s.tokens(), kind_of(), bits);
      const BallMatrix k = random_balls(random, a.kv_heads * a.head_size, s.tokens(), kind_of(), bits);
      const BallMatrix v = random_balls(random, a.kv_heads * a.head_size, s.tokens(), kind_of(), bits);
      const BallMatrix y = attend(s, q, k, v, bits, ball_attention);
      const BallMatrix oracle = attend(s, q, k, v, bits, by_dots), finer = attend(s, q, k, v, 3 * bits, by_dots);
      const BallMatrix exact = attend(s, random_points(random, q), random_points(random, k), random_points(random, v), 4 * bits, by_dots);
      for (std::size_t i = 0; i < y.rows(); ++i)
        for (std::size_t c = 0; c < y.columns(); ++c, ++entries) {
          INFO("balls " << static_cast<int>(kind) << " round " << round << " at " << i << ", " << c);
          finite += arb_is_finite(y(i, c)) != 0;
          if (arb_is_finite(oracle(i, c))) {
            REQUIRE(arb_is_finite(y(i, c)));
            REQUIRE(arb_overlaps(y(i, c), oracle(i, c)));
            REQUIRE(arb_overlaps(y(i, c), finer(i, c)));
          }
          if (!arb_is_finite(exact(i, c))) continue;
          REQUIRE(arb_overlaps(y(i, c), exact(i, c)));
          ++points;
        }
    }
  CHECK(entries > 20000);
  CHECK(finite > entries / 2);
  CHECK(points > entries / 2);
}

TEST_CASE("radii of mixtures are not wider than FLINT's, and far less where the values agree") {
  SplitMix64 random(42);
  std::size_t compared = 0;
  double worst = -INFINITY, best = INFINITY;
  for (int round = 0; round < 20; ++round) {
    Setting s = random_setting(random);
    s.attention.alibi.clear();
    const Attention& a = s.attention;
    const BallMatrix q = random_balls(random, a.heads * a.head_size, s.tokens(), Balls::last_bit, 160);
    const BallMatrix k = random_balls(random, a.kv_heads * a.head_size, s.tokens(), Balls::last_bit, 200);
    BallMatrix v = random_balls(random, a.kv_heads * a.head_size, s.tokens(), Balls::last_bit, 200);
    const bool agree = round % 2 == 0;
    if (agree)
      for (std::size_t i = 0; i < v.rows(); ++i)
        for (std::size_t c = 1; c < v.columns(); ++c) arb_set(v(i, c), v(i, 0));
    const BallMatrix y = attend(s, q, k, v, 200, ball_attention), oracle = attend(s, q, k, v, 200, by_dots);
    for (std::size_t i = 0; i < y.rows(); ++i)
      for (std::size_t c = 0; c < y.columns(); ++c) {
        if (a.window && *a.window == 1) continue;
        if (c == 0) continue;  // sees itself only
        const double gain = mag_get_d_log2_approx(arb_radref(y(i, c))) - mag_get_d_log2_approx(arb_radref(oracle(i, c)));
        if (agree) best = std::min(best, gain);
        else worst = std::max(worst, gain), ++compared;
      }
  }
  CHECK(compared > 500);
  CHECK(worst < 0.6);   // bits
  CHECK(best < -10);
}

TEST_CASE("attention is the same for any number of threads") {
  SplitMix64 random(43);
  for (int round = 0; round < 6; ++round) {
    const Setting s = random_setting(random);
    const Attention& a = s.attention;
    const BallMatrix q = random_balls(random, a.heads * a.head_size, s.tokens(), Balls::last_bit, 200);
    const BallMatrix k = random_balls(random, a.kv_heads * a.head_size, s.tokens(), Balls::mixed_radii, 200);
    const BallMatrix v = random_balls(random, a.kv_heads * a.head_size, s.tokens(), Balls::outlier, 200);
    const auto with = [&](int count) {
      const Threads threads(count);
      return attend(s, q, k, v, 200, ball_attention);
    };
    const BallMatrix one = with(1), three = with(3);
    REQUIRE(arb_mat_equal(one.get(), three.get()));
  }
}

}  // namespace snellen
