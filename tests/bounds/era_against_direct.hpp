// Every length of a run's eras and tails against direct evaluation of the sequence.
#pragma once

#include "bounds/era.hpp"
#include "tests/catch.hpp"

namespace snellen::testing {

// The tails enclose the limit. For each n up to `last` and each coordinate: the explicit vector, the era's or the tail's at the end encloses the direct evaluation at twice the bits.
// Eras are within `tolerance` of it, so that an enclosure of everything is a failure. Returns the number of comparisons.
inline std::size_t check_against_direct(const Model& model, const std::vector<Token>& prefix, Token token, const std::vector<Token>& suffix,
                                        const RunSettings& settings, std::int64_t last, double tolerance) {
  RunEvaluation run(model, prefix, token, suffix, Place::final, settings);
  std::vector<TailVector> tails{run.tail()};
  while (run.next() + run.next() / 4 <= last) {
    run.extend();
    if (run.eras().size() % 8 == 0) tails.push_back(run.tail());
  }
  tails.push_back(run.tail());
  for (const TailVector& tail : tails)
    for (std::size_t i = 0; i < model.width; ++i) REQUIRE((!arb_is_finite(tail.vector(i, 0)) || arb_overlaps(tail.vector(i, 0), run.limit()(i, 0))));

  const BallWorld world(2 * settings.bits);
  const Decoder<BallWorld> decoder(model, world);
  std::vector<Token> tokens = prefix;
  tokens.insert(tokens.end(), static_cast<std::size_t>(last), token);
  SequenceTree tree(tokens);
  std::vector<std::size_t> ends;  // of S_1, S_2, ...
  for (std::size_t length = prefix.size() + 1; length <= tokens.size(); ++length) ends.push_back(tree.add(length, suffix));
  Decoder<BallWorld>::Memory memory;
  const BallMatrix y = decoder.final(world.select(decoder.hidden(tree.columns(), memory), ends));  // y(S_n) is column n - 1

  std::size_t tested = 0, in_eras = 0;
  for (std::size_t i = 0; i < model.width; ++i)
    for (std::int64_t n = 1; n <= last; ++n, ++tested) {
      INFO("n " << n << " coordinate " << i);
      arb_srcptr direct = y(i, static_cast<std::size_t>(n - 1));
      REQUIRE(arb_rel_accuracy_bits(direct) >= 60);
      if (n <= settings.explicit_tokens) REQUIRE(arb_overlaps(run.explicit_vectors()(i, static_cast<std::size_t>(n - 1)), direct));
      for (const TailVector& tail : tails)
        if (tail.first <= n) REQUIRE((!arb_is_finite(tail.vector(i, 0)) || arb_overlaps(tail.vector(i, 0), direct)));
    }
  // The mean-value form over pieces contains every length in them, and single lengths are narrow.
  for (const EraVector& era : run.eras()) {
    const auto first = static_cast<std::int64_t>(era.era.first), end = static_cast<std::int64_t>(era.era.last);
    const BallMatrix whole = era.over(era.vector, era.era.first, era.era.last);
    for (std::int64_t n = first; n <= end && n <= last; ++n) {
      const BallMatrix at = era.over(era.vector, n, n);
      for (std::size_t i = 0; i < model.width; ++i) {
        INFO("n " << n << " coordinate " << i << " era of " << first << " to " << end);
        arb_srcptr direct = y(i, static_cast<std::size_t>(n - 1));
        REQUIRE(arb_overlaps(at(i, 0), direct));
        REQUIRE(arb_overlaps(whole(i, 0), direct));
        REQUIRE(mag_cmp_2exp_si(arb_radref(at(i, 0)), 0) < 0);
        REQUIRE(mag_get_d(arb_radref(at(i, 0))) <= tolerance);
        ++in_eras;
      }
      if (n < end && n < last) {
        const BallMatrix step = era.step_at(n), steps = era.steps_over(n, n + 1), all = era.steps_over(era.era.first, era.era.last);
        Ball difference;
        for (std::size_t i = 0; i < model.width; ++i) {
          const auto c = static_cast<std::size_t>(n - 1);
          arb_sub(difference, y(i, c + 1), y(i, c), world.bits());
          REQUIRE(arb_overlaps(step(i, 0), difference));
          REQUIRE(arb_overlaps(steps(i, 0), difference));
          REQUIRE(arb_overlaps(all(i, 0), difference));
        }
      }
    }
  }
  REQUIRE(in_eras >= model.width * static_cast<std::size_t>(last - settings.explicit_tokens) * 7 / 10);
  return tested;
}

}  // namespace snellen::testing
