#include "bounds/claims.hpp"

#include "proofs/certificate/claim.hpp"

namespace snellen {
namespace {

// The sentence and the id follow from the numbers, so that whoever reads a certificate can see that they agree.
Claim claim_of(std::string_view fact, std::string theorem, ClaimNumbers numbers, std::vector<std::string> hypotheses = {}) {
  Claim claim{claim_id(fact, numbers), claim_statement(fact, numbers), std::move(theorem), claim_scope(fact) == "all" ? Scope::all : Scope::horizon, {},
              std::move(hypotheses)};
  claim.numbers = std::move(numbers);
  return claim;
}

// What the row is about.
ClaimNumbers about(const CollapseRow& row) {
  ClaimNumbers numbers{{"criterion", std::string(name_of(row.criterion))}};
  if (row.format) numbers["format"] = row.format->name;
  if (row.metric) numbers["norm"] = name_of(*row.metric);
  if (row.eps) numbers["eps"] = row.eps->hex();
  return numbers;
}

std::string theorem(const CollapseRow& row) { return std::string(theorem_of_criterion(name_of(row.criterion))); }

// What is proved for every n, to infinity.
Claim claim_for_all(const CollapseRow& row, const std::vector<InevitableProof>& proofs) {
  const Inevitable& known = row.inevitable;
  ClaimNumbers numbers = row.basis.numbers;
  numbers.merge(about(row));
  numbers["status"] = name_of(known.status);
  if (known.upper) numbers["from"] = *known.upper;
  // An open lower end may come from two vectors far apart: then some pair from there on is distinct, and nobody knows which.
  if (const auto n = last_distinct(row)) numbers[known.status == Status::exact ? "distinct at" : "distinct at or after"] = *n;
  if (row.basis.overflow_from) numbers["overflow from"] = *row.basis.overflow_from;
  std::vector<std::string> hypotheses;
  for (const InevitableProof& proof : proofs)
    if (proof.theorem == row.basis.theorem) hypotheses = proof.hypotheses;
  return claim_of("inevitable", row.basis.theorem.empty() ? theorem(row) : row.basis.theorem /* else a single pair */, std::move(numbers), std::move(hypotheses));
}

// What is proved of an emulated engine's own vectors for every n.
Claim claim_of_engine(const CollapseRow& row, const Observed& run) {
  const Inevitable& known = run.for_ever->known;
  ClaimNumbers numbers = about(row);
  numbers["profile"] = run.profile, numbers["from"] = *known.upper, numbers["status"] = name_of(known.status);
  return claim_of("engine", "fixed_point_forever", std::move(numbers),
                  {"One deterministic program: every operation and its rounding as the profile says, all sums from the first term to the last.",
                   "A token's bits depend on the tokens it sees and not on where it stands."});
}

std::string text(std::int64_t n) { return std::to_string(n); }

void add_claims(const CollapseRow& row, const Certification& c, std::vector<Claim>& claims) {
  const ClaimNumbers row_numbers = about(row);
  const auto add = [&](std::string_view fact, ClaimNumbers numbers) {
    numbers.insert(row_numbers.begin(), row_numbers.end());
    claims.push_back(claim_of(fact, theorem(row), std::move(numbers)));
  };
  if (!row.verdicts.empty()) add("verdicts", {{"from", text(c.from)}, {"to", text(c.to)}, {"verdicts", run_length(row.verdicts)}});
  if (row.collapsed_from) add("collapse", {{"from", text(*row.collapsed_from)}, {"to", text(c.to)}});
  if (row.last_distinct) add("distinct", {{"n", text(*row.last_distinct)}});
  if (row.inevitable.scope == Scope::all || row.basis.overflow_from) claims.push_back(claim_for_all(row, c.proofs));
  for (const Observed& run : row.observed)
    if (run.for_ever && run.for_ever->known.upper) claims.push_back(claim_of_engine(row, run));
}

}  // namespace

std::vector<Claim> claims_of(const Certification& c) {
  std::vector<Claim> claims;
  for (const Metric metric : c.metrics)
    claims.push_back(claim_of("distances", "distance_enclosed", {{"from", text(c.from)}, {"to", text(c.to)}, {"norm", std::string(name_of(metric))}}));
  if (!c.next_tokens.empty()) claims.push_back(claim_of("tokens", "argmax_margin", {{"from", text(c.from)}, {"to", text(c.to)}}));
  for (const CollapseRow& row : c.rows) add_claims(row, c, claims);
  for (std::size_t m = 0; c.limit && m < c.limit->distances.size(); ++m) {
    const ClaimNumbers of_limit{{"norm", std::string(name_of(c.metrics[m]))}, {"limit", c.limit->sequence}};
    ClaimNumbers numbers = of_limit;
    numbers["n"] = text(c.to), numbers["lower"] = c.limit->distances[m].lower.hex(), numbers["upper"] = c.limit->distances[m].upper.hex();
    claims.push_back(claim_of("limit", "distance_enclosed", std::move(numbers)));
    if (m < c.limit->tail_distances.size() && c.limit->tail_distances[m].is_finite()) {
      numbers = of_limit;
      numbers["from"] = c.limit->tail_from, numbers["upper"] = c.limit->tail_distances[m].hex();
      claims.push_back(claim_of("limit.tail", c.limit->tail_theorem, std::move(numbers)));
    }
  }
  return claims;
}

}  // namespace snellen
