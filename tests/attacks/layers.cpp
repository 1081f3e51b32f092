// A layer of the decoder over balls: a point within the balls of the stream, evaluated on its own, must land in the balls that come out. Euclidean balls rest on
// the norms of attention's and the MLP's derivatives (attention_norm, mlp_norm, activation_slopes), balls entry by entry on the ball world.
#include <cmath>

#include "lib/model/decoder.hpp"
#include "lib/model/synthetic.hpp"
#include "lib/world/ball.hpp"
#include "lib/world/euclidean.hpp"
#include "tests/attacks/attack.hpp"

namespace snellen::attacks {
namespace {

constexpr std::size_t width = 4, tokens = 3;

Model model_of(Reader& read) {
  RandomModel r;
  r.layers = 1, r.width = width, r.vocab = tokens;
  r.seed = 1 + read.below(40);
  r.heads = std::size_t{1} << read.below(3), r.kv_heads = read.below(2) == 0 ? 0 : 1;
  r.hidden = read.below(4) == 0 ? 0 : 5;
  constexpr PositionKind kinds[] = {PositionKind::none, PositionKind::rope, PositionKind::alibi};
  r.position = kinds[read.below(3)];
  r.head_size = 2;
  r.norm = read.below(2) == 0 ? NormKind::rms : NormKind::layer;
  constexpr Activation activations[] = {Activation::silu, Activation::gelu_exact, Activation::gelu_tanh, Activation::relu};
  r.activation = activations[read.below(4)];
  r.gated = read.below(2) == 0, r.qk_norm = read.below(3) == 0, r.bias = read.below(2) == 0, r.post_norms = read.below(4) == 0;
  if (read.below(3) == 0) r.softcap = 2;
  if (read.below(3) == 0) r.window = 2;
  r.gain = std::exp2(static_cast<double>(read.below(7)) - 2);
  r.epsilon = 1e-5;
  return synthetic_model(r);
}
constexpr std::size_t model_numbers = 14;

std::vector<Column> run_of(std::size_t count) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < count; ++i) columns.push_back({static_cast<Token>(i), static_cast<std::int64_t>(i), 0, 0});
  return columns;
}

BallMatrix midpoints_of(Reader& read) {
  BallMatrix x(width, tokens);
  for (std::size_t i = 0; i < width; ++i)
    for (std::size_t c = 0; c < tokens; ++c) arb_set_d(x(i, c), 2 * read.number());
  return x;
}
double radius_of(Reader& read) { return std::exp2(-25 * std::fabs(read.number())); }

BallMatrix evaluated(const Model& model, const BallMatrix& start, const std::vector<Column>& columns) {
  const BallWorld world(bits);
  const Decoder<BallWorld> decoder(model, world);
  BallWorld::Memory memory;
  return decoder.layer(model.layers[0], start, columns, memory);
}

Attempt euclidean_layer(Point point) {
  Reader read(point);
  const Model model = model_of(read);
  const std::vector<Column> columns = run_of(tokens);
  const EuclideanWorld world(128);
  EuclideanWorld::Block x{midpoints_of(read), std::vector<Magnitude>(tokens), EuclideanWorld::Stream{}, 128};
  BallMatrix start = x.balls;
  for (std::size_t c = 0; c < tokens; ++c) {
    mag_set_d(x.radii[c].get(), radius_of(read));
    // The direction's length is just below the radius.
    const std::vector<double> direction = read.numbers(width);
    std::vector<Ball> d = exact(direction);
    Ball size, share;
    euclidean(size, d);
    if (!arb_is_positive(size)) continue;
    arf_set_mag(arb_midref(static_cast<arb_ptr>(share)), x.radii[c].get());
    arb_div(share, share, size, bits);
    arb_mul_2exp_si(size, share, -250), arb_sub(share, share, size, bits);
    for (std::size_t i = 0; i < width; ++i) arb_addmul(start(i, c), d[i], share, bits);
  }
  EuclideanWorld::Memory past;
  const EuclideanWorld::Block y = Decoder<EuclideanWorld>(model, world).layer(model.layers[0], x, columns, past);
  const BallMatrix z = evaluated(model, start, columns);
  Attempt best = nothing_tested();
  for (std::size_t c = 0; c < tokens; ++c) {
    if (!y.radii[c].is_finite()) continue;
    std::vector<Ball> apart(width);
    for (std::size_t i = 0; i < width; ++i) arb_sub(apart[i], z(i, c), y.balls(i, c), bits);
    Ball distance, bound;
    euclidean(distance, apart);
    arf_set_mag(arb_midref(static_cast<arb_ptr>(bound)), y.radii[c].get());
    const Attempt one = compare(distance, bound);
    if (one.broken) return one;
    best.closeness = std::max(best.closeness, one.closeness);
  }
  return best;
}

Attempt ball_layer(Point point) {
  Reader read(point);
  const Model model = model_of(read);
  const std::vector<Column> columns = run_of(tokens);
  BallMatrix x = midpoints_of(read), start = x;
  for (std::size_t c = 0; c < tokens; ++c) {
    const double radius = radius_of(read);
    for (std::size_t i = 0; i < width; ++i) {
      mag_set_d(arb_radref(x(i, c)), radius);
      Ball move;
      arf_set_mag(arb_midref(static_cast<arb_ptr>(move)), arb_radref(x(i, c)));
      Ball share;
      arb_set_d(share, read.number());
      arb_addmul(start(i, c), move, share, ARF_PREC_EXACT);
    }
  }
  const BallWorld world(96);
  BallWorld::Memory memory;
  const BallMatrix y = Decoder<BallWorld>(model, world).layer(model.layers[0], x, columns, memory), z = evaluated(model, start, columns);
  Attempt best = nothing_tested();
  for (std::size_t c = 0; c < tokens; ++c) {
    for (std::size_t i = 0; i < width; ++i) {
      if (!arb_is_finite(y(i, c)) || !arb_is_finite(z(i, c))) continue;
      Ball apart, bound;
      arb_get_mid_arb(apart, y(i, c)), arb_sub(apart, z(i, c), apart, bits), arb_abs(apart, apart);
      arb_get_rad_arb(bound, y(i, c));
      const Attempt one = compare(apart, bound);
      if (one.broken) return one;
      best.closeness = std::max(best.closeness, one.closeness);
    }
  }
  return best;
}

constexpr std::size_t numbers = model_numbers + width * tokens + tokens * (1 + width);
const Registered r1({"layer-euclidean", "EuclideanWorld: how far a layer moves within Euclidean balls", numbers, euclidean_layer, 4});
const Registered r2({"layer-ball", "BallWorld: a layer over balls entry by entry", numbers, ball_layer, 4});

}  // namespace
}  // namespace snellen::attacks
