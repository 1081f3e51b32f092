#!/usr/bin/env bash
# Bad input: one line on standard error that names the place, nothing on standard output, exit code 2, nothing left behind.
set -u
command=${SNELLEN_COMMAND:?the built command}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0
tested=0

model='[model]
random = { layers = 1, width = 8, heads = 2, hidden = 8, vocab = 6 }'
family='[family]
prefix = [1]
unit = [2]
lengths = { to = 3 }'

# refuses NAME EXPECTED ARGUMENTS...: EXPECTED must be in the line.
refuses() {
  local name=$1 expected=$2
  shift 2
  tested=$((tested + 1))
  before=$(find . | sort)
  "$command" "$@" >"$folder.out" 2>"$folder.err"
  local code=$? lines
  lines=$(wc -l <"$folder.err")
  if [ $code -ne 2 ] || [ "$lines" -ne 1 ] || [ -s "$folder.out" ] || ! grep -qF -- "$expected" "$folder.err" || [ "$before" != "$(find . | sort)" ]; then
    echo "FAILED: $name: exit code $code, $lines lines on standard error, expected '$expected':"
    cat "$folder.err" "$folder.out"
    failures=$((failures + 1))
  fi
  rm -f "$folder.out" "$folder.err"
}
# refuses_case NAME EXPECTED: the case is on standard input.
refuses_case() {
  cat >bad.toml
  refuses "$1" "$2" certify bad.toml
}

refuses_case "unknown key" "bad.toml:7: family.sufix: found an unknown key" <<<"$model
$family
sufix = [3]"
refuses_case "empty family" "bad.toml:3: family.unit: found no run token" <<<"$model
[family]
lengths = { to = 3 }"
refuses_case "no token at all" "bad.toml:5: family.lengths.from: found 0 with an empty prefix" <<<"$model
[family]
unit = [2]
lengths = { from = 0, to = 3 }"
refuses_case "token out of range" "bad.toml:4: family.prefix: found token 6, expected token ids from 0 to 5" <<<"$model
[family]
prefix = [6]
unit = [2]
lengths = { to = 3 }"
refuses_case "beyond a learned table" "bad.toml:6: family.lengths.to: found 4, whose longest sequence has 6 tokens, expected at most the 5" <<<"[model]
random = { layers = 1, width = 8, heads = 2, hidden = 8, vocab = 6, position = \"learned\", context = 5 }
[family]
prefix = [1]
unit = [2]
lengths = { to = 4 }"
refuses_case "horizon beyond evaluation" "1000000 tokens" <<<"$model
[family]
unit = [2]
lengths = { to = 1000000000 }"
refuses_case "missing model" "bad.toml:2: model.path: found no no/such/model" <<<"[model]
path = \"no/such/model\"
$family"
refuses_case "unknown format" "bad.toml:8: measure.formats: found \"bf17\"" <<<"$model
$family
[measure]
formats = [\"bf17\"]"
refuses_case "unknown profile" "bad.toml:8: engine.profiles: found \"bf16-acc23\"" <<<"$model
$family
[engine]
profiles = [\"bf16-acc23\"]"
refuses_case "not TOML" "bad.toml:1: found text that is not TOML" <<<"]["
printf '\xff\xfe\x00 = 1\n' | refuses_case "not UTF-8" "bad.toml"
refuses_case "a newline in a key" 'bad.toml:7: family.a\x0ab' <<<"$model
$family
\"a\\nb\" = 1"

printf '%s\n%s\n' "$model" "$family" >good.toml
refuses "missing case" "none.toml: found no such file" certify none.toml
refuses "a folder as case" ".: found something that is not a plain file" certify .
refuses "missing --model" "--model: found no nowhere" certify good.toml --model nowhere
refuses "--model that is no model" "good.toml" certify good.toml --model good.toml
refuses "unknown profile on the line" "--profile: found \"fp33\", expected one of" run good.toml --profile fp33
refuses "length outside the case" "--length: found 9, expected one of the case's sequences: 1 to 4" states good.toml --length 9 --out x.safetensors
refuses "no file name" "--out: found" states good.toml --length 1 --out folder/
refuses "unknown format on the line" "formats: found \"fp33\"" formats fp33
refuses "missing model on the line" "nowhere" inspect nowhere
refuses "no verb" "subcommand"
refuses "unknown verb" "found \"certif\", expected one of certify, run," certif good.toml
refuses "unknown option" "--thread" certify good.toml --thread 1
refuses "threads that are no number" "--threads" certify good.toml --threads many
refuses "no threads" "--threads" certify good.toml --threads 0
refuses "no case" "CASE" certify
touch occupied
refuses "an output folder that is a file" "occupied" certify good.toml --quiet --out occupied
refuses "an output folder below a file" "occupied" certify good.toml --quiet --out occupied/deep
if [ -w /dev/full ]; then
  tested=$((tested + 1))
  "$command" formats >/dev/full 2>"$folder.err"
  if [ $? -ne 2 ] || ! grep -q "standard output" "$folder.err"; then
    echo "FAILED: full standard output:"
    cat "$folder.err"
    failures=$((failures + 1))
  fi
  rm -f "$folder.err"
fi

echo "$tested refusals tested, $failures failures"
[ $failures -eq 0 ] && [ $tested -ge 28 ]
