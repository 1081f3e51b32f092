#!/usr/bin/env bash
# A sweep of 200 points on one core, on two threads of one process, and on two ranks of one thread: wall time and processor time, and their ratios.
# Usage: run_speed.sh [COMMAND]. Needs two cores that nothing else uses: REQUIRED=1.85 (the least speed) makes a failure of less; under load only the processor
# times mean something.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command=${1:-${SNELLEN_COMMAND:-$here/../../build/bin/snellen}}
[ -x "$command" ] || { echo "no $command: build first"; exit 77; }
[ "$(nproc)" -ge 2 ] || { echo "skipped: one core"; exit 77; }
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
# Longer sequences than the other tests have: seconds of work a core even where a core is fast.
sed 's/to = 20/to = 200/' "$here/points.toml" >points.toml
# timed NAME COMMAND...: NAME_wall and NAME_cpu in milliseconds.
timed() {
  local name=$1 wall user system
  shift
  { TIMEFORMAT='%R %U %S'; time "$@" >out 2>err; } 2>time || { echo "FAILED: $name"; cat out err; exit 1; }
  read -r wall user system <time
  eval "${name}_wall=$(awk "BEGIN { print int(1000 * $wall) }") ${name}_cpu=$(awk "BEGIN { print int(1000 * ($user + $system)) }")"
  eval "echo \"$name: wall \$${name}_wall ms, processor \$${name}_cpu ms\""
}
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }

timed one taskset -c 0 "$command" sweep points.toml --threads 1 --quiet --out one
timed threads "$command" sweep points.toml --threads 2 --quiet --out threads
echo "1 process of 2 threads: $(ratio "$one_wall" "$threads_wall") times the speed, $(ratio "$threads_cpu" "$one_cpu") times the processor time"
cmp one/results.jsonl threads/results.jsonl || exit 1
worst=$(ratio "$one_wall" "$threads_wall")
if command -v mpirun >/dev/null; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  timed ranks mpirun -n 2 "$command" sweep points.toml --threads 1 --quiet --out ranks
  echo "2 ranks of 1 thread: $(ratio "$one_wall" "$ranks_wall") times the speed, $(ratio "$ranks_cpu" "$one_cpu") times the processor time"
  cmp one/results.jsonl ranks/results.jsonl || exit 1
  worst=$(awk "BEGIN { a = $worst; b = $(ratio "$one_wall" "$ranks_wall"); print a < b ? a : b }")
fi
[ -z "${REQUIRED:-}" ] || awk "BEGIN { exit !($worst >= $REQUIRED) }" || { echo "FAILED: $worst times the speed, expected $REQUIRED"; exit 1; }
