#include "bounds/circle_visits.hpp"

#include <algorithm>

namespace snellen {
namespace {

// x mod m in [0, m), x of either sign.
Length residue(const Length& x, const Length& m) {
  Length result = x % m;
  if (result < 0) result += m;
  return result;
}

}  // namespace

// Where no multiple of a lies in [l, r], a x - m y does for the least y >= 0 with m y mod a in [-r mod a, -l mod a], and x is the least integer for that y.
std::optional<Length> first_in_arc(Length a, Length m, const Length& l, const Length& r) {
  if (l == 0 || l > r) return Length(0);
  if (a == 0) return std::nullopt;
  const Length multiple = (l + a - 1) / a;
  if (multiple * a <= r) return multiple;
  const auto y = first_in_arc(m % a, a, residue(-r, a), residue(-l, a));
  if (!y) return std::nullopt;
  return Length((l + m * *y + a - 1) / a);
}

void visit_arcs(const Length& a, const Length& m, const std::vector<Arc>& arcs, const Length& from, const Length& to, const std::function<bool(const Length&)>& visit) {
  // The largest n <= top in the arc: n = top - x.
  const auto last_in = [&](const Arc& arc, const Length& top) -> std::optional<Length> {
    if (top < from) return std::nullopt;
    const Length phase = residue(a * top, m);
    const auto x = first_in_arc(a, m, residue(phase - arc.last, m), residue(phase - arc.first, m));
    if (!x || *x > top - from) return std::nullopt;
    return Length(top - *x);
  };
  std::vector<std::optional<Length>> next;
  for (const Arc& arc : arcs) next.push_back(last_in(arc, to));
  for (;;) {
    std::optional<std::size_t> largest;
    for (std::size_t i = 0; i < next.size(); ++i)
      if (next[i] && (!largest || *next[i] > *next[*largest])) largest = i;
    if (!largest) return;
    const Length n = *next[*largest];
    if (visit(n)) return;
    next[*largest] = last_in(arcs[*largest], n - 1);
  }
}

}  // namespace snellen
