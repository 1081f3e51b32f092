// Runs under rotary positions, as the checker follows them: masses against their terms, vectors against the forward pass, slopes against differences; and what it says of claims.
#include "proofs/checker/share_run.hpp"

#include "lib/number/splitmix64.hpp"
#include "proofs/checker/sequences.hpp"
#include "tests/catch.hpp"
#include "tests/proofs/certificates.hpp"
#include "tests/proofs/numbers.hpp"

using namespace snellen;
using testing::overlap, testing::width;

namespace {

// Every kind of layer that a run under rotary positions may have.
std::vector<RandomModel> models() {
  return testing::rotary_variants([](RandomModel& m) { m.width = 8, m.heads = 2, m.hidden = 6; },
                                  {[](RandomModel&) {},
                                   [](RandomModel& m) { m.kv_heads = 1, m.norm = NormKind::layer, m.bias = true, m.activation = Activation::gelu_exact, m.gated = false; },
                                   [](RandomModel& m) { m.qk_norm = true, m.post_norms = true, m.unit_offset = true, m.embedding_scale = true, m.activation = Activation::gelu_tanh; },
                                   [](RandomModel& m) { m.heads = 1, m.head_size = 8, m.rotary_dimensions = 4, m.rope_base = 100, m.activation = Activation::relu, m.gated = false; },
                                   [](RandomModel& m) { m.heads = 1, m.head_size = 8, m.hidden = 0; }});  // four planes
}

CertificateSequences sequences(std::vector<Token> prefix, std::vector<Token> suffix) {
  CertificateSequences s;
  s.prefix = std::move(prefix), s.unit = {2}, s.suffix = std::move(suffix);
  return s;
}

}  // namespace

TEST_CASE("frequencies that are multiples of one") {
  CHECK(check::multiples_of_one({10000, 8}) == std::vector<std::int64_t>{1000, 100, 10, 1});
  CHECK(check::multiples_of_one({10000, 4}) == std::vector<std::int64_t>{100, 1});
  CHECK(check::multiples_of_one({500, 2}) == std::vector<std::int64_t>{1});
  CHECK(check::multiples_of_one({10000, 16}).empty());  // the ratio is the root of 10
  CHECK(check::multiples_of_one({10001, 4}).empty());
  CHECK(check::multiples_of_one({1.5, 4}).empty());
}

TEST_CASE("masses and vectors of a run under rotary positions") {
  constexpr long bits = 160;
  std::size_t compared = 0;
  for (const RandomModel& description : models())
    for (const auto& [prefix, suffix] : std::vector<std::pair<std::vector<Token>, std::vector<Token>>>{{{1}, {}}, {{1, 3, 5}, {4, 0}}}) {
      const Model model = synthetic_model(description);
      const CertificateSequences s = sequences(prefix, suffix);
      CAPTURE(model.source, suffix.size());
      REQUIRE(!check::share_run_refused(model, s));
      const check::ShareRun run(model, s, bits, 60);
      const std::vector<check::ShareRun::Two> first = run.first(40);
      for (const std::int64_t n : {1, 2, 7, 40}) {
        CAPTURE(n);
        const check::Forward forward(model, bits);
        const check::Vector expected = forward.run(check::Seating(check::sequence(s, n)).seats()).hidden.back(), by_modes = run.at(n).hidden;
        for (std::size_t i = 0; i < expected.size(); ++i) {
          CAPTURE(i, check::shown(expected[i]), check::shown(by_modes[i]));
          REQUIRE(overlap(expected[i], by_modes[i]));
          REQUIRE(overlap(expected[i], first[static_cast<std::size_t>(n - 1)].hidden[i]));
          CHECK(width(by_modes[i]) < 0x1p-30);
          CHECK(width(first[static_cast<std::size_t>(n - 1)].hidden[i]) < 0x1p-100);
          ++compared;
        }
      }
      // |Z_n - mean n| <= excess.
      for (const std::int64_t n : {1, 3, 50, 1000, 123'456'789}) {
        const check::Vector masses = run.mass().at(n);
        for (std::size_t h = 0; h < run.heads(); ++h) {
          check::Number off = run.mass().mean(h);
          mpfi_mul_si(IntervalArithmetic::raw(off), IntervalArithmetic::raw(off), n);
          check::widen(off, run.mass().excess(h));
          CHECK(overlap(masses[h], off));
        }
      }
    }
  CHECK(compared >= 300);
}

TEST_CASE("by the mean value theorem slopes say how far a vector is from its limit") {
  constexpr long bits = 128;
  for (const RandomModel& description : models())
    for (const bool final : {false, true}) {
      const Model model = synthetic_model(description);
      const CertificateSequences s = sequences({1, 5}, {3});
      const check::ShareRun run(model, s, bits, 60);
      CAPTURE(model.source, final);
      const IntervalArithmetic& a = run.arithmetic();
      const check::ShareRun::Two limit = run.limit();
      for (const std::int64_t n : {30, 1000, 1'000'000}) {
        CAPTURE(n);
        check::Number phase = a.zero();
        mpfi_set_si(IntervalArithmetic::raw(phase), n);
        a.div(phase, phase, a.of(static_cast<double>(run.whole())));
        check::Vector shares = run.weights(phase, false), masses = run.mass().at(n);
        const check::Vector weights = shares, most = run.largest_weights();
        for (std::size_t i = 0; i < shares.size(); ++i) {
          CHECK(!mpfr_less_p(check::upper(most[i]), check::lower(weights[i])));
          check::Number total = masses[i % run.heads()];
          for (std::size_t j = i % run.heads(); j < shares.size(); j += run.heads()) a.add(total, total, weights[j]);
          a.div(shares[i], weights[i], total);
        }
        const std::vector<check::Vector> slopes = run.slopes(shares, final);
        const check::ShareRun::Two two = run.at(n);
        for (std::size_t i = 0; i < model.width; ++i) {
          check::Number predicted = final ? limit.final[i] : limit.hidden[i], term = a.zero();
          for (std::size_t k = 0; k < shares.size(); ++k) {
            a.mul(term, slopes[k][i], shares[k]);
            a.add(predicted, predicted, term);
          }
          const check::Number& exact = final ? two.final[i] : two.hidden[i];
          CAPTURE(i, check::shown(predicted), check::shown(exact));
          CHECK(overlap(exact, predicted));
          if (n == 1'000'000) CHECK(width(predicted) < 1e-4);
        }
      }
    }
}

TEST_CASE("claims about every n in one layer: what holds is verified, and what is changed is refuted") {
  struct Kind {
    std::string name;
    PositionKind position;
    Place at;
    std::vector<Token> unit, suffix;
  };
  for (const Kind& kind : std::vector<Kind>{{"rotary positions", PositionKind::rope, Place::final, {2}, {}},
                                            {"rotary positions and a suffix", PositionKind::rope, Place::hidden, {2}, {4}},
                                            {"several tokens without positions", PositionKind::none, Place::final, {2, 3}, {4}}}) {
    RandomModel description = testing::tiny(kind.position);
    description.rope_base = 100;
    CertifyRequest request = testing::small_request(8, {"e5m2", "bf16"}, true);
    request.family.unit = kind.unit, request.family.suffix = kind.suffix, request.at = kind.at;
    const testing::Example example = testing::example(kind.name, synthetic_model(description), request);
    Certificate good = certificate_from(example.certificate, "certificate"), changed = good;
    std::erase_if(good.claims, [](const CertificateClaim& claim) { return fact_of(claim.id) != "inevitable" && fact_of(claim.id) != "limit"; });
    CHECK(good.claims.size() >= 5);
    changed.claims.clear();
    const std::vector<check::Finding> found = testing::findings(example.model, good);
    for (std::size_t i = 0; i < found.size(); ++i) {
      CAPTURE(kind.name, good.claims[i].statement, found[i].reason);
      CHECK(found[i].status == check::Status::verified);
      const ClaimNumbers& numbers = good.claims[i].numbers;
      if (!numbers.contains("from") || !numbers.contains("distinct at")) continue;
      const std::int64_t from = std::stoll(numbers.at("from"));
      const auto change = [&](const char* number, std::int64_t value) {
        changed.claims.push_back(good.claims[i]);
        changed.claims.back().numbers[number] = std::to_string(value);
      };
      if (numbers.at("status") == "exact") change("from", from - 1);
      change("distinct at", from), change("distinct at", from + 1'000'000'007);
    }
    CHECK(changed.claims.size() >= 3);
    const std::vector<check::Finding> wrong = testing::findings(example.model, changed);
    for (std::size_t i = 0; i < wrong.size(); ++i) {
      CAPTURE(kind.name, changed.claims[i].numbers, wrong[i].reason);
      CHECK(wrong[i].status == check::Status::refuted);
    }
  }
}
