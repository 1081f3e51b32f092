// Single operations of the majorants' world at the corners of their input sets: every sign of every cause, at its full size. Lemmas: proofs/majorant.md.
#include <functional>
#include <memory>
#include <vector>

#include "lib/world/majorant.hpp"
#include "tests/catch.hpp"
#include "tests/number/decay_values.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

constexpr std::size_t width = 4;
const Length first = 4;

Magnitude of(double x) {
  Magnitude result;
  mag_set_d(result.get(), std::fabs(x));
  return result;
}

TensorPtr tensor(std::size_t rows, std::vector<double> entries) {
  const std::size_t columns = entries.size() / rows;
  return std::make_shared<DenseTensor>(rows, columns, std::move(entries));
}

// What is within x psi_0(j) of its limit at every j >= M, and takes no longer steps than x/8 psi_0(j)^2.
Motion within(double x) { return {Decay::inverse(of(x)), StepDecay::inverse(of(x / 8))}; }

// One column: x_j = limit + (linear e + rest) psi_0(j), the factors e and the rests of any sign up to these sizes.
struct Set {
  std::vector<double> limit, rest;
  std::vector<double> factors, linear;  // linear[i * factors + g]
};

MajorantBlock block_of(const Set& s) {
  MajorantBlock x(BallMatrix(s.limit.size(), 2));
  x.linear = BallMatrix(s.limit.size(), s.factors.size());
  for (const double f : s.factors) x.factors.push_back(within(f));
  for (std::size_t i = 0; i < s.limit.size(); ++i) {
    double all = s.rest[i];
    for (std::size_t g = 0; g < s.factors.size(); ++g) {
      arb_set_d(x.linear(i, g), s.linear[i * s.factors.size() + g]);
      all += std::fabs(s.linear[i * s.factors.size() + g] * s.factors[g]);
    }
    arb_set_d(x.balls(i, 0), s.limit[i]), arb_set_d(x.balls(i, 1), s.limit[i]);
    arb_add_error_mag(x.balls(i, 1), of(all).get());
    x.motion(i, 0) = within(all), x.rest_of(i, 0) = within(s.rest[i]);
  }
  return x;
}

double sign(std::size_t corner, std::size_t bit) { return (corner >> bit & 1) != 0 ? -1 : 1; }

// The factors and rests at these parts of their sizes.
BallMatrix at(const Set& s, std::size_t corner, std::size_t rest_corner, const Ball& decay) {
  BallMatrix x(s.limit.size(), 1);
  Ball t;
  for (std::size_t i = 0; i < s.limit.size(); ++i) {
    double all = sign(rest_corner, i) * s.rest[i];
    for (std::size_t g = 0; g < s.factors.size(); ++g) all += sign(corner, g) * s.linear[i * s.factors.size() + g] * s.factors[g];
    arb_set_d(t, all);
    arb_mul(t, t, decay, decay_bits);
    arb_set_d(x(i, 0), s.limit[i]);
    arb_add(x(i, 0), x(i, 0), t, decay_bits);
  }
  return x;
}

// bound >= |truth|, for every number of the ball `truth` that could make it fail.
void require_bounds(arb_srcptr bound, arb_srcptr truth) {
  Ball size;
  arb_abs(size, truth);
  REQUIRE(arb_is_finite(bound));
  REQUIRE(arb_is_finite(size));
  REQUIRE(mag_cmp_2exp_si(arb_radref(static_cast<arb_srcptr>(size)), -45) < 0);
  REQUIRE(!arb_lt(bound, size));
}

struct Tested {
  std::size_t corners = 0;
  double nearest = 0;  // the largest part of its bound that a deviation takes
  double nearest_step = 0;  // likewise, in every fifth corner
};

const MajorantWorld& world() {
  static const MajorantWorld w(first, RunShape{}, std::make_shared<const BallWorld>(128));
  return w;
}

// Of the factors that the sets share.
std::vector<double> sizes_of(const std::vector<Set>& sets) {
  std::size_t factors = 0;
  for (const Set& s : sets) factors = std::max(factors, s.factors.size());
  std::vector<double> sizes(factors);
  for (const Set& s : sets) std::copy(s.factors.begin(), s.factors.end(), sizes.begin());
  return sizes;
}

using Operation = std::function<BallMatrix(const std::vector<BallMatrix>&)>;

// Steps from points in the midst of the sets and at their ends, all factors and rests moved by as much as they may.
void check_steps(Tested& tested, const std::vector<Set>& sets, const MajorantBlock& y, const Operation& exact, std::size_t corner, std::size_t rests) {
  const std::vector<double> sizes = sizes_of(sets);
  const std::size_t factors = sizes.size();
  for (const int place : {-4, 0, 3}) {  // x_(j-1) in quarters of what x_j may deviate, in the corner's direction; the step goes in this direction, too
    const Length j = place == 0 ? Length(9 * first) : Length(first + 1);
    Ball decay = psi(0, j, first), before, after, step = psi(0, j, first, 2);
    arb_mul_2exp_si(step, step, -3);
    arb_mul_si(before, decay, place, decay_bits), arb_mul_2exp_si(before, before, -2);
    arb_add(after, before, step, decay_bits);
    REQUIRE(arb_le(after, decay));
    std::vector<BallMatrix> from, to;
    for (std::size_t k = 0; k < sets.size(); ++k)
      from.push_back(at(sets[k], corner, rests >> (k * width), before)), to.push_back(at(sets[k], corner, rests >> (k * width), after));
    const BallMatrix a = exact(from), b = exact(to);
    for (std::size_t i = 0; i < y.width(); ++i) {
      INFO("step, corner " << corner << " rests " << rests << " j " << j << " from " << place << "/4, entry " << i);
      Ball moved, t, slope;
      arb_sub(moved, b(i, 0), a(i, 0), decay_bits);
      const Ball bound = value_at(y.step(i, 0), j, first);
      require_bounds(bound, moved);
      arb_div(t, moved, bound, 64);
      if (arb_is_finite(t)) tested.nearest_step = std::max(tested.nearest_step, std::fabs(arf_get_d(arb_midref(static_cast<arb_srcptr>(t)), ARF_RND_NEAR)));
      for (std::size_t g = 0; g < factors; ++g) {
        arb_set_d(t, sign(corner, g) * sizes[g]);
        arb_mul(t, t, step, decay_bits);
        if (mag_cmp_2exp_si(arb_radref(y.linear(i, g)), -45) < 0) arb_set(slope, y.linear(i, g));
        else arb_get_mid_arb(slope, y.linear(i, g));
        arb_submul(moved, t, slope, decay_bits);
      }
      require_bounds(value_at(y.rest_of(i, 0).step, j, first), moved);
    }
  }
}

// y is what the operation makes of the sets; `exact` what it makes of one point of each. The sets share their factors.
void check(Tested& tested, const std::vector<Set>& sets, const MajorantBlock& y, const Operation& exact) {
  const std::vector<double> sizes = sizes_of(sets);
  const std::size_t factors = sizes.size();
  REQUIRE(y.factor_count() == factors);
  const auto points = [&](std::size_t corner, std::size_t rests, const Length& j) {
    std::vector<BallMatrix> x;
    for (std::size_t k = 0; k < sets.size(); ++k) x.push_back(at(sets[k], corner, rests >> (k * width), psi(0, j, first)));
    return exact(x);
  };
  for (std::size_t corner = 0; corner < std::size_t{1} << factors; ++corner)
    for (std::size_t rests = 0; rests < std::size_t{1} << (width * sets.size()); ++rests) {
      bool needed = true;  // signs of nothing
      for (std::size_t k = 0; k < sets.size(); ++k)
        for (std::size_t i = 0; i < width; ++i) needed = needed && (sets[k].rest[i] != 0 || (rests >> (k * width + i) & 1) == 0);
      if (!needed) continue;
      ++tested.corners;
      if (tested.corners % 5 == 1) check_steps(tested, sets, y, exact, corner, rests);
      for (const Length& j : {first, Length(9 * first)}) {
        const BallMatrix point = points(corner, rests, j), box = world().from(y, 0, j);
        const Ball decay = psi(0, j, first);
        for (std::size_t i = 0; i < y.width(); ++i) {
          INFO("corner " << corner << " rests " << rests << " j " << j << " entry " << i);
          Ball moved, left, slope, t;
          arb_sub(moved, point(i, 0), y.limit(i, 0), decay_bits);
          const Ball bound = value_at(y.deviation(i, 0), j, first);
          require_bounds(bound, moved);
          REQUIRE(arb_overlaps(box(i, 0), point(i, 0)));
          REQUIRE(arb_overlaps(y.range(i, 0), point(i, 0)));
          arb_set(left, moved);
          for (std::size_t g = 0; g < factors; ++g) {
            arb_set_d(t, sign(corner, g) * sizes[g]);
            arb_mul(t, t, decay, decay_bits);
            // Of ReLU at 0 any slope between 0 and 1 will do.
            if (mag_cmp_2exp_si(arb_radref(y.linear(i, g)), -45) < 0) arb_set(slope, y.linear(i, g));
            else arb_get_mid_arb(slope, y.linear(i, g));
            arb_submul(left, t, slope, decay_bits);
          }
          require_bounds(value_at(y.rest_of(i, 0).deviation, j, first), left);
          arb_div(t, moved, bound, 64);
          if (arb_is_finite(t)) tested.nearest = std::max(tested.nearest, std::fabs(arf_get_d(arb_midref(static_cast<arb_srcptr>(t)), ARF_RND_NEAR)));
        }
      }
    }
}

// One, some or no entries have a rest, with factors and without, near and far.
std::vector<Set> sets_around(const std::vector<double>& limit) {
  std::vector<Set> result;
  for (const double size : {0x1p-3, 0x1p-9})
    for (const std::size_t mask : {0u, 1u, 2u, 4u, 9u, 15u})
      for (const std::size_t factors : {0u, 2u}) {
        Set s{limit, std::vector<double>(width), {}, {}};
        for (std::size_t i = 0; i < width; ++i)
          if ((mask >> i & 1) != 0) s.rest[i] = size;
        if (factors != 0) s.factors = {size, 2 * size}, s.linear = {1, 0.5, -0.25, 0, 0, 1, 0.5, -1};
        result.push_back(s);
      }
  return result;
}

const std::vector<std::vector<double>> limits{{1, -0.5, 0, 0.25}, {2, 0, 0, 0}, {0.125, 1, -1, 0.75}};

const BallWorld& balls() {
  static const BallWorld w(decay_bits);
  return w;
}

}  // namespace

TEST_CASE("majorants of linear maps, scales and sums: corners, some of which the bound attains") {
  Tested linear, scaled, summed;
  const Linear map{tensor(3, {1, -2, 0.5, 0, 0.25, 1, 1, -1, 3, 0, 0, 0.5}), tensor(1, {1, 0.5, -2})};
  for (const auto& limit : limits)
    for (const Set& s : sets_around(limit)) {
      const MajorantBlock x = block_of(s);
      check(linear, {s}, world().linear(map, x), [&](const auto& p) { return balls().linear(map, p[0]); });
      check(scaled, {s}, world().scale(x, Root{3, false}), [&](const auto& p) { return balls().scale(p[0], Root{3, false}); });
      // A block of more factors and one of fewer, either way round.
      Set other = s;
      other.limit = limits[2], other.rest = {0, 0.25, 0, 0}, other.factors = {s.factors.empty() ? 0.5 : s.factors[0]}, other.linear = {1, -1, 0.5, 2};
      const MajorantBlock y = block_of(other);
      const auto sum = [](const auto& p) { return balls().add(p[0], p[1]); };
      check(summed, {s, other}, world().add(x, y), sum);
      check(summed, {other, s}, world().add(y, x), sum);
    }
  REQUIRE(linear.corners >= 3 * 2 * 5 * 27);
  REQUIRE((linear.nearest > 0.999 && linear.nearest_step > 0.99));
  REQUIRE((scaled.nearest > 0.999 && scaled.nearest_step > 0.99));
  REQUIRE((summed.nearest > 0.999 && summed.nearest_step > 0.99));
}

TEST_CASE("majorants of products: corners, some of which the bound attains") {
  Tested tested;
  for (const auto& limit : limits)
    for (const Set& s : sets_around(limit))
      for (const Set& other : {Set{{1, 0.5, -3, 0}, {0.125, 0, 0, 0}, s.factors, s.linear}, Set{{0.5, 0, 1, 1}, {0, 0.25, 0, 0.0625}, s.factors, s.linear}})
        check(tested, {s, other}, world().multiply(block_of(s), block_of(other)), [](const auto& p) { return balls().multiply(p[0], p[1]); });
  REQUIRE(tested.corners >= 3 * 2 * 2 * 5 * 27 * 2);
  REQUIRE((tested.nearest > 0.999 && tested.nearest_step > 0.99));
}

TEST_CASE("majorants of activations: corners") {
  for (const Activation activation : {Activation::silu, Activation::gelu_exact, Activation::gelu_tanh, Activation::relu, Activation::identity}) {
    Tested tested;
    for (const auto& limit : limits)
      for (const Set& s : sets_around(limit))
        check(tested, {s}, world().activate(activation, block_of(s)), [&](const auto& p) { return balls().activate(activation, p[0]); });
    REQUIRE(tested.corners >= 3 * 2 * 5 * 27);
    REQUIRE((tested.nearest > 0.98 && tested.nearest_step > 0.97));  // the slope at the range's end, where the deviation is least
  }
}

TEST_CASE("majorants of norms: corners") {
  Norm plain, weighted, layer;
  plain.epsilon = 0x1p-20;
  weighted.epsilon = 0.25, weighted.unit_offset = true, weighted.weight = tensor(1, {0.5, -0.25, 1, 2});
  layer.kind = NormKind::layer, layer.epsilon = 0.0625, layer.weight = tensor(1, {1, -2, 0.5, 3}), layer.bias = tensor(1, {0.5, 0, -1, 1});
  for (const Norm& n : {plain, weighted, layer}) {
    Tested tested;
    for (const auto& limit : limits)
      for (const Set& s : sets_around(limit)) check(tested, {s}, world().norm(n, block_of(s), 1), [&](const auto& p) { return balls().norm(n, p[0], 1); });
    REQUIRE(tested.corners >= 3 * 2 * 5 * 27);
    REQUIRE((tested.nearest > 0.7 && tested.nearest_step > 0.7));
  }
  Norm halves;
  halves.epsilon = 0.125, halves.weight = tensor(1, {1, -2});
  Tested tested;
  for (const Set& s : sets_around(limits[2])) check(tested, {s}, world().norm(halves, block_of(s), 2), [&](const auto& p) { return balls().norm(halves, p[0], 2); });
  REQUIRE((tested.nearest > 0.7 && tested.nearest_step > 0.7));
}

// More factors than eight times the width are folded into one an entry, e_i = x_i - limit; with fewer the sum keeps them, but for those that hardly count.
TEST_CASE("majorants: too many factors are folded, and the deviations stay") {
  Set many{{1, -0.5, 0, 0.25}, {0.125, 0, 0, 0}, std::vector<double>(33, 0.25), std::vector<double>(33 * width, 0.5)}, none{{1, 1, 1, 1}, {0, 0, 0.5, 0}, {}, {}};
  const MajorantBlock sum = world().add(block_of(many), block_of(none));
  REQUIRE(sum.factor_count() == width);
  for (std::size_t i = 0; i < width; ++i) {
    Ball exact;
    arb_set_d(exact, 33 * 0.125 + many.rest[i] + none.rest[i]);
    require_just_above(value_at(sum.deviation(i, 0), first, first), exact);
    require_just_above(value_at(sum.factors[i].deviation, first, first), exact);
    arb_mul_2exp_si(exact, exact, -3);
    require_just_above(value_at(sum.step(i, 0), first, first), exact);
    require_just_above(value_at(sum.factors[i].step, first, first), exact);
    REQUIRE((sum.rest_of(i, 0).deviation.is_zero() && sum.rest_of(i, 0).step.is_zero()));
    for (std::size_t g = 0; g < width; ++g) REQUIRE(arb_equal_si(sum.linear(i, g), i == g ? 1 : 0));
  }
  many.factors.resize(32), many.linear.resize(32 * width);
  REQUIRE(world().add(block_of(many), block_of(none)).factor_count() == 32);
  constexpr double small = 0x1p-36;
  for (std::size_t g = 10; g < 32; ++g) many.factors[g] = small;
  const MajorantBlock few = world().add(block_of(many), block_of(none));
  REQUIRE(few.factor_count() == 10);
  for (std::size_t i = 0; i < width; ++i) {
    Ball exact;
    arb_set_d(exact, 22 * 0.5 * small + many.rest[i] + none.rest[i]);
    require_just_above(value_at(few.rest_of(i, 0).deviation, first, first), exact);
  }
}

TEST_CASE("majorants: a selection keeps each column's limit, range, deviation and factors") {
  MajorantBlock x(BallMatrix(2, 6));
  x.linear = BallMatrix(2, 6);
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t g = 0; g < 2; ++g) x.factors.push_back(within(static_cast<double>(10 * c + g + 1)));
    for (std::size_t i = 0; i < 2; ++i) {
      arb_set_ui(x.balls(i, c), 10 * c + i), arb_set_ui(x.balls(i, 3 + c), 100 + 10 * c + i);
      x.motion(i, c) = within(static_cast<double>(200 + 10 * c + i));
      x.rest_of(i, c) = within(static_cast<double>(300 + 10 * c + i));
      for (std::size_t g = 0; g < 2; ++g) arb_set_ui(x.linear(i, c * 2 + g), 1000 + 100 * c + 10 * i + g);
    }
  }
  const std::vector<std::size_t> chosen{2, 0};
  const MajorantBlock y = world().select(x, chosen);
  REQUIRE((y.columns() == 2 && y.factor_count() == 2));
  const auto equal = [](const auto& a, const auto& b) { return a.terms() == b.terms() && arb_equal(ball_of(a[0]), ball_of(b[0])) != 0; };
  const auto same = [&](const Motion& a, const Motion& b) { return equal(a.deviation, b.deviation) && equal(a.step, b.step); };
  for (std::size_t c = 0; c < 2; ++c)
    for (std::size_t i = 0; i < 2; ++i) {
      REQUIRE(arb_equal(y.limit(i, c), x.limit(i, chosen[c])));
      REQUIRE(arb_equal(y.range(i, c), x.range(i, chosen[c])));
      REQUIRE(same(y.motion(i, c), x.motion(i, chosen[c])));
      REQUIRE(same(y.rest_of(i, c), x.rest_of(i, chosen[c])));
      REQUIRE(same(y.factors[c * 2 + i], x.factors[chosen[c] * 2 + i]));
      for (std::size_t g = 0; g < 2; ++g) REQUIRE(arb_equal(y.linear(i, c * 2 + g), x.linear(i, chosen[c] * 2 + g)));
    }
}
