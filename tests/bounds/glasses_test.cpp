#include "bounds/glasses.hpp"

#include "lib/error.hpp"
#include "lib/model/synthetic.hpp"
#include "tests/catch.hpp"

using namespace snellen;

namespace {

CertifyRequest request_for(std::int64_t to) {
  CertifyRequest request;
  request.family.prefix = {1};
  request.family.unit = {2};
  request.family.delimiter = Delimiter{7, {3}};
  request.family.to = to;
  request.formats = {*find_format("e5m2"), *find_format("e4m3"), *find_format("bf16"), *find_format("fp32")};
  request.criteria = {Criterion::tolerance};
  request.metrics = {Metric::l1, Metric::linf};
  return request;
}

// The largest spacing by trying them all, each by itself, the horizon and beyond; 0: none. Beyond to + 1 no delimiter comes in.
std::int64_t by_enumeration(const Model& model, CertifyRequest request, std::size_t row) {
  for (std::int64_t every = request.family.to + 1; every > 0; --every) {
    request.family.delimiter->every = every;
    SilentProgress silent;
    const Certification c = certify(model, request, silent);
    if (c.rows[row].last_distinct == request.family.to && !c.rows[row].first && c.rows[row].undecided == 0 && c.rows[row].overflow == 0) return every;
  }
  return 0;
}

}  // namespace

TEST_CASE("glasses: the largest spacing is the one that enumeration finds", "[glasses]") {
  int found = 0, unneeded = 0, none = 0;
  for (const PositionKind position : {PositionKind::none, PositionKind::rope, PositionKind::alibi}) {
    RandomModel description;
    description.width = 16, description.layers = 1, description.hidden = 16, description.position = position, description.seed = 5;
    const Model model = synthetic_model(description);
    const CertifyRequest request = request_for(24);
    SilentProgress progress;
    const GlassesResult result = glasses(model, request, progress);
    REQUIRE(result.rows.size() == 8);
    for (std::size_t r = 0; r < result.rows.size(); ++r) {
      const Glasses& row = result.rows[r];
      const std::int64_t expected = by_enumeration(model, request, r);
      INFO("row " << r << ", enumeration " << expected);
      if (!row.fails_without) {
        CHECK(expected == request.family.to + 1);
        ++unneeded;
      } else if (row.largest) {
        CHECK(*row.largest == expected);
        ++found;
      } else {
        CHECK(expected == 0);
        ++none;
      }
      for (const TriedSpacing& tried : row.tried) {
        CHECK(tried.every > row.largest.value_or(0));
        CHECK(tried.every <= *row.fails_without);
      }
    }
  }
  CHECK(found > 0);
  CHECK(unneeded > 0);
  CHECK(found + unneeded + none == 24);
}

TEST_CASE("glasses: without delimiter tokens there is nothing to space", "[glasses]") {
  RandomModel description;
  const Model model = synthetic_model(description);
  CertifyRequest request = request_for(4);
  request.family.delimiter.reset();
  SilentProgress progress;
  CHECK_THROWS_AS(glasses(model, request, progress), InputError);
}
