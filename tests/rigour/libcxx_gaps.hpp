// What libc++ 14, on which the memory sanitizer's build stands, lacks of C++20's library: included first in every file there (the preset msan), and nowhere else.
#pragma once

#include <version>

#if __cplusplus > 201703L && defined(_LIBCPP_VERSION) && _LIBCPP_VERSION < 16000  // CMake tries the compiler with an older C++
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>
#include <type_traits>

namespace std {

template <class Array>
  requires is_unbounded_array_v<Array>
unique_ptr<Array> make_unique_for_overwrite(size_t size) {
  return unique_ptr<Array>(new remove_extent_t<Array>[size]);
}

// Decimal numbers, in the locale "C".
inline from_chars_result from_chars(const char* first, const char* last, double& value) {
  string text(first, last);
  const size_t digit = text.find_first_not_of('-');
  if (digit == string::npos || digit > 1 || isspace(static_cast<unsigned char>(text[digit])) || text[digit] == '+') return {first, errc::invalid_argument};
  text.resize(min(text.find_first_of("xX"), text.size()));  // no hexadecimals
  char* end = nullptr;
  errno = 0;
  const double found = strtod(text.c_str(), &end);
  if (end == text.c_str()) return {first, errc::invalid_argument};
  const char* const stop = first + (end - text.c_str());
  if (errno == ERANGE) return {stop, errc::result_out_of_range};
  value = found;
  return {stop, errc()};
}

namespace ranges {

template <class First, class Second>
bool equal(const First& first, const Second& second) {
  return std::equal(first.begin(), first.end(), second.begin(), second.end());
}

}  // namespace ranges
}  // namespace std
#endif
