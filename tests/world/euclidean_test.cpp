// The world of Euclidean balls: its enclosures contain what higher precision finds, its radii contain where points within them go, and it loses
// fewer bits a layer than balls entry by entry.
#include <algorithm>
#include <type_traits>

#include "lib/model/decoder.hpp"
#include "lib/model/family.hpp"
#include "lib/number/splitmix64.hpp"
#include "lib/world/euclidean.hpp"
#include "lib/world/rounded_euclidean.hpp"
#include "lib/world/scalar.hpp"
#include "tests/catch.hpp"
#include "tests/number/random_balls.hpp"
#include "tests/model/zoo.hpp"
#include "tests/threads.hpp"
#include "tests/world/enclosing.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

// A prompt, a run and two branches: windows, grouped views and shared trunks all occur.
std::vector<Column> columns() {
  SequenceTree tree({1, 2, 2, 3, 2, 2});
  tree.add(4, {5, 6});
  tree.add(6, {7});
  return tree.columns();
}

template <World W>
std::vector<typename W::Block> layers_of(const Model& model, const W& world, std::span<const Column> columns) {
  const Decoder<W> decoder(model, world);
  typename Decoder<W>::Memory memory;
  std::vector<typename W::Block> layers;
  auto x = decoder.hidden(columns, memory, [&](std::size_t, const typename W::Block& block) { layers.push_back(block); });
  layers.push_back(decoder.final(x));
  return layers;
}

double worst_bits(const std::vector<Enclosure>& entries) {
  double scale = 0, worst = INFINITY;
  for (const Enclosure& e : entries) scale = std::max(scale, magnitude(e));
  for (const Enclosure& e : entries) worst = std::min(worst, accurate_bits(e, scale));
  return worst;
}

// A stream with these midpoints and radii.
EuclideanWorld::Block stream(const BallMatrix& midpoints, double relative_radius, long bits) {
  EuclideanWorld::Block x{midpoints, std::vector<Magnitude>(midpoints.columns()), EuclideanWorld::Stream{}, bits};
  for (std::size_t c = 0; c < midpoints.columns(); ++c) {
    for (std::size_t i = 0; i < midpoints.rows(); ++i) {
      mag_zero(arb_radref(x.balls(i, c)));
      x.radii[c] = std::max(x.radii[c], Magnitude::of(x.balls(i, c)));
    }
    Magnitude factor;
    mag_set_d(factor.get(), relative_radius);
    x.radii[c] *= factor;
  }
  return x;
}

// A point within the stream's ball of each column: along one random direction, an axis, or a mixture, at the rim or inside.
BallMatrix point_within(const EuclideanWorld::Block& x, SplitMix64& random, long bits) {
  BallMatrix result = x.balls;
  for (std::size_t c = 0; c < result.columns(); ++c) {
    BallVector direction(result.rows());
    const std::uint64_t kind = random.next() % 3;
    const std::size_t axis = random.next() % result.rows();
    Ball norm, t;
    for (std::size_t i = 0; i < result.rows(); ++i) {
      arb_set_si(direction[i], static_cast<slong>(random.next() % 2001) - 1000);
      if (kind == 0 && i != axis) arb_zero(direction[i]);
      if (kind == 1) arb_set_si(direction[i], random.next() % 2 == 0 ? 1 : -1);
      arb_addmul(norm, direction[i], direction[i], bits);
    }
    if (arb_is_zero(norm)) continue;
    arb_rsqrt(norm, norm, bits);
    arf_set_mag(arb_midref(static_cast<arb_ptr>(t)), x.radii[c].get());
    arb_mul(norm, norm, t, bits);
    arb_mul_si(norm, norm, static_cast<slong>(900 + random.next() % 100), bits);
    arb_div_si(norm, norm, 1000, bits);
    for (std::size_t i = 0; i < result.rows(); ++i) arb_addmul(result(i, c), direction[i], norm, bits);
  }
  return result;
}

// Points within the stream's balls, evaluated on their own, must land in the layer's balls: for radii from tiny, where the derivative decides, to so
// large that only the crude bounds are left.
struct Landed {
  std::size_t tested = 0, finite = 0;
};
template <World W>
Landed land_points(const Specimen& specimen, std::span<const Column> columns, SplitMix64& random) {
  constexpr long bits = 160;
  // The middles are what the midpoints give, nearly: then whole distances are compared. Attention in doubles leaves them as far off as their balls allow.
  constexpr bool exact_middles = std::is_same_v<W, EuclideanWorld>;
  Landed landed;
  const Model model = synthetic_model(specimen.description);
  const W world(bits);
  const BallWorld ball(2 * bits);
  const Decoder<W> decoder(model, world);
  const Decoder<BallWorld> points(model, ball);
  BallMatrix start = points.embed(columns);
  for (std::size_t l = 0; l < model.layers.size(); ++l) {
    for (const double radius : {0x1p-60, 0x1p-12, 0x1p-6, 0x1p-2}) {
      INFO(specimen.name << ", layer " << l << ", radius " << radius);
      const EuclideanWorld::Block x = stream(start, radius, bits);
      typename W::Memory past;
      const EuclideanWorld::Block y = decoder.layer(model.layers[l], x, columns, past);
      const BallMatrix hull = world.hull(y);
      for (int trial = 0; trial < 6; ++trial) {
        BallWorld::Memory memory;
        const BallMatrix z = points.layer(model.layers[l], point_within(x, random, 2 * bits), columns, memory);
        for (std::size_t c = 0; c < z.columns(); ++c) {
          // Within the Euclidean ball, of which the hull is a consequence.
          Ball distance, bound, t;
          for (std::size_t i = 0; i < z.rows(); ++i) {
            REQUIRE(arb_overlaps(hull(i, c), z(i, c)));
            arb_sub(t, z(i, c), y.balls(i, c), 2 * bits);
            arb_addmul(distance, t, t, 2 * bits);
          }
          arb_sqrtpos(distance, distance, 2 * bits);
          if (y.radii[c].is_finite()) {
            REQUIRE(arb_is_finite(distance));
            arf_set_mag(arb_midref(static_cast<arb_ptr>(bound)), y.radii[c].get());
            REQUIRE((exact_middles ? arb_le(distance, bound) : !arb_gt(distance, bound)));
            ++landed.finite;
          }
          ++landed.tested;
        }
      }
    }
    BallWorld::Memory memory;
    start = points.layer(model.layers[l], start, columns, memory);
  }
  return landed;
}

}  // namespace

TEST_CASE("Euclidean balls contain the real world, layer by layer, on every model") {
  constexpr long bits = 192;
  std::size_t tested = 0;
  for (const Specimen& specimen : zoo()) {
    INFO(specimen.name);
    const Model model = synthetic_model(specimen.description);
    const EuclideanWorld world(bits);
    const RealWorld real(4 * bits);
    const auto balls = layers_of(model, world, columns());
    const auto exact = layers_of(model, real, columns());
    REQUIRE(balls.size() == model.layers.size() + 2);
    for (std::size_t l = 0; l < balls.size(); ++l)
      for (std::size_t c = 0; c < columns().size(); ++c) {
        const auto entries = world.enclosures(balls[l], c);
        REQUIRE(worst_bits(entries) >= 60);
        for (std::size_t i = 0; i < entries.size(); ++i) {
          INFO("layer " << l << " column " << c << " entry " << i);
          REQUIRE(contains(entries[i], Dyadic::of(real.entry(exact[l], i, c).backend().data())));
          ++tested;
        }
      }
  }
  REQUIRE(tested > 17 * 4 * 9 * 16 - 1);
}

TEST_CASE("points within the stream's balls land within the layer's") {
  SplitMix64 random(7);
  Landed all;
  for (const Specimen& specimen : zoo()) {
    const Landed landed = land_points<EuclideanWorld>(specimen, columns(), random);
    all.tested += landed.tested, all.finite += landed.finite;
  }
  REQUIRE(all.tested >= zoo().size() * 2 * 4 * 6 * 9);
  REQUIRE(all.finite > all.tested / 2);
}

TEST_CASE("points within the stream's balls land within the layer's where attention is in doubles") {
  SplitMix64 random(8);
  Landed all;
  std::size_t models = 0;
  const std::vector<Column> sequence = SequenceTree({1, 3, 2, 2, 2, 2, 5, 2, 2, 2, 2, 2}).columns();
  for (const Specimen& specimen : zoo()) {
    const RandomModel& m = specimen.description;
    if (m.window || m.softcap || m.position == PositionKind::alibi) continue;
    const Landed landed = land_points<RoundedEuclideanWorld>(specimen, sequence, random);
    all.tested += landed.tested, all.finite += landed.finite, ++models;
  }
  REQUIRE(models >= 11);
  REQUIRE(all.finite > all.tested / 2);
}

// Queries, keys and values are the streams themselves, 1/sqrt(2) the scale: where two tokens go, and how far the second can be moved.
TEST_CASE("values and weights of attention in doubles move as far as they can") {
  RandomModel m;
  m.width = 2, m.heads = 1, m.vocab = 4, m.layers = 1, m.identity = true, m.pre_norm = false, m.hidden = 0, m.position = PositionKind::none;
  const Model model = synthetic_model(m);
  const std::vector<Column> sequence = SequenceTree({1, 2}).columns();
  constexpr long bits = 160;
  struct Move {
    double at[2][2], radius[2], to[2][2];
  };
  // Both tokens go the same way, and the mean with them; the first one's key, alone or the second one's query, goes the other's way, where both have the weight 1/2.
  const Move moves[] = {{{{0.05, 0}, {0, 0.05}}, {0.01, 0.01}, {{0.01, 0}, {0.01, 0}}},
                        {{{10, 0}, {5, 5}}, {0x1p-10, 0}, {{0x1p-11, 0x1p-11}, {0, 0}}},
                        {{{10, 0}, {5, 5}}, {0, 0x1p-10}, {{0, 0}, {0, -0x1p-10}}}};
  for (const Move& move : moves) {
    EuclideanWorld::Block x{BallMatrix(2, 2), std::vector<Magnitude>(2), EuclideanWorld::Stream{}, bits};
    BallMatrix moved(2, 2);
    for (std::size_t c = 0; c < 2; ++c) {
      for (std::size_t i = 0; i < 2; ++i) arb_set_d(x.balls(i, c), move.at[c][i]), arb_set_d(moved(i, c), move.at[c][i] + move.to[c][i]);
      mag_set_d(x.radii[c].get(), move.radius[c]);
    }
    const RoundedEuclideanWorld world(bits);
    RoundedEuclideanWorld::Memory past;
    const EuclideanWorld::Block y = Decoder<RoundedEuclideanWorld>(model, world).layer(model.layers[0], x, sequence, past);
    const BallWorld points(bits);
    BallMemory memory;
    const BallMatrix z = Decoder<BallWorld>(model, points).layer(model.layers[0], moved, sequence, memory);
    Ball distance, bound, t;
    for (std::size_t i = 0; i < 2; ++i) {
      arb_sub(t, z(i, 1), y.balls(i, 1), bits);
      arb_addmul(distance, t, t, bits);
    }
    arb_sqrtpos(distance, distance, bits);
    arf_set_mag(arb_midref(static_cast<arb_ptr>(bound)), y.radii[1].get());
    REQUIRE(arb_le(distance, bound));
    INFO(arf_get_d(arb_midref(static_cast<arb_ptr>(distance)), ARF_RND_NEAR) << " of " << arf_get_d(arb_midref(static_cast<arb_ptr>(bound)), ARF_RND_NEAR));
    arb_mul_si(distance, distance, 16, bits);
    REQUIRE(arb_gt(distance, bound));  // and not much farther
  }
}

TEST_CASE("a layer loses fewer bits than balls entry by entry") {
  RandomModel description;
  description.width = 128, description.heads = 4, description.kv_heads = 2, description.hidden = 256, description.layers = 6, description.vocab = 16;
  const Model model = synthetic_model(description);
  const std::vector<Column> sequence = SequenceTree({1, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3}).columns();
  const BallWorld ball(256);
  const EuclideanWorld world(256);
  const auto entrywise = layers_of(model, ball, sequence);
  const auto euclidean = layers_of(model, world, sequence);
  const auto lost = [&](const auto& w, const auto& layers) {
    double first = INFINITY, last = INFINITY;
    for (std::size_t c = 0; c < sequence.size(); ++c) {
      first = std::min(first, worst_bits(w.enclosures(layers[1], c)));
      last = std::min(last, worst_bits(w.enclosures(layers[6], c)));
    }
    return (first - last) / 5;
  };
  const double a = lost(ball, entrywise), b = lost(world, euclidean);
  INFO("entry by entry " << a << " bits a layer, Euclidean " << b);
  REQUIRE(b > 0);
  REQUIRE(b < 0.5 * a);
}

TEST_CASE("a block after a block continues the memory of Euclidean balls") {
  const Model model = synthetic_model(zoo()[6].description);
  const EuclideanWorld world(160);
  const Decoder<EuclideanWorld> decoder(model, world);
  const std::vector<Column> all = SequenceTree({1, 2, 3, 4, 5}).columns();
  Decoder<EuclideanWorld>::Memory whole, parts;
  const auto a = decoder.hidden(all, whole);
  decoder.hidden(std::span(all).first(3), parts);
  const auto b = decoder.hidden(std::span(all).subspan(3), parts);
  for (std::size_t c = 0; c < 2; ++c)
    for (std::size_t i = 0; i < model.width; ++i) {
      REQUIRE(overlap(world.enclosures(a, 3 + c)[i], world.enclosures(b, c)[i]));
      REQUIRE(width(world.enclosures(b, c)[i]) < 1e-20);
    }
}

TEST_CASE("Euclidean balls do not depend on the number of threads") {
  const Model model = synthetic_model(zoo()[12].description);
  const auto run = [&](int count) {
    const Threads threads(count);
    const EuclideanWorld world(160);
    const auto layers = layers_of(model, world, columns());
    return world.hull(layers.back());
  };
  const BallMatrix one = run(1), four = run(4);
  for (std::size_t c = 0; c < columns().size(); ++c)
    for (std::size_t i = 0; i < model.width; ++i) REQUIRE(arb_equal(one(i, c), four(i, c)));
}

TEST_CASE("what is kept with a matrix serves only the norm before it that it was computed for") {
  const std::size_t width = 6;
  SplitMix64 random(8);
  const auto numbers = [&](std::size_t count) {
    std::vector<double> values(count);
    for (double& x : values) x = static_cast<double>(random.below(1000)) + 1;
    return values;
  };
  const std::vector<double> entries = numbers(width * width), some = numbers(width);
  BallMatrix midpoints(width, 2);
  for (std::size_t i = 0; i < width; ++i)
    for (std::size_t c = 0; c < 2; ++c) arb_set_si(midpoints(i, c), static_cast<slong>(i + 3 * c + 1));
  const EuclideanWorld world(128);
  const auto x = stream(midpoints, 0x1p-30, 128);
  const auto matrix = [&] { return std::make_shared<const DenseTensor>(width, width, entries); };
  const auto radii = [&](const TensorPtr& weight, const TensorPtr& before) { return world.linear({weight, nullptr}, world.norm({NormKind::rms, before, nullptr, 1e-5}, x, 1)).radii; };
  const TensorPtr shared = matrix(), ones = std::make_shared<DenseTensor>(1, width, std::vector<double>(width, 1)), large = std::make_shared<DenseTensor>(1, width, some);
  for (const TensorPtr& before : {ones, large, ones, large}) {
    const std::vector<Magnitude> kept = radii(shared, before), fresh = radii(matrix(), before);
    for (std::size_t c = 0; c < 2; ++c) REQUIRE(mag_equal(kept[c].get(), fresh[c].get()));
  }
  REQUIRE(radii(shared, ones)[0] < radii(shared, large)[0]);
}

TEST_CASE("a branch's own errors join the stream's radius, whichever entry has them") {
  const std::size_t width = 5;
  const EuclideanWorld world(128);
  BallMatrix midpoints(width, 1);
  for (std::size_t i = 0; i < width; ++i) arb_set_si(midpoints(i, 0), static_cast<slong>(i + 1));
  const auto x = stream(midpoints, 0, 128);
  Magnitude radius;
  mag_set_ui_2exp_si(radius.get(), 1, -20);
  for (std::size_t wide = 0; wide < width; ++wide) {
    EuclideanWorld::Block branch{midpoints, std::vector<Magnitude>(1), EuclideanWorld::Plain{}, 128};
    arb_add_error_mag(branch.balls(wide, 0), radius.get());
    const auto sum = world.add(x, branch);
    REQUIRE(!(sum.radii[0] < radius));
    REQUIRE(sum.radii[0] < shifted(radius, 1));
  }
}

TEST_CASE("a branch in fixed point brings its error to the stream, and their sum's rounding") {
  SplitMix64 random(8);
  const std::size_t width = 19;
  const long bits = 96;
  const EuclideanWorld world(bits);
  for (const bool with_error : {false, true}) {
    BallMatrix own(width, 1), branch(width, 1);
    for (std::size_t i = 0; i < width; ++i) random_midpoint(random, own(i, 0), 90), random_midpoint(random, branch(i, 0), 300);
    auto fixed = FixedColumns::of(branch, 6);
    REQUIRE(fixed);
    fixed->column(0).error = Magnitude();
    if (with_error) mag_set_ui_2exp_si(fixed->column(0).error.get(), 1, -20);
    const Magnitude error = fixed->column(0).error;
    const BallMatrix there = fixed->midpoints();
    const auto sum = world.add(stream(own, 0, bits), {BallMatrix(), std::vector<Magnitude>(1), EuclideanWorld::Plain{}, bits, std::make_shared<const FixedColumns>(std::move(*fixed))});
    // Off the sum's midpoints by its rounding, and the branch's error in the same direction.
    Ball squares, off, least, radius;
    for (std::size_t i = 0; i < width; ++i) {
      arb_add(off, own(i, 0), there(i, 0), ARF_PREC_EXACT);
      arb_sub(off, off, sum.balls(i, 0), ARF_PREC_EXACT);
      arb_addmul(squares, off, off, ARF_PREC_EXACT);
    }
    if (!with_error) REQUIRE(!arb_is_zero(squares));  // something is rounded
    arb_sqrt(off, squares, 200);
    arf_set_mag(arb_midref(static_cast<arb_ptr>(least)), error.get());
    arb_add(least, least, off, 200);
    arf_set_mag(arb_midref(static_cast<arb_ptr>(radius)), sum.radii[0].get());
    REQUIRE(arb_le(least, radius));
  }
}

TEST_CASE("what a stream of balls loses where it is rounded to the bits that it deserves is in its radius") {
  SplitMix64 random(9);
  const std::size_t width = 19;
  const long bits = 128;
  const EuclideanWorld world(bits);
  BallMatrix own(width, 1);
  for (std::size_t i = 0; i < width; ++i) random_midpoint(random, own(i, 0), bits);
  EuclideanWorld::Block branch{BallMatrix(width, 1), std::vector<Magnitude>(1), EuclideanWorld::Plain{}, bits};
  mag_mul_2exp_si(branch.radii[0].get(), Magnitude::of(own(0, 0)).get(), -40);
  const auto sum = world.add(stream(own, 0, bits), branch);
  REQUIRE(sum.bits < bits);
  // Off the midpoints by the rounding, and by the branch's radius in the same direction.
  Ball squares, off, least, radius;
  for (std::size_t i = 0; i < width; ++i) {
    arb_sub(off, own(i, 0), sum.balls(i, 0), ARF_PREC_EXACT);
    arb_addmul(squares, off, off, ARF_PREC_EXACT);
  }
  REQUIRE(!arb_is_zero(squares));
  arb_sqrt(off, squares, 200);
  arf_set_mag(arb_midref(static_cast<arb_ptr>(least)), branch.radii[0].get());
  arb_add(least, least, off, 200);
  arf_set_mag(arb_midref(static_cast<arb_ptr>(radius)), sum.radii[0].get());
  REQUIRE(arb_le(least, radius));
}

// Found on 28 November by a review: a column in fixed point gives doubles that are off by 2^(top - 103), while the activation's value comes from all digits; a slope that is a quotient of the two was off.
TEST_CASE("slopes of activations far below their column's top") {
  constexpr long bits = 256, high = 900;
  Norm norm;
  norm.epsilon = 1e-5;
  const double small = -(0x1p-10 + 0x1p-20) * 0x1p-40 * std::sqrt(0.5 + 1e-5);
  const Linear up{std::make_shared<DenseTensor>(1, 4, std::vector<double>{0x1p88, -0x1p88, 0x1p39, 0x1p39}), nullptr};
  const Linear down{std::make_shared<DenseTensor>(4, 1, std::vector<double>{1, 0, 0, 0}), nullptr};
  const BallWorld exact(high);
  for (const Activation activation : {Activation::gelu_exact, Activation::silu, Activation::gelu_tanh}) {
    CAPTURE(static_cast<int>(activation));
    const EuclideanWorld world(bits);
    EuclideanWorld::Block x{BallMatrix(4, 1), {shifted(Magnitude::of(1UL), -200)}, EuclideanWorld::Stream{}, bits};
    arb_one(x.balls(0, 0)), arb_one(x.balls(1, 0)), arb_set_d(x.balls(2, 0), small), arb_set_d(x.balls(3, 0), small);
    const EuclideanWorld::Block inner = world.linear(up, world.norm(norm, x, 1)), y = world.linear(down, world.activate(activation, inner));
    if (inner.fixed) REQUIRE(inner.fixed->column(0).top > 80);
    const auto at = [&](int sign) {  // as far from the stream's middle as its radius lets it be
      BallMatrix point(4, 1);
      Ball step;
      arb_set_ui(step, 2);
      arb_rsqrt(step, step, high);
      arb_mul_2exp_si(step, step, -200);
      for (int i = 0; i < 4; ++i) arb_get_mid_arb(point(i, 0), x.balls(i, 0));
      arb_addmul_si(point(0, 0), step, sign, high), arb_submul_si(point(1, 0), step, sign, high);
      return exact.linear(down, exact.activate(activation, exact.linear(up, exact.norm(norm, point, 1))));
    };
    Ball moved, radius;
    arb_sub(moved, at(1)(0, 0), at(0)(0, 0), high);
    arb_abs(moved, moved);
    arf_set_mag(arb_midref(static_cast<arb_ptr>(radius)), y.radii[0].get());
    CHECK(arb_le(moved, radius));
  }
}
