(* The formulas of proofs/theories/computable.v as OCaml, on integers of Zarith. *)
From Coq Require Import Extraction ExtrOcamlBasic ExtrOcamlZBigInt.
From Snellen Require Import engines computable.
Extraction Language OCaml.
Extraction "formulas.ml" round_dyadic steps sum_again rounded_alike compare_dyadic gap_units reach_units faulhaber_numerator faulhaber_denominator.
