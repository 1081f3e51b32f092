// Two layers under rotary positions, as the checker follows them: sums over tokens against intervals, vectors against the forward pass, the circle of phases against vectors far out; and what it says of claims.
#include "proofs/checker/two_layers.hpp"

#include <algorithm>
#include <cmath>

#include "lib/number/splitmix64.hpp"
#include "proofs/checker/sequences.hpp"
#include "tests/catch.hpp"
#include "tests/proofs/certificates.hpp"
#include "tests/proofs/numbers.hpp"

using namespace snellen;
using testing::overlap, testing::width;

namespace {

std::vector<RandomModel> models() {
  return testing::rotary_variants([](RandomModel& m) { m.layers = 2, m.width = 8, m.heads = 2, m.hidden = 6; },
                                  {[](RandomModel&) {},
                                   [](RandomModel& m) { m.kv_heads = 1, m.norm = NormKind::layer, m.bias = true, m.activation = Activation::gelu_exact, m.gated = false; },
                                   [](RandomModel& m) { m.post_norms = true, m.unit_offset = true, m.embedding_scale = true, m.activation = Activation::gelu_tanh; },
                                   [](RandomModel& m) { m.heads = 1, m.head_size = 8, m.rotary_dimensions = 4, m.rope_base = 100, m.activation = Activation::relu, m.gated = false; },
                                   [](RandomModel& m) { m.heads = 1, m.head_size = 8, m.hidden = 0; }});  // four planes
}

CertificateSequences sequences(std::vector<Token> prefix) {
  CertificateSequences s;
  s.prefix = std::move(prefix), s.unit = {2};
  return s;
}

std::vector<nlohmann::json*> inevitable_claims(nlohmann::json& c) {
  std::vector<nlohmann::json*> found;
  for (nlohmann::json& claim : c["claims"])
    if (fact_of(claim["id"].get<std::string>()) == "inevitable") found.push_back(&claim);
  return found;
}

// What the checker says of the first claim for all n whose numbers were changed.
check::Finding of_changed(const testing::Example& e, std::size_t which, const std::function<void(nlohmann::json&)>& change, const Model& model) {
  nlohmann::json c = e.certificate;
  nlohmann::json& claim = *inevitable_claims(c)[which];
  change(claim["numbers"]);
  const ClaimNumbers numbers = claim["numbers"].get<ClaimNumbers>();
  claim["id"] = claim_id("inevitable", numbers), claim["statement"] = claim_statement("inevitable", numbers);
  const Certificate read = certificate_from(c, "changed", true);
  const std::vector<check::Finding> list = testing::findings(model, read);
  for (std::size_t i = 0; i < list.size(); ++i)
    if (read.claims[i].id == claim["id"]) return list[i];
  FAIL("the claim is gone");
  return {};
}

}  // namespace

TEST_CASE("sums over many tokens contain what intervals give") {
  constexpr std::size_t size = 5;
  const IntervalArithmetic a(120);
  SplitMix64 random(7);
  const auto number = [&](double scale) {
    check::Number x = a.of(scale * (static_cast<double>(random.below(1 << 30)) * 0x1p-29 - 1)), y = a.of(3);
    a.div(x, x, y);
    return x;
  };
  check::TokenSums sums(size);
  std::vector<check::Vector> keys, values;
  for (std::size_t e = 0; e < 2100; ++e) {
    check::Vector key, value;
    for (std::size_t i = 0; i < size; ++i) key.push_back(number(9)), value.push_back(number(e == 0 ? 50 : 1e-3));
    sums.add(key.data(), value.data());
    keys.push_back(std::move(key)), values.push_back(std::move(value));
  }
  check::Vector query;
  for (std::size_t i = 0; i < size; ++i) query.push_back(number(4));
  const std::vector<std::size_t> counts = {1, 15, 16, 17, 1024, 1025, 2100};
  std::vector<check::TokenSums::Query> queries;
  for (const std::size_t count : counts) queries.push_back({query.data(), count});
  const auto found = sums.sums(a, queries);
  for (std::size_t c = 0; c < counts.size(); ++c) {
    CAPTURE(counts[c]);
    check::Vector apart(size, a.zero());
    check::Number mass = a.zero(), spread = a.zero(), term = a.zero();
    for (std::size_t e = 0; e < counts[c]; ++e) {
      check::Number weight = a.zero(), square = a.zero();
      for (std::size_t i = 0; i < size; ++i) a.mul(term, query[i], keys[e][i]), a.add(weight, weight, term);
      a.exp(weight, weight);
      a.add(mass, mass, weight);
      for (std::size_t i = 0; i < size; ++i) {
        a.mul(term, weight, values[e][i]), a.add(apart[i], apart[i], term);
        a.sqr(term, values[e][i]), a.add(square, square, term);
      }
      a.sqrt(square, square);
      a.mul(square, square, weight);
      a.add(spread, spread, square);
    }
    CHECK(overlap(found[c].mass, mass));
    CHECK(width(found[c].mass) < 0x1p-35 * mpfr_get_d(check::upper(mass), MPFR_RNDU));
    CHECK(mpfr_lessequal_p(check::lower(spread), found[c].spread.get()));
    CHECK(mpfr_get_d(found[c].spread.get(), MPFR_RNDU) < 1.001 * mpfr_get_d(check::upper(spread), MPFR_RNDU));
    for (std::size_t i = 0; i < size; ++i) {
      CHECK(overlap(found[c].apart[i], apart[i]));
      CHECK(width(found[c].apart[i]) < 0x1p-35 * mpfr_get_d(check::upper(spread), MPFR_RNDU));
    }
  }
  check::Vector large = query;
  large[0] = a.of(1000);
  CHECK(!check::is_finite(sums.sums(a, {{large.data(), 3}})[0].mass));
}

TEST_CASE("vectors of a run through two layers are those of the forward pass") {
  constexpr long bits = 96;
  std::size_t compared = 0;
  for (const RandomModel& description : models())
    for (const std::vector<Token>& prefix : std::vector<std::vector<Token>>{{1}, {}, {1, 3, 5}})
      for (const bool final : {false, true}) {
        const Model model = synthetic_model(description);
        const CertificateSequences s = sequences(prefix);
        CAPTURE(model.source, prefix.size(), final);
        REQUIRE(!check::two_layers_refused(model, s));
        check::TwoLayers run(model, s, final, bits, 40);
        const std::vector<std::int64_t> lengths = {1, 2, 7, 33};
        const std::vector<check::Vector> found = run.follow(33, [&](std::int64_t n) { return std::find(lengths.begin(), lengths.end(), n) != lengths.end(); });
        REQUIRE(found.size() == lengths.size());
        for (std::size_t i = 0; i < lengths.size(); ++i) {
          const std::int64_t n = lengths[i];
          const check::Forward forward(model, bits);
          const check::Vector hidden = forward.run(check::Seating(check::sequence(s, n)).seats()).hidden.back(), expected = final ? forward.final(hidden) : hidden;
          for (std::size_t k = 0; k < expected.size(); ++k) {
            CAPTURE(n, k, check::shown(expected[k]), check::shown(found[i][k]));
            REQUIRE(overlap(expected[k], found[i][k]));
            CHECK(width(found[i][k]) < 0x1p-20);
            ++compared;
          }
        }
      }
  CHECK(compared >= 900);
}

TEST_CASE("a phase turns the limit's query as a position does") {
  for (const RandomModel& description : models())
    for (const std::vector<Token>& prefix : std::vector<std::vector<Token>>{{1}, {}, {1, 3, 5}}) {
      const Model model = synthetic_model(description);
      Model below = model;
      below.layers.resize(1);
      const check::TwoLayers run(model, sequences(prefix), true, 96, 40);
      const check::ShareRun first(below, sequences(prefix), 96, 40);
      const IntervalArithmetic& a = run.arithmetic();
      const check::Operations& o = first.forward().operations();
      const Attention& attention = model.layers[1].attention;
      for (const std::int64_t n : {1, 2, 77, 123456}) {
        CAPTURE(model.source, prefix.size(), n);
        check::Vector expected = first.forward().project(model.layers[1], {first.limit().hidden}).queries[0];
        o.rotate(expected, attention.heads, attention.head_size, o.turns(*attention.rotary, n + static_cast<std::int64_t>(prefix.size()) - 1));
        check::Number phase = a.of(static_cast<double>(n));
        a.div(phase, phase, a.of(static_cast<double>(first.whole())));
        const check::Vector found = run.query_at(phase);
        REQUIRE(found.size() == expected.size());
        for (std::size_t i = 0; i < found.size(); ++i) {
          a.mul(expected[i], expected[i], o.root(attention.scale));
          CHECK(overlap(found[i], expected[i]));
          CHECK(width(found[i]) < 0x1p-50);
        }
      }
    }
}

namespace {

// All boxes; these points are refined.
struct Recorder : check::TwoLayers::Judge {
  Recorder(check::TwoLayers& run, std::int64_t from, std::vector<std::size_t> points = {}) : to_refine(std::move(points)), coarse(run.points()), fine_boxes(run.points() * run.fineness) {
    known = run.beyond(from, *this);
  }
  void later(const check::Vector& box) override { g = box; }
  bool point(const check::Vector& box, std::size_t c) override { return coarse[c] = box, true; }
  std::optional<std::vector<std::size_t>> refined() override { return to_refine; }
  bool fine(const check::Vector& box, std::size_t c) override { return fine_boxes[c] = box, true; }

  std::vector<std::size_t> to_refine;
  bool known = false;
  check::Vector g;
  std::vector<check::Vector> coarse, fine_boxes;
};

}  // namespace

TEST_CASE("the circle of phases bounds vectors far out") {
  constexpr std::int64_t known = 4096, last = 8000;
  std::size_t compared = 0;
  // Without an MLP and a last norm the vector is a linear function of what attention gives, and the boxes are narrower.
  for (const auto& [prefix, linear] : std::vector<std::pair<std::vector<Token>, bool>>{{{1}, false}, {{1, 3, 5}, true}}) {
    RandomModel description = testing::tiny(PositionKind::rope);
    description.layers = 2, description.width = 8, description.heads = 2, description.head_size = 4, description.gain = linear ? 1 : 0.5;
    if (linear) description.hidden = 0;
    const Model model = synthetic_model(description);
    check::TwoLayers run(model, sequences(prefix), !linear, 96, 40), all(model, sequences(prefix), !linear, 96, 40);
    run.follow(known, [](std::int64_t) { return false; });
    CHECK(run.unknown({0, 5, run.points() - 1}) == 5 * (run.fineness - 1));  // 0 and the last one share a cell
    const IntervalArithmetic& a = run.arithmetic();
    const std::int64_t whole = check::multiples_of_one(*model.layers[0].attention.rotary)[0];
    std::vector<std::int64_t> lengths = {4097, 6000, last};
    const auto vectors = all.follow(last, [&](std::int64_t n) { return std::find(lengths.begin(), lengths.end(), n) != lengths.end(); });
    const auto cell_of = [&](std::int64_t n, std::size_t points) {
      const double turns = static_cast<double>(n) / static_cast<double>(whole) / (2 * M_PI);
      return static_cast<std::size_t>(std::floor((turns - std::floor(turns)) * static_cast<double>(points)));
    };
    // Off the limit by s d + (1 - s) g, s = share, d in the hull of two boxes?
    const auto within = [&](const check::Vector& off, const check::Vector& d, const check::Vector& e, const check::Vector& g, const check::Number& share) {
      for (std::size_t i = 0; i < off.size(); ++i) {
        check::Number hull = d[i], rest = a.of(1);
        check::unite(hull, e[i]);
        a.sub(rest, rest, share);
        a.mul(rest, rest, g[i]);
        a.mul(hull, hull, share);
        a.add(hull, hull, rest);
        CAPTURE(i, check::shown(hull), check::shown(off[i]));
        if (!overlap(hull, off[i])) return false;
        ++compared;
      }
      return true;
    };
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      CAPTURE(lengths[i], linear);
      check::Vector off = vectors[i];
      for (std::size_t k = 0; k < off.size(); ++k) a.sub(off[k], off[k], run.limit()[k]);
      for (const std::int64_t from : {lengths[i], known}) {
        const std::size_t cell = cell_of(lengths[i], run.points()), fine = cell_of(lengths[i], run.points() * run.fineness);
        const Recorder boxes(run, from, {cell});
        REQUIRE(boxes.known);
        const check::Vector &one = boxes.coarse[cell], &next = boxes.coarse[(cell + 1) % run.points()];
        check::Number share = a.of(static_cast<double>(from));
        a.div(share, share, a.of(static_cast<double>(lengths[i])));
        CHECK(within(off, one, next, boxes.g, share));
        // In the refined cell: its last part ends at the next point, which is not refined. Fine boxes are what the point's one is for less.
        const std::size_t after = fine + 1 == (cell + 1) * run.fineness ? 0 : fine + 1;
        const check::Vector &here = boxes.fine_boxes[fine], &beside = after == 0 ? next : boxes.fine_boxes[after];
        REQUIRE(std::count_if(boxes.fine_boxes.begin(), boxes.fine_boxes.end(), [](const auto& box) { return !box.empty(); }) == 2 * run.fineness - 1);
        CHECK(within(off, here, beside, boxes.g, share));
        double finer = 0, coarser = 0;
        for (std::size_t k = 0; k < off.size(); ++k) finer += width(boxes.fine_boxes[cell * run.fineness][k]), coarser += width(one[k]);
        CHECK(finer < coarser);
        if (from != known + 1) continue;
        double radius = 0, size = 0;  // they say something
        for (std::size_t k = 0; k < off.size(); ++k) radius += width(one[k]), size += std::fabs(mpfr_get_d(check::lower(off[k]), MPFR_RNDN));
        CHECK(radius < (linear ? 2 : 4) * size);
      }
    }
    // Followed further, all of it is summed up again: here the last token's own weights are in the sums.
    run.follow(last, [](std::int64_t) { return false; });
    check::Vector off = vectors.back();
    for (std::size_t k = 0; k < off.size(); ++k) a.sub(off[k], off[k], run.limit()[k]);
    const std::size_t cell = cell_of(last, run.points()), end = run.points() - 1;
    const std::vector<std::size_t> refined = {0, cell, end};
    CHECK(run.unknown(refined) == 5 * run.fineness - 5);
    const Recorder boxes(run, last, refined);
    REQUIRE(boxes.known);
    CHECK(run.unknown(refined) == 0);
    CHECK(within(off, boxes.coarse[cell], boxes.coarse[(cell + 1) % run.points()], boxes.g, a.of(1)));
    double before = 0, after = 0;
    REQUIRE(all.tokens() == last);
    check::TwoLayers fresh(model, sequences(prefix), !linear, 96, 40);
    fresh.follow(last, [](std::int64_t) { return false; });
    const Recorder again(fresh, last);
    REQUIRE(again.known);
    for (std::size_t k = 0; k < off.size(); ++k) before += width(again.coarse[cell][k]), after += width(boxes.coarse[cell][k]);
    CHECK(before == after);
  }
  CHECK(compared >= 96);
}

TEST_CASE("what is refused of two layers") {
  const auto refused = [](auto change, std::vector<Token> suffix = {}) {
    RandomModel m = testing::tiny(PositionKind::rope);
    m.layers = 2;
    change(m);
    CertificateSequences s = sequences({1});
    s.suffix = std::move(suffix);
    return check::two_layers_refused(synthetic_model(m), s).has_value();
  };
  CHECK(!refused([](RandomModel&) {}));
  CHECK(refused([](RandomModel&) {}, {3}));
  CHECK(refused([](RandomModel& m) { m.layers = 3; }));
  CHECK(refused([](RandomModel& m) { m.layers = 1; }));
  CHECK(refused([](RandomModel& m) { m.window = 3; }));
  CHECK(refused([](RandomModel& m) { m.qk_norm = true; }));
  CHECK(refused([](RandomModel& m) { m.position = PositionKind::none; }));
  CHECK(refused([](RandomModel& m) { m.rope_base = 10001; }));
}

TEST_CASE("claims about every n in two layers: proved, and refused where they are changed") {
  const testing::Example e = testing::deep_example();
  nlohmann::json certificate = e.certificate;
  const auto claims = inevitable_claims(certificate);
  REQUIRE(claims.size() == 2);
  const std::vector<check::Finding> honest = testing::findings(e.model, certificate_from(e.certificate, "honest", true));
  for (const check::Finding& finding : honest) {
    CAPTURE(finding.reason);
    CHECK(finding.status == check::Status::verified);
  }
  for (std::size_t which = 0; which < 2; ++which) {
    CAPTURE(which);
    REQUIRE((*claims[which])["numbers"]["status"] == "exact");
    const std::int64_t from = std::stoll((*claims[which])["numbers"]["from"].get<std::string>());
    const auto set = [&](const char* name, std::int64_t n) { return [=](nlohmann::json& numbers) { numbers[name] = std::to_string(n); }; };
    CHECK(of_changed(e, which, [&](nlohmann::json& numbers) { set("from", from - 1)(numbers), set("distinct at", from - 2)(numbers); }, e.model).status == check::Status::refuted);  // the upper end one less
    CHECK(of_changed(e, which, [&](nlohmann::json& numbers) { set("from", from + 1)(numbers), set("distinct at", from)(numbers); }, e.model).status == check::Status::refuted);      // the lower end one more
  }
  // What fails only beyond the lengths that are evaluated at first: a finer format's tolerance.
  testing::Example fine = e;
  fine.certificate["formats"]["fp32"] = testing::example("fine", e.model, testing::small_request(1, {"fp32"}, false)).certificate["formats"]["fp32"];
  CHECK(of_changed(fine, 1, [](nlohmann::json& numbers) { numbers["from"] = "10000", numbers["distinct at"] = "9999", numbers["format"] = "fp32", numbers["eps"] = "0x2p-24"; }, e.model).status == check::Status::refuted);
  // Another weight.
  Model other = e.model;
  for (Layer& layer : other.layers) {
    std::vector<double> values = read_all(*layer.value.weight);
    for (double& value : values) value *= 1.5;
    layer.value.weight = std::make_shared<DenseTensor>(layer.value.weight->rows(), layer.value.weight->columns(), std::move(values));
  }
  CHECK(of_changed(e, 0, [](nlohmann::json&) {}, other).status != check::Status::verified);
}
