// What attention does with a token, and how many directions the tokens' vectors take: certified numbers of one layer.
#pragma once

#include <vector>

#include "lib/number/enclosure.hpp"
#include "lib/world/reverse_attention.hpp"

namespace snellen {

// Of one head's softmax row alpha over the entries that a token sees, with scores s.
struct HeadFacts {
  Enclosure sink;     // alpha of the sequence's first token; exactly 0 where a window hides it
  Enclosure entropy;  // - sum alpha log alpha, in nats: log Z - sum alpha (s - m), Z = sum e^(s - m) for any number m
  Enclosure spread;   // the largest score minus the least
};
struct AttentionFacts {
  std::vector<HeadFacts> heads;
  HeadFacts mean;  // over the heads
};
AttentionFacts attention_facts(const AttentionStep& step, std::size_t column, long bits);

// (sum of sigma^2)^2 / sum of sigma^4 for the singular values sigma of x [width, tokens] (columns [0, tokens) of it): the participation ratio, between 1 and the rank,
// the effective rank that needs no decomposition: the numerator is |x|_F^4, the denominator |x^T x|_F^2. Infinite for x = 0.
Enclosure effective_rank(const BallMatrix& x, std::size_t tokens, long bits);

}  // namespace snellen
