#include "reports/html_report.hpp"

#include "tests/catch.hpp"
#include "tests/reports/markup.hpp"
#include "tests/reports/sample.hpp"

using namespace snellen;

namespace {

bool contains(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }

Markup check_page(const std::string& page) {
  const Markup markup = read_markup(page);
  INFO(markup.problem);
  REQUIRE(markup.problem.empty());
  REQUIRE(markup.elements.count("html") == 1);
  REQUIRE(markup.elements.count("script") == 0);
  std::size_t ids = 0;
  std::set<std::string> distinct_ids;
  for (const auto& [key, value] : markup.attributes) {
    INFO(key + "=" + value);
    // Self-contained: references stay within the page (namespaces are names, not addresses).
    REQUIRE(key != "src");
    if (key.ends_with("href")) REQUIRE(value.starts_with("#"));
    REQUIRE_FALSE(key.starts_with("on"));
    if (key == "id") ++ids, distinct_ids.insert(value);
  }
  REQUIRE(ids == distinct_ids.size());
  return markup;
}

const Pictures& no_pictures() {
  static const Pictures pictures = {{{"", "gnuplot is not installed"}, {"", "gnuplot is not installed"}},
                                    {"", "gnuplot is not installed"}};
  return pictures;
}

}  // namespace

TEST_CASE("report.html is one well-formed page that gives the result", "[reports]") {
  const Certification c = sample::certification();
  const std::string page = html_report(c, draw(c));
  const Markup markup = check_page(page);
  CHECK(markup.elements.count("table") == 3);
  CHECK(page == html_report(c, draw(c)));
  for (const char* text :
       {"<h1>Ones after a prompt</h1>",
        "From n = 89 on (checked to 200), bf16 cannot tell S<sub>n</sub> from S<sub>n+1</sub>; the last distinguishable pair is "
        "n = 88.",
        "certified: exact model, to the horizon 200", "L<sub>1</sub> &le; 2<sup>&minus;7</sup>",
        "L<sub>&infin;</sub> &le; 2<sup>&minus;10</sup>", "164 to 166", "2 verdicts stayed undecided at 128 bits", "2 undecided",
        "2 overflow", "exact model</th>", "overflow first in layer 2, attention scores, token 120", "same_cell",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "Stored weights mean their stored values, exactly.",
        "fp16-acc32 overflows at n = 120."})
    CHECK(contains(page, text));
}

TEST_CASE("a horizon is never called more than a horizon", "[reports]") {
  const Certification c = sample::certification();
  const std::string page = html_report(c, no_pictures());
  for (const char* word : {"N*", "nevitable", "for ever", "forever", "every n</", "for every n"}) {
    INFO(word);
    const std::size_t at = page.find(word);
    // A claim's own statement may speak of every n from one length to another.
    CHECK((at == std::string::npos || page.substr(at, 25) == "for every n from 89 to 20"));
  }
}

TEST_CASE("what is proved for all lengths says so, row by row", "[reports]") {
  Certification c = sample::certification();
  c.rows[6].inevitable = {"50000000000", "50000000000", Scope::all, Status::exact};
  const std::string page = html_report(c, no_pictures());
  check_page(page);
  CHECK(contains(page, "From n = 50&#8239;000&#8239;000&#8239;000 on, for ever, bf16 cannot tell"));
  CHECK(contains(page, "<span class=\"chip plain\">for every n</span>"));
  CHECK(contains(page, "<span class=\"chip plain\">to the horizon 200</span>"));
  CHECK_FALSE(contains(page, "certified: exact model, to the horizon 200"));
  for (CollapseRow& row : c.rows) row.inevitable = {"89", "89", Scope::all, Status::exact};
  const std::string all = html_report(c, no_pictures());
  CHECK(contains(all, "certified: exact model, for every n"));
  CHECK_FALSE(contains(all, "<span class=\"chip plain\">for every n</span>"));
}

TEST_CASE("the limit, the proofs and the chart of lengths have their place", "[reports]") {
  const Certification c = sample::for_ever();
  const std::string page = html_report(c, draw(c));
  const Markup markup = check_page(page);
  CHECK(markup.elements.count("svg") == 4);
  for (const char* text :
       {"<h2>What the model remembers</h2>", "Its next token, by a certified margin, is <code>7</code>.", "<h2>For every n: what it rests on</h2>",
        "No layer has a window.", "fp16 bitwise, fp32 bitwise: 12 eras were not enough", "overflow from 201", "&minus;1.6</span>",
        "164 to 123&#8239;456&#8239;789&#8239;012&#8239;345&#8239;678&#8239;901&#8239;234", "after 999&#8239;999", "12&#8239;345&#8239;678&#8239;901&#8239;234"})
    CHECK(contains(page, text));
  // Nothing of it where it was not asked for.
  const std::string plain = html_report(sample::certification(), no_pictures());
  for (const char* text : {"What the model remembers", "what it rests on", "no difference is left"}) CHECK_FALSE(contains(plain, text));
}

TEST_CASE("text from outside cannot become markup", "[reports]") {
  const std::string hostile = "<script>alert('x')</script>\" onload=\"x & y \x01</style></title>";
  Certification c = sample::certification(8);
  c.title = c.case_name = c.model_source = c.model_architecture = c.model_sha256 = c.family = c.at = hostile;
  for (EngineRun& run : c.runs) run.profile = run.description = hostile, run.trouble = Trouble{hostile, hostile, 3};
  for (CollapseRow& row : c.rows) {
    if (row.format) row.format->name += hostile;
    for (Observed& o : row.observed) o.profile = hostile;
    row.inevitable.upper = row.inevitable.lower = hostile;
    row.inevitable.status = Status::exact;
  }
  c.claims[0] = {hostile, hostile, hostile, Scope::all, {{hostile, hostile}}};
  c.assumptions = c.warnings = {hostile};
  c.inevitable = true, c.unsupported = hostile, c.proofs = {{hostile, {hostile}, {{hostile, hostile}}}};
  c.limit = Limit{hostile, {sample::exactly(1), sample::not_finite()}, 3, {sample::not_finite(), sample::exactly(1)}, hostile, hostile, {Dyadic::of(1.0), Dyadic::of(1.0)}};
  c.rows[0].basis = {hostile, {{hostile, hostile}}, 1, hostile, hostile};
  check_page(html_report(c, {{{"", hostile}, {"", hostile}}, {"", hostile}}));
  check_page(html_report(c, draw(c)));
}

TEST_CASE("a page without pictures, rows or runs", "[reports]") {
  const std::string page = html_report(sample::certification(3), no_pictures());
  check_page(page);
  CHECK(contains(page, "No picture: gnuplot is not installed."));
  check_page(html_report(Certification{}, {}));
}

TEST_CASE("typesetting", "[reports]") {
  CHECK(typeset("S_n and S_{n+1}, L1 <= 2^-7, Linf") ==
        "S<sub>n</sub> and S<sub>n+1</sub>, L<sub>1</sub> &le; 2<sup>&minus;7</sup>, L<sub>&infin;</sub>");
  CHECK(typeset("L10 xL1 aS_n p^q 2^x <b>") == "L10 xL1 aS_n p^q 2^x &lt;b&gt;");
  CHECK(typeset("") == "");
  CHECK(typeset("2^") == "2^");
  CHECK(typeset("L1") == "L<sub>1</sub>");
  CHECK(typeset("n >= 12345, 1234") == "n &ge; 12&#8239;345, 1234");
  CHECK(typeset("0x1.23456p-3 a12345 1.23456 12345.5 p12345") == "0x1.23456p-3 a12345 1.23456 12345.5 p12345");
  CHECK(typeset("9 to 1.54e+27440, 2e+5 and 9.08e+04.") ==
        "9 to 1.54&thinsp;&times;&thinsp;10<sup>27440</sup>, 2&thinsp;&times;&thinsp;10<sup>5</sup> and 9.08&thinsp;&times;&thinsp;10<sup>4</sup>.");
  CHECK(typeset("1.5e+ 1e+x 1e+5x a1e+5 0x1e+5") == "1.5e+ 1e+x 1e+5x a1e+5 0x1e+5");
  CHECK(typeset("until 1234567.") == "until 1&#8239;234&#8239;567.");
}

TEST_CASE("the reader of markup can fail", "[reports]") {
  for (const char* broken : {"<a><b></a></b>", "<a>", "a < b", "a & b", "<a x=1></a>", "<a x='<'></a>", "</a>", "<a"})
    CHECK_FALSE(read_markup(broken).problem.empty());
  CHECK(read_markup("<!DOCTYPE html><a x='1'>&lt;<br><c/></a>").problem.empty());
}
