// certificate.json (schema "snellen.certificate/1"): the claims, and of which function they speak.
#pragma once

#include <nlohmann/json.hpp>

#include "bounds/result.hpp"

namespace snellen {

nlohmann::ordered_json certificate(const Certification& c);

}  // namespace snellen
