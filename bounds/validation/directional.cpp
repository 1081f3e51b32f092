#include "bounds/validation/directional.hpp"

#include <algorithm>
#include <cmath>

#include "lib/model/decoder.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/deviation.hpp"

namespace snellen {
namespace {

// Each direction has cotangents of all tokens before its own at every operation: so many at once bound the memory.
constexpr std::size_t directions_at_once = 16;

BallMatrix balls_of(const ImageBlock& x) {
  BallMatrix result(x.width, x.tokens);
  for (std::size_t c = 0; c < x.tokens; ++c) {
    for (std::size_t r = 0; r < x.width; ++r) {
      const Range range = x.at(r, c);
      const double middle = range.lower / 2 + range.upper / 2;
      arb_set_d(result(r, c), middle);
      if (!range.is_point()) arb_add_error_mag(result(r, c), magnitude_of(upward(std::max(range.upper - middle, middle - range.lower))).get());
    }
  }
  return result;
}

BallMatrix without_radii(BallMatrix x) {
  for (std::size_t r = 0; r < x.rows(); ++r)
    for (std::size_t c = 0; c < x.columns(); ++c) mag_zero(arb_radref(x(r, c)));
  return x;
}

double middle_of(arb_srcptr x) { return arf_get_d(arb_midref(x), ARF_RND_NEAR); }

// The same tensor where it has nothing to round.
TensorPtr rounded(const TensorPtr& tensor, const Format& format) {
  if (!tensor) return tensor;
  std::vector<double> values = read_all(*tensor);
  const std::vector<double> stored = values;
  DoubleRounder(format).round_all(values.data(), values.size());
  return values == stored ? tensor : std::make_shared<DenseTensor>(tensor->rows(), tensor->columns(), std::move(values));
}

// The layer with the weights that the engine has: its exact function is what the engine's roundings are measured from.
Layer rounded(Layer l, const EngineProfile& p) {
  const auto linear = [&](Linear& map) { map = {rounded(map.weight, p.operand), rounded(map.bias, p.storage)}; };
  const auto norm = [&](std::optional<Norm>& n) {
    if (n) n->weight = rounded(n->weight, p.storage), n->bias = rounded(n->bias, p.storage);
  };
  for (Linear* map : {&l.query, &l.key, &l.value, &l.output}) linear(*map);
  for (std::optional<Linear>* map : {&l.gate, &l.up, &l.down})
    if (*map) linear(**map);
  for (std::optional<Norm>* n : {&l.attention_norm, &l.query_norm, &l.key_norm, &l.post_attention_norm, &l.mlp_norm, &l.post_mlp_norm}) norm(*n);
  return l;
}

}  // namespace

std::vector<Directional> directional(const Model& model, std::size_t layer, std::span<const Column> columns, const EngineProfile& profile, const ImageBlock& before, const ImageBlock& after) {
  const auto finite = [](const ImageBlock& x) { return std::all_of(x.lower.begin(), x.lower.end(), [](double v) { return std::isfinite(v); }) && std::all_of(x.upper.begin(), x.upper.end(), [](double v) { return std::isfinite(v); }); };
  if (!LocalErrors::cover(profile) || !finite(before) || !finite(after)) return {};
  const std::size_t width = before.width, tokens = before.tokens;
  const long bits = 64 + profile.accumulator.precision;
  const Layer engine = rounded(model.layers[layer], profile);
  const BallMatrix x = balls_of(before), y = balls_of(after);

  const BallWorld balls(bits);
  BallWorld::Memory memory;
  const BallMatrix z = Decoder<BallWorld>(model, balls).layer(engine, without_radii(x), columns, memory);

  Tape tape;
  const DeviationWorld world(profile, bits, tape);
  DeviationWorld::Memory past;
  const auto input = world.input(x);
  const auto output = Decoder<DeviationWorld>(model, world).layer(engine, input, columns, past);

  std::vector<Directional> result(tokens);
  for (std::size_t begin = 0; begin < tokens; begin += directions_at_once) {
    const std::size_t count = std::min(directions_at_once, tokens - begin);
    Cotangents dy;
    dy.values = BallMatrix(width, count);
    for (std::size_t d = 0; d < count; ++d) {
      const std::size_t t = begin + d;
      dy.slots.push_back({d, t});
      std::vector<double> residual(width), exact(width), added(width);
      for (std::size_t r = 0; r < width; ++r) exact[r] = middle_of(z(r, t)), residual[r] = middle_of(y(r, t)) - exact[r], added[r] = exact[r] - middle_of(x(r, t));
      const auto norm = [](const std::vector<double>& v) {
        double sum = 0;
        for (const double e : v) sum += e * e;
        return std::sqrt(sum);
      };
      const std::vector<double>& c = norm(residual) > 0 ? residual : exact;  // bit for bit exact: any direction will do
      const double length = norm(c);
      Ball along, difference, weight;
      for (std::size_t r = 0; r < width; ++r) {
        arb_ptr entry = dy.values(r, d);
        if (length > 0 && std::isfinite(length)) arb_set_d(entry, c[r] / length);
        arb_sub(difference, y(r, t), z(r, t), 2 * bits);
        arb_addmul(along, difference, entry, 2 * bits);
      }
      Magnitude least;
      arb_get_mag_lower(least.get(), along);
      result[t].distance = arb_is_finite(along) && !least.is_zero() ? mag_get_d(least.get()) * (1 - 0x1p-30) : 0;
      result[t].relative = norm(added);
    }
    const std::vector<double> reach = world.reach(output, std::move(dy), input, count);
    for (std::size_t d = 0; d < count; ++d) {
      Directional& one = result[begin + d];
      one.reach = reach[d];
      one.relative = one.relative > 0 ? one.reach / one.relative : infinite_bound;
    }
  }
  return result;
}

}  // namespace snellen
