#include "bounds/validation/judge.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "lib/number/upward.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// The format in which the engine has an operation's result.
const Format& format_of(const EngineProfile& p, const OperationName& operation, const Model& model) {
  if (operation.kind == OperationKind::scores) return operation.layer && !model.layers[*operation.layer].attention.alibi.empty() ? p.alibi : p.score;
  return operation.kind == OperationKind::probabilities ? p.probability : p.storage;
}

// The neighbour of a value of `format` away from or towards zero is at most one ulp off.
class Grid {
 public:
  explicit Grid(const Format& format) : rounder_(format), arithmetic_(format, false) {}
  bool holds(double x) const { return rounder_(x) == x; }
  double ulp(double x) const { return arithmetic_.ulp(x); }
  double round(double x) const { return rounder_(x); }

 private:
  DoubleRounder rounder_;
  ImageArithmetic arithmetic_;
};

// What an engine may have had where the dump, narrower than its own format, shows x.
Range cell(const Grid& dump, double x) {
  const double half = dump.ulp(x) / 2;  // below a power of two the cell is smaller
  return {x - half, x + half};
}

double median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

bool visible_entry(const Model& model, const OperationName& operation, std::size_t row, std::size_t token, std::size_t entries) {
  if (operation.kind != OperationKind::scores && operation.kind != OperationKind::probabilities) return true;
  const std::size_t entry = row % entries;
  const auto& window = model.layers[*operation.layer].attention.window;
  return entry <= token && !(window && token - entry >= *window);
}

OperationVerdict judged(const Model& model, const EngineProfile& profile, const OperationName& operation, const ImageBlock& image, const DumpedTensor& dumped) {
  const std::size_t tokens = dumped.tokens;
  OperationVerdict v;
  v.operation = operation;
  v.source = dumped.source;
  v.tokens.assign(tokens, Judgement::pass);
  const Format& own = format_of(profile, operation, model);
  const auto dump_format = find_format(dumped.format);
  const Grid grid(own), dump_grid(*dump_format);
  const bool narrower = dump_format->precision < own.precision || dump_format->emin > own.emin;

  struct PerToken {
    std::size_t entries = 0, outside = 0, determined = 0;
    std::optional<Outside> worst;
    double surely = 0, least = infinite_bound, surely_relative = 0, least_relative = infinite_bound, resolution = 0, absolute = 0, relative = 0;
    std::vector<double> uses;
  };
  std::vector<PerToken> parts(tokens);
  parallel_for(tokens, [&](std::size_t t) {
    PerToken& p = parts[t];
    double radius_squares = 0, squares = 0, largest = 0;
    bool bounded = true;
    const auto outside = [&](std::size_t row, double x, const Range& range) {
      ++p.outside;
      const double unit = grid.ulp(std::isfinite(x) ? x : 0), ulps = std::isfinite(x) ? std::max({0.0, range.lower - x, x - range.upper}) / unit : std::numeric_limits<double>::quiet_NaN();
      const auto rank = [](double value) { return std::isnan(value) ? infinite_bound : value; };
      if (!p.worst || rank(ulps) > rank(p.worst->ulps)) p.worst = Outside{t, row, x, range, ulps};
    };
    for (std::size_t row = 0; row < dumped.width; ++row) {
      const double x = dumped.values[t * dumped.width + row];
      if (std::isfinite(x) && visible_entry(model, operation, row, t, tokens)) largest = std::max(largest, std::fabs(x));
    }
    for (std::size_t row = 0; row < dumped.width; ++row) {
      const double x = dumped.values[t * dumped.width + row];
      Range range = image.at(row, t);
      if (!visible_entry(model, operation, row, t, tokens)) {
        if (!(range.lower <= x && x <= range.upper)) outside(row, x, range);
        continue;
      }
      ++p.entries;
      if (narrower) range = {dump_grid.round(range.lower), dump_grid.round(range.upper)};
      if (!range.is_finite()) {  // it may have overflowed: nothing can be said, unless the one end there is excludes the value
        bounded = false;
        if (x < range.lower || x > range.upper) outside(row, x, range);
        continue;
      }
      const bool on_grid = narrower || grid.holds(x);
      if (!(range.lower <= x && x <= range.upper) || !on_grid) {
        outside(row, x, range);
        continue;
      }
      if (range.is_point()) ++p.determined;
      else p.uses.push_back(std::fabs(x - (range.lower / 2 + range.upper / 2)) / ((range.upper - range.lower) / 2));
      const double radius = (range.upper - range.lower) / 2, unit = std::max(grid.ulp(x), narrower ? dump_grid.ulp(x) : 0.0);
      const double room = std::max(range.upper - x, x - range.lower), room_least = std::min(range.upper - x, x - range.lower);
      radius_squares += radius * radius, squares += x * x;
      p.surely = std::max(p.surely, room / unit), p.least = std::min(p.least, room_least / unit);
      if (largest > 0) p.surely_relative = std::max(p.surely_relative, room / largest), p.least_relative = std::min(p.least_relative, room_least / largest);
      if (largest > 0) p.absolute = std::max(p.absolute, range.upper - range.lower), p.relative = std::max(p.relative, (range.upper - range.lower) / largest);
    }
    p.resolution = squares > 0 ? std::sqrt(radius_squares / squares) : radius_squares > 0 ? infinite_bound : 0;
    if (p.outside > 0) v.tokens[t] = Judgement::fail;
    else if (!bounded || p.resolution >= 1) v.tokens[t] = Judgement::inconclusive;
  });
  v.least_caught = v.least_relative = infinite_bound;
  std::vector<double> uses;
  for (std::size_t t = 0; t < tokens; ++t) {
    PerToken& p = parts[t];
    v.entries += p.entries, v.outside += p.outside, v.determined += p.determined;
    const auto rank = [](const std::optional<Outside>& o) { return !o ? -1 : std::isnan(o->ulps) ? infinite_bound : o->ulps; };
    if (rank(p.worst) > rank(v.worst)) v.worst = p.worst;
    if (p.outside > 0 && !v.first_token) v.first_token = t;
    v.surely_caught = std::max(v.surely_caught, p.surely), v.least_caught = std::min(v.least_caught, p.least);
    v.surely_relative = std::max(v.surely_relative, p.surely_relative), v.least_relative = std::min(v.least_relative, p.least_relative);
    v.resolution = std::max(v.resolution, p.resolution);
    v.tolerance_absolute = std::max(v.tolerance_absolute, p.absolute), v.tolerance_relative = std::max(v.tolerance_relative, p.relative);
    uses.insert(uses.end(), p.uses.begin(), p.uses.end());
    v.verdict = std::max(v.verdict, v.tokens[t]);
  }
  v.median_use = median(uses);
  return v;
}

void take_dumped(const Model& model, const EngineProfile& profile, const OperationName& operation, const DumpedTensor& dumped, ImageBlock& image) {
  const std::size_t tokens = dumped.tokens;
  const Format& own = format_of(profile, operation, model);
  const auto dump_format = find_format(dumped.format);
  const Grid dump_grid(*dump_format);
  const bool narrower = dump_format->precision < own.precision || dump_format->emin > own.emin;
  for (std::size_t t = 0; t < tokens; ++t) {
    for (std::size_t row = 0; row < dumped.width; ++row) {
      if (!visible_entry(model, operation, row, t, tokens)) continue;
      const double x = dumped.values[t * dumped.width + row];
      Range range = narrower && std::isfinite(x) ? cell(dump_grid, x) : Range::point(x);
      if (!std::isfinite(x)) range = Range::everything();  // whatever comes of it is no news
      image.set(row, t, range);
    }
  }
}

}  // namespace snellen
