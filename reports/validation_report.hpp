// What a validation says: on standard output, as JSON (schema snellen.validation/1), HTML, JUnit XML, Markdown, and as a table of tolerances.
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

#include "bounds/validation/compare.hpp"
#include "bounds/validation/growth.hpp"
#include "bounds/validation/validate.hpp"
#include "reports/gnuplot.hpp"

namespace snellen {

struct ValidationReport {
  std::string title, model_sha256;
  std::vector<Token> tokens;
  std::vector<std::string> profile_descriptions;  // as validations
  std::vector<Validation> validations;            // the dump in question first, then those beside it
  bool same_engine = false;                       // those beside it are runs of the same engine
  std::optional<Growth> growth;                   // dumps in the same order
  std::optional<Comparison> comparison;           // where there is more than one dump
};

std::string_view name_of(Judgement judgement);
// The worst of all dumps.
Judgement verdict_of(const ValidationReport& report);

// One row a dumped operation.
std::vector<std::vector<std::string>> validation_table(const Validation& v);
// The verdict: which layer and operation no rounding of the profile explains, or that all are explained.
std::string validation_sentence(const Validation& v);
// Findings, comparison of dumps and certified errors, one sentence each.
std::vector<std::string> validation_notes(const ValidationReport& report);

// Nothing in these depends on the machine or on the number of threads.
nlohmann::ordered_json validation_json(const ValidationReport& report);
std::string validation_html(const ValidationReport& report);
std::string validation_junit(const ValidationReport& report);     // a test case an operation; inconclusive is skipped
std::string validation_markdown(const ValidationReport& report);
// operation,absolute,relative: any two engines of the profile, given the same inputs as these, differ by at most `absolute` at any entry, and by at most `relative` of the
// largest entry of the token's vector.
std::string tolerance_table(const Validation& v);

// The certified error of each state, relative, the largest over tokens; a line for each dump.
Picture growth_plot(const ValidationReport& report);
// Layer by token: the verdict where it is not a pass, else the certified error in ulps.
Picture heat_map(const ValidationReport& report, std::size_t dump);
// How many entries are off by how many ulps, for some layers.
Picture ulp_histogram(const ValidationReport& report, std::size_t dump);

}  // namespace snellen
