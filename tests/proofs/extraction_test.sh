#!/usr/bin/env bash
# The formulas in the theorems' statements, extracted from Coq to OCaml, give what the code computes on random inputs.
# Exit code 77 (skipped) where Coq, Flocq or OCaml is not installed. SNELLEN_SOURCE: the source root; SNELLEN_BUILD: the build folder.
set -euo pipefail
fail() { echo "failed: $*"; exit 1; }
skip() { echo "$*: the formulas were not compared"; exit 77; }
command -v coqc > /dev/null || skip "Coq is not installed"
command -v ocamlfind > /dev/null && compile=(ocamlfind ocamlopt) || { command -v ocamlopt > /dev/null && compile=(ocamlopt) || skip "OCaml is not installed"; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
SNELLEN_FORMULAS=$scratch/values "$SNELLEN_BUILD/tests/snellen_tests" --filenames-as-tags "[#formulas_test]" > "$scratch/log" || { cat "$scratch/log"; fail "the values could not be computed"; }
cp "$SNELLEN_SOURCE"/proofs/theories/*.v "$SNELLEN_SOURCE"/proofs/extraction/* "$scratch"
cd "$scratch"
echo 'From Flocq Require Import Core.' > library.v
coqc -q library.v > library.log 2>&1 || skip "Coq is installed but not Flocq"
# What formulas.v needs, and what that needs, in the order of _CoqProject.
needed=formulas
for _ in 1 2 3 4 5; do
  needed=$({ echo "$needed"; for file in $needed; do sed -nE 's/^From Snellen Require (Import|Export) (.*)\.$/\2/p' "$file.v"; done; } | tr ' ' '\n' | sort -u | grep .)
done
for file in $(sed -n 's/\.v$//p' "$SNELLEN_SOURCE/proofs/theories/_CoqProject") formulas; do
  grep -qxF "$file" <<< "$needed" || continue
  coqc -q -Q . Snellen "$file.v" > "$file.log" 2>&1 || { cat "$file.log"; fail "$file.v does not compile"; }
done
! grep -i 'axiom.*must be realized' -A 5 formulas.log || fail "a formula rests on something that has no value"
"${compile[@]}" -w -a formulas.ml compare.ml -o compare > compile.log 2>&1 || { cat compile.log; fail "the extracted formulas do not compile"; }
./compare < values > answer || { head -20 answer; fail "a formula and the code differ"; }
cat answer
# And it can fail: another format, another value.
sed -E '/^rd /{s/^rd [0-9]+ /rd 2 /}' values > wrong
! ./compare < wrong > answer || fail "a wrong format is not noticed"
