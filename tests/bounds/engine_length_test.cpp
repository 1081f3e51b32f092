// Lengths for every n of emulated engines, against the runs themselves.
#include "bounds/engine_length.hpp"

#include <algorithm>

#include "bounds/certify.hpp"
#include "bounds/distance.hpp"
#include "bounds/engine_run.hpp"
#include "lib/model/synthetic.hpp"
#include "reports/json_report.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

RandomModel nope(std::uint64_t seed, std::size_t layers) {
  RandomModel m;
  m.seed = seed, m.layers = layers, m.width = 32, m.position = PositionKind::none;
  return m;
}

Family ones(std::int64_t to) {
  Family family;
  family.prefix = {1}, family.unit = {2}, family.from = 1, family.to = to;
  return family;
}

std::vector<CollapseRow> every_row() {
  std::vector<CollapseRow> rows;
  for (const char* name : {"e5m2", "e4m3", "bf16", "fp16", "tf32", "fp32"})
    for (const Criterion criterion : {Criterion::bitwise, Criterion::tolerance}) {
      CollapseRow row;
      row.format = find_format(name).value(), row.criterion = criterion;
      if (criterion == Criterion::tolerance) row.metric = Metric::l1, row.eps = Dyadic::power_of_two(1 - row.format->precision);
      rows.push_back(row);
    }
  CollapseRow next;
  next.criterion = Criterion::argmax;
  rows.push_back(next);
  return rows;
}

EngineLengths lengths(const Model& model, const Profile& profile, const Family& family, const EngineLimits& limits = {}, Place place = Place::final) {
  SilentProgress silent;
  return engine_lengths(model, profile, family, place, every_row(), {Metric::l1}, limits, silent);
}

// What the engine's own run shows, length by length.
std::vector<std::vector<Verdict>> run_verdicts(const Model& model, const Profile& profile, const Family& family, Place place = Place::final) {
  SilentProgress silent;
  const FamilyBlock block = family_block(family);
  const EngineVectors run = run_engine(model, profile, block, place, true, silent);
  const std::vector<std::size_t> wanted = wanted_columns(block);
  Evaluation pairs;
  const auto index = [&](std::size_t column) { return static_cast<std::size_t>(std::lower_bound(wanted.begin(), wanted.end(), column) - wanted.begin()); };
  std::vector<PairDistances> distances;
  for (std::size_t i = 0; i < block.first.size(); ++i) {
    pairs.first.push_back(index(block.first[i])), pairs.second.push_back(index(block.second[i]));
    distances.push_back({static_cast<std::int64_t>(i) + 1, {distance(Metric::l1, run.vectors[pairs.first[i]], run.vectors[pairs.second[i]], 200)}});
  }
  std::vector<std::vector<Verdict>> result;
  for (const CollapseRow& row : every_row()) result.push_back(observed_verdicts(row, run, distances, {Metric::l1}, pairs));
  return result;
}

// The least N from which all verdicts are collapses, and one past the last distinct one.
std::pair<std::int64_t, std::int64_t> ends(const std::vector<Verdict>& verdicts) {
  std::int64_t upper = 1, lower = 1;
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    if (verdicts[i] != Verdict::collapsed) upper = static_cast<std::int64_t>(i) + 2;
    if (verdicts[i] == Verdict::distinct) lower = static_cast<std::int64_t>(i) + 2;
  }
  return {lower, upper};
}

}  // namespace

TEST_CASE("the length for every n is where the engine's own run collapses") {
  std::size_t exact = 0, late = 0;
  const auto check = [&](const RandomModel& description, const Profile& profile, std::int64_t to, Place place) {
    INFO(describe(description) << ", " << profile.name);
    const Model model = synthetic_model(description);
    const EngineLengths found = lengths(model, profile, ones(to), {}, place);
    const std::vector<std::vector<Verdict>> seen = run_verdicts(model, profile, ones(to), place);
    REQUIRE(found.rows.size() == seen.size());
    for (std::size_t r = 0; r < seen.size(); ++r) {
      INFO("row " << r);
      const Inevitable& known = found.rows[r].known;
      REQUIRE(known.scope == Scope::all);
      REQUIRE(known.status == Status::exact);
      REQUIRE(found.rows[r].reason.empty());
      REQUIRE(known.upper == known.lower);
      REQUIRE(std::stoll(*known.upper) < to - 100);
      REQUIRE(std::stoll(*known.upper) == ends(seen[r]).second);
      ++exact;
      late += std::stoll(*known.upper) > 300;
    }
    REQUIRE(found.constant.known.status == Status::exact);
    REQUIRE(*found.constant.known.upper == *found.rows[10].known.upper);  // fp32 holds every bf16 value
  };
  const Profile bf16 = find_profile("bf16").value();
  check(nope(1, 1), bf16, 800, Place::hidden);
  check(nope(1, 2), bf16, 900, Place::final);
  RandomModel grouped = nope(3, 2);
  grouped.kv_heads = 2, grouped.norm = NormKind::layer, grouped.bias = true;
  check(grouped, bf16, 1100, Place::final);
  RandomModel window = nope(4, 2);
  window.window = 9;
  for (const char* profile : {"fp64", "fp32", "fp16-acc32", "bf16", "bf16-acc32", "fp8-e4m3-acc32-token", "fp8-e5m2-acc32-token"})
    check(window, find_profile(profile).value(), 130, Place::final);
  window.position = PositionKind::alibi;
  check(window, find_profile("bf16-acc32").value(), 130, Place::final);
  CHECK(exact > 100);
  CHECK(late > 20);
}

TEST_CASE("fp32 sums: one layer, proved beyond 2^24") {
  EngineLimits few;
  few.last_steps = 1 << 20;  // the next token's length is not looked for
  const EngineLengths found = lengths(synthetic_model(nope(1, 1)), find_profile("bf16-acc32").value(), ones(10), few);
  CHECK(found.constant.known.status == Status::exact);
  CHECK(*found.constant.known.upper == "25117931");
}

TEST_CASE("what cannot be followed says so") {
  const Profile bf16 = find_profile("bf16").value();
  const auto refused = [&](const RandomModel& m, const Profile& profile, const Family& family) {
    const EngineLengths found = lengths(synthetic_model(m), profile, family);
    REQUIRE(found.constant.known.status == Status::unknown);
    for (const EngineLength& row : found.rows) {
      REQUIRE(row.known.status == Status::unknown);
      REQUIRE(!row.known.upper);
      REQUIRE(row.reason == found.constant.reason);
    }
    return found.constant.reason;
  };
  using Catch::Matchers::StartsWith;
  RandomModel m = nope(1, 2);
  CHECK_THAT(refused(m, find_profile("fp8-e4m3-acc32").value(), ones(5)), StartsWith("the profile's scales couple"));
  Family family = ones(5);
  family.suffix = {3};
  CHECK_THAT(refused(m, bf16, family), StartsWith("a suffix"));
  family = ones(5), family.unit = {2, 3};
  CHECK_THAT(refused(m, bf16, family), StartsWith("a unit"));
  family = ones(5), family.delimiter = Delimiter{3, {4}};
  CHECK_THAT(refused(m, bf16, family), StartsWith("delimiters"));
  m.position = PositionKind::rope;
  CHECK_THAT(refused(m, bf16, ones(5)), StartsWith("rotary"));
  m.position = PositionKind::alibi;
  CHECK_THAT(refused(m, bf16, ones(5)), StartsWith("ALiBi without a window"));
  m.position = PositionKind::learned;
  CHECK_THAT(refused(m, bf16, ones(5)), StartsWith("absolute"));
  m.position = PositionKind::sinusoidal;
  CHECK_THAT(refused(m, bf16, ones(5)), StartsWith("absolute"));

  // Limits: unknown, or a bracket that holds the truth.
  const Model model = synthetic_model(nope(1, 2));
  EngineLimits limits;
  limits.layer.runs = 100;
  CHECK_THAT(lengths(model, bf16, ones(5), limits).rows[4].reason, StartsWith("layer 1: more distinct tokens"));
  limits = {};
  limits.layer.steps = 1000;
  CHECK_THAT(lengths(model, bf16, ones(5), limits).rows[4].reason, StartsWith("layer 1: more distinct tokens"));
  limits = {};
  limits.last_steps = 10;
  const EngineLengths full = lengths(model, bf16, ones(5)), narrow = lengths(model, bf16, ones(5), limits);
  std::size_t brackets = 0;
  for (std::size_t r = 0; r < full.rows.size(); ++r) {
    REQUIRE(narrow.rows[r].known.upper);
    const std::int64_t truth = std::stoll(*full.rows[r].known.upper);
    REQUIRE(std::stoll(narrow.rows[r].known.lower) <= truth);
    REQUIRE(truth <= std::stoll(*narrow.rows[r].known.upper));
    if (narrow.rows[r].known.status == Status::exact) continue;
    REQUIRE(narrow.rows[r].known.status == Status::bracket);
    REQUIRE(!narrow.rows[r].reason.empty());
    ++brackets;
  }
  CHECK(brackets > 0);
}

TEST_CASE("where the limits end what is followed back, the end is no exact one") {
  Model model = synthetic_model(nope(1, 1));
  const Tensor& value = *model.layers[0].value.weight;
  // Attention adds nothing: the vectors are alike from the first on, its sums of exponentials only from some hundreds on.
  model.layers[0].value.weight = std::make_shared<DenseTensor>(value.rows(), value.columns(), std::vector<double>(value.rows() * value.columns()));
  EngineLimits few;
  few.last_steps = 1;
  const Profile bf16 = find_profile("bf16").value();
  const EngineLength whole = lengths(model, bf16, ones(5)).constant, part = lengths(model, bf16, ones(5), few).constant;
  CHECK(whole.known.status == Status::exact);
  CHECK(*whole.known.upper == "1");
  CHECK(part.known.status == Status::bracket);
  CHECK(part.known.lower == "1");
  CHECK(std::stoll(*part.known.upper) > 100);
  CHECK(!part.reason.empty());
}

TEST_CASE("vectors that are not finite do not collapse") {
  Model model = synthetic_model(nope(1, 1));
  std::vector<double> value = read_all(*model.layers[0].value.weight);
  for (double& w : value) w *= std::ldexp(1, 20);
  model.layers[0].value.weight = std::make_shared<DenseTensor>(model.layers[0].value.weight->rows(), model.layers[0].value.weight->columns(), value);
  const EngineLengths found = lengths(model, find_profile("bf16").value(), ones(5), {}, Place::hidden);
  // bf16 holds the vectors, e5m2 and fp16 do not.
  CHECK(found.rows[4].known.status == Status::exact);
  for (const std::size_t r : {std::size_t(0), std::size_t(6)}) {
    CHECK(found.rows[r].known.status == Status::unknown);
    CHECK(!found.rows[r].known.upper);
    CHECK_THAT(found.rows[r].reason, Catch::Matchers::Contains("not finite"));
  }
}

TEST_CASE("a run narrows what is proved of it, and may not contradict it") {
  Observed run{"engine", 1, 40, 41, 41, std::nullopt};
  EngineLength bracket{{"1", "60", Scope::all, Status::bracket}, "why"};
  join(bracket, run, 1, 100);
  CHECK(bracket.known.status == Status::exact);
  CHECK(*bracket.known.upper == "41");
  CHECK(bracket.reason.empty());
  EngineLength far{{"1", "600", Scope::all, Status::bracket}, "why"};
  join(far, run, 1, 100);
  CHECK(far.known.lower == "41");
  CHECK(*far.known.upper == "600");
  CHECK(far.known.status == Status::bracket);
  EngineLength below{{"1", "20", Scope::all, Status::bracket}, "why"};
  Observed later{"engine", std::nullopt, std::nullopt, 50, 50, std::nullopt};
  join(below, later, 50, 100);
  CHECK(*below.known.upper == "20");
  for (const char* wrong : {"40", "42"}) {
    EngineLength exact{{wrong, wrong, Scope::all, Status::exact}, ""};
    CHECK_THROWS_AS(join(exact, run, 1, 100), std::logic_error);
  }
}

TEST_CASE("a certification says it beside the ideal length") {
  CertifyRequest request;
  request.family = ones(40);
  request.formats = {find_format("bf16").value(), find_format("e5m2").value()};
  request.criteria = {Criterion::bitwise, Criterion::tolerance, Criterion::argmax};
  request.metrics = {Metric::l1};
  request.profiles = {find_profile("bf16").value(), find_profile("fp8-e4m3-acc32").value()};
  SilentProgress silent;
  RandomModel window = nope(4, 2);
  window.window = 9;
  const Model model = synthetic_model(window);
  CHECK(!certify(model, request, silent).rows[0].observed[0].for_ever);
  request.inevitable = true;
  const Certification c = certify(model, request, silent);
  REQUIRE(c.rows[0].observed[0].for_ever);
  REQUIRE(c.rows[0].observed[0].collapsed_from);
  const std::string expected = std::to_string(*c.rows[0].observed[0].collapsed_from);  // seen to the horizon, and proved for ever
  CHECK(*c.rows[0].observed[0].collapsed_from > 1);
  CHECK(*c.rows[0].observed[0].for_ever->known.upper == expected);
  CHECK(c.rows[0].observed[1].for_ever->known.status == Status::unknown);
  const auto json = json_report(c);
  CHECK(json["collapse"][0]["observed"]["bf16"]["constant_from"]["n"] == expected);
  CHECK(json["collapse"][0]["observed"]["bf16"]["constant_from"]["status"] == "exact");
  CHECK(json["collapse"][0]["observed"]["bf16"]["constant_from"]["scope"] == "all");
  CHECK(json["engine_runs"][0]["constant_from"]["status"] == "exact");
  CHECK(json["collapse"][0]["observed"]["fp8-e4m3-acc32"]["constant_from"]["n"].is_null());
  const auto claim = std::find_if(c.claims.begin(), c.claims.end(), [](const Claim& one) { return one.id == "engine.bf16.bf16.bitwise"; });
  REQUIRE(claim != c.claims.end());
  CHECK(claim->theorem == "fixed_point_forever");
  CHECK(claim->scope == Scope::all);
  CHECK(claim->numbers.at("from") == expected);
}
