#!/usr/bin/env bash
# Fuzzes every target for SECONDS (default 60) each, under clang's libFuzzer with the address and undefined-behaviour sanitizers, from the committed corpus,
# the hand-made lies and the fixtures; prints executions and coverage.   tests/fuzz/run_fuzz.sh [--built] [SECONDS] [TARGET...]
# --built: with the targets as they were built before. Inputs that reach new code stay in build-fuzz/work/, where the next run goes on.
# Exit code 0: nothing was found; 1: something was (its input is kept under build-fuzz/found/, to be fixed and then put into corpus/ as a regression); 2: clang is
# not there.
# CLANG names the compiler where it is not called clang++; SEED makes a run repeatable as far as the clock allows.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
build=$source/build-fuzz
built=0
if [[ ${1:-} == --built ]]; then built=1; shift; fi
seconds=${1:-60}
shift || true
clang=${CLANG:-$(command -v clang++ || compgen -c clang++- | sort -V | tail -1 || true)}
[[ -n $clang ]] || { echo "run_fuzz.sh: no clang++ (apt-get install clang), expected one with libFuzzer" >&2; exit 2; }
suffix=${clang##*clang++}

[[ -f $build/CMakeCache.txt ]] || cmake --preset fuzz -S "$source" -DCMAKE_CXX_COMPILER="$clang" > /dev/null
targets=(fuzzers)
(($# == 0)) || targets=("${@/#/fuzz_}")
((built)) || cmake --build "$build" --target "${targets[@]}" --parallel "${JOBS:-2}" > "$build/build.log" || { tail -20 "$build/build.log"; exit 1; }

mkdir -p "$build/found" "$build/profile"
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
bash "$source/tests/fuzz/make_seeds.sh" "$seeds"
[[ -d /dev/shm && -w /dev/shm ]] && export TMPDIR=/dev/shm
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0

# The name of the function that a finding was made in says more than an address: clang's own symbolizer, where it is.
symbolizer=$(command -v "llvm-symbolizer$suffix" || true)
[[ -z $symbolizer ]] || export ASAN_SYMBOLIZER_PATH=$symbolizer
failures=0
printf '%-18s %12s %10s %14s %18s\n' target executions seconds "edges" "reader lines"
for fuzzer in "$build"/tests/fuzz/fuzz_*; do
  name=${fuzzer##*/fuzz_}
  [[ -x $fuzzer && ($# -eq 0 || " $* " == *" $name "*) ]] || continue
  mkdir -p "$build/work/$name" "$seeds/$name" "$source/tests/fuzz/corpus/$name"
  inputs=("$build/work/$name" "$source/tests/fuzz/corpus/$name" "$seeds/$name")
  dictionaries=$seeds/$name.dict
  cat "$source"/tests/fuzz/dictionaries/"${name%%_*}"*.dict > "$dictionaries" 2> /dev/null || true
  # A megabyte of input at most; 512 MiB of one allocation or 2 GiB in all would be a finding by itself, long after memory_bound() was.
  code=0
  # A sweep may have a million points, each with its name.
  patience=20
  [[ $name != sweep ]] || patience=300
  LLVM_PROFILE_FILE=$build/profile/$name.profraw "$fuzzer" -max_total_time="$seconds" -max_len=65536 -timeout="$patience" -malloc_limit_mb=512 -rss_limit_mb=2048 \
    -seed="${SEED:-1}" -dict="$dictionaries" -artifact_prefix="$build/found/$name-" -print_final_stats=1 "${inputs[@]}" > "$build/$name.log" 2>&1 || code=$?
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/$name.log")
  edges=$(grep -o 'cov: [0-9]*' "$build/$name.log" | tail -1 | cut -d' ' -f2 || true)
  all=$(sed -n 's/.*(\([0-9]*\) inline 8-bit counters).*/\1/p' "$build/$name.log" | head -1)
  lines="?"
  if llvm-profdata"$suffix" merge -sparse "$build/profile/$name.profraw" -o "$build/profile/$name.profdata" 2> /dev/null; then
    lines=$(llvm-cov"$suffix" report "$fuzzer" -instr-profile="$build/profile/$name.profdata" "$source/lib/files" "$source/cases" 2> /dev/null |
      awk '/\.cpp / && $8 > $9 { lines += $8; missed += $9 } END { if (lines) printf "%d/%d %.0f%%", lines - missed, lines, 100 * (lines - missed) / lines }')
  fi
  printf '%-18s %12s %10s %14s %18s' "$name" "${executions:-?}" "$seconds" "${edges:-?}/${all:-?}" "$lines"
  if ((code)); then
    failures=$((failures + 1))
    printf '  FAILED: %s' "$(grep -m1 -E '^FAILED|ERROR: |runtime error' "$build/$name.log" || tail -1 "$build/$name.log")"
  fi
  echo
done
((failures == 0))
