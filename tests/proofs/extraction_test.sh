#!/usr/bin/env bash
# The formulas of proofs/theories/computable.v, extracted to OCaml, against what the code computes on random inputs: a theorem's name proves nothing of the code that
# claims it, equal numbers say something.
# Exit code 77 (skipped) where Coq, Flocq, OCaml or Zarith is not installed. SNELLEN_SOURCE: the source root; SNELLEN_BUILD: the build folder.
set -euo pipefail
fail() { echo "failed: $*"; exit 1; }
skip() { echo "$1: the extracted formulas were not compared"; exit 77; }
theories=$SNELLEN_SOURCE/proofs/theories here=$SNELLEN_SOURCE/tests/proofs
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

command -v coqc > "$scratch/where" || skip "Coq is not installed"
command -v ocamlfind > "$scratch/where" || skip "OCaml's findlib (ocaml-findlib) is not installed"
ocamlfind query zarith > "$scratch/where" 2>&1 || skip "Zarith for OCaml (libzarith-ocaml-dev) is not installed"
cd "$scratch"
cp "$theories"/*.v "$here/extract.v" "$here/compare.ml" .
echo 'From Flocq Require Import Core.' > library.v
coqc -q library.v > library.log 2>&1 || skip "Flocq is not installed"

SNELLEN_FORMULAS=$scratch/code "$SNELLEN_BUILD/tests/snellen_tests" "[formulas]" > tests.log 2>&1 || { cat tests.log; fail "the code's values were not written"; }
for file in sums vectors rounding engines enclosure powers computable extract; do
  coqc -q -Q . Snellen "$file.v" > "$file.log" 2>&1 || { cat "$file.log"; fail "$file.v does not compile"; }
done
ocamlfind ocamlopt -package zarith -linkpkg -w -a formulas.mli formulas.ml compare.ml -o compare > ocaml.log 2>&1 || { cat ocaml.log; fail "the extracted program does not compile"; }
./compare < code || exit 1

# Whether it would see a wrong value: one of each kind, ten times too large and more.
for kind in round alike l1 linf again powers; do
  awk -v kind="$kind" '$1 == kind && !done { done = 1; if (kind == "alike") $NF = ($NF + 1) % 3; else $(NF - 1) = $(NF - 1) "7" } { print }' code > mutant
  ! ./compare < mutant > verdict || fail "a wrong value of $kind goes unseen"
  grep -q '^differs' verdict || fail "a wrong value of $kind: $(tail -n 1 verdict)"
done
