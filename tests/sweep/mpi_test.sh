#!/usr/bin/env bash
# Two MPI ranks share a sweep: the same bytes as one process, every point once, one voice; a signal to one of them stops both.
set -u
command=${SNELLEN_COMMAND:?the built command}
command -v mpirun >/dev/null || { echo "skipped: no mpirun (Debian and Ubuntu: openmpi-bin)"; exit 77; }
ldd "$command" | grep -q libmpi || { echo "skipped: this build has no MPI (Debian and Ubuntu: libopenmpi-dev, then configure again)"; exit 77; }
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
cat >small.toml <<'SWEEP'
[case.model]
random = { width = 8, heads = 2, hidden = 8, vocab = 6, layers = 1 }
[case.family]
prefix = [1]
unit = [2]
lengths = { to = 6 }
[case.measure]
formats = ["bf16"]
inevitable = false
[[axis]]
key = "model.random.seed"
seeds = 16
SWEEP
"$command" sweep small.toml --threads 1 --quiet --out alone >/dev/null || exit 1
mpirun -n 2 "$command" sweep small.toml --threads 1 --out ranks >out 2>err || { echo "FAILED: two ranks"; cat out err; exit 1; }
for file in results.jsonl results.csv report.html; do cmp alone/$file ranks/$file || exit 1; done
[ "$(grep -c '^16 of 16 points' out)" -eq 1 ] || { echo "FAILED: not one summary"; cat out err; exit 1; }
[ "$(grep -cE '^rank [01]: [0-9a-f]{8} ' err)" -eq 16 ] || { echo "FAILED: not one line a point"; cat out err; exit 1; }
[ "$(cat ranks/runs/*.jsonl | grep -c '"status":"done"')" -eq 16 ] || { echo "FAILED: a point was computed twice"; exit 1; }

sed 's/layers = 1/layers = 1000/; s/to = 6 }/to = 6 }\n[case.precision]\nstart_bits = 512/' small.toml >long.toml
mpirun -n 2 "$command" sweep long.toml --threads 1 --out long >out 2>err & process=$!
for _ in $(seq 100); do [ "$(pgrep -fc "sweep-worker long.toml long" || true)" -ge 2 ] && break; sleep 0.1; done
kill -TERM "$(pgrep -f "^$command sweep long.toml" | tail -n 1)"
for _ in $(seq 300); do kill -0 $process 2>/dev/null || break; sleep 0.1; done
! kill -0 $process 2>/dev/null || { echo "FAILED: one rank was stopped, the other goes on"; kill $process; cat out err; exit 1; }
sleep 0.5
[ -z "$(pgrep -f "sweep-worker long.toml long" || true)" ] || { echo "FAILED: workers are left"; exit 1; }
echo "two ranks, 16 points, the same bytes"
