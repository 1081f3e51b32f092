#include "bounds/claims.hpp"

#include <fmt/format.h>

namespace snellen {
namespace {

std::string subject(const CollapseRow& row) {
  switch (row.criterion) {
    case Criterion::bitwise: return fmt::format("{} rounds both vectors to the same values", row.format->name);
    case Criterion::tolerance:
      return fmt::format("D_{}(n) <= {}", name_of(*row.metric), row.eps->hex());
    default: return "the exact model gives the same next token";
  }
}

std::string opposite(const CollapseRow& row) {
  switch (row.criterion) {
    case Criterion::bitwise: return fmt::format("{} rounds the two vectors to different values", row.format->name);
    case Criterion::tolerance:
      return fmt::format("D_{}(n) > {}", name_of(*row.metric), row.eps->hex());
    default: return "the exact model gives two different next tokens";
  }
}

// The names of the lemmas in proofs/README.md.
std::string theorem(Criterion criterion) {
  switch (criterion) {
    case Criterion::bitwise: return "rounding_monotone";
    case Criterion::tolerance: return "distance_enclosed";
    default: return "argmax_margin";
  }
}

std::string id_of(const CollapseRow& row, std::string_view fact) {
  std::string id = std::string(fact);
  if (row.format) id += "." + row.format->name;
  id += fmt::format(".{}", name_of(row.criterion));
  if (row.metric) id += fmt::format(".{}", name_of(*row.metric));
  return id;
}

}  // namespace

std::vector<Claim> claims_of(const Certification& c) {
  std::vector<Claim> claims;
  for (std::size_t m = 0; m < c.metrics.size(); ++m)
    claims.push_back({fmt::format("distances.{}", name_of(c.metrics[m])),
                      fmt::format("For every n with {} <= n <= {}, D_{}(n) lies in the interval listed for n.", c.from, c.to, name_of(c.metrics[m])),
                      "distance_enclosed", Scope::horizon, {{"from", std::to_string(c.from)}, {"to", std::to_string(c.to)}}});
  for (const CollapseRow& row : c.rows) {
    std::map<std::string, std::string> numbers{{"to", std::to_string(c.to)}};
    if (row.format) numbers["format"] = row.format->name;
    if (row.eps) numbers["eps"] = row.eps->hex();
    if (row.inevitable.upper) {
      numbers["from"] = *row.inevitable.upper;
      claims.push_back({id_of(row, "collapse"),
                        fmt::format("For every n with {} <= n <= {}, {}.", *row.inevitable.upper, c.to, subject(row)),
                        theorem(row.criterion), Scope::horizon, numbers});
      numbers.erase("from");
    }
    if (row.last_distinct) {
      numbers["n"] = std::to_string(*row.last_distinct);
      claims.push_back({id_of(row, "distinct"), fmt::format("At n = {}, {}.", *row.last_distinct, opposite(row)), theorem(row.criterion),
                        Scope::horizon, numbers});
    }
  }
  return claims;
}

}  // namespace snellen
