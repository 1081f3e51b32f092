#!/usr/bin/env bash
# COUNT random models (default 3000) from SEED (default 2) through the ball, interval and Euclidean worlds, against the reals at 2048 bits.
#   tests/rigour/run_random_models.sh [COUNT] [SEED]      after a build (./snellen test builds, or cmake --build build --target snellen_tests)
set -euo pipefail
tests=${SNELLEN_BUILD:-$(cd "$(dirname "$0")/../.." && pwd)/build}/tests/snellen_tests
SNELLEN_RANDOM_MODELS=${1:-3000} SNELLEN_SEED=${2:-2} exec "$tests" --filenames-as-tags "[#random_models_slow_test]"
