#!/usr/bin/env bash
# Makes the system fail under the built command, at every moment that matters, and checks that nothing wrong gets out: each fault is detected (an exit code
# that is neither "proved" nor "refuted", a message, no report) or harmless (the very report that an undisturbed run writes).
#   tests/faults/run_faults.sh [--quick] COMMAND INJECT      the built snellen and libsnellen_inject.so (inject.cpp says what it can do)
# Prints a table: fault, injected, detected, harmless, FAILED. --quick injects every fifth moment. Exit code 0 where nothing failed; 77 where it cannot run.
set -u
step=1
if [[ ${1:-} == --quick ]]; then step=5; shift; fi
command=$(realpath "${1:?the built command}") inject=$(realpath "${2:?libsnellen_inject.so}")
fixtures=$(cd "$(dirname "$0")/.." && pwd)/engines/fixtures/tiny
folder=$(mktemp -d) || exit 1
trap 'umount "$folder/disk" 2> /dev/null; rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive

case_of() {  # TITLE MODEL > case
  printf 'title = "%s"\n[model]\n%s\n[family]\nprefix = [1]\nunit = [2]\nlengths = { to = 4 }\n[measure]\nformats = ["bf16"]\ncriteria = ["bitwise"]\ninevitable = false\n' "$1" "$2"
}
small='random = { layers = 1, width = 8, heads = 2, hidden = 8, vocab = 6, position = "none" }'
case_of old "$small" > old.toml
case_of new "$small" > new.toml
cp "$fixtures/llama_gguf/model.gguf" model.gguf
case_of file 'path = "model.gguf"' > file.toml
for name in old new file; do
  env PATH=/nonexistent "$command" certify $name.toml --quiet --out reference-$name > /dev/null || { echo "the undisturbed run of $name.toml failed"; exit 1; }
done

compared="report.json certificate.json distances.csv report.html"  # environment.json has times in it
# same FOLDER REFERENCE: the reports are this reference's, complete, and nothing of a writer is left
same() {
  for file in $compared; do cmp -s "$1/$file" "reference-$2/$file" || return 1; done
  [[ -s $1/environment.json ]]
}
# whole FOLDER: where report.json is, it is one complete set
whole() { [[ ! -e $1/report.json ]] || same "$1" old || same "$1" new || same "$1" file; }
leftovers() { find "$1" -name '.snellen-*' 2> /dev/null | grep -q .; }

injected=0 detected=0 harmless=0 failed=0 total=0 all_failed=0
complain() { failed=$((failed + 1)); echo "FAILED: $*" >&2; }
row() {
  printf '%-44s %9d %9d %9d %7d\n' "$1" "$injected" "$detected" "$harmless" "$failed"
  ((injected > 0)) || { echo "FAILED: $1: nothing was injected" >&2; failed=$((failed + 1)); }
  total=$((total + injected)) all_failed=$((all_failed + failed)) injected=0 detected=0 harmless=0 failed=0
}
# run NAME COMMAND...: the code in $code, what it says in out and err
run() {
  code=0
  { "$@" > out 2> err; } 2> /dev/null || code=$?  # the shell's own word on a process that was killed is left out
}
# judge WHAT FOLDER REFERENCE: after run. Success means this reference; anything else one of the codes for it, a message, and no half report.
judge() {
  injected=$((injected + 1))
  if ((code == 0)); then
    if same "$2" "$3"; then harmless=$((harmless + 1)); else complain "$1: exit code 0 without the right report"; fi
  elif ((code == 2 || code == 70)) && [[ -s err ]] && whole "$2"; then
    detected=$((detected + 1))
  else
    complain "$1: exit code $code: $(tail -1 err)"
  fi
}
disturbed() {  # VARIABLE=VALUE... -- COMMAND...
  local settings=()
  while [[ $1 != -- ]]; do settings+=("$1"); shift; done
  shift
  run env PATH=/nonexistent LD_PRELOAD="$inject" "${settings[@]}" "$@"
}

printf '%-44s %9s %9s %9s %7s\n' fault injected detected harmless FAILED

# Killed before every single change to the file system, over an earlier report: the old one, the new one, or none; and the next run puts all in order.
run env PATH=/nonexistent LD_PRELOAD="$inject" COUNT="$folder/count" SNELLEN_FAULT=none "$command" certify new.toml --quiet --out counted
changes=$(cat count)
((changes > 20)) || { echo "only $changes changes to the file system were seen: the library was not loaded"; exit 77; }
for ((k = 1; k <= changes + 8; k += step)); do
  rm -rf kill && cp -r reference-old kill
  disturbed SNELLEN_FAULT=kill AT=$k -- "$command" certify new.toml --quiet --out kill
  injected=$((injected + 1))
  if ((code == 0)); then
    if same kill new; then harmless=$((harmless + 1)); else complain "killed at $k: exit code 0 without a report"; fi
    continue
  fi
  if ((code == 137)) && whole kill; then detected=$((detected + 1)); else complain "killed at $k: exit code $code, $(ls kill | tr '\n' ' ')"; fi
  run env PATH=/nonexistent "$command" certify new.toml --quiet --out kill
  { ((code == 0)) && same kill new && ! leftovers kill; } || complain "the run after one that was killed at $k: exit code $code, $(ls -a kill | tr '\n' ' ')"
done
row "killed before a change to the file system"

# The disk is full, or fails, from a moment on: what was there is there still.
for error in enospc eio; do
  for ((k = 1; k <= changes; k += step)); do
    rm -rf full && cp -r reference-old full
    disturbed SNELLEN_FAULT=$error AT=$k -- "$command" certify new.toml --quiet --out full
    judge "$error from change $k on" full new
    leftovers full && complain "$error from change $k on: a folder is left"
  done
  row "$([[ $error == enospc ]] && echo "disk full" || echo "input/output error") from a change on"
done

# A real file system without room, where this user may mount one; standard output that cannot be written to.
mkdir -p disk
if mount -t tmpfs -o size=64k,nr_inodes=64 none disk 2> /dev/null; then
  for room in 0 4 8 16 32 48; do
    rm -rf disk/* && head -c $((65536 - room * 1024)) /dev/zero > disk/filler 2> /dev/null
    run env PATH=/nonexistent "$command" certify new.toml --quiet --out disk/reports
    judge "$room KiB left" disk/reports new
  done
  row "a file system with little room"
  umount disk
fi
code=0
env PATH=/nonexistent "$command" formats > /dev/full 2> err || code=$?
mkdir -p nothing
judge "standard output is full" nothing none
row "standard output is full"

# A model file is shortened or written to while it is mapped; files that cannot be read to their end.
for fault in truncate modify; do
  cp "$fixtures/llama_gguf/model.gguf" model.gguf
  disturbed SNELLEN_FAULT=$fault FILE=model.gguf -- "$command" certify file.toml --quiet --out read-$fault
  judge "$fault" read-$fault file
  ((code == 2)) && grep -q model.gguf err || complain "$fault: the file is not named: $(tail -1 err)"
done
cp "$fixtures/llama_gguf/model.gguf" model.gguf
row "a model changes while it is read"
cp -r "$fixtures/llama" folder
printf '[3, 5]\n[1, 2]\n[3, 4, 5, 6, 7]\n' > prompts
disturbed SNELLEN_FAULT=unreadable FILE=prompts -- "$command" next folder prompts --quiet
mkdir -p nothing && judge "prompts that end in an error" nothing none
for file in old.toml model.gguf; do
  disturbed SNELLEN_FAULT=unreadable FILE=$file -- "$command" certify $([[ $file == old.toml ]] && echo old || echo file).toml --quiet --out unreadable-$file
  judge "$file that ends in an error" unreadable-$file $([[ $file == old.toml ]] && echo old || echo file)
done
row "a file that cannot be read to its end"

# Little memory: every limit gives the right report or none. (Addresses count, so the program alone takes some 100 MiB.)
for megabytes in $(seq 40 $((4 * step)) 240) 400 800 1600; do
  rm -rf memory
  run bash -c 'ulimit -v $(($1 * 1024)); shift; PATH=/nonexistent exec "$@"' bash $megabytes "$command" certify new.toml --quiet --out memory
  # Before main() the loader and libgomp have codes of their own: 127 and 1.
  if { ((code == 127 || code == 126)) || { ((code == 1)) && grep -q '^libgomp: Out of memory' err; }; } && [[ ! -e memory ]]; then injected=$((injected + 1)) detected=$((detected + 1)); else judge "$megabytes MiB of addresses" memory new; fi
done
row "out of memory"

# The floating-point environment at the start: another rounding direction, flushed results, flushed operands, workers that flush.
for fault in upward downward towards-zero flush denormals flush-workers; do
  disturbed SNELLEN_FAULT=$fault -- "$command" certify new.toml --quiet --out mode-$fault
  judge "$fault" mode-$fault new
  ((code == 2)) && grep -q "floating-point environment" err || complain "$fault: not detected: $(tail -1 err)"
done
row "rounding mode or flush-to-zero at the start"

# A library that was built with -ffast-math: where its start-up code flushes subnormal numbers (fast_math.cpp), that is noticed.
fast=$(dirname "$inject")/libsnellen_fast_math.so
run env PATH=/nonexistent LD_PRELOAD="$fast" "$command" certify new.toml --quiet --out fast
judge "a library built with -ffast-math" fast new
grep -q "cannot be preloaded" err && complain "a library built with -ffast-math: it was not loaded: $(tail -1 err)"
row "a library built with -ffast-math is loaded"

# Clocks that jump.
disturbed SNELLEN_FAULT=clock -- "$command" certify new.toml --out clock
judge "clocks that jump" clock new
((code == 0)) || complain "clocks that jump: exit code $code"
row "clocks that jump"

# Two processes, and then four, in one folder, slowed down so that they meet: one complete set, whoever was last.
for ((round = 0; round < 24; round += 2 * step)); do
  rm -rf both
  pids=()
  for ((i = 0; i < 2 + 2 * (round % 4 == 0); ++i)); do
    env PATH=/nonexistent LD_PRELOAD="$inject" SNELLEN_FAULT=slow "$command" certify $( ((i % 2)) && echo old || echo new).toml --quiet --out both > /dev/null 2> err-$i &
    pids+=($!)
  done
  injected=$((injected + 1)) codes=
  for pid in "${pids[@]}"; do wait "$pid"; codes+="$? "; done
  if [[ $codes =~ ^(0 )+$ ]] && { same both old || same both new; } && ! leftovers both; then harmless=$((harmless + 1)); else complain "writers in one folder: exit codes $codes, $(ls -a both | tr '\n' ' ')"; fi
done
row "several processes in one folder"

# Stopped by a signal at a time of the clock's choosing.
for ((round = 0; round < 20; round += step)); do
  rm -rf stopped && cp -r reference-old stopped
  env PATH=/nonexistent "$command" certify new.toml --quiet --out stopped > /dev/null 2> err &
  pid=$!
  sleep "0.0$((round % 10))$((round / 2 % 10))"
  kill -$( ((round % 2)) && echo TERM || echo KILL) $pid 2> /dev/null
  wait $pid 2> /dev/null
  code=$? injected=$((injected + 1))
  if ((code == 0)) && same stopped new; then harmless=$((harmless + 1))
  elif ((code == 130 || code == 137 || code == 143)) && whole stopped; then detected=$((detected + 1))
  else complain "stopped by a signal: exit code $code, $(ls stopped | tr '\n' ' ')"; fi
done
row "stopped by SIGTERM or SIGKILL at any time"

echo "$total faults injected, $((total - all_failed)) survived"
((all_failed == 0))
