#!/usr/bin/env bash
# The committed corpus and the seeds (make_seeds.sh) through the replay driver: replay.sh PATH_OF_snellen_fuzz_replay
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seeds=$(mktemp -d)
trap 'rm -rf "$seeds"' EXIT
bash "$here/make_seeds.sh" "$seeds"
"$1" "$here/corpus" "$seeds"
