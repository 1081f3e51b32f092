# The longest sequence of a repeat-last case is S_to and a token: --length may not ask for S_{to+1}, which the model's table of positions may not hold.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/case.toml" <<'TOML'
[model]
random = { layers = 1, width = 4, heads = 1, hidden = 0, vocab = 4, position = "learned", context = 8 }
[family]
prefix = [1]
unit = [2, 3, 2]
lengths = { to = 2 }
pair = "repeat-last"
TOML
"$SNELLEN_COMMAND" states "$folder/case.toml" --quiet --length 2 --out "$folder/two.safetensors" > "$folder/out" || exit 1
"$SNELLEN_COMMAND" states "$folder/case.toml" --quiet --length 3 --out "$folder/three.safetensors" > "$folder/out" 2> "$folder/errors"
code=$?
[ "$code" -eq 2 ] || { echo "exit code $code, expected 2"; exit 1; }
grep -q -e '--length: found 3, expected one of the case.s sequences: 1 to 2' "$folder/errors" || { cat "$folder/errors"; exit 1; }
[ ! -e "$folder/three.safetensors" ]
