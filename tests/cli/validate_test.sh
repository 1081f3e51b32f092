#!/usr/bin/env bash
# `snellen validate` as its users meet it, on hidden states that PyTorch wrote in float64: verdicts, exit codes, files, bad input.
set -u
command=${SNELLEN_COMMAND:?the built command}
model=$PWD/tests/engines/fixtures/tiny/llama
export SNELLEN_HOME=$PWD  # cases/engines
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
tokens=13,17,1,9,2,30,8,10,11,12,27,0,0,25,15,26
failures=0
tested=0

# expects NAME CODE TEXT ARGUMENTS...: the exit code, and TEXT on standard output or error.
expects() {
  local name=$1 wanted=$2 text=$3
  shift 3
  tested=$((tested + 1))
  "$command" validate --quiet "$@" >out 2>&1
  local code=$?
  [ $code -eq "$wanted" ] && grep -qF -- "$text" out && return
  echo "FAILED: $name: exit code $code, expected $wanted and '$text':"
  cat out
  failures=$((failures + 1))
}
holds() {
  tested=$((tested + 1))
  "${@:2}" >/dev/null && return
  echo "FAILED: $1"
  failures=$((failures + 1))
}

dump=$model/expected.safetensors
expects "a true engine" 0 "PASS: rounding of the profile fp64 explains all 5 dumped operations of 16 tokens." --model "$model" --tokens $tokens --dump "$dump" --profile fp64 --out true
for file in validation.json validation.html validation.xml validation.md tolerances.csv; do holds "$file is written" test -s true/$file; done
holds "whole layers are judged along their deviations" grep -q '"directions": \[' true/validation.json
holds "the JSON says so" grep -q '"schema": "snellen.validation/1"' true/validation.json
holds "JUnit counts" grep -q 'tests="5" failures="0" skipped="0"' true/validation.xml
holds "a picture of the growth" grep -q '<svg' true/validation.html
"$command" validate --quiet --model "$model" --tokens $tokens --dump "$dump" --profile fp64 --out again --threads 1 >out 2>&1
holds "one thread or many, the same report" cmp true/validation.json again/validation.json
expects "other tokens" 1 "FAIL: hidden.0 is the first operation" --model "$model" --tokens "3${tokens#13}" --dump "$dump" --profile fp64 --out wrong --local
holds "what is wrong is named" grep -q "holds the embedding of token id 13 at 0, where 3 was given" out
expects "no engine of fp32" 1 "is no value of the profile's format" --model "$model" --tokens $tokens --dump "$dump" --profile fp32 --out narrow --local
expects "two engines" 0 "Closer to the exact result" --model "$model" --tokens $tokens --dump "$dump" --against "$dump" --profile fp64 --out two
expects "runs of one engine" 0 "The dumps are the same" --model "$model" --tokens $tokens --dump "$dump" --run "$dump" --run "$dump" --profile fp64 --out runs --local
cat >wide.toml <<'TOML'
[formats]
storage = "fp64"
accumulator = "bf16"
TOML
expects "an envelope wider than the signal" 3 "INCONCLUSIVE" --model "$model" --tokens $tokens --dump "$dump" --profile wide.toml --out wide --local

expects "no profile" 2 "--profile: missing" --model "$model" --tokens $tokens --dump "$dump"
expects "an unknown profile" 2 "did you mean huggingface-fp16?" --model "$model" --tokens $tokens --dump "$dump" --profile huggingface-fp46
expects "wrong number of tokens" 2 "hidden.0 has 16 tokens where 2 were given" --model "$model" --tokens 1,2 --dump "$dump" --profile fp64
expects "tokens that are none" 2 "--tokens: found 'x' at byte 2" --model "$model" --tokens 1,x --dump "$dump" --profile fp64
expects "a token beyond the vocabulary" 2 "--tokens: found 32" --model "$model" --tokens 1,32 --dump "$dump" --profile fp64
expects "weights for a dump" 2 "found no tensor of the model's operations" --model "$model" --tokens $tokens --dump "$model/model.safetensors" --profile fp64
expects "no dump" 2 "missing.npz" --model "$model" --tokens $tokens --dump missing.npz --profile fp64
expects "an ending that says nothing" 2 "expected .safetensors, .npz, .npy" --model "$model" --tokens $tokens --dump wide.toml --profile fp64
expects "a rule that is none" 2 "--rename: found" --model "$model" --tokens $tokens --dump "$dump" --profile fp64 --rename '(=x'
sed -i 's/bf16/bf61/' wide.toml
expects "a format that is none" 2 'wide.toml:3: formats.accumulator: found "bf61"' --model "$model" --tokens $tokens --dump "$dump" --profile wide.toml
printf '[formats]\nstorage = "fp64"\naccumulator = "fp32"\n[sums]\nordr = "any"\n' >wide.toml
expects "an unknown key" 2 "wide.toml:5: sums.ordr: found an unknown key" --model "$model" --tokens $tokens --dump "$dump" --profile wide.toml
printf '[formats]\nstorage = "fp64"\naccumulator = "fp64"\n[sums]\norder = "blocks"\n' >wide.toml
expects "blocks of no size" 2 'found "blocks" without lanes or block' --model "$model" --tokens $tokens --dump "$dump" --profile wide.toml
printf '[formats]\nstorage = "fp64"\naccumulator = "fp64"\n[sums]\nlanes = 16\n' >wide.toml
expects "lanes without blocks" 2 'wide.toml:5: sums.lanes: found it without order = "blocks"' --model "$model" --tokens $tokens --dump "$dump" --profile wide.toml
for profile in "$SNELLEN_HOME"/cases/engines/*.toml; do
  expects "$(basename "$profile") is read" 2 "found no tensor" --model "$model" --tokens $tokens --dump "$model/model.safetensors" --profile "$(basename "$profile" .toml)"
done

echo "$tested checks, $failures failures"
[ $failures -eq 0 ] && [ $tested -ge 42 ]
