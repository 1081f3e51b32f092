(** A run whose vectors tend to a limit, with a bound of the distance that falls: what it proves from one length on. *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import sums rounding vectors enclosure inevitable.
Open Scope R_scope.

Section Decay.

(** y n is the last vector of S_n, r the limit, rho n i bounds coordinate i of their difference for every n >= M and never grows. *)
Variables (width : nat) (y : nat -> vec) (r : vec) (rho : nat -> nat -> R) (M N : nat).
Hypothesis deviation : forall n i, (M <= n)%nat -> (i < width)%nat -> Rabs (y n i - r i) <= rho n i.
Hypothesis falls : forall m n i, (M <= m)%nat -> (m <= n)%nat -> (i < width)%nat -> rho n i <= rho m i.
Hypothesis late : (M <= N)%nat.

Lemma box n i : (N <= n)%nat -> (i < width)%nat -> r i - rho N i <= y n i <= r i + rho N i.
Proof.
  intros Hn Hi. assert (H : Rabs (y n i - r i) <= rho N i).
  { apply Rle_trans with (rho n i); [apply deviation|apply falls]; try lia. }
  pose proof (Rle_abs (y n i - r i)). pose proof (Rle_abs (- (y n i - r i))). rewrite Rabs_Ropp in H1. lra.
Qed.

(** The box at N in one rounding cell, coordinate by coordinate: all vectors from N on are stored alike. *)
Theorem inevitable_by_majorant t emin :
  (2 <= t)%Z ->
  (forall i, (i < width)%nat -> rd t emin (r i - rho N i) = rd t emin (r i + rho N i)) ->
  inevitable_from (fun n => forall i, (i < width)%nat -> rd t emin (y n i) = rd t emin (y (n + 1)%nat i)) N.
Proof.
  intros Ht Hr n Hn i Hi. specialize (Hr i Hi).
  assert (H0 := box n i Hn Hi). assert (H1 : r i - rho N i <= y (n + 1)%nat i <= r i + rho N i) by (apply box; [lia|exact Hi]).
  apply (rounding_equal t emin Ht (r i - rho N i) _ (r i + rho N i) (r i - rho N i) _ (r i + rho N i)); auto; lra.
Qed.

(** Twice the deviation within eps: so is every step from N on. *)
Theorem inevitable_within p eps :
  norm p width (fun i => 2 * rho N i) <= eps -> inevitable_from (fun n => distance p width (y n) (y (n + 1)%nat) <= eps) N.
Proof.
  intros He n Hn. apply Rle_trans with (2 := He). apply norm_monotone. intros i Hi.
  assert (H0 := box n i Hn Hi). assert (H1 : r i - rho N i <= y (n + 1)%nat i <= r i + rho N i) by (apply box; [lia|exact Hi]).
  rewrite (Rabs_pos_eq (2 * rho N i)) by lra. apply Rabs_le. lra.
Qed.

End Decay.

(** kappa n i bounds coordinate i of the step from y n to y (n+1) and never grows: where it is within eps at N all steps from N on are. *)
Theorem inevitable_by_steps (width : nat) (y : nat -> vec) (kappa : nat -> nat -> R) (M N : nat) p eps :
  (forall n i, (M <= n)%nat -> (i < width)%nat -> Rabs (y (n + 1)%nat i - y n i) <= kappa n i) ->
  (forall m n i, (M <= m)%nat -> (m <= n)%nat -> (i < width)%nat -> kappa n i <= kappa m i) ->
  (M <= N)%nat -> norm p width (kappa N) <= eps -> inevitable_from (fun n => distance p width (y n) (y (n + 1)%nat) <= eps) N.
Proof.
  intros Hs Hf HN He n Hn. apply Rle_trans with (2 := He). apply norm_monotone. intros i Hi.
  assert (H0 : Rabs (y (n + 1)%nat i - y n i) <= kappa n i) by (apply Hs; [lia|exact Hi]).
  assert (H1 : kappa n i <= kappa N i) by (apply Hf; [exact HN|exact Hn|exact Hi]).
  rewrite Rabs_minus_sym. apply Rle_trans with (2 := Rle_abs (kappa N i)). lra.
Qed.

(** What rises and then falls: its sum is at most its integral and its largest value. [integral] need only grow by no less than the smaller
    of two neighbouring values, which an integral of such a function does. *)
Theorem sum_of_unimodal (f integral : nat -> R) (top n : nat) :
  (forall k, (k < n)%nat -> Rmin (f k) (f (S k)) <= integral (S k) - integral k) ->
  (forall k, (k < top)%nat -> f k <= f (S k)) -> (forall k, (top <= k)%nat -> f (S k) <= f k) ->
  sum (S n) f <= integral n - integral 0%nat + f (Nat.min n top).
Proof.
  intros Hi Hr Hf. induction n as [|n IH]; [cbn [sum Nat.min]; lra|].
  assert (IH' : sum (S n) f <= integral n - integral 0%nat + f (Nat.min n top)) by (apply IH; intros; apply Hi; lia).
  change (sum (S (S n)) f) with (sum (S n) f + f (S n)). specialize (Hi n (Nat.lt_succ_diag_r n)).
  destruct (Nat.le_gt_cases top n) as [L|L].
  - rewrite (Nat.min_r n top) in IH' by lia. rewrite (Nat.min_r (S n) top) by lia.
    specialize (Hf n L). rewrite Rmin_right in Hi by exact Hf. lra.
  - rewrite (Nat.min_l n top) in IH' by lia. rewrite (Nat.min_l (S n) top) by lia.
    specialize (Hr n L). rewrite Rmin_left in Hi by exact Hr. lra.
Qed.
