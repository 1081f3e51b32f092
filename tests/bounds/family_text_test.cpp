// A report names the family it is about: two different families never read alike.
#include <set>

#include "bounds/certify.hpp"
#include "lib/model/synthetic.hpp"
#include "tests/catch.hpp"

using namespace snellen;

TEST_CASE("certifications of different families name them differently") {
  RandomModel description;
  description.layers = 1, description.width = 4, description.heads = 1, description.hidden = 0, description.vocab = 4;
  const Model model = synthetic_model(description);
  CertifyRequest request;
  request.formats = {find_format("bf16").value()}, request.criteria = {Criterion::bitwise}, request.metrics = {Metric::l1};
  SilentProgress progress;
  std::multiset<std::string> texts;
  const auto certified = [&](const Family& family) {
    request.family = family;
    texts.insert(certify(model, request, progress).family);
  };
  Family f;
  f.prefix.assign(13, 1), f.unit = {2}, f.to = 1;
  certified(f);
  f.prefix[12] = 0;
  certified(f);
  f.prefix = {1}, f.unit.clear(), f.sample = Sample{{2, 3}, {}, 1};
  certified(f);
  f.sample->weights = {0.25, 0.75};
  certified(f);
  f.sample->weights = {0.25, 0.5};
  certified(f);
  CHECK(texts.size() == 5);
  CHECK(std::set<std::string>(texts.begin(), texts.end()).size() == texts.size());
}
