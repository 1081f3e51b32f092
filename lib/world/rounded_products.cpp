// Matrix products and attention of the rounded world: the operations that accumulate.
#include <algorithm>
#include <stdexcept>

#include "lib/world/rounded_shared.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// amax / largest in the rescaling format, 1 where that is zero.
double factor(const FormatArithmetic& rescale, const FormatArithmetic& operand, double amax) {
  const double result = rescale.divide(amax, operand.rounder().largest());
  return result == 0 ? 1 : result;
}

double largest_magnitude(std::span<const double> values) {
  double result = 0;
  for (const double x : values) result = std::max(result, std::fabs(x));  // a NaN is passed over; it stays NaN as an operand
  return result;
}

}  // namespace

RoundedWorld::Block RoundedWorld::linear(const Linear& map, const Block& x) const {
  if (map.weight->columns() != x.width) throw std::logic_error("RoundedWorld::linear: the weight's columns are not the block's width");
  return std::visit([&](const auto& accumulate) { return linear_with(accumulate, map, x); }, accumulator_);
}

template <class Real>
RoundedWorld::Block RoundedWorld::linear_with(const Accumulator<Real>& accumulate, const Linear& map, const Block& x) const {
  constexpr std::size_t lanes = Accumulator<Real>::lanes, rows = Accumulator<Real>::rows;
  const Tensor& weight = *map.weight;
  const std::size_t in = x.width, out = weight.rows(), tokens = x.tokens;
  Watch watch(*shared_, "linear", tokens);

  // Activations as operands: [in, tokens], and each token's factor.
  std::vector<Real> inputs(tokens * in);
  std::vector<double> token_factor(tokens, 1.0);
  if (profile_.activation_scaling == Scaling::per_tensor) {
    std::fill(token_factor.begin(), token_factor.end(), factor(rescale_, operand_, rescale_(largest_magnitude(x.values))));
  }
  // Turns values into operands: over their factor where the profile scales, then rounded. Says whether one was out of range.
  const auto make_operands = [&](Scaling scaling, double by, std::span<double> values) {
    if (scaling != Scaling::none) {
      rescale_.rounder().round_all(values.data(), values.size());
      for (double& entry : values) entry /= by;
      rescale_.rounder().round_all(values.data(), values.size());
    }
    RoundStatus worst = RoundStatus::finite;
    for (const double entry : values) {
      if (!operand_.suspicious(entry)) continue;
      if (const RoundStatus status = operand_.status(entry); status == RoundStatus::overflow || worst == RoundStatus::finite) worst = status;
    }
    operand_.rounder().round_all(values.data(), values.size());
    return worst;
  };
  parallel_for(tokens, [&](std::size_t c) {
    std::vector<double> column(x.column(c), x.column(c) + in);
    if (profile_.activation_scaling == Scaling::per_token) token_factor[c] = factor(rescale_, operand_, rescale_(largest_magnitude(column)));
    watch.note(c, make_operands(profile_.activation_scaling, token_factor[c], column));
    std::copy(column.begin(), column.end(), inputs.begin() + static_cast<std::ptrdiff_t>(c * in));
  });

  double tensor_factor = 1;
  if (profile_.weight_scaling == Scaling::per_tensor) {
    tensor_factor = shared_->tensor_factor(map.weight, [&] {
      std::vector<double> row(in);
      double amax = 0;
      for (std::size_t r = 0; r < out; ++r) weight.read_row(r, row), amax = std::max(amax, largest_magnitude(row));
      return factor(rescale_, operand_, rescale_(amax));
    });
  }
  const std::vector<double> bias = map.bias ? stored_vector(*map.bias) : std::vector<double>();
  const bool scaled = profile_.weight_scaling != Scaling::none || profile_.activation_scaling != Scaling::none;

  const auto prepare = [&](std::size_t index, WeightTile<Real>& tile) {
    const std::size_t first = index * lanes, used = std::min(lanes, out - first);
    std::vector<double> row(in);
    tile.weights.resize(in * lanes);
    for (std::size_t l = 0; l < used; ++l) {
      weight.read_row(first + l, row);
      tile.factor[l] = profile_.weight_scaling == Scaling::per_token ? factor(rescale_, operand_, rescale_(largest_magnitude(row))) : tensor_factor;
      if (const RoundStatus status = make_operands(profile_.weight_scaling, tile.factor[l], row); status != RoundStatus::finite) tile.status = status;
      for (std::size_t i = 0; i < in; ++i) tile.weights[i * lanes + l] = static_cast<Real>(row[i]);
    }
  };

  Block y{out, tokens, std::vector<double>(out * tokens)};
  const std::size_t tiles = (out + lanes - 1) / lanes;
  const auto kept = profile_.couples_tokens() ? shared_->weight_tiles<Real>(map.weight, tiles) : nullptr;
  parallel_for(tiles, [&](std::size_t index) {
    const std::size_t first = index * lanes, used = std::min(lanes, out - first);
    WeightTile<Real> own;
    WeightTile<Real>& tile = kept ? (*kept)[index] : own;
    std::call_once(tile.prepared, [&] { prepare(index, tile); });
    watch.note(0, tile.status);  // a weight out of range touches every column
    for (std::size_t c = 0; c < tokens; c += rows) {
      const std::size_t count = std::min(rows, tokens - c);
      Real sums[rows * lanes] = {};
      accumulate(tile.weights.data(), inputs.data() + c * in, in, count, in, sums);
      double values[rows * lanes];
      const auto each_value = [&](const auto& change) {  // in loops that vectorise
        for (std::size_t t = 0; t < count; ++t)
          for (std::size_t l = 0; l < used; ++l) change(values[t * used + l], t, l);
      };
      const auto rescaled = [&] { rescale_.rounder().round_all(values, count * used); };
      each_value([&](double& value, std::size_t t, std::size_t l) { value = static_cast<double>(sums[t * lanes + l]); });
      if (scaled) {
        rescaled();
        each_value([&](double& value, std::size_t t, std::size_t) { value *= token_factor[c + t]; });
        rescaled();
        each_value([&](double& value, std::size_t, std::size_t l) { value *= tile.factor[l]; });
        rescaled();
      }
      for (std::size_t t = 0; t < count; ++t) {
        const std::span<double> stored(values + t * used, used);
        store_all(stored, watch, c + t);
        if (map.bias) {
          for (std::size_t l = 0; l < used; ++l) stored[l] += bias[first + l];
          store_all(stored, watch, c + t);
        }
        std::copy(stored.begin(), stored.end(), y.column(c + t) + first);
      }
    }
  });
  return y;
}

RoundedWorld::Block RoundedWorld::attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns,
                                         Memory& memory) const {
  return std::visit([&](const auto& accumulate) { return attend_with(accumulate, attention, q, k, v, columns, memory); }, accumulator_);
}

template <class Real>
RoundedWorld::Block RoundedWorld::attend_with(const Accumulator<Real>& accumulate, const Attention& a, const Block& q, const Block& k, const Block& v,
                                              std::span<const Column> columns, Memory& memory) const {
  constexpr std::size_t lanes = Accumulator<Real>::lanes;
  const std::size_t size = a.head_size, tiles = (size + lanes - 1) / lanes, group = a.heads / a.kv_heads, before = memory.entries;
  const FormatArithmetic& f = softmax_;
  Watch watch(*shared_, "attention", columns.size());

  if (before == 0) memory.heads = std::vector<Head<Real>>(a.kv_heads, Head<Real>{{}, std::vector<std::vector<Real>>(tiles)});
  std::vector<Head<Real>>& past = std::get<std::vector<Head<Real>>>(memory.heads);
  memory.entries += columns.size();
  const auto cached = [&](double x, std::size_t c) {
    watch.rounding(cache_, x, c);
    return static_cast<Real>(cache_(x));
  };
  for (std::size_t g = 0; g < a.kv_heads; ++g) {
    past[g].keys.resize((memory.entries + lanes - 1) / lanes * size * lanes);
    for (std::size_t tile = 0; tile < tiles; ++tile) past[g].values[tile].resize(memory.entries * lanes);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const std::size_t entry = before + c;
      for (std::size_t d = 0; d < size; ++d) {
        past[g].keys[(entry / lanes * size + d) * lanes + entry % lanes] = cached(k.column(c)[g * size + d], c);
        past[g].values[d / lanes][entry * lanes + d % lanes] = cached(v.column(c)[g * size + d], c);
      }
    }
  }

  const Scores score(f, a);
  Block y{a.heads * size, columns.size(), std::vector<double>(a.heads * size * columns.size())};
  parallel_for(columns.size(), [&](std::size_t c) {
    const View view = visible(columns[c], before + c, a.window);
    const std::pair<std::size_t, std::size_t> ranges[] = {{view.trunk_begin, view.trunk_end}, {view.branch_begin, view.branch_end}};
    std::vector<double> scores(view.size());
    std::vector<Real> query(size), probabilities(view.size());
    for (std::size_t h = 0; h < a.heads; ++h) {
      const Head<Real>& head = past[h / group];
      std::copy_n(q.column(c) + h * size, size, query.begin());
      std::size_t i = 0;
      for (const auto& [begin, end] : ranges) {
        for (std::size_t tile = begin / lanes; tile * lanes < end; ++tile) {
          Real sums[lanes] = {};
          accumulate(head.keys.data() + tile * size * lanes, query.data(), size, 1, size, sums);
          for (std::size_t entry = std::max(begin, tile * lanes); entry < std::min(end, (tile + 1) * lanes); ++entry)
            scores[i++] = static_cast<double>(sums[entry % lanes]);
        }
      }
      double largest = -INFINITY;
      for (i = 0; i < scores.size(); ++i) {
        const double s = score(scores[i], h, columns[c].position - (view.first_position + static_cast<std::int64_t>(i)));
        watch.result(s, c);
        scores[i] = s;
        largest = std::max(largest, s);
      }
      for (double& s : scores) s -= largest;
      f.rounder().round_all(scores.data(), scores.size());
      f.function().exp(scores);
      const double sum = f.rounder().sum(scores);
      watch.result(sum, c);
      for (double& s : scores) s /= sum;
      f.rounder().round_all(scores.data(), scores.size());
      probability_.rounder().round_all(scores.data(), scores.size());
      std::transform(scores.begin(), scores.end(), probabilities.begin(), [](double s) { return static_cast<Real>(s); });
      for (std::size_t tile = 0; tile < tiles; ++tile) {
        Real sums[lanes] = {};
        const Real* weights = probabilities.data();
        for (const auto& [begin, end] : ranges) {
          accumulate(head.values[tile].data() + begin * lanes, weights, 0, 1, end - begin, sums);
          weights += end - begin;
        }
        for (std::size_t d = tile * lanes; d < std::min(size, (tile + 1) * lanes); ++d)
          y.column(c)[h * size + d] = store(static_cast<double>(sums[d % lanes]), watch, c);
      }
    }
  });
  return y;
}

}  // namespace snellen
