#include "lib/world/scalar.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "lib/world/workers.hpp"

namespace snellen {
namespace {

std::vector<double> row_of(const Tensor& tensor, std::size_t row) {
  std::vector<double> values(tensor.columns());
  tensor.read_row(row, values);
  return values;
}

}  // namespace

template <class A>
ScalarWorld<A>::ScalarWorld(long bits) : arithmetic_(bits) {
  if (bits < 2) throw std::invalid_argument("ScalarWorld: at least 2 bits");
}

template <class A>
auto ScalarWorld<A>::embed(const TensorPtr& table, std::span<const Column> columns) const -> Block {
  Block x = zeros(table->columns(), columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::vector<double> row = row_of(*table, static_cast<std::size_t>(columns[c].token));
    for (std::size_t i = 0; i < x.width; ++i) x(i, c) = arithmetic_.of(row[i]);
  }
  return x;
}

template <class A>
auto ScalarWorld<A>::add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const -> Block {
  Block y = x;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const std::vector<double> row = row_of(*table, static_cast<std::size_t>(columns[c].position));
    for (std::size_t i = 0; i < x.width; ++i) arithmetic_.add(y(i, c), x(i, c), arithmetic_.of(row[i]));
  }
  return y;
}

// Vaswani et al. 2017: entry 2f is sin, entry 2f+1 is cos, of position / 10000^(2f/width).
template <class A>
auto ScalarWorld<A>::add_sinusoids(const Block& x, std::span<const Column> columns) const -> Block {
  Block y = x;
  parallel_for(columns.size(), [&](std::size_t c) {
    for (std::size_t f = 0; f < x.width / 2; ++f) {
      const auto [cosine, sine] = turn(columns[c].position, 10000, f, x.width);
      arithmetic_.add(y(2 * f, c), x(2 * f, c), sine);
      arithmetic_.add(y(2 * f + 1, c), x(2 * f + 1, c), cosine);
    }
  });
  return y;
}

template <class A>
auto ScalarWorld<A>::scale(const Block& x, const Root& factor) const -> Block {
  Block y = x;
  const Number f = root(factor);
  for (Number& value : y.values) arithmetic_.mul(value, value, f);
  return y;
}

template <class A>
auto ScalarWorld<A>::add(const Block& x, const Block& y) const -> Block {
  Block sum = x;
  for (std::size_t i = 0; i < sum.values.size(); ++i) arithmetic_.add(sum.values[i], x.values[i], y.values[i]);
  return sum;
}

template <class A>
auto ScalarWorld<A>::multiply(const Block& x, const Block& y) const -> Block {
  Block product = x;
  for (std::size_t i = 0; i < product.values.size(); ++i) arithmetic_.mul(product.values[i], x.values[i], y.values[i]);
  return product;
}

template <class A>
auto ScalarWorld<A>::linear(const Linear& map, const Block& x) const -> Block {
  const std::size_t out = map.weight->rows();
  if (map.weight->columns() != x.width) throw std::logic_error("ScalarWorld::linear: the weight's columns are not the block's width");
  const std::vector<double> bias = map.bias ? row_of(*map.bias, 0) : std::vector<double>(out, 0.0);
  Block y = zeros(out, x.tokens);
  parallel_for(out, [&](std::size_t i) {
    const std::vector<double> weight = row_of(*map.weight, i);
    Number term = arithmetic_.zero();
    for (std::size_t c = 0; c < x.tokens; ++c) {
      Number& sum = y(i, c);
      for (std::size_t j = 0; j < x.width; ++j) {
        arithmetic_.mul(term, x(j, c), weight[j]);
        arithmetic_.add(sum, sum, term);
      }
      if (map.bias) arithmetic_.add(sum, sum, arithmetic_.of(bias[i]));
    }
  });
  return y;
}

template <class A>
auto ScalarWorld<A>::norm(const Norm& n, const Block& x, std::size_t groups) const -> Block {
  const std::size_t size = x.width / groups;
  std::vector<Number> weight(size, arithmetic_.of(n.weight ? 0.0 : 1.0));
  if (n.weight) {
    const std::vector<double> stored = row_of(*n.weight, 0);
    for (std::size_t i = 0; i < size; ++i) {
      weight[i] = arithmetic_.of(stored[i]);
      if (n.unit_offset) arithmetic_.add(weight[i], weight[i], arithmetic_.of(1));
    }
  }
  const std::vector<double> bias = n.bias ? row_of(*n.bias, 0) : std::vector<double>();
  Block y = x;
  parallel_for(x.tokens, [&](std::size_t c) {
    const Number count = arithmetic_.of(static_cast<double>(size));
    for (std::size_t g = 0; g < groups; ++g) {
      Number* entries = &y(g * size, c);
      if (n.kind == NormKind::layer) {
        Number mean = arithmetic_.zero();
        for (std::size_t i = 0; i < size; ++i) arithmetic_.add(mean, mean, entries[i]);
        arithmetic_.div(mean, mean, count);
        for (std::size_t i = 0; i < size; ++i) arithmetic_.sub(entries[i], entries[i], mean);
      }
      Number deviation = arithmetic_.zero(), square = arithmetic_.zero();
      for (std::size_t i = 0; i < size; ++i) {
        arithmetic_.sqr(square, entries[i]);
        arithmetic_.add(deviation, deviation, square);
      }
      arithmetic_.div(deviation, deviation, count);
      arithmetic_.add(deviation, deviation, arithmetic_.of(n.epsilon));
      arithmetic_.sqrt(deviation, deviation);
      for (std::size_t i = 0; i < size; ++i) {
        arithmetic_.div(entries[i], entries[i], deviation);
        arithmetic_.mul(entries[i], entries[i], weight[i]);
        if (n.bias) arithmetic_.add(entries[i], entries[i], arithmetic_.of(bias[i]));
      }
    }
  });
  return y;
}

template <class A>
void ScalarWorld<A>::activate(Activation activation, Number& result, const Number& x) const {
  const Number one = arithmetic_.of(1), two = arithmetic_.of(2);
  Number t = arithmetic_.zero();
  switch (activation) {
    case Activation::identity:
      result = x;
      return;
    case Activation::relu:
      arithmetic_.relu(result, x);
      return;
    case Activation::silu:  // x / (1 + e^(-x))
      arithmetic_.sub(t, t, x);
      arithmetic_.exp(t, t);
      arithmetic_.add(t, t, one);
      arithmetic_.div(result, x, t);
      return;
    case Activation::gelu_exact:  // x (1 + erf(x / sqrt 2)) / 2
      arithmetic_.sqrt(t, two);
      arithmetic_.div(t, x, t);
      arithmetic_.erf(t, t);
      break;
    case Activation::gelu_tanh: {  // x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2, the decimal exact
      Number u = arithmetic_.zero();
      arithmetic_.sqr(t, x);
      arithmetic_.mul(t, t, x);
      arithmetic_.mul(t, t, 44715.0);
      arithmetic_.div(t, t, arithmetic_.of(1e6));
      arithmetic_.add(t, t, x);
      arithmetic_.pi(u);
      arithmetic_.div(u, two, u);
      arithmetic_.sqrt(u, u);
      arithmetic_.mul(t, t, u);
      arithmetic_.tanh(t, t);
      break;
    }
  }
  arithmetic_.add(t, t, one);
  arithmetic_.mul(t, t, x);
  arithmetic_.div(result, t, two);
}

template <class A>
auto ScalarWorld<A>::activate(Activation activation, const Block& x) const -> Block {
  Block y = x;
  parallel_for(x.tokens, [&](std::size_t c) {
    for (std::size_t i = 0; i < x.width; ++i) activate(activation, y(i, c), x(i, c));
  });
  return y;
}

template <class A>
auto ScalarWorld<A>::root(const Root& r) const -> Number {
  Number result = arithmetic_.of(r.radicand);
  arithmetic_.sqrt(result, result);
  if (r.inverse) arithmetic_.div(result, arithmetic_.of(1), result);
  return result;
}

template <class A>
auto ScalarWorld<A>::turn(std::int64_t position, double base, std::size_t f, std::size_t dimensions) const -> std::pair<Number, Number> {
  // The integer part of the angle needs log2(position) bits more.
  const A wide = arithmetic_.with_bits(arithmetic_.bits() + 8 + static_cast<long>(std::bit_width(static_cast<std::uint64_t>(position))));
  Number angle = wide.of(base);
  wide.log(angle, angle);
  wide.mul(angle, angle, -2.0 * static_cast<double>(f));
  wide.div(angle, angle, wide.of(static_cast<double>(dimensions)));
  wide.exp(angle, angle);
  wide.mul(angle, angle, static_cast<double>(position));
  std::pair<Number, Number> result{arithmetic_.zero(), arithmetic_.zero()};
  arithmetic_.cos(result.first, angle);
  arithmetic_.sin(result.second, angle);
  return result;
}

template <class A>
auto ScalarWorld<A>::rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const -> Block {
  const std::size_t head_size = x.width / heads, half = rotary.dimensions / 2;
  Block y = x;
  parallel_for(columns.size(), [&](std::size_t c) {
    Number t = arithmetic_.zero();
    for (std::size_t f = 0; f < half; ++f) {
      const auto [cosine, sine] = turn(columns[c].position, rotary.base, f, rotary.dimensions);
      for (std::size_t h = 0; h < heads; ++h) {
        const std::size_t a = h * head_size + f, b = a + half;
        arithmetic_.mul(y(a, c), x(a, c), cosine);
        arithmetic_.mul(t, x(b, c), sine);
        arithmetic_.sub(y(a, c), y(a, c), t);
        arithmetic_.mul(y(b, c), x(b, c), cosine);
        arithmetic_.mul(t, x(a, c), sine);
        arithmetic_.add(y(b, c), y(b, c), t);
      }
    }
  });
  return y;
}

template <class A>
auto ScalarWorld<A>::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column> columns,
                            Memory& memory) const -> Block {
  const std::size_t entry_width = k.width, first = memory.keys.size() / entry_width;
  memory.keys.insert(memory.keys.end(), k.values.begin(), k.values.end());
  memory.values.insert(memory.values.end(), v.values.begin(), v.values.end());
  const Number scale = root(a.scale);
  std::vector<Number> slopes;
  for (const Slope& slope : a.alibi) {  // 2^(-p/q) = exp(-(p/q) log 2)
    Number s = arithmetic_.of(2);
    arithmetic_.log(s, s);
    arithmetic_.mul(s, s, -static_cast<double>(slope.numerator));
    arithmetic_.div(s, s, arithmetic_.of(static_cast<double>(slope.denominator)));
    arithmetic_.exp(s, s);
    slopes.push_back(s);
  }
  Block mixed = zeros(q.width, q.tokens);
  parallel_for(columns.size(), [&](std::size_t c) {
    const View view = visible(columns[c], first + c, a.window);
    for (std::size_t h = 0; h < a.heads; ++h) {
      const std::size_t offset = h / (a.heads / a.kv_heads) * a.head_size;
      std::vector<Number> weights(view.size(), arithmetic_.zero());
      Number t = arithmetic_.zero();
      for (std::size_t i = 0; i < view.size(); ++i) {
        Number& s = weights[i];
        for (std::size_t j = 0; j < a.head_size; ++j) {
          arithmetic_.mul(t, q(h * a.head_size + j, c), memory.keys[view.entry(i) * entry_width + offset + j]);
          arithmetic_.add(s, s, t);
        }
        arithmetic_.mul(s, s, scale);
        if (a.softcap) {
          const Number cap = arithmetic_.of(*a.softcap);
          arithmetic_.div(s, s, cap);
          arithmetic_.tanh(s, s);
          arithmetic_.mul(s, s, cap);
        }
        if (!slopes.empty()) {
          const auto distance = columns[c].position - (view.first_position + static_cast<std::int64_t>(i));
          arithmetic_.mul(t, slopes[h], static_cast<double>(distance));
          arithmetic_.sub(s, s, t);
        }
      }
      // Any shift leaves the softmax as it is; one near the largest score keeps the exponentials in range.
      double largest = arithmetic_.near(weights[0]);
      for (const Number& s : weights) largest = std::max(largest, arithmetic_.near(s));
      const Number shift = arithmetic_.of(largest);
      Number mass = arithmetic_.zero();
      for (Number& s : weights) {
        arithmetic_.sub(s, s, shift);
        arithmetic_.exp(s, s);
        arithmetic_.add(mass, mass, s);
      }
      for (std::size_t j = 0; j < a.head_size; ++j) {
        Number& sum = mixed(h * a.head_size + j, c);
        for (std::size_t i = 0; i < view.size(); ++i) {
          arithmetic_.mul(t, weights[i], memory.values[view.entry(i) * entry_width + offset + j]);
          arithmetic_.add(sum, sum, t);
        }
        arithmetic_.div(sum, sum, mass);
      }
    }
  });
  return mixed;
}

template <class A>
auto ScalarWorld<A>::select(const Block& x, std::span<const std::size_t> columns) const -> Block {
  Block y{x.width, columns.size(), {}};
  for (const std::size_t c : columns)
    y.values.insert(y.values.end(), x.values.begin() + static_cast<std::ptrdiff_t>(c * x.width),
                    x.values.begin() + static_cast<std::ptrdiff_t>((c + 1) * x.width));
  return y;
}

template class ScalarWorld<RealArithmetic>;
template class ScalarWorld<IntervalArithmetic>;
template class ScalarWorld<DualArithmetic>;

}  // namespace snellen
