# The flags every target shares, and the two shapes of targets: a library is a folder of the house, an executable too.

function(snellen_flags target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  # PUBLIC: templates are compiled under the user's flags, and compilers fuse a*b+c by default.
  target_compile_options(${target} PUBLIC -ffp-contract=off)
  target_compile_options(${target} PRIVATE -Wall -Wextra $<$<BOOL:${SNELLEN_WARNINGS_AS_ERRORS}>:-Werror>)
  # GCC 12 sees an overlap in `"text" + std::string` that cannot be (its bug 105651).
  target_compile_options(${target} PRIVATE $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>)
  if(SNELLEN_OPENMP)
    target_link_libraries(${target} PUBLIC OpenMP::OpenMP_CXX)
  else()
    target_compile_options(${target} PRIVATE -Wno-unknown-pragmas)
  endif()
  if(SNELLEN_SANITIZE)
    list(JOIN SNELLEN_SANITIZE "," sanitizers)
    target_compile_options(${target} PUBLIC -fsanitize=${sanitizers} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${sanitizers})
  endif()
endfunction()

# snellen_library(FOLDER LINK targets...): the library snellen::NAME of all sources and headers under FOLDER/, NAME its last part.
function(snellen_library folder)
  cmake_path(GET folder FILENAME name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LINK")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.cpp")
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.hpp")
  add_library(snellen_${name} ${sources})
  add_library(snellen::${name} ALIAS snellen_${name})
  set_target_properties(snellen_${name} PROPERTIES EXPORT_NAME ${name} VERIFY_INTERFACE_HEADER_SETS ON)
  # The repository root is the include root, here and (under include/snellen) where it is installed.
  target_include_directories(snellen_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_sources(snellen_${name} PUBLIC FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}" FILES ${headers})
  target_link_libraries(snellen_${name} PUBLIC ${arg_LINK})
  snellen_flags(snellen_${name})
endfunction()

# snellen_executable(TARGET FOLDER LINK targets...): built into bin/ from all sources under FOLDER/.
function(snellen_executable target folder)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LINK")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/${folder}/*.cpp")
  add_executable(${target} ${sources})
  set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  target_link_libraries(${target} PRIVATE ${arg_LINK})
  snellen_flags(${target})
  # FLINT allocates every number of more than 128 bits by itself, from all threads: an eighth of a certified evaluation's time in glibc's allocator. A program that
  # links mimalloc uses it for all its memory; the undefined symbol keeps linkers from leaving a library out that nothing names. Sanitizers bring their own.
  if(mimalloc_FOUND AND NOT SNELLEN_SANITIZE)
    target_sources(${target} PRIVATE "${PROJECT_SOURCE_DIR}/cmake/mimalloc.cpp")
    target_link_libraries(${target} PRIVATE mimalloc)
    target_link_options(${target} PRIVATE LINKER:--undefined=mi_version)
  endif()
endfunction()
