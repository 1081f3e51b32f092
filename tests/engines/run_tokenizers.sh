#!/bin/sh
# `snellen tokenize` against the Hugging Face tokenizers library: the two real models and every tokenizer.json of tests/files/data/tokenizers, 3000 texts each.
#
#   tests/engines/run_tokenizers.sh [SNELLEN]     SNELLEN: the built command (default: the launcher)
#
# Exit code 0: agreement; 1: a difference; 77: skipped, and why (the models: ./snellen fetch smollm2, ./snellen fetch gemma3).
set -u
cd "$(dirname "$0")/../.." || exit 1
python=${SNELLEN_PYTHON:-build/venv/bin/python}
snellen=${1:-./snellen}

skip() { echo "skipped: $1"; exit 77; }
[ -x "$snellen" ] || skip "no command $snellen"
[ -x "$python" ] || skip "no $python (tests/engines/run_heavy.sh --install)"

export TQDM_DISABLE=1
set -- smollm2=models/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf gemma3=models/gemma3/gemma-3-270m-Q4_K_M.gguf
for file in tests/files/data/tokenizers/*.json; do
  case $file in *.expected.json) ;; *) set -- "$@" "$(basename "$file" .json)=$file" ;; esac
done
exec "$python" tests/engines/compare_tokenizers.py "$snellen" "$@"
