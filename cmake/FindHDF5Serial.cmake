# HDF5's C library, the serial one: Debian and Ubuntu keep it beside those built for MPI, others have it alone. CMake's own FindHDF5 needs the C language and a
# compiler wrapper. Defines HDF5::Serial. HDF5_ROOT or CMAKE_PREFIX_PATH names another place.
find_path(HDF5Serial_INCLUDE_DIR hdf5.h HINTS ENV HDF5_ROOT PATH_SUFFIXES include include/hdf5/serial hdf5/serial)
find_library(HDF5Serial_LIBRARY NAMES hdf5_serial hdf5 HINTS ENV HDF5_ROOT PATH_SUFFIXES lib lib64 hdf5/serial)
mark_as_advanced(HDF5Serial_INCLUDE_DIR HDF5Serial_LIBRARY)
if(HDF5Serial_INCLUDE_DIR)
  file(STRINGS "${HDF5Serial_INCLUDE_DIR}/H5public.h" HDF5Serial_VERSION REGEX "define H5_VERS_INFO")
  string(REGEX REPLACE ".*version: ([0-9.]+).*" "\\1" HDF5Serial_VERSION "${HDF5Serial_VERSION}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(HDF5Serial REQUIRED_VARS HDF5Serial_LIBRARY HDF5Serial_INCLUDE_DIR VERSION_VAR HDF5Serial_VERSION)

if(HDF5Serial_FOUND AND NOT TARGET HDF5::Serial)
  add_library(HDF5::Serial UNKNOWN IMPORTED)
  set_target_properties(HDF5::Serial PROPERTIES IMPORTED_LOCATION "${HDF5Serial_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${HDF5Serial_INCLUDE_DIR}")
endif()
