(** Formulas of the theorems on exact numbers, to run: integers, and dyadic numbers m 2^e as pairs (m, e). Each is proved equal to what the theorems speak of;
    tests/proofs/extraction_test.sh extracts them to OCaml and compares them with what Snellen's code computes. *)
From Coq Require Import Reals ZArith List Lra Lia.
From Flocq Require Import Core.
From Snellen Require Import sums rounding engines enclosure powers vectors.
Open Scope Z_scope.

Definition dyadic : Type := Z * Z.
Definition real (x : dyadic) : R := (IZR (fst x) * bpow radix2 (snd x))%R.

(** ** Rounding *)

(** m / 2^k to the nearest integer, ties to even. *)
Definition quotient_to_nearest (m k : Z) : Z :=
  let d := 2 ^ k in
  let q := m / d in
  match 2 * (m - q * d) ?= d with
  | Lt => q
  | Gt => q + 1
  | Eq => if Z.even q then q else q + 1
  end.

Definition round_dyadic (t emin : Z) (x : dyadic) : dyadic :=
  let (m, e) := x in
  if m =? 0 then (0, 0)
  else
    let c := Z.max (Zdigits radix2 m + e - t) (emin - t + 1) in
    if c <=? e then x else (quotient_to_nearest m (c - e), c).

Lemma quotient_to_nearest_correct m k :
  0 < k -> ZnearestE (IZR m * bpow radix2 (- k)) = quotient_to_nearest m k.
Proof.
  intros Hk. unfold quotient_to_nearest. set (d := 2 ^ k). assert (Hd : 0 < d) by (apply Z.pow_pos_nonneg; lia).
  assert (Hb : bpow radix2 (- k) = (/ IZR d)%R).
  { rewrite bpow_opp. f_equal. unfold d. rewrite <- (IZR_Zpower radix2) by lia. reflexivity. }
  rewrite Hb. change (IZR m * / IZR d)%R with (IZR m / IZR d)%R. set (q := m / d).
  assert (F : Zfloor (IZR m / IZR d) = q) by (apply Zfloor_div; lia).
  assert (Dp : (0 < IZR d)%R) by (apply IZR_lt; lia).
  pose proof (Z_mod_lt m d ltac:(lia)) as Hr.
  assert (E : m - q * d = m mod d) by (unfold q; pose proof (Z_div_mod_eq_full m d); lia).
  assert (X : (IZR m / IZR d - IZR q = IZR (m - q * d) / IZR d)%R) by (rewrite minus_IZR, mult_IZR; field; lra).
  assert (C : Rcompare (IZR (m - q * d) / IZR d) (/ 2) = (2 * (m - q * d) ?= d)).
  { rewrite <- (Rcompare_mult_r (2 * IZR d)) by lra.
    replace (IZR (m - q * d) / IZR d * (2 * IZR d))%R with (IZR (2 * (m - q * d))) by (rewrite mult_IZR; field; lra).
    replace (/ 2 * (2 * IZR d))%R with (IZR d) by field. apply Rcompare_IZR. }
  assert (N : d <= 2 * (m - q * d) -> Zceil (IZR m / IZR d) = q + 1).
  { intros H. apply Zceil_imp. replace (q + 1 - 1) with q by lia. rewrite plus_IZR.
    assert (0 < IZR (m - q * d))%R by (apply IZR_lt; lia). assert (IZR (m - q * d) < IZR d)%R by (apply IZR_lt; lia).
    assert (0 < IZR (m - q * d) / IZR d)%R by (apply Rdiv_lt_0_compat; lra).
    assert (IZR (m - q * d) / IZR d < 1)%R by (apply (Rmult_lt_reg_r (IZR d)); [lra|]; unfold Rdiv; rewrite Rmult_assoc, Rinv_l by lra; lra).
    lra. }
  unfold Znearest. rewrite F, X, C. destruct (2 * (m - q * d) ?= d) eqn:Hc.
  - apply Z.compare_eq in Hc. rewrite N by lia. now destruct (Z.even q).
  - reflexivity.
  - apply N. apply Z.compare_gt_iff in Hc. lia.
Qed.

Lemma digits_of m e : m <> 0 -> (mag radix2 (IZR m * bpow radix2 e) : Z) = Zdigits radix2 m + e.
Proof. intros H. exact (mag_F2R_Zdigits radix2 m e H). Qed.

(** [round_dyadic] is the rd of rounding.v. *)
Theorem round_dyadic_correct t emin x : 2 <= t -> real (round_dyadic t emin x) = rd t emin (real x).
Proof.
  intros Ht. destruct x as [m e]. unfold round_dyadic, real; simpl fst; simpl snd.
  destruct (Z.eqb_spec m 0) as [->|Hm].
  { simpl. rewrite !Rmult_0_l. unfold rd. rewrite round_0 by typeclasses eauto. reflexivity. }
  set (c := Z.max (Zdigits radix2 m + e - t) (emin - t + 1)).
  assert (C : cexp radix2 (exponent t emin) (IZR m * bpow radix2 e) = c) by (unfold cexp; rewrite digits_of by exact Hm; reflexivity).
  destruct (Z.leb_spec c e) as [H|H]; simpl.
  - unfold rd, round, F2R, scaled_mantissa. rewrite C. simpl. rewrite Rmult_assoc, <- bpow_plus.
    replace (e + - c) with (e - c) by lia.
    rewrite <- (IZR_Zpower radix2 (e - c)) by lia. rewrite <- mult_IZR, (@Zrnd_IZR ZnearestE _), mult_IZR, IZR_Zpower, Rmult_assoc, <- bpow_plus by lia.
    do 2 f_equal. lia.
  - unfold rd, round, F2R, scaled_mantissa. rewrite C. simpl. f_equal. rewrite Rmult_assoc, <- bpow_plus.
    replace (e + - c) with (- (c - e)) by lia. rewrite quotient_to_nearest_correct by lia. reflexivity.
Qed.

(** ** An engine's sum of equal terms *)

Definition add_dyadic (x y : dyadic) : dyadic :=
  let e := Z.min (snd x) (snd y) in (fst x * 2 ^ (snd x - e) + fst y * 2 ^ (snd y - e), e).

Lemma add_dyadic_correct x y : real (add_dyadic x y) = (real x + real y)%R.
Proof.
  unfold add_dyadic, real; simpl fst; simpl snd. set (e := Z.min (snd x) (snd y)).
  assert (S : forall m k, 0 <= k - e -> (IZR m * bpow radix2 k = IZR (m * 2 ^ (k - e)) * bpow radix2 e)%R).
  { intros m k Hk. rewrite mult_IZR. change (2 ^ (k - e)) with (Zpower radix2 (k - e)). rewrite IZR_Zpower, Rmult_assoc, <- bpow_plus by lia. do 2 f_equal. lia. }
  rewrite (S (fst x) (snd x)), (S (fst y) (snd y)) by (unfold e; lia). rewrite plus_IZR. ring.
Qed.

Definition sum_again (t emin : Z) (c s : dyadic) : dyadic := round_dyadic t emin (add_dyadic s c).

(** [steps (sum_again t emin c) k s] is what engines.v says of k additions. *)
Theorem sum_again_correct t emin c s k :
  2 <= t -> real (steps (sum_again t emin c) k s) = steps (add_again t emin (real c)) k (real s).
Proof.
  intros Ht. induction k as [|k IH]; [reflexivity|]. simpl. unfold sum_again at 1, add_again at 1.
  rewrite round_dyadic_correct, add_dyadic_correct, IH by exact Ht. reflexivity.
Qed.

(** ** Which values two enclosures round to *)

Inductive verdict := collapsed | distinct | undecided.

Definition compare_dyadic (x y : dyadic) : comparison :=
  let e := Z.min (snd x) (snd y) in fst x * 2 ^ (snd x - e) ?= fst y * 2 ^ (snd y - e).

Lemma compare_dyadic_correct x y : compare_dyadic x y = Rcompare (real x) (real y).
Proof.
  unfold compare_dyadic, real. set (e := Z.min (snd x) (snd y)).
  assert (S : forall m k, 0 <= k - e -> (IZR m * bpow radix2 k = IZR (m * 2 ^ (k - e)) * bpow radix2 e)%R).
  { intros m k Hk. rewrite mult_IZR. change (2 ^ (k - e)) with (Zpower radix2 (k - e)). rewrite IZR_Zpower, Rmult_assoc, <- bpow_plus by lia. do 2 f_equal. lia. }
  rewrite (S (fst x) (snd x)), (S (fst y) (snd y)) by (unfold e; lia). rewrite Rcompare_mult_r by apply bpow_gt_0. now rewrite Rcompare_IZR.
Qed.

(** One coordinate: x in [a, b], y in [a', b']. *)
Definition rounded_alike (t emin : Z) (a b a' b' : dyadic) : verdict :=
  let r := round_dyadic t emin in
  match compare_dyadic (r b) (r a'), compare_dyadic (r b') (r a) with
  | Lt, _ | _, Lt => distinct
  | _, _ =>
      match compare_dyadic (r a) (r b), compare_dyadic (r a') (r b'), compare_dyadic (r a) (r a') with
      | Eq, Eq, Eq => collapsed
      | _, _, _ => undecided
      end
  end.

(** The verdict is true of every two numbers in the enclosures: [rounding_equal] and [rounding_distinct] of rounding.v. *)
Theorem rounded_alike_correct t emin a b a' b' x y :
  2 <= t -> (real a <= x <= real b)%R -> (real a' <= y <= real b')%R ->
  match rounded_alike t emin a b a' b' with
  | collapsed => rd t emin x = rd t emin y
  | distinct => rd t emin x <> rd t emin y
  | undecided => True
  end.
Proof.
  intros Ht Hx Hy.
  assert (Lx := rounding_monotone t emin Ht _ _ _ Hx). assert (Ly := rounding_monotone t emin Ht _ _ _ Hy).
  unfold rounded_alike. rewrite !compare_dyadic_correct, !round_dyadic_correct by exact Ht.
  destruct (Rcompare_spec (rd t emin (real b)) (rd t emin (real a'))); try (intros E; rewrite E in *; lra);
  destruct (Rcompare_spec (rd t emin (real b')) (rd t emin (real a))); try (intros E; rewrite E in *; lra); try lra;
  destruct (Rcompare_spec (rd t emin (real a)) (rd t emin (real b))); try exact I;
  destruct (Rcompare_spec (rd t emin (real a')) (rd t emin (real b'))); try exact I;
  destruct (Rcompare_spec (rd t emin (real a)) (rd t emin (real a'))); try exact I; lra.
Qed.

(** ** Distances of enclosed vectors: numerators over one power of two *)

Definition gap_units (a b a' b' : Z) : Z := Z.max 0 (Z.max (a - b') (a' - b)).
Definition reach_units (a b a' b' : Z) : Z := Z.max (b - a') (b' - a).

Lemma max_units x y e : (IZR (Z.max x y) * bpow radix2 e = Rmax (IZR x * bpow radix2 e) (IZR y * bpow radix2 e))%R.
Proof.
  pose proof (bpow_gt_0 radix2 e). destruct (Z.max_spec x y) as [[H1 ->]|[H1 ->]]; symmetry.
  - apply Rmax_right. apply Rmult_le_compat_r; [lra|]. apply IZR_le. lia.
  - apply Rmax_left. apply Rmult_le_compat_r; [lra|]. apply IZR_le. lia.
Qed.

Theorem gap_units_correct a b a' b' e :
  real (gap_units a b a' b', e) = gap (real (a, e)) (real (b, e)) (real (a', e)) (real (b', e)).
Proof.
  unfold gap_units, gap, real; simpl fst; simpl snd. rewrite !max_units, !minus_IZR, Rmult_0_l.
  f_equal. f_equal; ring.
Qed.

Theorem reach_units_correct a b a' b' e :
  real (reach_units a b a' b', e) = reach (real (a, e)) (real (b, e)) (real (a', e)) (real (b', e)).
Proof. unfold reach_units, reach, real; simpl fst; simpl snd. rewrite max_units, !minus_IZR. f_equal; ring. Qed.

(** ** Power sums *)

Definition faulhaber_numerator (k : nat) (x : Z) : Z :=
  match k with
  | 0%nat => x
  | 1%nat => x ^ 2 + x
  | 2%nat => 2 * x ^ 3 + 3 * x ^ 2 + x
  | 3%nat => x ^ 4 + 2 * x ^ 3 + x ^ 2
  | 4%nat => 6 * x ^ 5 + 15 * x ^ 4 + 10 * x ^ 3 - x
  | 5%nat => 2 * x ^ 6 + 6 * x ^ 5 + 5 * x ^ 4 - x ^ 2
  | 6%nat => 6 * x ^ 7 + 21 * x ^ 6 + 21 * x ^ 5 - 7 * x ^ 3 + x
  | _ => 0
  end.
Definition faulhaber_denominator (k : nat) : Z := nth k (1 :: 2 :: 6 :: 4 :: 30 :: 12 :: 42 :: nil) 1.

Theorem faulhaber_correct k x :
  (k <= 6)%nat -> faulhaber k (IZR x) = (IZR (faulhaber_numerator k x) / IZR (faulhaber_denominator k))%R.
Proof.
  intros Hk.
  assert (P : forall n, IZR (x ^ Z.of_nat n) = (IZR x ^ n)%R) by (intros; symmetry; apply pow_IZR).
  pose proof (P 2%nat) as P2. pose proof (P 3%nat) as P3. pose proof (P 4%nat) as P4. pose proof (P 5%nat) as P5. pose proof (P 6%nat) as P6. pose proof (P 7%nat) as P7.
  cbn [Z.of_nat Pos.of_succ_nat Pos.succ] in P2, P3, P4, P5, P6, P7.
  do 7 (destruct k as [|k];
    [cbn [faulhaber faulhaber_numerator faulhaber_denominator nth];
     repeat (rewrite plus_IZR || rewrite minus_IZR || rewrite mult_IZR); rewrite ?P2, ?P3, ?P4, ?P5, ?P6, ?P7; field|]).
  lia.
Qed.

(** The n integers after a, of either sign. *)
Theorem power_sum_units k a n :
  (k <= 6)%nat ->
  sum n (fun j => (IZR (a + Z.of_nat j + 1) ^ k)%R) =
  (IZR (faulhaber_numerator k (a + Z.of_nat n) - faulhaber_numerator k a) / IZR (faulhaber_denominator k))%R.
Proof.
  intros Hk. rewrite minus_IZR. unfold Rdiv. rewrite Rmult_minus_distr_r.
  fold (IZR (faulhaber_numerator k (a + Z.of_nat n)) / IZR (faulhaber_denominator k))%R (IZR (faulhaber_numerator k a) / IZR (faulhaber_denominator k))%R.
  rewrite <- !faulhaber_correct by exact Hk. induction n as [|n IH].
  - simpl. rewrite Z.add_0_r. ring.
  - cbn [sum]. rewrite IH, <- (faulhaber_step k (IZR (a + Z.of_nat n + 1)) Hk).
    replace (a + Z.of_nat (S n)) with (a + Z.of_nat n + 1) by lia. rewrite (plus_IZR (a + Z.of_nat n) 1).
    replace (IZR (a + Z.of_nat n) + 1 - 1)%R with (IZR (a + Z.of_nat n)) by ring. ring.
Qed.
