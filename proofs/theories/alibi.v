(** The run P . a^n where scores fall with the distance (ALiBi, with or without a window): geometric collapse, explicit N. *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import sums vectors exponential softmax decoder majorant logarithms.
Open Scope R_scope.

(** n^m is small beside e^{s n / 2}. *)
Theorem power_le_exp m n s : 0 < s -> INR n ^ m <= (INR (2 * m) / s) ^ m * exp (s / 2 * INR n).
Proof.
  intros Hs. assert (Hn := pos_INR n). destruct m as [|m].
  - simpl. assert (0 <= s / 2 * INR n) by (apply Rmult_le_pos; lra). pose proof (exp_ge (s / 2 * INR n)). lra.
  - assert (Hm := INR_S_pos m). set (c := INR (2 * S m) / s).
    assert (Hc : 0 < c) by (apply Rdiv_lt_0_compat; [apply lt_0_INR; lia|exact Hs]).
    assert (Ex : s / 2 * INR n = INR (S m) * (INR n / c)) by (unfold c; rewrite mult_INR; change (INR 2) with 2; field; lra).
    rewrite Ex, exp_pow, <- Rpow_mult_distr. apply pow_incr. split; [exact Hn|].
    assert (H : INR n / c <= exp (INR n / c)) by (pose proof (exp_ge (INR n / c)); lra).
    apply Rmult_le_compat_l with (r := c) in H; [|lra]. replace (c * (INR n / c)) with (INR n) in H by (field; lra). exact H.
Qed.

Section Run.

Variables (p : metric) (width head_width : nat) (layers : nat -> layer) (depth : nat).
Variables (x : nat -> vec) (prefix : nat) (a : vec).
Hypothesis run_token : forall k, x (prefix + k)%nat = a.
Hypothesis own_token : sees_itself layers depth.

Notation state l i := (states layers l x i).
Notation limit l := (alone layers l a).
Notation deviation := (deviation p width layers x prefix a).

(** The least slope of all heads. *)
Variable slope : R.
Hypothesis slope_positive : 0 < slope.
Variables (g prefix_reach value_slope state_slope head_slope : nat -> R).
Hypothesis nonnegative : forall l, (l < depth)%nat ->
  0 <= prefix_reach l /\ 0 <= value_slope l /\ 0 <= state_slope l /\ 0 <= head_slope l.
(** But for the slope, no score of a visible token is more than g above that of the query's own token. *)
Hypothesis scores_fall : forall l h k j, (l < depth)%nat -> (h < heads (layers l))%nat -> (j <= prefix + k)%nat ->
  let q := (prefix + k)%nat in
  visible (layers l) q j = true ->
  score (layers l) h (state l q) (state l j) q j - score (layers l) h (state l q) (state l q) q q <= g l - slope * INR (q - j).
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

Lemma falling_weights l h k j : (l < depth)%nat -> (h < heads (layers l))%nat -> (j <= prefix + k)%nat ->
  weight (S (prefix + k)) (mass (layers l) h (states layers l x) (prefix + k)) j <=
    exp (g l) * exp (- slope * INR (prefix + k - j)).
Proof.
  intros Hl Hh Hj. set (q := (prefix + k)%nat) in *. set (m := mass (layers l) h (states layers l x) q).
  assert (Hm : forall i, (i < S q)%nat -> 0 <= m i) by (intros; apply mass_nonneg).
  assert (Hq : m q <= sum (S q) m) by (apply sum_term; [lia|exact Hm]).
  assert (Eq : m q = exp (score (layers l) h (state l q) (state l q) q q)) by (unfold m, mass; now rewrite own_token).
  assert (Pq : 0 < m q) by (rewrite Eq; apply exp_pos).
  apply Rle_trans with (m j / m q).
  - apply Rmult_le_compat_l; [apply Hm; lia|]. now apply Rinv_le_contravar.
  - apply Rmult_le_reg_r with (m q); [exact Pq|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    unfold m at 1, mass. destruct (visible (layers l) q j) eqn:V.
    + rewrite Eq, <- 2!exp_plus.
      assert (H := scores_fall l h k j Hl Hh Hj V). fold q in H.
      assert (Hle : score (layers l) h (state l q) (state l j) q j <=
        g l + - slope * INR (q - j) + score (layers l) h (state l q) (state l q) q q) by lra.
      now apply exp_le.
    + apply Rmult_le_pos; [apply Rmult_le_pos; apply Rlt_le, exp_pos|lra].
Qed.

(** n^(l-1) e^{-slope k}, and 0 for l = 0: closed under averages with falling weights. *)
Definition geometric (l k : nat) : R := match l with O => 0 | S j => INR (S k) ^ j * exp (- slope * INR k) end.

Lemma S_INR_ge_1 k : 1 <= INR (S k).
Proof. rewrite S_INR. pose proof (pos_INR k). lra. Qed.

Lemma geometric_grows l k : 0 <= geometric l k <= geometric (S l) k.
Proof.
  assert (He := exp_pos (- slope * INR k)). assert (Hk := S_INR_ge_1 k).
  assert (H : forall j, 0 <= INR (S k) ^ j * exp (- slope * INR k)) by (intros; apply Rmult_le_pos; [apply pow_le; lra|lra]).
  destruct l as [|l]; cbn [geometric]; [split; [lra|apply H]|]. split; [apply H|].
  apply Rmult_le_compat_r; [lra|]. apply Rle_pow; [exact Hk|lia].
Qed.

Lemma geometric_average l k :
  sum (S k) (fun j => exp (- slope * INR (prefix + k - (prefix + j))) * geometric l j) <= geometric (S l) k.
Proof.
  assert (He := exp_pos (- slope * INR k)). assert (Hk := S_INR_ge_1 k). destruct l as [|l].
  - rewrite (sum_ext _ _ (fun _ => 0)), sum_const by (intros; cbn [geometric]; ring).
    rewrite Rmult_0_r. apply geometric_grows.
  - apply Rle_trans with (sum (S k) (fun _ => INR (S k) ^ l * exp (- slope * INR k))).
    + apply sum_le. intros j Hj. cbn [geometric].
      replace (exp (- slope * INR k)) with (exp (- slope * INR (prefix + k - (prefix + j))) * exp (- slope * INR j)).
      2: { rewrite <- exp_plus. f_equal. rewrite <- Rmult_plus_distr_l, <- plus_INR. do 2 f_equal. lia. }
      rewrite <- Rmult_assoc, (Rmult_comm _ (INR (S j) ^ l)), Rmult_assoc.
      apply Rmult_le_compat_r; [apply Rmult_le_pos; apply Rlt_le, exp_pos|].
      apply pow_incr. split; [apply pos_INR|apply le_INR; lia].
    + rewrite sum_const. cbn [geometric pow]. apply Req_le. ring.
Qed.

(** Depth l is within constant * n^(l-1) e^{-slope (n-1)} of the limit: n = k + 1 run tokens. *)
Theorem alibi_rate l k :
  (l <= depth)%nat -> deviation l k <= constant l * (INR (S k) ^ pred l * exp (- slope * INR k)).
Proof.
  intros Hl. apply Rle_trans with (constant l * geometric l k).
  - apply (majorant_closed p width head_width layers depth x prefix a)
      with (share := fun k j => exp (- slope * INR (prefix + k - j))); auto.
    + intros; apply Rlt_le, exp_pos.
    + exact falling_weights.
    + exact geometric_grows.
    + intros l' k' j Hj. apply Rle_trans with (1 * exp (- slope * INR k')).
      * rewrite Rmult_1_l. assert (H : INR k' < INR (prefix + k' - j)) by (apply lt_INR; lia).
        apply Rlt_le, exp_increasing. apply Rmult_lt_compat_l with (r := slope) in H; [lra|exact slope_positive].
      * cbn [geometric]. apply Rmult_le_compat_r; [apply Rlt_le, exp_pos|]. apply pow_R1_Rle, S_INR_ge_1.
    + exact geometric_average.
  - destruct l as [|l]; cbn [majorant.constant geometric pred]; lra.
Qed.

Definition alibi_last (n : nat) : vec := state depth (prefix + (n - 1))%nat.
Definition alibi_size : R := constant depth * (INR (2 * (depth - 1)) / slope) ^ (depth - 1) * exp slope.

(** Within eps of the limit from N = (2 / slope) log(size / eps) on. *)
Theorem alibi_to_limit eps n :
  0 < eps -> (1 <= n)%nat -> 2 / slope * ln (alibi_size / eps) <= INR n -> distance p width (alibi_last n) (limit depth) <= eps.
Proof.
  intros He Hn HN. destruct n as [|k]; [lia|]. unfold alibi_last. replace (S k - 1)%nat with k by lia.
  apply Rle_trans with (1 := alibi_rate depth k (Nat.le_refl _)).
  assert (HC : 0 <= constant depth) by now apply (majorant.constant_nonneg depth).
  set (n := INR (S k)) in *. assert (Ek : INR k = n - 1) by (unfold n; rewrite S_INR; ring).
  apply Rle_trans with (alibi_size * exp (- (slope / 2 * n))).
  - unfold alibi_size. rewrite !Rmult_assoc. apply Rmult_le_compat_l; [exact HC|].
    rewrite <- exp_plus, <- Nat.sub_1_r.
    apply Rle_trans with ((INR (2 * (depth - 1)) / slope) ^ (depth - 1) * exp (slope / 2 * n) * exp (- slope * INR k)).
    + apply Rmult_le_compat_r; [apply Rlt_le, exp_pos|]. now apply power_le_exp.
    + rewrite Rmult_assoc, <- exp_plus. apply Req_le. do 2 f_equal. rewrite Ek. field.
  - destruct (Rle_or_lt alibi_size 0) as [Z|P].
    + assert (0 < exp (- (slope / 2 * n))) by apply exp_pos. nra.
    + assert (Hq : 0 < alibi_size / eps) by now apply Rdiv_lt_0_compat.
      assert (H : alibi_size / eps <= exp (slope / 2 * n)).
      { rewrite <- (exp_ln _ Hq) at 1. apply Rmult_le_compat_l with (r := slope / 2) in HN; [|lra].
        replace (slope / 2 * (2 / slope * ln (alibi_size / eps))) with (ln (alibi_size / eps)) in HN by (field; lra).
        now apply exp_le. }
      apply Rmult_le_compat_l with (r := eps) in H; [|lra].
      replace (eps * (alibi_size / eps)) with alibi_size in H by (field; lra).
      apply Rle_trans with (eps * exp (slope / 2 * n) * exp (- (slope / 2 * n))).
      * apply Rmult_le_compat_r; [apply Rlt_le, exp_pos|exact H].
      * rewrite Rmult_assoc, <- exp_plus, Rplus_opp_r, exp_0. lra.
Qed.

Theorem alibi_collapse eps n :
  0 < eps -> (1 <= n)%nat -> 2 / slope * ln (2 * alibi_size / eps) <= INR n ->
  distance p width (alibi_last n) (alibi_last (S n)) <= eps.
Proof.
  intros He Hn HN. replace (2 * alibi_size / eps) with (alibi_size / (eps / 2)) in HN by (field; lra).
  assert (H1 : distance p width (alibi_last n) (limit depth) <= eps / 2) by (apply alibi_to_limit; auto; lra).
  assert (H2 : distance p width (alibi_last (S n)) (limit depth) <= eps / 2).
  { apply alibi_to_limit; [lra|lia|]. apply Rle_trans with (1 := HN), le_INR. lia. }
  apply Rle_trans with (1 := distance_triangle p width _ (limit depth) _).
  rewrite (distance_sym p width (limit depth)). lra.
Qed.

End Run.
