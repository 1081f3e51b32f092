# FLINT with Arb, in either of its two shapes:
#   FLINT 3            Arb merged: <flint/arb.h>, libflint alone
#   FLINT 2 + Arb 2    <arb.h> beside <flint/flint.h>, libflint and libarb (Debian 12 calls it libflint-arb)
# Defines FLINT::FLINT, FLINT_VERSION and FLINT_HAS_ARB_MERGED. FLINT_ROOT or CMAKE_PREFIX_PATH names another place.
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(PC_FLINT QUIET flint)
endif()
find_path(FLINT_INCLUDE_DIR flint/flint.h HINTS ${PC_FLINT_INCLUDE_DIRS})
find_library(FLINT_LIBRARY flint HINTS ${PC_FLINT_LIBRARY_DIRS})
mark_as_advanced(FLINT_INCLUDE_DIR FLINT_LIBRARY)

if(FLINT_INCLUDE_DIR)
  file(STRINGS "${FLINT_INCLUDE_DIR}/flint/flint.h" version_lines REGEX "define __FLINT_VERSION(_MINOR|_PATCHLEVEL)? +[0-9]+")
  list(TRANSFORM version_lines REPLACE ".* ([0-9]+)$" "\\1")
  list(JOIN version_lines "." FLINT_VERSION)
endif()

set(required FLINT_LIBRARY FLINT_INCLUDE_DIR)
set(FLINT_HAS_ARB_MERGED OFF)
if(FLINT_INCLUDE_DIR AND EXISTS "${FLINT_INCLUDE_DIR}/flint/arb.h")
  set(FLINT_HAS_ARB_MERGED ON)
else()
  find_path(ARB_INCLUDE_DIR arb.h HINTS ${FLINT_INCLUDE_DIR})
  find_library(ARB_LIBRARY NAMES flint-arb arb)
  mark_as_advanced(ARB_INCLUDE_DIR ARB_LIBRARY)
  list(APPEND required ARB_LIBRARY ARB_INCLUDE_DIR)
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(FLINT REQUIRED_VARS ${required} VERSION_VAR FLINT_VERSION
  REASON_FAILURE_MESSAGE "FLINT 3, or FLINT 2.9 with Arb 2.23 (Debian 12: libflint-dev libflint-arb-dev)")

if(FLINT_FOUND AND NOT TARGET FLINT::FLINT)
  add_library(FLINT::FLINT UNKNOWN IMPORTED)
  set_target_properties(FLINT::FLINT PROPERTIES IMPORTED_LOCATION "${FLINT_LIBRARY}"
                        INTERFACE_INCLUDE_DIRECTORIES "${FLINT_INCLUDE_DIR}")
  if(NOT FLINT_HAS_ARB_MERGED)
    add_library(FLINT::Arb UNKNOWN IMPORTED)
    set_target_properties(FLINT::Arb PROPERTIES IMPORTED_LOCATION "${ARB_LIBRARY}"
                          INTERFACE_INCLUDE_DIRECTORIES "${ARB_INCLUDE_DIR}" INTERFACE_LINK_LIBRARIES FLINT::FLINT)
    # Whoever links FLINT::FLINT means Arb too.
    set_target_properties(FLINT::FLINT PROPERTIES INTERFACE_LINK_LIBRARIES "FLINT::Arb")
  endif()
endif()
