// From verdicts on pairs, one by one, to a row of the answer: what the ways to a proof for all n share where they end in an enumeration.
#pragma once

#include <functional>

#include "bounds/collapse.hpp"
#include "bounds/inevitable.hpp"

namespace snellen {

// Of the pair of two enclosed vectors and their certified next tokens (none: not certified, or not asked for). Distances are rounded outward to `bits`.
Verdict judge(const InevitableQuestion& question, const CertifiedVector& first, const CertifiedVector& second, const std::optional<Token>& first_token,
              const std::optional<Token>& second_token, long bits);

// The same where both vectors are known to be one vector, enclosed by `both`: it collapses unless it overflows, or no next token is certified.
Verdict judge_equal(const InevitableQuestion& question, const CertifiedVector& both, const std::optional<Token>& token);

// Of the pairs of one kind each, which come again for infinitely many n, and together for every n from some length on. distinct: some kind is, so
// that infinitely many pairs are; collapsed, overflow: all are; else undecided.
Verdict judge_for_ever(const std::vector<Verdict>& kinds);

// What the verdicts on n = 1, ..., count and the one on all later n (of judge_for_ever) make of a row. `theorem` and `open` as in InevitableRow. Asks for verdicts from
// `count` downwards, until one is distinct.
InevitableRow row_from(std::int64_t count, const std::function<Verdict(std::int64_t)>& verdict_at, Verdict for_ever, std::string theorem, std::string open);

// Some question asks for next tokens.
bool asks_next_tokens(const std::vector<InevitableQuestion>& questions);

}  // namespace snellen
