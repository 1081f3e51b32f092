# How the libraries that Snellen stands on are found: used by its own build and by the installed find_package(snellen).

# The libraries of numbers, which the public headers show.
macro(snellen_find_numbers)
  find_package(Boost 1.74 REQUIRED CONFIG)  # headers: Boost.Multiprecision
  find_package(FLINT 2.9 REQUIRED)
  find_package(MPFI 1.5 REQUIRED)
  pkg_check_modules(MPFR REQUIRED IMPORTED_TARGET mpfr>=4.1)
  pkg_check_modules(GMP REQUIRED IMPORTED_TARGET gmp)
endmacro()

# Regular expressions and Unicode, for the tokenizers.
macro(snellen_find_text)
  pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8>=10.40)
  pkg_check_modules(ICU REQUIRED IMPORTED_TARGET icu-uc>=70)
endmacro()

# A small library that distributions ship with a CMake config, or a pkg-config file only, or just as a header: TARGET is
# defined whichever it is.
function(snellen_find name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TARGET;MODULE;HEADER" "")
  find_package(${name} CONFIG QUIET)
  if(NOT TARGET ${arg_TARGET})
    pkg_check_modules(PC_${name} QUIET IMPORTED_TARGET ${arg_MODULE})
    if(PC_${name}_FOUND)
      add_library(${arg_TARGET} INTERFACE IMPORTED)
      target_link_libraries(${arg_TARGET} INTERFACE PkgConfig::PC_${name})
    else()
      find_path(${name}_INCLUDE_DIR ${arg_HEADER})
      if(NOT ${name}_INCLUDE_DIR)
        message(FATAL_ERROR "${name} not found: no CMake config, no ${arg_MODULE}.pc, no header ${arg_HEADER}")
      endif()
      add_library(${arg_TARGET} INTERFACE IMPORTED)
      target_include_directories(${arg_TARGET} INTERFACE "${${name}_INCLUDE_DIR}")
    endif()
  endif()
endfunction()
