#!/usr/bin/env bash
# Ctrl-C: the work ends at the next safe place with exit code 130, and no report is left.
set -u
command=${SNELLEN_COMMAND:?the built command}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
# Hours of work, in small steps.
cat >long.toml <<'CASE'
[model]
random = { layers = 1000, width = 64, heads = 4, hidden = 64, vocab = 6 }
[family]
unit = [2]
lengths = { to = 40 }
[precision]
start_bits = 512
CASE
"$command" certify long.toml --threads 1 >out 2>err &
process=$!
sleep 2
kill -0 $process || { echo "FAILED: the work was over before it was interrupted"; cat err; exit 1; }
kill -INT $process
wait $process
code=$?
if [ $code -ne 130 ] || [ -s out ] || [ -e reports ] || ! grep -q "stopped on request" err; then
  echo "FAILED: exit code $code"
  cat out err
  exit 1
fi
