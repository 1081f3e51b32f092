// The checker's emulated engines against lib/world's, which they share no code with: the same values at every position; and what the checker says of claims about them.
#include "proofs/checker/engine_run.hpp"

#include <algorithm>

#include "bounds/engine_run.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/rounded.hpp"
#include "tests/proofs/certificates.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

struct Specimen {
  std::string name;
  RandomModel description;
  std::int64_t positions;
  std::vector<std::string> profiles;
};

std::vector<Specimen> specimens() {
  RandomModel base;
  base.width = 8, base.heads = 2, base.hidden = 12, base.vocab = 8, base.position = PositionKind::none;
  const std::vector<std::string> all{"fp64", "fp32", "bf16", "bf16-acc32", "fp16-acc32", "fp8-e4m3-acc32-token", "fp8-e5m2-acc32-token"}, short_sums{"bf16"};
  std::vector<Specimen> list;
  const auto add = [&](std::string name, std::int64_t positions, const std::vector<std::string>& profiles, auto change) {
    RandomModel description = base;
    description.seed = list.size() + 1;
    change(description);
    list.push_back({std::move(name), description, positions, profiles});
  };
  // Without a window the sums go on until they settle: soon in bf16, after some 10^7 tokens in fp32.
  add("nope", 300, short_sums, [](RandomModel&) {});
  add("three layers, grouped queries, layer norm, biases", 200, short_sums, [](RandomModel& m) {
    m.layers = 3, m.heads = 4, m.kv_heads = 2, m.norm = NormKind::layer, m.bias = true, m.activation = Activation::gelu_exact, m.gated = false;
  });
  add("soft-cap, qk norm, post norms, scaled embeddings", 200, short_sums, [](RandomModel& m) {
    m.softcap = 5, m.qk_norm = true, m.post_norms = true, m.embedding_scale = true, m.activation = Activation::gelu_tanh;
  });
  add("bare", 200, short_sums, [](RandomModel& m) { m.identity = true, m.hidden = 0, m.heads = 1; });
  add("windows", 30, all, [](RandomModel& m) { m.window = 7; });
  add("windows, unit offset, relu", 30, all, [](RandomModel& m) { m.window = 4, m.unit_offset = true, m.activation = Activation::relu, m.gated = false; });
  add("a window of one token", 10, all, [](RandomModel& m) { m.window = 1; });
  add("windows and global layers", 100, short_sums, [](RandomModel& m) { m.window = 5, m.global_every = 2, m.layers = 4; });
  add("windows under ALiBi, six heads", 30, all, [](RandomModel& m) { m.window = 9, m.width = 12, m.heads = 6, m.position = PositionKind::alibi; });
  return list;
}

}  // namespace

TEST_CASE("an emulated engine, position by position, as lib/world runs it") {
  std::size_t compared = 0;
  for (const Specimen& specimen : specimens()) {
    const Model model = synthetic_model(specimen.description);
    for (const std::string& profile : specimen.profiles) {
      CAPTURE(specimen.name, profile);
      check::Budget budget(1e10);
      const check::EngineProfile by = check::engine_profile(profile).value();
      check::EngineRun run(model, {1, 5, 3}, 2, by, budget);
      REQUIRE(run.follow(0));

      std::vector<Token> tokens{1, 5, 3};
      tokens.resize(static_cast<std::size_t>(specimen.positions), 2);
      const RoundedWorld world(find_profile(profile).value());
      const Decoder<RoundedWorld> decoder(model, world);
      Decoder<RoundedWorld>::Memory memory;
      const RoundedWorld::Block hidden = decoder.hidden(SequenceTree(tokens).columns(), memory), finals = decoder.final(hidden);
      const RoundedWorld::Block logits = world.linear(model.unembedding, finals);
      const std::vector<std::int64_t> next = run.next_tokens(run.finals());
      std::size_t r = 0;
      for (std::size_t position = 0; position < tokens.size(); ++position) {
        while (r + 1 < run.hidden().size() && run.hidden()[r + 1].first <= static_cast<std::int64_t>(position)) ++r;
        CAPTURE(position);
        REQUIRE(std::equal(run.hidden()[r].column.begin(), run.hidden()[r].column.end(), hidden.column(position), hidden.column(position) + model.width));
        REQUIRE(std::equal(run.finals()[r].begin(), run.finals()[r].end(), finals.column(position), finals.column(position) + model.width));
        REQUIRE(next[r] == greedy_token({logits.column(position), logits.width}));
        compared += model.width;
      }
    }
  }
  REQUIRE(compared > 10'000);
}

TEST_CASE("what is claimed of an engine is verified, and what is false of it refuted") {
  const testing::Example example = testing::engine_example();
  Certificate good = certificate_from(example.certificate, "certificate");
  const auto is_engine = [](const CertificateClaim& claim) { return fact_of(claim.id) == "engine"; };
  std::erase_if(good.claims, [&](const CertificateClaim& claim) { return !is_engine(claim); });  // the others have tests of their own
  std::size_t later = 0;
  const std::vector<check::Finding> found = testing::findings(example.model, good);
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(good.claims[i].statement, found[i].reason);
    CHECK(found[i].status == check::Status::verified);
  }
  CHECK(found.size() >= 8);
  for (std::size_t i = 0; i < good.claims.size(); ++i) {
    if (good.claims[i].numbers.at("from") == "1") continue;
    const std::int64_t from = std::stoll(good.claims[i].numbers.at("from"));
    for (const std::int64_t other : {from - 1, from + 1, from + 100}) {
      Certificate changed = good;
      changed.claims = {good.claims[i]};
      changed.claims[0].numbers["from"] = std::to_string(other);
      CAPTURE(good.claims[i].statement, other);
      CHECK(testing::findings(example.model, changed)[0].status == check::Status::refuted);
      ++later;
    }
    Certificate changed = good;  // below it does not collapse, which a bracket does not say
    changed.claims = {good.claims[i]};
    changed.claims[0].numbers["from"] = std::to_string(from + 1), changed.claims[0].numbers["status"] = "bracket";
    CHECK(testing::findings(example.model, changed)[0].status == check::Status::verified);
    changed.claims[0].numbers["profile"] = "fp8-e4m3-acc32";
    CHECK(testing::findings(example.model, changed)[0].reason == "the engine fp8-e4m3-acc32 is none that this program can follow");
  }
  CHECK(later >= 6);

  check::Options options;
  options.work = 1000;
  bool out_of_work = false;
  for (const check::Finding& finding : check::check(example.model, good, options)) {
    CHECK(finding.status != check::Status::refuted);
    out_of_work = out_of_work || finding.is_open();
  }
  CHECK(out_of_work);
}
