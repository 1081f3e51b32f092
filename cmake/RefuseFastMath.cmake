# Refuses every flag that lets a compiler change the value of a floating-point expression: a certified number compiled
# with one of them proves nothing. Runs inside the configuration, or by itself: cmake -DCMAKE_CXX_FLAGS=... -P RefuseFastMath.cmake
set(forbidden
    -ffast-math -Ofast -funsafe-math-optimizations -fassociative-math -freciprocal-math -ffinite-math-only -fno-signed-zeros
    -fno-honor-nans -fno-honor-infinities -fapprox-func -fcx-limited-range -fsingle-precision-constant -ffp-contract=fast -mdaz-ftz
    -mfpmath=387 -ffp-model=fast -ffp-model=aggressive -fp-model=fast -fdenormal-fp-math=preserve-sign
    -fdenormal-fp-math=positive-zero)

get_cmake_property(variables VARIABLES)
list(FILTER variables INCLUDE REGEX "^CMAKE_(CXX|EXE_LINKER|SHARED_LINKER|MODULE_LINKER)_FLAGS(_[A-Z]+)?$")
get_directory_property(directory_options COMPILE_OPTIONS)
foreach(variable IN LISTS variables ITEMS directory_options)
  string(REGEX REPLACE "[ \t\n]+" ";" flags "${${variable}}")
  foreach(flag IN LISTS flags)
    if(flag IN_LIST forbidden)
      message(FATAL_ERROR "${flag} (in ${variable}) changes floating-point results: Snellen's bounds would prove nothing. Remove it.")
    endif()
  endforeach()
endforeach()
