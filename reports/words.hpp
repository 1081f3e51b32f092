// The words that every report for people shares, in plain ASCII ("S_n", "2^-7", "<="); the HTML report typesets them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bounds/result.hpp"

namespace snellen {

std::string label_of(Metric metric);              // "L1", "L2", "Linf"
std::string format_label(const CollapseRow&);     // the format's name, or "exact model"
std::string criterion_label(const CollapseRow&);  // "bitwise", "L1 <= 2^-7", "argmax"

// From which n on collapse is proved: "37", "37 to 41" (somewhere in between), "never", "overflow from 5" (for ever), "after 10000" (a pair beyond the
// horizon is proved distinct, and nothing more), "undecided", or "not by 2000".
std::string collapse_start(const CollapseRow& row, std::int64_t horizon);
// How far that reaches: "to the horizon 2000" or "for every n". Nothing was evaluated past a horizon, so nothing more is said.
std::string reach(const CollapseRow& row, std::int64_t horizon);

// Why rows have no exact answer for every n, those with the same reason together: "fp32 bitwise, fp32 L1 <= 2^-23: why". Empty where no such answer was
// asked for, or every row has one.
std::vector<std::string> open_rows(const Certification& c);

// "S_n's vector tends to ...": what is left of the sequence when n grows.
std::string limit_sentence(const Certification& c);  // c.limit is there

// The rows, those of one format together, formats and rows in the order of the certification.
std::vector<const CollapseRow*> rows_by_format(const Certification& c);

// What a run's own two vectors show: identical (collapsed), different, not known, or no finite distance (overflow).
Verdict verdict_of_run(const PairDistances& pair);
// The least n from which to the horizon the run's own two vectors were identical.
std::optional<std::int64_t> identical_from(const EngineRun& run);
// From which n on the engine's own outputs collapse for ever: "546", "at most 31059496", or "-" where it is not known.
std::string for_ever_text(const std::optional<EngineLength>& length);
std::string trouble_text(const Trouble& trouble);

// "1 layer", "2 layers".
std::string layers_text(const Certification& c);

std::int64_t undecided_count(const Certification& c);

// The result in whole sentences. The first is the headline; it speaks of bf16 where the case has it, as the paper does.
std::vector<std::string> sentences(const Certification& c);

}  // namespace snellen
