#!/usr/bin/env bash
# cppcheck over every folder of the house, with what it gets wrong listed in cppcheck.suppressions:   tests/rigour/run_static_analysis.sh [FOLDER...]
# Exit code 0: nothing found; 1: something; 77: cppcheck is not installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v cppcheck > /dev/null || { echo "cppcheck is not installed (apt-get install cppcheck)"; exit 77; }
folders=("${@:-}")
[[ -n ${folders[0]} ]] || folders=(lib bounds proofs cases reports cli tests/fuzz tests/attacks tests/faults)
cppcheck -j "${JOBS:-1}" --std=c++20 --language=c++ --enable=warning,performance,portability --inline-suppr --suppress=missingIncludeSystem \
  --suppressions-list=tests/rigour/cppcheck.suppressions --error-exitcode=1 --quiet -I . --template='{file}:{line}: {severity}: {id}: {message}' "${folders[@]}"
echo "cppcheck: nothing found in ${folders[*]}"
