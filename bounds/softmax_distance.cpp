#include "bounds/softmax_distance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "bounds/collapse.hpp"
#include "lib/files/sha256.hpp"
#include "lib/number/ball_matrix.hpp"
#include "lib/number/splitmix64.hpp"

namespace snellen {
namespace {

constexpr long first_bits = 128;

double uniform(SplitMix64& stream) { return std::ldexp(static_cast<double>(stream.next() >> 11), -53); }

Enclosure enclosure_of(arb_srcptr ball, long bits) {
  Enclosure result;
  arf_t end;
  arf_init(end);
  arb_get_lbound_arf(end, ball, bits);
  result.lower = Dyadic::of(end, MPFR_RNDD);
  arb_get_ubound_arf(end, ball, bits);
  result.upper = Dyadic::of(end, MPFR_RNDU);
  arf_clear(end);
  return result;
}

// e^{x_i} and e^{x*_i} of the changed ones, and the sums of both lists, as they grow.
class GrowingSoftmax {
 public:
  GrowingSoftmax(const SoftmaxScores& scores, long bits) : scores_(scores), bits_(bits), plain_(scores.added.size()), moved_(scores.added.size()) {}

  void append() {
    Ball x, e;
    arb_set_d(x, scores_.scores[size_]);
    arb_exp(e, x, bits_);
    arb_add(sum_, sum_, e, bits_);
    if (size_ < scores_.added.size()) {
      arb_set(plain_[size_], e);
      Ball added;
      arb_set_d(added, scores_.added[size_]);
      arb_add(x, x, added, bits_);
      arb_exp(moved_[size_], x, bits_);
      arb_add(moved_sum_, moved_sum_, moved_[size_], bits_);
    } else {
      arb_add(common_, common_, e, bits_);
      arb_add(moved_sum_, moved_sum_, e, bits_);
    }
    ++size_;
  }

  // sum over the changed of | p_i / S - q_i / S* |, and the common mass times | 1/S - 1/S* |.
  Enclosure distance() const {
    Ball total, inverse, moved_inverse, a, b;
    arb_inv(inverse, sum_, bits_);
    arb_inv(moved_inverse, moved_sum_, bits_);
    for (std::size_t i = 0; i < std::min(size_, scores_.added.size()); ++i) {
      arb_mul(a, plain_[i], inverse, bits_);
      arb_mul(b, moved_[i], moved_inverse, bits_);
      arb_sub(a, a, b, bits_);
      arb_abs(a, a);
      arb_add(total, total, a, bits_);
    }
    arb_sub(a, inverse, moved_inverse, bits_);
    arb_abs(a, a);
    arb_addmul(total, common_, a, bits_);
    Enclosure result = enclosure_of(total, bits_);
    if (mpfr_sgn(result.lower.get()) < 0) result.lower = Dyadic::of(0.0);  // a distance is not negative
    return result;
  }

 private:
  const SoftmaxScores& scores_;
  long bits_;
  std::size_t size_ = 0;
  BallVector plain_, moved_;
  Ball sum_, moved_sum_, common_;
};

Certification described(const SoftmaxFamily& family, const CertifyRequest& request) {
  Certification c;
  c.title = request.title, c.case_name = request.case_name;
  c.model_architecture = "softmax";
  c.model_source = fmt::format("random: seed {}, n scores in [0, 1), the first {} changed by up to {}", family.seed, family.changed, family.noise);
  c.model_sha256 = sha256(std::as_bytes(std::span(c.model_source)));
  c.family = "softmax of x_1, ..., x_n, and of the same with its first scores changed";
  c.second = "its changed list";
  c.at = "softmax";
  c.from = family.from, c.to = family.to;
  c.metrics = {Metric::l1};
  for (const Format& format : request.formats) {
    CollapseRow row;
    row.format = format, row.criterion = Criterion::tolerance, row.metric = Metric::l1, row.eps = Dyadic::power_of_two(1 - format.precision);
    c.rows.push_back(std::move(row));
  }
  c.assumptions = {"Scores are the exact dyadic numbers that the seed gives; the softmax is the exact real function.",
                   "Certified numbers rest on FLINT/Arb, MPFR and the compiler; no floating-point result enters them unenclosed."};
  return c;
}

}  // namespace

SoftmaxScores softmax_scores(const SoftmaxFamily& family, std::int64_t n) {
  SplitMix64 scores(family.seed), noise(~family.seed);
  SoftmaxScores result;
  for (std::int64_t i = 0; i < n; ++i) result.scores.push_back(uniform(scores));
  for (std::size_t i = 0; i < std::min(family.changed, static_cast<std::size_t>(n)); ++i) result.added.push_back(uniform(noise) * family.noise);
  return result;
}

Certification certify_softmax(const SoftmaxFamily& family, const CertifyRequest& request, Progress& progress) {
  const SoftmaxScores scores = softmax_scores(family, family.to);
  Certification result = described(family, request);
  for (long bits = std::min(request.max_bits, request.start_bits.value_or(first_bits));; bits = std::min(2 * bits, request.max_bits)) {
    progress.begin(fmt::format("softmaxes at {} bits", bits), static_cast<std::size_t>(family.to));
    result.precision_bits = bits;
    result.distances.clear();
    GrowingSoftmax softmax(scores, bits);
    for (std::int64_t n = 1; n <= family.to; ++n) {
      softmax.append();
      if (n >= family.from) result.distances.push_back({n, {softmax.distance()}});
      progress.step();
    }
    for (CollapseRow& row : result.rows) {
      row.verdicts.clear();
      for (const PairDistances& pair : result.distances) row.verdicts.push_back(tolerance(pair.by_metric[0], *row.eps));
      summarise(row, family.from);
    }
    if (!result.undecided() || bits == request.max_bits) return result;
  }
}

}  // namespace snellen
