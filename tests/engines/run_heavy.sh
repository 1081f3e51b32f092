#!/bin/sh
# Compares `snellen states` with PyTorch: first the tiny checkpoints of every family, then SmolLM2 for a prompt of 32 tokens and Gemma 3 270M for one of 12.
#
#   tests/engines/run_heavy.sh [SNELLEN]     SNELLEN: the built command (default: the launcher)
#   tests/engines/run_heavy.sh --install     makes build/venv with the pinned Python packages (about 2 GB)
#
# Exit code 0: agreement; 1: disagreement or failure; 77: skipped, and why.
set -u
cd "$(dirname "$0")/../.." || exit 1
python=${SNELLEN_PYTHON:-build/venv/bin/python}

if [ "${1:-}" = --install ]; then
  python3 -m venv build/venv && build/venv/bin/python -m pip install -r tests/engines/requirements.txt
  exit
fi

skip() { echo "skipped: $1"; exit 77; }
snellen=${1:-./snellen}
[ -x "$snellen" ] || skip "no command $snellen"
[ -x "$python" ] || skip "no $python (tests/engines/run_heavy.sh --install)"

export TQDM_DISABLE=1
states=$(mktemp -d) || exit 1
trap 'rm -rf "$states"' EXIT

# A skip from compare_states.py (other versions of the packages, no model) is one of this script; anything else but 0 is a failure.
"$python" tests/engines/compare_states.py --self-test || exit $?
compared=0
for case in tests/engines/fixtures/tiny/*/case.toml tests/engines/smollm2_states.toml tests/engines/gemma3_states.toml; do
  model=$(sed -n 's/^path = "\(models\/.*\)"$/\1/p' "$case")
  [ -z "$model" ] || [ -e "$model" ] || skip "$compared models agree, but no $model (./snellen fetch $(basename "$(dirname "$model")"))"
  echo "== $case"
  rm -f "$states/states.safetensors"
  "$snellen" states "$case" --length 1 --out "$states/states.safetensors" || { echo "FAILED: snellen states $case"; exit 1; }
  "$python" tests/engines/compare_states.py --case "$case" --length 1 --states "$states/states.safetensors" || exit 1
  compared=$((compared + 1))
done
[ "$compared" -eq 13 ] || { echo "FAILED: $compared models compared, expected 13"; exit 1; }
echo "all $compared models agree"
