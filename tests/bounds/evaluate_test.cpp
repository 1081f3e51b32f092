// A block of more tokens than pass through the layers together, against the ball world that takes them all at once.
#include "bounds/evaluate.hpp"

#include "bounds/next_token.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/world/euclidean.hpp"
#include "tests/catch.hpp"
#include "tests/world/enclosing.hpp"

using namespace snellen;
using namespace snellen::testing;

TEST_CASE("tokens evaluated in parts are those evaluated at once: trunks, branches across the parts, windows, next tokens") {
  struct Case {
    PositionKind position;
    bool window;
    std::size_t suffix;
    std::int64_t from, to;
  };
  std::size_t vectors = 0, certain = 0;
  for (const Case& c : {Case{PositionKind::rope, false, 0, 1, 290}, Case{PositionKind::none, false, 3, 100, 150}, Case{PositionKind::alibi, true, 0, 250, 260},
                        Case{PositionKind::rope, true, 2, 60, 127}}) {
    RandomModel description;
    description.seed = 31, description.width = 16, description.hidden = 24, description.vocab = 8, description.position = c.position;
    if (c.window) description.window = 40;
    const Model model = synthetic_model(description);
    Family family;
    family.prefix = {1, 4}, family.unit = {2}, family.from = c.from, family.to = c.to;
    for (std::size_t i = 0; i < c.suffix; ++i) family.suffix.push_back(3 + static_cast<Token>(i));
    const FamilyBlock block = family_block(family);
    REQUIRE(block.columns.size() > 250);
    SilentProgress silent;
    const Evaluation parts = evaluate(model, block, Place::final, true, 192, silent);

    const BallWorld balls(256);
    const Decoder<BallWorld> decoder(model, balls);
    Decoder<BallWorld>::Memory memory;
    const std::vector<std::size_t> wanted = wanted_columns(block);
    const BallMatrix whole = decoder.final(balls.select(decoder.hidden(block.columns, memory), wanted));
    const auto next = certified_next_tokens(model, balls, whole);
    REQUIRE(parts.vectors.size() == wanted.size());
    REQUIRE(parts.next_tokens.size() == wanted.size());
    REQUIRE(parts.first.size() == static_cast<std::size_t>(c.to - c.from + 1));
    for (std::size_t i = 0; i < parts.first.size(); ++i) REQUIRE((wanted[parts.first[i]] == block.first[i] && wanted[parts.second[i]] == block.second[i]));
    for (std::size_t w = 0; w < wanted.size(); ++w, ++vectors) {
      const std::vector<Enclosure> exact = balls.enclosures(whole, w);
      for (std::size_t i = 0; i < whole.rows(); ++i) {
        const Enclosure ours = parts.vectors[w][i], theirs = exact[i];
        REQUIRE(overlap(ours, theirs));
        REQUIRE(accurate_bits(ours, 1) >= 60);
      }
      if (!parts.next_tokens[w] || !next[w]) continue;
      REQUIRE(*parts.next_tokens[w] == *next[w]);
      ++certain;
    }
  }
  CHECK(vectors == 424);
  CHECK(certain > 400);
}
