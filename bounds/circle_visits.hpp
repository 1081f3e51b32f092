// The multiples of a rotation of the circle that fall into given arcs, found without going through all of them. Mathematics: proofs/rope.md, "Visits".
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "lib/number/length.hpp"

namespace snellen {

// The least x >= 0 with a x mod m in [l, r]; none if there is no such x. 0 <= a < m; 0 <= l, r < m, and l > r stands for the arc through 0.
std::optional<Length> first_in_arc(Length a, Length m, const Length& l, const Length& r);

// [first, last] in units of 1/m of the circle, first <= last < m.
struct Arc {
  Length first, last;
};

// visit(n) for every n with from <= n <= to and a n mod m in one of the arcs, descending, until it returns true. The arcs are disjoint; from >= 0.
void visit_arcs(const Length& a, const Length& m, const std::vector<Arc>& arcs, const Length& from, const Length& to, const std::function<bool(const Length&)>& visit);

}  // namespace snellen
