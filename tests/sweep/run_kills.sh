#!/usr/bin/env bash
# A sweep of 200 points killed with SIGKILL at ten random moments, and resumed each time, ends with the bytes of one that was left alone.
# Usage: run_kills.sh [COMMAND]; SEED=n chooses the moments.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
command=${1:-${SNELLEN_COMMAND:-$here/../../build/bin/snellen}}
[ -x "$command" ] || { echo "no $command: build first"; exit 77; }
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
RANDOM=${SEED:-7}

began=$(date +%s%N)
"$command" sweep "$here/points.toml" --threads 2 --quiet --out whole || { echo "FAILED: the undisturbed run"; exit 1; }
whole=$((($(date +%s%N) - began) / 1000000))
echo "undisturbed: $whole ms"

killed=0
resumed=0
while [ $killed -lt 10 ]; do
  "$command" sweep "$here/points.toml" --threads 2 --quiet --out pieces >/dev/null 2>err & process=$!
  # Ten moments spread over about the time of the whole, some while it starts, some in its midst.
  milliseconds=$((RANDOM % (whole / 6) + 1))
  sleep "$(printf '%d.%03d' $((milliseconds / 1000)) $((milliseconds % 1000)))"
  if kill -KILL $process 2>/dev/null; then
    killed=$((killed + 1))
    wait $process 2>/dev/null
    points=$(find pieces/points -name '*.json' 2>/dev/null | wc -l)
    echo "killed after $milliseconds ms: $points points are there"
    [ "$points" -ge "$resumed" ] || { echo "FAILED: points were lost: $points after $resumed"; exit 1; }
    resumed=$points
  else
    wait $process
    echo "done before the kill: begins anew"
    rm -rf pieces
    resumed=0
  fi
done
sleep 1
[ -z "$(pgrep -f "sweep-worker $here/points.toml pieces" || true)" ] || { echo "FAILED: workers outlive their master"; exit 1; }
"$command" sweep "$here/points.toml" --threads 2 --out pieces 2>err || { echo "FAILED: the last run"; cat err; exit 1; }
! grep -q corrupt err || { echo "FAILED: a point file was not whole"; cat err; exit 1; }
for file in results.jsonl results.csv report.html results.h5; do
  [ -e whole/$file ] || { [ $file = results.h5 ] && continue; }
  cmp whole/$file pieces/$file || { echo "FAILED: $file differs"; exit 1; }
done
[ "$(wc -l <whole/results.jsonl)" -eq 200 ] || { echo "FAILED: not 200 points"; exit 1; }
[ -z "$(find pieces/points pieces/claims -type f ! -name '*.json')" ] || { echo "FAILED: something is left behind"; exit 1; }
echo "ten kills, 200 points, the same bytes"
