// Makes results.jsonl, results.csv, results.h5, report.html and environment.json of a sweep's folder. As often as one likes: the same points, the same bytes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cases/sweep/folder.hpp"

namespace snellen {

struct Merged {
  std::size_t points = 0, expected = 0, failed = 0, undecided = 0;
  double core_seconds = 0;  // of all points, as measured
  std::vector<std::string> warnings;  // points that were not whole, commits that differ, what could not be written
};

// Points that are missing are left out and counted.
Merged merge_sweep(const SweepFolder& folder);

// The same for people, on standard output.
void print_merged(const Merged& merged, const SweepFolder& folder);
int exit_code_of(const Merged& merged);

}  // namespace snellen
