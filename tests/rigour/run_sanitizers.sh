#!/usr/bin/env bash
# The quick suite under sanitizers:   tests/rigour/run_sanitizers.sh address|memory|thread [CTEST ARGUMENTS...]        (`-R NAME` runs some)
#   address   addresses and undefined behaviour, and libstdc++'s own assertions, in build-asan
#   memory    values that were never written, in build-msan, AVX-512 too, which run_memcheck.sh cannot see. The libraries beneath are compiled for it first, in build-msan-libraries
#             (build_memory_sanitizer_libraries.sh: half an hour or more, once), without OpenMP, MPI and HDF5
#   thread    races, in build-tsan. Not by GCC: its libgomp is not instrumented, so that the sanitizer takes every barrier for a race; clang's libomp tells it
#             about them through Archer (libarcher.so of libomp-NN-dev), which must be there.
# CLANG names the compiler. About half an hour on two cores each, most of it the build.
set -euo pipefail
cd "$(dirname "$0")/../.."
kind=${1:?address, memory or thread}
shift
clang=${CLANG:-$(command -v clang++ || compgen -c clang++- | sort -V | tail -1 || true)}
[[ -n $clang ]] || { echo "no clang++" >&2; exit 2; }
case $kind in
  address)
    build=build-asan
    [[ -f $build/CMakeCache.txt ]] || cmake --preset asan -DCMAKE_CXX_COMPILER="$clang"
    # Catch2's and FLINT's per-thread caches live until the process ends: leaks are looked for by the fuzz targets.
    export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    ;;
  memory)
    build=build-msan
    CLANG=$clang tests/rigour/build_memory_sanitizer_libraries.sh build-msan-libraries
    [[ -f $build/CMakeCache.txt ]] || cmake --preset msan -DCMAKE_CXX_COMPILER="$clang"
    export MSAN_OPTIONS=exit_code=86  # its own is 77, by which a test says that it was skipped
    ;;
  thread)
    build=build-tsan
    archer=$(find "$(dirname "$(dirname "$(readlink -f "$(command -v "$clang")")")")" /usr/lib -name 'libarcher.so' 2> /dev/null | head -1)
    [[ -n $archer ]] || { echo "no libarcher.so (apt-get install libomp-NN-dev, NN as in clang++-NN): every barrier would count as a race" >&2; exit 2; }
    [[ -f $build/CMakeCache.txt ]] || cmake --preset tsan -DCMAKE_CXX_COMPILER="$clang"
    export OMP_TOOL_LIBRARIES=$archer TSAN_OPTIONS=halt_on_error=1:ignore_noninstrumented_modules=1:second_deadlock_stack=1
    ;;
  *) echo "'$kind', expected address, memory or thread" >&2; exit 2 ;;
esac
cmake --build "$build" --parallel "${JOBS:-2}"
# Not fuzz/replay: under its limit of the address space no sanitizer can start; run_fuzz.sh runs the targets under this one.
ctest --test-dir "$build" -LE 'slow|engines|install' -E fuzz/replay --output-on-failure --no-tests=error "$@"
