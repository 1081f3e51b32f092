#include "bounds/glasses.hpp"

#include <algorithm>

#include "lib/error.hpp"

namespace snellen {
namespace {

// The first n whose pair is not proved distinct.
std::optional<std::int64_t> first_open(const CollapseRow& row, std::int64_t from) {
  const auto open = std::find_if(row.verdicts.begin(), row.verdicts.end(), [](Verdict verdict) { return verdict != Verdict::distinct; });
  if (open == row.verdicts.end()) return std::nullopt;
  return from + (open - row.verdicts.begin());
}

class Search {
 public:
  Search(const Model& model, const CertifyRequest& request, Progress& progress) : model_(model), request_(request), progress_(progress) {
    request_.criteria = {Criterion::tolerance};
    request_.profiles.clear();
    request_.inevitable = false;
  }

  // The rows with a delimiter after every `every` run tokens (none: without), for n up to `to`.
  std::vector<CollapseRow> rows(std::optional<std::int64_t> every, std::int64_t to) {
    CertifyRequest request = request_;
    request.family.to = to;
    if (every)
      request.family.delimiter->every = *every;
    else
      request.family.delimiter.reset();
    Certification result = certify(model_, request, progress_);
    bits_ = std::max(bits_, result.precision_bits);
    return std::move(result.rows);
  }

  std::int64_t from() const { return request_.family.from; }
  std::int64_t to() const { return request_.family.to; }
  long bits() const { return bits_; }

 private:
  const Model& model_;
  CertifyRequest request_;
  Progress& progress_;
  long bits_ = 0;
};

}  // namespace

GlassesResult glasses(const Model& model, const CertifyRequest& request, Progress& progress) {
  if (!request.family.delimiter) throw InputError("family.delimiter", "missing, expected the tokens to be spaced: delimiter = { every = 1, tokens = [5] }");
  Search search(model, request, progress);
  GlassesResult result;
  std::int64_t spacing = 0;
  for (CollapseRow& row : search.rows(std::nullopt, search.to())) {
    result.rows.push_back({row.format, *row.metric, *row.eps, first_open(row, search.from()), {}, {}});
    spacing = std::max(spacing, result.rows.back().fails_without.value_or(0));
  }
  const auto tries = [](const Glasses& row, std::int64_t every) { return row.fails_without && !row.largest && every <= *row.fails_without; };
  for (; spacing > 0; --spacing) {
    // Where a spacing fails it mostly fails in its first groups: those first, for a fraction of the cost.
    for (const std::int64_t to : {std::min(search.to(), std::max(search.from(), 2 * spacing)), search.to()}) {
      const auto open = [&](const Glasses& row) { return tries(row, spacing) && (row.tried.empty() || row.tried.back().every != spacing); };
      if (std::none_of(result.rows.begin(), result.rows.end(), open)) break;
      const std::vector<CollapseRow> rows = search.rows(spacing, to);
      for (std::size_t r = 0; r < rows.size(); ++r) {
        if (!open(result.rows[r])) continue;
        if (const auto fails_at = first_open(rows[r], search.from()))
          result.rows[r].tried.push_back({spacing, *fails_at});
        else if (to == search.to())
          result.rows[r].largest = spacing;
      }
      if (to == search.to()) break;
    }
  }
  result.precision_bits = search.bits();
  return result;
}

}  // namespace snellen
