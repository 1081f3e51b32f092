// Decays against sums term by term, and against the cases where the bound is an equality. Lemmas: proofs/majorant.md, "Decays".
#include "lib/number/decay.hpp"

#include <vector>

#include "tests/catch.hpp"
#include "tests/number/decay_values.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

Magnitude of(double x) {
  Magnitude result;
  mag_set_d(result.get(), x);
  return result;
}

// (k/e)^k.
Ball largest(std::size_t k) {
  Ball result, power;
  arb_set_ui(power, k), arb_neg(power, power);
  arb_exp(result, power, decay_bits);
  arb_ui_pow_ui(power, k, k, decay_bits);
  arb_mul(result, result, power, decay_bits);
  return result;
}

// A sequence with up to `terms` terms: averages of averages, which is how they arise.
Decay averaged(const Decays& decays, std::size_t terms) {
  Decay x = Decay::inverse(of(3));
  while (x.terms() < terms) x = decays.average(x);
  return x;
}

const std::vector<Length> firsts{1, 2, 7, 100};

}  // namespace

TEST_CASE("decays: the average of a sequence is at least every average of its terms") {
  std::size_t tested = 0;
  for (const Length& first : firsts) {
    const Decays decays(first);
    for (std::size_t terms = 1; terms <= 4; ++terms) {
      const Decay x = averaged(decays, terms), average = decays.average(x);
      REQUIRE(average.terms() == terms + 1);
      Ball sum, mean, n;
      for (Length j = first; j < 70 * first + 300; ++j, ++tested) {
        INFO("M " << first << " terms " << terms << " j " << j);
        arb_add(sum, sum, value_at(x, j, first), decay_bits);
        set_length(n, j);
        arb_div(mean, sum, n, decay_bits);
        require_at_least(value_at(average, j, first), mean);
      }
    }
  }
  REQUIRE(tested == 4 * (4 * 300 + 69 * 110));
}

// Far from M the sum is its integral: the leading term is c_k / (k + 1), and nothing less.
TEST_CASE("decays: an average's terms are those of the lemma, rounded up") {
  for (const Length& first : firsts) {
    const Decays decays(first);
    const Decay x = averaged(decays, 4), average = decays.average(x);
    Ball constant, term, m;
    set_length(m, first);
    for (std::size_t k = 0; k < x.terms(); ++k) {
      arb_div_ui(term, ball_of(x[k]), k + 1, decay_bits);
      require_just_above(ball_of(average[k + 1]), term);
      arb_mul(term, ball_of(x[k]), largest(k), decay_bits);
      arb_div(term, term, m, decay_bits);
      arb_add(constant, constant, term, decay_bits);
    }
    require_just_above(ball_of(average[0]), constant);
    // The first average is the first value over M: an equality.
    const Decay once = decays.average(Decay::inverse(of(3)));
    arb_ui_div(term, 3, m, decay_bits);
    require_just_above(value_at(once, first, first), term);
  }
  REQUIRE(Decays(5).average(Decay()).is_zero());
}

TEST_CASE("decays: a sum is at least the sum of the terms, and one of few terms is no more than they") {
  std::size_t tested = 0;
  for (const Length& first : firsts) {
    const Decays decays(first);
    for (std::size_t terms = 1; terms <= 4; ++terms) {
      const Decay x = averaged(decays, terms);
      Ball sum;
      REQUIRE(decays.sum(x, first).is_zero());
      for (Length j = first; j < 70 * first + 300; ++j, ++tested) {
        INFO("M " << first << " terms " << terms << " j " << j);
        arb_add(sum, sum, value_at(x, j, first), decay_bits);
        const Ball bound = ball_of(decays.sum(x, j + 1));
        require_at_least(bound, sum);
        // The integral and the largest value: the sum is at least the integral less the largest value.
        Ball most;
        arb_set(most, sum);
        for (std::size_t k = 0; k < terms; ++k) {
          Ball twice;
          arb_mul(twice, ball_of(x[k]), largest(k), decay_bits);
          arb_mul_ui(twice, twice, 2, decay_bits);
          arb_add(most, most, twice, decay_bits);
        }
        arb_mul_2exp_si(sum, sum, -20);
        arb_add(most, most, sum, decay_bits);
        arb_mul_2exp_si(sum, sum, 20);
        REQUIRE(arb_le(bound, most));
      }
    }
    Ball one;
    arb_set_ui(one, 3);
    require_just_above(ball_of(decays.sum(Decay::inverse(of(3)), first + 1)), one);  // psi_0(M) alone
  }
  REQUIRE(tested == 4 * (4 * 300 + 69 * 110));
}

TEST_CASE("decays: from n on no term exceeds the bound, which the largest one attains") {
  std::size_t tested = 0;
  for (const Length& first : firsts) {
    const Decays decays(first);
    for (std::size_t terms = 1; terms <= 4; ++terms) {
      const Decay x = averaged(decays, terms);
      for (Length n = first; n < 40 * first + 40; ++n, ++tested) {
        INFO("M " << first << " terms " << terms << " n " << n);
        // psi_k rises up to log(n/M) = k.
        Ball expected, term, u, turn;
        for (std::size_t k = 0; k < terms; ++k) {
          Ball m;
          set_length(u, n), set_length(m, first);
          arb_div(u, u, m, decay_bits);
          arb_set_ui(turn, k);
          arb_exp(turn, turn, decay_bits);
          arb_addmul(expected, ball_of(x[k]), arb_lt(u, turn) && k > 0 ? largest(k) : psi(k, n, first), decay_bits);
        }
        const Ball bound = ball_of(decays.from(x, n));
        require_just_above(bound, expected);
        for (const Length& later : {n, Length(n + 1), Length(2 * n), Length(3 * n), Length(8 * n), Length(20 * n), Length(55 * n)})
          require_at_least(bound, value_at(x, later, first));
      }
    }
    REQUIRE_THROWS(decays.from(averaged(decays, 2), first - 1));
  }
  REQUIRE(tested == 4 * (4 * 40 + 39 * 110));
}

TEST_CASE("decays of steps: from n on no term exceeds the bound, which the largest one attains") {
  std::size_t tested = 0;
  for (const Length& first : firsts) {
    const Decays decays(first);
    for (std::size_t terms = 1; terms <= 4; ++terms) {
      const StepDecay x = Decays::over_length(averaged(decays, terms));
      for (Length n = first; n < 40 * first + 40; ++n, ++tested) {
        INFO("M " << first << " terms " << terms << " n " << n);
        // log(j/M)^k (M/j)^2 rises up to log(n/M) = k/2, where it is (k/e)^k / 2^k.
        Ball expected, u, turn;
        for (std::size_t k = 0; k < terms; ++k) {
          Ball m, top = largest(k);
          arb_mul_2exp_si(top, top, -static_cast<long>(k));
          set_length(u, n), set_length(m, first);
          arb_div(u, u, m, decay_bits);
          arb_set_ui(turn, k), arb_mul_2exp_si(turn, turn, -1);
          arb_exp(turn, turn, decay_bits);
          arb_addmul(expected, ball_of(x[k]), arb_lt(u, turn) && k > 0 ? top : psi(k, n, first, 2), decay_bits);
        }
        const Ball bound = ball_of(decays.from(x, n));
        require_just_above(bound, expected);
        for (const Length& later : {n, Length(n + 1), Length(2 * n), Length(3 * n), Length(8 * n)}) require_at_least(bound, value_at(x, later, first));
      }
    }
  }
  REQUIRE(tested == 4 * (4 * 40 + 39 * 110));
}

TEST_CASE("decays of steps: what is reached back to, and what a length multiplies or divides") {
  std::size_t tested = 0;
  for (const Length& first : firsts) {
    const Decays decays(first);
    const Decay x = averaged(decays, 3);
    const StepDecay steps = Decays::over_length(x);
    const Decay longer = decays.times_length(steps);
    for (const Length& back : {Length(0), Length(1), Length(30)}) {
      const StepDecay reached = decays.reaching_back(steps, back);
      for (Length j = first; j < first + 60; ++j)
        for (Length i = j - back < first ? first : Length(j - back); i <= j; ++i, ++tested)
          require_at_least(value_at(reached, j, first), value_at(steps, i, first));
      Ball three;
      arb_set_ui(three, 3);
      require_just_above(value_at(decays.reaching_back(StepDecay::inverse(of(3)), back), first + back, first), three);
    }
    for (Length j = first; j < 10 * first + 10; ++j, ++tested) {
      Ball exact, length;
      arb_mul(exact, value_at(x, j, first), psi(0, j, first), decay_bits);
      require_just_above(value_at(steps, j, first), exact);
      set_length(length, j);
      arb_mul(exact, value_at(steps, j, first), length, decay_bits);
      require_just_above(value_at(longer, j, first), exact);
    }
  }
  REQUIRE(tested > 7000);
  REQUIRE(!Decays(3).supremum(StepDecay::unknown()).is_finite());
  REQUIRE(!Decays(3).from(Decay::unknown(), 1000).is_finite());
}

TEST_CASE("decays: what is reached back to is at most what they say, and M itself attains it") {
  std::size_t tested = 0;
  for (const Length& first : firsts)
    for (const Length& back : {Length(0), Length(1), Length(5), Length(30)}) {
      const Decays decays(first);
      for (std::size_t terms = 1; terms <= 3; ++terms) {
        const Decay x = averaged(decays, terms), reached = decays.reaching_back(x, back);
        for (Length j = first; j < first + 60; ++j)
          for (Length i = j - back < first ? first : Length(j - back); i <= j; ++i, ++tested) require_at_least(value_at(reached, j, first), value_at(x, i, first));
      }
      Ball three;
      arb_set_ui(three, 3);
      require_just_above(value_at(decays.reaching_back(Decay::inverse(of(3)), back), first + back, first), three);
    }
  REQUIRE(tested > 10000);
}

TEST_CASE("decays: sums, multiples and the larger of two keep every term of both") {
  const Length first = 3;
  const Decays decays(first);
  const Decay longer = averaged(decays, 4), shorter = Decay::inverse(of(5));
  Decay sum = shorter, other = longer, scaled = shorter, higher = shorter, highest = longer;
  sum += longer, other += shorter;
  scaled.add(longer, of(1.5));
  higher.raise_to(longer), highest.raise_to(shorter);
  std::size_t tested = 0;
  for (Length j = first; j < 100; ++j, ++tested) {
    const Ball a = value_at(shorter, j, first), b = value_at(longer, j, first);
    Ball exact, t;
    arb_add(exact, a, b, decay_bits);
    require_just_above(value_at(sum, j, first), exact);
    require_just_above(value_at(other, j, first), exact);
    arb_set_d(t, 1.5);
    arb_mul(exact, b, t, decay_bits);
    arb_add(exact, exact, a, decay_bits);
    require_just_above(value_at(scaled, j, first), exact);
    for (const Decay* x : {&higher, &highest}) {
      require_at_least(value_at(*x, j, first), a);
      require_at_least(value_at(*x, j, first), b);
      arb_add(exact, a, b, decay_bits);
      REQUIRE(arb_lt(value_at(*x, j, first), exact));
    }
  }
  REQUIRE(tested == 97);
  REQUIRE(Decay::inverse(Magnitude()).is_zero());
  REQUIRE(Decay().is_zero());
  REQUIRE(!longer.is_zero());
  Ball third;
  arb_set_ui(third, 7), arb_div_ui(third, third, 3, decay_bits);
  require_just_above(ball_of(quotient(7, 3)), third);
  arb_set_ui(third, 7);
  require_just_above(ball_of(magnitude_of(7)), third);
  REQUIRE_THROWS(Decays(0));
}

TEST_CASE("decays of second order: averages, and products of two of first") {
  std::size_t tested = 0;
  for (const Length& first : firsts) {
    const Decays decays(first);
    const Decay x = averaged(decays, 3), y = averaged(decays, 2);
    const StepDecay both = Decays::product(x, y);
    REQUIRE(both.terms() == 4);
    const Decay average = decays.average(both);
    REQUIRE(average.terms() == 1);
    Ball sum, mean, n, expected;
    for (Length j = first; j < 70 * first + 300; ++j, ++tested) {
      INFO("M " << first << " j " << j);
      arb_mul(expected, value_at(x, j, first), value_at(y, j, first), decay_bits);
      require_at_least(value_at(both, j, first), expected);
      arb_add(sum, sum, value_at(both, j, first), decay_bits);
      set_length(n, j);
      arb_div(mean, sum, n, decay_bits);
      require_at_least(value_at(average, j, first), mean);
    }
    // Far out more than half of it is reached.
    if (first == 100) {
      Ball last;
      arb_mul_2exp_si(last, mean, 1);
      REQUIRE(arb_le(value_at(average, 70 * first + 299, first), last));
    }
  }
  REQUIRE(tested == 4 * 300 + 69 * 110);
  REQUIRE(Decays::product(Decay(), averaged(Decays(2), 2)).is_zero());
}
