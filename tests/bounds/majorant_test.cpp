// Majorants against direct evaluation: no n and no coordinate leaves them. Lemmas: proofs/majorant.md.
#include "bounds/majorant.hpp"

#include "lib/model/synthetic.hpp"
#include "tests/bounds/majorant_against_direct.hpp"
#include "tests/catch.hpp"
#include "tests/model/zoo.hpp"

using namespace snellen;
using namespace snellen::testing;

namespace {

// The models that have a limit: ALiBi with a window only.
std::vector<Specimen> specimens(double gain) {
  std::vector<Specimen> result;
  for (Specimen specimen : zoo()) {
    RandomModel& m = specimen.description;
    if (m.position == PositionKind::sinusoidal || m.position == PositionKind::learned) continue;
    if (m.position == PositionKind::alibi) m.window = 7;
    m.gain = gain;
    result.push_back(specimen);
  }
  return result;
}

}  // namespace

TEST_CASE("a run of one token: no length leaves the majorants, for every kind of model") {
  Checked checked;
  std::size_t models = 0;
  for (const double gain : {0.25, 1.0})
    for (const Specimen& specimen : specimens(gain)) {
      INFO(specimen.name << ", gain " << gain);
      checked += check_majorants(synthetic_model(specimen.description), {{1, 5}, {2}, {}}, 24, 64);
      ++models;
    }
  REQUIRE(models == 28);
  REQUIRE(checked.comparisons >= 28 * 40 * 16 * 4);
  REQUIRE(checked.narrow >= checked.comparisons / 16);
  REQUIRE(checked.short_steps >= checked.comparisons / 20);
}

TEST_CASE("no positions: no step up to n = 300 leaves the majorants") {
  RandomModel m;
  m.seed = 3, m.width = 8, m.heads = 2, m.hidden = 12, m.vocab = 8, m.layers = 2, m.position = PositionKind::none, m.gain = 0.5;
  Checked checked;
  const auto check = [&](const RunParts& parts, std::int64_t last, std::size_t part) {
    const Checked one = check_majorants(synthetic_model(m), parts, 40, last);
    REQUIRE(one.short_steps >= one.comparisons / part);
    checked += one;
  };
  check({{1, 5}, {2}, {}}, 150, 2);
  check({{1, 5}, {2, 6}, {}}, 300, 2);
  m.softcap = 3;
  check({{1}, {2, 6}, {4, 3}}, 150, 10);
  m.softcap.reset(), m.window = 5, m.global_every = 2;
  check({{1}, {2, 6}, {}}, 150, 10);
  REQUIRE(checked.comparisons >= 20000);
}

TEST_CASE("a suffix: no length leaves the majorants") {
  Checked checked;
  for (const Specimen& specimen : specimens(0.25)) {
    INFO(specimen.name);
    checked += check_majorants(synthetic_model(specimen.description), {{1, 5}, {2}, {4, 3}}, 24, 50);
  }
  REQUIRE(checked.comparisons >= 14 * 26 * 16 * 4);
  REQUIRE(checked.short_steps >= checked.comparisons / 40);
  REQUIRE(checked.narrow >= checked.comparisons / 16);
}

TEST_CASE("a unit of several tokens, with a suffix and without: no length leaves the majorants") {
  Checked checked;
  for (const Specimen& specimen : specimens(0.25)) {
    RandomModel m = specimen.description;
    INFO(specimen.name);
    if (m.position == PositionKind::rope && (!m.window || m.global_every > 0)) m.position = PositionKind::none, m.rotary_dimensions = 0;
    checked += check_majorants(synthetic_model(m), {{1, 5}, {2, 6, 3}, {}}, 10, 22);
    checked += check_majorants(synthetic_model(m), {{1}, {2, 6}, {4, 3, 1}}, 10, 22);
  }
  REQUIRE(checked.comparisons >= 14 * 2 * 12 * 16 * 4);
  REQUIRE(checked.short_steps >= checked.comparisons / 8);
  REQUIRE(checked.narrow >= checked.comparisons / 16);
}
