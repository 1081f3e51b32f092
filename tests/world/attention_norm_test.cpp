// How far attention moves, against derivatives formed one by one: never below them, and equal to them where one term is all there is, so that no term can be left out.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "lib/number/splitmix64.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/attention_norm.hpp"
#include "tests/catch.hpp"
#include "tests/world/jacobian.hpp"

using namespace snellen;

namespace {

double uniform(SplitMix64& random) { return static_cast<double>(static_cast<std::int64_t>(random.next()) >> 11) * 0x1p-52; }
std::vector<double> numbers(SplitMix64& random, std::size_t count, double size = 1) {
  std::vector<double> result(count);
  for (double& x : result) x = size * uniform(random);
  return result;
}

struct Shape {
  std::size_t tokens, heads, kv_heads, size, width;
  bool rotary = false, alibi = false;
  std::optional<double> softcap = {};
  std::optional<std::size_t> window = {};
};

// Queries, keys and values at will: a map's bias can make any of them.
struct Example {
  Attention attention;
  std::vector<double> q, k, v, query, key, value, output;
  std::size_t tokens, width;

  Example(SplitMix64& random, const Shape& s) : tokens(s.tokens), width(s.width) {
    attention.heads = s.heads, attention.kv_heads = s.kv_heads, attention.head_size = s.size;
    attention.scale = {static_cast<double>(s.size), true};
    if (s.rotary) attention.rotary = Rotary{100, s.size / 2 * 2};
    if (s.alibi) attention.alibi = alibi_slopes(s.heads);
    attention.softcap = s.softcap, attention.window = s.window;
    q = numbers(random, s.tokens * s.heads * s.size, 2), k = numbers(random, s.tokens * s.kv_heads * s.size, 2), v = numbers(random, s.tokens * s.kv_heads * s.size);
    query = numbers(random, s.heads * s.size * s.width), key = numbers(random, s.kv_heads * s.size * s.width);
    value = numbers(random, s.kv_heads * s.size * s.width), output = numbers(random, s.width * s.heads * s.size);
  }

  std::size_t group(std::size_t h) const { return h / (attention.heads / attention.kv_heads); }
  double map_norm(const std::vector<double>& map, std::size_t h) const {
    return euclidean_norm(std::span(map).subspan(h * attention.head_size * width, attention.head_size * width));
  }

  struct Maps {
    TensorPtr query, key, value, output;
  };
  Maps maps() const {
    const auto tensor = [](std::size_t rows, std::size_t columns, const std::vector<double>& m) { return std::make_shared<DenseTensor>(rows, columns, m); };
    const std::size_t size = attention.head_size;
    return {tensor(attention.heads * size, width, query), tensor(attention.kv_heads * size, width, key), tensor(attention.kv_heads * size, width, value),
            tensor(width, attention.heads * size, output)};
  }

  std::vector<Magnitude> bound(const std::vector<double>& moves) const { return bound(moves, maps()); }
  std::vector<Magnitude> bound(const std::vector<double>& moves, const Maps& maps, const std::vector<double>& source = {}) const {
    const auto& a = attention;
    const auto vectors = [&](std::size_t heads, const std::vector<double>& values, const std::vector<double>& map) {
      HeadVectors result{heads, a.head_size, values, std::vector<double>(tokens * heads, 0x1p-240), std::vector<double>(tokens * heads), true};
      for (std::size_t i = 0; i < result.gains.size(); ++i) result.gains[i] = map_norm(map, i % heads);
      return result;
    };
    auto past = std::make_shared<AttentionPast>();
    past->keys = vectors(a.kv_heads, k, key), past->values = vectors(a.kv_heads, v, value);
    AttentionBranch branch{a, vectors(a.heads, q, query), nullptr, {}, 0, maps.query, maps.key, maps.value, source};
    for (std::size_t i = 0; i < tokens; ++i) {
      past->positions.push_back(static_cast<std::int64_t>(i)), past->moves.push_back(magnitude_of(moves[i]));
      branch.columns.push_back({0, static_cast<std::int64_t>(i), 0, 0});
    }
    branch.past = past;
    return attention_moves(branch, *maps.output);
  }

  // R_position applied to a vector of one head.
  std::vector<double> rotated(std::vector<double> x, std::size_t position) const {
    if (!attention.rotary) return x;
    const std::size_t half = attention.rotary->dimensions / 2;
    for (std::size_t f = 0; f < half; ++f) {
      const double angle = static_cast<double>(position) * std::pow(attention.rotary->base, -2.0 * static_cast<double>(f) / static_cast<double>(2 * half));
      const double a = x[f], b = x[f + half];
      x[f] = a * std::cos(angle) - b * std::sin(angle), x[f + half] = b * std::cos(angle) + a * std::sin(angle);
    }
    return x;
  }

  // d (output of token i) / d n_j, from the definition of attention.
  Jacobian derivative(std::size_t i, std::size_t j) const {
    const auto& a = attention;
    const std::size_t size = a.head_size, first = a.window && i + 1 > *a.window ? i + 1 - *a.window : 0;
    Jacobian result{width, width, std::vector<double>(width * width)};
    if (j < first || j > i) return result;
    const double scale = 1 / std::sqrt(static_cast<double>(size));
    for (std::size_t h = 0; h < a.heads; ++h) {
      const double* query_vector = q.data() + (i * a.heads + h) * size;
      const auto key_vector = [&](std::size_t m) { return k.data() + (m * a.kv_heads + group(h)) * size; };
      const auto value_vector = [&](std::size_t m) { return v.data() + (m * a.kv_heads + group(h)) * size; };
      const auto inner = [&](const double* x, const double* y) { return std::inner_product(x, x + size, y, 0.0); };
      std::vector<double> weight(i + 1), slope(i + 1, 1);
      double mass = 0;
      for (std::size_t m = first; m <= i; ++m) {
        double s = scale * inner(query_vector, key_vector(m));
        if (a.softcap) slope[m] = 1 - std::pow(std::tanh(s / *a.softcap), 2), s = *a.softcap * std::tanh(s / *a.softcap);
        if (!a.alibi.empty())
          s -= std::exp2(-static_cast<double>(a.alibi[h].numerator) / static_cast<double>(a.alibi[h].denominator)) * static_cast<double>(i - m);
        mass += weight[m] = std::exp(s);
      }
      std::vector<double> mean(size);
      for (double& w : weight) w /= mass;
      for (std::size_t m = first; m <= i; ++m)
        for (std::size_t d = 0; d < size; ++d) mean[d] += weight[m] * value_vector(m)[d];
      // Of each head's output, as function of one entry of n_j.
      for (std::size_t c = 0; c < width; ++c) {
        std::vector<double> dv(size), dk(size), dq(size), moved(size);
        for (std::size_t d = 0; d < size; ++d) {
          dv[d] = value[(group(h) * size + d) * width + c], dk[d] = key[(group(h) * size + d) * width + c];
          dq[d] = query[(h * size + d) * width + c];
        }
        dk = rotated(dk, j), dq = rotated(dq, i);
        for (std::size_t d = 0; d < size; ++d)
          moved[d] = weight[j] * (dv[d] + scale * slope[j] * inner(query_vector, dk.data()) * (value_vector(j)[d] - mean[d]));
        if (i == j)
          for (std::size_t m = first; m <= i; ++m)
            for (std::size_t d = 0; d < size; ++d)
              moved[d] += weight[m] * scale * slope[m] * inner(key_vector(m), dq.data()) * (value_vector(m)[d] - mean[d]);
        for (std::size_t r = 0; r < width; ++r)
          result.entries[r * width + c] += inner(output.data() + r * a.heads * size + h * size, moved.data());
      }
    }
    return result;
  }

  // The bound of token i where token j alone moves, and the norm that it bounds.
  std::pair<double, double> both(std::size_t i, std::size_t j) const {
    std::vector<double> moves(tokens);
    moves[j] = 1;
    return {mag_get_d(bound(moves)[i].get()), derivative(i, j).norm()};
  }
};

}  // namespace

TEST_CASE("attention's moves are never below the derivative's norm, token by token") {
  SplitMix64 random(11);
  std::size_t tested = 0;
  for (const Shape& shape : {Shape{7, 1, 1, 4, 6}, Shape{7, 4, 2, 8, 20, true}, Shape{10, 2, 2, 9, 16, false, true}, Shape{9, 2, 1, 11, 12, true, false, 3.0},
                             Shape{9, 3, 3, 5, 15, true, false, {}, 4}, Shape{1, 2, 1, 4, 8}}) {
    const Example example(random, shape);
    for (std::size_t j = 0; j < shape.tokens; ++j) {
      std::vector<double> moves(shape.tokens);
      moves[j] = 1;
      const std::vector<Magnitude> bounds = example.bound(moves);
      for (std::size_t i = 0; i < shape.tokens; ++i) {
        const double exact = example.derivative(i, j).norm(), bound = mag_get_d(bounds[i].get());
        INFO("token " << i << " of " << shape.tokens << ", moved " << j << ", head size " << shape.size);
        REQUIRE(std::isfinite(bound));
        // The power method's own rounding is below 2^-40.
        REQUIRE(bound >= exact * (1 - 0x1p-40));
        ++tested;
      }
    }
  }
  REQUIRE(tested > 300);
}

TEST_CASE("where one term is all of the derivative its bound is the norm, but for a few percent") {
  SplitMix64 random(12);
  const Shape shape{11, 1, 1, 12, 16, true};
  const auto zero = [](std::vector<double>& map) { std::fill(map.begin(), map.end(), 0.0); };
  // Leaving any of these terms out, or any token of a sum, gives less than the norm; a bound far above it would hide that.
  const auto is_sharp = [](std::pair<double, double> both) {
    REQUIRE(both.second > 1e-3);
    REQUIRE(both.first >= both.second * (1 - 0x1p-40));
    REQUIRE(both.first <= both.second * 1.08);
  };
  SECTION("values") {
    Example example(random, shape);
    zero(example.key), zero(example.query);
    for (std::size_t j = 0; j < shape.tokens; ++j)
      if (example.both(10, j).second > 1e-3) is_sharp(example.both(10, j));
  }
  SECTION("keys") {
    Example example(random, shape);
    zero(example.value), zero(example.query);
    for (std::size_t j = 0; j < shape.tokens; ++j)
      if (example.both(10, j).second > 1e-3) is_sharp(example.both(10, j));
  }
  SECTION("the query, where all values lie on a line") {
    Example example(random, shape);
    zero(example.value), zero(example.key);
    const std::vector<double> direction = numbers(random, shape.size);
    for (std::size_t m = 0; m < shape.tokens; ++m) {
      const double place = uniform(random);
      for (std::size_t d = 0; d < shape.size; ++d) example.v[m * shape.size + d] = place * direction[d];
    }
    for (const std::size_t i : {1U, 3U, 4U, 10U}) is_sharp(example.both(i, i));
  }
}

TEST_CASE("what the query's map makes of a direction that matters little before it is counted") {
  SplitMix64 random(13);
  Example example(random, {11, 1, 1, 12, 16});
  std::fill(example.value.begin(), example.value.end(), 0.0), std::fill(example.key.begin(), example.key.end(), 0.0);
  // Keys hardly differ in their first entry, and queries move in it far more than in others.
  for (std::size_t m = 0; m < example.tokens; ++m) example.k[m * 12] *= 0x1p-5;
  for (std::size_t c = 0; c < example.width; ++c) example.query[c] *= 0x1p10;
  for (const std::size_t i : {2U, 5U, 10U}) {
    const auto [bound, exact] = example.both(i, i);
    REQUIRE(exact > 0.1);
    REQUIRE(bound >= exact * (1 - 0x1p-40));
  }
}

TEST_CASE("what is kept with the output matrix serves only the maps that it was computed for") {
  SplitMix64 random(9);
  Example example(random, {12, 4, 2, 4, 16, true});
  const std::vector<double> moves(12, 1);
  const auto same = [](const std::vector<Magnitude>& x, const std::vector<Magnitude>& y) {
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), [](const Magnitude& a, const Magnitude& b) { return mag_equal(a.get(), b.get()); });
  };
  // One map at a time takes another's place beside the same three others.
  struct Place {
    std::vector<double> Example::*values;
    TensorPtr Example::Maps::*tensor;
  };
  for (const Place& place : {Place{&Example::query, &Example::Maps::query}, Place{&Example::key, &Example::Maps::key}, Place{&Example::value, &Example::Maps::value}}) {
    Example::Maps maps = example.maps();
    const std::vector<Magnitude> before = example.bound(moves, maps);
    for (double& x : example.*place.values) x *= 2;
    maps.*place.tensor = example.maps().*place.tensor;
    const std::vector<Magnitude> kept = example.bound(moves, maps);
    REQUIRE(same(kept, example.bound(moves)));
    REQUIRE(!same(kept, before));
  }
  // Other weights before the same maps.
  const Example::Maps maps = example.maps();
  const std::vector<Magnitude> plain = example.bound(moves, maps), weighted = example.bound(moves, maps, std::vector<double>(16, 3));
  REQUIRE(!same(plain, weighted));
  REQUIRE(same(weighted, example.bound(moves, example.maps(), std::vector<double>(16, 3))));
  REQUIRE(same(plain, example.bound(moves, maps)));
}

TEST_CASE("weights that doubles do not serve leave every move unbounded (28 November 2026)") {
  SplitMix64 random(10);
  std::size_t tested = 0;
  for (std::vector<double> Example::*map : {&Example::query, &Example::key, &Example::value, &Example::output})
    for (const double entry : {1e31, static_cast<double>(INFINITY), std::nan("")}) {
      Example example(random, {5, 2, 1, 4, 6, true});
      (example.*map)[3] = entry;
      for (const Magnitude& move : example.bound(std::vector<double>(5, 1))) {
        REQUIRE(!move.is_finite());
        ++tested;
      }
    }
  CHECK(tested == 60);
}
