// certify() with a proof for all n: joined with enumeration, within a budget, the same on any number of threads.
#include "bounds/certify.hpp"
#include "bounds/inevitable.hpp"
#include "bounds/work.hpp"
#include "lib/error.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/number/length.hpp"
#include "reports/certificate.hpp"
#include "reports/json_report.hpp"
#include "tests/catch.hpp"
#include "tests/threads.hpp"

using namespace snellen;

namespace {

RandomModel small(PositionKind position) {
  RandomModel m;
  m.seed = 3, m.width = 8, m.heads = 2, m.hidden = 12, m.vocab = 8, m.layers = 1, m.position = position, m.gain = 0.5;
  return m;
}

CertifyRequest request(std::int64_t from, std::int64_t to, std::initializer_list<const char*> formats) {
  CertifyRequest r;
  r.title = "test";
  r.family.prefix = {1}, r.family.unit = {2}, r.family.from = from, r.family.to = to;
  for (const char* name : formats) r.formats.push_back(find_format(name).value());
  r.criteria = {Criterion::bitwise, Criterion::tolerance, Criterion::argmax};
  r.metrics = {Metric::l1};
  r.inevitable = true;
  return r;
}

Certification run(const Model& model, const CertifyRequest& r) {
  SilentProgress silent;
  return certify(model, r, silent);
}

bool overlaps(const Inevitable& a, const Inevitable& b) {
  return (!a.upper || Length(b.lower) <= Length(*a.upper)) && (!b.upper || Length(a.lower) <= Length(*b.upper));
}

}  // namespace

TEST_CASE("NoPE: every row is exact for every n, and says on what it rests") {
  const Model model = synthetic_model(small(PositionKind::none));
  const CertifyRequest r = request(1, 60, {"e4m3", "bf16"});
  static const Certification c = run(model, r);  // once for all sections
  REQUIRE((c.inevitable && c.unsupported.empty() && c.proofs.size() == 1));
  REQUIRE(c.rows.size() == 5);
  std::size_t beyond = 0;
  for (const CollapseRow& row : c.rows) {
    REQUIRE((row.inevitable.scope == Scope::all && row.inevitable.status == Status::exact));
    REQUIRE((row.basis.theorem == "inevitable_by_eras" && row.basis.open.empty() && row.basis.undecided == 0));
    REQUIRE(row.basis.numbers.count("tail from") == 1);
    // What was evaluated agrees.
    for (std::int64_t n = 1; n <= 60; ++n) {
      const Verdict verdict = row.verdicts[static_cast<std::size_t>(n - 1)];
      if (Length(n) >= Length(*row.inevitable.upper)) REQUIRE(verdict == Verdict::collapsed);
      if (Length(n) == Length(row.inevitable.lower) - 1) REQUIRE(verdict == Verdict::distinct);
    }
    beyond += Length(row.inevitable.lower) > 60;
  }
  REQUIRE(beyond >= 2);

  std::size_t claims = 0;
  for (const Claim& claim : c.claims) {
    if (!claim.id.starts_with("inevitable.")) continue;
    ++claims;
    REQUIRE((claim.scope == Scope::all && claim.theorem == "inevitable_by_eras" && claim.hypotheses.size() == c.proofs[0].hypotheses.size()));
    REQUIRE(claim.statement.find("For every n >= " + claim.numbers.at("from") + ", ") == 0);
    for (const char* number : {"tail from", "eras", "degree", "bits", "explicit tokens"}) REQUIRE(claim.numbers.count(number) == 1);
  }
  REQUIRE(claims == 5);

  // y([a]): another evaluation of one token alone overlaps it, and the vector at the horizon is as far from it as is said.
  REQUIRE((c.limit && c.limit->sequence == "[2]" && c.limit->vector.size() == 8 && c.limit->next_token));
  const BallWorld world(400);
  const Decoder<BallWorld> decoder(model, world);
  const auto vector_of = [&](const std::vector<Token>& tokens) {
    Decoder<BallWorld>::Memory memory;
    const std::vector<std::size_t> last{tokens.size() - 1};
    return certified_column(world, decoder.final(world.select(decoder.hidden(SequenceTree(tokens).columns(), memory), last)), 0);
  };
  const CertifiedVector alone = vector_of({2});
  for (std::size_t i = 0; i < 8; ++i) {
    REQUIRE((alone[i].lower <= c.limit->vector[i].upper && c.limit->vector[i].lower <= alone[i].upper));
    REQUIRE(c.limit->vector[i].is_finite());
  }
  std::vector<Token> tokens{1};
  tokens.insert(tokens.end(), 60, 2);
  const CertifiedVector at_horizon = vector_of(tokens);
  Dyadic sum(500), term(500);
  for (std::size_t i = 0; i < 8; ++i) {
    mpfr_sub(term.get(), at_horizon[i].lower.get(), alone[i].lower.get(), MPFR_RNDN);
    mpfr_abs(term.get(), term.get(), MPFR_RNDN);
    mpfr_add(sum.get(), sum.get(), term.get(), MPFR_RNDN);
  }
  REQUIRE((c.limit->distances[0].lower <= sum && sum <= c.limit->distances[0].upper));
  REQUIRE((c.limit->tail_distances.at(0) < c.limit->distances[0].lower));

  SECTION("lengths that begin later give the same answers for every n, and say so") {
    CertifyRequest late = r;
    late.family.from = 20, late.family.to = 25;
    const Certification l = run(model, late);
    for (std::size_t i = 0; i < c.rows.size(); ++i)
      REQUIRE((l.rows[i].inevitable.lower == c.rows[i].inevitable.lower && l.rows[i].inevitable.upper == c.rows[i].inevitable.upper &&
               l.rows[i].inevitable.scope == Scope::all));
    std::size_t said = 0;
    for (const std::string& line : l.assumptions) said += line.find("Lengths were evaluated from n = 20 on") == 0;
    REQUIRE(said == 1);
  }
  SECTION("the reports are the same bytes on any number of threads") {
    const auto bytes = [&](int threads) {
      const Threads count(threads);
      const Certification again = run(model, r);
      return json_text(json_report(again)) + json_text(json_of(certificate(again)));
    };
    const std::string one = bytes(1);
    REQUIRE(one == bytes(3));
  }
  SECTION("few bits: unknown or a wider bracket, never a wrong length") {
    std::size_t open = 0, narrow = 0;
    for (const long bits : {8L, 12L, 24L, 56L, 72L}) {
      CertifyRequest coarse = r;
      coarse.max_bits = bits, coarse.start_bits = std::min(bits, 53L);
      const Certification k = run(model, coarse);
      for (std::size_t i = 0; i < c.rows.size(); ++i) {
        const CollapseRow& row = k.rows[i];
        if (row.inevitable.scope != Scope::all) {
          ++open;
          REQUIRE_FALSE(row.basis.open.empty());
          continue;
        }
        REQUIRE(overlaps(row.inevitable, c.rows[i].inevitable));
        if (row.inevitable.status == Status::bracket) {
          ++open;
          REQUIRE_FALSE(row.basis.open.empty());
        }
        narrow += row.inevitable.status == Status::exact;
      }
      // An answer for all n that is open changes nothing about what is undecided up to the horizon.
      std::int64_t undecided = 0;
      for (const CollapseRow& row : k.rows) undecided += row.undecided;
      REQUIRE(k.undecided() == (undecided > 0));
    }
    CAPTURE(open, narrow);
    REQUIRE((open >= 3 && narrow >= 3));
  }
  SECTION("not asked for, the answers have the scope of the horizon") {
    CertifyRequest plain = r;
    plain.inevitable = false;
    const Certification p = run(model, plain);
    REQUIRE((!p.inevitable && !p.limit && p.proofs.empty()));
    for (const CollapseRow& row : p.rows) REQUIRE(row.inevitable.scope == Scope::horizon);
  }
  SECTION("a budget is counted before it is spent") {
    CertifyRequest cheap = r;
    cheap.inevitable_work = 1000;
    const Certification p = run(model, cheap);
    REQUIRE(p.unsupported.find("the budget allows") == 0);
    for (const CollapseRow& row : p.rows) REQUIRE((row.inevitable.scope == Scope::horizon && row.basis.theorem.empty()));
    // Enough for explicit tokens and few eras: no row is wrong, and those that are open name the eras.
    cheap.inevitable_work = 3 * work_of_eras(model, 12, 31) + 1;
    REQUIRE(limits_within(*cheap.inevitable_work, model, 4096).max_eras == 12);
    const Certification q = run(model, cheap);
    std::size_t open = 0;
    for (std::size_t i = 0; i < c.rows.size(); ++i) {
      const CollapseRow& row = q.rows[i];
      if (row.inevitable.scope == Scope::all) {
        REQUIRE(overlaps(row.inevitable, c.rows[i].inevitable));
        if (row.inevitable.status != Status::bracket) continue;  // a majorant's upper end
      }
      INFO("row " << i << ": " << row.inevitable.lower << ", " << row.inevitable.upper.value_or("none") << ", overflow " << row.basis.overflow_from.value_or("none") << "; " << q.unsupported);
      REQUIRE_FALSE(row.basis.open.empty());
      ++open;
    }
    REQUIRE(open >= 1);
  }
}

TEST_CASE("the budget's limits grow with it and stay within it") {
  const Model model = synthetic_model(small(PositionKind::none));
  std::size_t tokens = 0, eras = 0;
  for (double work = 1; work < 1e12; work *= 7) {
    const InevitableLimits limits = limits_within(work, model, 100);
    REQUIRE((limits.max_tokens >= tokens && limits.max_eras >= eras && limits.max_bits == 100));
    REQUIRE(work_of_tokens(model, static_cast<double>(limits.max_tokens)) * limits.attempts <= work);
    tokens = limits.max_tokens, eras = limits.max_eras;
  }
  REQUIRE((tokens == InevitableLimits().max_tokens && eras == InevitableLimits().max_eras));
  // A model of 10^8 weights is out of reach by default: 200 tokens cost more.
  REQUIRE(200 * 1.3e8 * InevitableLimits().attempts > default_inevitable_work);
}

TEST_CASE("rows that can never collapse close early and burn no eras of the others") {
  const Model model = synthetic_model(small(PositionKind::none));
  // e4m3 alone, then beside a format in which y([a]) overflows.
  const Certification alone = run(model, request(1, 5, {"e4m3"}));
  const Certification both = run(model, request(1, 5, {"e4m3", "p8:-10:-3"}));
  const CollapseRow& row = both.rows[1];
  REQUIRE((row.criterion == Criterion::bitwise && row.format->name == "p8:-10:-3"));
  REQUIRE((row.basis.overflow_from && row.inevitable.status == Status::unknown && row.basis.open.empty()));
  std::size_t claims = 0;
  for (const Claim& claim : both.claims)
    claims += claim.id == "inevitable.p8:-10:-3.bitwise" && claim.statement.find("neither collapse nor distinctness") != std::string::npos && claim.scope == Scope::all;
  REQUIRE(claims == 1);
  REQUIRE(both.rows[0].inevitable.upper == alone.rows[0].inevitable.upper);
  REQUIRE(std::stoi(both.rows[0].basis.numbers.at("eras")) <= std::stoi(alone.rows[0].basis.numbers.at("eras")) + 20);

  // The paper's bare model, before any norm: y([a]) is twice an embedding, exactly, and of seven bits; to six bits odd ones are midpoints.
  RandomModel bare = small(PositionKind::none);
  bare.identity = true, bare.heads = 1, bare.hidden = 0, bare.pre_norm = false;
  CertifyRequest on_boundary = request(1, 5, {"e4m3", "p6:-30:31"});
  on_boundary.at = Place::hidden;
  const Certification m = run(synthetic_model(bare), on_boundary);
  REQUIRE(m.rows[1].basis.open.find("the limit itself cannot be judged") != std::string::npos);
  REQUIRE((m.rows[1].inevitable.status == Status::unknown && !m.rows[1].inevitable.upper));
  REQUIRE(m.rows[3].inevitable.status == Status::exact);  // its tolerance row
  REQUIRE(m.rows[3].inevitable.scope == Scope::all);
}

TEST_CASE("ALiBi and a window through certify(): exact for every n") {
  for (const bool window : {false, true}) {
    RandomModel description = small(PositionKind::alibi);
    if (window) description.position = PositionKind::rope, description.window = 5, description.layers = 2;
    const Certification c = run(synthetic_model(description), request(1, 30, {"e4m3"}));
    for (const CollapseRow& row : c.rows) REQUIRE((row.inevitable.scope == Scope::all && row.inevitable.status == Status::exact));
    REQUIRE(c.limit.has_value());
    if (window) REQUIRE((c.limit->sequence == "[2]^9" && c.proofs[0].theorem == "window_kinds" && c.limit->tail_from == "9"));
  }
}

TEST_CASE("what no theorem covers keeps its horizon and says why") {
  RandomModel description = small(PositionKind::sinusoidal);
  const Certification c = run(synthetic_model(description), request(1, 10, {"bf16"}));
  REQUIRE((c.inevitable && !c.unsupported.empty() && !c.limit));
  for (const CollapseRow& row : c.rows) REQUIRE(row.inevitable.scope == Scope::horizon);
  for (const Claim& claim : c.claims) REQUIRE(claim.scope == Scope::horizon);
}

TEST_CASE("a request to stop is heard among the eras") {
  class StopAmongEras final : public Progress {
   public:
    void begin(const std::string& phase, std::size_t) override { eras_ = phase.find("eras") == 0; }
    void step() override {
      if (eras_ && ++steps_ == 3) throw Interrupted();
    }

   private:
    bool eras_ = false;
    int steps_ = 0;
  } stop;
  REQUIRE_THROWS_AS(certify(synthetic_model(small(PositionKind::none)), request(1, 5, {"bf16"}), stop), Interrupted);
}
