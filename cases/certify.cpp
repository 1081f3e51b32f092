#include "cases/case.hpp"

namespace snellen {

Certification certify(const Case& c, Progress& progress) {
  if (c.softmax) return certify_softmax(*c.softmax, c.request, progress);
  Certification result = certify(load_model(c), c.request, progress);
  result.assumptions.insert(result.assumptions.end(), c.readings.begin(), c.readings.end());
  result.warnings.insert(result.warnings.begin(), c.warnings.begin(), c.warnings.end());
  return result;
}

}  // namespace snellen
