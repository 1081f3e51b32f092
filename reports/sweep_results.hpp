// The results of a sweep, put together from its points: what results.jsonl, results.csv, results.h5 and the sweep's report.html are made of.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace snellen {

struct SweepAxisSummary {
  std::string label;
  std::vector<std::string> names;               // of its values
  std::vector<std::optional<double>> numbers;
  bool seeds = false;
  bool numeric() const;                         // every value is a number above 0
};

// What one emulated engine's own vectors did, a fact about that run: the first n of a pair that is alike, the last of one that is not, from where all are alike to the horizon.
struct SweepObserved {
  std::optional<std::int64_t> first_collapse, last_distinct, collapsed_from;
};

// One row of a point's report: a format, a criterion, and from where on collapse is proved.
struct SweepRow {
  std::string format, criterion, norm, eps;     // empty where the row has none
  std::optional<std::int64_t> first, last_distinct, collapsed_from;
  std::int64_t undecided = 0, overflow = 0;
  std::string lower;                            // of N*: a decimal of any size
  std::optional<std::string> upper;
  std::string scope, status;
  std::string overflow_from;                    // from here on, for ever; empty: not so
  std::map<std::string, SweepObserved> observed;  // by engine profile
};

struct SweepPointResult {
  std::string name;
  std::vector<std::size_t> at;                  // the index on every axis
  std::string error;                            // of a point that failed
  nlohmann::json report;                        // of one that did not
  std::vector<SweepRow> rows;
  std::string body;                             // its line of results.jsonl
  bool failed() const { return report.is_null(); }
};

struct SweepResults {
  std::string title, name, sha256;
  std::string x, y, criterion, norm;            // the layout that was asked for
  std::vector<SweepAxisSummary> axes;
  std::vector<SweepPointResult> points;         // those that are there, in the sweep's order
  std::vector<std::string> commits;             // of Snellen, that computed the points
  std::size_t expected = 0;                     // how many there are to be
};

// Of sweep.json (schema snellen.sweep/1), without points.
SweepResults sweep_results(const nlohmann::json& manifest);

// Adds a point from its line (schema snellen.point/1), from anybody: all that is read of it later is looked at here. InputError or nlohmann::json::exception where it is no result;
// nothing is added then.
void add_point(SweepResults& results, const std::string& name, const std::vector<std::size_t>& at, const std::string& body);

// The engine profiles that some point has run.
std::vector<std::string> profiles_of(const SweepResults& results);

// One line a row of a point: the point, its coordinates, the row, what each profile was observed to do. A point that failed has one line, with its error.
std::string sweep_csv(const SweepResults& results);

}  // namespace snellen
