// What a sum of turning exponentials is off its chord, against the sum itself in intervals of 300 bits.
#include "proofs/checker/chord.hpp"

#include <array>
#include <cmath>

#include "lib/number/splitmix64.hpp"
#include "tests/catch.hpp"

using namespace snellen;
using namespace snellen::check;

namespace {

// Weights e^(s_j) with s_j(t) = sum over planes f of |q_f| |k_jf| cos(m_f t + angle_jf), and vectors u_j of two entries.
struct Sum {
  std::vector<std::int64_t> multiples;
  std::vector<double> query;              // |q_f|
  std::vector<std::vector<double>> keys;  // [j][f]
  std::vector<std::vector<double>> angles;
  std::vector<std::array<double, 2>> vectors;
};

class Chords {
 public:
  Chords(const Sum& sum, std::size_t points) : sum_(sum) {
    double longest = 0;
    for (const auto& key : sum.keys) {
      double squares = 0;
      for (const double k : key) squares += k * k;
      longest = std::max(longest, std::sqrt(squares) * (1 + 0x1p-50));
    }
    Vector query;
    for (std::size_t part = 0; part < 2; ++part)  // each plane's length in one of its two entries
      for (std::size_t f = 0; f < sum.query.size(); ++f) query.push_back(a.of(f % 2 == part ? sum.query[f] : 0));
    bound_ = chord(a, query.data(), sum.multiples, Upper(longest * (1 + 0x1p-50)), points);
    step_ = a.zero();
    a.pi(step_);
    a.mul(step_, step_, 2.0 / static_cast<double>(points));
  }

  struct At {
    Number value[2], size;  // the sum of the vectors, and of their lengths
  };
  // At `place` cells.
  At at(double place) const {
    At result{{a.zero(), a.zero()}, a.zero()};
    Number phase = step_;
    a.mul(phase, phase, place);
    for (std::size_t j = 0; j < sum_.keys.size(); ++j) {
      Number score = a.zero();
      for (std::size_t f = 0; f < sum_.multiples.size(); ++f) {
        Number angle = phase, term = a.zero();
        a.mul(angle, angle, static_cast<double>(sum_.multiples[f]));
        a.add(angle, angle, a.of(sum_.angles[j][f]));
        a.cos(term, angle);
        a.mul(term, term, sum_.query[f]);
        a.mul(term, term, sum_.keys[j][f]);
        a.add(score, score, term);
      }
      a.exp(score, score);
      Number length = a.zero();
      for (int i = 0; i < 2; ++i) {
        Number part = a.of(sum_.vectors[j][i]);
        Number square = part;
        a.mul(square, square, part), a.add(length, length, square);
        a.mul(part, part, score), a.add(result.value[i], result.value[i], part);
      }
      a.sqrt(length, length);
      a.mul(length, length, score), a.add(result.size, result.size, length);
    }
    return result;
  }

  struct Used {
    double off, half_cell;  // shares of the bounds
  };
  // Of the cell that begins at `cell`, at `share` of it. Fails where a bound is left.
  Used used(double cell, double share) const {
    const At left = at(cell), right = at(cell + 1), here = at(cell + share);
    Number larger = left.size;
    mpfr_max(lower(larger), lower(left.size), lower(right.size), MPFR_RNDD), mpfr_max(upper(larger), upper(left.size), upper(right.size), MPFR_RNDU);
    Number off = a.zero(), t = a.zero();
    for (int i = 0; i < 2; ++i) {
      Number line = left.value[i];
      a.mul(line, line, 1 - share);
      t = right.value[i];
      a.mul(t, t, share), a.add(line, line, t);
      a.sub(line, here.value[i], line);
      a.sqr(line, line), a.add(off, off, line);
    }
    a.sqrt(off, off);
    const Upper allowed = bound_.curvature * Upper::magnitude(larger), most = bound_.half_cell * Upper::magnitude(larger);
    REQUIRE(mpfr_lessequal_p(lower(off), allowed.get()));
    REQUIRE(mpfr_lessequal_p(lower(here.size), most.get()));
    return {mpfr_get_d(lower(off), MPFR_RNDD) / mpfr_get_d(allowed.get(), MPFR_RNDU),
            std::log(mpfr_get_d(lower(here.size), MPFR_RNDD) / mpfr_get_d(upper(larger), MPFR_RNDU)) / std::log(mpfr_get_d(bound_.half_cell.get(), MPFR_RNDU))};
  }

  IntervalArithmetic a{300};

 private:
  const Sum& sum_;
  Chord bound_;
  Number step_;
};

}  // namespace

TEST_CASE("a sum of turning exponentials stays within the chord's bound, in cells of any width") {
  SplitMix64 random(71);
  const auto uniform = [&] { return static_cast<double>(random.next() >> 11) * 0x1p-53; };
  std::size_t tested = 0;
  for (int round = 0; round < 300; ++round) {
    Sum sum;
    const std::size_t planes = 1 + random.below(4), tokens = 1 + random.below(3);
    for (std::size_t f = 0; f < planes; ++f) {
      sum.multiples.push_back(1 + static_cast<std::int64_t>(random.below(f == 0 ? 40 : 10)));
      sum.query.push_back(std::ldexp(uniform(), static_cast<int>(random.below(6)) - 3));
    }
    for (std::size_t j = 0; j < tokens; ++j) {
      std::vector<double> key, angle;
      for (std::size_t f = 0; f < planes; ++f) key.push_back(std::ldexp(uniform(), static_cast<int>(random.below(4)) - 2)), angle.push_back(7 * uniform());
      sum.keys.push_back(key), sum.angles.push_back(angle);
      sum.vectors.push_back({2 * uniform() - 1, 2 * uniform() - 1});
    }
    const Chords chords(sum, std::size_t{1} << (1 + random.below(14)));
    for (int place = 0; place < 6; ++place, ++tested) chords.used(static_cast<double>(random.below(100)), place == 0 ? 0.5 : uniform());
  }
  CHECK(tested == 1800);
}

TEST_CASE("the chord's bound is nearly reached where one of its parts is all that counts") {
  // Several planes, the key's entries as the bound's Cauchy and Schwarz has them: by the score's slope squared, at a point where the score does not bend; and by its bend, at
  // its top.
  const std::vector<std::int64_t> multiples{5, 2, 1};
  const std::vector<double> query{0.5, 1.5, 1};
  const double quarter = std::acos(-1.0) / 2;
  for (const bool by_slope : {true, false}) {
    Sum sum{multiples, query, {{}}, {{}}, {{3, 4}}};
    for (std::size_t f = 0; f < multiples.size(); ++f) {
      const double power = by_slope ? static_cast<double>(multiples[f]) : static_cast<double>(multiples[f] * multiples[f]);
      sum.keys[0].push_back((by_slope ? 40 : 0x1p-14) * power * query[f]);
      sum.angles[0].push_back(by_slope ? quarter : 0);
    }
    const Chords chords(sum, std::size_t{1} << 20);
    const Chords::Used used = chords.used(-0.5, 0.5);
    INFO("by slope " << by_slope << ": " << used.off);
    REQUIRE(used.off > 0.95);
  }
  // A cell with the score's top in its middle and its points of inflection at its ends.
  const Sum sum{{1}, {2}, {{1}}, {{0}}, {{1, 0}}};
  REQUIRE(Chords(sum, 2).used(-0.5, 0.5).half_cell > 0.6);
}
