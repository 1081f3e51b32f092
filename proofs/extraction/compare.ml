(* Reads lines "NAME ARGUMENTS... = EXPECTED..." (floats in hexadecimal), evaluates the formula that Coq extracted under that name, and compares it with what the code
   computed: exactly for roundings; for reals, the code's enclosure, widened by what floats lose, must contain it. Ends with 1 where one differs. *)
let failures = ref 0 and compared = Hashtbl.create 16

let slack x = 1e-9 *. (1e-30 +. abs_float x)

let metric = function "l1" -> Formulas.L1 | "l2" -> Formulas.L2 | "linf" -> Formulas.Linf | other -> failwith ("no norm " ^ other)

let vector list = let a = Array.of_list list in fun i -> a.(i)

let rec split n list = if n = 0 then ([], list) else match list with [] -> failwith "too few numbers" | x :: rest -> let (a, b) = split (n - 1) rest in (x :: a, b)

(* d vectors' entries after one another *)
let rec groups d list = match list with [] -> [] | _ -> let (a, b) = split d list in a :: groups d b

let check name line value expected =
  Hashtbl.replace compared name (1 + try Hashtbl.find compared name with Not_found -> 0);
  let good = match expected with
    | [exact] -> value = exact
    | [low; high] -> low -. slack low <= value && value <= high +. slack high
    | _ -> failwith "one or two numbers are expected" in
  if not good then (incr failures; Printf.printf "differs: %s: the formula gives %h\n" line value)

let evaluate line =
  let words = String.split_on_char ' ' line in
  let rec cut before = function "=" :: after -> (List.rev before, after) | word :: rest -> cut (word :: before) rest | [] -> failwith ("no '=': " ^ line) in
  let (call, expected) = cut [] words in
  let floats = List.map float_of_string and expected = List.map float_of_string expected in
  match call with
  | ["rd"; t; emin; x] -> check "rd" line (Formulas.rd (int_of_string t) (int_of_string emin) (float_of_string x)) expected
  | ["steps"; t; emin; k; c; s] ->
    check "steps" line (Formulas.steps (Formulas.add_again (int_of_string t) (int_of_string emin) (float_of_string c)) (int_of_string k) (float_of_string s)) expected
  | "distance" :: norm :: d :: ends ->
    (* ends: lower x, upper x, lower y, upper y *)
    let d = int_of_string d in
    (match List.map vector (groups d (floats ends)) with
     | [a; b; a'; b'] ->
       let of_ends f = Formulas.norm (metric norm) d (fun i -> f (a i) (b i) (a' i) (b' i)) in
       (match expected with
        | [low; high] ->
          (* The code's ends enclose the formulas' ends, and not by much. *)
          check "gap" line (of_ends Formulas.gap) [low; low];
          check "reach" line (of_ends Formulas.reach) [high; high];
          check "distance" line (Formulas.distance (metric norm) d a a') [low; high]
        | _ -> failwith "two ends are expected")
     | _ -> failwith "four vectors are expected")
  | "head" :: n :: d :: entry :: cap :: numbers ->
    (* the query, n keys, n values *)
    let n = int_of_string n and d = int_of_string d and cap = float_of_string cap in
    let rows = Array.of_list (groups d (floats numbers)) in
    let dot x y = List.fold_left2 (fun sum a b -> sum +. a *. b) 0. x y in
    let score j = let s = dot rows.(0) rows.(1 + j) in if cap > 0. then Formulas.soft_cap cap s else s in
    check (if cap > 0. then "soft_cap" else "head") line (Formulas.head n (fun j -> exp (score j)) (fun j -> vector rows.(1 + n + j)) (int_of_string entry)) expected
  | name :: _ -> failwith ("no formula " ^ name)
  | [] -> ()

let () =
  (try while true do let line = input_line stdin in if line <> "" then evaluate line done with End_of_file -> ());
  Hashtbl.iter (fun name count -> Printf.printf "-- %s: %d values\n" name count) compared;
  List.iter (fun name -> if (try Hashtbl.find compared name with Not_found -> 0) < 100 then (incr failures; Printf.printf "fewer than 100 values of %s\n" name))
    ["rd"; "steps"; "gap"; "reach"; "distance"; "head"; "soft_cap"];
  exit (if !failures > 0 then 1 else 0)
