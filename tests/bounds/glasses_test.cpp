#include "bounds/glasses.hpp"

#include <algorithm>

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

// From this spacing on no delimiter comes in.
std::int64_t no_delimiter(Family family) {
  family.delimiter.reset();
  return family.run_length(family.to + 1);
}

Certification with_spacing(const Model& model, CertifyRequest request, std::int64_t every) {
  request.family.delimiter->every = every;
  SilentProgress silent;
  return certify(model, request, silent);
}

struct Counts {
  int found = 0, unneeded = 0, none = 0, tried = 0, beyond = 0;  // beyond: the largest exceeds the length that fails
};

// Against every spacing, each by itself, up to the horizon and beyond.
void compare_with_enumeration(const Model& model, const CertifyRequest& request, Counts& counts) {
  std::vector<Certification> all(1);  // by spacing; there is none of 0
  for (std::int64_t every = 1; every <= no_delimiter(request.family); ++every) all.push_back(with_spacing(model, request, every));
  SilentProgress progress;
  const GlassesResult result = glasses(model, request, progress);
  REQUIRE(result.rows.size() == all[1].rows.size());
  for (std::size_t r = 0; r < result.rows.size(); ++r) {
    const auto fails_at = [&](std::int64_t every) {
      const auto& verdicts = all[static_cast<std::size_t>(every)].rows[r].verdicts;
      const auto open = std::find_if(verdicts.begin(), verdicts.end(), [](Verdict verdict) { return verdict != Verdict::distinct; });
      return open == verdicts.end() ? std::optional<std::int64_t>() : request.family.from + (open - verdicts.begin());
    };
    std::int64_t expected = no_delimiter(request.family);
    while (expected > 0 && fails_at(expected)) --expected;
    const Glasses& row = result.rows[r];
    INFO("row " << r << ", enumeration " << expected);
    if (!row.fails_without) {
      CHECK(expected == no_delimiter(request.family));
      CHECK(row.tried.empty());
      ++counts.unneeded;
      continue;
    }
    CHECK(row.fails_without == fails_at(no_delimiter(request.family)));
    CHECK(row.largest.value_or(0) == expected);
    counts.beyond += expected > *row.fails_without;
    ++(row.largest ? counts.found : counts.none);
    std::int64_t last = no_delimiter(request.family);
    for (const TriedSpacing& tried : row.tried) {
      CHECK(tried.every < last);
      CHECK(tried.every > expected);
      CHECK(fails_at(tried.every) == tried.fails_at);
      last = tried.every;
      ++counts.tried;
    }
  }
}

Model small_model(PositionKind position) {
  RandomModel description;
  description.width = 16, description.layers = 1, description.hidden = 16, description.position = position, description.seed = 5;
  return synthetic_model(description);
}

}  // namespace

TEST_CASE("glasses: the largest spacing is the one that enumeration finds", "[glasses]") {
  Counts counts;
  for (const PositionKind position : {PositionKind::none, PositionKind::rope, PositionKind::alibi})
    compare_with_enumeration(small_model(position), request_for(24), counts);
  CHECK(counts.found > 0);
  CHECK(counts.unneeded > 0);
  CHECK(counts.tried > 20);
  CHECK(counts.found + counts.unneeded + counts.none == 24);
}

TEST_CASE("glasses: units of several tokens, samples, suffixes, repeated last tokens, several delimiters, later starts", "[glasses]") {
  Counts counts;
  const Model model = small_model(PositionKind::none);
  std::vector<CertifyRequest> requests(7, request_for(12));
  requests[0].family.unit = {2, 5};
  requests[1].family.unit = {2, 2, 2};
  requests[2].family.unit.clear(), requests[2].family.sample = Sample{{2, 5, 6}, {}, 3, false};
  requests[3].family.suffix = {4};
  requests[4].family.pair = Pair::repeat_last;
  requests[5].family.delimiter->tokens = {2, 3};  // begins as the run goes on
  requests[6].family.from = 5;
  // Horizons at which the pair fails: a delimiter within the last unit may do.
  for (std::int64_t to = 2; to < 12; ++to) {
    requests.push_back(request_for(to));
    requests.back().family.unit = {2, 5};
  }
  for (const CertifyRequest& request : requests) compare_with_enumeration(model, request, counts);
  CHECK(counts.found > 0);
  CHECK(counts.tried > 20);
  CHECK(counts.found + counts.unneeded + counts.none == 136);
  CHECK(counts.beyond > 0);
}

TEST_CASE("glasses: without delimiter tokens there is nothing to space", "[glasses]") {
  RandomModel description;
  const Model model = synthetic_model(description);
  CertifyRequest request = request_for(4);
  request.family.delimiter.reset();
  SilentProgress progress;
  CHECK_THROWS_AS(glasses(model, request, progress), InputError);
}
