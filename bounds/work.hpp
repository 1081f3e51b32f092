// What an evaluation will cost, counted before it is done, so that a budget means the same on every machine: no clock enters a report.
// The unit is one product of an entry of a token's vector with a weight, or with an entry of another token's key or value.
#pragma once

#include <cstdint>

#include "bounds/inevitable.hpp"

namespace snellen {

// Tokens evaluated one by one, each after all before it: tokens * weights + tokens^2 / 2 * (keys and values of all layers).
double work_of_tokens(const Model& model, double tokens);

// The differences of a family's pairs (bounds/difference.hpp), columns one by one; what a query meets costs some 64 products each, since it is done ball by ball.
double work_of_differences(const Model& model, const FamilyBlock& block);
// The most that they may cost to make distances sharper that are decided already.
inline constexpr double most_difference_work = 5e9;

// Tokens whose keys and values are made, none attending to the others, and some lengths that attend to at most all of them.
double work_of_far_tokens(const Model& model, double tokens, double lengths);

// Eras of the given degree: (degree + 1) columns each through the weights, and each pair of eras.
double work_of_eras(const Model& model, double eras, double degree);

// The tokens that every proof evaluates one by one before it can say anything.
inline constexpr std::int64_t least_tokens = 200;

// As many tokens and eras (at most the defaults) as `work` allows in each of the attempts. max_tokens may be below least_tokens: then no proof is tried.
InevitableLimits limits_within(double work, const Model& model, long max_bits);

}  // namespace snellen
