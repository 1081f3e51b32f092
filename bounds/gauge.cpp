#include "bounds/gauge.hpp"

#include <cmath>

#include "bounds/next_token.hpp"
#include "lib/number/rounding_cell.hpp"
#include "lib/number/upward.hpp"

namespace snellen {
namespace {

constexpr long bits_used = 64;

// At least max(x, 0).
Magnitude positive_part(arb_srcptr x) {
  Magnitude result;
  if (arb_is_nonpositive(x)) return result;
  Ball top;
  arb_get_ubound_arf(arb_midref(static_cast<arb_ptr>(top)), x, bits_used);
  if (arf_is_nan(arb_midref(static_cast<arb_ptr>(top)))) mag_inf(result.get());
  else if (arf_sgn(arb_midref(static_cast<arb_ptr>(top))) > 0) arf_get_mag(result.get(), arb_midref(static_cast<arb_ptr>(top)));
  return result;
}

void set_dyadic(arb_ptr result, const Dyadic& x) { arf_set_mpfr(arb_midref(result), x.get()), mag_zero(arb_radref(result)); }

BallVector row_of(const BallMatrix& matrix, std::size_t i) {
  BallVector row(matrix.columns());
  for (std::size_t k = 0; k < row.size(); ++k) arb_set_round(row[k], matrix(i, k), bits_used);
  return row;
}

// 1 / (end - x), or 1 / (x - end), x an enclosed number on the inner side of the end.
Ball inverse_room(const Dyadic& upper, const Dyadic& lower) {
  Ball a, b;
  set_dyadic(a, upper), set_dyadic(b, lower);
  arb_sub(a, a, b, 2 * bits_used + 64);
  arb_inv(a, a, bits_used);
  return a;
}

}  // namespace

std::optional<Gauge> Gauge::of(const InevitableQuestion& question, const Model& model, const BallWorld& world, const GaugeFrame& place, const GaugeFrame& final) {
  Gauge gauge;
  gauge.variables_ = place.slopes.columns();
  if (question.criterion == Criterion::tolerance) {
    gauge.steps_ = true;
    gauge.combine_ = *question.metric == Metric::l1 ? Combine::sum : *question.metric == Metric::l2 ? Combine::euclid : Combine::largest;
    Ball scale;
    set_dyadic(scale, *question.eps);
    arb_inv(scale, scale, bits_used);
    for (std::size_t i = 0; i < place.slopes.rows(); ++i) gauge.rows_.push_back({row_of(place.slopes, i), scale, scale});
  } else if (question.criterion == Criterion::bitwise) {
    const CertifiedVector limit = certified_column(world, place.limit, 0);
    for (std::size_t i = 0; i < place.slopes.rows(); ++i) {
      const auto cell = rounding_cell(*question.format, limit[i]);
      if (!cell) return std::nullopt;
      gauge.rows_.push_back({row_of(place.slopes, i), inverse_room(cell->upper, limit[i].upper), inverse_room(limit[i].lower, cell->lower)});
    }
  } else {
    const auto token = certified_next_tokens(model, world, final.limit)[0];
    if (!token) return std::nullopt;
    const BallMatrix logits = world.linear(model.unembedding, final.limit), slopes = world.linear({model.unembedding.weight, nullptr}, final.slopes);
    const auto best = static_cast<std::size_t>(*token);
    for (std::size_t j = 0; j < logits.rows(); ++j) {
      if (j == best) continue;
      Row row{BallVector(gauge.variables_), {}, {}};
      arb_sub(row.up, logits(best, 0), logits(j, 0), world.bits());
      if (!arb_is_positive(row.up)) return std::nullopt;
      arb_inv(row.up, row.up, bits_used);
      Ball part;  // so that kappa <= 1 leaves the logits apart
      arb_mul_2exp_si(part, row.up, -40);
      arb_add(row.up, row.up, part, bits_used);
      for (std::size_t k = 0; k < gauge.variables_; ++k) arb_sub(row.entries[k], slopes(j, k), slopes(best, k), bits_used);
      gauge.rows_.push_back(std::move(row));
    }
  }
  gauge.finish();
  return gauge;
}

void Gauge::finish() {
  for (std::size_t k = 0; k < variables_; ++k) {
    Magnitude both;
    for (const int sign : {1, -1}) {
      BallVector x(variables_);
      arb_set_si(x[k], sign);
      const Magnitude value = (*this)(x);
      if (both < value) both = value;
    }
    units_.push_back(std::move(both));
  }
}

Magnitude Gauge::operator()(const BallVector& x) const {
  Magnitude result;
  Ball z, scaled;
  for (const Row& row : rows_) {
    arb_dot(z, nullptr, 0, row.entries[0], 1, x[0], 1, static_cast<slong>(variables_), bits_used);
    arb_mul(scaled, z, row.up, bits_used);
    Magnitude value = positive_part(scaled);
    arb_mul(scaled, z, row.down, bits_used);
    arb_neg(scaled, scaled);
    const Magnitude below = positive_part(scaled);
    if (value < below) value = below;
    switch (combine_) {
      case Combine::sum: result += value; break;
      case Combine::euclid: result += value * value; break;
      case Combine::largest:
        if (result < value) result = value;
        break;
    }
  }
  if (combine_ == Combine::euclid) mag_sqrt(result.get(), result.get());
  return result;
}

GaugeInDoubles Gauge::in_doubles() const {
  GaugeInDoubles result(combine_, variables_);
  std::vector<double> radii(variables_);  // of the rows together: kappa is at most the sum of the rows', whatever the combination
  Ball scaled;
  for (const Row& row : rows_)
    for (const bool down : {false, true})
      for (std::size_t k = 0; k < variables_; ++k) {
        arb_mul(scaled, row.entries[k], down ? row.down : row.up, bits_used);
        if (down) arb_neg(scaled, scaled);
        const double middle = arf_get_d(arb_midref(static_cast<arb_ptr>(scaled)), ARF_RND_NEAR);
        const double radius = upward(upper_double(Magnitude::radius_of(scaled)) + std::fabs(middle) * 0x1p-52);
        (down ? result.down_ : result.up_).push_back(is_moderate(middle) ? middle : 0);
        const double error = is_moderate(middle) ? radius : infinite_bound;
        radii[k] = combine_ == Combine::largest ? std::max(radii[k], error) : upward(radii[k] + error);
      }
  for (std::size_t k = 0; k < variables_; ++k) {
    result.units_[k] = upper_double(units_[k]);
    result.rough_[k] = upward(radii[k] + result.units_[k] * 0x1p-40);
  }
  return result;
}

double GaugeInDoubles::operator()(std::span<const double> x, std::span<const double> radii) const {
  double loose = 0, result = 0;
  bool moderate = true;
  for (std::size_t k = 0; k < variables_; ++k) {
    loose += std::fabs(x[k]) * rough_[k] + radii[k] * units_[k];
    moderate &= is_moderate(x[k]) && is_moderate(radii[k]) && is_moderate(rough_[k]) && is_moderate(units_[k]);
  }
  if (!moderate) return infinite_bound;
  for (std::size_t row = 0; row < up_.size(); row += variables_) {
    double up = 0, down = 0;
    for (std::size_t k = 0; k < variables_; ++k) up += up_[row + k] * x[k], down += down_[row + k] * x[k];
    const double value = std::max({up, down, 0.0});
    switch (combine_) {
      case Gauge::Combine::sum: result += value; break;
      case Gauge::Combine::euclid: result += value * value; break;
      case Gauge::Combine::largest: result = std::max(result, value); break;
    }
  }
  return upward((combine_ == Gauge::Combine::euclid ? std::sqrt(result) : result) + loose);
}

}  // namespace snellen
