(** Representational collapse of the run P . a^n: the paper's Theorem 4.2 with an explicit N, for any number of layers.

    All tokens are visible and, for run tokens as queries, the scores of two keys differ by at most g: no positions, or RoPE.
    (ALiBi: alibi.v. A window alone: [window_forgets].) The rest are Lipschitz constants at the points that occur. *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Snellen Require Import sums vectors rounding softmax decoder majorant logarithms.
Open Scope R_scope.

Section Run.

Variables (p : metric) (width head_width : nat) (layers : nat -> layer) (depth : nat).
(** The embedded tokens: [prefix] of them arbitrary, then token a for ever. *)
Variables (x : nat -> vec) (prefix : nat) (a : vec).
Hypothesis run_token : forall k, x (prefix + k)%nat = a.

Notation state l i := (states layers l x i).
Notation limit l := (alone layers l a).
Notation deviation := (deviation p width layers x prefix a).

Variables (g prefix_reach value_slope state_slope head_slope : nat -> R).
Hypothesis nonnegative : forall l, (l < depth)%nat ->
  0 <= prefix_reach l /\ 0 <= value_slope l /\ 0 <= state_slope l /\ 0 <= head_slope l.
Hypothesis all_visible : forall l i j, (l < depth)%nat -> (j <= i)%nat -> visible (layers l) i j = true.
Hypothesis scores_alike : forall l h k i j, (l < depth)%nat -> (h < heads (layers l))%nat -> (i <= prefix + k)%nat ->
  (j <= prefix + k)%nat ->
  let q := (prefix + k)%nat in
  score (layers l) h (state l q) (state l i) q i - score (layers l) h (state l q) (state l j) q j <= g l.
Hypothesis prefix_values : forall l h j, (l < depth)%nat -> (h < heads (layers l))%nat -> (j < prefix)%nat ->
  distance p head_width (value (layers l) h (state l j)) (value (layers l) h (limit l)) <= prefix_reach l.
Hypothesis run_values : forall l h k, (l < depth)%nat -> (h < heads (layers l))%nat ->
  distance p head_width (value (layers l) h (state l (prefix + k)%nat)) (value (layers l) h (limit l)) <=
    value_slope l * deviation l k.
Hypothesis finish_slopes : forall l k, (l < depth)%nat ->
  deviation (S l) k <= state_slope l * deviation l k +
    head_slope l * sup (heads (layers l)) (fun h =>
      distance p head_width (attention (layers l) h (states layers l x) (prefix + k)) (value (layers l) h (limit l))).

Notation constant := (constant prefix g prefix_reach value_slope state_slope head_slope).

Lemma constant_nonneg l : (l <= depth)%nat -> 0 <= constant l.
Proof. now apply majorant.constant_nonneg. Qed.

(** A token has at most e^g / n of the weight. *)
Lemma weights_small l h k j : (l < depth)%nat -> (h < heads (layers l))%nat -> (j <= prefix + k)%nat ->
  weight (S (prefix + k)) (mass (layers l) h (states layers l x) (prefix + k)) j <= exp (g l) * / INR (S k).
Proof.
  intros Hl Hh Hj. set (q := (prefix + k)%nat). set (s := fun j => score (layers l) h (state l q) (state l j) q j).
  assert (E : forall j, (j < S q)%nat -> mass (layers l) h (states layers l x) q j = exp (s j))
    by (intros i Hi; unfold mass; rewrite all_visible; [reflexivity|exact Hl|lia]).
  unfold weight. rewrite (sum_ext _ _ _ E), E by (unfold q; lia).
  apply Rle_trans with (exp (g l) / INR (S q)).
  - apply (token_weight (S q) s); [unfold q; lia|]. intros i Hi. apply scores_alike; auto; unfold q in *; lia.
  - apply Rmult_le_compat_l; [apply Rlt_le, exp_pos|]. apply Rinv_le_contravar; [apply INR_S_pos|apply le_INR; unfold q; lia].
Qed.

(** (1 + log n)^(l-1) / n, and 0 for l = 0: closed under plain averages. *)
Definition harmonic (l k : nat) : R := match l with O => 0 | S j => (1 + ln (INR (S k))) ^ j / INR (S k) end.

Lemma inverse_pos k : 0 < / INR (S k).
Proof. apply Rinv_0_lt_compat, INR_S_pos. Qed.

Lemma harmonic_grows l k : 0 <= harmonic l k <= harmonic (S l) k.
Proof.
  assert (Hlog := log_ge_1 k). assert (Hi := inverse_pos k).
  assert (H : forall j, 0 <= (1 + ln (INR (S k))) ^ j / INR (S k)) by (intros; apply Rmult_le_pos; [apply pow_le; lra|lra]).
  destruct l as [|l]; cbn [harmonic]; [split; [lra|apply H]|]. split; [apply H|].
  apply Rmult_le_compat_r; [lra|]. apply Rle_pow; [exact Hlog|lia].
Qed.

Lemma harmonic_average l k : sum (S k) (fun j => / INR (S k) * harmonic l j) <= harmonic (S l) k.
Proof.
  assert (Hlog := log_ge_1 k). assert (Hi := inverse_pos k). rewrite sum_scal_l. cbn [harmonic]. unfold Rdiv.
  rewrite Rmult_comm.
  apply Rmult_le_compat_r; [lra|]. destruct l as [|l]; cbn [harmonic].
  - rewrite (sum_ext _ _ (fun _ => 0)), sum_const by reflexivity. cbn [pow]. lra.
  - apply Rle_trans with (sum (S k) (fun j => (1 + ln (INR (S k))) ^ l * / INR (S j))).
    + apply sum_le. intros j Hj. apply Rmult_le_compat_r; [apply Rlt_le, inverse_pos|]. apply pow_incr.
      split; [pose proof (log_ge_1 j); lra|]. apply log_monotone. lia.
    + rewrite sum_scal_l. cbn [pow]. rewrite Rmult_comm. apply Rmult_le_compat_r; [apply pow_le; lra|]. apply harmonic_le.
Qed.

(** Depth l is within constant * (1 + log n)^(l-1) / n of the limit: n = k + 1 run tokens. *)
Theorem collapse_rate l k :
  (l <= depth)%nat -> deviation l k <= constant l * (1 + ln (INR (S k))) ^ pred l / INR (S k).
Proof.
  intros Hl. apply Rle_trans with (constant l * harmonic l k).
  - apply (majorant_closed p width head_width layers depth x prefix a) with (share := fun k _ => / INR (S k)); auto.
    + intros i j Hi. apply all_visible; [exact Hi|lia].
    + intros; apply Rlt_le, inverse_pos.
    + exact weights_small.
    + exact harmonic_grows.
    + intros l' k' j _. cbn [harmonic]. rewrite <- (Rmult_1_l (/ INR (S k'))).
      apply Rmult_le_compat_r; [apply Rlt_le, inverse_pos|].
      apply pow_R1_Rle, log_ge_1.
    + exact harmonic_average.
  - destruct l as [|l]; cbn [majorant.constant harmonic pred]; unfold Rdiv; [lra|]. apply Req_le. ring.
Qed.

(** One layer: D(n) <= 2 B e^g P R / n, hence D(n) <= eps for every n >= 2 B e^g P R / eps. *)
Theorem collapse_one_layer k :
  (1 <= depth)%nat ->
  distance p width (state 1 (prefix + k)%nat) (state 1 (prefix + S k)%nat) <=
    2 * (head_slope 0 * exp (g 0) * (INR prefix * prefix_reach 0)) / INR (S k).
Proof.
  intros Hd. set (c := head_slope 0 * exp (g 0) * (INR prefix * prefix_reach 0)).
  assert (Hc : constant 1 = c) by (unfold c; cbn [majorant.constant]; ring).
  assert (H0 : 0 <= c) by (rewrite <- Hc; now apply constant_nonneg).
  pose proof (collapse_rate 1 k Hd) as H1. pose proof (collapse_rate 1 (S k) Hd) as H2.
  rewrite Hc in H1, H2. cbn [pred pow] in H1, H2. rewrite Rmult_1_r in H1, H2.
  apply Rle_trans with (1 := distance_triangle p width _ (limit 1) _). rewrite (distance_sym p width (limit 1)).
  assert (c / INR (S (S k)) <= c / INR (S k)).
  { apply Rmult_le_compat_l; [exact H0|]. apply Rinv_le_contravar; [apply INR_S_pos|apply le_INR; lia]. }
  unfold majorant.deviation in H1, H2. lra.
Qed.

(** The last token of P . a^n, above all layers. *)
Definition last (n : nat) : vec := state depth (prefix + (n - 1))%nat.

(** Powers of the logarithm paid for with a square root: the run is within eps of its limit from
    N = (C (2k)^k / eps)^2 on, k = depth - 1. *)
Definition size : R := constant depth * INR (2 * (depth - 1)) ^ (depth - 1).

Lemma size_nonneg : 0 <= size.
Proof. apply Rmult_le_pos; [now apply constant_nonneg|apply pow_le, pos_INR]. Qed.

Theorem collapse_to_limit eps n :
  0 < eps -> (1 <= n)%nat -> (size / eps) ^ 2 <= INR n -> distance p width (last n) (limit depth) <= eps.
Proof.
  intros He Hn HN. destruct n as [|k]; [lia|]. unfold last. replace (S k - 1)%nat with k by lia.
  apply Rle_trans with (1 := collapse_rate depth k (Nat.le_refl _)).
  assert (H0 := INR_S_pos k). set (n := INR (S k)) in *. assert (Hs : 0 < sqrt n) by now apply sqrt_lt_R0.
  apply Rle_trans with (size * sqrt n / n).
  - apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat; exact H0|]. unfold size. rewrite Rmult_assoc.
    apply Rmult_le_compat_l; [now apply constant_nonneg|]. rewrite <- Nat.sub_1_r. apply log_power_le.
  - assert (Hq : size / eps <= sqrt n).
    { rewrite <- (sqrt_pow2 (size / eps)); [now apply sqrt_le_1_alt|].
      apply Rmult_le_pos; [apply size_nonneg|apply Rlt_le, Rinv_0_lt_compat; exact He]. }
    rewrite <- (sqrt_sqrt n) at 2 by lra.
    replace (size * sqrt n / (sqrt n * sqrt n)) with (size / sqrt n) by (field; lra).
    apply Rmult_le_reg_r with (sqrt n); [exact Hs|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    apply Rmult_le_compat_l with (r := eps) in Hq; [|lra].
    replace (eps * (size / eps)) with size in Hq by (field; lra). lra.
Qed.

(** Theorem 4.2: D(n) <= eps for every n >= N = (2 C (2k)^k / eps)^2. *)
Theorem collapse eps n :
  0 < eps -> (1 <= n)%nat -> (2 * size / eps) ^ 2 <= INR n -> distance p width (last n) (last (S n)) <= eps.
Proof.
  intros He Hn HN. replace (2 * size / eps) with (size / (eps / 2)) in HN by (field; lra).
  assert (H1 : distance p width (last n) (limit depth) <= eps / 2) by (apply collapse_to_limit; auto; lra).
  assert (H2 : distance p width (last (S n)) (limit depth) <= eps / 2).
  { apply collapse_to_limit; [lra|lia|]. apply Rle_trans with (1 := HN), le_INR. lia. }
  apply Rle_trans with (1 := distance_triangle p width _ (limit depth) _).
  rewrite (distance_sym p width (limit depth)). lra.
Qed.

(** Bitwise: if every coordinate of the limit is at least eps away from the next rounding boundary, the format's values are
    those of the limit for every n >= N. *)
Theorem collapse_bitwise t emin eps n i :
  (2 <= t)%Z -> 0 < eps ->
  (forall c, (c < width)%nat -> rd t emin (limit depth c - eps) = rd t emin (limit depth c + eps)) ->
  (1 <= n)%nat -> (size / eps) ^ 2 <= INR n -> (i < width)%nat ->
  rd t emin (last n i) = rd t emin (limit depth i).
Proof.
  intros Ht He Hr Hn HN Hi. specialize (Hr i Hi).
  assert (Hd : Rabs (last n i - limit depth i) <= eps).
  { apply Rle_trans with (2 := collapse_to_limit eps n He Hn HN).
    apply (coordinate_le_norm p width (fun c => last n c - limit depth c) i Hi). }
  assert (Hd' : - eps <= last n i - limit depth i <= eps) by (unfold Rabs in Hd; destruct (Rcase_abs _) in Hd; lra).
  apply (rounding_equal t emin Ht (limit depth i - eps) _ (limit depth i + eps) (limit depth i - eps)
    _ (limit depth i + eps)); auto; lra.
Qed.

(** Corollary 6.2: what an engine reads from the stored last vector, counted tokens say, is one and the same answer for all
    n >= N, so it is right for one n at most. *)
Definition stored (t emin : Z) (y : vec) : vec := fun i => if Nat.ltb i width then rd t emin (y i) else 0.

Theorem counting_fails (answer : Type) (readout : vec -> answer) t emin eps n m :
  (2 <= t)%Z -> 0 < eps ->
  (forall c, (c < width)%nat -> rd t emin (limit depth c - eps) = rd t emin (limit depth c + eps)) ->
  (1 <= n)%nat -> (1 <= m)%nat -> (size / eps) ^ 2 <= INR n -> (size / eps) ^ 2 <= INR m ->
  readout (stored t emin (last n)) = readout (stored t emin (last m)).
Proof.
  intros Ht He Hr Hn Hm HN HM. f_equal. unfold stored. extensionality i. destruct (Nat.ltb i width) eqn:E; [|reflexivity].
  apply Nat.ltb_lt in E. rewrite (collapse_bitwise t emin eps n i), (collapse_bitwise t emin eps m i); auto.
Qed.

End Run.

(** The hypothesis [finish_slopes] for a layer phi(x + sum of O_h o_h): K is a Lipschitz constant of phi (MLP with its norm and
    residual) and W_h bounds the operator norm of O_h. *)
Theorem residual_finish_slopes p width head_width heads (phi : vec -> vec) (O : nat -> vec -> vec) K (W : nat -> R)
    (x r : vec) (o v : nat -> vec) :
  0 <= K -> (forall y z, distance p width (phi y) (phi z) <= K * distance p width y z) ->
  (forall h, (h < heads)%nat -> 0 <= W h) ->
  (forall h y z, (h < heads)%nat -> distance p width (O h y) (O h z) <= W h * distance p head_width y z) ->
  distance p width (phi (fun i => x i + sum heads (fun h => O h (o h) i)))
                   (phi (fun i => r i + sum heads (fun h => O h (v h) i))) <=
    K * distance p width x r + K * sum heads W * sup heads (fun h => distance p head_width (o h) (v h)).
Proof.
  intros HK Hphi HW HO. apply Rle_trans with (1 := Hphi _ _). rewrite Rmult_assoc, <- Rmult_plus_distr_l.
  apply Rmult_le_compat_l; [exact HK|]. unfold distance at 1.
  rewrite (norm_ext p width _ (fun i => (x i - r i) + sum heads (fun h => 1 * (O h (o h) i - O h (v h) i)))).
  2: { intros i _. rewrite sum_scal_l, sum_minus. ring. }
  apply Rle_trans with (1 := norm_triangle p width _ _). apply Rplus_le_compat_l.
  apply Rle_trans with (1 := norm_sum p width heads (fun _ => 1) (fun h i => O h (o h) i - O h (v h) i)).
  rewrite <- sum_scal_r. apply sum_le. intros h Hh. rewrite Rabs_R1, Rmult_1_l.
  apply Rle_trans with (1 := HO h (o h) (v h) Hh). apply Rmult_le_compat_l; [now apply HW|].
  apply (sup_term heads (fun h => distance p head_width (o h) (v h)) h Hh).
Qed.
