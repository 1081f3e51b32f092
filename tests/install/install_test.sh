#!/usr/bin/env bash
# Installs into a scratch folder and builds tests/install/ against it twice: by find_package and by pkg-config.
# SNELLEN_BUILD names the build folder, CMAKE and CXX the tools that made it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix

"$CMAKE" --install "$SNELLEN_BUILD" --prefix "$prefix" > "$scratch/install.log"

echo "-- find_package(snellen)"
"$CMAKE" -S . -B "$scratch/build" -G Ninja -DCMAKE_CXX_COMPILER="$CXX" -DCMAKE_PREFIX_PATH="$prefix" > "$scratch/configure.log" ||
  { cat "$scratch/configure.log"; exit 1; }
"$CMAKE" --build "$scratch/build" --verbose > "$scratch/build.log" || { cat "$scratch/build.log"; exit 1; }
grep -q -e '-ffp-contract=off' "$scratch/build.log" || { echo "the consumer is compiled without -ffp-contract=off"; exit 1; }
! grep -q -F "$(cd ../.. && pwd)/lib" "$scratch/build.log" || { echo "the consumer sees the source tree"; exit 1; }
by_cmake=$("$scratch/build/consumer")

echo "-- pkg-config snellen"
pc=$(find "$prefix" -name snellen.pc)
flags() { pkg-config --define-variable=prefix="$prefix" "$1" snellen; }
export PKG_CONFIG_PATH=${pc%/*}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
read -ra cflags <<< "$(flags --cflags)"
read -ra libs <<< "$(flags --libs)"
"$CXX" "${cflags[@]}" consumer.cpp -o "$scratch/consumer" "${libs[@]}"
by_pkg_config=$("$scratch/consumer")

[[ $by_cmake == "snellen "*" prints 1/2 as 0x"* && $by_cmake == "$by_pkg_config" ]] || { echo "found: '$by_cmake' and '$by_pkg_config'"; exit 1; }

# Every header that the libraries' users may include is there.
installed=$(find "$prefix/include/snellen" -name '*.hpp' | wc -l)
expected=$(cd ../.. && find lib bounds cases reports proofs/certificate -name '*.hpp' | wc -l)
[[ $installed -eq $expected && $expected -gt 0 ]] || { echo "$installed headers installed, the source tree has $expected"; exit 1; }
# Profiles of engines are found by their names, anywhere.
checkpoint=$PWD/../engines/fixtures/tiny/llama
cd "$scratch"
env -u SNELLEN_HOME "$prefix/bin/snellen" validate --local --quiet --model "$checkpoint" --tokens 13,17,1,9,2,30,8,10,11,12,27,0,0,25,15,26 --dump "$checkpoint/expected.safetensors" \
  --profile fp64 --out validation > validation.log || { cat validation.log; exit 1; }

echo "$installed headers; $by_cmake"
