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

// combine(row, column, entry), stored.
template <class Combine>
RoundedWorld::Block RoundedWorld::each_entry(const char* operation, const Block& x, const Combine& combine) const {
  Watch watch(*shared_, operation, x.tokens);
  Block y{x.width, x.tokens, std::vector<double>(x.values.size())};
  parallel_for(x.tokens, [&](std::size_t c) {
    for (std::size_t r = 0; r < x.width; ++r) y.column(c)[r] = store(combine(r, c, x.column(c)[r]), watch, c);
  });
  return y;
}

RoundedWorld::Block RoundedWorld::embed(const TensorPtr& table, std::span<const Column> columns) const {
  Block x{table->columns(), columns.size(), std::vector<double>(table->columns() * columns.size())};
  for (std::size_t c = 0; c < columns.size(); ++c) table->read_row(index(columns[c].token, *table, "token"), {x.column(c), x.width});
  return each_entry("embedding", x, [](std::size_t, std::size_t, double entry) { return entry; });
}

RoundedWorld::Block RoundedWorld::add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const {
  Block rows{x.width, x.tokens, std::vector<double>(x.values.size())};
  for (std::size_t c = 0; c < columns.size(); ++c) table->read_row(index(columns[c].position, *table, "position"), {rows.column(c), rows.width});
  return add(x, each_entry("positions", rows, [](std::size_t, std::size_t, double entry) { return entry; }));
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
    std::vector<double> part(size);
    for (std::size_t begin = 0; begin < x.width; begin += size) {
      const double* in = x.column(c) + begin;
      double* out = y.column(c) + begin;
      for (std::size_t i = 0; i < size; ++i) part[i] = f(in[i]);
      if (n.kind == NormKind::layer) {
        double sum = 0;
        for (const double entry : part) sum = f.add(sum, entry);
        const double mean = f.divide(sum, count);
        for (double& entry : part) entry = f.subtract(entry, mean);
      }
      double squares = 0;
      for (const double entry : part) squares = f.add(squares, f.multiply(entry, entry));
      watch.result(squares, c);
      const double inverse = f.function().inverse_sqrt(f.add(f.divide(squares, count), epsilon));
      for (std::size_t i = 0; i < size; ++i) {
        double entry = f.multiply(f.multiply(part[i], inverse), weight[i]);
        if (n.bias) entry = f.add(entry, bias[i]);
        out[i] = store(entry, watch, c);
      }
    }
  });
  return y;
}

RoundedWorld::Block RoundedWorld::activate(Activation activation, const Block& x) const {
  const FormatArithmetic& f = function_;
  const auto apply = [&](const auto& function) {
    return each_entry("activation", x, [&](std::size_t, std::size_t, double entry) { return function(f(entry)); });
  };
  switch (activation) {
    case Activation::identity: return x;
    case Activation::relu: return apply([](double e) { return e < 0 ? 0.0 : e; });
    case Activation::silu: return apply([&](double e) { return f.divide(e, f.add(1, f.function().exp(-e))); });
    case Activation::gelu_exact: {
      const double root = round_inverse_sqrt(f.format(), 2);
      return apply([&, root](double e) { return f.multiply(f.multiply(0.5, e), f.add(1, f.function().erf(f.multiply(e, root)))); });
    }
    case Activation::gelu_tanh: {
      const double root = round_real(f.format(), [](arb_ptr y, slong bits) {
        arb_const_pi(y, bits), arb_ui_div(y, 2, y, bits), arb_sqrt(y, y, bits);
      });
      const double cubic = f(0.044715);
      return apply([&, root, cubic](double e) {
        const double cube = f.multiply(f.multiply(e, e), e);
        const double inner = f.multiply(root, f.add(e, f.multiply(cubic, cube)));
        return f.multiply(f.multiply(0.5, e), f.add(1, f.function().tanh(inner)));
      });
    }
  }
  throw std::logic_error("RoundedWorld::activate: unknown activation");
}

RoundedWorld::Block RoundedWorld::rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const {
  const std::size_t head_size = x.width / heads, half = rotary.dimensions / 2;
  if (half == 0) return x;
  std::vector<const std::vector<CosSin>*> tables;
  for (const Column& column : columns) tables.push_back(&shared_->rotation(rotary.base, rotary.dimensions, column.position));
  return each_entry("rotary", x, [&](std::size_t r, std::size_t c, double entry) {
    const std::size_t i = r % head_size, f = i % half;
    if (i >= 2 * half) return entry;
    const CosSin& turn = (*tables[c])[f];
    const double other = x.column(c)[i < half ? r + half : r - half];
    const double cos = rope_.multiply(rope_(entry), turn.cos), sin = rope_.multiply(rope_(other), turn.sin);
    return i < half ? rope_.subtract(cos, sin) : rope_.add(cos, sin);
  });
}

RoundedWorld::Block RoundedWorld::select(const Block& x, std::span<const std::size_t> columns) const {
  Block y{x.width, columns.size(), {}};
  for (const std::size_t c : columns) y.values.insert(y.values.end(), x.column(c), x.column(c) + x.width);
  return y;
}

}  // namespace snellen
