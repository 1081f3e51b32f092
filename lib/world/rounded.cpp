#include "lib/world/rounded.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/world/rounded_shared.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

// Where a value is met only inside an operation nobody could see that it saturated.
const Profile& checked(const Profile& p) {
  for (const Format* inner : {&p.accumulator, &p.softmax, &p.probability, &p.norm, &p.function, &p.rope_table, &p.rescale})
    if (inner->overflow == Overflow::saturate)
      throw std::invalid_argument("profile " + p.name + ": only storage, operand and cache may saturate, not " + inner->name);
  return p;
}

std::size_t index(std::int64_t row, const Tensor& table, const char* what) {
  if (row < 0 || static_cast<std::uint64_t>(row) >= table.rows()) throw std::out_of_range(std::string("RoundedWorld: ") + what + " outside its table");
  return static_cast<std::size_t>(row);
}

// to[i] = rounded formula(i), for all i.
template <class Formula>
void round_each(const FormatArithmetic& f, std::span<double> to, const Formula& formula) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = formula(i);
  f.rounder().round_all(to.data(), to.size());
}

}  // namespace

RoundedWorld::RoundedWorld(const Profile& profile)
    : profile_(checked(profile)),
      storage_(profile.storage),
      operand_(profile.operand),
      softmax_(profile.softmax),
      probability_(profile.probability),
      cache_(profile.cache),
      norm_(profile.norm),
      function_(profile.function),
      rope_(profile.rope_table),
      rescale_(profile.rescale),
      accumulator_(make_accumulator(profile)),
      shared_(std::make_shared<Shared>(profile)) {}

RoundedWorld::AnyAccumulator RoundedWorld::make_accumulator(const Profile& profile) {
  const Format operands[] = {profile.operand, profile.storage, profile.cache, profile.probability};
  const FormatArithmetic supported(profile.accumulator);
  if (const auto single = Accumulator<float>::make(profile.accumulator, operands)) return *single;
  if (const auto wide = Accumulator<double>::make(profile.accumulator, operands)) return *wide;
  throw std::invalid_argument("profile " + profile.name + ": products of its operand, storage, cache and probability formats cannot be emulated in an " +
                              profile.accumulator.name + " accumulator");
}

std::optional<Event> RoundedWorld::first_event() const { return shared_->first_event(); }
void RoundedWorld::forget_events() const { shared_->forget_events(); }

std::vector<double> RoundedWorld::stored_vector(const Tensor& tensor) const {
  std::vector<double> values = read_all(tensor);
  storage_.rounder().round_all(values.data(), values.size());
  return values;
}

// What fill(c, column) writes, stored: in whole columns, so that both loops vectorise.
template <class Fill>
RoundedWorld::Block RoundedWorld::each_column(const char* operation, std::size_t width, std::size_t tokens, const Fill& fill) const {
  Watch watch(*shared_, operation, tokens);
  Block y{width, tokens, std::vector<double>(width * tokens)};
  parallel_for(tokens, [&](std::size_t c) {
    const std::span<double> column(y.column(c), width);
    fill(c, column);
    store_all(column, watch, c);
  });
  return y;
}

// combine(row, column, entry), stored.
template <class Combine>
RoundedWorld::Block RoundedWorld::each_entry(const char* operation, const Block& x, const Combine& combine) const {
  return each_column(operation, x.width, x.tokens, [&](std::size_t c, std::span<double> out) {
    const double* in = x.column(c);
    for (std::size_t r = 0; r < out.size(); ++r) out[r] = combine(r, c, in[r]);
  });
}

RoundedWorld::Block RoundedWorld::embed(const TensorPtr& table, std::span<const Column> columns) const {
  return each_column("embedding", table->columns(), columns.size(),
                     [&](std::size_t c, std::span<double> out) { table->read_row(index(columns[c].token, *table, "token"), out); });
}

RoundedWorld::Block RoundedWorld::add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const {
  return add(x, each_column("positions", x.width, columns.size(),
                            [&](std::size_t c, std::span<double> out) { table->read_row(index(columns[c].position, *table, "position"), out); }));
}

RoundedWorld::Block RoundedWorld::add_sinusoids(const Block& x, std::span<const Column> columns) const {
  std::vector<const std::vector<CosSin>*> tables;
  for (const Column& column : columns) tables.push_back(&shared_->sinusoid(10000, x.width, column.position));
  return each_entry("positions", x, [&](std::size_t r, std::size_t c, double entry) {
    const CosSin& wave = (*tables[c])[r / 2];
    return entry + (r % 2 == 0 ? wave.sin : wave.cos);
  });
}

RoundedWorld::Block RoundedWorld::scale(const Block& x, const Root& factor) const {
  const double f = round_root(storage_, factor);
  return each_entry("scale", x, [&](std::size_t, std::size_t, double entry) { return entry * f; });
}

RoundedWorld::Block RoundedWorld::add(const Block& x, const Block& y) const {
  return each_entry("sum", x, [&](std::size_t r, std::size_t c, double entry) { return entry + y.column(c)[r]; });
}

RoundedWorld::Block RoundedWorld::multiply(const Block& x, const Block& y) const {
  return each_entry("product", x, [&](std::size_t r, std::size_t c, double entry) { return entry * y.column(c)[r]; });
}

RoundedWorld::Block RoundedWorld::norm(const Norm& n, const Block& x, std::size_t groups) const {
  const std::size_t size = x.width / groups;
  const FormatArithmetic& f = norm_;
  std::vector<double> weight(size, 1.0), bias(size, 0.0);
  if (n.weight) weight = stored_vector(*n.weight);
  if (n.bias) bias = stored_vector(*n.bias);
  if (weight.size() != size || bias.size() != size) throw std::logic_error("RoundedWorld::norm: the weight's length is not the group's");
  for (double& w : weight) w = n.unit_offset && n.weight ? f.add(1, f(w)) : f(w);
  for (double& b : bias) b = f(b);
  const double count = f(static_cast<double>(size)), epsilon = f(n.epsilon);

  Watch watch(*shared_, "norm", x.tokens);
  Block y{x.width, x.tokens, std::vector<double>(x.values.size())};
  parallel_for(x.tokens, [&](std::size_t c) {
    std::vector<double> part(size), squares(size);
    const auto each = [&](std::span<double> to, const auto& formula) { round_each(f, to, formula); };
    for (std::size_t begin = 0; begin < x.width; begin += size) {
      const double* in = x.column(c) + begin;
      const std::span<double> out(y.column(c) + begin, size);
      each(part, [&](std::size_t i) { return in[i]; });
      if (n.kind == NormKind::layer) {
        const double mean = f.divide(f.rounder().sum(part), count);
        each(part, [&](std::size_t i) { return part[i] - mean; });
      }
      each(squares, [&](std::size_t i) { return part[i] * part[i]; });
      const double sum = f.rounder().sum(squares);
      watch.result(sum, c);
      const double inverse = f.function().inverse_sqrt(f.add(f.divide(sum, count), epsilon));
      each(part, [&](std::size_t i) { return part[i] * inverse; });
      each(out, [&](std::size_t i) { return part[i] * weight[i]; });
      if (n.bias) each(out, [&](std::size_t i) { return out[i] + bias[i]; });
      store_all(out, watch, c);
    }
  });
  return y;
}

RoundedWorld::Block RoundedWorld::activate(Activation activation, const Block& x) const {
  if (activation == Activation::identity) return x;
  const FormatArithmetic& f = function_;
  const FunctionRounder& function = f.function();
  const double half_root = activation != Activation::gelu_exact ? 0 : round_inverse_sqrt(f.format(), 2);
  const double pi_root = activation != Activation::gelu_tanh ? 0 : round_real(f.format(), [](arb_ptr y, slong bits) {
    arb_const_pi(y, bits), arb_ui_div(y, 2, y, bits), arb_sqrt(y, y, bits);
  });
  const double cubic = f(0.044715);
  return each_column("activation", x.width, x.tokens, [&](std::size_t c, std::span<double> y) {
    std::vector<double> e(x.column(c), x.column(c) + x.width), t(x.width);
    const auto each = [&](std::span<double> to, const auto& formula) { round_each(f, to, formula); };
    each(e, [&](std::size_t i) { return e[i]; });
    switch (activation) {
      case Activation::identity: break;
      case Activation::relu: return each(y, [&](std::size_t i) { return e[i] < 0 ? 0.0 : e[i]; });
      case Activation::silu:
        each(t, [&](std::size_t i) { return -e[i]; });
        function.exp(t);
        each(t, [&](std::size_t i) { return 1 + t[i]; });
        return each(y, [&](std::size_t i) { return e[i] / t[i]; });
      case Activation::gelu_exact:
        each(t, [&](std::size_t i) { return e[i] * half_root; });
        function.erf(t);
        break;
      case Activation::gelu_tanh:
        each(t, [&](std::size_t i) { return e[i] * e[i]; });
        each(t, [&](std::size_t i) { return t[i] * e[i]; });
        each(t, [&](std::size_t i) { return cubic * t[i]; });
        each(t, [&](std::size_t i) { return e[i] + t[i]; });
        each(t, [&](std::size_t i) { return pi_root * t[i]; });
        function.tanh(t);
        break;
    }
    each(t, [&](std::size_t i) { return 1 + t[i]; });
    each(y, [&](std::size_t i) { return 0.5 * e[i]; });
    each(y, [&](std::size_t i) { return y[i] * t[i]; });
  });
}

RoundedWorld::Block RoundedWorld::rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const {
  const std::size_t head_size = x.width / heads, half = rotary.dimensions / 2;
  if (half == 0) return x;
  std::vector<const std::vector<CosSin>*> tables;
  for (const Column& column : columns) tables.push_back(&shared_->rotation(rotary.base, rotary.dimensions, column.position));
  return each_column("rotary", x.width, x.tokens, [&](std::size_t c, std::span<double> y) {
    const std::vector<CosSin>& turns = *tables[c];
    std::vector<double> cos(half), sin(half);
    const auto rounded = [&](std::vector<double>& values) { rope_.rounder().round_all(values.data(), values.size()); };
    // y[to] = x[from] cos + sign x[other] sin.
    const auto turn = [&](std::size_t to, std::size_t other, double sign) {
      std::copy_n(x.column(c) + to, half, cos.begin());
      std::copy_n(x.column(c) + other, half, sin.begin());
      rounded(cos), rounded(sin);
      for (std::size_t f = 0; f < half; ++f) cos[f] *= turns[f].cos, sin[f] *= turns[f].sin;
      rounded(cos), rounded(sin);
      for (std::size_t f = 0; f < half; ++f) cos[f] += sign * sin[f];
      rounded(cos);
      std::copy(cos.begin(), cos.end(), y.begin() + static_cast<std::ptrdiff_t>(to));
    };
    std::copy_n(x.column(c), x.width, y.begin());  // what no frequency turns
    for (std::size_t head = 0; head < x.width; head += head_size) turn(head, head + half, -1), turn(head + half, head, 1);
  });
}

RoundedWorld::Block RoundedWorld::select(const Block& x, std::span<const std::size_t> columns) const {
  Block y{x.width, columns.size(), {}};
  for (const std::size_t c : columns) y.values.insert(y.values.end(), x.column(c), x.column(c) + x.width);
  return y;
}

}  // namespace snellen
