# What this build is, for reports to name: lib/version.cpp.in filled in with the compiler and flags when configuring and
# with the commit at every build (rewritten, and so recompiled, only when it changed).
# Run by the build itself as: cmake -DIN=... -DOUT=... -DSOURCE=... -P SnellenVersion.cmake
if(CMAKE_SCRIPT_MODE_FILE)
  set(ENV{GIT_OPTIONAL_LOCKS} 0)
  execute_process(COMMAND git describe --always --dirty --abbrev=12 --match=v* WORKING_DIRECTORY "${SOURCE}"
                  OUTPUT_VARIABLE SNELLEN_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    set(SNELLEN_COMMIT "unknown")  # a source archive, or no git
  endif()
  configure_file("${IN}" "${OUT}" @ONLY)
  return()
endif()

function(snellen_version target)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
  string(STRIP "${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${build_type}} -ffp-contract=off" SNELLEN_FLAGS)
  string(REPLACE "\"" "\\\"" SNELLEN_FLAGS "${SNELLEN_FLAGS}")
  set(SNELLEN_COMMIT "@SNELLEN_COMMIT@")  # left for the build
  set(half_filled "${PROJECT_BINARY_DIR}/generated/version.cpp.in")
  set(filled "${PROJECT_BINARY_DIR}/generated/version.cpp")
  configure_file("${PROJECT_SOURCE_DIR}/lib/version.cpp.in" "${half_filled}" @ONLY)
  add_custom_target(snellen_commit BYPRODUCTS "${filled}"
    COMMAND "${CMAKE_COMMAND}" "-DIN=${half_filled}" "-DOUT=${filled}" "-DSOURCE=${PROJECT_SOURCE_DIR}"
            -P "${CMAKE_CURRENT_FUNCTION_LIST_FILE}"
    COMMENT "Asking git for the commit" VERBATIM)
  target_sources(${target} PRIVATE "${filled}")
  add_dependencies(${target} snellen_commit)
endfunction()
