// The model that a certificate speaks of, and the proof that it is this one.
#pragma once

#include "lib/model/model.hpp"
#include "lib/model/synthetic.hpp"
#include "proofs/checker/finding.hpp"

namespace snellen::check {

// The description that describe() makes of a random model, read back; nothing where it is none, or describe() would say anything else of what was read.
std::optional<RandomModel> parse_random_model(const std::string& description);

// From the file that the certificate names (from the current folder, the certificate's, the project's root), from `options.model`, or made from its description.
// InputError where there is none, or where its SHA-256 is not the certificate's: it is another model.
Model load_certified_model(const Certificate& certificate, const std::filesystem::path& certificate_file, const Options& options);

}  // namespace snellen::check
