#include "reports/plot.hpp"

#include <cmath>
#include <filesystem>

#include "reports/length_scale.hpp"

#include "tests/catch.hpp"
#include "tests/reports/markup.hpp"
#include "tests/reports/sample.hpp"

using namespace snellen;

namespace {

bool has_gnuplot() {
  if (gnuplot("probe", "plot 1\n", 200, 100).problem.empty()) return true;
  WARN("skipped: gnuplot cannot be run on this machine: " + gnuplot("probe", "plot 1\n", 200, 100).problem);
  return false;
}

void check_picture(const Picture& picture) {
  INFO(picture.problem);
  REQUIRE(picture.problem.empty());
  const Markup markup = read_markup(picture.svg);
  INFO(markup.problem);
  REQUIRE(markup.problem.empty());
  REQUIRE(markup.elements.count("svg") == 1);
  REQUIRE(markup.elements.count("script") == 0);
}

}  // namespace

TEST_CASE("pictures are drawn, the same bytes each time", "[reports]") {
  if (!has_gnuplot()) return;
  const Certification c = sample::certification();
  const Pictures pictures = draw(c), again = draw(c);
  REQUIRE(pictures.distances.size() == 2);
  for (std::size_t m = 0; m < 2; ++m) {
    check_picture(pictures.distances[m]);
    REQUIRE(pictures.distances[m].svg == again.distances[m].svg);
    for (const char* text : {"bf16-acc32", "fp16-acc32 (overflow)", "exact model, certified", "fp16, tf32", "D = 0"})
      CHECK(pictures.distances[m].svg.find(text) != std::string::npos);
  }
  CHECK(pictures.distances[0].svg.find(">79<") != std::string::npos);  // the certified length of bf16 in L1
  CHECK(pictures.distances[0].svg.find("from 71<") != std::string::npos);  // the observed length of bf16-acc32
  check_picture(pictures.verdicts);
  REQUIRE(pictures.verdicts.svg == again.verdicts.svg);
  for (const char* text : {"from 89", "from 164 to 166", "not by 200", "collapsed", "undecided", "overflow or NaN", "distinct",
                           "fp8-e4m3-acc32"})
    CHECK(pictures.verdicts.svg.find(text) != std::string::npos);
}

TEST_CASE("every shape of result can be drawn", "[reports]") {
  if (!has_gnuplot()) return;
  int count = 0;
  const auto check = [&](const Certification& c) {
    for (std::size_t m = 0; m < c.metrics.size(); ++m) check_picture(distance_plot(c, m)), ++count;
    if (!c.rows.empty()) check_picture(verdict_plot(c)), ++count;
  };
  check(sample::certification(1));
  check(sample::certification(3000));
  Certification bare = sample::certification(10);
  bare.runs.clear(), bare.rows.clear();
  check(bare);
  CHECK(verdict_plot(bare).problem == "there are no verdicts to draw");
  Certification nothing_known = sample::certification(10);
  for (PairDistances& pair : nothing_known.distances)
    for (Enclosure& d : pair.by_metric) d = sample::not_finite();
  check(nothing_known);
  Certification zeros = sample::certification(40);  // all-equal sequences: D = 0, enclosed ever more tightly
  for (PairDistances& pair : zeros.distances)
    for (Enclosure& d : pair.by_metric) d = {Dyadic::of(0.0), Dyadic::power_of_two(-5000)};
  check(zeros);
  CHECK(distance_plot(zeros, 0).svg.find("goes on below") != std::string::npos);
  for (PairDistances& pair : zeros.distances)
    for (Enclosure& d : pair.by_metric) d = sample::exactly(0);
  check(zeros);
  Certification shifted = sample::certification(60);  // n from 0, which a logarithmic axis cannot show
  shifted.from = 0, shifted.to = 59;
  for (PairDistances& pair : shifted.distances) --pair.n;
  for (EngineRun& run : shifted.runs)
    for (PairDistances& pair : run.distances) --pair.n;
  check(shifted);
  Certification far = sample::certification(20);
  far.rows[0].inevitable = {"123456789012345678901234567890", "123456789012345678901234567890", Scope::all, Status::exact};
  far.rows[1].inevitable = {"50000000000", "50000000000", Scope::all, Status::exact};
  check(far);
  CHECK(count == 7 * 3 + 2);
}

TEST_CASE("the chart of lengths: dots, intervals and words for every kind of answer", "[reports]") {
  if (!has_gnuplot()) return;
  const Certification c = sample::for_ever();
  const Pictures pictures = draw(c);
  check_picture(pictures.collapse);
  REQUIRE(pictures.collapse.svg == collapse_plot(c).svg);
  for (const char* text : {"92975821", "never", "overflow from 201", "after 999999", "horizon", "from here on, for ever: proved for every n",
                           "from here to the horizon only", "between: not decided", "1.24×10"})
    CHECK(pictures.collapse.svg.find(text) != std::string::npos);
  Certification open = sample::for_ever(10);
  for (CollapseRow& row : open.rows) row.inevitable = {"1", std::nullopt, Scope::horizon, Status::unknown}, row.basis = {};
  check_picture(collapse_plot(open));
  Certification huge = sample::for_ever(10);
  huge.rows[0].inevitable.lower = huge.rows[0].inevitable.upper.emplace(std::string(400, '9'));
  check_picture(collapse_plot(huge));
  Certification bare = sample::for_ever(10);
  bare.rows.clear();
  CHECK(collapse_plot(bare).problem == "there are no lengths to draw");
  CHECK(draw(sample::certification(10)).collapse.svg.empty());
  for (const std::string& hostile : {std::string("'\nsystem('touch /tmp/snellen-must-not-exist')\n'"), std::string("<b>&{/=90 x}")}) {
    Certification bad = sample::for_ever(10);
    for (CollapseRow& row : bad.rows) {
      if (row.format) row.format->name = hostile;
      row.inevitable = {hostile, hostile, Scope::horizon, Status::bracket};
    }
    check_picture(collapse_plot(bad));
    REQUIRE_FALSE(std::filesystem::exists("/tmp/snellen-must-not-exist"));
  }
}

TEST_CASE("lengths of any size on an axis", "[reports]") {
  CHECK(log10_of_length("1") == 0);
  CHECK(std::abs(log10_of_length("1000000000000000000000") - 21) < 1e-9);
  CHECK(std::abs(log10_of_length("833023561566") - 11.9206573) < 1e-6);
  CHECK(short_length("1234567") == "1234567");
  CHECK(short_length("12345678") == "1.24×10^{7}");  // rounded up: collapse is proved from there on
  CHECK(short_length("12300000") == "1.23×10^{7}");
  CHECK(readable_length("482507440") == "482507440");
  CHECK(readable_length("1" + std::string(39, '0')) == "1" + std::string(39, '0'));
  CHECK(readable_length("123" + std::string(4709, '0')) == "1.23e+4711");
  CHECK(readable_length("123" + std::string(4708, '0') + "1") == "1.24e+4711");
  CHECK(readable_length(std::string(4712, '9')) == "1.00e+4712");
  CHECK(readable_length("none") == "none");
  CHECK(short_length("99999999") == "1.00×10^{8}");
}

TEST_CASE("names reach the picture as text and nothing else", "[reports]") {
  if (!has_gnuplot()) return;
  const std::filesystem::path mark = std::filesystem::temp_directory_path() / "snellen-must-not-exist";
  std::filesystem::remove(mark);
  for (const std::string& hostile :
       {std::string("<script>alert(1)</script>"), std::string("a & b &amp; 'c' \"d\""), "`touch " + mark.string() + "`",
        "'\nsystem('touch " + mark.string() + "')\n'", std::string("{/=90 x}_2^3 @ ~a{b} \\n \x01"), std::string("%s %d $0")}) {
    Certification c = sample::certification(12);
    c.runs[0].profile = hostile;
    c.rows[0].format->name = hostile;
    c.rows[1].format->name = hostile;
    check_picture(distance_plot(c, 0));
    check_picture(verdict_plot(c));
    REQUIRE_FALSE(std::filesystem::exists(mark));
  }
}

TEST_CASE("without gnuplot the picture says why", "[reports]") {
  const Certification c = sample::certification(5);
  const Pictures missing = draw(c, "no-such-gnuplot");
  for (const Picture& picture : missing.distances) {
    CHECK(picture.svg.empty());
    CHECK(picture.problem == "no-such-gnuplot is not installed");
  }
  CHECK(missing.verdicts.problem == "no-such-gnuplot is not installed");
  CHECK(distance_plot(c, 0, "false").problem.find("false failed with exit status 1") == 0);
  CHECK(distance_plot(c, 0, "true").problem == "true wrote no complete SVG");
  CHECK(gnuplot("bad", "plot nonsense(\n", 200, 100).problem.find("gnuplot") == 0);
}
