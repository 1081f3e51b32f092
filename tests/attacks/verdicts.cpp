// What is said about two enclosed vectors (bounds/collapse, bounds/distance): vectors within the enclosures of which it is not true?
#include <cmath>

#include "bounds/collapse.hpp"
#include "bounds/distance.hpp"
#include "lib/number/format.hpp"
#include "lib/world/scalar.hpp"
#include "tests/attacks/attack.hpp"

namespace snellen::attacks {
namespace {

constexpr std::size_t size = 3;

struct Entry {
  Enclosure enclosure{Dyadic(), Dyadic()};
  Dyadic value;  // within it
};

// Near a value of the format or a tie of two: there the verdict turns. `share` in [-1, 1] says where in the enclosure the value lies; +-1 are its ends.
Entry entry(Reader& read, const Format& format, double middle) {
  const std::size_t where = read.below(4);
  Dyadic centre = round(format, Dyadic::of(middle)).value;
  if (!centre.is_finite()) centre = format.largest();
  if (where >= 2) {  // a tie: half a step above, computed exactly
    Dyadic next = centre;
    mpfr_set_prec(next.get(), format.precision + 8);
    mpfr_set(next.get(), centre.get(), MPFR_RNDN);
    Dyadic half(format.precision + 8);
    const long exponent = std::max(mpfr_zero_p(centre.get()) ? format.emin : static_cast<long>(mpfr_get_exp(centre.get())) - 1, format.emin);
    mpfr_set_si_2exp(half.get(), 1, exponent - format.precision, MPFR_RNDN);
    mpfr_add(next.get(), next.get(), half.get(), MPFR_RNDN);
    centre = next;
  }
  const double radius = where % 2 == 0 ? 0 : std::fabs(middle) * std::exp2(-80 * std::fabs(read.number()));
  const double share = read.number(), low = read.number(), high = read.number();
  Entry e;
  const auto end = [&](double sign, double by) {
    Dyadic result(300);
    mpfr_set_d(result.get(), radius * by * sign, MPFR_RNDN);
    mpfr_add(result.get(), result.get(), centre.get(), sign < 0 ? MPFR_RNDD : MPFR_RNDU);
    return result;
  };
  e.enclosure = {end(-1, std::max(0.0, low)), end(1, std::max(0.0, high))};  // one-sided ones too
  e.value = Dyadic(300);
  const Dyadic &lower = e.enclosure.lower, &upper = e.enclosure.upper;
  if (share <= -0.5) e.value = lower;
  else if (share >= 0.5) e.value = upper;
  else {
    mpfr_add(e.value.get(), lower.get(), upper.get(), MPFR_RNDN), mpfr_div_2ui(e.value.get(), e.value.get(), 1, MPFR_RNDN);
    if (e.value < lower || upper < e.value) e.value = lower;
  }
  return e;
}

// Made the only way there is: by a certified world.
CertifiedVector certified(const std::vector<Enclosure>& entries) {
  constexpr long exact_bits = 400;
  const IntervalWorld world(exact_bits);
  IntervalWorld::Block block{entries.size(), 1, {}};
  for (const Enclosure& e : entries) {
    IntervalWorld::Number x = IntervalArithmetic(exact_bits).zero();
    mpfi_interv_fr(x.backend().data(), e.lower.get(), e.upper.get());
    block.values.push_back(x);
  }
  return certified_column(world, block, 0);
}

struct Pair {
  std::vector<Enclosure> a, b;
  std::vector<Dyadic> x, y;
};

Pair pair(Reader& read, const Format& format) {
  Pair p;
  const double scale = std::exp2(std::round(read.number() * 2 * static_cast<double>(std::min(format.emax + 2, 200L))));
  const bool alike = read.below(3) > 0;
  for (std::size_t i = 0; i < size; ++i) {
    const double middle = scale * read.number(), other = read.number();
    Entry e = entry(read, format, middle), f = entry(read, format, alike ? middle : scale * other);
    p.x.push_back(e.value), p.y.push_back(f.value);
    p.a.push_back(e.enclosure), p.b.push_back(f.enclosure);
  }
  return p;
}
constexpr std::size_t pair_numbers = 2 + size * (2 + 2 * 5);

Attempt bitwise_verdict(Point point) {
  Reader read(point);
  const auto& formats = shipped_formats();
  const Format& format = formats[read.below(formats.size())];
  const Pair p = pair(read, format);
  const Verdict verdict = bitwise(RoundedHull(format, certified(p.a)), RoundedHull(format, certified(p.b)));
  if (verdict == Verdict::undecided) return {0, false};
  bool equal = true, overflow = false;
  for (std::size_t i = 0; i < size; ++i) {
    const Rounded x = round(format, p.x[i]), y = round(format, p.y[i]);
    overflow = overflow || x.status != RoundStatus::finite || y.status != RoundStatus::finite;
    equal = equal && x.value == y.value;
  }
  const bool wrong = verdict == Verdict::overflow ? !overflow : overflow || equal != (verdict == Verdict::collapsed);
  return {wrong ? 2.0 : 1.0, wrong};
}

Attempt distances(Point point) {
  Reader read(point);
  const Metric metric = std::initializer_list<Metric>{Metric::l1, Metric::l2, Metric::linf}.begin()[read.below(3)];
  const Format format = find_format("fp32").value();
  const Pair p = pair(read, format);
  const Enclosure claimed = distance(metric, certified(p.a), certified(p.b), 64);
  if (!claimed.is_finite()) return nothing_tested();
  Ball total, difference, x;
  for (std::size_t i = 0; i < size; ++i) {
    arf_set_mpfr(arb_midref(static_cast<arb_ptr>(difference)), p.x[i].get()), mag_zero(arb_radref(static_cast<arb_ptr>(difference)));
    arf_set_mpfr(arb_midref(static_cast<arb_ptr>(x)), p.y[i].get());
    arb_sub(difference, difference, x, 2000), arb_abs(difference, difference);
    if (metric == Metric::l1) arb_add(total, total, difference, 2000);
    else if (metric == Metric::l2) arb_addmul(total, difference, difference, 2000);
    else arb_max(total, total, difference, 2000);
  }
  if (metric == Metric::l2) arb_sqrt(total, total, 2000);
  Ball lower, upper;
  arf_set_mpfr(arb_midref(static_cast<arb_ptr>(lower)), claimed.lower.get()), arf_set_mpfr(arb_midref(static_cast<arb_ptr>(upper)), claimed.upper.get());
  if (arb_lt(total, lower)) return {2, true};
  return compare(total, upper);
}

const Registered r1({"verdict-bitwise", "RoundedHull: collapsed, distinct, overflow", 1 + pair_numbers, bitwise_verdict});
const Registered r2({"distance", "distance: l1, l2, linf within [lower, upper]", 1 + pair_numbers, distances});

}  // namespace
}  // namespace snellen::attacks
