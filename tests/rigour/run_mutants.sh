#!/usr/bin/env bash
# Breaks the code on purpose, one edit of mutants.list at a time, and checks that the named test turns red: a suite that lets a mutant live does not test
# what the edit broke. Works on a copy of the sources, with a build of its own; nothing outside WORK is touched.
#   tests/rigour/run_mutants.sh [--work DIR] [--list FILE] [--sample N [--seed S]] [--part K/N] [--minutes M] [--in-place] [--quick] [WORDS]
# WORDS: only the mutants whose name or test contains them; --quick: only those whose test is not slow and that are not marked as untried; --sample N: N of them, drawn by the seed; --part K/N: every N-th of them, beginning with the K-th;
# --minutes M: none is begun after that. Each result is kept in DIR/results.tsv (a later one of the same mutant takes its place);
# LIMIT: the seconds that a test may take (600; a slow or busy machine needs more).
# --in-place: edits this very checkout, which must have nothing uncommitted, and its build/, so that nothing is compiled twice; every file is put back at the end.
# --summary prints the table of all results that are kept, and runs nothing.
# Exit code 0: every mutant died; 1: some lived, or a test fails on the unbroken code; 2: the list does not fit the sources. Takes minutes: each mutant
# compiles what it touches and runs one test file. A mutant that does not compile, runs forever or crashes outside a check has not been caught by a check.
set -euo pipefail
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$source/build/mutants list=$source/tests/rigour/mutants.list limit=${LIMIT:-600} words= sample= seed=1 part= minutes= summary=0 in_place=0 quick=0
while (($#)); do
  case $1 in
    --work) work=$2; shift 2 ;;
    --list) list=$2; shift 2 ;;
    --sample) sample=$2; shift 2 ;;
    --seed) seed=$2; shift 2 ;;
    --part) part=$2; shift 2 ;;
    --minutes) minutes=$2; shift 2 ;;
    --summary) summary=1; shift ;;
    --in-place) in_place=1; shift ;;
    --quick) quick=1; shift ;;
    *) words=$1; shift ;;
  esac
done
results=$work/results.tsv
print_summary() {
  echo "mutants killed / tried, by what they break:"
  sort -t $'\t' -k2,2 "$results" | awk -F '\t' '{ split($3, part, "/"); folder = part[1] (part[1] == "lib" ? "/" part[2] : ""); ++tried[folder]; ++all; if ($1 == "died") { ++killed[folder]; ++dead } }
    END { for (f in tried) printf "  %-14s %3d / %d\n", f, killed[f], tried[f] | "sort"; close("sort"); printf "  %-14s %3d / %d\n", "together", dead, all }'
  if grep -qv '^died' "$results"; then echo "alive:"; grep -v '^died' "$results" | cut -f2,4; fi
}
if ((summary)); then [[ -s $results ]] && print_summary; exit; fi
if ((in_place)); then
  [[ -z $(git -C "$source" status --porcelain) ]] || { echo "--in-place: there are uncommitted changes, which an edit might be mixed up with"; exit 2; }
  copy=$source build=$source/build
  mkdir -p "$work"
  trap 'git -C "$source" checkout --quiet -- .' EXIT
else
  copy=$work/source build=$work/source/build
  mkdir -p "$build"
  (cd "$source" && git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create --file=-) | tar --extract --touch --file=- --directory="$copy"
  # Of the tests only those that the list names are built.
  find "$copy/tests" -name '*_test.cpp' -print | while IFS= read -r path; do
    grep -qx "test $(basename "$path" .cpp)" "$list" || rm "$path"
  done
fi

compile() { cmake --build "$build" --target snellen_tests --parallel "${JOBS:-2}" > "$work/build.log" 2>&1; }
# 0: passed; 1: a check failed; 2: anything else (Catch's exit code is the number of failed checks, at most 255; beyond 127 it may be a signal's).
check() {
  local code=0
  (cd "$copy" && SNELLEN_SOURCE=$copy SNELLEN_BUILD=$build timeout "$limit" "$build/tests/snellen_tests" --filenames-as-tags --abort "[#$1]") > "$work/test.log" 2>&1 || code=$?
  if ((code == 0)); then grep -q "All tests passed" "$work/test.log" || return 2; return 0; fi
  grep -qE "^test cases:.* failed" "$work/test.log" && ! grep -q "fatal error condition" "$work/test.log" && return 1
  return 2
}

[[ -f $build/CMakeCache.txt ]] || cmake -S "$copy" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release ${CMAKE_ARGUMENTS:-} > "$work/configure.log"
compile || { cat "$work/build.log"; exit 1; }

declare -A sound
lived=0 died=0
began=$SECONDS number=0
# Of this name in the sample: one of `sample` smallest of the seeded digests of all names.
declare -A drawn
if [[ -n $sample ]]; then
  while IFS= read -r one; do drawn[$one]=1; done < <(
    awk -v quick="$quick" -v RS= '{ name = test = ""; n = split($0, lines, "\n"); left_out = 0
        for (i = 1; i <= n; ++i) { if (lines[i] ~ /^name /) name = substr(lines[i], 6); if (quick && (lines[i] ~ /^test .*_slow_test$/ || lines[i] == "untried")) left_out = 1 }
        if (name != "" && !left_out) print name }' "$list" | grep -F -- "$words" |
    while IFS= read -r one; do printf '%s\t%s\n' "$(printf '%s %s' "$seed" "$one" | md5sum | cut -c1-16)" "$one"; done | sort | head -n "$sample" | cut -f2)
fi
touch "$results"
keep() {  # died or lived
  grep -vF $'\t'"$name"$'\t' "$results" > "$results.new" || true
  printf '%s\t%s\t%s\t%s\n' "$1" "$name" "$file" "$test" >> "$results.new"
  mv "$results.new" "$results"
}
judge() {
  [[ -n $name ]] || return 0
  [[ -z $words || "$name $test" == *"$words"* ]] || return 0
  [[ -z $sample || -n ${drawn[$name]:-} ]] || return 0
  [[ $quick == 0 || ($test != *_slow_test && $untried == 0) ]] || return 0
  number=$((number + 1))
  [[ -z $part ]] || (((number - 1) % ${part#*/} == ${part%/*} - 1)) || return 0
  [[ -z $minutes ]] || ((SECONDS - began < 60 * minutes)) || return 0
  [[ -n $file && -n $from && -n $test ]] || { echo "mutants.list: '$name' is not complete"; exit 2; }
  if [[ -z ${sound[$test]:-} ]]; then
    compile && check "$test" || { echo "FAILS  $test fails on the unbroken code"; cat "$work/test.log"; exit 1; }
    sound[$test]=1
  fi
  cp "$copy/$file" "$work/kept"
  local places
  places=$(FROM=$from TO=$to awk -v out="$work/mutant" '{ line = $0; gsub(/^ +| +$/, "", line)
      if (line == ENVIRON["FROM"]) { ++places; print ENVIRON["TO"] > out } else print > out } END { print places + 0 }' "$work/kept")
  if ((places == 0 || (places > 1 && every == 0))); then echo "mutants.list: '$name': its line stands in $file $places times"; exit 2; fi
  # Where warnings are errors, what an edit leaves unused must not stop it.
  { printf '#pragma GCC diagnostic ignored "-W%s"\n' unused-variable unused-but-set-variable unused-parameter unused-function unused-value empty-body
    cat "$work/mutant"; } > "$copy/$file"
  local result=0
  if compile; then check "$test" || result=$?; else result=3; fi
  cp "$work/kept" "$copy/$file"
  case $result in
    1) echo "died   $name ($test)"; died=$((died + 1)); keep died; return ;;
    0) echo "LIVED  $name ($test)"; lived=$((lived + 1)) ;;
    2) echo "LIVED  $name ($test): no check failed, but it ended badly or ran for more than $limit s"; lived=$((lived + 1)) ;;
    3) echo "LIVED  $name: does not compile"; lived=$((lived + 1)) ;;
  esac
  keep lived
}

name= file= from= to= test= every=0 untried=0
while IFS= read -r line || [[ -n $line ]]; do
  case $line in
    '#'*) ;;
    '') judge; name= file= from= to= test= every=0 untried=0 ;;
    every) every=1 ;;
    untried) untried=1 ;;
    'name '*)
      [[ -z $name ]] || { echo "mutants.list: an empty line is missing between '$name' and '${line#name }'"; exit 2; }
      name=${line#name } ;;
    'file '*) file=${line#file } ;;
    'from '*) from=${line#from } ;;
    'to '*) to=${line#to } ;;
    to) to= ;;
    'test '*) test=${line#test } ;;
    *) echo "mutants.list: what is '$line'?"; exit 2 ;;
  esac
done < "$list"
judge
# The tests in build/ are somebody's to run: they must not be those of the last mutant.
((in_place == 0)) || compile
echo "$died died, $lived lived"
print_summary
((died + lived > 0 && lived == 0))
