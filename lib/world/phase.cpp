#include "lib/world/phase.hpp"

#include <numeric>
#include <stdexcept>

namespace snellen {
namespace {

// The ends of a finite ball, as exact numbers.
struct Ends {
  Ball lower, upper;
  explicit Ends(arb_srcptr x) {
    arb_ptr a = lower, b = upper;
    arb_get_lbound_arf(arb_midref(a), x, ARF_PREC_EXACT);
    arb_get_ubound_arf(arb_midref(b), x, ARF_PREC_EXACT);
  }
};

void take_narrower(arb_ptr result, arb_srcptr other) {
  if (!arb_is_finite(other)) return;
  if (!arb_is_finite(result) || mag_cmp(arb_radref(other), arb_radref(result)) < 0) arb_set(result, other);
}

BallVector row_or_empty(const TensorPtr& tensor) {
  if (!tensor) return BallVector();
  std::vector<double> values(tensor->columns());
  tensor->read_row(0, values);
  BallVector row(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) arb_set_d(row[i], values[i]);
  return row;
}

// x / sqrt((x^2 + others) / n + epsilon) over x and others of the given ranges: it grows with x, and its size falls with `others`.
class RangeOfNorm {
 public:
  RangeOfNorm(std::size_t n, double epsilon, long bits) : n_(n), epsilon_(epsilon), bits_(bits) {}
  void set(arb_ptr result, const Ends& x, arb_srcptr fewest_others, arb_srcptr most_others) const {
    Ball lowest;
    at(lowest, x.lower, arb_is_negative(x.lower) ? fewest_others : most_others);
    at(result, x.upper, arb_is_positive(x.upper) ? fewest_others : most_others);
    arb_union(result, result, lowest, bits_);
  }
  // For a known sum of all squares.
  void set_known(arb_ptr result, arb_srcptr x, arb_srcptr squares) const {
    finish(result, squares);
    arb_mul(result, result, x, bits_);
  }

 private:
  void at(arb_ptr result, arb_srcptr x, arb_srcptr others) const {
    Ball squares;
    arb_sqr(squares, x, bits_);
    arb_add(squares, squares, others, bits_);
    set_known(result, x, squares);
  }
  void finish(arb_ptr factor, arb_srcptr squares) const {
    Ball epsilon;
    arb_set_d(epsilon, epsilon_);
    arb_div_ui(factor, squares, n_, bits_);
    arb_add(factor, factor, epsilon, bits_);
    arb_rsqrt(factor, factor, bits_);
  }
  std::size_t n_;
  double epsilon_;
  long bits_;
};

}  // namespace

PhaseWorld::PhaseWorld(long bits, std::size_t prefix, std::size_t run, Magnitude closeness)
    : balls_(bits), prefix_(prefix), run_(run), closeness_(std::move(closeness)) {}

PhaseBlock PhaseWorld::add_rows(const Block&, const TensorPtr&, std::span<const Column>) const {
  throw std::logic_error("PhaseWorld: a learned table of positions ends");
}

PhaseBlock PhaseWorld::rotate(const Block&, const Rotary&, std::size_t, std::span<const Column>) const {
  throw std::logic_error("PhaseWorld: rotary positions are not supported");
}

// At any position each pair of entries has a point of the unit circle added to it, so that the sum of squares is |x|^2 + width / 2 + 2 x . p with
// |x . p| <= sum over pairs of |(x_2f, x_2f+1)|.
PhaseBlock PhaseWorld::add_sinusoids(const Block& x, std::span<const Column> columns) const {
  const long bits = balls_.bits();
  const std::size_t width = x.x.rows();
  std::vector<Column> known(columns.begin(), columns.end());
  for (Column& column : known)
    if (column.position == any_position) column.position = 0;
  Block y{balls_.add_sinusoids(x.x, known), BallMatrix(1, columns.size())};
  for (std::size_t c = 0; c < columns.size(); ++c) {
    arb_ptr squares = y.squares(0, c);
    if (columns[c].position != any_position) {
      for (std::size_t i = 0; i < width; ++i) {
        if (c >= prefix_) arb_add_error_mag(y.x(i, c), closeness_.get());
        arb_addmul(squares, y.x(i, c), y.x(i, c), bits);
      }
      continue;
    }
    Ball pair, reach;
    for (std::size_t i = 0; i < width; ++i) {
      arb_set(y.x(i, c), x.x(i, c));
      arb_add_error_2exp_si(y.x(i, c), 0);
      arb_addmul(squares, x.x(i, c), x.x(i, c), bits);
      if (i % 2 == 0) arb_zero(pair);
      arb_addmul(pair, x.x(i, c), x.x(i, c), bits);
      if (i % 2 == 0) continue;
      arb_add_ui(squares, squares, 1, bits);
      arb_sqrt(pair, pair, bits);
      arb_add(reach, reach, pair, bits);
    }
    arb_mul_2exp_si(reach, reach, 1);
    arb_add_error(squares, reach);
  }
  return y;
}

PhaseBlock PhaseWorld::norm(const Norm& n, const Block& x, std::size_t groups) const {
  const long bits = balls_.bits();
  Block y{balls_.norm(n, x.x, groups), {}};
  if (groups != 1) return y;  // of queries and keys, which are not read
  const std::size_t width = x.x.rows();
  const BallVector weight = row_or_empty(n.weight), bias = row_or_empty(n.bias);
  const RangeOfNorm range(width, n.epsilon, bits);
  for (std::size_t c = prefix_; c < x.x.columns(); ++c) {
    BallVector entries(width);
    Ball mean, fewest, most, value, factor, square;
    for (std::size_t i = 0; i < width; ++i) arb_add(mean, mean, x.x(i, c), bits);
    arb_div_ui(mean, mean, width, bits);
    bool finite = true;
    for (std::size_t i = 0; i < width; ++i) {
      if (n.kind == NormKind::layer) arb_sub(entries[i], x.x(i, c), mean, bits);
      else arb_set(entries[i], x.x(i, c));
      finite = finite && arb_is_finite(entries[i]);
    }
    if (!finite) continue;
    // The least and the largest square of each entry.
    const auto set_square = [&](std::size_t i, bool least) {
      arb_ptr s = square;
      if (least) arb_get_abs_lbound_arf(arb_midref(s), entries[i], bits);
      else arb_get_abs_ubound_arf(arb_midref(s), entries[i], bits);
      mag_zero(arb_radref(s));
      arb_sqr(square, square, bits);
    };
    for (std::size_t i = 0; i < width; ++i) {
      set_square(i, true), arb_add(fewest, fewest, square, bits);
      set_square(i, false), arb_add(most, most, square, bits);
    }
    for (std::size_t i = 0; i < width; ++i) {
      Ball fewest_others, most_others, found;
      set_square(i, true), arb_sub(fewest_others, fewest, square, bits);
      set_square(i, false), arb_sub(most_others, most, square, bits);
      range.set(found, Ends(entries[i]), fewest_others, most_others);
      if (n.kind == NormKind::rms && x.squares.rows() > 0) {
        range.set_known(value, entries[i], x.squares(0, c));
        take_narrower(found, value);
      }
      if (n.weight) {
        arb_set(factor, weight[i]);
        if (n.unit_offset) arb_add_ui(factor, factor, 1, bits);
        arb_mul(found, found, factor, bits);
      }
      if (n.bias) arb_add(found, found, bias[i], bits);
      take_narrower(y.x(i, c), found);
    }
  }
  return y;
}

// Wide balls: x times a number of [0, 1] that tends to 1 for large x and to 0 for very negative ones is at least -5/16 (proofs/periodic.md) and at most max(x, 0).
PhaseBlock PhaseWorld::activate(Activation activation, const Block& x) const {
  Block y{balls_.activate(activation, x.x), {}};
  if (activation == Activation::identity || activation == Activation::relu) return y;
  for (std::size_t i = 0; i < x.x.rows(); ++i)
    for (std::size_t c = prefix_; c < x.x.columns(); ++c) {
      if (!arb_is_finite(x.x(i, c))) continue;
      const Ends ends(x.x(i, c));
      Ball range;
      if (arb_is_positive(ends.upper)) arb_set(range, ends.upper);
      Ball least;
      arb_set_si(least, -5);
      arb_mul_2exp_si(least, least, -4);
      arb_union(range, range, least, balls_.bits());
      take_narrower(y.x(i, c), range);
    }
  return y;
}

PhaseBlock PhaseWorld::attend(const Attention& a, const Block& q, const Block& k, const Block& v, std::span<const Column> columns, Memory& memory) const {
  const long bits = balls_.bits();
  Block mixed{BallMatrix(q.x.rows(), columns.size()), {}};
  if (prefix_ > 0) {
    std::vector<std::size_t> exact(prefix_);
    std::iota(exact.begin(), exact.end(), std::size_t{0});
    const BallMatrix y = balls_.attend(a, balls_.select(q.x, exact), balls_.select(k.x, exact), balls_.select(v.x, exact), columns.first(prefix_), memory);
    for (std::size_t i = 0; i < y.rows(); ++i)
      for (std::size_t c = 0; c < prefix_; ++c) arb_set(mixed.x(i, c), y(i, c));
  }
  const std::size_t common = prefix_ + run_;
  Ball hull, own;
  for (std::size_t i = 0; i < q.x.rows(); ++i) {
    const std::size_t row = i / a.head_size / (a.heads / a.kv_heads) * a.head_size + i % a.head_size;  // of the head's values
    arb_set(hull, v.x(row, 0));
    for (std::size_t c = 1; c < common; ++c) arb_union(hull, hull, v.x(row, c), bits);
    for (std::size_t c = prefix_; c < columns.size(); ++c) {
      arb_set(own, hull);
      if (c >= common)
        for (std::size_t entry = columns[c].branch; entry <= c; ++entry) arb_union(own, own, v.x(row, entry), bits);
      arb_set(mixed.x(i, c), own);
    }
  }
  return mixed;
}

}  // namespace snellen
