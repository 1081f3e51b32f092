// Exact lengths for every n against enumeration, and against one another.
#include "bounds/inevitable.hpp"

#include "lib/error.hpp"

#include "bounds/certify.hpp"
#include "lib/number/length.hpp"
#include "lib/model/synthetic.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

RandomModel small(PositionKind position) {
  RandomModel m;
  m.seed = 3, m.width = 8, m.heads = 2, m.hidden = 12, m.vocab = 8, m.layers = 1, m.position = position, m.gain = 0.5;
  return m;
}

Family run_after(std::vector<Token> prefix) {
  Family family;
  family.prefix = std::move(prefix), family.unit = {2}, family.from = 1, family.to = 1;
  return family;
}

InevitableQuestion bitwise_in(const char* format) {
  InevitableQuestion q;
  q.format = find_format(format).value();
  return q;
}

std::vector<InevitableQuestion> questions() {
  std::vector<InevitableQuestion> all;
  for (const char* name : {"e5m2", "e4m3", "bf16", "fp16", "tf32", "fp32"}) all.push_back(bitwise_in(name));
  for (const char* name : {"e5m2", "e4m3", "bf16", "fp16"})
    for (const Metric metric : {Metric::l1, Metric::linf}) {
      InevitableQuestion q = bitwise_in(name);
      q.criterion = Criterion::tolerance, q.metric = metric, q.eps = Dyadic::power_of_two(1 - q.format->precision);
      all.push_back(q);
    }
  InevitableQuestion next;
  next.criterion = Criterion::argmax;
  all.push_back(next);
  return all;
}

InevitableAnswer ask(const Model& model, const Family& family, const InevitableLimits& limits = {}) {
  SilentProgress silent;
  return inevitable_lengths(model, family, Place::final, questions(), limits, silent);
}

// Every exact answer below `horizon` is what certify() finds by enumeration up to there; a larger one is distinct at no smaller n than enumeration shows.
std::size_t check_by_enumeration(const Model& model, const Family& family, const InevitableAnswer& answer, std::int64_t horizon) {
  CertifyRequest request;
  request.family = family;
  request.family.to = horizon;
  for (const char* name : {"e5m2", "e4m3", "bf16", "fp16", "tf32", "fp32"}) request.formats.push_back(find_format(name).value());
  request.criteria = {Criterion::bitwise, Criterion::tolerance, Criterion::argmax};
  request.metrics = {Metric::l1, Metric::linf};
  SilentProgress silent;
  const Certification c = certify(model, request, silent);
  std::size_t reached = 0;
  const auto asked = questions();
  for (const CollapseRow& row : c.rows)
    for (std::size_t r = 0; r < asked.size(); ++r) {
      const bool same_format = row.format ? asked[r].format && *row.format == *asked[r].format && row.format->name == asked[r].format->name : !asked[r].format;
      if (row.criterion != asked[r].criterion || row.metric != asked[r].metric || !same_format) continue;
      INFO((row.format ? row.format->name : "argmax") << " " << name_of(row.criterion));
      REQUIRE(answer.rows[r].answer.status == Status::exact);
      REQUIRE(answer.rows[r].answer.scope == Scope::all);
      const std::int64_t found = Length(answer.rows[r].answer.lower) > horizon ? horizon + 1 : std::stoll(answer.rows[r].answer.lower);
      if (found > horizon) continue;
      REQUIRE(row.inevitable.lower == std::to_string(found));
      REQUIRE(row.inevitable.upper == std::to_string(found));
      ++reached;
    }
  return reached;
}

// The number of exact lengths above 1 that are one less in the second answer; all must be.
std::size_t lowered_by_one(const InevitableAnswer& answer, const InevitableAnswer& appended) {
  std::size_t tested = 0;
  for (std::size_t r = 0; r < answer.rows.size(); ++r) {
    REQUIRE(answer.rows[r].answer.status == Status::exact);
    REQUIRE(appended.rows[r].answer.status == Status::exact);
    const Length one = Length(answer.rows[r].answer.lower), less = Length(appended.rows[r].answer.lower);
    if (one == 1) continue;
    REQUIRE(less == one - 1);
    ++tested;
  }
  return tested;
}

}  // namespace

TEST_CASE("NoPE: every length is exact and enumeration agrees where it reaches") {
  const Model model = synthetic_model(small(PositionKind::none));
  const Family family = run_after({1});
  const InevitableAnswer answer = ask(model, family);
  REQUIRE(answer.proofs.at(0).theorem == "inevitable_by_eras");
  REQUIRE(check_by_enumeration(model, family, answer, 1500) >= 9);
  REQUIRE(Length(answer.rows[5].answer.lower) > Length(10000000));  // fp32

  SECTION("the run token appended to the prefix lowers every exact length by one") {
    REQUIRE(lowered_by_one(answer, ask(model, run_after({1, 2}))) >= 12);
  }
  SECTION("too few bits prove nothing false") {
    InevitableLimits limits;
    std::size_t unknown = 0, exact = 0;
    for (const long bits : {24, 48, 64, 80, 4096}) {
      limits.max_bits = bits, limits.max_eras = bits == 4096 ? 20 : 1200, limits.attempts = 1;
      const InevitableAnswer short_of = ask(model, family, limits);
      REQUIRE(std::stol(short_of.proofs.at(0).numbers.at("bits")) <= bits);
      for (std::size_t r = 0; r < answer.rows.size(); ++r) {
        const Inevitable &a = answer.rows[r].answer, &b = short_of.rows[r].answer;
        REQUIRE(Length(b.lower) <= Length(a.lower));
        if (b.upper) REQUIRE(Length(*b.upper) >= Length(*a.upper));
        if (b.status == Status::unknown) ++unknown;
        if (b.status == Status::exact) ++exact;
      }
    }
    REQUIRE(unknown >= 20);
    REQUIRE(exact >= 10);
  }
}

TEST_CASE("NoPE with a suffix: every length is exact and enumeration agrees where it reaches") {
  const Model model = synthetic_model(small(PositionKind::none));
  for (const std::vector<Token>& suffix : {std::vector<Token>{3}, std::vector<Token>{4, 2, 6}}) {
    Family family = run_after({1}), appended = run_after({1, 2});
    family.suffix = appended.suffix = suffix;
    const InevitableAnswer answer = ask(model, family);
    REQUIRE(check_by_enumeration(model, family, answer, 800) >= 8);
    REQUIRE(Length(answer.rows[5].answer.lower) > Length(1000000));  // fp32
    REQUIRE(lowered_by_one(answer, ask(model, appended)) >= 10);
  }
  // A suffix of run tokens is a longer run.
  Family run = run_after({1}), longer = run_after({1});
  longer.suffix = {2};
  REQUIRE(lowered_by_one(ask(model, run), ask(model, longer)) >= 12);
}

TEST_CASE("ALiBi: every length is exact and enumeration agrees") {
  const Model model = synthetic_model(small(PositionKind::alibi));
  const Family family = run_after({1, 4});
  const InevitableAnswer answer = ask(model, family);
  REQUIRE(check_by_enumeration(model, family, answer, 1500) >= 9);
}

TEST_CASE("a window: exact below the reach, and from the reach on nothing changes") {
  std::size_t reached = 0;
  for (const PositionKind position : {PositionKind::none, PositionKind::rope, PositionKind::alibi}) {
    RandomModel m = small(position);
    m.window = 5, m.layers = 2;
    const Model model = synthetic_model(m);
    Family family = run_after({1, 4});
    reached += check_by_enumeration(model, family, ask(model, family), 40);
    family.suffix = {5};
    reached += check_by_enumeration(model, family, ask(model, family), 40);
    family.unit = {2, 6, 3};
    reached += check_by_enumeration(model, family, ask(model, family), 40);
    family.suffix.clear(), family.unit = {2};
    const InevitableAnswer answer = ask(model, family);
    REQUIRE(answer.proofs.at(0).numbers.at("tail from") == "9");  // 2 (5 - 1) + 1
    REQUIRE(answer.rows[5].answer.lower == "9");
  }
  REQUIRE(reached == 3 * 3 * 15);
}

TEST_CASE("what is not supported says so and proves nothing") {
  const auto unknown = [](const RandomModel& m, const Family& family) {
    const InevitableAnswer answer = ask(synthetic_model(m), family);
    for (const InevitableRow& row : answer.rows) REQUIRE((row.answer.status == Status::unknown && !row.answer.upper));
    return !answer.unsupported.empty();
  };
  REQUIRE(unknown(small(PositionKind::rope), run_after({1})));
  REQUIRE(unknown(small(PositionKind::sinusoidal), run_after({1})));
  REQUIRE(unknown(small(PositionKind::learned), run_after({1})));
  RandomModel capped = small(PositionKind::none);
  capped.softcap = 5;
  REQUIRE(unknown(capped, run_after({1})));
  Family family = run_after({1});
  family.suffix = {3};
  REQUIRE(unknown(small(PositionKind::alibi), family));
  family.suffix.clear(), family.unit = {2, 3};
  REQUIRE(unknown(small(PositionKind::none), family));
  family.unit = {2}, family.pair = Pair::repeat_last;
  REQUIRE(unknown(small(PositionKind::none), family));
}

TEST_CASE("what is not examined is not claimed") {
  RandomModel description;
  description.seed = 3, description.width = 8, description.heads = 2, description.hidden = 12, description.vocab = 8, description.layers = 1;
  description.position = PositionKind::none;
  Model model = synthetic_model(description);
  Family family;
  family.prefix = {1}, family.unit = {2}, family.from = family.to = 50;
  SilentProgress silent;
  const std::vector<InevitableQuestion> questions{{find_format("e4m3"), Criterion::bitwise, {}, {}}};
  // Lengths that begin beyond 1 say nothing of those before, and those from 0 on begin with another kind of sequence.
  for (const std::int64_t from : {0, 2, 50}) {
    family.from = from;
    const InevitableAnswer answer = inevitable_lengths(model, family, Place::final, questions, {}, silent);
    REQUIRE(!answer.unsupported.empty());
    REQUIRE((answer.rows[0].answer.status == Status::unknown && !answer.rows[0].answer.upper));
  }
  // Windows whose sum does not fit an integer are no short reach.
  family.from = 1;
  for (const std::size_t window : {std::size_t(-1), std::size_t(1) << 63, (std::size_t(1) << 62) + 1, std::size_t(4000)}) {
    for (Layer& layer : model.layers) layer.attention.window = window;
    const InevitableAnswer answer = inevitable_lengths(model, family, Place::final, questions, {}, silent);
    REQUIRE(!answer.unsupported.empty());
  }
  family.unit = {99};
  REQUIRE_THROWS_AS(inevitable_lengths(model, family, Place::final, questions, {}, silent), InputError);
}
