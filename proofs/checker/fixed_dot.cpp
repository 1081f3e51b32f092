#include "proofs/checker/fixed_dot.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace snellen::check {
namespace {

static_assert(GMP_NUMB_BITS == 64);
constexpr long spare_bits = 64;       // of entries far below the largest
constexpr long radius_bits = 40;      // of the widest entry's width
constexpr std::size_t carries = 2;    // limbs above a vector's: |weight| < 2^63, and fewer than 2^60 terms

struct Integer {
  Integer() { mpz_init(value); }
  ~Integer() { mpz_clear(value); }
  Integer(const Integer&) = delete;
  Integer& operator=(const Integer&) = delete;
  mpz_t value;
};

}  // namespace

FixedVector::FixedVector(const Vector& x, long bits) {
  finite_ = is_finite(x);
  if (!finite_) return;
  const long nothing = mpfr_get_emin();
  long top = nothing, widest = nothing;
  Dyadic width(53);
  for (const Number& entry : x) {
    for (mpfr_srcptr end : {lower(entry), upper(entry)})
      if (!mpfr_zero_p(end)) top = std::max(top, static_cast<long>(mpfr_get_exp(end)));
    mpfr_sub(width.get(), upper(entry), lower(entry), MPFR_RNDU);
    if (!mpfr_zero_p(width.get())) widest = std::max(widest, static_cast<long>(mpfr_get_exp(width.get())));
  }
  if (top == nothing) top = 0;
  unit_ = std::max(top - bits - spare_bits, widest - radius_bits);
  limbs_ = static_cast<std::size_t>((top - unit_) / GMP_NUMB_BITS + 1);
  magnitudes_.resize(x.size() * limbs_), signs_.resize(x.size());
  Integer integer;
  const auto wide = static_cast<mpfr_prec_t>(bits + 2 * spare_bits);
  Dyadic middle(wide), below(53), above(53);
  std::vector<Dyadic> radii;
  long largest = nothing;
  for (std::size_t j = 0; j < x.size(); ++j) {
    mpfr_add(middle.get(), lower(x[j]), upper(x[j]), MPFR_RNDN);
    mpfr_div_2si(middle.get(), middle.get(), unit_ + 1, MPFR_RNDN);
    mpfr_get_z(integer.value, middle.get(), MPFR_RNDZ);
    signs_[j] = static_cast<signed char>(mpz_sgn(integer.value));
    if (signs_[j] != 0) mpn_copyi(&magnitudes_[j * limbs_], mpz_limbs_read(integer.value), static_cast<mp_size_t>(mpz_size(integer.value)));
    // How far the ends lie from the grid's point.
    mpfr_set_z_2exp(middle.get(), integer.value, unit_, MPFR_RNDN);
    mpfr_sub(above.get(), upper(x[j]), middle.get(), MPFR_RNDU);
    mpfr_sub(below.get(), middle.get(), lower(x[j]), MPFR_RNDU);
    mpfr_max(above.get(), above.get(), below.get(), MPFR_RNDU);
    if (!mpfr_zero_p(above.get())) largest = std::max(largest, static_cast<long>(mpfr_get_exp(above.get())));
    radii.push_back(above);
  }
  radius_unit_ = largest == nothing ? unit_ : largest;
  for (Dyadic& radius : radii) {
    mpfr_div_2si(radius.get(), radius.get(), radius_unit_, MPFR_RNDU);
    radii_.push_back(mpfr_get_d(radius.get(), MPFR_RNDU));
  }
}

FixedRow::FixedRow(const std::vector<double>& weights) {
  std::vector<long> exponents;
  long least = 5000, longest = 1;
  for (const double w : weights) {
    int e = 0;
    auto m = static_cast<mp_limb_t>(std::ldexp(std::frexp(std::fabs(w), &e), 53));  // |w| = m 2^(e - 53)
    const int zeros = m == 0 ? 0 : std::countr_zero(m);
    m >>= zeros;
    magnitudes_.push_back(std::fabs(w));
    weights_.push_back({m, 0, std::signbit(w)});
    exponents.push_back(e - 53 + zeros);
    if (m != 0) least = std::min(least, exponents.back()), longest = std::max(longest, static_cast<long>(std::bit_width(m)));
  }
  exponent_ = least, step_ = 63 - longest;
  for (std::size_t j = 0; j < weights.size(); ++j) {
    if (weights_[j].limb == 0) continue;
    const long above = exponents[j] - least;
    weights_[j].band = static_cast<std::size_t>(above / step_);
    weights_[j].limb <<= above % step_;
    bands_ = std::max(bands_, weights_[j].band + 1);
  }
}

void FixedRow::times(const FixedVector& x, Number& y) const {
  if (!x.finite()) return set_everything(y);
  // In two's complement, so that what is negative is subtracted.
  const std::size_t size = x.limbs_ + carries;
  std::vector<mp_limb_t> sums(bands_ * size);
  double radius = 0;
  bool exact = true;
  for (std::size_t j = 0; j < weights_.size(); ++j) {
    const Weight& w = weights_[j];
    if (w.limb == 0) continue;
    radius += magnitudes_[j] * x.radii_[j];
    exact = exact && x.radii_[j] == 0;
    if (x.signs_[j] == 0) continue;
    mp_limb_t* const sum = &sums[w.band * size];
    const mp_limb_t* const magnitude = &x.magnitudes_[j * x.limbs_];
    if (w.negative == (x.signs_[j] < 0)) mpn_add_1(sum + x.limbs_, sum + x.limbs_, carries, mpn_addmul_1(sum, magnitude, static_cast<mp_size_t>(x.limbs_), w.limb));
    else mpn_sub_1(sum + x.limbs_, sum + x.limbs_, carries, mpn_submul_1(sum, magnitude, static_cast<mp_size_t>(x.limbs_), w.limb));
  }
  Integer total, part;
  for (std::size_t band = 0; band < bands_; ++band) {
    mp_limb_t* const sum = &sums[band * size];
    const bool negative = sum[size - 1] >> 63;
    if (negative) mpn_neg(sum, sum, static_cast<mp_size_t>(size));
    mpz_import(part.value, size, -1, sizeof(mp_limb_t), 0, 0, sum);
    mpz_mul_2exp(part.value, part.value, static_cast<mp_bitcnt_t>(band) * static_cast<mp_bitcnt_t>(step_));
    if (negative) mpz_neg(part.value, part.value);
    mpz_add(total.value, total.value, part.value);
  }
  mpfr_set_z_2exp(lower(y), total.value, exponent_ + x.unit_, MPFR_RNDD);
  mpfr_set_z_2exp(upper(y), total.value, exponent_ + x.unit_, MPFR_RNDU);
  if (exact) return;
  // Of terms that are not negative each product and each sum is short by at most 2^-53 of itself; a product that is too small for a double by less than 2^-1000.
  const auto terms = static_cast<double>(weights_.size());
  radius = (radius + terms * 0x1p-1000) * (1 + terms * 0x1p-50);
  Dyadic bound(64);
  mpfr_set_d(bound.get(), radius, MPFR_RNDU);
  mpfr_mul_2si(bound.get(), bound.get(), x.radius_unit_, MPFR_RNDU);
  mpfr_sub(lower(y), lower(y), bound.get(), MPFR_RNDD);
  mpfr_add(upper(y), upper(y), bound.get(), MPFR_RNDU);
}

}  // namespace snellen::check
