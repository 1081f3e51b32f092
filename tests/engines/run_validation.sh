#!/bin/sh
# `snellen validate` on engines that nobody here wrote: true ones must not fail under their own profiles, planted bugs must fail at their own operation.
#
#   tests/engines/run_validation.sh [SNELLEN]     SNELLEN: the built command (default: the launcher); SNELLEN_TABLES: a folder for the tables (default: a temporary one)
#
# PyTorch in four formats on the tiny checkpoints of every family and on SmolLM2, twenty bugs planted in PyTorch in three formats, and, where llama-cpp-python is
# installed in the same environment, llama.cpp on SmolLM2 with its quantised, F16 and F32 weights.
# Exit code 0: as it should be; 1: a false alarm, a missed bug, a wrong operation; 77: skipped, and why.
set -u
cd "$(dirname "$0")/../.." || exit 1
python=${SNELLEN_PYTHON:-build/venv/bin/python}
skip() { echo "skipped: $1"; exit 77; }
snellen=${1:-./snellen}
[ -x "$snellen" ] || skip "no command $snellen"
[ -x "$python" ] || skip "no $python (tests/engines/run_heavy.sh --install)"
smollm2=$(ls models/smollm2/*.gguf 2> /dev/null)
[ -n "$smollm2" ] || skip "no SmolLM2 (./snellen fetch smollm2)"

export TQDM_DISABLE=1
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
tables=${SNELLEN_TABLES:-$scratch}
tiny=tests/engines/fixtures/tiny
"$python" tests/engines/validate_engines.py --snellen "$snellen" --report "$tables/true.md" --tokens 12 --true \
  $tiny/llama $tiny/mistral $tiny/qwen2 $tiny/qwen3 $tiny/gemma $tiny/gemma2 $tiny/gemma3_text $tiny/gpt2 $tiny/mpt $tiny/llama_gguf/model.gguf || exit $?
"$python" tests/engines/validate_engines.py --snellen "$snellen" --report "$tables/planted.md" --tokens 12 --planted $tiny/qwen2 || exit $?
"$python" tests/engines/validate_engines.py --snellen "$snellen" --report "$tables/smollm2.md" --tokens 32 --true "$smollm2" || exit $?

"$python" -c 'import llama_cpp' 2> /dev/null || { echo "llama.cpp left out: pip install llama-cpp-python==0.3.36"; exit 0; }
tokens=504,28,3,1000,17,64,2,29001,555,13,8,91
for type in Q4_1 F16 F32; do
  model=$smollm2 profile=llama-cpp cache=f16
  [ $type = Q4_1 ] || { model=$scratch/$type.gguf; "$python" tests/engines/rewrite_gguf.py "$smollm2" "$model" $type || exit 1; }
  [ $type != F32 ] || { profile=llama-cpp-f32 cache=f32; }
  "$python" tests/engines/adapters/llama_cpp_dump.py --model "$model" --tokens $tokens --cache $cache --out "$scratch/dump.safetensors" > "$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
  echo "== llama.cpp, SmolLM2 in $type"
  "$snellen" validate --model "$model" --tokens $tokens --dump "$scratch/dump.safetensors" --profile $profile --local --quiet --out "$scratch/out"
  [ $? -ne 1 ] || { echo "FAILED: a false alarm"; exit 1; }
done
echo "all engines as they should be"
