// Runs gnuplot on a script and takes its SVG: no shell, no terminal, no user settings, the same bytes for the same script.
#pragma once

#include <string>
#include <string_view>

namespace snellen {

// Exactly one of the two is empty.
struct Picture {
  std::string svg;      // one <svg> element, ready to stand inside HTML; its ids start with the picture's name
  std::string problem;  // why there is none
};

// `name`: letters, digits and _; `script` sets no terminal and no output. `program` is searched in PATH.
Picture gnuplot(const std::string& name, const std::string& script, int width, int height,
                const std::string& program = "gnuplot");

// A gnuplot string constant that shows `text` as it is: single-quoted (no backticks, no escapes), enhanced-mode characters
// escaped, control characters replaced by spaces and ' by a typographic apostrophe.
std::string gnuplot_string(std::string_view text);

}  // namespace snellen
