#!/usr/bin/env bash
# Values that were never written, and memory that is not one's own, by valgrind's memcheck on the release build, optimised as it is used. It takes the place of the memory sanitizer, which
# says nothing without FLINT, MPFR, GMP, ICU and the C++ library compiled by it too: memcheck follows every bit through all of them.
#   tests/rigour/run_memcheck.sh [--limit SECONDS] [WORDS...]      after a build; WORDS: only the tests whose names contain one of them
# Every quick test file under it, a process each, those that are clean only once for a build (build/memcheck/clean); one that takes more than SECONDS (600) is named and left out. Exit code 0:
# nothing was found; 1: something was (build/memcheck/NAME.log); 77: valgrind is not installed. It knows no AVX-512: the kernels for it are chosen at run time and not seen here (the address
# sanitizer sees them). Checks of three files fail under it without a finding, since valgrind is no processor and no kernel to the last detail: number/environment_check asks for subnormals to be flushed,
# which it does not do; reports/write and reports/plot start a program that is not there, which begins and fails under it in place of not beginning. No finding in them is as good as elsewhere.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
build=${SNELLEN_BUILD:-$source/build} limit=600
if [[ ${1:-} == --limit ]]; then limit=$2; shift 2; fi
command -v valgrind > /dev/null || { echo "valgrind is not installed (apt-get install valgrind)"; exit 77; }
tests=$build/tests/snellen_tests work=$build/memcheck
mkdir -p "$work"
[[ $work/clean -nt $tests ]] || : > "$work/clean"
clean=0 found=0 long=0
while IFS= read -r name; do
  stem=$(basename "$name")_test
  [[ $# -eq 0 ]] || { wanted=0; for word in "$@"; do [[ $name == *"$word"* ]] && wanted=1; done; ((wanted)) || continue; }
  if grep -qx "$name" "$work/clean"; then clean=$((clean + 1)); continue; fi
  code=0 began=$SECONDS
  (cd "$source" && OMP_NUM_THREADS=1 SNELLEN_SOURCE=$source SNELLEN_BUILD=$build SNELLEN_COMMAND=$build/bin/snellen SNELLEN_CHECK=$build/bin/snellen-check timeout "$limit" \
    valgrind --quiet --error-exitcode=99 --leak-check=no --suppressions="$source/tests/rigour/memcheck.suppressions" "$tests" --filenames-as-tags "[#$stem]") > "$work/${name//\//-}.log" 2>&1 || code=$?
  case $name in number/environment_check | reports/write | reports/plot) ((code == 99 || code == 124)) || code=0 ;; esac
  case $code in
    0) echo "clean  $name ($((SECONDS - began)) s)"; echo "$name" >> "$work/clean"; clean=$((clean + 1)) ;;
    124) echo "long   $name: more than $limit s"; long=$((long + 1)) ;;
    99) echo "FOUND  $name: $(grep -m1 -E '^==[0-9]+== [A-Z]' "$work/${name//\//-}.log")"; found=$((found + 1)) ;;
    *) echo "FAILED $name: exit code $code, without a finding (${name//\//-}.log)"; found=$((found + 1)) ;;
  esac
done < <(ctest --test-dir "$build" -N -L unit | sed -n 's/^ *Test *#[0-9]*: //p' | while IFS= read -r name; do [[ -f $source/tests/${name}_test.cpp ]] && echo "$name"; done)
echo "memcheck: $clean clean, $found with findings, $long left out"
((found == 0))
