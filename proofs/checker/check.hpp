// Proves a certificate again from the model file: own forward pass, own arithmetic (MPFI), nothing of bounds/ or lib/world.
#pragma once

#include "lib/model/model.hpp"
#include "proofs/checker/finding.hpp"

namespace snellen::check {

// One finding for each claim. InputError where the certificate's sequences do not fit the model.
std::vector<Finding> check(const Model& model, const Certificate& certificate, const Options& options);

}  // namespace snellen::check
