// W X of a 576 x 576 weight matrix and a block of numbers of many bits, by everyone who can do it, on one thread, in one run: the
// exact product that the certified world uses (balls in, balls out, radii included) against
//   arb_mat_mul   FLINT's product of the same balls;
//   mpfr_float    Boost.Multiprecision's, midpoints only: no radii, so it proves nothing. Weights at the 25 bits that hold them,
//                 the product into a temporary that is made once, then added: the fastest of the ways to write it;
//   MPFI          intervals, weights as points of 24 bits: what it encloses is as good;
//   dgemm         OpenBLAS's, one product of doubles of the same shape;
//   floor         the products of doubles that the same midpoint needs (dgemm_floor.hpp) and half of one for the radii, at the rate of a
//                 dgemm of 256 columns, the best.
// Everybody starts from its own kind of matrices, made beforehand. Times are CPU times of the thread, medians over rounds in
// which the contenders follow each other. The entry-by-entry loops (mpfr_float, MPFI) run on as many rows as take about a second.
// Counters: how many times slower the others are (`flint`, `mpfr`, `mpfi`), our time in dgemms (`dgemms`), `products`, the number of
// the floor's products; `over_floor`, our time over the floor's; `ns_per_mac`, ours for one multiply-add.
#include <benchmark/benchmark.h>
#ifdef SNELLEN_OPENBLAS
#include <cblas.h>
#endif

#include <boost/multiprecision/mpfr.hpp>
#include <functional>
#include <vector>

#include "lib/number/exact_product/exact_product.hpp"
#include "lib/number/interval.hpp"
#include "tests/bench/dgemm_floor.hpp"
#include "tests/bench/inputs.hpp"
#include "tests/bench/timing.hpp"
#include "tests/threads.hpp"

namespace snellen {
namespace {

constexpr std::size_t size = 576;
constexpr long weight_precision = 24;  // bf16 and fp32
constexpr unsigned weight_digits = 7;  // of mpfr_float: 25 bits

// Once per round; `repeats` times in a row, on a share of the rows.
struct Contender {
  std::function<void()> run;
  std::size_t repeats;
  double share = 1;
  std::vector<double> seconds = {};  // of one whole product, one a round

  void round() {
    const double taken = seconds_of(thread_seconds, [this] {
      for (std::size_t r = 0; r < repeats; ++r) run();
    });
    seconds.push_back(taken / static_cast<double>(repeats) / share);
  }
};

BallMatrix flint_product(const BallMatrix& weights, const BallMatrix& x, long bits) {
  BallMatrix product(weights.rows(), x.columns());
  arb_mat_mul(product.get(), weights.get(), x.get(), bits);
  return product;
}

// Boost's mpfr_float. Its precisions are decimal digits: the most of them that take no more than `bits` bits.
class MpfrProduct {
 public:
  using Real = boost::multiprecision::mpfr_float;

  MpfrProduct(const BallMatrix& weights, const BallMatrix& x, long bits) : columns_(x.columns()) {
    const unsigned digits = digits_in(bits);
    Real::default_precision(digits);
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t k = 0; k < size; ++k) weights_.push_back(number(weights(i, k), weight_digits));
    for (std::size_t j = 0; j < columns_; ++j)
      for (std::size_t k = 0; k < size; ++k) x_.push_back(number(x(k, j), digits));
  }

  // Rows [0, rows) -> [rows, columns].
  std::vector<Real> operator()(std::size_t rows) const {
    std::vector<Real> result;
    result.reserve(rows * columns_);
    Real product;
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns_; ++j) {
        Real sum = 0;
        for (std::size_t k = 0; k < size; ++k) {
          product = weights_[i * size + k] * x_[j * size + k];
          sum += product;
        }
        result.push_back(std::move(sum));
      }
    return result;
  }

 private:
  static unsigned digits_in(long bits) { return static_cast<unsigned>((bits - 2) * 301 / 1000); }
  static Real number(arb_srcptr ball, unsigned digits) {
    Real result(0, digits);
    arf_get_mpfr(result.backend().data(), arb_midref(ball), MPFR_RNDN);
    return result;
  }

  std::size_t columns_;
  std::vector<Real> weights_, x_;  // rows of W, columns of X
};

class MpfiProduct {
 public:
  MpfiProduct(const BallMatrix& weights, const BallMatrix& x, long bits) : columns_(x.columns()), arithmetic_(bits) {
    const IntervalArithmetic narrow(weight_precision);
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t k = 0; k < size; ++k) weights_.push_back(interval(weights(i, k), narrow));
    for (std::size_t j = 0; j < columns_; ++j)
      for (std::size_t k = 0; k < size; ++k) x_.push_back(interval(x(k, j), arithmetic_));
  }

  std::vector<IntervalArithmetic::Number> operator()(std::size_t rows) const {
    std::vector<IntervalArithmetic::Number> result;
    result.reserve(rows * columns_);
    IntervalArithmetic::Number product = arithmetic_.zero();
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < columns_; ++j) {
        IntervalArithmetic::Number sum = arithmetic_.zero();
        for (std::size_t k = 0; k < size; ++k) {
          arithmetic_.mul(product, weights_[i * size + k], x_[j * size + k]);
          arithmetic_.add(sum, sum, product);
        }
        result.push_back(std::move(sum));
      }
    return result;
  }

 private:
  static IntervalArithmetic::Number interval(arb_srcptr ball, const IntervalArithmetic& arithmetic) {
    IntervalArithmetic::Number result = arithmetic.zero();
    mpfi_ptr ends = IntervalArithmetic::raw(result);
    arb_get_interval_mpfr(&ends->left, &ends->right, ball);
    return result;
  }

  std::size_t columns_;
  IntervalArithmetic arithmetic_;
  std::vector<IntervalArithmetic::Number> weights_, x_;
};

// All the products are of the same numbers: balls overlap FLINT's and the intervals, and mpfr_float's is as near to them as its own
// roundings allow. Rows [0, rows).
bool agree(const BallMatrix& ours, const BallMatrix& flint, const std::vector<MpfrProduct::Real>& mpfr,
           const std::vector<IntervalArithmetic::Number>& mpfi, std::size_t rows, long bits) {
  Ball other, tolerance;
  arb_set_d(tolerance, static_cast<double>(size));  // |w| < 1/8 and |x| < 2: 576 sums below 144, each rounded to bits - 3 or more
  arb_mul_2exp_si(tolerance, tolerance, 8 + 3 - bits);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < ours.columns(); ++j) {
      if (!arb_is_finite(ours(i, j)) || !arb_overlaps(ours(i, j), flint(i, j))) return false;
      const IntervalArithmetic::Number& interval = mpfi[i * ours.columns() + j];
      const mpfi_srcptr ends = IntervalArithmetic::raw(interval);
      arb_set_interval_mpfr(other, &ends->left, &ends->right, bits);
      if (!arb_is_finite(other) || !arb_overlaps(ours(i, j), other)) return false;
      const arb_ptr point = other;
      arf_set_mpfr(arb_midref(point), mpfr[i * ours.columns() + j].backend().data());
      mag_zero(arb_radref(point));
      arb_add_error(other, tolerance);
      if (!arb_overlaps(ours(i, j), other)) return false;
    }
  return true;
}

#ifdef SNELLEN_OPENBLAS
// [size, size] x [size, columns] of doubles.
class Dgemm {
 public:
  explicit Dgemm(std::size_t columns) : columns_(columns), weights_(size * size, 0.75), block_(size * columns, 0.5), product_(size * columns) {
    openblas_set_num_threads(1);
  }

  void operator()() {
    const int n = static_cast<int>(size), c = static_cast<int>(columns_);
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, c, n, 1, weights_.data(), n, block_.data(), c, 0, product_.data(), c);
  }

 private:
  std::size_t columns_;
  std::vector<double> weights_, block_, product_;
};
constexpr std::size_t best_columns = 256;  // dgemm is at its best
#endif

void product(benchmark::State& state, Stored stored) {
  const auto columns = static_cast<std::size_t>(state.range(0));
  const long bits = state.range(1);
  const Threads one(1);
  const PreparedWeights weights(random_weights(size, size, stored));
  const BallMatrix balls = exact_balls(weights.tensor(), 0, size), x = random_block(size, columns, bits);
  const MpfrProduct mpfr(balls, x, bits);
  const MpfiProduct mpfi(balls, x, bits);

  const std::size_t some_rows = std::min(size, 4096 / columns);
  const double share = static_cast<double>(some_rows) / static_cast<double>(size);
  if (!agree(exact_product(weights, x, bits), flint_product(balls, x, bits), mpfr(some_rows), mpfi(some_rows), some_rows, bits))
    return state.SkipWithError("the products disagree");

  const std::size_t macs = size * size * columns, many = 1 + 10000000 / macs, few = 1 + 1000000 / macs;
  Contender ours{[&] { benchmark::DoNotOptimize(exact_product(weights, x, bits)); }, many};
  Contender flint{[&] { benchmark::DoNotOptimize(flint_product(balls, x, bits)); }, few};
  Contender boost{[&] { benchmark::DoNotOptimize(mpfr(some_rows)); }, 1, share};
  Contender intervals{[&] { benchmark::DoNotOptimize(mpfi(some_rows)); }, 1, share};
  std::vector<Contender*> contenders = {&ours, &flint, &boost, &intervals};
#ifdef SNELLEN_OPENBLAS
  Dgemm same(columns), large(best_columns);
  Contender dgemm{[&] { same(); }, many}, best{[&] { large(); }, 1};
  contenders.insert(contenders.begin() + 1, {&dgemm, &best});
#endif
  for (auto _ : state) {
    for (Contender* contender : contenders) contender->round();
    state.SetIterationTime(ours.seconds.back());
  }
  state.counters["ns_per_mac"] = median(ours.seconds) * 1e9 / static_cast<double>(macs);
  state.counters["flint"] = median_ratio(flint.seconds, ours.seconds);
  state.counters["mpfr"] = median_ratio(boost.seconds, ours.seconds);
  state.counters["mpfi"] = median_ratio(intervals.seconds, ours.seconds);
#ifdef SNELLEN_OPENBLAS
  // What the exact product keeps of a column: 7 bits more than it returns.
  const long products = fewest_dgemms(weight_bits(weights.width()), bits + 7, size).products;
  const double in_best = static_cast<double>(columns) / static_cast<double>(best_columns);  // one product of this shape, at the best rate
  state.counters["dgemms"] = median_ratio(ours.seconds, dgemm.seconds);
  state.counters["products"] = static_cast<double>(products);
  state.counters["over_floor"] = median_ratio(ours.seconds, best.seconds) / in_best / (static_cast<double>(products) + radii_in_products);
#else
  state.SetLabel("OpenBLAS was not found: no floor");
#endif
}

void shapes(benchmark::internal::Benchmark* b) {
  b->ArgNames({"columns", "bits"})->UseManualTime()->Iterations(5)->Unit(benchmark::kMillisecond);
  for (int columns : {1, 64})
    for (int bits : {128, 256, 384}) b->Args({columns, bits});
}

BENCHMARK_CAPTURE(product, bf16, Stored::bf16)->Apply(shapes);
BENCHMARK_CAPTURE(product, fp32, Stored::fp32)->Apply(shapes);

}  // namespace
}  // namespace snellen
