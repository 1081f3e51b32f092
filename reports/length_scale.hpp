// Lengths of any size on a logarithmic axis: to look at, never to decide anything.
#pragma once

#include <string>
#include <string_view>

namespace snellen {

// log10 of a decimal string of digits, -inf for "0", 0 for what is no length.
double log10_of_length(std::string_view digits);

// As it is up to seven digits; a longer one with three, rounded up, in gnuplot's enhanced text: "8.34×10^{11}". What
// is no length is shown as it is.
std::string short_length(std::string_view digits);

// As it is up to forty digits; a longer one, which nobody reads, with three, rounded up: "8.34e+4711".
std::string readable_length(std::string_view digits);

// "1" to "10^{k}" at 0 to k in steps that leave room, as a gnuplot list of tics over the exponents of [0, high].
std::string decade_tics(double high);

}  // namespace snellen
