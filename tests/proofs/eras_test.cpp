// The checker's Taylor models, sums over eras and cover of all lengths: each against plain evaluation, point by point. Enclosures must overlap and be narrow.
#include <tuple>

#include "lib/model/synthetic.hpp"
#include "lib/number/splitmix64.hpp"
#include "proofs/checker/run_cover.hpp"
#include "proofs/checker/sequences.hpp"
#include "tests/catch.hpp"
#include "tests/proofs/certificates.hpp"

using namespace snellen;
using namespace snellen::check;

namespace {

constexpr long bits = 160;
const IntervalArithmetic a(bits);

// Both enclose the same number, and x is no wider than `narrow`; else what they are.
std::string disagreement(const Number& x, const Number& y, double narrow) {
  Number width = x;
  mpfi_diam_abs(upper(width), IntervalArithmetic::raw(x));
  const bool overlap = mpfr_lessequal_p(lower(x), upper(y)) && mpfr_lessequal_p(lower(y), upper(x)), finite = is_finite(x) && is_finite(y);
  if (finite && overlap && mpfr_cmp_d(upper(width), narrow) < 0) return "";
  return std::string(finite && !overlap ? "DISJOINT: " : "wide: ") + shown(x) + " and " + shown(y);
}

class Rows {
 public:
  explicit Rows(std::uint64_t seed) : random_(seed) {}
  // Points: about 2^-k in coefficient k.
  Row row(std::size_t length, double first) {
    Row r;
    for (std::size_t k = 0; k < length; ++k) r.push_back(a.of(k == 0 ? first : std::ldexp(small(), -static_cast<int>(2 * k))));
    return r;
  }
  double small() { return (static_cast<double>(random_.below(2001)) - 1000) / 1024; }

 private:
  SplitMix64 random_;
};

}  // namespace

TEST_CASE("Taylor models of products, exponentials, inverses and roots contain the function at every point") {
  const Taylor taylor(bits, 16);
  Rows rows(1);
  for (int round = 0; round < 6; ++round) {
    const Row x = rows.row(17, 1.5 + 0.25 * rows.small()), y = rows.row(17, rows.small());
    const Row product = taylor.multiply(x, y), exponential = taylor.exp(y), inverse = taylor.inverse(x), root = taylor.inverse_sqrt(x);
    for (int i = -8; i <= 8; ++i) {
      const Number t = a.of(i / 8.0), fx = taylor.at(x, t), fy = taylor.at(y, t);
      Number expected = a.zero();
      a.mul(expected, fx, fy);
      CHECK(disagreement(taylor.at(product, t), expected, 0x1p-16) == "");
      a.exp(expected, fy);
      CHECK(disagreement(taylor.at(exponential, t), expected, 0x1p-12) == "");
      a.div(expected, a.of(1), fx);
      CHECK(disagreement(taylor.at(inverse, t), expected, 0x1p-8) == "");
      a.sqrt(expected, fx);
      a.div(expected, a.of(1), expected);
      CHECK(disagreement(taylor.at(root, t), expected, 0x1p-8) == "");
      CHECK(disagreement(taylor.over(x, t), fx, 0x1p-140) == "");
    }
  }
  CHECK(!is_finite(taylor.inverse(taylor.constant(a.zero()))));
  CHECK(!is_finite(taylor.inverse_sqrt(taylor.constant(a.of(-1)))));
}

TEST_CASE("sums over an era, of its earlier and of its own tokens, are the plain sums") {
  constexpr std::size_t degree = 12, size = 3;
  const Taylor taylor(bits, degree);
  Rows rows(2);
  const Era era(Length(40), Length(52), degree, bits), later(Length(53), Length(66), degree, bits);
  std::vector<Row> query, keys, weighted;
  for (std::size_t i = 0; i < size; ++i) query.push_back(rows.row(degree + 1, 0.3 * rows.small())), keys.push_back(rows.row(degree + 1, 0.3 * rows.small()));
  for (std::size_t i = 0; i <= size; ++i) weighted.push_back(rows.row(degree + 1, i == 0 ? 1 : rows.small()));
  HeadPast past;
  past.add_era(a, keys, weighted, era);
  Vector key, weight;
  for (std::size_t i = 0; i < size; ++i) key.push_back(a.of(rows.small()));
  for (std::size_t i = 0; i <= size; ++i) weight.push_back(a.of(1 + i));
  past.add_token(a, key, weight);
  const std::vector<Row> earlier = past.sums(taylor, query, -100), own = own_sums(taylor, query, keys, weighted, era, -100);

  // e^(dq(t) . dk) w, added to the sum.
  const auto add = [&](Number& sum, const Number& t, const Vector& k, const Number& w) {
    Number score = a.zero(), term = a.zero();
    for (std::size_t i = 0; i < size; ++i) {
      a.mul(term, taylor.at(query[i], t), k[i]);
      a.add(score, score, term);
    }
    a.exp(term, score);
    a.mul(term, term, w);
    a.add(sum, sum, term);
  };
  const auto of_era = [&](Number& sum, const Number& t, const Length& last, std::size_t row) {
    for (Length j = era.first(); j <= last; ++j) {
      Vector k;
      for (const Row& one : keys) k.push_back(taylor.at(one, era.position(j)));
      add(sum, t, k, taylor.at(weighted[row], era.position(j)));
    }
  };
  for (std::size_t row = 0; row <= size; ++row) {
    for (Length n = later.first(); n <= later.last(); n += 3) {
      const Number t = later.position(n);
      Number expected = a.zero();
      of_era(expected, t, era.last(), row);
      add(expected, t, key, weight[row]);
      CHECK(disagreement(taylor.at(earlier[row], t), expected, 0x1p-4) == "");
    }
    for (Length n = era.first(); n <= era.last(); ++n) {
      Number expected = a.zero();
      of_era(expected, era.position(n), n, row);
      CHECK(disagreement(taylor.at(own[row], era.position(n)), expected, 0x1p-4) == "");
    }
  }
  for (std::size_t k = 0; k <= degree; ++k) {
    Number sum = a.zero();
    for (Length n = era.first(); n <= era.last(); ++n) {
      Number power = a.of(1);
      for (std::size_t i = 0; i < k; ++i) a.mul(power, power, era.position(n));
      a.add(sum, sum, power);
      CHECK(disagreement(taylor.at(era.part(k), era.position(n)), sum, 0x1p-100) == "");
    }
    CHECK(disagreement(era.whole(k), sum, 0x1p-100) == "");
  }
}

TEST_CASE("retired tokens are summed by what their scores leave out, and by what is not known of their keys") {
  constexpr std::size_t degree = 10, size = 2;
  const Taylor taylor(bits, degree), points(bits, 0);
  Rows rows(3);
  const Era era(Length(30), Length(41), degree, bits), later(Length(42), Length(55), degree, bits);
  for (const auto& [scale, apart, weight_apart] : {std::tuple{0x1p-12, 0x1p-20, 0x1p-20}, {0.25, 0x1p-20, 0x1p-20}, {0x1p-12, 0x1p-20, 0.0}, {0x1p-12, 0.0, 0x1p-20}}) {
    CAPTURE(scale, apart, weight_apart);
    std::vector<Row> query, keys, weighted;
    for (std::size_t i = 0; i < size; ++i) query.push_back(rows.row(degree + 1, rows.small())), keys.push_back(rows.row(degree + 1, rows.small()));
    for (Row& row : query) taylor.scale(row, a.of(scale));
    for (std::size_t i = 0; i <= size; ++i) weighted.push_back(rows.row(degree + 1, i == 0 ? 1 : rows.small()));
    // A token's key and weight, or one of the two, are anywhere in an interval: here those at an end of it. What is not known of one would hide that the other's is forgotten.
    std::vector<Row> known = keys, known_weighted = weighted;
    for (Row& row : known) widen(row[0], Upper(apart));
    for (Row& row : known_weighted) widen(row[0], Upper(weight_apart));
    HeadPast past;
    past.add_era(a, known, known_weighted, era);
    Vector key, weight;
    for (std::size_t i = 0; i < size; ++i) key.push_back(a.of(rows.small()));
    for (std::size_t i = 0; i <= size; ++i) weight.push_back(a.of(1 + i));
    past.add_token(a, key, weight);
    REQUIRE(past.groups() == 2);
    past.retire(taylor, query, past.sums(taylor, query, -100), -200);
    REQUIRE(past.groups() == 2);  // that would cost more than 2^-200
    past.retire(taylor, query, past.sums(taylor, query, -100), 20);
    REQUIRE(past.groups() == 0);
    const std::vector<Row> sums = past.sums(taylor, query, -100);
    for (Length n = later.first(); n <= later.last(); n += 2) {
      const Number t = later.position(n);
      std::vector<Row> here;
      for (const Row& row : query) here.push_back({taylor.at(row, t)});
      const std::vector<Row> at_point = past.sums(points, here, -100);
      for (std::size_t row = 0; row <= size; ++row) {
        Number expected = a.zero();
        const auto add = [&](const Vector& k, const Number& w) {
          Number score = a.zero(), term = a.zero();
          for (std::size_t i = 0; i < size; ++i) {
            a.mul(term, here[i][0], k[i]);
            a.add(score, score, term);
          }
          a.exp(term, score);
          a.mul(term, term, w);
          a.add(expected, expected, term);
        };
        for (Length j = era.first(); j <= era.last(); ++j) {
          Vector k;
          for (const Row& one : keys) {
            k.push_back(taylor.at(one, era.position(j)));
            a.add(k.back(), k.back(), a.of(apart));
          }
          Number w = taylor.at(weighted[row], era.position(j));
          a.add(w, w, a.of(weight_apart));
          add(k, w);
        }
        add(key, weight[row]);
        const double narrow = scale == 0.25 ? 64 : 0x1p-14;
        CHECK(disagreement(taylor.at(sums[row], t), expected, narrow) == "");
        CHECK(disagreement(at_point[row][0], expected, narrow) == "");
      }
    }
  }
}

TEST_CASE("under slopes tokens one by one are those of the forward pass, whether earlier ones are retired or not") {
  RandomModel description = testing::tiny(PositionKind::alibi);
  description.layers = 2, description.heads = 2, description.kv_heads = 1, description.gain = 0.5;
  const Model model = synthetic_model(description);
  const std::vector<Token> prefix{1, 4};
  std::vector<Token> trunk = prefix;
  trunk.insert(trunk.end(), 120, 2);
  const std::vector<Vector> plain = Forward(model, bits).run(Seating(trunk).seats()).hidden;
  for (const long wanted : {-100000L, -48L}) {
    RunCover::Settings settings;
    settings.explicit_tokens = 120, settings.bits = bits, settings.wanted = wanted;
    const RunCover cover(model, prefix, 2, settings);
    for (std::int64_t n = 1; n <= 120; ++n)
      for (std::size_t i = 0; i < model.width; ++i) {
        CAPTURE(wanted, n, i);
        REQUIRE(disagreement(cover.at_explicit(n)[i], plain[prefix.size() + static_cast<std::size_t>(n) - 1][i], wanted == -48 ? 0x1p-32 : 0x1p-100) == "");
      }
  }
}

TEST_CASE("eras and tails contain what is evaluated token by token") {
  for (const bool layer_norm : {false, true}) {
    RandomModel description = testing::tiny(PositionKind::none);
    description.layers = 2, description.heads = 2, description.kv_heads = 1, description.gain = 0.5;
    if (layer_norm) description.norm = NormKind::layer, description.bias = true, description.activation = Activation::gelu_tanh, description.gated = false, description.post_norms = true;
    const Model model = synthetic_model(description);
    RunCover::Settings settings;
    settings.explicit_tokens = 24, settings.degree = 12, settings.bits = bits, settings.wanted = -64;
    const std::vector<Token> prefix{1, 4};
    RunCover cover(model, prefix, 2, settings);
    const Vector early = cover.tail();  // for every n >= 25
    while (cover.next() <= 70) REQUIRE(cover.extend());
    const Vector late = cover.tail();
    const Length tail_from = cover.next();
    std::vector<Token> trunk = prefix;
    trunk.insert(trunk.end(), 110, 2);
    const std::vector<Vector> plain = Forward(model, bits).run(Seating(trunk).seats()).hidden;
    const auto of = [&](std::int64_t n) -> const Vector& { return plain[prefix.size() + static_cast<std::size_t>(n) - 1]; };
    std::size_t compared = 0;
    for (std::int64_t n = 1; n <= 110; ++n)
      for (std::size_t i = 0; i < model.width; ++i) {
        CAPTURE(n, i);
        if (n <= 24) REQUIRE(disagreement(cover.at_explicit(n)[i], of(n)[i], 0x1p-100) == "");
        if (n >= 25) REQUIRE((mpfr_lessequal_p(lower(early[i]), lower(of(n)[i])) && mpfr_lessequal_p(upper(of(n)[i]), upper(early[i]))));
        if (Length(n) >= tail_from) REQUIRE((mpfr_lessequal_p(lower(late[i]), lower(of(n)[i])) && mpfr_lessequal_p(upper(of(n)[i]), upper(late[i]))));
        for (const RunCover::EraStates& era : cover.eras()) {
          if (era.era.first() > n || era.era.last() < n) continue;
          REQUIRE(disagreement(cover.taylor().over(era.hidden[i], era.era.position(n)), of(n)[i], 0x1p-12) == "");
          ++compared;
        }
      }
    REQUIRE(compared > 100);
    if (layer_norm) continue;  // whose boxes stay wide for long
    // Far out the tail is a small box around the limit.
    while (cover.next() <= 20'000) REQUIRE(cover.extend());
    const Vector far = cover.tail();
    for (std::size_t i = 0; i < model.width; ++i) CHECK(disagreement(far[i], cover.limit()[i], 4) == "");
  }
}
