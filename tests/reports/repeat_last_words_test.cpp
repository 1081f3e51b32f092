#include "bounds/certify.hpp"
#include "lib/model/synthetic.hpp"
#include "reports/words.hpp"
#include "tests/catch.hpp"
#include "tests/reports/sample.hpp"

using namespace snellen;

TEST_CASE("sentences about repeat-last pairs do not speak of S_{n+1}", "[reports]") {
  const Certification next = sample::certification(200);
  Certification repeated = next;
  repeated.second = "S_n with its last token repeated";
  CHECK(sentences(repeated)[0] == "From n = 89 on (checked to 200), bf16 cannot tell S_n from S_n with its last token repeated; the last "
                                  "distinguishable pair is n = 88.");
  repeated.rows.clear();
  CHECK(sentences(repeated)[0] == "Distances between S_n and S_n with its last token repeated are enclosed for n = 1 to 200.");
  for (const std::string& sentence : sentences(repeated)) CHECK(sentence.find("S_{n+1}") == std::string::npos);
}

TEST_CASE("a certification says what its pairs are", "[reports]") {
  RandomModel description;
  description.layers = 1, description.width = 4, description.heads = 1, description.hidden = 0, description.vocab = 4;
  CertifyRequest request;
  request.family.prefix = {1}, request.family.unit = {2}, request.family.suffix = {3}, request.family.to = 2;
  request.formats = {find_format("bf16").value()}, request.criteria = {Criterion::bitwise}, request.metrics = {Metric::l1};
  SilentProgress progress;
  const Model model = synthetic_model(description);
  CHECK(certify(model, request, progress).second == "S_{n+1}");
  request.family.pair = Pair::repeat_last;
  CHECK(certify(model, request, progress).second == "S_n with its last token repeated");
}
