// Claims about every n, to infinity: "inevitable" and "limit.tail".
#pragma once

#include "lib/model/model.hpp"
#include "proofs/checker/finding.hpp"
#include "proofs/checker/work.hpp"

namespace snellen::check {

// Runs of one token without positions or with slopes: explicit lengths, eras, a tail (run_cover.hpp).
void check_runs(const Model& model, const Certificate& certificate, const Options& options, Budget& budget, Findings& findings);

// Windows in every layer: from some length on pairs come back to finitely many kinds (`window_kinds`, proofs/periodic.md).
void check_windows(const Model& model, const Certificate& certificate, const Options& options, Budget& budget, Findings& findings);

}  // namespace snellen::check
