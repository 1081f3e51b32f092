#!/usr/bin/env bash
# Flags that let a compiler change the value of a floating-point expression: the configuration refuses each (cmake/RefuseFastMath.cmake), and so does the compiler where a program of somebody
# else's includes the headers (lib/number/arithmetic.hpp).
set -u
source=${SNELLEN_SOURCE:?} cmake=${CMAKE:?} compiler=${CXX:?}
failures=0 refused=0
complain() { failures=$((failures + 1)); echo "FAILED: $*"; }
configures() { "$cmake" "$@" -P "$source/cmake/RefuseFastMath.cmake" > /dev/null 2>&1; }
compiles() { echo '#include "lib/number/arithmetic.hpp"' | "$compiler" -std=c++20 -I "$source" "$@" -fsyntax-only -x c++ - > /dev/null 2>&1; }

for flag in -ffast-math -Ofast -funsafe-math-optimizations -fassociative-math -freciprocal-math -ffinite-math-only -fno-signed-zeros -fno-honor-nans -ffp-contract=fast -mdaz-ftz -mfpmath=387 -ffp-model=fast; do
  for variable in CMAKE_CXX_FLAGS CMAKE_CXX_FLAGS_RELEASE CMAKE_SHARED_LINKER_FLAGS CMAKE_EXE_LINKER_FLAGS; do
    if configures "-D$variable=-O2 $flag -g"; then complain "$flag in $variable is configured"; else refused=$((refused + 1)); fi
  done
done
for flags in "-O3" "-O2 -march=native -ffp-contract=off" "-fno-fast-math" "-Wall"; do configures "-DCMAKE_CXX_FLAGS=$flags" || complain "$flags is not configured"; done

compiles -O2 || complain "the header does not compile without such flags"
for flags in -ffast-math -Ofast -ffinite-math-only; do
  if compiles -O2 $flags; then complain "the header compiles with $flags"; else refused=$((refused + 1)); fi
done
# Compilers that say so (GCC does, clang does not).
for pair in "-funsafe-math-optimizations:__ASSOCIATIVE_MATH__" "-fassociative-math -fno-signed-zeros -fno-trapping-math:__ASSOCIATIVE_MATH__" "-freciprocal-math:__RECIPROCAL_MATH__" "-fno-signed-zeros:__NO_SIGNED_ZEROS__"; do
  flags=${pair%:*}
  "$compiler" $flags -dM -E -x c++ - < /dev/null 2> /dev/null | grep -q "${pair#*:}" || continue
  if compiles -O2 $flags; then complain "the header compiles with $flags"; else refused=$((refused + 1)); fi
done
echo "$refused times refused"
((failures == 0 && refused >= 51))
