(* Reads the lines of tests/proofs/formulas.cpp and compares the code's values with those of the formulas that were extracted from Coq: exactly, or, where the code
   returns an enclosure, that it contains the exact value and is not wider than 2^-60 of it. Prints how many of each were compared; exit code 1 at the first that differs. *)
module I = Z  (* Zarith: the extracted program has a module Z of its own *)
open Formulas

let failed line what = Printf.printf "differs: %s: %s\n" what line; exit 1
let z = I.of_string
let rec nat k = if k = 0 then O else S (nat (k - 1))

(* "m e m e ..." *)
let rec dyadics = function
  | m :: e :: rest -> (z m, z e) :: dyadics rest
  | [] -> []
  | _ -> invalid_arg "dyadics"
let equal x y = compare_dyadic x y = Eq
let rational (m, e) = let e = I.to_int e in if e >= 0 then Q.of_bigint (I.shift_left m e) else Q.make m (I.shift_left I.one (-e))
let encloses lower upper x = Q.leq (rational lower) x && Q.leq x (rational upper)
let within_60_bits difference size = Q.leq (Q.abs difference) (Q.mul (Q.abs size) (Q.make I.one (I.shift_left I.one 60)))
let close x y = within_60_bits (Q.sub x y) y

(* Over one power of two. *)
let units xs =
  let least = List.fold_left (fun e (_, f) -> I.min e f) I.zero xs in
  (least, List.map (fun (m, e) -> I.shift_left m (I.to_int (I.sub e least))) xs)

let rec fours = function a :: b :: c :: d :: rest -> (a, b, c, d) :: fours rest | [] -> [] | _ -> invalid_arg "fours"
let rec split_last_two = function [ x; y ] -> ([], x, y) | x :: rest -> let xs, y, z = split_last_two rest in (x :: xs, y, z) | [] -> invalid_arg "split"

let compare_line line =
  match String.split_on_char ' ' line with
  | "round" :: t :: emin :: rest ->
      (match dyadics rest with
       | [ x; y ] -> if not (equal (round_dyadic (z t) (z emin) x) y) then failed line "round_dyadic"
       | _ -> failed line "not understood");
      "round"
  | "alike" :: t :: emin :: rest ->
      (match rest with
       | [ am; ae; bm; be; cm; ce; dm; de; found ] ->
           let verdict = rounded_alike (z t) (z emin) (z am, z ae) (z bm, z be) (z cm, z ce) (z dm, z de) in
           let number = match verdict with Collapsed -> "0" | Distinct -> "1" | Undecided -> "2" in
           if number <> found then failed line "rounded_alike";
           "alike " ^ number
       | _ -> failed line "not understood")
  | (("l1" | "linf") as norm) :: _ :: rest ->
      let boxes, lower, upper = split_last_two (dyadics rest) in
      let e, numbers = units boxes in
      let combine f = List.fold_left (fun total (a, b, c, d) -> (if norm = "l1" then I.add else I.max) total (f a b c d)) I.zero (fours numbers) in
      let low = rational (combine gap_units, e) and high = rational (combine reach_units, e) in
      if not (Q.leq (rational lower) low && Q.leq high (rational upper)) then failed line norm;
      if not (close (rational lower) low && close (rational upper) high) then failed line (norm ^ " is not tight");
      norm
  | [ "again"; t; emin; cm; ce; sm; se; k; m; e ] ->
      if not (equal (steps (sum_again (z t) (z emin) (z cm, z ce)) (nat (int_of_string k)) (z sm, z se)) (z m, z e)) then failed line "sum_again";
      "again"
  | [ "powers"; k; h; n; lm; le; um; ue ] ->
      let order = nat (int_of_string k) and h = z h in
      let numerator = I.sub (faulhaber_numerator order (z n)) (faulhaber_numerator order (I.pred (I.neg h))) in
      let exact = Q.div (Q.make numerator (faulhaber_denominator order)) (Q.of_bigint (I.pow h (int_of_string k))) in
      if not (encloses (z lm, z le) (z um, z ue) exact) then failed line "faulhaber";
      if not (within_60_bits (Q.sub (rational (z um, z ue)) (rational (z lm, z le))) (Q.max Q.one (Q.abs exact))) then failed line "faulhaber is not tight";
      "powers " ^ k
  | _ -> failed line "not understood"

let () =
  let counts = Hashtbl.create 16 in
  (try
     while true do
       let kind = compare_line (input_line stdin) in
       Hashtbl.replace counts kind (1 + Option.value ~default:0 (Hashtbl.find_opt counts kind))
     done
   with End_of_file -> ());
  let kinds = List.sort compare (Hashtbl.fold (fun kind count all -> (kind, count) :: all) counts []) in
  List.iter (fun (kind, count) -> Printf.printf "%s: %d\n" kind count) kinds;
  let wanted = [ ("round", 4000); ("alike 0", 300); ("alike 1", 300); ("alike 2", 300); ("l1", 300); ("linf", 300); ("again", 500); ("powers 0", 300); ("powers 3", 300); ("powers 6", 150) ] in
  List.iter (fun (kind, least) -> if Option.value ~default:0 (List.assoc_opt kind kinds) < least then (Printf.printf "too few of %s\n" kind; exit 1)) wanted
