#!/usr/bin/env bash
# Every attack with BUDGET attempts (default 20000; costly ones count for more) from SEED (default 1):   tests/attacks/run_attacks.sh [BUDGET] [SEED] [NAME...]
# A point that breaks a bound is written to regressions/, where every later run tries it first: give its name the day, and commit it with the repair.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
attacks=${SNELLEN_BUILD:-$here/../../build}/bin/snellen_attacks
budget=${1:-20000} seed=${2:-1}
shift $(($# < 2 ? $# : 2))
OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} exec "$attacks" --budget "$budget" --seed "$seed" --regressions "$here/regressions" "$@"
