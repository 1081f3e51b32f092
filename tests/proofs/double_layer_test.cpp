// The checker's layer in doubles against its intervals: what is exact lies within the error, in the 2-norm, entry by entry not even that is used up.
#include "proofs/checker/double_layer.hpp"

#include <cfenv>
#include <cmath>

#include "lib/number/splitmix64.hpp"
#include "proofs/checker/forward.hpp"
#include "proofs/checker/taylor.hpp"
#include "tests/catch.hpp"
#include "tests/proofs/certificates.hpp"
#include "tests/proofs/numbers.hpp"

using namespace snellen;
using check::DoubleVector, check::Vector, check::Upper;

namespace {

// |x - x^|_2 is at most its error for every x of the intervals that are narrow: the lower bound of the distance.
bool contains(const IntervalArithmetic& a, const DoubleVector& near, const Vector& exact) {
  REQUIRE(near.entries.size() == exact.size());
  check::Number sum = a.zero(), term = a.zero();
  for (std::size_t i = 0; i < exact.size(); ++i) {
    a.sub(term, exact[i], a.of(near.entries[i]));
    a.sqr(term, term);
    a.add(sum, sum, term);
  }
  a.sqrt(sum, sum);
  return mpfr_cmp_d(check::upper(sum), near.error) <= 0;
}

Vector random_vector(const IntervalArithmetic& a, SplitMix64& random, std::size_t size, double scale) {
  Vector x;
  for (std::size_t i = 0; i < size; ++i) {
    check::Number entry = a.of(scale * (static_cast<double>(random.below(1 << 30)) * 0x1p-29 - 1));
    a.div(entry, entry, a.of(3));
    x.push_back(entry);
  }
  return x;
}

std::vector<RandomModel> models() {
  return testing::rotary_variants([](RandomModel& m) { m.width = 24, m.heads = 2, m.hidden = 40; },
                                  {[](RandomModel&) {},
                                   [](RandomModel& m) { m.norm = NormKind::layer, m.bias = true, m.activation = Activation::relu; },
                                   [](RandomModel& m) { m.post_norms = true, m.unit_offset = true, m.gated = false; },
                                   [](RandomModel& m) { m.norm = NormKind::layer, m.bias = true, m.post_norms = true, m.gain = 4; },
                                   [](RandomModel& m) { m.hidden = 0; }});
}

}  // namespace

TEST_CASE("a layer in doubles contains the layer in intervals") {
  SplitMix64 random(11);
  const IntervalArithmetic a(160);
  std::size_t compared = 0;
  for (const RandomModel& description : models()) {
    const Model model = synthetic_model(description);
    const Layer& layer = model.layers[0];
    REQUIRE(check::DoubleLayer::knows(layer));
    const check::DoubleLayer doubles(layer);
    const check::DoubleNorm norm(layer.attention_norm);
    const check::DoubleLinear key(layer.key);
    const check::Forward forward(model, 160);
    for (const double scale : {1e-6, 1e-2, 1.0, 30.0})
      for (int time = 0; time < 8; ++time) {
        CAPTURE(model.source, scale);
        std::vector<Vector> x{random_vector(a, random, layer.query.weight->columns(), scale)};
        const std::vector<Vector> mixed{random_vector(a, random, layer.output.weight->columns(), scale)};
        DoubleVector y = doubles(check::rounded(x[0]), check::rounded(mixed[0]));
        forward.add_attention(layer, x, mixed), forward.add_mlp(layer, x);
        REQUIRE(contains(a, y, x[0]));
        CHECK(y.error < 1e-6);
        norm(y);
        CHECK(contains(a, key(y), forward.project(layer, x).keys[0]));
        const Vector enclosed = check::enclosed(a, y);
        for (std::size_t i = 0; i < enclosed.size(); ++i) CHECK(mpfr_cmp_d(check::upper(enclosed[i]), y.entries[i] + y.error / 2) > 0);
        ++compared;
      }
  }
  CHECK(compared == 160);
}

TEST_CASE("errors that come in are carried through each map") {
  SplitMix64 random(5);
  const IntervalArithmetic a(160);
  for (const RandomModel& description : models()) {
    const Model model = synthetic_model(description);
    const Layer& layer = model.layers[0];
    const check::DoubleLayer doubles(layer);
    const check::DoubleNorm norm(layer.attention_norm);
    const check::Forward forward(model, 160);
    const std::size_t width = layer.query.weight->columns(), size = layer.output.weight->columns();
    for (int time = 0; time < 40; ++time) {
      CAPTURE(model.source);
      // A point on the sphere of radius e about a vector that is known to lie within e of it.
      const double e = std::ldexp(1.0, -static_cast<int>(random.below(20)) - 2);
      const auto moved = [&](const Vector& x) {
        Vector step = random_vector(a, random, x.size(), 1);
        double length = 0;
        for (const check::Number& entry : step) length += std::pow(mpfr_get_d(check::upper(entry), MPFR_RNDN), 2);
        for (std::size_t i = 0; i < x.size(); ++i) a.mul(step[i], step[i], e / std::sqrt(length) * (1 - 1e-9)), a.add(step[i], step[i], x[i]);
        return step;
      };
      const auto widened = [&](const Vector& x) {
        DoubleVector y = check::rounded(x);
        y.error += e;
        return y;
      };
      const Vector stream = random_vector(a, random, width, 1), mixed = random_vector(a, random, size, 1);
      std::vector<Vector> x{moved(stream)};
      DoubleVector normed = widened(stream);
      norm(normed);
      Vector exact = x[0];
      if (layer.attention_norm) forward.operations().norm(*layer.attention_norm, exact, 1);
      CHECK(contains(a, normed, exact));
      const DoubleVector y = doubles(widened(stream), widened(mixed));
      forward.add_attention(layer, x, {moved(mixed)}), forward.add_mlp(layer, x);
      CHECK(contains(a, y, x[0]));
    }
  }
}

TEST_CASE("sums, products and activations move as far as their arguments may") {
  const IntervalArithmetic a(160);
  const auto moved = [&](double x, double e) { return check::Number(a.of(x + e)); };  // exact: few bits
  for (const auto& [x, y] : std::vector<std::pair<double, double>>{{3, 5}, {-3, 0.25}, {0.125, 700}, {1, 0}})
    for (const auto& [e, d] : std::vector<std::pair<double, double>>{{0x1p-10, 0x1p-10}, {0x1p-4, 0}, {0, 0x1p-4}, {4, 8}})
      for (const double sign : {1.0, -1.0}) {
        CAPTURE(x, y, e, d, sign);
        const DoubleVector one{{x}, e}, two{{y}, d};
        Vector z{a.zero()};
        a.add(z[0], moved(x, sign * e), moved(y, sign * d));
        CHECK(contains(a, check::sum(one, two), z));
        a.mul(z[0], moved(x, sign * e), moved(y, sign * d));
        CHECK(contains(a, check::product(one, two), z));
      }
  const check::Operations o(160);
  // Where silu is steepest, near 2.4, and where it is all rounding.
  for (const Activation activation : {Activation::relu, Activation::silu})
    for (const double x : {2.375, -1.25, 299.5, -299.5, 0x1p-30})
      for (const double e : {0.0, 0x1p-40, 0x1p-12, 0.5}) {
        CAPTURE(x, e);
        DoubleVector y{{x}, e};
        check::activate(activation, y);
        REQUIRE(std::isfinite(y.error));
        for (const double sign : {1.0, -1.0}) {
          Vector exact{moved(x, sign * e)};
          o.activate(activation, exact[0]);
          CHECK(contains(a, y, exact));
        }
      }
  DoubleVector far{{301}, 0};
  check::activate(Activation::silu, far);
  CHECK(std::isinf(far.error));
}

TEST_CASE("linear maps and norms move as far as their arguments may") {
  const IntervalArithmetic a(160);
  Linear map;
  map.weight = std::make_shared<DenseTensor>(2, 2, std::vector<double>{3, 4, 0, 0});
  DoubleVector y = check::DoubleLinear(map)({{1, 1}, 0.5});
  CHECK(contains(a, y, {a.of(7 + 2.5), a.zero()}));  // along (3, 4) / 5
  map.weight = std::make_shared<DenseTensor>(1, 3, std::vector<double>{0.1, 0.7, -0.3});
  y = check::DoubleLinear(map)({{0.3, 0.9, 1.1}, 0});  // rounds
  const std::vector<Vector> product = check::Operations(160).linear(map, {{a.of(0.3), a.of(0.9), a.of(1.1)}});
  CHECK(contains(a, y, product[0]));
  CHECK(y.error < 0x1p-48);
  // (0, r): the first entry moves by e / rho, rho^2 = r^2 / 2 + epsilon.
  Norm bare;
  bare.epsilon = 0;
  bare.weight = std::make_shared<DenseTensor>(1, 2, std::vector<double>{8, 1});
  DoubleVector x{{0, 0x1p-6}, 0x1p-20};
  Vector exact{a.of(0x1p-20), a.of(0x1p-6)};
  check::DoubleNorm{bare}(x);
  check::Operations(160).norm(bare, exact, 1);
  CHECK(contains(a, x, exact));
  CHECK(x.error < 8 * 0x1p-13);
}

TEST_CASE("doubles that say nothing are infinitely wrong") {
  const IntervalArithmetic a(100);
  const Model model = synthetic_model(models()[0]);
  const check::DoubleLayer layer(model.layers[0]);
  const check::DoubleNorm norm(model.layers[0].attention_norm);
  const std::size_t width = model.layers[0].query.weight->columns(), size = model.layers[0].output.weight->columns();
  const Vector zeros(width, a.zero()), outputs(size, a.zero());
  SECTION("an interval without end") {
    Vector x = zeros;
    check::set_everything(x[1]);
    CHECK(std::isinf(check::rounded(x).error));
    CHECK(std::isinf(layer(check::rounded(x), check::rounded(outputs)).error));
    CHECK(!check::is_finite(check::enclosed(a, check::rounded(x))));
  }
  SECTION("numbers whose squares overflow") {
    const Vector x(width, a.of(0x1p600));
    CHECK(std::isinf(check::rounded(x).error));
  }
  SECTION("a norm of what may be zero") {
    Norm bare;
    bare.epsilon = 0;
    DoubleVector x{std::vector<double>(width, 0x1p-20), 0x1p-10};
    check::DoubleNorm{bare}(x);
    CHECK(std::isinf(x.error));
  }
  SECTION("another rounding mode") {
    std::fesetround(FE_UPWARD);
    const double error = check::rounded(zeros).error;
    std::fesetround(FE_TONEAREST);
    CHECK(std::isinf(error));
  }
  SECTION("activations of intervals alone") {
    Layer other = model.layers[0];
    other.activation = Activation::gelu_exact;
    CHECK(!check::DoubleLayer::knows(other));
  }
}
