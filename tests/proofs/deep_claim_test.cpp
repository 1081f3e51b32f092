// What a claim about every n asks for, what it takes for settled, and what boxes settle of several claims.
#include "proofs/checker/deep_rows.hpp"

#include "tests/catch.hpp"
#include "tests/proofs/certificates.hpp"

using namespace snellen;
using check::DeepClaim, check::Vector;

namespace {

// A certificate that knows e4m3, and a claim with these numbers.
struct Fixture {
  Certificate certificate = certificate_from(testing::example("rope", synthetic_model(testing::tiny(PositionKind::rope)), testing::small_request(2, {"e4m3"}, false)).certificate, "here", true);
  CertificateClaim claim;
  IntervalArithmetic a{80};
  explicit Fixture(ClaimNumbers numbers) {
    numbers["format"] = "e4m3";
    if (!numbers.contains("criterion")) numbers["criterion"] = "bitwise";
    claim.id = claim_id("inevitable", numbers), claim.numbers = std::move(numbers);
  }
  DeepClaim deep() const { return DeepClaim(certificate, claim); }
  Vector at(double x) const { return {a.of(x)}; }
};

}  // namespace

TEST_CASE("strides settle the lengths that they reach, and no more") {
  const Fixture f({{"from", "10000"}, {"distinct at", "9999"}});
  DeepClaim claim = f.deep();
  CHECK(claim.least_end() == 10000);
  CHECK(claim.asks(9999));
  CHECK(claim.asks(10000));
  CHECK(!claim.asks(9998));
  claim.see_pair(f.a, 9999, f.at(1.25), f.at(1), f.at(1));
  CHECK(claim.start(8192) == 10000);
  claim.settle(10000, 0.75);
  CHECK(claim.wants_beyond());
  CHECK(claim.start(8192) == 13333);  // 10000 / 0.75 = 13333.3
  CHECK(!claim.asks(13332));
  CHECK(claim.asks(13333));
  CHECK(claim.result().status == check::Status::open);
  claim.settle(13333, 0);
  CHECK(!claim.wants_beyond());
  CHECK(claim.result().status == check::Status::verified);
}

TEST_CASE("a claim is verified by both of its halves alone") {
  const Fixture f({{"from", "100"}, {"distinct at", "99"}});
  DeepClaim claim = f.deep();
  claim.settle(100, 0);
  CHECK(claim.result().status == check::Status::open);
  SECTION("a distinct pair") {
    claim.see_pair(f.a, 99, f.at(1), f.at(1.125), f.at(1));
    CHECK(claim.result().status == check::Status::verified);
  }
  SECTION("a pair that collapses") {
    claim.see_pair(f.a, 99, f.at(1.125), f.at(1.125), f.at(1));  // off the limit or not: a distinct pair at 99 is claimed
    CHECK(claim.result().status == check::Status::refuted);
  }
  SECTION("a pair that is not decided") {
    Vector wide = f.at(1);
    check::unite(wide[0], f.a.of(1.125));
    claim.see_pair(f.a, 99, f.at(1), wide, f.at(1));
    CHECK(claim.result().status == check::Status::open);
    CHECK(claim.result().settled);
  }
}

TEST_CASE("a pair that must collapse and does not") {
  const Fixture f({{"from", "100"}, {"distinct at", "99"}});
  DeepClaim claim = f.deep();
  claim.see_pair(f.a, 98, f.at(1), f.at(1.125), f.at(1));  // nothing is claimed of it
  CHECK(claim.open());
  claim.see_pair(f.a, 150, f.at(1), f.at(1.125), f.at(1));
  CHECK(claim.result().status == check::Status::refuted);
}

TEST_CASE("distinct at or after: a vector that rounds to other values than the limit will do") {
  const Fixture f({{"from", "200"}, {"distinct at or after", "99"}});
  DeepClaim claim = f.deep();
  SECTION("another than the limit's") {
    claim.see_pair(f.a, 99, f.at(1.125), f.at(1.125), f.at(1));
    CHECK(claim.result().status == check::Status::open);  // as long as the end is not proved
    claim.settle(200, 0);
    CHECK(claim.result().status == check::Status::verified);
  }
  SECTION("the limit's") {
    claim.see_pair(f.a, 99, f.at(1.0625), f.at(1), f.at(1));  // rounds to 1
    claim.settle(200, 0);
    CHECK(claim.result().status == check::Status::open);
  }
  SECTION("without an end nothing says that the limit's values are taken on") {
    const Fixture g(ClaimNumbers{{"distinct at or after", "99"}});
    DeepClaim lower = g.deep();
    lower.see_pair(g.a, 99, g.at(1.125), g.at(1.125), g.at(1));
    CHECK(lower.result().status == check::Status::open);
  }
}

TEST_CASE("near the limit: one rounding cell, or half the tolerance") {
  const Fixture bitwise({{"from", "100"}, {"distinct at", "99"}});
  CHECK(bitwise.deep().near(bitwise.a, bitwise.at(1), bitwise.at(0.0624)));
  CHECK(!bitwise.deep().near(bitwise.a, bitwise.at(1), bitwise.at(0.07)));
  CHECK(!bitwise.deep().near(bitwise.a, bitwise.at(1), bitwise.at(-0.04)));  // cells are narrower below a power of two
  const Fixture near({{"from", "100"}, {"distinct at", "99"}, {"criterion", "tolerance"}, {"norm", "l1"}, {"eps", Dyadic::power_of_two(-3).hex()}});
  CHECK(near.deep().near(near.a, near.at(1), near.at(0.0625)));
  CHECK(!near.deep().near(near.a, near.at(1), near.at(0.07)));
}

TEST_CASE("a stride is as long as what later tokens add leaves room for") {
  const Fixture f({{"from", "100"}, {"distinct at", "99"}});
  const DeepClaim claim = f.deep();
  const std::size_t none = DeepClaim::strides.size();
  const auto stride = [&](double d, double g, std::size_t from = 0) { return claim.stride(f.a, f.at(1), f.at(d), f.at(g), from); };  // the cell of 1: off it by -1/32 to 1/16
  CHECK(stride(0.05, 0.06) == 0);
  CHECK(stride(0.05, 0.06, 3) == 3);
  CHECK(stride(0.07, 0) == none);   // no n at all
  CHECK(stride(-0.04, 0) == none);
  REQUIRE(DeepClaim::strides[3] == 0.5);
  CHECK(stride(0.05, 0.074) == 3);  // half of each: 0.062
  CHECK(stride(0.05, 0.0749) == 3);
  CHECK(stride(0.05, 0.0751) == 4);
  CHECK(stride(0.05, 1) == none);
  for (std::size_t i = 1; i < none; ++i) CHECK(DeepClaim::strides[i] > DeepClaim::strides[i - 1]);
}

TEST_CASE("a far claim is met at its own length") {
  const Fixture f({{"from", "300000"}, {"distinct at", "299999"}});
  const DeepClaim claim = f.deep();
  CHECK(claim.end_after(1 << 17) == 1 << 18);
  CHECK(claim.end_after(1 << 18) == 300000);
  CHECK(!claim.may_try(1 << 18));
  CHECK(claim.may_try(300000));
  CHECK(claim.end_after(300000) == 600000);
}

TEST_CASE("what no length or criterion is, is refused") {
  for (const ClaimNumbers& numbers : std::vector<ClaimNumbers>{{{"from", "0"}, {"distinct at", "99"}}, {{"from", "99999999999999999999"}, {"distinct at", "99"}}, {{"from", "10"}, {"distinct at", "9"}, {"criterion", "argmax"}},
                                                              {{"status", "never"}, {"distinct at or after", "3"}}, {{"from", "10"}, {"distinct at", "9"}, {"overflow from", "10"}}}) {
    const Fixture f(numbers);
    CHECK(!f.deep().open());
    CHECK(f.deep().result().settled);
  }
}

namespace {

// Claims of a run in two layers, and boxes for them that no run has given.
struct RowsFixture {
  Fixture facts{{{"from", "10000"}}};
  Model model = synthetic_model([] {
    RandomModel m = testing::tiny(PositionKind::rope);
    m.layers = 2, m.width = 8, m.heads = 2;
    return m;
  }());
  CertificateSequences sequences = [] {
    CertificateSequences s;
    s.prefix = {1}, s.unit = {2};
    return s;
  }();
  check::TwoLayers run{model, sequences, true, 96, 40};
  DeepClaim one = facts.deep(), two = facts.deep();
  std::vector<DeepClaim*> list{&one, &two};
  std::size_t asked = 0;
  bool affords = true;
  check::DeepRows rows{run, list, [this](std::size_t sums) { return asked = sums, affords; }};

  // One entry alone is off by this much.
  Vector off(double x) const {
    Vector box(run.limit().size(), run.arithmetic().zero());
    box[0] = run.arithmetic().of(x);
    return box;
  }
  Vector none() const { return off(0); }
  Vector much() const { return off(1e4); }
  void all_points_but(std::size_t begin, std::size_t end) {
    rows.later(none());
    for (std::size_t c = 0; c < run.points(); ++c) CHECK(rows.point(c >= begin && c < end ? much() : none(), c));
  }
};

}  // namespace

TEST_CASE("boxes at all points settle what they hold for") {
  RowsFixture f;
  f.all_points_but(0, 0);
  CHECK(f.rows.refined() == std::vector<std::size_t>());
  CHECK(f.asked == 0);
  f.rows.settle(10000);
  CHECK(f.one.result().status == check::Status::verified);
  CHECK(f.two.result().status == check::Status::verified);
}

TEST_CASE("points whose boxes say too little are refined") {
  RowsFixture f;
  f.all_points_but(3, 5);
  SECTION("too dear") {
    f.affords = false;
    CHECK(!f.rows.refined());
  }
  SECTION("fine boxes suffice") {
    CHECK(f.rows.refined() == std::vector<std::size_t>{3, 4});
    CHECK(f.asked == 3 * (f.run.fineness - 1));  // in three cells
    CHECK(f.rows.fine(f.none(), 24));
    f.rows.settle(10000);
    CHECK(f.one.result().status == check::Status::verified);
  }
  SECTION("fine boxes do not suffice") {
    CHECK(f.rows.refined());
    CHECK(f.rows.fine(f.none(), 23));
    CHECK(!f.rows.fine(f.much(), 24));
    f.rows.settle(10000);
    CHECK(f.one.open());
  }
  SECTION("in strides") {
    CHECK(f.rows.refined());
    f.rows.later(f.much());  // a small part of that is too much, too: no stride
    CHECK(!f.rows.fine(f.none(), 24));
  }
}

TEST_CASE("at too many points nothing is refined") {
  RowsFixture f;
  f.rows.later(f.none());
  const std::size_t most = f.run.points() / check::DeepRows::most_refined;
  for (std::size_t c = 0; c < most; ++c) CHECK(f.rows.point(f.much(), c));
  CHECK(!f.rows.point(f.much(), most));
  CHECK(!f.rows.point(f.none(), most + 1));
  f.rows.settle(10000);
  CHECK(f.one.open());
}
