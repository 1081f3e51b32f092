#!/usr/bin/env bash
# What the tests of the readers accept anyway, in the shape of the fuzz targets' inputs: tests/fuzz/make_seeds.sh FOLDER writes FOLDER/<target>/*.
set -euo pipefail
tests=$(cd "$(dirname "$0")/.." && pwd)
to=$1
mkdir -p "$to"/{json,safetensors,safetensors_index,gguf,gguf_model,huggingface,tokenizer,case,sweep,engine_profile}

bundle() {  # the files, each under its line (target.hpp: unpack)
  local begin=
  for file in "$@"; do
    printf '%s%%%%file %s\n' "$begin" "$(basename "$file")"
    cat "$file"
    begin=$'\n'
  done
}
for folder in "$tests"/engines/fixtures/tiny/*/; do
  name=$(basename "$folder")
  cp "$folder/case.toml" "$to/case/$name.toml"
  if [[ -f $folder/model.gguf ]]; then
    cp "$folder/model.gguf" "$to/gguf_model/ok-$name.gguf"
    cp "$folder/model.gguf" "$to/gguf/ok-$name.gguf"
    continue
  fi
  cp "$folder/config.json" "$to/json/ok-$name.json"
  bundle "$folder"/config.json "$folder"/model* > "$to/huggingface/ok-$name"
  if [[ -f $folder/model.safetensors ]]; then
    cp "$folder/model.safetensors" "$to/safetensors/ok-$name.safetensors"
  else
    bundle "$folder"/model* > "$to/safetensors_index/ok-$name"
  fi
done
cp "$tests"/files/data/*.gguf "$to/gguf/"
cp "$tests"/../cases/*.toml "$tests"/../cases/paper/*.toml "$to/case/"
rm -f "$to/case/smollm2-"*.toml  # texts for a tokenizer that need not be there
cp "$tests"/../cases/sweeps/*.toml "$tests"/sweep/*.toml "$to/sweep/"
rm -f "$to/sweep/weights-"*.toml  # of models that need not be there
for file in "$tests"/files/data/tokenizers/*.json; do
  [[ $file == *.expected.json ]] || cp "$file" "$to/tokenizer/ok-$(basename "$file")"
done
cp "$tests"/../cases/engines/*.toml "$to/engine_profile/"
