#include "cases/case.hpp"
#include "lib/files/mapped_file.hpp"
#include "lib/number/environment_check.hpp"

namespace snellen {

Certification certify(const Case& c, Progress& progress) {
  Certification result = c.softmax ? certify_softmax(*c.softmax, c.request, progress) : certify(load_model(c), c.request, progress);
  // What was true when the work began must be so still, or nothing of it leaves.
  require_mapped_files_unchanged();
  require_sound_arithmetic();
  result.assumptions.insert(result.assumptions.end(), c.readings.begin(), c.readings.end());
  result.warnings.insert(result.warnings.begin(), c.warnings.begin(), c.warnings.end());
  return result;
}

}  // namespace snellen
