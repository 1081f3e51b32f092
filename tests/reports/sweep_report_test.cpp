#include "reports/sweep_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "lib/error.hpp"
#include "reports/sweep_hdf5.hpp"
#include "reports/sweep_results.hpp"
#include "reports/sweep_view.hpp"
#include "tests/catch.hpp"

using namespace snellen;
using nlohmann::json;

namespace {

json row(const std::string& format, const std::string& lower, const json& upper, const std::string& scope = "all", const std::string& status = "exact") {
  return {{"format", format}, {"criterion", "bitwise"}, {"norm", nullptr}, {"eps", nullptr}, {"first", nullptr}, {"last_distinct", nullptr}, {"collapsed_from", 7},
          {"undecided", 0}, {"overflow", 0}, {"inevitable_from", {{"lower", lower}, {"upper", upper}, {"scope", scope}, {"status", status}}},
          {"proof", {{"overflow_from", nullptr}}},
          {"observed", {{"bf16-acc32", {{"first_collapse", 3}, {"last_distinct", 6}, {"collapsed_from", 7}}}}}};
}

// Two widths, two kinds of position, three seeds; the point (1, "rope", seed 1) failed.
SweepResults sample() {
  const json manifest = {{"title", "A <title>"}, {"name", "s"}, {"sha256", "00"}, {"layout", {{"x", ""}, {"y", ""}, {"criterion", ""}, {"norm", ""}}},
                         {"axes", {{{"label", "position"}, {"names", {"none", "a, \"b\""}}, {"numbers", {nullptr, nullptr}}, {"seeds", false}},
                                   {{"label", "width"}, {"names", {"8", "16"}}, {"numbers", {8, 16}}, {"seeds", false}},
                                   {{"label", "seed"}, {"names", {"1", "2", "3"}}, {"numbers", {1, 2, 3}}, {"seeds", true}}}},
                         {"points", json::array({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})}};
  SweepResults results = sweep_results(manifest);
  const char* lengths[] = {"100", "50000", "123456789012345678901234567890"};
  for (std::size_t p = 0; p < 2; ++p)
    for (std::size_t w = 0; w < 2; ++w)
      for (std::size_t s = 0; s < 3; ++s) {
        json body = {{"schema", "snellen.point/1"}, {"status", "done"}};
        if (p == 1 && w == 0 && s == 0) {
          body["status"] = "failed", body["error"] = "because, \"so\"";
        } else {
          json rows = json::array({row("bf16", lengths[s], lengths[s])});  // {x} is an array to one compiler and x to another
          // In the second width nothing but the last pair proved distinct is known of two seeds.
          if (w == 1) rows = json::array({s == 0 ? row("bf16", "100", "100") : row("bf16", "1001", nullptr, "all", "unknown")});
          if (p == 1 && w == 1) rows = json::array({row("bf16", "5", "5", "horizon")});
          body["report"] = {{"precision_bits", 128}, {"model", {{"sha256", "ab"}}}, {"collapse", rows}};
        }
        add_point(results, fmt::format("{}{}{}", p, w, s), {p, w, s}, body.dump());
      }
  return results;
}

}  // namespace

TEST_CASE("a sweep's report takes medians over seeds, and what is not known counts as longest") {
  const SweepResults results = sample();
  const SweepView view = view_of(results);
  CHECK(results.axes[view.x].label == "width");
  REQUIRE(view.y);
  CHECK(results.axes[*view.y].label == "position");
  CHECK(view.facets.empty());
  const std::vector<SweepQuestion> questions = questions_of(results);
  REQUIRE(questions.size() == 1);
  const Facet facet = facets_of(results, view).at(0);
  const SweepCell known = cell_of(results, view, questions[0], "bf16", facet, 0, 0), open = cell_of(results, view, questions[0], "bf16", facet, 1, 0),
                  failed = cell_of(results, view, questions[0], "bf16", facet, 0, 1), horizon = cell_of(results, view, questions[0], "bf16", facet, 1, 1);
  CHECK(known.text == "50000");
  CHECK(known.least == 2);
  CHECK(known.most > 29);
  CHECK(open.kind == SweepCell::Kind::open);
  CHECK(open.text == ">1000");
  CHECK(failed.text == "1.3e29");  // 50000 is the least, a failed one the greatest; rounded up
  CHECK(horizon.to_horizon);
  CHECK(cell_of(results, view, questions[0], "fp16", facet, 0, 0).kind == SweepCell::Kind::absent);
}

TEST_CASE("a sweep's CSV has one line a row, and as many fields in each") {
  const std::string csv = sweep_csv(sample());
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 13);
  std::size_t begin = 0, lines = 0, fields = 0;
  for (std::size_t end; (end = csv.find('\n', begin)) != std::string::npos; begin = end + 1, ++lines) {
    std::size_t commas = 0;
    bool quoted = false;
    for (std::size_t i = begin; i < end; ++i) {
      if (csv[i] == '"') quoted = !quoted;
      commas += csv[i] == ',' && !quoted;
    }
    if (lines == 0) fields = commas;
    CHECK(commas == fields);
  }
  CHECK(csv.find("\n000,none,8,1,done,128,ab,bf16,bitwise,,,,,7,0,0,100,100,all,exact,,3,6,7,\n") != std::string::npos);
  CHECK(csv.find("\n100,\"a, \"\"b\"\"\",8,1,failed,") != std::string::npos);
}

TEST_CASE("a sweep says what its engines were seen to do") {
  CHECK(profiles_of(sample()) == std::vector<std::string>{"bf16-acc32"});
  CHECK(sweep_csv(sample()).find(",overflow_from,bf16-acc32: first,bf16-acc32: last_distinct,bf16-acc32: collapsed_from,error\n") != std::string::npos);
  std::vector<std::string> warnings;
  const std::string page = sweep_report(sample(), warnings);
  CHECK(page.find("<td class=\"criterion\">observed in bf16-acc32</td><td class=\"number\">3, all from 7</td>") != std::string::npos);
  CHECK(page.find("<td class=\"criterion\">certified</td>") != std::string::npos);
}

TEST_CASE("a sweep's page escapes what comes from outside, and says what failed") {
  std::vector<std::string> warnings;
  const std::string page = sweep_report(sample(), warnings);
  CHECK(warnings.empty());
  CHECK(page.find("A &lt;title&gt;") != std::string::npos);
  CHECK(page.find("A <title>") == std::string::npos);
  CHECK(page.find("because, &quot;so&quot;") != std::string::npos);
  CHECK(page.find("1 point failed") != std::string::npos);
  CHECK(page.find("<svg") != std::string::npos);
  CHECK(page == sweep_report(sample(), warnings));
}

TEST_CASE("what is no result of a point is refused, whatever would read it") {  // 2026-11-28: lengths that are none and distances without ends were internal errors
  const auto add = [](const json& report) {
    SweepResults results = sample();
    const std::size_t before = results.points.size();
    try {
      add_point(results, "x", {0, 0, 0}, json({{"schema", "snellen.point/1"}, {"status", "done"}, {"report", report}}).dump());
    } catch (const std::exception& error) {
      CHECK((dynamic_cast<const InputError*>(&error) || dynamic_cast<const json::exception*>(&error)));
      CHECK(results.points.size() == before);
      return false;
    }
    std::vector<std::string> warnings;
    CHECK(sweep_csv(results).find("\nx,") != std::string::npos);
    CHECK_NOTHROW(sweep_report(results, warnings));
    const std::string problem = sweep_hdf5(results).problem;
    CHECK((problem.empty() || problem.find("no HDF5") != std::string::npos));
    return true;
  };
  const json sound = {{"precision_bits", 128}, {"model", {{"sha256", "ab"}}}, {"collapse", json::array({row("bf16", "100", "12345678")})},
                      {"metrics", json::array({"l1"})}, {"distances", json::array({{{"n", 1}, {"l1", {{"lower", "1e-400"}, {"upper", "inf"}}}}})}};
  REQUIRE(add(sound));
  const auto refused = [&](const std::string& place, const json& value) {
    json report = sound;
    report.at(json::json_pointer(place)) = value;
    return !add(report);
  };
  for (const char* place : {"/precision_bits", "/model", "/model/sha256", "/collapse/0", "/collapse/0/undecided", "/collapse/0/inevitable_from", "/collapse/0/inevitable_from/lower",
                            "/collapse/0/observed/bf16-acc32", "/distances", "/distances/0", "/distances/0/n", "/distances/0/l1", "/distances/0/l1/lower", "/metrics", "/metrics/0"})
    for (const json& value : {json(nullptr), json(true), json(json::object())}) CHECK(refused(place, value));
  for (const char* place : {"/collapse/0/inevitable_from/lower", "/collapse/0/inevitable_from/upper", "/collapse/0/proof/overflow_from", "/collapse/0/eps", "/distances/0/l1/upper"})
    for (const char* value : {"", "abcdefgh", "1 ", " 1", "-", "1\n2"}) CHECK(refused(place, value));
  CHECK(refused("/collapse/0/inevitable_from/upper", std::string(1'300'001, '9')));
  CHECK_FALSE(refused("/collapse/0/inevitable_from/upper", std::string(1'300'000, '9')));
  CHECK(refused("/metrics", json(4, "l1")));
}

TEST_CASE("a text of any length does not make results.h5 as long for each point") {
  SweepResults results = sample();
  results.points[6].error = std::string(std::size_t{100} << 20, 'x');  // twelve points: 1.2 GB
  CHECK(results.points[6].failed());
  CHECK_FALSE(sweep_hdf5(results).problem.empty());
}

TEST_CASE("results.h5 has the same bytes each time") {
  const HdfFile first = sweep_hdf5(sample());
  if (!first.problem.empty()) {
    CHECK(first.problem.find("no HDF5") != std::string::npos);
    return;
  }
  CHECK(first.content.substr(0, 8) == "\x89HDF\r\n\x1a\n");
  CHECK(first.content == sweep_hdf5(sample()).content);
}
