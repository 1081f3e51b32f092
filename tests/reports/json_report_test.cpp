#include "reports/json_report.hpp"

#include "lib/version.hpp"
#include "reports/certificate.hpp"
#include "reports/environment.hpp"
#include "reports/numbers.hpp"
#include "tests/catch.hpp"
#include "tests/reports/sample.hpp"

using namespace snellen;
using Json = nlohmann::ordered_json;

namespace {

Dyadic parsed(const Json& text, mpfr_rnd_t direction) {
  Dyadic result(2000);
  REQUIRE(mpfr_set_str(result.get(), text.get<std::string>().c_str(), 0, direction) == 0);
  return result;
}

// The decimals enclose the exact ends, and these are the ends given. The number of enclosures checked.
int check_pairs(const Json& pairs, const std::vector<PairDistances>& given, const std::vector<std::string>& metrics) {
  REQUIRE(pairs.size() == given.size());
  int count = 0;
  for (std::size_t i = 0; i < given.size(); ++i) {
    REQUIRE(pairs[i].at("n") == given[i].n);
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      const Json& entry = pairs[i].at(metrics[m]);
      REQUIRE(parsed(entry.at("lower_hex"), MPFR_RNDN) == given[i].by_metric[m].lower);
      REQUIRE(parsed(entry.at("upper_hex"), MPFR_RNDN) == given[i].by_metric[m].upper);
      REQUIRE(parsed(entry.at("lower"), MPFR_RNDU) <= given[i].by_metric[m].lower);
      REQUIRE(given[i].by_metric[m].upper <= parsed(entry.at("upper"), MPFR_RNDD));
      ++count;
    }
  }
  return count;
}

std::vector<Verdict> decoded(const std::string& runs, const Json& legend) {
  std::vector<Verdict> result;
  for (std::size_t at = 0; at < runs.size();) {
    const std::string name = legend.at(std::string(1, runs[at]));
    std::size_t length = 0;
    const auto count = std::stoll(runs.substr(at + 1), &length);
    const Verdict verdict = name == "collapsed"   ? Verdict::collapsed
                            : name == "distinct"  ? Verdict::distinct
                            : name == "undecided" ? Verdict::undecided
                                                  : Verdict::overflow;
    result.insert(result.end(), static_cast<std::size_t>(count), verdict);
    at += length + 2;
  }
  return result;
}

}  // namespace

TEST_CASE("report.json has every field of its schema", "[reports]") {
  const Certification c = sample::certification();
  const Json report = Json::parse(json_text(json_report(c)));
  REQUIRE(report == json_report(c));
  CHECK(report.at("schema") == "snellen.report/1");
  CHECK(report.at("model").at("sha256") == c.model_sha256);
  CHECK(report.at("case") == "first");
  CHECK(report.at("precision_bits") == 128);
  CHECK(report.at("family") == c.family);
  CHECK(report.at("at") == "final");
  CHECK(report.at("from") == 1);
  CHECK(report.at("to") == 200);
  CHECK(report.at("metrics") == Json({"l1", "linf"}));
  CHECK(report.at("assumptions").size() == 2);
  CHECK(report.at("warnings").size() == 1);
  CHECK(report.at("formats").at("bf16").at("precision") == 8);

  const std::vector<std::string> metrics = {"l1", "linf"};
  int enclosures = check_pairs(report.at("distances"), c.distances, metrics);
  REQUIRE(report.at("engine_runs").size() == c.runs.size());
  for (std::size_t r = 0; r < c.runs.size(); ++r) {
    const Json& run = report.at("engine_runs")[r];
    CHECK(run.at("profile") == c.runs[r].profile);
    CHECK(run.at("description") == c.runs[r].description);
    enclosures +=
        check_pairs(run.at("distances"), c.runs[r].distances, metrics) + check_pairs(run.at("errors"), c.runs[r].errors, metrics);
  }
  CHECK(enclosures == 200 * 2 * (1 + 4 * 2));
  CHECK(report.at("engine_runs")[0].at("trouble").is_null());
  CHECK(report.at("engine_runs")[3].at("trouble") ==
        Json({{"what", "overflow"}, {"place", "layer 2, attention scores"}, {"position", 120}}));

  const Json& collapse = report.at("collapse");
  REQUIRE(collapse.size() == c.rows.size());
  std::size_t verdicts = 0;
  for (std::size_t i = 0; i < collapse.size(); ++i) {
    const Json& row = collapse[i];
    for (const char* key : {"format", "criterion", "norm", "eps", "eps_hex", "first", "last_distinct", "undecided", "overflow",
                            "inevitable_from", "observed", "verdicts"})
      REQUIRE(row.contains(key));
    for (const char* key : {"lower", "upper", "scope", "status"}) REQUIRE(row.at("inevitable_from").contains(key));
    REQUIRE(row.at("inevitable_from").at("lower").is_string());
    const auto given = c.rows[i].verdicts;
    REQUIRE(decoded(row.at("verdicts"), report.at("verdict_legend")) == given);
    verdicts += given.size();
    if (c.rows[i].eps) REQUIRE(parsed(row.at("eps_hex"), MPFR_RNDN) == *c.rows[i].eps);
  }
  CHECK(verdicts == 19 * 200);

  const Json& bf16 = collapse[6];
  CHECK(bf16.at("format") == "bf16");
  CHECK(bf16.at("criterion") == "bitwise");
  CHECK(bf16.at("norm").is_null());
  CHECK(bf16.at("eps").is_null());
  CHECK(bf16.at("last_distinct") == 88);
  CHECK(bf16.at("inevitable_from") == Json({{"lower", "89"}, {"upper", "89"}, {"scope", "horizon"}, {"status", "exact"}}));
  CHECK(bf16.at("observed").at("bf16-acc32").at("last_distinct") == 70);
  CHECK(bf16.at("observed").at("bf16-acc32").at("first_distinct") == 1);
  CHECK(collapse[7].at("norm") == "l1");
  CHECK(collapse[7].at("eps") == "7.8125000000000000e-03");
  CHECK(collapse[15].at("inevitable_from").at("upper").is_null());
  CHECK(collapse[15].at("first").is_null());
  CHECK(collapse.back().at("format").is_null());

  REQUIRE(report.at("claims").size() == 2);
  CHECK(report.at("claims")[1] == Json({{"id", "bitwise.bf16"},
                                        {"statement", c.claims[1].statement},
                                        {"theorem", "same_cell"},
                                        {"scope", "horizon"},
                                        {"numbers", {{"from", "89"}, {"to", "200"}}}}));
}

TEST_CASE("report.json keeps lengths of any size and scope all", "[reports]") {
  Certification c = sample::certification(3);
  c.rows[0].inevitable = {"123456789012345678901234567890", "123456789012345678901234567890", Scope::all, Status::exact};
  c.rows[1].inevitable = {"1", std::nullopt, Scope::all, Status::never};
  const Json report = json_report(c);
  CHECK(report.at("collapse")[0].at("inevitable_from").at("upper") == "123456789012345678901234567890");
  CHECK(report.at("collapse")[0].at("inevitable_from").at("scope") == "all");
  CHECK(report.at("collapse")[1].at("inevitable_from").at("status") == "never");
}

TEST_CASE("report.json says on what the answers for every n rest", "[reports]") {
  const Certification c = sample::for_ever();
  const Json report = Json::parse(json_text(json_report(c)));
  const Json& proofs = report.at("for_every_n");
  CHECK(proofs.at("asked") == true);
  CHECK(proofs.at("unsupported").is_null());
  CHECK(proofs.at("proofs")[0] == Json({{"theorem", "inevitable_by_eras"}, {"hypotheses", {"No layer has a window."}}, {"numbers", {{"bits", "160"}, {"eras", "129"}}}}));
  const Json& rows = report.at("collapse");
  for (std::size_t r = 0; r < c.rows.size(); ++r) {
    const Json& proof = rows[r].at("proof");
    for (const char* key : {"theorem", "numbers", "undecided", "overflow_from", "open"}) REQUIRE(proof.contains(key));
    CHECK(rows[r].at("inevitable_from").at("scope") == (c.rows[r].inevitable.scope == Scope::all ? "all" : "horizon"));
  }
  CHECK(rows[6].at("inevitable_from") == Json({{"lower", "92975821"}, {"upper", "92975821"}, {"scope", "all"}, {"status", "exact"}}));
  CHECK(rows[6].at("proof").at("numbers").at("tail from") == "12345678901234");
  CHECK(rows[6].at("last_distinct") == 88);  // up to the horizon
  CHECK(rows[3].at("proof").at("overflow_from") == "201");
  CHECK(rows[9].at("proof").at("open") == "12 eras were not enough");
  CHECK(rows[1].at("proof").at("theorem").is_null());

  const Json& limit = report.at("limit");
  CHECK(limit.at("sequence") == "[2]");
  CHECK(limit.at("next_token") == 7);
  CHECK(limit.at("width") == 32);
  REQUIRE(limit.at("coordinates").size() == 32);
  for (std::size_t i = 0; i < 32; ++i) {
    const Json& entry = limit.at("coordinates")[i];
    REQUIRE(parsed(entry.at("lower_hex"), MPFR_RNDN) == c.limit->vector[i].lower);
    REQUIRE(parsed(entry.at("upper_hex"), MPFR_RNDN) == c.limit->vector[i].upper);
    REQUIRE(parsed(entry.at("lower"), MPFR_RNDU) <= c.limit->vector[i].lower);
    REQUIRE(c.limit->vector[i].upper <= parsed(entry.at("upper"), MPFR_RNDD));
  }
  CHECK(limit.at("distance_at_horizon").at("n") == 200);
  CHECK(parsed(limit.at("distance_at_horizon").at("linf").at("upper_hex"), MPFR_RNDN) == c.limit->distances[1].upper);
  CHECK(limit.at("distance_for_ever").at("from") == "12345678901234");
  CHECK(c.limit->tail_distances[0] <= parsed(limit.at("distance_for_ever").at("l1").at("upper"), MPFR_RNDD));

  // A wide one is a digest of its exact ends.
  Certification wide = c;
  for (int i = 32; i < 200; ++i) wide.limit->vector.push_back(sample::exactly(i));
  const Json digest = json_report(wide).at("limit");
  CHECK(digest.at("coordinates").empty());
  CHECK(digest.at("width") == 200);
  CHECK(digest.at("sha256") != limit.at("sha256"));
  const Json none = json_report(sample::certification(3));
  CHECK((none.at("limit").is_null() && none.at("collapse")[0].at("proof").is_null() && none.at("for_every_n").at("asked") == false));
}

TEST_CASE("JSON text survives what is not UTF-8 and an empty certification", "[reports]") {
  Certification c;
  c.title = "\xff<\"\n";
  CHECK(Json::parse(json_text(json_report(c))).at("title") == "\xEF\xBF\xBD<\"\n");
  CHECK(Json::parse(json_text(json_of(certificate(c)))).at("claims").empty());
  CHECK(run_length({}).empty());
}

TEST_CASE("certificate.json holds the claims of report.json", "[reports]") {
  const Certification c = sample::certification(5);
  const Json file = Json::parse(json_text(json_of(certificate(c))));
  CHECK(file.at("schema") == "snellen.certificate/2");
  CHECK(file.at("claims") == json_report(c).at("claims"));
  CHECK(file.at("model").at("sha256") == c.model_sha256);
  CHECK(file.at("family").is_null());  // the sample has no sequences
  CHECK(file.at("precision_bits") == 128);
}

TEST_CASE("environment.json names the libraries in use", "[reports]") {
  Environment environment = this_environment();
  CHECK(environment.version == version().version);
  CHECK(environment.commit == version().commit);
  environment.commit = "abc", environment.threads = 2;
  environment.phases = {{"forward", 1.5}, {"engines", 0.25}};
  const Json file = Json::parse(json_text(environment_report(environment)));
  CHECK(file.at("schema") == "snellen.environment/1");
  for (const char* library : {"MPFR", "MPFI", "FLINT", "GMP", "Boost"}) {
    REQUIRE(file.at("libraries").contains(library));
    CHECK(file.at("libraries").at(library).get<std::string>().find('.') != std::string::npos);
  }
  CHECK(file.at("libraries").at("MPFR") == mpfr_get_version());
  CHECK_FALSE(file.at("compiler").get<std::string>().empty());
  CHECK(file.at("commit") == "abc");
  CHECK(file.at("threads") == 2);
  CHECK(file.at("phases")[1] == Json({{"name", "engines"}, {"seconds", 0.25}}));
}
