# Install and export: find_package(snellen) gives snellen::lib, ::bounds, ::cases and ::reports; pkg-config gives snellen.
# Headers lie under include/snellen, which is the include root, so that #include "lib/number/format.hpp" reads as it does here.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/snellen")
set(header_dir "${CMAKE_INSTALL_INCLUDEDIR}/snellen")
set(libraries lib certificate bounds cases reports)

list(TRANSFORM libraries PREPEND snellen_ OUTPUT_VARIABLE targets)
install(TARGETS ${targets} EXPORT snellen FILE_SET HEADERS DESTINATION "${header_dir}" INCLUDES DESTINATION "${header_dir}")
install(EXPORT snellen NAMESPACE snellen:: FILE snellen-targets.cmake DESTINATION "${package_dir}")
if(TARGET snellen)
  install(TARGETS snellen snellen-check)
  install(DIRECTORY cases/engines/ DESTINATION share/snellen/engines)  # where cases/engine_profile.cpp looks, from the command's own place
endif()

configure_package_config_file(cmake/snellen-config.cmake.in "${PROJECT_BINARY_DIR}/generated/snellen-config.cmake"
                              INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/generated/snellen-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/generated/snellen-config.cmake" "${PROJECT_BINARY_DIR}/generated/snellen-config-version.cmake"
              cmake/SnellenDependencies.cmake cmake/FindFLINT.cmake cmake/FindMPFI.cmake cmake/FindHDF5Serial.cmake DESTINATION "${package_dir}")

# pkg-config: what ships a .pc file is required by name, the rest is linked by name. Static libraries need all of it.
set(pc_requires mpfr gmp fmt libcrypto libpcre2-8 icu-uc)
set(pc_libs "-lsnellen_reports -lsnellen_cases -lsnellen_bounds -lsnellen_certificate -lsnellen_lib -lmpfi")
foreach(module IN ITEMS flint tomlplusplus nlohmann_json)
  pkg_check_modules(PC_${module} QUIET ${module})
  if(PC_${module}_FOUND)
    list(APPEND pc_requires ${module})
  endif()
endforeach()
if(NOT FLINT_HAS_ARB_MERGED)
  cmake_path(GET ARB_LIBRARY STEM arb_name)
  string(REGEX REPLACE "^lib" " -l" arb_link "${arb_name}")
  string(APPEND pc_libs "${arb_link}")
endif()
if(NOT PC_flint_FOUND)
  string(APPEND pc_libs " -lflint")
endif()
if(HDF5Serial_FOUND)  # by path: distributions name the serial library in their own ways
  string(APPEND pc_libs " ${HDF5Serial_LIBRARY}")
endif()
list(JOIN pc_requires ", " pc_requires)
set(pc_openmp "${OpenMP_CXX_FLAGS}")
configure_file(cmake/snellen.pc.in "${PROJECT_BINARY_DIR}/generated/snellen.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/generated/snellen.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
