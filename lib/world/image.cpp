#include "lib/world/image.hpp"

#include <algorithm>
#include <stdexcept>

#include "lib/number/flint_caches.hpp"
#include "lib/number/real_rounder.hpp"
#include "lib/number/upward.hpp"
#include "lib/world/image_constants.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

std::size_t index(std::int64_t row, const Tensor& table, const char* what) {
  if (row < 0 || static_cast<std::uint64_t>(row) >= table.rows()) throw std::out_of_range(std::string("ImageWorld: ") + what + " outside its table");
  return static_cast<std::size_t>(row);
}

// apply(row, column) for every entry.
template <class Apply>
ImageBlock each_entry(std::size_t width, std::size_t tokens, const Apply& apply) {
  ImageBlock y(width, tokens);
  parallel_for(tokens, [&](std::size_t c) {
    for (std::size_t r = 0; r < width; ++r) y.set(r, c, apply(r, c));
  });
  return y;
}

template <class Make>
std::vector<ImageArithmetic> each_format(const std::vector<Format>& formats, const Make& make) {
  std::vector<ImageArithmetic> result;
  for (const Format& format : formats) result.push_back(make(format));
  return result;
}

}  // namespace

ImageWorld::ImageWorld(const EngineProfile& p, ImageObserver* observer)
    : profile_(p),
      observer_(observer),
      storage_(p.storage, p.flush_to_zero),
      operand_(p.operand, p.flush_to_zero),
      score_(p.score, p.flush_to_zero),
      alibi_(p.alibi, p.flush_to_zero),
      scalar_(p.scalar, p.flush_to_zero),
      embedding_scale_(p.embedding_scale, p.flush_to_zero),
      softmax_(p.softmax, p.flush_to_zero),
      probability_(p.probability, p.flush_to_zero),
      cache_(p.cache, p.flush_to_zero),
      norm_(p.norm, p.flush_to_zero),
      angle_(p.rope_angle, p.flush_to_zero),
      table_(p.rope_table, p.flush_to_zero),
      rotation_(p.rotation, p.flush_to_zero),
      functions_(each_format(p.function, [&](const Format& f) { return ImageArithmetic(f, p.flush_to_zero); })),
      linear_sum_(p.accumulator, p),
      score_sum_(p.score_accumulator, p),
      mix_sum_(p.mix_accumulator, p),
      softmax_sum_(p.softmax, p),
      norm_sum_(p.norm, p) {
  if (functions_.empty()) throw std::invalid_argument("profile " + p.name + ": no format for activations");
}

ImageBlock ImageWorld::settled(OperationKind operation, Block image) const {
  // A compiler that leaves out casts fuses activations and products into what reads them, and may compute them there again, from operands before their casts.
  const bool again = profile_.elided_casts && (operation == OperationKind::activation || operation == OperationKind::product);
  const Block computed = again ? image : Block();
  if (observer_) observer_->settle(operation, image);
  for (std::size_t i = 0; i < computed.lower.size(); ++i)
    image.lower[i] = std::min(image.lower[i], computed.lower[i]), image.upper[i] = std::max(image.upper[i], computed.upper[i]);
  if (profile_.elided_casts) widen_to_cells(operation, image);
  return image;
}

// What the next operation may read where the cast of this one's result is left out: anything that rounds to it. Embeddings are stored as they are.
void ImageWorld::widen_to_cells(OperationKind operation, Block& image) const {
  const ImageArithmetic& f = operation == OperationKind::scores ? score_ : operation == OperationKind::probabilities ? probability_ : storage_;
  if (operation == OperationKind::embedding || f.format().precision >= profile_.accumulator.precision) return;
  const double least = f.format().smallest_normal().to_double(MPFR_RNDU);
  for (std::size_t i = 0; i < image.lower.size(); ++i) {
    Range x{image.lower[i], image.upper[i]};
    x = {x.lower - f.ulp(x.lower) / 2, x.upper + f.ulp(x.upper) / 2};
    if (profile_.flush_to_zero && x.lower <= least && x.upper >= -least) x = hull(x, {-least, least});
    image.lower[i] = x.lower, image.upper[i] = x.upper;
  }
}

// Of operands that may be wider than `storage` an operation is rounded in the accumulator's format first.
Range ImageWorld::stored(const Range& direct, const Range& wide) const { return profile_.elided_casts ? hull(direct, storage_.cast(wide)) : direct; }

std::vector<Range> ImageWorld::stored_vector(const Tensor& tensor) const {
  std::vector<Range> values;
  for (const double x : read_all(tensor)) values.push_back(storage_.cast(Range::point(x)));
  return values;
}

ImageBlock ImageWorld::embed(const TensorPtr& table, std::span<const Column> columns) const {
  Block x(table->columns(), columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c) {
    std::vector<double> row(x.width);
    table->read_row(index(columns[c].token, *table, "token"), row);
    for (std::size_t r = 0; r < x.width; ++r) x.set(r, c, storage_.cast(Range::point(row[r])));
  }
  return settled(OperationKind::embedding, std::move(x));
}

ImageBlock ImageWorld::add_rows(const Block& x, const TensorPtr& table, std::span<const Column> columns) const {
  Block y(x.width, x.tokens);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    std::vector<double> row(x.width);
    table->read_row(index(columns[c].position, *table, "position"), row);
    for (std::size_t r = 0; r < x.width; ++r) y.set(r, c, storage_.add(x.at(r, c), storage_.cast(Range::point(row[r]))));
  }
  return settled(OperationKind::positions, std::move(y));
}

ImageBlock ImageWorld::add_sinusoids(const Block& x, std::span<const Column> columns) const {
  const FlintCaches caches;
  Block y(x.width, x.tokens);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    for (std::size_t r = 0; r < x.width; ++r) {
      const RealTurn turn = real_turn(columns[c].position, 10000, static_cast<std::int64_t>(r / 2 * 2), static_cast<std::int64_t>(x.width), 0);
      const Range real = r % 2 == 0 ? turn.sin : turn.cos;
      const Range wave = hull(storage_.cast(real), storage_.cast(angle_.within(real, profile_.ulps.sin_cos)));
      y.set(r, c, storage_.add(x.at(r, c), wave));
    }
  }
  return settled(OperationKind::positions, std::move(y));
}

ImageBlock ImageWorld::scale(const Block& x, const Root& factor) const {
  const Range f = embedding_scale_.cast(real_root(factor));
  return settled(OperationKind::scale, each_entry(x.width, x.tokens, [&](std::size_t r, std::size_t c) {
                   return storage_.cast(wider(storage_, embedding_scale_).multiply(x.at(r, c), f));
                 }));
}

ImageBlock ImageWorld::add(const Block& x, const Block& y) const {
  return settled(OperationKind::sum, each_entry(x.width, x.tokens, [&](std::size_t r, std::size_t c) {
                   return stored(storage_.add(x.at(r, c), y.at(r, c)), linear_sum_.arithmetic().add(x.at(r, c), y.at(r, c)));
                 }));
}

ImageBlock ImageWorld::multiply(const Block& x, const Block& y) const {
  return settled(OperationKind::product, each_entry(x.width, x.tokens, [&](std::size_t r, std::size_t c) {
                   return stored(storage_.multiply(x.at(r, c), y.at(r, c)), linear_sum_.arithmetic().multiply(x.at(r, c), y.at(r, c)));
                 }));
}

void ImageWorld::norm_part(const Norm& n, std::span<const Range> weight, std::span<const Range> bias, std::span<const Range> in, std::span<Range> out) const {
  const ImageArithmetic& f = norm_;
  const bool replay = norm_sum_.sequential();
  const std::size_t size = in.size();
  const auto count = static_cast<double>(size);
  const Range count_cast = f.cast(Range::point(count)), reciprocal = f.divide(Range::point(1), count_cast);
  const auto mean_of = [&](const Range& sum) {
    const Range quotient = f.divide(sum, count_cast);
    return replay ? quotient : hull(quotient, f.multiply(sum, reciprocal));
  };
  // Of the entries: middles, and how far off an entry may be.
  const auto sum_of = [&](std::span<const Range> terms) {
    if (replay) return norm_sum_.replayed(terms);
    double low = 0, high = 0, magnitude = 0, largest = 0;
    for (const Range& t : terms) low += t.lower, high += t.upper, magnitude += t.magnitude(), largest = std::max(largest, t.magnitude());
    magnitude = upward(magnitude);
    const double own = upward(magnitude * dot_error(size)), middle = low / 2 + high / 2;
    const double half = upward(std::max(high - middle, middle - low));
    return norm_sum_(size, middle, upward(half + own), magnitude, 1);
  };

  std::vector<Range> part(size), squares(size);
  for (std::size_t i = 0; i < size; ++i) part[i] = f.cast(in[i]);
  Range mean;
  if (n.kind == NormKind::layer) {
    mean = mean_of(sum_of(part));
    for (std::size_t i = 0; i < size; ++i) out[i] = f.subtract(part[i], mean);
  } else {
    std::copy(part.begin(), part.end(), out.begin());
  }
  for (std::size_t i = 0; i < size; ++i) squares[i] = f.square(out[i]);
  Range variance = mean_of(sum_of(squares));
  if (variance.lower < 0) variance.lower = 0;  // a sum of squares, over a count
  if (n.kind == NormKind::layer && profile_.variance_error > 0) {
    double square_sum = 0;
    for (const Range& x : part) square_sum += x.magnitude() * x.magnitude();
    const double slack = upward(profile_.variance_error * std::ldexp(1.0, -f.format().precision) * square_sum);  // n u times the mean square
    variance = {std::max(0.0, variance.lower - slack), up(variance.upper + slack)};
  }
  const Range inverse = f.within(real_inverse_sqrt(f.add(variance, f.cast(Range::point(n.epsilon)))), profile_.ulps.inverse_sqrt);
  const NormCast cast = n.unit_offset ? profile_.offset_norm_cast : n.kind == NormKind::layer ? NormCast::after_weight : profile_.norm_cast;
  for (std::size_t i = 0; i < size; ++i) {
    Range normed = f.multiply(out[i], inverse);
    if (n.kind == NormKind::layer && !replay)  // x r - mean r, as some kernels have it
      normed = hull(normed, f.add(f.factor(part[i], inverse, profile_.fused), negated(f.factor(mean, inverse, profile_.fused))));
    const auto weighted = [&](const Range& x, const ImageArithmetic& a) {
      if (bias.empty()) return a.multiply(x, weight[i]);
      return a.add(a.factor(x, weight[i], profile_.fused), bias[i]);
    };
    Range result;
    if (cast == NormCast::before_weight) result = weighted(storage_.cast(normed), storage_);
    else result = storage_.cast(weighted(normed, f));
    if (cast == NormCast::any) result = hull(result, weighted(storage_.cast(normed), storage_));
    out[i] = storage_.cast(result);
  }
}

ImageBlock ImageWorld::norm(const Norm& n, const Block& x, std::size_t groups) const {
  const std::size_t size = x.width / groups;
  std::vector<Range> weight(size, Range::point(1)), bias;
  if (n.weight) weight = stored_vector(*n.weight);
  if (n.bias) bias = stored_vector(*n.bias);
  if (weight.size() != size || (n.bias && bias.size() != size)) throw std::logic_error("ImageWorld::norm: the weight's length is not the group's");
  if (n.weight && n.unit_offset)
    for (Range& w : weight) w = norm_.add(Range::point(1), norm_.cast(w));
  Block y(x.width, x.tokens);
  parallel_for(x.tokens, [&](std::size_t c) {
    std::vector<Range> in(size), out(size);
    for (std::size_t begin = 0; begin < x.width; begin += size) {
      for (std::size_t i = 0; i < size; ++i) in[i] = x.at(begin + i, c);
      norm_part(n, weight, bias, in, out);
      for (std::size_t i = 0; i < size; ++i) y.set(begin + i, c, out[i]);
    }
  });
  return settled(OperationKind::norm, std::move(y));
}

// x / (1 + e^-x), 0.5 x (1 + erf(x / sqrt 2)), 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))); where the order is open, quotients also as products with
// the reciprocal, and multiply-adds fused where the profile allows it. Multiplying with 0.5 is exact wherever it stands.
Range ImageWorld::activated(Activation activation, const ImageArithmetic& f, const Range& entry) const {
  const Range x = f.cast(entry), one = Range::point(1), half = Range::point(0.5);
  const bool open = profile_.order == SumOrder::any;
  switch (activation) {
    case Activation::identity: return entry;
    case Activation::relu: return {std::max(entry.lower, 0.0), std::max(entry.upper, 0.0)};
    case Activation::silu: {
      const Range below = f.add(one, f.within(real_exp(negated(x)), profile_.ulps.exp));
      const Range quotient = f.divide(x, below);
      return open ? hull(quotient, f.multiply(x, f.divide(one, below))) : quotient;
    }
    case Activation::gelu_exact: {
      const Range root = f.cast(real_root({2, true}));
      const Range erf = real_erf(f.multiply(x, root));
      const double error = profile_.ulps.erf * f.ulp(1);  // it is added to 1: an error in ulps of 1, as approximations have it
      const Range rounded = profile_.ulps.erf > 0.5 ? f.cast({erf.lower - error, erf.upper + error}) : f.cast(erf);
      return f.multiply(f.multiply(half, x), f.add(one, rounded));
    }
    case Activation::gelu_tanh: {
      // Products with constants in the wider of their formats, then cast: where every step is an operation of its own, constants stay wide.
      const ImageArithmetic& wide = wider(f, scalar_);
      const auto times = [&](const Range& constant, const Range& y) { return f.cast(wide.multiply(y, wide.cast(constant))); };
      const Range root = real_root_of_two_over_pi(), cubic = {0.044715 * (1 - 0x1p-52), 0.044715 * (1 + 0x1p-52)};
      Range cube = f.multiply(f.square(x), x);
      if (open) cube = hull(cube, f.cast(wide.within({down(down(x.lower * x.lower * x.lower)), up(up(x.upper * x.upper * x.upper))}, profile_.ulps.exp)));  // a power of its own
      Range inner = f.add(x, hull(times(cubic, cube), f.factor(f.cast(cubic), cube, profile_.fused)));
      if (open) inner = hull(inner, f.multiply(x, f.add(one, f.factor(f.cast(cubic), f.square(x), profile_.fused))));
      return f.multiply(f.multiply(half, x), f.add(one, f.within(real_tanh(times(root, inner)), profile_.ulps.tanh)));
    }
  }
  throw std::logic_error("ImageWorld::activated: unknown activation");
}

ImageBlock ImageWorld::activate(Activation activation, const Block& x) const {
  if (activation == Activation::identity) return x;
  const FlintCaches caches;
  return settled(OperationKind::activation, each_entry(x.width, x.tokens, [&](std::size_t r, std::size_t c) {
                   Range result = storage_.cast(activated(activation, functions_[0], x.at(r, c)));
                   for (std::size_t i = 1; i < functions_.size(); ++i) result = hull(result, storage_.cast(activated(activation, functions_[i], x.at(r, c))));
                   return result;
                 }));
}

const std::vector<ImageWorld::Turn>& ImageWorld::turns(const Rotary& rotary, std::int64_t position) const {
  const std::lock_guard lock(mutex_);
  const auto [entry, isnew] = turns_.try_emplace({&rotary, position});
  if (isnew) {
    for (std::size_t f = 0; 2 * f < rotary.dimensions; ++f) {
      const RealTurn turn = real_turn(position, rotary.base, static_cast<std::int64_t>(2 * f), static_cast<std::int64_t>(rotary.dimensions),
                                      std::ldexp(profile_.angle_error, -profile_.rope_angle.precision));
      entry->second.push_back({table_.cast(angle_.within(turn.cos, profile_.ulps.sin_cos)), table_.cast(angle_.within(turn.sin, profile_.ulps.sin_cos))});
    }
  }
  return entry->second;
}

ImageBlock ImageWorld::rotate(const Block& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns) const {
  const FlintCaches caches;
  const std::size_t head_size = x.width / heads, half = rotary.dimensions / 2;
  std::vector<const std::vector<Turn>*> tables;
  for (const Column& column : columns) tables.push_back(&turns(rotary, column.position));
  const ImageArithmetic& f = rotation_;
  return settled(OperationKind::rotary, each_entry(x.width, x.tokens, [&](std::size_t r, std::size_t c) -> Range {
                   const std::size_t i = r % head_size;
                   if (i >= 2 * half) return x.at(r, c);
                   const Turn& turn = (*tables[c])[i % half];
                   const Range own = f.factor(f.cast(x.at(r, c)), turn.cos, profile_.fused);
                   const Range other = f.factor(f.cast(x.at(i < half ? r + half : r - half, c)), turn.sin, profile_.fused);
                   return storage_.cast(i < half ? f.subtract(own, other) : f.add(own, other));
                 }));
}

ImageBlock ImageWorld::select(const Block& x, std::span<const std::size_t> columns) const {
  Block y(x.width, columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c)
    for (std::size_t r = 0; r < x.width; ++r) y.set(r, c, x.at(r, columns[c]));
  return y;
}

}  // namespace snellen
