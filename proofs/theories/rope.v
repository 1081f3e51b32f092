(** RoPE: the deviation of a run from its limit is about an almost periodic function of n over n. *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import inevitable.
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
