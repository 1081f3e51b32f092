#!/usr/bin/env bash
# A sweep of small models: points, results, resuming, shards, merging, and everything that can go wrong with a folder.
set -u
command=${SNELLEN_COMMAND:?the built command}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0
tested=0
# expects NAME CODE COMMAND...: standard output in out, standard error in err.
expects() {
  local name=$1 wanted=$2
  shift 2
  tested=$((tested + 1))
  "$@" >out 2>err
  local code=$?
  [ $code -eq "$wanted" ] && return
  echo "FAILED: $name: exit code $code, expected $wanted"
  cat out err
  failures=$((failures + 1))
}
# holds NAME COMMAND...: the command succeeds.
holds() {
  local name=$1
  shift
  tested=$((tested + 1))
  "$@" >/dev/null && return
  echo "FAILED: $name"
  failures=$((failures + 1))
}
# same NAME FOLDER: its results are those of the first run, byte for byte.
same() {
  local name=$1 file
  for file in results.jsonl results.csv report.html; do holds "$name: $file" cmp one/$file "$2/$file"; done
  [ ! -e one/results.h5 ] || holds "$name: results.h5" cmp one/results.h5 "$2/results.h5"
}

cat >small.toml <<'SWEEP'
title = "Small"
[case.model]
random = { width = 8, heads = 2, hidden = 8, vocab = 6, layers = 1 }
[case.family]
prefix = [1]
unit = [2]
lengths = { to = 4 }
[case.measure]
formats = ["e4m3", "bf16"]
inevitable = false
[[axis]]
key = "model.random.position"
values = ["none", "rope"]
label = "position"
[[axis]]
key = "family.lengths.to"
range = { from = 3, to = 5 }
label = "horizon"
[[axis]]
key = "model.random.seed"
seeds = 2
[output]
distances = true
SWEEP

expects "a sweep" 0 "$command" sweep small.toml --threads 1 --out one
holds "one line a point" test "$(grep -cE '^[0-9a-f]{8} position (none|rope), horizon [345], seed [12]: done in ' err)" -eq 12
holds "says that all are there" grep -q "^12 of 12 points$" out
holds "a file a point" test "$(find one/points -name '*.json' | wc -l)" -eq 12
holds "no claim is left" test -z "$(ls one/claims)"
holds "a line of JSON a point" test "$(grep -c '^{"schema":"snellen.point/1"' one/results.jsonl)" -eq 12
holds "every row in the CSV" test "$(grep -c ',done,' one/results.csv)" -eq $((12 * 7))
holds "as many fields in every line of it" test "$(awk -F, '{print NF}' one/results.csv | sort -u | wc -l)" -eq 1
holds "the environment" grep -q '"commit"' one/environment.json
holds "the report has pictures" grep -q '<svg' one/report.html

expects "again: nothing to do" 0 "$command" sweep small.toml --threads 1 --out one
holds "and nothing done" test "$(grep -c ' done in ' err)" -eq 0
expects "two workers" 0 "$command" sweep small.toml --threads 2 --out two --quiet
holds "--quiet is silent" test ! -s err
same "two workers" two
expects "one worker of two threads" 0 "$command" sweep small.toml --threads 2 --workers 1 --out wide --quiet
same "one worker of two threads" wide

# Shards in one folder, and in folders of their own.
expects "shard 1 of 2" 0 "$command" sweep small.toml --shard 1/2 --threads 1 --out shards
holds "half of the points" grep -q "^6 of 6 points of shard 1/2 are there" out
holds "no results yet" test ! -e shards/results.csv
expects "shard 2 of 2, as SLURM says it" 0 env SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_STEP=4 SLURM_ARRAY_TASK_COUNT=2 "$command" sweep small.toml --threads 1 --out shards --quiet
same "shards" shards
expects "a shard elsewhere" 0 "$command" sweep small.toml --shard 1/2 --threads 1 --out left --quiet
expects "the other one elsewhere" 0 "$command" sweep small.toml --shard 2/2 --threads 1 --out right --quiet
expects "half of a sweep merged" 3 "$command" merge left
holds "says what is missing" grep -q "6 of 12 points, 6 missing" out
expects "both halves merged" 0 "$command" merge left right
same "two folders" left
expects "merged once more" 0 "$command" merge left right
same "once more" left

# Two processes at once.
"$command" sweep small.toml --threads 1 --out pair --quiet >/dev/null & first=$!
"$command" sweep small.toml --threads 1 --out pair --quiet >/dev/null & second=$!
wait $first; holds "the one of two processes" test $? -eq 0
wait $second; holds "the other of two processes" test $? -eq 0
same "two processes" pair
holds "no point twice" test "$(cat pair/runs/*.jsonl | grep -c '"status":"done"')" -eq 12

# A point file that is not whole is named and computed again.
cp -r one bad
points=(bad/points/*.json)
truncate -s -20 "${points[0]}"
sed -i 's/"undecided":0/"undecided":1/' "${points[1]}"
cp "${points[3]}" "${points[2]}"
expects "merging corrupt points" 3 "$command" merge bad
for k in 0 1 2; do holds "names corrupt point $k" grep -q "$(basename "${points[$k]}")" err; done
holds "sets them aside" test "$(find bad/points -name '*.corrupt' | wc -l)" -eq 3
printf 'x' >"${points[0]}"
expects "running on corrupt points" 0 "$command" sweep small.toml --threads 1 --out bad
holds "names it" grep -q "$(basename "${points[0]}"): found 1 bytes" err
holds "computes three" test "$(grep -c ' done in ' err)" -eq 3
same "after corruption" bad

# Wrong sweeps.
refuses() {  # refuses NAME TEXT: the sweep on standard input
  cat >wrong.toml
  expects "$1" 2 "$command" sweep wrong.toml --out wrong
  holds "$1: says where" grep -qF -- "$2" err
  holds "$1: one line" test "$(wc -l <err)" -eq 1
  holds "$1: leaves nothing" test ! -e wrong
}
sed 's/model.random.position/model.random.positoin/' small.toml | refuses "a wrong axis name" "wrong.toml:12: model.random.positoin: found an unknown key"
sed 's/"none", "rope"/"none", "rop"/' small.toml | refuses "a wrong value" "wrong.toml:12: model.random.position: found \"rop\""
sed 's/seeds = 2/seeds = 2\nvalues = [1]/' small.toml | refuses "two kinds of values" "wrong.toml:20: axis.key: found several of values, range and seeds"
sed 's/from = 3, to = 5/from = 5, to = 3/' small.toml | refuses "a range that ends before it begins" "wrong.toml:17: axis.range.to: found 3"
sed 's/\[\[axis\]\]/[[axes]]/' small.toml | refuses "another table" "axes: found an unknown key"
sed 's/"model.random.seed"/"family.lengths"/' small.toml | refuses "a key within another axis's" "family.lengths beside family.lengths.to"
printf 'title = "x"\n[[axis]]\nkey = "a"\nvalues = [1]\n' | refuses "no template" "case: missing"
expects "no sweep" 2 "$command" sweep nowhere.toml
expects "a bad shard" 2 "$command" sweep small.toml --shard 3/2 --out wrong
expects "merging no sweep" 2 "$command" merge nowhere

# A folder that came from anybody (2026-11-28): names that are paths, places that are no indices, devices for files, lines of runs that say nothing.
cp -r one hostile
mkdir outside && echo '{}' >outside/victim.json
name=$(basename "${points[0]}" .json)
sed -i "s|$name|../../outside/victim|" hostile/sweep.json
expects "a point's name that is a path" 2 "$command" merge hostile
holds "says so" grep -q "expected 32 hexadecimal digits" err
holds "touches nothing outside" test "$(ls outside)" = victim.json
cp one/sweep.json hostile/ && sed -i '/"points"/,$s/ 1$/ 1000000/' hostile/sweep.json
expects "a point's place beyond its axis" 2 "$command" merge hostile
holds "says which" grep -q "found a place beyond axis" err
rm hostile/sweep.json && ln -s /dev/zero hostile/sweep.json
expects "a device for a sweep" 2 "$command" merge hostile
rm hostile/sweep.json && cp one/sweep.json hostile/
rm "hostile/points/$name.json" && ln -s /dev/zero "hostile/points/$name.json"
printf '%*s\n' 100000 '' | tr ' ' '[' >>hostile/runs/deep.jsonl
printf '{"schema":"snellen.run/1"}\n{"point":5,"status":[],"seconds":"x","threads":1e300}\n{"point":' >hostile/runs/wrong.jsonl
ln -s /dev/zero hostile/runs/zero.jsonl
echo '{"sweep": [], "core_seconds": {}}' >hostile/plan.json
expects "a device for a point, runs that say nothing" 3 "$command" merge hostile
holds "names the point" grep -q "$name.json: is not a regular file" err

# Bodies that are no result, with the right digest; links where files are written.
body="{\"schema\":\"snellen.point/1\",\"point\":\"$name\",\"status\":\"done\",\"report\":{\"precision_bits\":128,\"model\":{\"sha256\":5},\"collapse\":[]}}"
rm -f "hostile/points/$name.json"
printf '{"schema":"snellen.point-file/1","sha256":"%s","bytes":%d,"commit":"x"}\n%s\n' "$(printf %s "$body" | sha256sum | cut -c1-64)" ${#body} "$body" >"hostile/points/$name.json"
expects "a body that is no result" 2 "$command" merge hostile
holds "says where" grep -q "$name.json: line 2: model.sha256: found something else, expected a text" err
cp one/points/"$name.json" hostile/points/
rm hostile/plan.json && mkfifo hostile/plan.json
expects "a pipe for a plan" 0 timeout 60 "$command" merge hostile
rm -r hostile/claims && mkdir claimed && touch claimed/precious && ln -s ../claimed hostile/claims
expects "a link for the claims" 2 "$command" merge hostile
holds "removes nothing" test -e claimed/precious
rm hostile/claims && mkdir hostile/claims
linked() {  # the file of the process that this one becomes, for the next minute
  local now=$(date +%s) k
  for k in $(seq 0 59); do ln -s ../../outside/written "hostile/runs/$(date -u -d "@$((now + k))" +%Y%m%dT%H%M%SZ)-$(uname -n)-$BASHPID.jsonl"; done
  exec "$command" sweep small.toml --threads 1 --out hostile
}
(linked) >out 2>err
holds "a link for the run's file" test $? -eq 2
holds "is named" grep -q "jsonl: cannot write the file: Too many levels of symbolic links" err
holds "and writes nothing" test ! -e outside/written

# Two sweeps in one folder.
sed 's/seeds = 2/seeds = 3/; s/"Small"/"Larger"/' small.toml >larger.toml
cp -r one grown
expects "another sweep in the same folder" 2 "$command" sweep larger.toml --threads 1 --out grown
holds "says which is there" grep -q 'found another sweep, "Small" of 12 points, expected "Larger" of 18' err
same "nothing is lost" grown
expects "unless it is wanted" 0 "$command" sweep larger.toml --threads 1 --out grown --extend
holds "what both have is kept" test "$(grep -c ' done in ' err)" -eq 6

# A point whose values do not go together fails and is recorded; the others go on.
sed 's/"family.lengths.to"/"model.random.heads"/; s/range = .*/values = [2, 3, 4]/; s/label = "horizon"/label = "heads"/' small.toml >mixed.toml
sed -i 's/width = 8/width = 12, position = "none"/; s/values = \["none", "rope"\]/values = [12, 8]/; s/model.random.position/model.random.width/; s/label = "position"/label = "width"/' mixed.toml
expects "points that fail" 1 "$command" sweep mixed.toml --threads 1 --out mixed
holds "they are counted" grep -q "^12 of 12 points, 2 failed" out
holds "they are named" test "$(grep -c 'width 8, heads 3, seed [12]: failed: .*heads' err)" -eq 2
holds "and in the results" test "$(grep -c '"status":"failed"' mixed/results.jsonl)" -eq 2
expects "a re-run leaves them" 1 "$command" sweep mixed.toml --threads 1 --out mixed
holds "alone" test "$(grep -c 'failed:' err)" -eq 0
expects "--retry tries again" 1 "$command" sweep mixed.toml --threads 1 --out mixed --retry
holds "both" test "$(grep -c 'failed:' err)" -eq 2

# A full disk: files may grow to 7 KB, which some points need and the others do not.
expects "a full disk" 2 bash -c "trap '' XFSZ; ulimit -f 7; exec '$command' sweep small.toml --threads 1 --out full --quiet"
holds "says what cannot be written" grep -qE "full/points/[0-9a-f]+.json: cannot write the file: File too large" err
holds "leaves nothing half written" test -z "$(find full -name '*.tmp' -o -name 'results.*')"
expects "goes on when there is room" 0 "$command" sweep small.toml --threads 1 --out full --quiet
same "after a full disk" full

# Stopped on request, it ends and goes on.
sed 's/layers = 1/layers = 1000/; s/to = 4 }/to = 4 }\n[case.precision]\nstart_bits = 512/' small.toml >long.toml
"$command" sweep long.toml --threads 2 --out long >out 2>err & process=$!
sleep 2
kill -TERM $process
wait $process
holds "SIGTERM ends it with 130" test $? -eq 130
holds "and says so" grep -q "stopped on request" err
holds "no claim is left by SIGTERM" test -z "$(ls long/claims)"
holds "no worker is left" test -z "$(pgrep -f "sweep-worker long.toml" || true)"

# A worker that somebody else ends is replaced, and its point computed all the same; one that is killed fails its point, which the next run tries again.
sed 's/layers = 1/layers = 60/; s/seeds = 2/seeds = 1/; s/to = 5/to = 4/' small.toml >slow.toml
"$command" sweep slow.toml --threads 1 --out slow >out 2>err & process=$!
worker() { pgrep -f "sweep-worker slow.toml slow" || true; }
for _ in $(seq 100); do [ -n "$(worker)" ] && break; sleep 0.1; done
kill -TERM "$(worker)"
wait $process
holds "a worker that is asked to end costs nothing" test $? -eq 0
holds "its point is there" grep -q "^4 of 4 points$" out
rm -r slow
"$command" sweep slow.toml --threads 1 --out slow >out 2>err & process=$!
for _ in $(seq 200); do [ -n "$(ls slow/claims 2>/dev/null)" ] && [ -n "$(worker)" ] && break; sleep 0.05; done
kill -KILL "$(worker)"
wait $process
holds "a worker that is killed fails its point" test $? -eq 1
holds "with the reason" grep -q "failed: the process that computed it ended by signal 9 (Killed) (out of memory?)" err
expects "the next run tries it again" 0 "$command" sweep slow.toml --threads 1 --out slow
holds "it alone" test "$(grep -c ' done in ' err)" -eq 1

# No process can be started, for the program is gone: one error, and no point is blamed.
cp "$command" gone
sed 's/seeds = 2/seeds = 500/' small.toml >many.toml  # so many that reading them takes longer than it takes to be gone
./gone sweep many.toml --threads 2 --out gone-out --quiet >out 2>err & process=$!
until [ "$(readlink /proc/$process/exe)" = "$(readlink -f gone)" ]; do :; done
kill -STOP $process
rm gone
kill -CONT $process
wait $process
holds "no worker can be started" test $? -eq 2
holds "says so" grep -q "a process to compute points, .* ended with exit status 127" err
holds "no point is blamed" test -z "$(ls gone-out/points)"

echo "$tested checks, $failures failures"
[ $failures -eq 0 ] && [ $tested -eq 120 ]
