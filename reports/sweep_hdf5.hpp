// results.h5: the results of a sweep in one HDF5 file, for h5py, pandas, MATLAB and Julia. Every dataset says in the attributes `unit` and `meaning` what it is.
//
//   /points/...                  one entry a point: name, status (0 done, 1 failed), error, precision_bits, model_sha256
//   /points/coordinates/LABEL    its value on every axis, as text, and where the axis has numbers under LABEL.number
//   /rows/...                    one entry a row of a point's report: `point` (the index into /points), format, criterion, norm, eps, first, last_distinct,
//                                collapsed_from (-1: none), undecided, overflow, lower, upper (decimals of any size; "": none), scope, known, overflow_from;
//                                log10_lower and log10_upper are rounded, to draw with
//   /distances/NAME/n, /METRIC   where the sweep keeps them: D(n) in [lower, upper], rounded outward to doubles
//
// The bytes depend on the results alone: no time of day, no machine.
#pragma once

#include <string>

#include "reports/sweep_results.hpp"

namespace snellen {

struct HdfFile {
  std::string content;  // the file's bytes
  std::string problem;  // why there is none: this build has no HDF5, or the library fails
};
HdfFile sweep_hdf5(const SweepResults& results);

}  // namespace snellen
