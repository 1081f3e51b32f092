#!/usr/bin/env bash
# The quick suite built with the address and undefined-behaviour sanitizers, in build-asan:   tests/rigour/run_sanitizers.sh [CTEST ARGUMENTS...]
# Half an hour on two cores; `-R NAME` runs some. (Thread sanitizer: tests/README.md says why it is not here.)
set -euo pipefail
cd "$(dirname "$0")/../.."
[[ -f build-asan/CMakeCache.txt ]] || cmake --preset asan
cmake --build build-asan --parallel "${JOBS:-2}"
# Catch2's and FLINT's per-thread caches live until the process ends: leaks are looked for by the fuzz targets.
ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
  ctest --test-dir build-asan -LE 'slow|engines|install' --output-on-failure --no-tests=error "$@"
