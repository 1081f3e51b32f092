#!/usr/bin/env bash
# ./snellen check as its user meets it: exit codes, words, bad input; and that the program has nothing of what it checks.
set -u
command=${SNELLEN_COMMAND:?the built command}
check=${SNELLEN_CHECK:?the built checker}
source=${SNELLEN_SOURCE:?the source root}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0

# expects NAME CODE COMMAND...: standard output in out, standard error in err.
expects() {
  local name=$1 wanted=$2
  shift 2
  "$@" >out 2>err
  local code=$?
  [ $code -eq "$wanted" ] && return
  echo "FAILED: $name: exit code $code, expected $wanted"
  cat out err
  failures=$((failures + 1))
}
holds() {
  local name=$1
  shift
  "$@" >/dev/null && return
  echo "FAILED: $name"
  failures=$((failures + 1))
}

cat >case.toml <<'CASE'
[model]
random = { seed = 3, layers = 1, width = 4, heads = 1, hidden = 4, vocab = 6, position = "alibi" }
[family]
prefix = [1]
unit = [2]
lengths = { to = 8 }
[measure]
formats = ["e4m3"]
CASE
expects "certify" 0 "$command" certify case.toml --out . --quiet
expects "every claim is verified" 0 "$check" certificate.json
holds "each by name" grep -qE "^verified +inevitable\.e4m3\.bitwise: For every n >= [0-9]+, e4m3 rounds both vectors" out
holds "and all are counted" grep -qE "^([0-9]+) claims: \1 verified, 0 refuted, 0 could not be verified$" out
holds "progress goes to standard error" grep -q "^checking lengths 1 to 8 at " err
expects "quiet" 0 "$check" certificate.json --quiet --threads 1
holds "says only how many" test "$(wc -l <out)" -eq 1 -a ! -s err
expects "fewer lengths leave claims open" 3 "$check" certificate.json --up-to 3
holds "and say so" grep -q "only lengths up to 3 were asked for: those are as claimed" out
expects "no work, no proof" 3 "$check" certificate.json --work 10
sed 's/"to": 8/"to": 9/' certificate.json >changed.json
expects "a changed file is refused" 2 "$check" changed.json
holds "by its digest" grep -q "^snellen check: changed.json: digest: does not fit the content" err
sed 's/"seed = 3"//; s/random: seed 3/random: seed 4/' certificate.json >changed.json
expects "another model's too" 2 "$check" changed.json
mkdir llama && cp "$source"/tests/engines/fixtures/tiny/llama/{config.json,model.safetensors} llama
expects "a model that is not the certificate's" 2 "$check" certificate.json --model llama
holds "by its digest" grep -q "model.sha256: found .*: the certificate speaks of another model" err
expects "no file" 2 "$check" nowhere.json
echo '[[[[' >broken.json
expects "no JSON" 2 "$check" broken.json
printf '[%.0s' $(seq 100) >deep.json
expects "nested too deep" 2 "$check" deep.json
head -c 300 certificate.json >half.json
expects "half a file" 2 "$check" half.json
cp report.json report.copy.json
expects "another kind of file" 2 "$check" report.copy.json
expects "no argument" 2 "$check"
expects "an unknown option" 2 "$check" certificate.json --believe

# Nothing of bounds/, the worlds, the decoder or FLINT's wrappers: what is checked twice must not be the same code.
allowed='"((proofs/(certificate|checker)/[a-z_]+|lib/files/[a-z0-9_]+|lib/(error|version)|lib/model/(model|synthetic)|lib/number/(interval|dyadic|length|enclosure))\.hpp|proofs/checker/[a-z_]+\.inc)"'
others=$(grep -rhoE '#include "[^"]*"' "$source"/proofs/{certificate,checker,program} | sed 's/#include //' | grep -vE "$allowed")
[ -z "$others" ] || { echo "FAILED: the checker includes $others"; failures=$((failures + 1)); }
[ "$(grep -rhoE '#include "proofs/[^"]*"' "$source"/proofs/checker | wc -l)" -ge 10 ] || { echo "FAILED: the includes are not seen"; failures=$((failures + 1)); }
if command -v nm >/dev/null; then
  symbols=$(nm -C "$check" | grep -cE 'snellen::(BallWorld|EraWorld|MajorantWorld|PeriodicWorld|Decoder|ScalarWorld|ExactProduct|certify)')
  [ "$symbols" -eq 0 ] || { echo "FAILED: the checker is linked with $symbols symbols of what it checks"; failures=$((failures + 1)); }
fi
[ $failures -eq 0 ] && echo "all as expected"
exit $((failures > 0))
