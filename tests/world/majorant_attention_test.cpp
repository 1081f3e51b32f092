// One head of attention under majorants against sums token by token, where the sequences go as far from their limits as they may, and where what is left of the
// bound is an equality. Lemmas: proofs/majorant.md, "Attention".
#include <cmath>
#include <memory>
#include <vector>

#include "lib/world/majorant.hpp"
#include "tests/catch.hpp"
#include "tests/number/decay_values.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

using Vector = std::vector<double>;

// A column of the run: limit + sign * (deviation * M/j + (-1)^j swing * (M/j)^2), M the first world's.
struct Moving {
  Vector limit, deviation;
  double swing = 0;
};

// Explicit tokens P . U^copies, then the run's columns and the suffix's. One head.
struct Scene {
  RunShape shape;
  std::vector<Vector> keys, values;  // explicit, not rotated
  std::vector<Moving> q, k, v;       // of the unit, then of the suffix
  std::vector<long> stages;          // the first is copies + 1
  long last = 200;
  std::optional<double> softcap;
  std::optional<std::size_t> window;
  bool rotary = false, alibi = false;

  long first() const { return stages.front(); }
  std::size_t size() const { return q[0].limit.size(); }
  Attention attention() const {
    Attention a;
    a.heads = a.kv_heads = 1, a.head_size = size();
    a.softcap = softcap, a.window = window;
    if (rotary) a.rotary = Rotary{10000, 2};
    if (alibi) a.alibi = {Slope{1, 1}};
    return a;
  }
};

struct Signs {
  int q, k, v;
  bool alternate;  // from column to column
};

BallVector at(const Moving& x, int sign, const Scene& s, long j) {
  BallVector result(x.limit.size());
  Ball t;
  for (std::size_t i = 0; i < x.limit.size(); ++i) {
    arb_set_d(t, sign * x.deviation[i]);
    arb_mul_ui(t, t, static_cast<unsigned long>(s.first()), decay_bits);
    arb_div_ui(t, t, static_cast<unsigned long>(j), decay_bits);
    arb_set_d(result[i], x.limit[i]);
    arb_add(result[i], result[i], t, decay_bits);
    arb_set_d(t, (j % 2 == 0 ? sign : -sign) * x.swing);
    arb_mul_ui(t, t, static_cast<unsigned long>(s.first() * s.first()), decay_bits);
    arb_div_ui(t, t, static_cast<unsigned long>(j * j), decay_bits);
    arb_add(result[i], result[i], t, decay_bits);
  }
  return result;
}

// The first two entries turn by the position.
void turn(BallVector& x, const Scene& s, long position) {
  if (!s.rotary) return;
  Ball angle, sine, cosine, a, b;
  arb_set_si(angle, position);
  arb_sin_cos(sine, cosine, angle, decay_bits);
  arb_mul(a, x[0], cosine, decay_bits), arb_submul(a, x[1], sine, decay_bits);
  arb_mul(b, x[1], cosine, decay_bits), arb_addmul(b, x[0], sine, decay_bits);
  arb_swap(x[0], a), arb_swap(x[1], b);
}

// The head's output at column c of copy j (of the suffix: after j copies), from the tokens one by one.
BallVector direct(const Scene& s, std::size_t c, long j, const Signs& signs) {
  const long unit = static_cast<long>(s.shape.unit), prefix = static_cast<long>(s.shape.prefix), column = static_cast<long>(c);
  const long own = column < unit ? prefix + (j - 1) * unit + column : prefix + j * unit + column - unit;
  const auto sign = [&](int of, std::size_t b) { return signs.alternate && b % 2 == 1 ? -of : of; };
  BallVector query = at(s.q[c], sign(signs.q, c), s, j), sums(s.size());
  turn(query, s, own);
  Ball mass, score, distance;
  const auto see = [&](BallVector key, const BallVector& value, long position) {
    if (position > own || (s.window && position + static_cast<long>(*s.window) <= own)) return;
    turn(key, s, position);
    arb_zero(score);
    for (std::size_t i = 0; i < s.size(); ++i) arb_addmul(score, query[i], key[i], decay_bits);
    if (s.softcap) {
      arb_set_d(distance, *s.softcap);
      arb_div(score, score, distance, decay_bits);
      arb_tanh(score, score, decay_bits);
      arb_mul(score, score, distance, decay_bits);
    }
    if (s.alibi) {
      arb_set_si(distance, own - position), arb_mul_2exp_si(distance, distance, -1);
      arb_sub(score, score, distance, decay_bits);
    }
    arb_exp(score, score, decay_bits);
    arb_add(mass, mass, score, decay_bits);
    for (std::size_t i = 0; i < s.size(); ++i) arb_addmul(sums[i], score, value[i], decay_bits);
  };
  const auto exact = [](const Vector& x) {
    BallVector result(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) arb_set_d(result[i], x[i]);
    return result;
  };
  for (std::size_t e = 0; e < s.keys.size(); ++e) see(exact(s.keys[e]), exact(s.values[e]), static_cast<long>(e));
  for (long i = s.first(); i <= j; ++i)
    for (std::size_t b = 0; b < s.shape.unit; ++b)
      see(at(s.k[b], sign(signs.k, b), s, i), at(s.v[b], sign(signs.v, b), s, i), prefix + (i - 1) * unit + static_cast<long>(b));
  for (std::size_t b = s.shape.unit; b < s.k.size(); ++b)
    see(at(s.k[b], sign(signs.k, b), s, j), at(s.v[b], sign(signs.v, b), s, j), prefix + j * unit + static_cast<long>(b) - unit);
  for (std::size_t i = 0; i < s.size(); ++i) arb_div(sums[i], sums[i], mass, decay_bits);
  return sums;
}

MajorantBlock block_of(const std::vector<Moving>& columns, const Scene& s, long stage) {
  const std::size_t size = s.size();
  MajorantBlock x(BallMatrix(size, 2 * columns.size()));
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (std::size_t i = 0; i < size; ++i) {
      Magnitude deviation, swing;
      mag_set_d(deviation.get(), columns[c].deviation[i]), mag_set_d(swing.get(), columns[c].swing);
      deviation *= quotient(s.first(), stage), swing *= quotient(s.first(), stage) * quotient(s.first(), stage);
      arb_set_d(x.balls(i, c), columns[c].limit[i]);
      arb_set(x.balls(i, columns.size() + c), x.balls(i, c));
      arb_add_error_mag(x.balls(i, columns.size() + c), (deviation + swing).get());
      // M/(j-1) - M/j = (1/M) (j/(j-1)) (M/j)^2, and (M/(j-1))^2 + (M/j)^2 = (1 + (j/(j-1))^2) (M/j)^2.
      const Magnitude ratio = quotient(stage + 1, stage);
      StepDecay step = StepDecay::inverse(deviation * ratio * quotient(1, stage));
      step += StepDecay::inverse(swing * (Magnitude::of(1UL) + ratio * ratio));
      x.motion(i, c) = x.rest_of(i, c) = {Decay::inverse(deviation + swing), step};
    }
  return x;
}

// The largest part of a finite bound that a deviation takes, and that a step does.
struct Nearest {
  double deviation = 0, step = 0;
};

bool within(const Nearest& nearest, double deviation, double step) { return nearest.deviation > deviation && nearest.step >= step; }

void raise(double& nearest, const Ball& moved, const Ball& bound) {
  Ball part;
  arb_div(part, moved, bound, 64);
  if (arb_is_finite(part)) nearest = std::max(nearest, arf_get_d(arb_midref(static_cast<arb_srcptr>(part)), ARF_RND_NEAR));
}

// Every stage's output at every column, for lengths near the stage and far: the direct one lies in it, and so does the step to it.
Nearest check(const Scene& s) {
  const std::size_t size = s.size(), columns = s.q.size();
  REQUIRE(s.keys.size() == s.shape.prefix + s.shape.copies * s.shape.unit);
  REQUIRE(s.first() == static_cast<long>(s.shape.copies) + 1);
  BallMatrix k(size, s.keys.size()), v(size, s.keys.size());
  for (std::size_t e = 0; e < s.keys.size(); ++e) {
    BallVector key(size);
    for (std::size_t i = 0; i < size; ++i) arb_set_d(key[i], s.keys[e][i]), arb_set_d(v(i, e), s.values[e][i]);
    turn(key, s, static_cast<long>(e));
    for (std::size_t i = 0; i < size; ++i) arb_set(k(i, e), key[i]);
  }
  BallMemory tokens;
  tokens.append(k, v, 1, decay_bits);
  MajorantMemory memory = MajorantWorld::prepare(std::move(tokens), decay_bits);

  Nearest nearest;
  for (const long stage : s.stages) {
    const MajorantWorld world(stage, s.shape, std::make_shared<const BallWorld>(decay_bits));
    const MajorantBlock output = world.attend(s.attention(), block_of(s.q, s, stage), block_of(s.k, s, stage), block_of(s.v, s, stage), {}, memory);
    std::vector<long> lengths;
    for (long j = stage; j < stage + 12; ++j) lengths.push_back(j);
    for (long j = 2 * stage; j <= s.last; j += j / 2) lengths.push_back(j);
    for (std::size_t corner = 0; corner < (columns > 1 ? 16 : 8); ++corner) {
      const Signs signs{(corner & 1) != 0 ? -1 : 1, (corner & 2) != 0 ? -1 : 1, (corner & 4) != 0 ? -1 : 1, corner >= 8};
      for (const long j : lengths)
        for (std::size_t c = 0; c < columns; ++c) {
          const BallVector exact = direct(s, c, j, signs), before = direct(s, c, j > stage ? j - 1 : j, signs);
          const BallMatrix box = world.from(output, c, j), steps = world.steps(output, c, j > stage ? j - 1 : j);
          for (std::size_t i = 0; i < size; ++i) {
            INFO("stage " << stage << " j " << j << " column " << c << " entry " << i << " corner " << corner);
            Ball moved;
            arb_sub(moved, exact[i], output.limit(i, c), decay_bits);
            arb_abs(moved, moved);
            const Ball bound = value_at(output.deviation(i, c), j, stage);
            require_at_least(bound, moved);
            REQUIRE(arb_overlaps(box(i, 0), exact[i]));
            REQUIRE(arb_overlaps(output.range(i, c), exact[i]));
            raise(nearest.deviation, moved, bound);
            if (j == stage) continue;
            arb_sub(moved, exact[i], before[i], decay_bits);
            REQUIRE(arb_overlaps(steps(i, 0), moved));
            arb_abs(moved, moved);
            Ball step = value_at(output.step(i, c), j, stage);
            if (!arb_is_finite(step)) continue;  // nothing is claimed
            require_at_least(step, moved);
            raise(nearest.step, moved, step);
          }
        }
    }
  }
  return nearest;
}

Moving still(Vector limit) {
  Vector none(limit.size());
  return {std::move(limit), std::move(none)};
}

// One token P, equal explicit copies of one token, and a run that stands still: keys and values of one entry.
Scene one_entry(long first, double prefix_key, double prefix_value, double key, double value) {
  Scene s;
  s.shape.prefix = 1, s.shape.copies = static_cast<std::size_t>(first - 1);
  s.keys.assign(1, {prefix_key}), s.values.assign(1, {prefix_value});
  s.keys.insert(s.keys.end(), s.shape.copies, {key}), s.values.insert(s.values.end(), s.shape.copies, {value});
  s.q = {still({1})}, s.k = {still({0})}, s.v = {still({0})};
  s.stages = {first};
  return s;
}

// The same of two positions.
Scene two_positions(long first) {
  Scene s;
  s.shape.prefix = 1, s.shape.unit = 2, s.shape.copies = static_cast<std::size_t>(first - 1);
  s.keys = {{0}}, s.values = {{0}};
  for (long i = 1; i < first; ++i) s.keys.insert(s.keys.end(), {{0}, {0}}), s.values.insert(s.values.end(), {{1}, {-1}});
  s.q = {still({1}), still({1})}, s.k = {still({0}), still({0})}, s.v = {still({1}), still({-1})};
  s.stages = {first};
  return s;
}

}  // namespace

// Of j + 1 tokens one weighs e^3 and says 1, the others weigh 1 and say 0: the output is e^3/(e^3 + j).
TEST_CASE("majorants of attention: one heavy token, in closed form") {
  Scene s = one_entry(20, 3, 1, 0, 0);
  s.last = 20000;
  REQUIRE(within(check(s), 0.997, 0.94));
  s.softcap = 2;
  REQUIRE(within(check(s), 0.997, 0.94));
  s.softcap.reset(), s.stages = {20, 31, 200};
  REQUIRE(within(check(s), 0.997, 0.98));
}

// The first copies weigh e^-3, so that at M the mass is least for its length; all tokens' weights are known.
TEST_CASE("majorants of attention: the least mass is at M") {
  Scene s = one_entry(20, 0, 1, -3, 0);
  REQUIRE(within(check(s), 0.999999, 0.75));
  s.stages = {20, 40};  // the same of a later M, where a part weighs as much as its copies
  REQUIRE(within(check(s), 0.999999, 0.97));
  // Two positions, of which the second, heavy one is not seen by the first.
  s = two_positions(20);
  s.k[1].limit = {2}, s.values[0] = {5};
  for (std::size_t e = 1; e < s.keys.size(); ++e) s.keys[e] = {-3}, s.values[e] = {3};
  REQUIRE(within(check(s), 0.6, 0.6));
}

// Weights known badly one by one, well by their mean: the query is anything from -1 to 1 and the keys 0.05 +- 0.1.
TEST_CASE("majorants of attention: the mass by the mean score") {
  Scene s = one_entry(800, 0, 1, 0, 0);
  for (std::size_t e = 1; e < s.keys.size(); ++e) s.keys[e] = {e % 2 == 0 ? 0.15 : -0.05};
  s.q = {Moving{{0}, {1}}};
  s.last = 800;
  REQUIRE(within(check(s), 0.985, 0.9));
  // The tail's keys move the scores down by as much as 1, least far on the average at j = e M.
  s = one_entry(50, 0, 1, 0, 0);
  s.k = {Moving{{0}, {1}}};
  REQUIRE(within(check(s), 0.75, 0.35));
  // So do those of a part, seen from a later world.
  s.stages = {50, 100};
  REQUIRE(within(check(s), 0.75, 0.35));
}

TEST_CASE("majorants of attention: values that move, in the tail and in parts") {
  Scene s = one_entry(30, 0, 0, 0, 0);
  s.v = {Moving{{0}, {1}}};
  s.last = 3000;
  REQUIRE(within(check(s), 0.97, 0.8));
  s.stages = {30, 90, 91};
  REQUIRE(within(check(s), 0.97, 0.8));
}

TEST_CASE("majorants of attention: several positions, whose keys, queries and values move") {
  const auto moving = [](double query, double key, double value, std::vector<long> stages, std::optional<double> softcap) {
    Scene s = two_positions(stages.front());
    s.stages = std::move(stages), s.softcap = softcap;
    for (std::size_t e = 1; e < s.keys.size(); ++e) s.keys[e] = {e % 2 == 1 ? 0.25 : -0.25};
    for (std::size_t b = 0; b < 2; ++b) s.q[b].deviation = {query}, s.k[b] = Moving{{b == 0 ? 0.25 : -0.25}, {key}}, s.v[b].deviation = {value};
    return check(s);
  };
  for (const std::optional<double>& softcap : {std::optional<double>(), std::optional<double>(2)})
    for (const std::vector<long>& stages : {std::vector<long>{20}, {20, 45}}) {
      REQUIRE(within(moving(0.125, 0, 0, stages, softcap), 0.3, 0.16));
      REQUIRE(within(moving(0, 0.125, 0, stages, softcap), 0.3, 0.16));
      REQUIRE(within(moving(0, 0, 0.125, stages, softcap), 0.3, 0.16));
      REQUIRE(within(moving(0.125, 0.125, 0.5, stages, softcap), 0.3, 0.16));
    }
}

// Back and forth, so that steps are twice the deviation: what a new token brings is little beside them.
TEST_CASE("majorants of attention: queries that swing, and a suffix's values and keys") {
  Scene s = two_positions(20);  // every explicit token has the reference key and the limit's output for value, to 53 bits
  s.k = {still({0}), still({1})}, s.values.assign(s.values.size(), {-std::tanh(0.5)});
  for (Moving& q : s.q) q.swing = 0x1p-6;
  REQUIRE(within(check(s), 0.05, 0.2));
  s.stages = {20, 45};
  REQUIRE(within(check(s), 0.05, 0.2));
  // One token says 1, and the others' weights change: all but the first explicit ones', then those of the tail's second keys.
  s = one_entry(20, 0, 1, -1, 0);
  s.q[0].swing = 0.5;
  REQUIRE(within(check(s), 0.9, 0.25));
  s = two_positions(20);
  s.k = {still({0}), still({1})}, s.v = {still({0}), still({0})}, s.values.assign(s.values.size(), {0}), s.values[0] = {1};
  for (Moving& q : s.q) q.swing = 0.5;
  REQUIRE(within(check(s), 0.1, 0.1));
  // Nothing but the suffix says anything.
  s = one_entry(20, 0, 0, 0, 0);
  s.shape.suffix = 1;
  s.q = {still({1}), still({1})}, s.k = {still({0}), still({1})}, s.v = {still({0}), still({0})};
  s.v[1].swing = 1;
  REQUIRE(within(check(s), 0.8, 0.7));
  s.v[1] = still({4}), s.k[1].swing = 0.5;
  REQUIRE(within(check(s), 0.7, 0.3));
  s = two_positions(10);
  s.window = 4, s.stages = {10, 40};
  s.k = {still({0.5}), still({-0.5})};
  for (Moving& q : s.q) q.swing = 0.5;
  REQUIRE(within(check(s), 0.4, 0.9));
}

TEST_CASE("majorants of attention: a suffix sees its own tokens, heavy ones, too") {
  Scene s = one_entry(20, 1, -1, 0, 0);
  s.shape.suffix = 2, s.last = 2000;
  s.q = {still({1}), still({1}), still({1})}, s.k = {still({0}), still({3}), still({2})}, s.v = {still({0}), still({1}), still({2})};
  REQUIRE(within(check(s), 0.95, 0.94));
  s.stages = {20, 40};
  s.k[1].deviation = {0.25}, s.v[2].deviation = {0.5}, s.q[2].deviation = {0.25};
  REQUIRE(within(check(s), 0.5, 0.95));
}

TEST_CASE("majorants of attention: rotating planes, whatever the angles") {
  Scene s;
  s.rotary = true;
  s.shape.prefix = 2, s.shape.copies = 23, s.stages = {24, 60};
  s.keys = {{0.5, 1, 2}, {-1, 0.25, 0}}, s.values = {{1, 0, 0}, {0, 1, 0}};
  for (std::size_t e = 0; e < 23; ++e) s.keys.push_back({0.25, -0.25, 0.5}), s.values.push_back({0, 0, 1});
  s.q = {Moving{{0.5, -0.5, 1}, {0.125, 0, 0.125}}}, s.k = {Moving{{0.25, -0.25, 0.5}, {0.125, 0.125, 0.125}}}, s.v = {Moving{{0, 0, 1}, {0.25, 0, 0}}};
  s.last = 1000;
  REQUIRE(within(check(s), 0.3, 0));
  s.softcap = 2;
  REQUIRE(within(check(s), 0.2, 0));
}

// One plane that turns by one radian a token; a prefix token and explicit copies that weigh 1 whatever the query and say 0, but for those that are changed.
Scene turning(std::size_t copies, Vector query, Vector key) {
  Scene s;
  s.rotary = true;
  s.shape.prefix = 1, s.shape.copies = copies, s.stages = {static_cast<long>(copies) + 1};
  s.keys.assign(copies + 1, {0, 0}), s.values.assign(copies + 1, {0, 0});
  s.q = {still(std::move(query))}, s.k = {still(std::move(key))}, s.v = {still({0, 0})};
  s.last = 2000;
  return s;
}

// The newest token weighs e^3, the mean of a turning key's weights is 4.9: values that fall are worth more than the mean at first.
TEST_CASE("majorants of attention: the newest tokens weigh more than the mean") {
  Scene s = turning(100, {3, 0}, {1, 0});
  s.v = {Moving{{0, 0}, {1, 0}}};
  REQUIRE(within(check(s), 0.2, 0));
  s.stages = {101, 140};
  REQUIRE(within(check(s), 0.2, 0));
}

// The newest token weighs e^-3: the mass is behind its mean.
TEST_CASE("majorants of attention: the newest tokens weigh less than the mean") {
  Scene s = turning(30, {3, 0}, {-1, 0});
  s.values[0] = {1, 0};
  REQUIRE(within(check(s), 0.84, 0));
}

// Two tokens half a turn apart, of which one is seen at its heaviest from j = M on, e^(2 +- 0.5) as the query moves: more than the modes of the query's limit add up to.
TEST_CASE("majorants of attention: a query's change moves the weights that are known by modes") {
  const double turned = 401;  // the angle from the first of the two to the query of M
  const Vector query{2 * std::cos(turned - 1), -2 * std::sin(turned - 1)};
  Scene s = turning(400, query, {1, 0});
  s.q[0].deviation = {query[0] / 4, query[1] / 4};
  for (const std::size_t e : {1u, 4u}) s.keys[e] = {1, 0}, s.values[e] = {1, 0};
  REQUIRE(within(check(s), 0.4, 0));
}

// All weight is on the oldest token seen: at the last j that sees M, or the last explicit token, the bound is attained.
TEST_CASE("majorants of attention: a window that sees its oldest token alone") {
  for (const std::size_t window : {2u, 4u, 5u}) {
    Scene s = one_entry(6, 0, 0, 0, 0);
    s.window = window;
    s.v = {Moving{{0}, {1}}}, s.k = {Moving{{0}, {0x1p14}}};
    REQUIRE(within(check(s), 0.999999, 0));
    s.stages = {6, 9, 14};
    REQUIRE(within(check(s), 0.999999, 0));
    s = one_entry(6, 0, 0, 0, 0);
    s.window = window;
    s.keys.back() = {64}, s.values.back() = {1};
    REQUIRE(within(check(s), 0.999999, 0.3));
  }
}

// The same by its distance, at still keys: a step is that of the oldest token.
TEST_CASE("majorants of attention: a window's steps, from parts and from explicit tokens") {
  for (const double before : {1, 5}) {
    Scene s;
    s.rotary = true, s.window = 4;
    s.shape.prefix = 1, s.shape.copies = 19;
    s.keys.assign(20, {1, 0}), s.values.assign(20, {before, 0});
    s.q = {still({-20, -3})}, s.k = {still({1, 0})}, s.v = {Moving{{0, 0}, {1, 0.5}}};
    s.stages = {20, 24, 28, 60};
    REQUIRE(within(check(s), 0.9, 0.9));
    s.shape.suffix = 1;
    s.q.push_back(s.q[0]), s.k.push_back(s.k[0]), s.v.push_back(s.v[0]);
    REQUIRE(within(check(s), 0.9, 0.9));
  }
}

TEST_CASE("majorants of attention: windows over several positions and a suffix, at their distances") {
  for (const bool alibi : {false, true})
    for (const std::size_t window : {1u, 2u, 5u, 8u}) {
      Scene s = two_positions(10);
      s.shape.suffix = 1;
      s.window = window, s.alibi = alibi, s.stages = {10, 15};
      s.q.push_back(still({2})), s.k.push_back(still({-1})), s.v.push_back(still({3}));
      s.k[0] = Moving{{0.5}, {0.125}}, s.k[1] = Moving{{-0.5}, {0.0625}}, s.v[1].deviation = {0.25}, s.q[0].deviation = {0.125};
      REQUIRE(within(check(s), 0.1, 0.12));
    }
  Scene s;
  s.rotary = true, s.window = 4;
  s.shape.prefix = 1, s.shape.copies = 9, s.shape.suffix = 1, s.stages = {10};
  s.keys.assign(10, {1, 0.5, 0}), s.values.assign(10, {0, 0, 1});
  s.q = {still({1, -1, 0.5}), still({2, 1, 0})}, s.k = {Moving{{1, 0.5, 0}, {0.0625, 0, 0.125}}, still({-1, 1, 1})}, s.v = {Moving{{0, 0, 1}, {0.25, 0, 0}}, still({1, 2, 3})};
  REQUIRE(within(check(s), 0.1, 0.12));
}
