// The checker: what certify() claims of small models is verified, what is false is refuted with its place; its forward pass agrees with the other worlds.
#include "proofs/checker/check.hpp"

#include <algorithm>

#include "lib/error.hpp"
#include "lib/model/decoder.hpp"
#include "lib/world/ball.hpp"
#include "proofs/checker/judge.hpp"
#include "proofs/checker/model_source.hpp"
#include "proofs/checker/sequences.hpp"
#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"
#include "tests/model/zoo.hpp"
#include "tests/proofs/certificates.hpp"
#include "tests/threads.hpp"

using namespace snellen;


TEST_CASE("the checker's forward pass and the ball world enclose the same vectors, in every kind of model") {
  std::size_t compared = 0;
  for (const testing::Specimen& specimen : testing::zoo()) {
    CAPTURE(specimen.name);
    const Model model = synthetic_model(specimen.description);
    const std::vector<Token> trunk{1, 5, 2, 2, 2, 3}, branch{4, 2};
    SequenceTree tree(trunk);
    check::Seating seating(trunk);
    const std::size_t end = tree.add(3, branch);
    REQUIRE(seating.add(3, branch) == end);
    const BallWorld balls(160);
    const Decoder<BallWorld> decoder(model, balls);
    Decoder<BallWorld>::Memory memory;
    const BallMatrix x = decoder.hidden(tree.columns(), memory), y = decoder.final(x);
    const check::Forward forward(model, 160);
    const check::Forward::States states = forward.run(seating.seats());
    for (std::size_t c = 0; c < tree.columns().size(); ++c)
      for (const bool final : {false, true}) {
        const check::Vector mine = final ? forward.final(states.hidden[c]) : states.hidden[c];
        const std::vector<Enclosure> theirs = balls.enclosures(final ? y : x, c);
        for (std::size_t i = 0; i < mine.size(); ++i, ++compared) {
          REQUIRE((check::is_finite(mine[i]) && theirs[i].is_finite()));
          REQUIRE(mpfr_lessequal_p(check::lower(mine[i]), theirs[i].upper.get()));
          REQUIRE(mpfr_lessequal_p(theirs[i].lower.get(), check::upper(mine[i])));
          check::Number width = mine[i];  // and it is narrow: an interval of everything would overlap, too
          mpfi_diam_abs(check::upper(width), IntervalArithmetic::raw(mine[i]));
          REQUIRE(mpfr_cmp_d(check::upper(width), 0x1p-90) < 0);
        }
      }
  }
  REQUIRE(compared > 2000);
}

TEST_CASE("every claim of small models is verified, on any number of threads") {
  for (const testing::Example& example : testing::examples()) {
    CAPTURE(example.name);
    const Certificate c = certificate_from(example.certificate, "certificate");
    const Threads two(2);
    const std::vector<check::Finding> found = testing::findings(example.model, c);
    REQUIRE(found.size() == c.claims.size());
    REQUIRE(found.size() >= 8);
    for (std::size_t i = 0; i < found.size(); ++i) {
      CAPTURE(c.claims[i].statement, found[i].reason);
      CHECK(found[i].status == check::Status::verified);
    }
    const bool all = std::any_of(c.claims.begin(), c.claims.end(), [](const CertificateClaim& claim) { return claim.scope == "all"; });
    CHECK(all == (example.name != "rope"));
  }
}

TEST_CASE("families of every form: a delimiter, a suffix, a sample, a last token repeated") {
  const Model model = synthetic_model(testing::tiny(PositionKind::rope));
  const auto all_verified = [&](const CertifyRequest& request) {
    const testing::Example example = testing::example("form", model, request);
    const Certificate c = certificate_from(example.certificate, "certificate");
    for (std::int64_t n = 1; n <= request.family.to; ++n) {
      REQUIRE(check::sequence(*c.sequences, n) == request.family.first(n));
      REQUIRE(check::second_sequence(*c.sequences, n) == request.family.second(n));
    }
    const auto found = testing::findings(example.model, c);
    return !found.empty() && testing::count(found, check::Status::verified) == found.size();
  };
  CertifyRequest request = testing::small_request(5, {"bf16"}, false);
  request.family.suffix = {3, 4};
  CHECK(all_verified(request));
  request.family.pair = Pair::repeat_last;
  CHECK(all_verified(request));
  request.family.suffix.clear();
  request.family.delimiter = Delimiter{2, {5}};
  CHECK(all_verified(request));
  request.family.unit.clear();
  request.family.sample = Sample{{2, 3, 4}, {}, 7};
  CHECK(all_verified(request));
  request.at = Place::hidden;
  CHECK(all_verified(request));
}

TEST_CASE("runs of two tokens, suffixes and repeated last tokens under slopes: for every n") {
  std::size_t for_all = 0;
  const auto all_verified = [&](std::string name, const CertifyRequest& request, std::size_t layers) {
    RandomModel description = testing::tiny(PositionKind::alibi);
    description.layers = layers;
    const testing::Example example = testing::example(std::move(name), synthetic_model(description), request);
    const Certificate c = certificate_from(example.certificate, "certificate");
    const std::vector<check::Finding> found = testing::findings(example.model, c);
    for (std::size_t i = 0; i < found.size(); ++i) {
      CAPTURE(example.name, c.claims[i].statement, found[i].reason);
      CHECK(found[i].status == check::Status::verified);
      for_all += c.claims[i].scope == "all";
    }
  };
  CertifyRequest request = testing::small_request(10, {"e5m2"}, true);
  request.criteria = {Criterion::tolerance, Criterion::argmax};  // close after fewer copies than bitwise
  request.family.unit = {2, 4}, request.family.pair = Pair::repeat_last;
  all_verified("two tokens, the last repeated", request, 1);
  request.family.pair = Pair::next, request.family.unit = {2}, request.family.suffix = {3, 5}, request.at = Place::hidden;
  all_verified("one token and a suffix", request, 1);
  CHECK(for_all >= 5);
}

TEST_CASE("claims about every n that rest on rotations in two layers: verified, and named as open where next tokens are meant") {
  RandomModel deep = testing::tiny(PositionKind::rope);
  deep.layers = 2, deep.gain = 0.5;
  const testing::Example example = testing::example("rotations", synthetic_model(deep), testing::small_request(6, {"e4m3"}, true));
  const Certificate c = certificate_from(example.certificate, "certificate");
  const std::vector<check::Finding> found = testing::findings(example.model, c);
  std::size_t open = 0, verified = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(c.claims[i].statement, found[i].reason);
    if (c.claims[i].scope == "all" && c.claims[i].statement.ends_with("the same next token.")) {
      CHECK(found[i].status == check::Status::open);
      CHECK(found[i].reason == "next tokens are not asked for in two layers under rotary positions");
      ++open;
    } else {
      CHECK(found[i].status == check::Status::verified);
      verified += c.claims[i].scope == "all";
    }
  }
  CHECK(verified >= 2);
  CHECK(open == 1);
}

TEST_CASE("claims that rest on rotations in more than two layers, and are sharper than norms, are read and named as open") {
  RandomModel deep = testing::tiny(PositionKind::rope);
  deep.layers = 3, deep.gain = 0.5;
  const testing::Example example = testing::example("rotations", synthetic_model(deep), testing::small_request(6, {"e4m3"}, true));
  const Certificate c = certificate_from(example.certificate, "certificate");
  const std::vector<check::Finding> found = testing::findings(example.model, c);
  std::size_t open = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(c.claims[i].statement, found[i].reason);
    if (c.claims[i].scope == "horizon") CHECK(found[i].status == check::Status::verified);
    if (c.claims[i].scope == "horizon") continue;
    CHECK(found[i].reason == "what norms leave of the vectors of every n from there on is too wide");
    ++open;
  }
  CHECK(open >= 1);
}

TEST_CASE("what is false is refuted, with its place; what is left out is named") {
  const std::vector<testing::Example> examples = testing::examples();
  Certificate c = certificate_from(examples[0].certificate, "certificate");
  const Certificate good = c;
  c.distances[3].by_norm[0] = c.distances[2].by_norm[0];
  std::vector<check::Finding> found = check::check(examples[0].model, c, {});
  REQUIRE(testing::count(found, check::Status::refuted) == 1);
  CHECK(found[0].reason.find("n = 4: D_l1 lies in [") == 0);
  c = good;
  c.distances.back().by_norm[0] = c.distances[2].by_norm[0];  // the last length is one of them
  found = check::check(examples[0].model, c, {});
  REQUIRE(testing::count(found, check::Status::refuted) == 1);
  CHECK(found[0].reason.find("n = 6: D_l1 lies in [") == 0);
  c = good;
  c.next_tokens[1] = *c.next_tokens[1] == 0 ? 1 : 0;
  found = check::check(examples[0].model, c, {});
  REQUIRE(testing::count(found, check::Status::refuted) == 1);
  CHECK(found[1].reason.find("n = 2: the next token is ") == 0);

  check::Options options;
  options.up_to = 3;
  found = check::check(examples[0].model, good, options);
  CHECK(testing::count(found, check::Status::refuted) == 0);
  CHECK(found[0].reason == "only lengths up to 3 were asked for: those are as claimed");
  options.up_to.reset(), options.work = 10;
  found = check::check(examples[0].model, good, options);
  CHECK(testing::count(found, check::Status::open) == found.size());
  options = {};
  options.max_bits = 24;  // too few for the intervals that are listed
  found = check::check(examples[0].model, good, options);
  CHECK(found[0].status == check::Status::open);
  CHECK(found[0].reason.find("the certificate says [") != std::string::npos);
}

TEST_CASE("a random model is made again from its description, whatever its settings") {
  for (const testing::Specimen& specimen : testing::zoo()) {
    const std::string text = describe(specimen.description);
    CAPTURE(text);
    const auto parsed = check::parse_random_model(text);
    REQUIRE(parsed);
    CHECK(synthetic_model(*parsed).sha256 == synthetic_model(specimen.description).sha256);
  }
  const std::string text = describe(testing::tiny(PositionKind::rope));
  for (const std::string& bad : {text + ", magic", text + ", gain 3", text.substr(0, text.size() - 1), std::string("random: "), text + " ", "seed 1" + text})
    CHECK(!check::parse_random_model(bad));
}

TEST_CASE("a certificate of another model is refused before anything is evaluated") {
  const testing::Example example = testing::examples()[0];
  Certificate c = certificate_from(example.certificate, "certificate");
  CHECK(check::load_certified_model(c, "certificate.json", {}).sha256 == example.model.sha256);
  c.model.sha256[0] = c.model.sha256[0] == '0' ? '1' : '0';
  CHECK(checkpoint::refusal([&] { check::load_certified_model(c, "certificate.json", {}); }).find("certificate.json: model.sha256: found ") == 0);
  c.model.sha256 = example.model.sha256, c.model.layers = 7;
  CHECK(checkpoint::refusal([&] { check::load_certified_model(c, "certificate.json", {}); }).find("certificate.json: model.layers: ") == 0);
  c.model.source = "nowhere.gguf";
  CHECK(checkpoint::refusal([&] { check::load_certified_model(c, "certificate.json", {}); }).find("found no nowhere.gguf") != std::string::npos);
}

TEST_CASE("rounding to a format is that of lib/number/format, at values, midpoints, neighbours and both ends of the exponents") {
  std::size_t compared = 0;
  for (const char* name : {"e4m3", "e5m2-saturating", "bf16", "fp32", "p3:-2:2"}) {
    const Format format = find_format(name).value();
    const CertificateFormat mine{name, format.precision, format.emin, format.emax, "infinity", format.top_code_is_nan};
    for (long exponent = format.emin - format.precision - 2; exponent <= format.emax + 2; exponent += std::max(1L, (format.emax - format.emin) / 40))
      for (long m = 0; m < 64; ++m)
        for (const int nudge : {-1, 0, 1}) {
          Dyadic x(200);
          mpfr_set_si_2exp(x.get(), 64 + m, exponent - 6, MPFR_RNDN);
          if (nudge < 0) mpfr_nextbelow(x.get());
          if (nudge > 0) mpfr_nextabove(x.get());
          if (m % 2 == 1) mpfr_neg(x.get(), x.get(), MPFR_RNDN);
          const Rounded theirs = round(format, x);
          const check::RoundedEnd found = check::round_to(mine, x.get());
          REQUIRE(found.finite == (theirs.status == RoundStatus::finite));
          if (found.finite) REQUIRE(found.value == theirs.value);
          ++compared;
        }
  }
  REQUIRE(compared > 5000);
}
