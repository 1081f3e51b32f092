#include "lib/world/cotangent.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "lib/number/exact_product/ball_parts.hpp"
#include "lib/world/workers.hpp"

namespace snellen {

std::vector<std::pair<std::size_t, std::size_t>> Cotangents::groups() const {
  std::vector<std::pair<std::size_t, std::size_t>> result;
  for (std::size_t s = 0; s < slots.size(); ++s) {
    if (s == 0 || slots[s].direction != slots[s - 1].direction) result.emplace_back(s, s);
    result.back().second = s + 1;
  }
  return result;
}

Cotangents add(const Cotangents& a, Cotangents b, long bits) {
  if (a.slots.empty()) return b;
  if (b.slots.empty()) return a;
  Cotangents sum;
  std::set_union(a.slots.begin(), a.slots.end(), b.slots.begin(), b.slots.end(), std::back_inserter(sum.slots));
  const auto place = [](const Cotangents& of, const Slot& slot) -> std::size_t {
    const auto at = std::lower_bound(of.slots.begin(), of.slots.end(), slot);
    return at != of.slots.end() && *at == slot ? static_cast<std::size_t>(at - of.slots.begin()) : of.slots.size();
  };
  std::vector<std::size_t> from_a, from_b;
  for (const Slot& slot : sum.slots) from_a.push_back(place(a, slot)), from_b.push_back(place(b, slot));
  sum.values = BallMatrix(a.values.rows(), sum.slots.size());
  parallel_for(sum.values.rows(), [&](std::size_t i) {
    for (std::size_t s = 0; s < sum.slots.size(); ++s) {
      arb_ptr y = sum.values(i, s);
      if (from_a[s] == a.slots.size()) arb_set(y, b.values(i, from_b[s]));
      else if (from_b[s] == b.slots.size()) arb_set(y, a.values(i, from_a[s]));
      else arb_add(y, a.values(i, from_a[s]), b.values(i, from_b[s]), bits);
    }
  });
  return sum;
}

void trim(BallMatrix& x, long bits) {
  parallel_for(x.rows(), [&](std::size_t i) {
    for (std::size_t c = 0; c < x.columns(); ++c) arb_set_round(x(i, c), x(i, c), deserved_bits(x(i, c), bits));
  });
}

}  // namespace snellen
