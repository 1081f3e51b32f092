// One point's line of results.jsonl (schema snellen.point/1): depends on the point alone, not on the machine, its threads or what ran beside it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "cases/sweep/sweep.hpp"

namespace snellen {

// `report` is the point's report.json; without sweep.distances its D(n) of every length are left out.
std::string done_body(const Sweep& sweep, const SweepPoint& point, nlohmann::ordered_json report);

// A point that has no result. `again`: another run may fare better (the process was ended from outside), so that a re-run tries once more by itself.
std::string failed_body(const Sweep& sweep, const SweepPoint& point, const std::string& error, bool again);

enum class PointStatus { done, failed, failed_again };
// Of a whole body.
PointStatus status_of(std::string_view body);

}  // namespace snellen
