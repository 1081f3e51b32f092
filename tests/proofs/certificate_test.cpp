// certificate.json: what is written is read back; what does not say what its numbers say is refused, with its place.
#include "proofs/certificate/certificate.hpp"

#include "lib/error.hpp"
#include "proofs/certificate/numbers.hpp"
#include "tests/catch.hpp"
#include "tests/files/checkpoint.hpp"
#include "tests/proofs/certificates.hpp"

using namespace snellen;
using nlohmann::json;

namespace {

// Of the changed certificate, its digest aside.
std::string refusal(json certificate, const std::function<void(json&)>& change) {
  change(certificate);
  return checkpoint::refusal([&] { certificate_from(certificate, "c", true); });
}

}  // namespace

TEST_CASE("a certificate is read back as it was written, and any other byte breaks its digest") {
  for (const testing::Example& example : testing::examples()) {
    const Certificate c = certificate_from(example.certificate, "c");
    CHECK(json(json_of(c)) == example.certificate);
  }
  json changed = testing::examples()[0].certificate;
  changed["title"] = "another";
  CHECK(checkpoint::refusal([&] { certificate_from(changed, "c"); }) == "c: digest: does not fit the content: the file was changed after it was written");
}

TEST_CASE("what a certificate may not say") {
  const json good = testing::examples()[1].certificate;  // all n, under slopes
  REQUIRE(refusal(good, [](json&) {}) == "NOT REFUSED");
  const auto claim = [](json& c, const std::string& id) -> json& {
    for (json& one : c["claims"])
      if (one["id"] == id) return one;
    throw std::logic_error("no claim " + id);
  };
  const std::string ever = "inevitable.e4m3.bitwise", within = "inevitable.e4m3.tolerance.l1";
  CHECK(refusal(good, [](json& c) { c["schema"] = "snellen.certificate/1"; }).find("c: schema: found ") == 0);
  CHECK(refusal(good, [](json& c) { c.erase("at"); }) == "c: at: missing");
  CHECK(refusal(good, [](json& c) { c["magic"] = 1; }) == "c: magic: is not known");
  CHECK(refusal(good, [](json& c) { c["at"] = "somewhere"; }).find("c: at: found \"somewhere\", expected one of final, hidden") == 0);
  CHECK(refusal(good, [](json& c) { c["to"] = 13; }).find("c: distances: found 12 entries, expected one for each n from 1 to 13") == 0);
  CHECK(refusal(good, [](json& c) { c["to"] = 1e300; }).find("c: to: found 1e+300, expected an integer") == 0);
  CHECK(refusal(good, [](json& c) { c["from"] = -1; }).find("c: from: found -1") == 0);
  CHECK(refusal(good, [](json& c) { c["distances"][2]["n"] = 4; }).find("c: distances[2].n: found 4, expected 3") == 0);
  CHECK(refusal(good, [](json& c) { c["formats"]["e4m3"]["precision"] = 5; }).find("c: formats.e4m3.precision: found a format of another shape") == 0);
  CHECK(refusal(good, [](json& c) { c["family"]["prefix"][0] = -1; }).find("c: family.prefix: found -1") == 0);
  CHECK(refusal(good, [](json& c) { c["family"]["unit"] = json::array(); }).find("c: family.unit: found [], expected at least one token") == 0);
  CHECK(refusal(good, [&](json& c) { claim(c, ever)["scope"] = "horizon"; }).find(".scope: found 'horizon', expected all") != std::string::npos);
  CHECK(refusal(good, [&](json& c) { claim(c, ever)["statement"] = "For every n >= 2, all is well."; }).find(".statement: says something else than the numbers") != std::string::npos);
  CHECK(refusal(good, [&](json& c) { claim(c, ever)["numbers"]["from"] = "2"; }).find(".statement: says something else than the numbers") != std::string::npos);
  CHECK(refusal(good, [&](json& c) { claim(c, ever)["numbers"].erase("status"); }).find(".numbers: do not say all") != std::string::npos);
  CHECK(refusal(good, [&](json& c) { claim(c, ever)["theorem"] = "any_order_sum"; }).find(".theorem: found 'any_order_sum'") != std::string::npos);
  CHECK(refusal(good, [&](json& c) { claim(c, within)["id"] = "inevitable.e4m3.tolerance.linf"; }).find(".id: found ") != std::string::npos);
  CHECK(refusal(good, [&](json& c) {
          json& one = claim(c, within);  // an eps that is not the format's
          const std::string eps = one["numbers"]["eps"];
          one["numbers"]["eps"] = "0x1p+1";
          std::string text = one["statement"];
          for (std::size_t at; (at = text.find(eps)) != std::string::npos;) text.replace(at, eps.size(), "0x1p+1");
          one["statement"] = text;
        }).find(".numbers.eps: found '0x1p+1', expected 2^(1 - precision)") != std::string::npos);
  CHECK(refusal(good, [&](json& c) { c["distances"] = json::array(); }).find(".id: speaks of a list that is empty") != std::string::npos);
}

TEST_CASE("numbers are read exactly or not at all") {
  CHECK(*parse_exact("-0x1.8p-3") == Dyadic::of(-0.1875));
  CHECK(*parse_exact("0x1.000000000000000000000000000000000000001p+0") == *parse_exact(parse_exact("0x1.000000000000000000000000000000000000001p+0")->hex()));
  CHECK(!parse_exact("inf")->is_finite());
  for (const char* bad : {"", "nan", "1.5", "0x", "0x1p", " 0x1p0", "0x1p0 ", "0x1.gp0", "1e5", "@nan@", "0x1p99999999999999999999"}) {
    CAPTURE(bad);
    const auto read = parse_exact(bad);
    CHECK((!read || !read->is_finite()));
  }
  CHECK(*parse_length("123456789012345678901234567890") == Length("123456789012345678901234567890"));
  for (const char* bad : {"", "-1", "+1", "01", "1 ", "1e3", "0x10"}) CHECK(!parse_length(bad));
}
