#!/usr/bin/env bash
# Compiles proofs/theories/ with Coq and checks what its theorems rest on: no gap in any proof, no axiom but those of Coq's own
# library of real numbers. Every theorem that bounds/ or the table in proofs/README.md names is among those checked.
# Exit code 77 (skipped) where Coq is not installed. SNELLEN_SOURCE: the source root; CMAKE: cmake.
set -euo pipefail
fail() { echo "failed: $*"; exit 1; }
theories=$SNELLEN_SOURCE/proofs/theories
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The sources, comments left out: (* ... *) may nest and span lines.
without_comments() {
  awk 'BEGIN { RS = "\001" } { n = length($0); depth = 0
         for (i = 1; i <= n; ++i) { two = substr($0, i, 2)
           if (two == "(*") { ++depth; ++i } else if (two == "*)" && depth) { --depth; ++i }
           else if (!depth) printf "%s", substr($0, i, 1) } }' "$1"
}
gap='\b(Admitted|admit|Axioms?|Parameters?|Conjectures?|Abort|bypass_check|give_up)\b|Unset +(Guard|Positivity|Universe) +Checking'
echo 'Lemma x : True. (* Admitted (* here *) *) Proof. admit. Admitted.' > "$scratch/mutant.v"
[[ $(without_comments "$scratch/mutant.v" | grep -oE "$gap") == $'admit\nAdmitted' ]] || fail "the search for gaps does not see gaps"
mapfile -t files < <(sed -n 's/\.v$//p' "$theories/_CoqProject")
[[ $(printf '%s\n' "${files[@]}" | sort) == $(cd "$theories" && ls ./*.v | sed 's|^\./||; s|\.v$||' | sort) ]] ||
  fail "_CoqProject does not list exactly the .v files of proofs/theories"
: > "$scratch/theorems"
for file in "${files[@]}"; do
  without_comments "$theories/$file.v" > "$scratch/plain"
  ! grep -nE "$gap" "$scratch/plain" || fail "$file.v has a gap or an axiom"
  sed -nE "s/^(Theorem|Lemma) +([A-Za-z0-9_']+).*/$file.\2/p" "$scratch/plain" >> "$scratch/theorems"
done
count=$(wc -l < "$scratch/theorems")

# Names: those of the table (first column, code font, lines that start with a bar and a file name in theories/), those of bounds/.
mapfile -t table < <(sed -nE 's/^\|.*\| *`([a-z]+)\.v`: *(.*)\|.*$/\1 \2/p' "$SNELLEN_SOURCE/proofs/README.md" |
  while read -r file names; do grep -oE '`[A-Za-z0-9_]+`' <<< "$names" | sed "s/\`//g; s/^/$file./"; done)
((${#table[@]} >= 20)) || fail "the table of proofs/README.md names ${#table[@]} theorems: fewer than 20"
for name in "${table[@]}"; do grep -qxF "$name" "$scratch/theorems" || fail "proofs/README.md names $name: there is no such theorem"; done
# Its other columns: files of the tests and of the code.
mapfile -t paths < <(sed -nE 's/^\|(.*)\| *`[a-z]+\.v`:.*$/\1/p' "$SNELLEN_SOURCE/proofs/README.md" | grep -oE '`[^`]+`' | tr -d '`')
((${#paths[@]} >= 30)) || fail "the table of proofs/README.md names ${#paths[@]} files: fewer than 30"
for path in "${paths[@]}"; do
  compgen -G "$SNELLEN_SOURCE/$path*" > "$scratch/path" || compgen -G "$SNELLEN_SOURCE/tests/$path.*" > "$scratch/path" || fail "proofs/README.md names $path: there is no such file"
done
"$CMAKE" "-DSOURCE=$SNELLEN_SOURCE" -P "$SNELLEN_SOURCE/cmake/CheckTheorems.cmake" || fail "bounds/ names a theorem that does not exist"
mkdir -p "$scratch/house/bounds"
ln -s "$SNELLEN_SOURCE/proofs" "$scratch/house/proofs"
echo 'claim("rounding_monotone"); claim("rounding_monotonic");' > "$scratch/house/bounds/claims.cpp"
! "$CMAKE" "-DSOURCE=$scratch/house" -P "$SNELLEN_SOURCE/cmake/CheckTheorems.cmake" 2> "$scratch/refusal" || fail "a theorem that does not exist is accepted"
grep -q rounding_monotonic "$scratch/refusal" || fail "the refusal does not name the theorem"
echo "-- $count theorems and lemmas stated in ${#files[@]} files, ${#table[@]} of them in the table of proofs/README.md"

command -v coqc > "$scratch/coqc" || { echo "Coq is not installed: the theories were not compiled"; exit 77; }
mkdir "$scratch/coq"
cp "$theories"/*.v "$scratch/coq"
cd "$scratch/coq"
echo 'From Flocq Require Import Core.' > library.v
coqc -q library.v > library.log 2>&1 || { echo "Coq is installed but not Flocq: the theories were not compiled"; exit 77; }
for file in "${files[@]}"; do
  coqc -q -Q . Snellen "$file.v" > "$file.log" 2>&1 || { cat "$file.log"; fail "$file.v does not compile"; }
done

# What they rest on, all together: Coq prints the axioms of one term that mentions every theorem.
{
  for file in "${files[@]}"; do echo "From Snellen Require $file."; done
  echo "Definition everything := (I"; sed 's/^/, @/' ../theorems; echo "). Print Assumptions everything."
} > assumptions.v
coqc -q -Q . Snellen assumptions.v > assumptions 2>&1 || { cat assumptions; fail "the assumptions cannot be printed"; }
grep -qx 'Axioms:' assumptions || { cat assumptions; fail "the real numbers have axioms: this list is not one"; }
sed -nE "/^Axioms:/d; s/^([A-Za-z][A-Za-z0-9_.']*)( .*)?$/\1/p" assumptions | sort > axioms
# The axioms of Coq's library Reals: Dedekind reals by excluded middle for arithmetic and for negated statements, extensional functions,
# and (since exp and its kin) excluded middle.
cat > allowed <<'EOF'
ClassicalDedekindReals.sig_forall_dec
ClassicalDedekindReals.sig_not_dec
Classical_Prop.classic
FunctionalExtensionality.functional_extensionality_dep
EOF
unknown=$(comm -23 axioms <(sort allowed))
[[ -z $unknown ]] || { cat assumptions; fail "axioms beyond those of Coq's real numbers: $unknown"; }
echo "-- compiled with $(coqc --print-version | cut -d' ' -f1); the $count theorems and lemmas rest on:"
cat axioms
