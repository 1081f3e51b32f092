#include "lib/world/rotary_world.hpp"

#include <stdexcept>

#include "lib/world/activation_derivative.hpp"
#include "lib/world/ball_functions.hpp"

namespace snellen {
namespace {

[[noreturn]] void no_positions() { throw std::logic_error("RotaryWorld: positions added to the embeddings"); }

BallVector row_or_ones(const TensorPtr& tensor, std::size_t size, bool unit_offset, long bits) {
  BallVector row(size);
  std::vector<double> values(size, 1.0);
  if (tensor) tensor->read_row(0, values);
  for (std::size_t i = 0; i < size; ++i) {
    arb_set_d(row[i], values[i]);
    if (tensor && unit_offset) arb_add_ui(row[i], row[i], 1, bits);
  }
  return row;
}

}  // namespace

BallMatrix RotaryWorld::add_rows(const Block&, const TensorPtr&, std::span<const Column>) const { no_positions(); }
BallMatrix RotaryWorld::add_sinusoids(const Block&, std::span<const Column>) const { no_positions(); }

BallMatrix RotaryWorld::attend(const Attention& attention, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const {
  if (!memory) {
    if (columns.size() != shape_.columns()) throw std::logic_error("RotaryWorld: the first block is P, a, Q");
    memory = std::make_shared<RotaryRun>(attention, q, k, v, shape_, balls_.bits(), settings_);
    return memory->hull();
  }
  std::vector<std::int64_t> lengths;
  for (const Column& column : columns) lengths.push_back(column.position);
  return memory->mix(memory->shares(lengths, modes_));
}

SharesBlock SharesWorld::add_rows(const Block&, const TensorPtr&, std::span<const Column>) const { no_positions(); }
SharesBlock SharesWorld::add_sinusoids(const Block&, std::span<const Column>) const { no_positions(); }

SharesBlock SharesWorld::scale(const Block& x, const Root& factor) const { return {balls_.scale(x.x, factor), balls_.scale(x.slopes, factor)}; }

SharesBlock SharesWorld::add(const Block& x, const Block& y) const {
  Block sum{balls_.add(x.x, y.x), x.slopes};
  if (x.slopes.columns() == 0) sum.slopes = y.slopes;
  else if (y.slopes.columns() > 0) sum.slopes = balls_.add(x.slopes, y.slopes);
  return sum;
}

SharesBlock SharesWorld::multiply(const Block& x, const Block& y) const {
  const long bits = balls_.bits();
  Block product{balls_.multiply(x.x, y.x), {}};
  const std::size_t count = std::max(x.slopes.columns(), y.slopes.columns());
  product.slopes = BallMatrix(count > 0 ? x.x.rows() : 0, count);
  for (std::size_t i = 0; i < product.slopes.rows(); ++i)
    for (std::size_t k = 0; k < count; ++k) {
      if (x.slopes.columns() > 0) arb_addmul(product.slopes(i, k), x.slopes(i, k), y.x(i, 0), bits);
      if (y.slopes.columns() > 0) arb_addmul(product.slopes(i, k), x.x(i, 0), y.slopes(i, k), bits);
    }
  return product;
}

SharesBlock SharesWorld::linear(const Linear& map, const Block& x) const {
  Block y{balls_.linear(map, x.x), {}};
  if (x.slopes.columns() > 0) y.slopes = balls_.linear({map.weight, nullptr}, x.slopes);
  return y;
}

// z = x / rho, rho = sqrt(mean of x^2 + epsilon) (x less its mean in a layer norm): dz_i = (dx_i - z_i mean of z_k dx_k) / rho.
SharesBlock SharesWorld::norm(const Norm& n, const Block& x, std::size_t groups) const {
  const long bits = balls_.bits();
  Block y{balls_.norm(n, x.x, groups), {}};
  if (x.slopes.columns() == 0) return y;
  const std::size_t size = x.x.rows() / groups;
  const BallVector weight = row_or_ones(n.weight, size, n.unit_offset, bits);
  y.slopes = BallMatrix(x.x.rows(), x.slopes.columns());
  const Norm plain{n.kind, nullptr, nullptr, n.epsilon, false};
  const BallMatrix z = balls_.norm(plain, x.x, groups);
  BallVector centred(size), slopes(size);
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t begin = g * size;
    const auto centre = [&](BallVector& entries) {
      if (n.kind != NormKind::layer) return;
      Ball mean;
      for (std::size_t i = 0; i < size; ++i) arb_add(mean, mean, entries[i], bits);
      arb_div_ui(mean, mean, size, bits);
      for (std::size_t i = 0; i < size; ++i) arb_sub(entries[i], entries[i], mean, bits);
    };
    for (std::size_t i = 0; i < size; ++i) arb_set(centred[i], x.x(begin + i, 0));
    centre(centred);
    Ball inverse, epsilon, square;
    for (std::size_t i = 0; i < size; ++i) {
      arb_sqr(square, centred[i], bits);
      arb_add(inverse, inverse, square, bits);
    }
    arb_div_ui(inverse, inverse, size, bits);
    arb_set_d(epsilon, n.epsilon);
    arb_add(inverse, inverse, epsilon, bits);
    arb_rsqrt(inverse, inverse, bits);
    for (std::size_t k = 0; k < x.slopes.columns(); ++k) {
      for (std::size_t i = 0; i < size; ++i) arb_set(slopes[i], x.slopes(begin + i, k));
      centre(slopes);
      Ball mean;
      for (std::size_t i = 0; i < size; ++i) arb_addmul(mean, z(begin + i, 0), slopes[i], bits);
      arb_div_ui(mean, mean, size, bits);
      for (std::size_t i = 0; i < size; ++i) {
        arb_ptr result = y.slopes(begin + i, k);
        arb_set(result, slopes[i]);
        arb_submul(result, z(begin + i, 0), mean, bits);
        arb_mul(result, result, inverse, bits);
        arb_mul(result, result, weight[i], bits);
      }
    }
  }
  return y;
}

SharesBlock SharesWorld::activate(Activation activation, const Block& x) const {
  Block y{balls_.activate(activation, x.x), x.slopes};
  for (std::size_t i = 0; i < y.slopes.rows(); ++i) {
    const Ball derivative = activation_derivative(activation, x.x(i, 0), balls_.bits());
    for (std::size_t k = 0; k < y.slopes.columns(); ++k) arb_mul(y.slopes(i, k), y.slopes(i, k), derivative, balls_.bits());
  }
  return y;
}

SharesBlock SharesWorld::attend(const Attention&, const Block& q, const Block&, const Block&, std::span<const Column> columns, Memory& memory) const {
  if (!memory || columns.size() != 1 || q.slopes.columns() != 0) throw std::logic_error("SharesWorld: one column of a model of one layer, whose run is known");
  return {memory->mix(shares_), memory->directions()};
}

}  // namespace snellen
