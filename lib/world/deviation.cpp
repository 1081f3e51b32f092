#include "lib/world/deviation.hpp"

#include <cmath>
#include <stdexcept>

#include "lib/number/upward.hpp"

namespace snellen {

DeviationWorld::DeviationWorld(const EngineProfile& profile, long bits, Tape& tape) : tape_(tape), exact_(bits, tape), errors_(profile) {
  if (!LocalErrors::cover(profile)) throw std::invalid_argument("profile " + profile.name + ": no local errors where casts are left out or activations quantised");
}

auto DeviationWorld::widened(const Block& y, std::vector<double> errors) const -> Block {
  auto wide = std::make_shared<BallMatrix>(*y.value);
  const std::size_t width = wide->rows();
  for (std::size_t c = 0; c < wide->columns(); ++c)
    for (std::size_t r = 0; r < width; ++r) arb_add_error_mag((*wide)(r, c), magnitude_of(errors[c * width + r]).get());
  const std::size_t node = tape_.record({y.node}, [this, errors = std::move(errors), width](const Cotangents& dy) {
    for (std::size_t s = 0; s < dy.size(); ++s) {
      double sum = 0;
      for (std::size_t r = 0; r < width; ++r) {
        const double error = errors[dy.slots[s].column * width + r];
        if (error > 0) sum += upper_double(Magnitude::of(dy.values(r, s))) * error;
      }
      double& total = reach_[dy.slots[s].direction];
      total = upward(total + upward(sum));
    }
    return std::vector<Cotangents>{dy};
  });
  return {std::move(wide), node};
}

auto DeviationWorld::input(const BallMatrix& x) const -> Block {
  BallMatrix centres = x;
  std::vector<double> radii(x.rows() * x.columns());
  for (std::size_t c = 0; c < x.columns(); ++c)
    for (std::size_t r = 0; r < x.rows(); ++r) radii[c * x.rows() + r] = upper_double(Magnitude::radius_of(x(r, c))), mag_zero(arb_radref(centres(r, c)));
  return widened(exact_.input(std::move(centres)), std::move(radii));
}

std::vector<double> DeviationWorld::reach(const Block& y, Cotangents dy, const Block& x, std::size_t directions) const {
  reach_.assign(directions, 0);
  tape_.pull(y.node, std::move(dy), x.node - 1, exact_.bits());  // to the leaf below x, so that x's own errors count
  return std::move(reach_);
}

auto DeviationWorld::embed(const TensorPtr& table, std::span<const Column> columns) const -> Block {
  const Block y = exact_.embed(table, columns);
  return widened(y, errors_.embed(*y.value));
}
auto DeviationWorld::add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const -> Block {
  const Block y = exact_.add_rows(x, table, columns);
  return widened(y, errors_.add_rows(*x.value, *y.value));
}
auto DeviationWorld::add_sinusoids(const Block& x, std::span<const Column> columns) const -> Block {
  const Block y = exact_.add_sinusoids(x, columns);
  return widened(y, errors_.add_sinusoids(*x.value, *y.value));
}
auto DeviationWorld::scale(const Block& x, const Root& factor) const -> Block {
  const Block y = exact_.scale(x, factor);
  return widened(y, errors_.scale(*y.value));
}
auto DeviationWorld::add(const Block& x, const Block& y) const -> Block {
  const Block sum = exact_.add(x, y);
  return widened(sum, errors_.add(*sum.value));
}
auto DeviationWorld::multiply(const Block& x, const Block& y) const -> Block {
  const Block product = exact_.multiply(x, y);
  return widened(product, errors_.multiply(*x.value, *y.value, *product.value));
}
auto DeviationWorld::linear(const Linear& map, const Block& x) const -> Block {
  const Block y = exact_.linear(map, x);
  return widened(y, errors_.linear(map, *x.value, *y.value));
}
auto DeviationWorld::norm(const Norm& n, const Block& x, std::size_t groups) const -> Block {
  const Block y = exact_.norm(n, x, groups);
  return widened(y, errors_.norm(n, *x.value, *y.value, groups));
}
auto DeviationWorld::activate(Activation activation, const Block& x) const -> Block {
  if (activation == Activation::identity) return x;
  const Block y = exact_.activate(activation, x);
  return widened(y, errors_.activate(activation, *x.value, *y.value));
}
auto DeviationWorld::rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const -> Block {
  const Block y = exact_.rotate(x, rotary, heads, columns);
  return widened(y, errors_.rotate(rotary, heads, columns, *x.value, *y.value));
}
auto DeviationWorld::attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const -> Block {
  const Block y = exact_.attend(attention, q, k, v, columns, memory);
  return widened(y, errors_.attend(*tape_.attentions.back(), *y.value));
}

}  // namespace snellen
