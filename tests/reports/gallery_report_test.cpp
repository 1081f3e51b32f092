#include "reports/gallery_report.hpp"

#include "tests/catch.hpp"
#include "tests/reports/markup.hpp"
#include "tests/reports/sample.hpp"

using namespace snellen;

namespace {

bool contains(const std::string& text, const std::string& what) { return text.find(what) != std::string::npos; }

// The sample, with the lengths up to the horizon that certify() fills in, too.
Certification certification() {
  Certification c = sample::certification();
  for (CollapseRow& row : c.rows)
    if (row.inevitable.upper) row.collapsed_from = std::stoll(*row.inevitable.upper);
  return c;
}

GalleryItem item(const std::string& name, const std::string& exhibit, Expectation expected, std::optional<Certification> result = certification()) {
  GalleryItem item;
  item.case_name = name;
  item.claim = {exhibit, "the label of " + name, "what the paper says of " + name, "how " + name + " differs", "not as written: " + name, std::move(expected)};
  item.result = std::move(result);
  return item;
}

const Expectation bf16_collapses{Criterion::tolerance, "bf16", Metric::linf, Outcome::collapses};

}  // namespace

TEST_CASE("the gallery is one well-formed page: claim, certified value and picture of each exhibit", "[gallery]") {
  std::vector<GalleryItem> items = {item("a", "Figure 1", bf16_collapses), item("b", "Figure 1", {Criterion::tolerance, "bf16", Metric::linf, Outcome::apart}),
                                    item("c", "Figure 2 <&>", {Criterion::argmax, {}, {}, Outcome::apart}), item("d", "Figure 3", bf16_collapses, std::nullopt)};
  items[2].result->next_tokens = {7, 7, 8, std::nullopt, 7};
  items[2].pieces = {{7, "\"<0>\""}};
  items[3].left_out = "found no models/x & y";
  std::vector<std::string> warnings;
  const std::string page = gallery_page("A gallery", items, warnings);
  const Markup markup = read_markup(page);
  CHECK(markup.problem == "");
  CHECK(warnings.empty());
  CHECK(markup.elements.count("svg") == 2);  // one a group of which something was run
  std::set<std::string> ids;
  std::size_t count = 0;
  for (const auto& [name, value] : markup.attributes)
    if (name == "id") ids.insert(value), ++count;
  CHECK(count > 0);
  CHECK(ids.size() == count);
  for (const char* text : {"what the paper says of a", "what the paper says of c", "Figure 2 &lt;&amp;&gt;", "collapse: certified to n = 200", "kept apart: refuted here", "not as written: b",
                           "&quot;&lt;0&gt;&quot; (n = 1 to 2), 8 (n = 3), not certified (n = 4), &quot;&lt;0&gt;&quot; (n = 5).", "Left out: found no models/x &amp; y",
                           "href=\"a/report.html\"", "No case of this exhibit was run"})
    CHECK(contains(page, text));
  CHECK(!contains(page, "not as written: a"));  // it stands as written
  CHECK(!contains(page, "not as written: d"));  // nothing is known of it
  std::vector<std::string> again;
  CHECK(gallery_page("A gallery", items, again) == page);
}

TEST_CASE("what is certified of a claim, in words", "[gallery]") {
  const Certification c = certification(), for_ever = sample::for_ever();
  const auto said = [](const Certification& of, const Expectation& expected) {
    PaperClaim claim;
    claim.expected = expected;
    return standing_sentence(claim, *find_row(of, expected), of);
  };
  const Expectation bitwise{Criterion::bitwise, "bf16", {}, Outcome::collapses}, never{Criterion::bitwise, "tf32", {}, Outcome::collapses},
      fp32{Criterion::bitwise, "fp32", {}, Outcome::collapses}, fp32_apart{Criterion::bitwise, "fp32", {}, Outcome::apart};
  CHECK(said(c, bitwise) == "the same bits (bf16) for every n from 89 to the horizon 200.");
  CHECK(said(for_ever, bitwise) == "the same bits (bf16) for every n from 92975821 on, for ever.");
  CHECK(said(for_ever, never) == "other bits (tf32) for infinitely many n: proved.");
  CHECK(said(c, fp32) == "other bits (fp32) still at the horizon n = 200; nothing is claimed beyond.");
  CHECK(said(c, fp32_apart) == "other bits (fp32) for every n from 1 to the horizon 200.");
  CHECK(said(c, {Criterion::argmax, {}, {}, Outcome::apart}) == "the same next token at n = 1: proved.");
}

TEST_CASE("gallery.json has every case, with its standing", "[gallery]") {
  std::vector<GalleryItem> items = {item("a", "Figure 1", bf16_collapses), item("d", "Figure 3", bf16_collapses, std::nullopt)};
  items[1].left_out = "no model";
  const auto json = gallery_json("A gallery", items);
  CHECK(json["schema"] == "snellen.gallery/1");
  REQUIRE(json["items"].size() == 2);
  CHECK(json["items"][0]["standing"] == "to the horizon");
  CHECK(json["items"][0]["expected"] == "collapses");
  CHECK(json["items"][1]["left_out"] == "no model");
  CHECK(!json["items"][1].contains("standing"));
}
