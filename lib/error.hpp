// The user's input cannot be used: a file, a case, an option. The message is one line that names the place, what was found
// and what was expected. The command prints it and exits with 2.
#pragma once

#include <stdexcept>
#include <string>

namespace snellen {

class InputError : public std::runtime_error {
 public:
  InputError(const std::string& place, const std::string& problem) : std::runtime_error(place + ": " + problem) {}
};

// The same before the place is known: which setting is at fault ("unit", "lengths.to"), what was found and what was expected.
struct Problem {
  std::string key, description;
};

}  // namespace snellen
