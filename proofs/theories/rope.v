(** RoPE: the deviation of a run from its limit is about an almost periodic function of n over n. *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import inevitable sums.
Open Scope R_scope.

(** n kappa(n) <= G for every n >= M, and kappa <= 1 is collapse: collapse from max(M, G) on, and below as far as single pairs are decided. *)
Theorem inevitable_by_rotation (collapsed : nat -> Prop) (kappa : nat -> R) (G : R) (M U N : nat) :
  (forall n, (M <= n)%nat -> INR n * kappa n <= G) ->
  (forall n, (M <= n)%nat -> kappa n <= 1 -> collapsed n) ->
  (0 < U)%nat -> (M <= U)%nat -> G <= INR U ->
  (forall n, (N <= n < U)%nat -> collapsed n) ->
  inevitable_from collapsed N.
Proof.
  intros HG Hk HU HM HGU Hd n Hn. destruct (Nat.lt_ge_cases n U) as [L|L]; [apply Hd; lia|].
  apply Hk; [lia|]. assert (0 < INR n) by (apply lt_0_INR; lia). assert (INR U <= INR n) by (apply le_INR; lia).
  apply Rmult_le_reg_l with (INR n); [assumption|]. rewrite Rmult_1_r. apply Rle_trans with G; [apply HG; lia|lra].
Qed.

(** n kappa(n) <= F at U, and grows like G times the harmonic sums L: if both F and G are at most U, kappa(n) <= 1 for every n >= U. *)
Theorem inevitable_by_harmonics (collapsed : nat -> Prop) (kappa L : nat -> R) (F G : R) (U N : nat) :
  (0 < U)%nat -> 0 <= G -> F <= INR U -> G <= INR U ->
  (forall n, (U <= n)%nat -> L (S n) = L n + / INR (S n)) ->
  (forall n, (U <= n)%nat -> INR n * kappa n <= F + G * (L n - L U)) ->
  (forall n, (U <= n)%nat -> kappa n <= 1 -> collapsed n) ->
  (forall n, (N <= n < U)%nat -> collapsed n) ->
  inevitable_from collapsed N.
Proof.
  intros HU HG HFU HGU HL Hk Hc Hd n Hn. destruct (Nat.lt_ge_cases n U) as [l|l]; [apply Hd; lia|].
  assert (PU : 0 < INR U) by (apply lt_0_INR; lia).
  assert (H : forall m, INR U * (L (U + m)%nat - L U) <= INR m).
  { induction m as [|m IH]; [rewrite Nat.add_0_r; simpl; lra|].
    rewrite Nat.add_succ_r, HL by lia. rewrite (S_INR m).
    assert (Hi : INR U * / INR (S (U + m)) <= 1).
    { assert (P : 0 < INR (S (U + m))) by (apply lt_0_INR; lia). apply Rmult_le_reg_r with (INR (S (U + m))); [exact P|].
      rewrite Rmult_assoc, Rinv_l, Rmult_1_r, Rmult_1_l by lra. apply le_INR; lia. }
    lra. }
  specialize (H (n - U)%nat). replace (U + (n - U))%nat with n in H by lia. rewrite minus_INR in H by lia.
  apply Hc; [lia|]. assert (Pn : 0 < INR n) by (apply lt_0_INR; lia).
  apply Rmult_le_reg_l with (INR n); [exact Pn|]. rewrite Rmult_1_r. apply Rle_trans with (1 := Hk n l).
  destruct (Rle_or_lt 0 (L n - L U)) as [p|p].
  - assert (G * (L n - L U) <= INR U * (L n - L U)) by (apply Rmult_le_compat_r; lra). lra.
  - assert (G * (L n - L U) <= 0) by (assert (0 <= G * - (L n - L U)) by (apply Rmult_le_pos; lra); lra).
    assert (INR U <= INR n) by (apply le_INR; lia). lra.
Qed.

(** Weights E of equal keys at the distances a, a + 1, ..., whose sums stay within C of mu times their number, against what they weigh: by Abel's summation. *)
Lemma mean_weight_by_variation (E beta : nat -> R) (mu C : R) (a n : nat) :
  (forall k, Rabs (sum k E - INR k * mu) <= C) ->
  Rabs (sum (S n) (fun i => (E (a + i)%nat - mu) * beta i)) <= C * (Rabs (beta 0%nat) + Rabs (beta n) + sum n (fun i => Rabs (beta (S i) - beta i))).
Proof.
  intros HC. set (R := fun k => sum k E - INR k * mu).
  assert (HR : forall k, R (S k) = R k + (E k - mu)) by (intros k; unfold R; rewrite S_INR; simpl; ring).
  assert (H : Rabs (sum (S n) (fun i => (E (a + i)%nat - mu) * beta i) - R (a + S n)%nat * beta n) <= C * (Rabs (beta 0%nat) + sum n (fun i => Rabs (beta (S i) - beta i)))).
  { induction n as [|n IH].
    - cbn [sum]. replace (a + 0)%nat with a by lia. replace (a + 1)%nat with (S a) by lia. rewrite HR.
      replace (0 + (E a - mu) * beta 0%nat - (R a + (E a - mu)) * beta 0%nat) with (- (R a * beta 0%nat)) by ring.
      rewrite Rabs_Ropp, Rabs_mult, Rplus_0_r. apply Rmult_le_compat_r; [apply Rabs_pos|apply HC].
    - change (sum (S (S n)) (fun i => (E (a + i)%nat - mu) * beta i)) with (sum (S n) (fun i => (E (a + i)%nat - mu) * beta i) + (E (a + S n)%nat - mu) * beta (S n)).
      change (sum (S n) (fun i => Rabs (beta (S i) - beta i))) with (sum n (fun i => Rabs (beta (S i) - beta i)) + Rabs (beta (S n) - beta n)).
      replace (a + S (S n))%nat with (S (a + S n)) by lia. rewrite HR.
      set (A := sum (S n) (fun i => (E (a + i)%nat - mu) * beta i)) in *. set (r := R (a + S n)%nat) in *.
      replace (A + (E (a + S n)%nat - mu) * beta (S n) - (r + (E (a + S n)%nat - mu)) * beta (S n)) with ((A - r * beta n) + r * (beta n - beta (S n))) by ring.
      apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_mult, (Rabs_minus_sym (beta n)).
      assert (H1 : Rabs r * Rabs (beta (S n) - beta n) <= C * Rabs (beta (S n) - beta n)) by (apply Rmult_le_compat_r; [apply Rabs_pos|apply HC]).
      lra. }
  set (A := sum (S n) (fun i => (E (a + i)%nat - mu) * beta i)) in *. set (r := R (a + S n)%nat) in *.
  replace A with ((A - r * beta n) + r * beta n) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). rewrite Rabs_mult.
  assert (H2 : Rabs r * Rabs (beta n) <= C * Rabs (beta n)) by (apply Rmult_le_compat_r; [apply Rabs_pos|apply HC]).
  lra.
Qed.

(** What rises up to [top] and falls from there varies by twice its largest value less its ends. *)
Lemma variation_of_unimodal (beta : nat -> R) (top n : nat) :
  (forall k, (k < top)%nat -> beta k <= beta (S k)) -> (forall k, (top <= k)%nat -> beta (S k) <= beta k) ->
  sum n (fun i => Rabs (beta (S i) - beta i)) = 2 * beta (Nat.min n top) - beta 0%nat - beta n.
Proof.
  intros Hr Hf. induction n as [|n IH]; [cbn [sum Nat.min]; ring|].
  change (sum (S n) (fun i => Rabs (beta (S i) - beta i))) with (sum n (fun i => Rabs (beta (S i) - beta i)) + Rabs (beta (S n) - beta n)). rewrite IH.
  destruct (Nat.le_gt_cases top n) as [L|L].
  - rewrite !Nat.min_r by lia. specialize (Hf n L). rewrite Rabs_left1 by lra. ring.
  - rewrite !Nat.min_l by lia. specialize (Hr n L). rewrite Rabs_right by lra. ring.
Qed.

Theorem mean_weight (E beta : nat -> R) (mu C most : R) (a n top : nat) :
  (forall k, Rabs (sum k E - INR k * mu) <= C) -> (forall k, 0 <= beta k <= most) ->
  (forall k, (k < top)%nat -> beta k <= beta (S k)) -> (forall k, (top <= k)%nat -> beta (S k) <= beta k) ->
  Rabs (sum (S n) (fun i => E (a + i)%nat * beta i) - mu * sum (S n) beta) <= 2 * C * most.
Proof.
  intros HC Hb Hr Hf.
  replace (sum (S n) (fun i => E (a + i)%nat * beta i) - mu * sum (S n) beta) with (sum (S n) (fun i => (E (a + i)%nat - mu) * beta i))
    by (rewrite <- sum_scal_l, <- sum_minus; apply sum_ext; intros; ring).
  apply Rle_trans with (1 := mean_weight_by_variation E beta mu C a n HC).
  rewrite (variation_of_unimodal beta top n Hr Hf), !Rabs_right by (apply Rle_ge, Hb).
  assert (H0 : 0 <= C) by (apply Rle_trans with (2 := HC 0%nat); apply Rabs_pos).
  specialize (Hb (Nat.min n top)). replace (2 * C * most) with (C * (2 * most)) by ring. apply Rmult_le_compat_l; lra.
Qed.
