#!/usr/bin/env bash
# Good input: every verb does its work, says it on standard output, and ends with the right exit code.
set -u
command=${SNELLEN_COMMAND:?the built command}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0
tested=0

# expects NAME CODE COMMAND...: standard output in out, standard error in err.
expects() {
  local name=$1 wanted=$2
  shift 2
  tested=$((tested + 1))
  "$@" >out 2>err
  local code=$?
  [ $code -eq "$wanted" ] && return
  echo "FAILED: $name: exit code $code, expected $wanted"
  cat err
  failures=$((failures + 1))
}
# holds NAME COMMAND...: the command succeeds.
holds() {
  local name=$1
  shift
  tested=$((tested + 1))
  "$@" >/dev/null && return
  echo "FAILED: $name"
  failures=$((failures + 1))
}

mkdir cases
cat >cases/small.toml <<'CASE'
title = "A small case"
[model]
random = { layers = 2, width = 16, heads = 2, hidden = 16, vocab = 6 }
[family]
prefix = [1]
unit = [2]
lengths = { to = 12 }
[inevitable]
work = 1e6
[engine]
profiles = ["bf16-acc32"]
CASE
# All-equal sequences: the distance is 0, and 53 bits cannot show that fp64 would round both vectors alike.
sed 's/prefix.*//; s/\[engine\]/[measure]\nformats = ["fp64"]\n[precision]\nmax_bits = 53\n[engine]/' cases/small.toml >cases/coarse.toml

expects "certify" 0 "$command" certify cases/small.toml --threads 1
for file in report.json report.html distances.csv certificate.json environment.json; do
  holds "certify writes $file" test -s "reports/generated/small/$file"
done
holds "certify prints a table" grep -q "fp32 *bitwise" out
holds "progress says what was done" grep -qE "^certified evaluation at [0-9]+ bits: 2 of 2 in " err
expects "certify on two threads, elsewhere, silent" 0 "$command" certify cases/small.toml --threads 2 --out elsewhere --quiet
holds "--quiet is silent" test ! -s err
holds "the report does not depend on threads" cmp reports/generated/small/report.json elsewhere/report.json
expects "too few bits are inconclusive" 3 "$command" certify cases/coarse.toml --quiet

# Proved for every n: the default, within a budget; the same bytes on any number of threads.
cat >cases/ever.toml <<'CASE'
[model]
random = { seed = 3, layers = 1, width = 8, heads = 2, hidden = 12, vocab = 8, position = "none" }
[family]
prefix = [1]
unit = [2]
lengths = { from = 7, to = 20 }
[measure]
formats = ["e4m3", "bf16"]
CASE
sed 's/\[measure\]/[inevitable]\nwork = 10\n[measure]/' cases/ever.toml >cases/cheap.toml
sed 's/\[measure\]/[measure]\ninevitable = false/' cases/ever.toml >cases/plain.toml
expects "for every n" 0 "$command" certify cases/ever.toml --quiet --threads 1
holds "the table says for ever" grep -qE "^From n = [0-9]+ on, for ever, bf16 cannot tell" out
holds "every row is exact" test "$(grep -cE " exact +every n$" out)" -eq 7
expects "for every n on three threads" 0 "$command" certify cases/ever.toml --quiet --threads 3 --out ever3
holds "the report does not depend on threads" cmp reports/generated/ever/report.json ever3/report.json
holds "the certificate neither" cmp reports/generated/ever/certificate.json ever3/certificate.json
expects "a spent budget is no failure" 0 "$command" certify cases/cheap.toml --quiet
holds "and is said" grep -q "nothing is proved: the budget" out
expects "not asked for" 0 "$command" certify cases/plain.toml --quiet
holds "the horizon is all" test "$(grep -cE "horizon 20$" out)" -eq 7

expects "run" 0 "$command" run cases/small.toml --profile bf16-acc32
holds "run prints every length of a short family" grep -qE "^12 +[0-9.e+-]+ +[0-9.e+-]+ +(different|identical)" out

expects "states" 0 "$command" states cases/small.toml --length 3 --bits 128 --out states/s3.safetensors
# 2 * (3 layers' states + final) arrays of 4 tokens * 16 doubles of 8 bytes, after a header of a multiple of 8 bytes.
bytes=$(stat -c %s states/s3.safetensors)
header=$(od -An -tu8 -N8 states/s3.safetensors | tr -d ' ')
holds "states has the size of its arrays" test "$bytes" -eq $((8 + header + 2 * 4 * 4 * 16 * 8))
for name in hidden.0.lower hidden.0.upper hidden.2.lower hidden.2.upper final.lower final.upper; do
  holds "states has $name" grep -qaF "\"$name\":{\"dtype\":\"F64\",\"shape\":[4,16]" states/s3.safetensors
done
expects "states again, on one thread" 0 "$command" states cases/small.toml --length 3 --bits 128 --out again.safetensors --threads 1
holds "states does not depend on threads" cmp states/s3.safetensors again.safetensors

# A gallery of two cases, one of which has no model; and the glasses of a small run.
mkdir gallery
sed 's/work = 10/work = 1e9/' cases/cheap.toml >gallery/b.toml
cat >>gallery/b.toml <<'CASE'
[paper]
exhibit = "Figure 1"
label = "a run"
says = "It collapses."
setting = "A small model."
expect = { outcome = "collapses", format = "bf16", norm = "linf" }
CASE
sed 's|^random = .*|path = "no/such.gguf"|' gallery/b.toml >gallery/a.toml
expects "a gallery goes on without a model, and says so" 3 "$command" gallery gallery --quiet --out wall
holds "the missing one is named" grep -qE "^a +Figure 1 .*found no no/such.gguf" out
holds "the other is certified" grep -qE "^b +Figure 1 .*for every n from [0-9]+ on, for ever" out
holds "the page has both" test "$(grep -c "a run" wall/index.html)" -ge 2
holds "each case has its report" test -s wall/b/report.html
expects "a gallery of what is there" 0 "$command" gallery gallery --quiet --only b --out wall1 --threads 1
holds "no case chosen is an error" test "$("$command" gallery gallery --only z >/dev/null 2>&1; echo $?)" -eq 2
expects "a case without a claim is refused" 2 "$command" gallery cases --quiet --out wall2
sed 's/^unit = .*/&\ndelimiter = { every = 1, tokens = [3] }/' cases/ever.toml >cases/spaced.toml
expects "glasses" 0 "$command" glasses cases/spaced.toml --quiet
holds "one line a format and norm" test "$(grep -cE "^(e4m3|bf16) " out)" -eq 4
holds "glasses.json is there" grep -q '"schema": "snellen.glasses/1"' reports/generated/spaced/glasses.json
expects "glasses without delimiters" 2 "$command" glasses cases/ever.toml --quiet

# Sensitivity: the same bytes for any number of threads; a logit's gradient; what cannot be asked.
expects "sensitivity" 0 "$command" sensitivity cases/small.toml --threads 1 --quiet
for file in sensitivity.json sensitivity.csv sensitivity.html; do holds "sensitivity writes $file" test -s "reports/generated/small/$file"; done
holds "one line a token" test "$(wc -l <reports/generated/small/sensitivity.csv)" -eq 14
holds "no token is left out of the table" test "$(grep -cE "^ +[0-9]+ +[0-9] " out)" -eq 13
expects "sensitivity on two threads" 0 "$command" sensitivity cases/small.toml --threads 2 --quiet --out elsewhere
holds "sensitivity does not depend on threads" cmp reports/generated/small/sensitivity.json elsewhere/sensitivity.json
{ cat cases/small.toml; printf '[sensitivity]\nof = "logit"\nagainst = 3\nlength = 5\nrows = 1\n'; } >cases/logit.toml
expects "sensitivity of the next token's logit" 0 "$command" sensitivity cases/logit.toml --quiet
holds "the gradient is there" test -s reports/generated/logit/gradient.safetensors
sed 's/^length = 5/length = 99/' cases/logit.toml >cases/far.toml
expects "sensitivity of a sequence that the case has not" 2 "$command" sensitivity cases/far.toml --quiet
holds "the message names the line" grep -q "far.toml:[0-9]*: sensitivity.length: found 99, expected" err
sed 's/^against = 3/against = 6/' cases/logit.toml >cases/far.toml
expects "a token that the model has not, for sensitivity" 2 "$command" sensitivity cases/far.toml --quiet
sed 's/^rows = 1/row = 1/' cases/logit.toml >cases/far.toml
expects "an unknown key of sensitivity" 2 "$command" sensitivity cases/far.toml --quiet

tiny=$SNELLEN_SOURCE/tests/engines/fixtures/tiny/mpt
printf '[1, 2, 3]\n[4]\n[1, 2, 3]\n' >prompts
expects "next tokens" 0 "$command" next "$tiny" prompts --quiet
holds "a token a prompt" test "$(grep -cE "^[0-9]+$" out)" -eq 3
holds "the same for the same prompt" test "$(sed -n 1p out)" = "$(sed -n 3p out)"
printf '[1, 2, 3]\n[32]\n' >prompts
expects "a token that the model has not" 2 "$command" next "$tiny" prompts --quiet
printf '[1, 2.5]\n' >prompts
expects "no token id" 2 "$command" next "$tiny" prompts --quiet
expects "no file of prompts" 2 "$command" next "$tiny" nowhere --quiet

expects "formats" 0 "$command" formats
for name in e5m2 e4m3 fp16 bf16 tf32 fp32 fp64; do holds "formats lists $name" grep -qE "^$name " out; done
holds "bf16's tolerance is the paper's" grep -qE "^bf16 +8 .*2\^-7 = 7.81250e-03" out
expects "formats of one's own" 0 "$command" formats p12:-30:31
holds "a format of one's own" grep -qE "^p12:-30:31 +12 +-30 +31 " out
expects "profiles" 0 "$command" profiles
holds "profiles lists bf16-acc32" grep -qE "^bf16-acc32 " out
expects "inspect" 0 "$command" inspect cases/small.toml
holds "inspect counts the parameters" grep -qE "^parameters +3856$" out
expects "help" 0 "$command" --help
expects "help of a verb" 0 "$command" certify --help
expects "version" 0 "$command" --version

echo "$tested checks, $failures failures"
[ $failures -eq 0 ] && [ $tested -eq 84 ]
