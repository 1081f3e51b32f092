// A program outside the repository: includes as in the repository, and calls into the installed libraries.
#include <cstdio>

#include "lib/number/dyadic.hpp"
#include "lib/version.hpp"

int main() {
  const std::string half = snellen::Dyadic::power_of_two(-1).hex();
  std::printf("snellen %s prints 1/2 as %s\n", snellen::version().version.c_str(), half.c_str());
  return snellen::Dyadic::of(0.5) == snellen::Dyadic::power_of_two(-1) ? 0 : 1;
}
