#!/bin/sh
# `snellen next` against PyTorch's greedy choice after 50 prompts of SmolLM2.
#
#   tests/engines/run_next_tokens.sh [SNELLEN]     SNELLEN: the built command (default: the launcher)
#
# Exit code 0: agreement; 1: a difference; 77: skipped, and why.
set -u
cd "$(dirname "$0")/../.." || exit 1
python=${SNELLEN_PYTHON:-build/venv/bin/python}
snellen=${1:-./snellen}

skip() { echo "skipped: $1"; exit 77; }
[ -x "$snellen" ] || skip "no command $snellen"
[ -x "$python" ] || skip "no $python (tests/engines/run_heavy.sh --install)"

export TQDM_DISABLE=1
exec "$python" tests/engines/compare_next_tokens.py "$snellen" models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
