(** The formulas that the statements are made of, as OCaml functions on floats: what a statement says can then be compared with what the code computes
    (tests/proofs/extraction_test.sh). Real numbers become floats here and nothing is proved of them: this looks for formulas that say something else than the code. *)
From Coq Require Import Reals ZArith Extraction ExtrOcamlBasic ExtrOcamlNatInt ExtrOcamlZInt.
From Flocq Require Import Core.
From Snellen Require Import sums vectors rounding enclosure softmax engines.

Extract Constant RbaseSymbolsImpl.R => "float".
(** How Coq makes real numbers does not matter here. *)
Extract Constant RbaseSymbolsImpl.Rabst => "(fun _ -> assert false)".
Extract Constant RbaseSymbolsImpl.Rrepr => "(fun _ -> assert false)".
Extract Constant RbaseSymbolsImpl.R0 => "0.".
Extract Constant RbaseSymbolsImpl.R1 => "1.".
Extract Constant RbaseSymbolsImpl.Rplus => "( +. )".
Extract Constant RbaseSymbolsImpl.Rmult => "( *. )".
Extract Constant RbaseSymbolsImpl.Ropp => "( ~-. )".
Extract Constant Rinv => "(fun x -> 1. /. x)".
Extract Constant Rdiv => "( /. )".
Extract Constant Rminus => "( -. )".
Extract Constant pow => "(fun x k -> x ** float_of_int k)".
Extract Constant Rmax => "(fun (x : float) y -> if x < y then y else x)".
Extract Constant Rabs => "abs_float".
Extract Constant sqrt => "sqrt".
Extract Constant exp => "exp".
Extract Constant tanh => "tanh".
Extract Constant IZR => "float_of_int".
(** What Flocq's rounding asks of a real number: its binary exponent, the integer below, the order. *)
Extract Constant mag => "(fun _ x -> snd (frexp x))".
Extract Constant bpow => "(fun _ e -> ldexp 1. e)".
Extract Constant Zfloor => "(fun x -> int_of_float (floor x))".
Extract Constant Zceil => "(fun x -> int_of_float (ceil x))".
Extract Constant Rcompare => "(fun (x : float) y -> if x < y then Lt else if y < x then Gt else Eq)".

Extraction "formulas.ml" rd add_again steps gap reach norm distance head soft_cap.
