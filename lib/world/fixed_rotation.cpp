#include "lib/world/fixed_rotation.hpp"

#include <algorithm>
#include <cmath>

#include "lib/number/fixed_lanes.hpp"
#include "lib/world/ball_functions.hpp"
#include "lib/world/workers.hpp"

namespace snellen {
namespace {

using Lanes = std::uint64_t[most_fixed_digits * long_lanes];

// y = (x with its sign) + (z with its sign).
void add_signed(std::uint64_t* y, std::uint64_t* x, const std::uint64_t* x_signs, std::uint64_t* z, const std::uint64_t* z_signs, std::size_t digits) {
  negate_where(x, x, x_signs, digits), negate_where(z, z, z_signs, digits);
  add_lanes(y, x, z, digits);
}

}  // namespace

auto FixedRotations::angles(const Rotary& rotary, std::int64_t position) const -> const Angles& { return tables_.at({rotary.base, rotary.dimensions}).at(position); }

void FixedRotations::prepare(const Rotary& rotary, std::span<const Column> columns, std::size_t digits) {
  auto& table = tables_[{rotary.base, rotary.dimensions}];
  std::vector<std::pair<const std::int64_t, Angles>*> missing;
  for (const Column& column : columns) {
    const auto [place, added] = table.try_emplace(column.position);
    if (!added && place->second.digits >= digits) continue;
    if (place->second.digits != digits) missing.push_back(&*place);
    place->second.digits = digits;
  }
  const std::size_t pairs = rotary.dimensions / 2;
  const slong bits = static_cast<slong>(digits) * long_digit_bits;
  parallel_for(missing.size(), [&](std::size_t i) {
    const std::int64_t position = missing[i]->first;
    Angles& angles = missing[i]->second;
    const long working = bits + 16 + static_cast<long>(std::log2(static_cast<double>(position) + 1.0));
    for (auto* words : {&angles.cosines, &angles.sines}) words->assign(pairs * digits, 0);
    for (auto* signs : {&angles.cosine_signs, &angles.sine_signs}) signs->assign(pairs, 0);
    DigitCutter cutter;
    Ball angle, cosine, sine, absolute;
    const auto put = [&](std::vector<std::uint64_t>& words, std::vector<std::uint64_t>& signs, std::size_t f, arb_srcptr x) {
      arb_abs(absolute, x);
      cutter.cut(arb_midref(static_cast<arb_srcptr>(absolute)), 1 - bits, -1, digits, &words[f / long_lanes * digits * long_lanes + f % long_lanes], long_lanes);
      if (arf_sgn(arb_midref(x)) < 0) signs[f] = ~std::uint64_t{0};
      angles.radius = std::max(angles.radius, Magnitude::radius_of(x));
    };
    for (std::size_t f = 0; f < pairs; ++f) {
      set_frequency(angle, rotary.base, f, rotary.dimensions, working);
      arb_mul_si(angle, angle, position, working);
      arb_sin_cos(sine, cosine, angle, bits + 8);
      put(angles.cosines, angles.cosine_signs, f, cosine), put(angles.sines, angles.sine_signs, f, sine);
    }
  });
}

std::optional<FixedColumns> FixedRotations::rotate(const FixedColumns& x, const Rotary& rotary, std::size_t heads, std::span<const Column> columns, ProductPath path) {
  const std::size_t digits = x.digits(), pairs = rotary.dimensions / 2;
  if (rotary.dimensions * heads != x.rows() || pairs % long_lanes != 0) return {};
  for (std::size_t c = 0; c < x.columns(); ++c)
    if (!FixedColumns::serves(x.column(c).top + 1)) return {};
  prepare(rotary, columns, digits);
  FixedColumns y(x.rows(), x.columns(), digits);
  parallel_for(x.columns(), [&](std::size_t c) {
    const Angles& turn = angles(rotary, columns[c].position);
    const std::size_t groups = pairs / long_lanes, step = turn.digits * long_lanes, skip = (turn.digits - digits) * long_lanes;  // the upper digits
    Lanes a, b, first, second;
    for (std::size_t h = 0; h < heads; ++h)
      for (std::size_t g = 0; g < groups; ++g) {
        const std::size_t at_a = h * 2 * groups + g, at_b = at_a + groups;
        const std::uint64_t *cosine = &turn.cosines[g * step + skip], *sine = &turn.sines[g * step + skip];
        std::uint64_t sign_a[long_lanes], sign_b[long_lanes], left[long_lanes], right[long_lanes];
        signs_of(sign_a, x.group(c, at_a), digits), signs_of(sign_b, x.group(c, at_b), digits);
        negate_where(a, x.group(c, at_a), sign_a, digits), negate_where(b, x.group(c, at_b), sign_b, digits);
        const auto combine = [&](std::size_t at, const std::uint64_t* u, const std::uint64_t* u_signs, const std::uint64_t* v, const std::uint64_t* v_signs, bool minus) {
          multiply_fractions(u, digits, cosine, digits, digits, first, path);
          multiply_fractions(v, digits, sine, digits, digits, second, path);
          for (std::size_t l = 0; l < long_lanes; ++l) {
            left[l] = u_signs[l] ^ turn.cosine_signs[g * long_lanes + l];
            right[l] = v_signs[l] ^ turn.sine_signs[g * long_lanes + l] ^ (minus ? ~std::uint64_t{0} : 0);
          }
          add_signed(y.group(c, at), first, left, second, right, digits);
        };
        combine(at_a, a, sign_a, b, sign_b, true);
        combine(at_b, b, sign_b, a, sign_a, false);
      }
    FixedColumns::Column& column = y.column(c);
    column.top = x.column(c).top + 1;
    const Magnitude u = turn.radius + two_to(1 - static_cast<slong>(digits) * long_digit_bits);
    column.error = x.column(c).error + shifted(u * x.norm(c), 1) + shifted(root_of(x.rows()) * two_to(y.unit(c)), 2);
  });
  return y;
}

}  // namespace snellen
