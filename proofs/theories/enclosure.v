(** Distances and next tokens of vectors that are known up to an enclosure (bounds/distance.cpp, bounds/next_token.cpp). *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import sums vectors.
Open Scope R_scope.

(** Ends of |x - y| for x in [a, b] and y in [a', b']. *)
Definition gap (a b a' b' : R) : R := Rmax 0 (Rmax (a - b') (a' - b)).
Definition reach (a b a' b' : R) : R := Rmax (b - a') (b' - a).

Lemma difference_enclosed a x b a' y b' :
  a <= x <= b -> a' <= y <= b' -> gap a b a' b' <= Rabs (x - y) <= reach a b a' b'.
Proof.
  intros [Ha Hb] [Ha' Hb']. unfold gap, reach. split.
  - apply Rmax_lub; [apply Rabs_pos|]. apply Rmax_lub.
    + apply Rle_trans with (2 := Rle_abs _). lra.
    + rewrite Rabs_minus_sym. apply Rle_trans with (2 := Rle_abs _). lra.
  - unfold Rabs. destruct (Rcase_abs (x - y)).
    + apply Rle_trans with (2 := Rmax_r _ _). lra.
    + apply Rle_trans with (2 := Rmax_l _ _). lra.
Qed.

(** The distance lies between the norm of the lower ends and the norm of the upper ends. *)
Theorem distance_enclosed p d (x y a b a' b' : vec) :
  (forall i, (i < d)%nat -> a i <= x i <= b i) ->
  (forall i, (i < d)%nat -> a' i <= y i <= b' i) ->
  norm p d (fun i => gap (a i) (b i) (a' i) (b' i)) <= distance p d x y
    <= norm p d (fun i => reach (a i) (b i) (a' i) (b' i)).
Proof.
  intros Hx Hy.
  assert (H : forall i, (i < d)%nat ->
    gap (a i) (b i) (a' i) (b' i) <= Rabs (x i - y i) <= reach (a i) (b i) (a' i) (b' i))
    by (intros; apply difference_enclosed; auto).
  split; apply norm_monotone; intros i Hi; specialize (H i Hi).
  - rewrite (Rabs_pos_eq (gap _ _ _ _)); [apply H|]. apply Rmax_l.
  - apply Rle_trans with (2 := Rle_abs _). apply H.
Qed.

(** The same for norms enclosed by outward rounding: what the tolerance criterion decides. *)
Theorem tolerance_decided p d (x y a b a' b' : vec) lower upper eps :
  (forall i, (i < d)%nat -> a i <= x i <= b i) ->
  (forall i, (i < d)%nat -> a' i <= y i <= b' i) ->
  lower <= norm p d (fun i => gap (a i) (b i) (a' i) (b' i)) ->
  norm p d (fun i => reach (a i) (b i) (a' i) (b' i)) <= upper ->
  (upper <= eps -> distance p d x y <= eps) /\ (eps < lower -> eps < distance p d x y).
Proof. intros Hx Hy Hl Hu. pose proof (distance_enclosed p d x y a b a' b' Hx Hy). lra. Qed.

(** The next token: [k] is the argmax of [vocabulary] logits if every other logit is smaller. *)
Definition argmax (vocabulary : nat) (logit : nat -> R) (k : nat) : Prop :=
  (k < vocabulary)%nat /\ forall j, (j < vocabulary)%nat -> j <> k -> logit j < logit k.

Lemma argmax_unique vocabulary logit k k' : argmax vocabulary logit k -> argmax vocabulary logit k' -> k = k'.
Proof.
  intros [Hk H] [Hk' H']. destruct (Nat.eq_dec k k') as [E|E]; [exact E|].
  specialize (H k' Hk' (not_eq_sym E)). specialize (H' k Hk E). lra.
Qed.

(** The lower end of one logit above the upper end of every other. *)
Theorem argmax_margin vocabulary (logit lower upper : nat -> R) k :
  (k < vocabulary)%nat ->
  (forall j, (j < vocabulary)%nat -> lower j <= logit j <= upper j) ->
  (forall j, (j < vocabulary)%nat -> j <> k -> upper j < lower k) ->
  argmax vocabulary logit k.
Proof.
  intros Hk He Hm. split; [exact Hk|]. intros j Hj Hjk.
  specialize (Hm j Hj Hjk). pose proof (He j Hj). pose proof (He k Hk). lra.
Qed.

(** Decided the other way: two sequences whose argmaxes have margins at different tokens. *)
Theorem argmax_distinct vocabulary logit logit' k k' :
  argmax vocabulary logit k -> argmax vocabulary logit' k' -> k <> k' ->
  ~ exists m, argmax vocabulary logit m /\ argmax vocabulary logit' m.
Proof.
  intros H H' E (m & Hm & Hm'). apply E.
  now rewrite (argmax_unique _ _ _ _ H Hm), (argmax_unique _ _ _ _ H' Hm').
Qed.

(** A strictly increasing function of all logits changes no argmax. *)
Theorem increasing_keeps_argmax vocabulary logit (f : R -> R) k :
  (forall x y, x < y -> f x < f y) ->
  (argmax vocabulary (fun j => f (logit j)) k <-> argmax vocabulary logit k).
Proof.
  intros Hf. split; intros [Hk H]; (split; [exact Hk|]); intros j Hj Hjk; specialize (H j Hj Hjk).
  - destruct (Rtotal_order (logit j) (logit k)) as [L|[E|G]]; [exact L| |].
    + rewrite E in H; lra.
    + apply Hf in G; lra.
  - now apply Hf.
Qed.

(** The soft-cap of Gemma 2: c tanh(x / c). *)
Definition soft_cap (c x : R) : R := c * tanh (x / c).

Lemma tanh_exp x : tanh x = 1 - 2 / (exp (2 * x) + 1).
Proof.
  unfold tanh, sinh, cosh. replace (2 * x) with (x + x) by ring. rewrite exp_plus, exp_Ropp.
  assert (0 < exp x) by apply exp_pos. assert (0 < exp x * exp x) by now apply Rmult_lt_0_compat.
  field. repeat split; lra.
Qed.

Lemma tanh_increasing x y : x < y -> tanh x < tanh y.
Proof.
  intros H. rewrite 2!tanh_exp. assert (exp (2 * x) < exp (2 * y)) by (apply exp_increasing; lra).
  assert (0 < exp (2 * x)) by apply exp_pos. apply Rplus_lt_compat_l, Ropp_lt_contravar.
  apply Rmult_lt_compat_l; [lra|]. apply Rinv_lt_contravar; [nra|lra].
Qed.

Theorem soft_cap_keeps_argmax vocabulary logit c k :
  0 < c -> (argmax vocabulary (fun j => soft_cap c (logit j)) k <-> argmax vocabulary logit k).
Proof.
  intros Hc. apply increasing_keeps_argmax. intros x y H. unfold soft_cap.
  apply Rmult_lt_compat_l; [exact Hc|]. apply tanh_increasing. apply Rmult_lt_compat_r; [now apply Rinv_0_lt_compat|exact H].
Qed.
