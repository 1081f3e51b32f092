# MPFI, intervals of MPFR numbers; it ships no pkg-config file. Defines MPFI::MPFI.
find_path(MPFI_INCLUDE_DIR mpfi.h)
find_library(MPFI_LIBRARY mpfi)
mark_as_advanced(MPFI_INCLUDE_DIR MPFI_LIBRARY)
if(MPFI_INCLUDE_DIR)
  file(STRINGS "${MPFI_INCLUDE_DIR}/mpfi.h" MPFI_VERSION REGEX "define MPFI_VERSION_STRING")
  string(REGEX REPLACE ".*\"(.*)\".*" "\\1" MPFI_VERSION "${MPFI_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MPFI REQUIRED_VARS MPFI_LIBRARY MPFI_INCLUDE_DIR VERSION_VAR MPFI_VERSION)

if(MPFI_FOUND AND NOT TARGET MPFI::MPFI)
  add_library(MPFI::MPFI UNKNOWN IMPORTED)
  set_target_properties(MPFI::MPFI PROPERTIES IMPORTED_LOCATION "${MPFI_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${MPFI_INCLUDE_DIR}")
endif()
