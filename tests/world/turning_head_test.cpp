// What a head knows of a turning run at every position of its query, against sums token by token at many positions. Lemmas: proofs/majorant.md, "Turning weights".
#include "lib/world/turning_head.hpp"

#include <cmath>
#include <tuple>

#include "lib/number/splitmix64.hpp"
#include "lib/world/ball_functions.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

constexpr long bits = 64;
constexpr std::size_t size = 8, turning = 6, tokens = 40, skipped = 2;

struct Head {
  Rotary rotary;
  std::vector<double> query, key, value, reference;   // [size]
  std::vector<double> keys, values;                   // explicit, not rotated: [tokens * size]
  BallMemory memory;

  // Keys near the run's, less near for early tokens; the entries are of this size.
  Head(double base, double entry, std::uint64_t seed) : rotary{base, turning} {
    SplitMix64 stream(seed);
    const auto draw = [&](double most) { return most * (static_cast<double>(stream.below(2049)) / 1024 - 1); };
    for (std::size_t i = 0; i < size; ++i) query.push_back(draw(entry)), key.push_back(draw(entry)), value.push_back(draw(1)), reference.push_back(i < turning ? 0 : key[i]);
    BallMatrix k(size, tokens), v(size, tokens);
    for (std::size_t e = 0; e < tokens; ++e)
      for (std::size_t i = 0; i < size; ++i) {
        const double near = 1 / static_cast<double>(e + 1);
        keys.push_back(key[i] + draw(near)), values.push_back(value[i] + draw(near));
      }
    Ball angle, sine, cosine, t;
    for (std::size_t e = 0; e < tokens; ++e) {
      const double* x = &keys[e * size];
      for (std::size_t i = 0; i < size; ++i) arb_set_d(k(i, e), x[i]), arb_set_d(v(i, e), values[e * size + i]);
      for (std::size_t f = 0; f < turning / 2; ++f) {  // by position e
        const std::size_t g = f + turning / 2;
        set_frequency(angle, base, f, turning, bits + 40);
        arb_mul_ui(angle, angle, e, bits + 40);
        arb_sin_cos(sine, cosine, angle, bits);
        const auto turned = [&](std::size_t row, double a, double b, int sign) {  // a cos + sign b sin
          arb_set_d(t, a), arb_mul(k(row, e), cosine, t, bits);
          arb_set_d(t, sign * b), arb_addmul(k(row, e), sine, t, bits);
        };
        turned(f, x[f], x[g], -1), turned(g, x[g], x[f], 1);
      }
    }
    memory.append(k, v, 1, bits);
  }

  TurningHead head() const {
    const auto balls = [](const std::vector<double>& x) {
      BallVector result(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) arb_set_d(result[i], x[i]);
      return result;
    };
    return TurningHead(std::make_shared<const RotaryFrequencies>(rotary), {balls(query), balls(key), balls(value), balls(reference), turning}, {memory, size, 0, skipped}, bits);
  }

  // e^(score) of a key [size] seen at this distance, less the reference's.
  double weight(const double* k, double distance) const {
    double score = 0;
    for (std::size_t i = turning; i < size; ++i) score += query[i] * (k[i] - reference[i]);
    for (std::size_t f = 0; f < turning / 2; ++f) {
      const std::size_t g = f + turning / 2;
      const double angle = distance * std::pow(rotary.base, -2.0 * static_cast<double>(f) / turning);
      score += (query[f] * k[f] + query[g] * k[g]) * std::cos(angle) + (query[f] * k[g] - query[g] * k[f]) * std::sin(angle);
    }
    return std::exp(score);
  }
};

double value_of(const Magnitude& m) { return mag_get_d(m.get()); }
double value_of(arb_srcptr x) { return arf_get_d(arb_midref(x), ARF_RND_NEAR); }

}  // namespace

TEST_CASE("a turning head: explicit tokens and later ones, at every position of the query") {
  std::size_t tested = 0, tight = 0;
  for (const double base : {10000.0, 100.0, 8.0, 2.25})  // 8: the frequencies are 1, 1/2 and 1/4, and some modes resonate
    for (const double entry : {0.25, 1.0}) {
      const Head scene(base, entry, 11 + static_cast<std::uint64_t>(base));
      const TurningHead head = scene.head();
      constexpr double slack = 1 + 1e-9;  // of the sums in doubles
      double least_mass = 1e300;
      std::vector<double> farthest(size);
      for (double position = tokens; position < 4000; position += position < 400 ? 1 : 7) {
        double mass = 0;
        std::vector<double> sum(size);
        for (std::size_t e = skipped; e < tokens; ++e) {
          const double w = scene.weight(&scene.keys[e * size], position - static_cast<double>(e));
          REQUIRE(w <= slack * value_of(head.largest()[e - skipped]));
          mass += w;
          for (std::size_t i = 0; i < size; ++i) sum[i] += w * (scene.values[e * size + i] - scene.value[i]);
        }
        least_mass = std::min(least_mass, mass);
        for (std::size_t i = 0; i < size; ++i) {
          double bound = value_of(head.rest()[i]);
          for (std::size_t d = 0; d < 2 * TurningHead::pairs; d += 2) bound += std::hypot(value_of(head.directions()[d][i]), value_of(head.directions()[d + 1][i]));
          const double off = std::fabs(sum[i] - value_of(head.constant()[i]));
          REQUIRE(off <= slack * bound + 1e-12);
          farthest[i] = std::max(farthest[i], off / bound);
          ++tested;
        }
        REQUIRE(mass >= value_of(head.explicit_mass()) / slack);
      }
      for (const double share : farthest) tight += share > 0.3 ? 1 : 0;
      if (entry < 0.5) REQUIRE(value_of(head.explicit_mass()) > 0.5 * least_mass);
      // Equal keys at growing distances.
      const double mu = value_of(head.run().mu()), excess = value_of(head.run().excess()), drift = value_of(head.run().drift());
      double sum = 0;
      for (double distance = 0; distance < 3000; ++distance) {
        const double w = scene.weight(scene.key.data(), distance);
        REQUIRE(w >= value_of(head.least()) / slack);
        sum += w;
        REQUIRE(std::fabs(sum - mu * (distance + 1)) <= slack * (excess + drift * (distance + 1)) + 1e-9);
      }
    }
  REQUIRE(tested > 40'000);
  REQUIRE(tight >= 32);  // of 64: half of the bounds are attained within a factor 3
}

namespace {

// Explicit tokens all of whose planes meet a query at one position, with angle 0 (sign 1) or opposite (sign -1), so that every score there is known without an angle: q . (k - reference)
// where nothing turns, and sign share |q|^2 in the planes. Values lie above the run's in every entry.
struct Meeting {
  static constexpr long precision = 256;
  std::vector<double> query, value, above;  // [size]
  double run_key, reference = 0.375;
  BallMemory memory;
  BallVector sum;  // of w_e (v_e - v) at that position
  Ball mass;       // of w_e

  Meeting(double base, double most, double run_key, int sign) : run_key(run_key), sum(size) {
    constexpr std::size_t half = turning / 2, position = 1000;
    for (std::size_t i = 0; i < size; ++i) {
      const double x = static_cast<double>(i);
      query.push_back(0.5 + x / 16), value.push_back(0.25 - x / 8), above.push_back(1 + x / 4);
    }
    BallMatrix k(size, tokens), v(size, tokens);
    Ball angle, sine, cosine, t, score;
    for (std::size_t e = 0; e < tokens; ++e) {
      const double share = sign * most * static_cast<double>(e + 1) / tokens;
      arb_zero(score);
      for (std::size_t f = 0; f < half; ++f) {
        set_frequency(angle, base, f, turning, precision + 40);
        arb_mul_ui(angle, angle, position, precision + 40);
        arb_sin_cos(sine, cosine, angle, precision);
        for (const auto& [row, other, part] : {std::tuple{f, f + half, -1.0}, std::tuple{f + half, f, 1.0}}) {
          arb_set_d(t, share * query[row]), arb_mul(k(row, e), cosine, t, precision);
          arb_set_d(t, part * share * query[other]), arb_addmul(k(row, e), sine, t, precision);
          arb_set_d(t, query[row]), arb_mul(t, t, t, precision);
          arb_set_d(angle, share), arb_addmul(score, t, angle, precision);
        }
      }
      for (std::size_t i = turning; i < size; ++i) {
        arb_set_d(k(i, e), reference + 0.125);
        arb_set_d(t, 0.125 * query[i]), arb_add(score, score, t, precision);
      }
      for (std::size_t i = 0; i < size; ++i) arb_set_d(v(i, e), value[i] + above[i]);
      if (e < skipped) continue;
      arb_exp(score, score, precision);
      arb_add(mass, mass, score, precision);
      for (std::size_t i = 0; i < size; ++i) arb_set_d(t, above[i]), arb_addmul(sum[i], score, t, precision);
    }
    memory.append(k, v, 1, precision);
  }

  TurningHead head(double base) const {
    TurningLimits limits{BallVector(size), BallVector(size), BallVector(size), BallVector(size), turning};
    for (std::size_t i = 0; i < size; ++i) {
      arb_set_d(limits.query[i], query[i]), arb_set_d(limits.value[i], value[i]);
      arb_set_d(limits.key[i], i < turning ? run_key : reference), arb_set_d(limits.reference[i], i < turning ? 0 : reference);
    }
    return TurningHead(std::make_shared<const RotaryFrequencies>(Rotary{base, turning}), std::move(limits), {memory, size, 0, skipped}, bits);
  }
};

}  // namespace

// The modes are chosen for the run's key: where that is nearly 0, what is not listed of a large weight is nearly all of it, and where the planes meet every mode counts in full. Nothing
// that is left out of a bound is made up for by another part of it then.
TEST_CASE("a turning head: where all planes of all tokens meet the query, the bounds are attained") {
  std::size_t attained = 0;
  for (const double base : {10000.0, 100.0, 2.25})  // none of which makes modes resonate
    for (const double most : {0.0625, 1.0, 4.0})
      for (const double run_key : {0.0, 0x1p-12, 0.125, 1.0})
        for (const int sign : {1, -1}) {
          CAPTURE(base, most, run_key, sign);
          const Meeting scene(base, most, run_key, sign);
          const TurningHead head = scene.head(base);
          Ball off, bound, t, u;
          for (std::size_t i = 0; i < size; ++i) {
            arb_sub(off, scene.sum[i], head.constant()[i], Meeting::precision);
            arb_abs(off, off);
            mag_set_ui(arb_radref(static_cast<arb_ptr>(bound)), 0), arf_set_mag(arb_midref(static_cast<arb_ptr>(bound)), head.rest()[i].get());
            for (std::size_t d = 0; d < 2 * TurningHead::pairs; d += 2) {
              arb_hypot(t, head.directions()[d][i], head.directions()[d + 1][i], Meeting::precision);
              arb_add(bound, bound, t, Meeting::precision);
            }
            REQUIRE(arb_is_finite(bound));
            REQUIRE_FALSE(arb_gt(off, bound));
            arb_mul_2exp_si(u, off, -20), arb_add(u, u, off, Meeting::precision);
            if (arb_lt(bound, u)) ++attained;
          }
          REQUIRE_FALSE(arb_lt(scene.mass, head.explicit_mass()));
          for (const Magnitude& largest : head.largest()) REQUIRE(largest.is_finite());
        }
  REQUIRE(attained == size * 36);  // wherever the planes meet with angle 0
}
