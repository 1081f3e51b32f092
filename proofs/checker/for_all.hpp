// Claims about every n, to infinity: "inevitable" and "limit.tail", and "engine".
#pragma once

#include "lib/model/model.hpp"
#include "proofs/checker/finding.hpp"
#include "proofs/checker/pairs.hpp"
#include "proofs/checker/work.hpp"

namespace snellen::check {

// Runs of one token without positions or with slopes: explicit lengths, eras, a tail (run_cover.hpp).
void check_runs(const Model& model, const Certificate& certificate, const Options& options, Budget& budget, Findings& findings);

// P . U^n . Q in one layer, without positions or, where U is one token, with rotary ones whose frequencies are multiples of one (`closed_form`, proofs/rope.md). Before check_horizon: claims about a
// single length's distance from such a limit, too. Whether it is such a case.
bool check_shares(const Model& model, const Certificate& certificate, const Options& options, Budget& budget, Findings& findings);

// Windows in every layer: from some length on pairs come back to finitely many kinds (`window_kinds`, proofs/periodic.md).
void check_windows(const Model& model, const Certificate& certificate, const Options& options, Budget& budget, Findings& findings);

// P . a^n by norms alone, whatever the size of the model ("By norms", proofs/majorant.md), with the pairs that check_horizon evaluated. Whether it is such a case.
bool check_norms(const Model& model, const Certificate& certificate, const Options& options, const PairVectors* pairs, Budget& budget, Findings& findings);

// P . a^n in two layers with rotary positions whose frequencies are multiples of one (`two_layers_again`, proofs/rope.md). After check_norms, which is cheaper where it suffices.
void check_deep_runs(const Model& model, const Certificate& certificate, const Options& options, Budget& budget, Findings& findings);

// Slopes in every layer, and a run of several tokens, a suffix or a repeated last token (`periodic_hull`, proofs/periodic.md). Before check_horizon: claims about a single length's distance from such a
// limit, too. Whether it is such a case.
bool check_periods(const Model& model, const Certificate& certificate, const Options& options, Budget& budget, Findings& findings);

// What an emulated engine gives for ever: runs of one token where a token's bits do not depend on where it stands (`engine_settles`, proofs/engines.md).
void check_engines(const Model& model, const Certificate& certificate, const Options& options, Budget& budget, Findings& findings);

}  // namespace snellen::check
