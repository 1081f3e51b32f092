// What `snellen glasses` says: the largest spacing of delimiters that keeps a run's sequences apart, for each format and norm.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bounds/certify.hpp"
#include "bounds/glasses.hpp"

namespace snellen {

// The header and one line a row: format, threshold, collapse without glasses, largest spacing, and the next larger one that fails.
std::vector<std::vector<std::string>> glasses_table(const GlassesResult& result, const Family& family);
// Schema snellen.glasses/1: nothing in it depends on the machine.
nlohmann::ordered_json glasses_json(const GlassesResult& result, const CertifyRequest& request, const Model& model);

}  // namespace snellen
