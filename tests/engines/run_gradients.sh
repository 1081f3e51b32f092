#!/bin/sh
# `snellen sensitivity` against PyTorch's autograd: the gradient of a logit for every input token, of tiny checkpoints of several families and of SmolLM2.
#
#   tests/engines/run_gradients.sh [SNELLEN]     SNELLEN: the built command (default: the launcher)
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
out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT

compared=0
compare() {  # case, length
  echo "== $1"
  "$snellen" sensitivity "$1" --out "$out/result" --quiet > "$out/said" || { cat "$out/said"; echo "FAILED: snellen sensitivity $1"; exit 1; }
  "$python" tests/engines/compare_gradients.py --case "$1" --out "$out/result" || exit $?
  compared=$((compared + 1))
}

for family in gemma gemma2 gemma3_text gpt2 llama mistral mpt qwen2 qwen3; do
  { cat "tests/engines/fixtures/tiny/$family/case.toml"; printf '\n[sensitivity]\nof = "logit"\ntoken = 3\nagainst = 1\nlength = 1\nrows = 1\n'; } > "$out/$family.toml"
  compare "$out/$family.toml"
done
model=models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
[ -e "$model" ] || skip "$compared models agree, but no $model (./snellen fetch smollm2)"
compare cases/sensitivity-smollm2.toml
[ "$compared" -eq 10 ] || { echo "FAILED: $compared gradients compared, expected 10"; exit 1; }
echo "all $compared gradients agree"
