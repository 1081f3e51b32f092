// What a claim says, in words: a function of its fact and its numbers alone, so that whoever reads a certificate can see that the sentence says what the numbers say.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace snellen {

// By name: "from", "format", "eps", ... (proofs/certificate/README.md has them all). Lengths are decimal, other reals hex floats.
using ClaimNumbers = std::map<std::string, std::string>;

// "distances", "verdicts", "tokens", "collapse", "distinct", "inevitable", "engine", "limit", "limit.tail": what an id begins with. Nothing if it is none of these.
std::optional<std::string> fact_of(std::string_view id);

// "collapse.bf16.tolerance.l1": the fact, and what it is about.
std::string claim_id(std::string_view fact, const ClaimNumbers& numbers);

// One or two sentences. std::out_of_range where a number is missing.
std::string claim_statement(std::string_view fact, const ClaimNumbers& numbers);

// "all" or "horizon": what the fact speaks of.
std::string_view claim_scope(std::string_view fact);

// The lemma behind a claim about single lengths, by its criterion ("bitwise", "tolerance", "argmax").
std::string_view theorem_of_criterion(std::string_view criterion);

}  // namespace snellen
