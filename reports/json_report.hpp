// report.json (schema "snellen.report/1"): everything a certification says, for scripts. Depends on nothing but the result: not
// on the machine, not on the number of threads.
//
// Numbers: {"lower", "upper"} are decimals rounded outward (17 digits; "inf" where nothing is known), {"lower_hex", "upper_hex"}
// the exact end points. `eps` is rounded to nearest, `eps_hex` exact. Lengths are integers, except in `inevitable_from`: decimal
// strings of any size. `inevitable_from` has the scope "all" where something is proved for every n >= 1, else "horizon"; `proof` says what it rests on
// (`theorem` null: nothing is proved for every n; `open`: why no more is; `overflow_from`: from here on, for ever, no finite value in the format);
// `undecided` and `collapsed_from` beside them speak of the horizon. `limit.coordinates` of a vector wider than 128 are left out, its sha256 is that of the
// lines "LOWER UPPER\n" in hex. `verdicts` is run-length coded over n = from, ..., to: "D36 C164" is 36 distinct pairs and then 164
// collapsed ones (see verdict_legend).
#pragma once

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "bounds/result.hpp"

namespace snellen {

nlohmann::ordered_json json_report(const Certification& c);
// Shared with other reports.
nlohmann::ordered_json json_of(const Enclosure& x);
nlohmann::ordered_json json_of_model(const Certification& c);

// The bytes of a JSON file, for people and line-based tools too: what is nested at most two deep (the distances of one n, a
// claim) takes one line. A final newline; text that is not UTF-8 is replaced, never thrown on.
std::string json_text(const nlohmann::ordered_json& value);

}  // namespace snellen
