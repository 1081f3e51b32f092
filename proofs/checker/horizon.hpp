// Claims about single lengths: every n up to the horizon is evaluated again, in one pass over all tokens.
#pragma once

#include <memory>

#include "proofs/checker/finding.hpp"
#include "proofs/checker/pairs.hpp"
#include "proofs/checker/work.hpp"

namespace snellen::check {

// Judges "distances", "verdicts", "tokens", "collapse", "distinct" and "limit". The precision is doubled while a claim is open, up to options.max_bits or what the
// budget affords. InputError where the sequences do not fit the model. What the last pass evaluated, if there was one.
std::unique_ptr<const PairVectors> check_horizon(const Model& model, const Certificate& certificate, const Options& options, Budget& budget, Findings& findings);

// The tokens whose vector is the limit that `text` names ("[2]", "[2, 3]^46 . [5]"), where this program can tell that it is: a run of one token without suffix tends
// to the vector of that token alone, and under windows every long run ends in the same vector. Nothing otherwise.
std::optional<std::vector<std::int64_t>> limit_tokens(const Model& model, const CertificateSequences& sequences, const std::string& text);

// Those of the first claim that names a limit.
std::optional<std::vector<std::int64_t>> limit_of_claims(const Model& model, const Certificate& certificate);

// Tokens before the last one that its vector depends on, where every layer has a window and no positions are added; nothing otherwise.
std::optional<std::int64_t> window_reach(const Model& model);

}  // namespace snellen::check
