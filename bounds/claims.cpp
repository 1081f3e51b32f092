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

std::string statement_for_all(const CollapseRow& row) {
  const Inevitable& known = row.inevitable;
  const auto distinct = last_distinct(row);
  const std::string before = distinct ? fmt::format("at n = {}, {}", *distinct, opposite(row)) : "";
  if (known.status == Status::never) return fmt::format("For infinitely many n, {}.", opposite(row));
  if (row.basis.overflow_from)
    return fmt::format("For every n >= {}, some coordinate has no finite value in {}, which is neither collapse nor distinctness.", *row.basis.overflow_from, row.format->name);
  if (!known.upper) return fmt::format("A{}.", before.substr(1));
  const std::string from = fmt::format("For every n >= {}, {}", *known.upper, subject(row));
  if (known.status == Status::exact) return from + (distinct ? "; " + before + "." : ".");
  return from + (distinct ? "; " + before : "") + ". What lies between is not decided.";
}

// What is proved for every n, to infinity.
Claim claim_for_all(const CollapseRow& row, const std::vector<InevitableProof>& proofs) {
  Claim claim{id_of(row, "inevitable"), statement_for_all(row), row.basis.theorem, Scope::all, row.basis.numbers, {}};
  if (claim.theorem.empty()) claim.theorem = theorem(row.criterion);  // a single pair
  for (const InevitableProof& proof : proofs)
    if (proof.theorem == row.basis.theorem) claim.hypotheses = proof.hypotheses;
  if (row.format) claim.numbers["format"] = row.format->name;
  if (row.eps) claim.numbers["eps"] = row.eps->hex();
  if (row.inevitable.upper) claim.numbers["from"] = *row.inevitable.upper;
  if (const auto n = last_distinct(row)) claim.numbers["distinct at"] = *n;
  if (row.basis.overflow_from) claim.numbers["overflow from"] = *row.basis.overflow_from;
  return claim;
}

// What is proved of an emulated engine's own vectors for every n.
Claim claim_of_engine(const CollapseRow& row, const Observed& run) {
  const Inevitable& known = run.for_ever->known;
  const std::string what = row.criterion == Criterion::bitwise    ? fmt::format("{} rounds both its vectors to the same values", row.format->name)
                           : row.criterion == Criterion::tolerance ? fmt::format("its own D_{}(n) <= {}", name_of(*row.metric), row.eps->hex())
                                                                   : "it gives the same next token";
  Claim claim{id_of(row, "engine." + run.profile), fmt::format("The emulated engine {}: for every n >= {}, {}", run.profile, *known.upper, what),
              "fixed_point_forever", Scope::all, {{"from", *known.upper}, {"profile", run.profile}}, {}};
  if (known.status == Status::exact) claim.statement += *known.upper == "1" ? "." : "; not from any smaller n on.";
  else claim.statement += ". What lies below is not decided.";
  claim.hypotheses = {"One deterministic program: every operation and its rounding as the profile says, all sums from the first term to the last.",
                      "A token's bits depend on the tokens it sees and not on where it stands."};
  return claim;
}

}  // namespace

std::vector<Claim> claims_of(const Certification& c) {
  std::vector<Claim> claims;
  for (std::size_t m = 0; m < c.metrics.size(); ++m)
    claims.push_back({fmt::format("distances.{}", name_of(c.metrics[m])),
                      fmt::format("For every n with {} <= n <= {}, D_{}(n) lies in the interval listed for n.", c.from, c.to, name_of(c.metrics[m])),
                      "distance_enclosed", Scope::horizon, {{"from", std::to_string(c.from)}, {"to", std::to_string(c.to)}}, {}});
  for (const CollapseRow& row : c.rows) {
    std::map<std::string, std::string> numbers{{"to", std::to_string(c.to)}};
    if (row.format) numbers["format"] = row.format->name;
    if (row.eps) numbers["eps"] = row.eps->hex();
    if (row.collapsed_from) {
      numbers["from"] = std::to_string(*row.collapsed_from);
      claims.push_back({id_of(row, "collapse"), fmt::format("For every n with {} <= n <= {}, {}.", *row.collapsed_from, c.to, subject(row)),
                        theorem(row.criterion), Scope::horizon, numbers, {}});
      numbers.erase("from");
    }
    if (row.last_distinct) {
      numbers["n"] = std::to_string(*row.last_distinct);
      claims.push_back({id_of(row, "distinct"), fmt::format("At n = {}, {}.", *row.last_distinct, opposite(row)), theorem(row.criterion),
                        Scope::horizon, numbers, {}});
    }
    if (row.inevitable.scope == Scope::all || row.basis.overflow_from) claims.push_back(claim_for_all(row, c.proofs));
    for (const Observed& run : row.observed)
      if (run.for_ever && run.for_ever->known.upper) claims.push_back(claim_of_engine(row, run));
  }
  for (std::size_t m = 0; c.limit && m < c.limit->distances.size(); ++m) {
    const std::string of_limit = fmt::format("the distance in {} of S_n's vector from the limit, the vector of {},", name_of(c.metrics[m]), c.limit->sequence);
    claims.push_back({fmt::format("limit.{}", name_of(c.metrics[m])),
                      fmt::format("At n = {}, {} lies in [{}, {}].", c.to, of_limit, c.limit->distances[m].lower.hex(), c.limit->distances[m].upper.hex()),
                      "distance_enclosed", Scope::horizon, {{"n", std::to_string(c.to)}}, {}});
    if (m < c.limit->tail_distances.size() && c.limit->tail_distances[m].is_finite())
      claims.push_back({fmt::format("limit.tail.{}", name_of(c.metrics[m])),
                        fmt::format("For every n >= {}, {} is at most {}.", c.limit->tail_from, of_limit, c.limit->tail_distances[m].hex()), c.limit->tail_theorem,
                        Scope::all, {{"from", c.limit->tail_from}}, {}});
  }
  return claims;
}

}  // namespace snellen
