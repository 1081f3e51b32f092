#include "cases/case.hpp"
#include "lib/files/mapped_file.hpp"
#include "lib/number/environment_check.hpp"

namespace snellen {

namespace {

template <class Result>
Result finished(Result result, const Case& c) {
  // What was true when the work began must be so still, or nothing of it leaves.
  require_mapped_files_unchanged();
  require_sound_arithmetic();
  result.assumptions.insert(result.assumptions.end(), c.readings.begin(), c.readings.end());
  result.warnings.insert(result.warnings.begin(), c.warnings.begin(), c.warnings.end());
  return result;
}

}  // namespace

Certification certify(const Case& c, Progress& progress) {
  return finished(c.softmax ? certify_softmax(*c.softmax, c.request, progress) : certify(load_model(c), c.request, progress), c);
}

Sensitivity sensitivity(const Case& c, Progress& progress) {
  const Model model = load_model(c);
  if (const auto problem = problem_of(c.sensitivity, c.request.family, model)) throw InputError(c.place("sensitivity." + problem->key), problem->description);
  return finished(sensitivity(model, c.request, c.sensitivity, progress), c);
}

}  // namespace snellen
