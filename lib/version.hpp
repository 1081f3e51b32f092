// What this build is: for environment.json and `snellen --version`, so that a result can be traced to what made it.
#pragma once

#include <string>

namespace snellen {

struct Version {
  std::string version;   // of Snellen: "0.1.0"
  std::string commit;    // of the sources, "-dirty" appended when they differ from it; "unknown" without git
  std::string compiler;  // "GNU 12.2.0"
  std::string flags;     // that the compiler was given
  // The libraries in use at run time, as they name themselves; FLINT 2 is followed by its Arb.
  std::string flint, mpfr, mpfi, gmp, boost;
};

Version version();

}  // namespace snellen
