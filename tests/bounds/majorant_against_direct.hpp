// Every length's states, layer by layer, against the majorants of every stage.
#pragma once

#include "bounds/majorant.hpp"
#include "tests/catch.hpp"

namespace snellen::testing {

struct RunParts {
  std::vector<Token> prefix, unit, suffix;
};

struct Checked {
  std::size_t comparisons = 0;
  std::size_t narrow = 0;  // with a box of radius less than 1/2: an enclosure of everything shows nothing
  std::size_t short_steps = 0;  // with a bound of the step less than the box's radius: half of what two vectors in it could be apart
  Checked& operator+=(const Checked& x) { return comparisons += x.comparisons, narrow += x.narrow, short_steps += x.short_steps, *this; }
};

// Stages at M = copies + 1, then about half as much again each time. For each n from M to `last`, each layer and coordinate of the last token: the direct evaluation at twice
// the bits lies in the box of all lengths from n on, and in the range of the stage.
inline Checked check_majorants(const Model& model, const RunParts& parts, std::int64_t copies, std::int64_t last, long bits = 128) {
  Family family;
  family.prefix = parts.prefix, family.unit = parts.unit, family.suffix = parts.suffix;
  family.from = copies + 1, family.to = last - 1;
  MajorantRun run(model, family, Place::final, copies, copies, bits);
  std::vector<MajorantStage> stages;
  std::vector<std::vector<MajorantBlock>> layers;
  for (Length first = copies + 1; first < last; first += first / 2 + 1) {
    layers.emplace_back();
    stages.push_back(run.stage(first, [&](std::size_t, const MajorantBlock& x) { layers.back().push_back(x); }));
    layers.back().push_back(stages.back().final);
  }

  const BallWorld world(2 * bits);
  const Decoder<BallWorld> decoder(model, world);
  Decoder<BallWorld>::Memory memory;
  const FamilyBlock block = family_block(family);
  std::vector<BallMatrix> direct;
  direct.push_back(decoder.final(decoder.hidden(block.columns, memory, [&](std::size_t, const BallMatrix& x) { direct.push_back(x); })));
  std::vector<std::size_t> columns = block.first;
  columns.push_back(block.second.back());

  Checked checked;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const Length n = family.from + static_cast<std::int64_t>(c);
    for (std::size_t s = 0; s < stages.size() && stages[s].first <= n; ++s)
      for (std::size_t l = 0; l < direct.size(); ++l) {
        const MajorantBlock& x = layers[s].at(l);
        const BallMatrix box = stages[s].world.from(x, x.columns() - 1, n), range = stages[s].world.from(x, x.columns() - 1, stages[s].first);
        const BallMatrix steps = stages[s].world.steps(x, x.columns() - 1, n);
        for (std::size_t i = 0; i < model.width; ++i, ++checked.comparisons) {
          INFO("n " << n << " layer " << l << " coordinate " << i << " stage from " << stages[s].first);
          REQUIRE(arb_rel_accuracy_bits(direct[l](i, columns[c])) >= 40);
          REQUIRE(arb_contains(box(i, 0), direct[l](i, columns[c])));
          REQUIRE(arb_contains(range(i, 0), direct[l](i, columns[c])));
          if (c + 1 < columns.size()) {
            Ball step;
            arb_sub(step, direct[l](i, columns[c + 1]), direct[l](i, columns[c]), 2 * bits);
            // Equal states under a window: their bound is 0, which their difference's ball can only overlap.
            REQUIRE(mag_cmp_2exp_si(arb_radref(static_cast<arb_srcptr>(step)), -80) < 0);
            REQUIRE(arb_overlaps(steps(i, 0), step));
            if (l > 0 && mag_cmp(arb_radref(steps(i, 0)), arb_radref(box(i, 0))) < 0) ++checked.short_steps;
          }
          if (l > 0 && mag_cmp_2exp_si(arb_radref(box(i, 0)), -1) < 0) ++checked.narrow;
        }
      }
  }
  return checked;
}

}  // namespace snellen::testing
