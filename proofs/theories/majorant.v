(** How far the run tokens of P . a^n are from the sequence [a] alone, layer by layer: majorants closed under averaging. *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import sums vectors softmax decoder.
Open Scope R_scope.

Section Run.

Variables (p : metric) (width head_width : nat) (layers : nat -> layer) (depth : nat).
(** The embedded tokens: [prefix] of them arbitrary, then token a for ever. *)
Variables (x : nat -> vec) (prefix : nat) (a : vec).
Hypothesis run_token : forall k, x (prefix + k)%nat = a.
Hypothesis own_token : sees_itself layers depth.

Notation state l i := (states layers l x i).
Notation limit l := (alone layers l a).

(** How far the k-th run token (from 0) is above l layers from the state of the sequence [a]. *)
Definition deviation (l k : nat) : R := distance p width (state l (prefix + k)%nat) (limit l).

(** Lipschitz constants at the points that occur, the reach of the prefix's values, and e^g share_kj, a bound of the weight of
    token j for the k-th run token. *)
Variables (g prefix_reach value_slope state_slope head_slope : nat -> R) (share : nat -> nat -> R).
Hypothesis nonnegative : forall l, (l < depth)%nat ->
  0 <= prefix_reach l /\ 0 <= value_slope l /\ 0 <= state_slope l /\ 0 <= head_slope l.
Hypothesis share_nonneg : forall k j, 0 <= share k j.
Hypothesis weights_small : forall l h k j, (l < depth)%nat -> (h < heads (layers l))%nat -> (j <= prefix + k)%nat ->
  weight (S (prefix + k)) (mass (layers l) h (states layers l x) (prefix + k)) j <= exp (g l) * share k j.
Hypothesis prefix_values : forall l h j, (l < depth)%nat -> (h < heads (layers l))%nat -> (j < prefix)%nat ->
  distance p head_width (value (layers l) h (state l j)) (value (layers l) h (limit l)) <= prefix_reach l.
Hypothesis run_values : forall l h k, (l < depth)%nat -> (h < heads (layers l))%nat ->
  distance p head_width (value (layers l) h (state l (prefix + k)%nat)) (value (layers l) h (limit l)) <=
    value_slope l * deviation l k.
Hypothesis finish_slopes : forall l k, (l < depth)%nat ->
  deviation (S l) k <= state_slope l * deviation l k +
    head_slope l * sup (heads (layers l)) (fun h =>
      distance p head_width (attention (layers l) h (states layers l x) (prefix + k)) (value (layers l) h (limit l))).

(** The constant of l layers. *)
Fixpoint constant (l : nat) : R :=
  match l with
  | O => 0
  | S k => state_slope k * constant k + head_slope k * exp (g k) * (INR prefix * prefix_reach k + value_slope k * constant k)
  end.

Lemma constant_nonneg l : (l <= depth)%nat -> 0 <= constant l.
Proof.
  induction l as [|l IH]; intros Hl; cbn [constant]; [lra|].
  destruct (nonnegative l) as (H1 & H2 & H3 & H4); [lia|]. assert (0 <= constant l) by (apply IH; lia).
  pose proof (pos_INR prefix). pose proof (exp_pos (g l)).
  apply Rplus_le_le_0_compat; [now apply Rmult_le_pos|].
  apply Rmult_le_pos; [apply Rmult_le_pos; lra|]. apply Rplus_le_le_0_compat; now apply Rmult_le_pos.
Qed.

(** A head averages what the tokens below deviate. *)
Lemma head_average l h k :
  (l < depth)%nat -> (h < heads (layers l))%nat ->
  distance p head_width (attention (layers l) h (states layers l x) (prefix + k)) (value (layers l) h (limit l)) <=
    exp (g l) * (sum prefix (share k) * prefix_reach l +
      value_slope l * sum (S k) (fun j => share k (prefix + j) * deviation l j)).
Proof.
  intros Hl Hh. set (q := (prefix + k)%nat). set (m := mass (layers l) h (states layers l x) q).
  assert (Hm : forall j, (j < S q)%nat -> 0 <= m j) by (intros; apply mass_nonneg).
  assert (Hs : 0 < sum (S q) m) by (apply mass_total, own_token; exact Hl).
  unfold attention. apply Rle_trans with (1 := head_deviation_mean p head_width (S q) m _ (value (layers l) h (limit l)) Hs Hm).
  set (dev := fun j => distance p head_width (value (layers l) h (state l j)) (value (layers l) h (limit l))).
  apply Rle_trans with (sum (S q) (fun j => exp (g l) * (share k j * dev j))).
  { apply sum_le. intros j Hj. rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [apply norm_nonneg|].
    apply weights_small; auto. unfold q in Hj. lia. }
  rewrite sum_scal_l. apply Rmult_le_compat_l; [apply Rlt_le, exp_pos|].
  unfold q. rewrite <- Nat.add_succ_r, sum_split. apply Rplus_le_compat.
  - rewrite <- sum_scal_r. apply sum_le. intros j Hj. apply Rmult_le_compat_l; [apply share_nonneg|]. now apply prefix_values.
  - rewrite <- sum_scal_l. apply sum_le. intros j Hj.
    replace (value_slope l * (share k (prefix + j) * deviation l j)) with (share k (prefix + j)%nat * (value_slope l *
      deviation l j)) by ring.
    apply Rmult_le_compat_l; [apply share_nonneg|]. now apply run_values.
Qed.

(** Functions M_l of the token that grow with l, bound the prefix's shares and are closed under averaging ... *)
Variable M : nat -> nat -> R.
Hypothesis M_grows : forall l k, 0 <= M l k <= M (S l) k.
Hypothesis M_prefix : forall l k j, (j < prefix)%nat -> share k j <= M (S l) k.
Hypothesis M_average : forall l k, sum (S k) (fun j => share k (prefix + j) * M l j) <= M (S l) k.

(** ... bound the deviations. *)
Theorem majorant_closed l k : (l <= depth)%nat -> deviation l k <= constant l * M l k.
Proof.
  revert k. induction l as [|l IH]; intros k Hl.
  - unfold deviation. cbn [states alone constant]. rewrite run_token, distance_self. lra.
  - assert (Hl' : (l < depth)%nat) by lia. destruct (nonnegative l Hl') as (HR & HV & HA & HB).
    assert (HC := constant_nonneg l (Nat.lt_le_incl _ _ Hl')). assert (He := exp_pos (g l)). assert (HM := M_grows l k).
    assert (Hprefix : sum prefix (share k) <= INR prefix * M (S l) k).
    { rewrite <- sum_const. apply sum_le. intros; now apply M_prefix. }
    assert (Hsum : sum (S k) (fun j => share k (prefix + j) * deviation l j) <= constant l * M (S l) k).
    { apply Rle_trans with (constant l * sum (S k) (fun j => share k (prefix + j)%nat * M l j)).
      - rewrite <- sum_scal_l. apply sum_le. intros j Hj.
        replace (constant l * (share k (prefix + j) * M l j)) with (share k (prefix + j)%nat * (constant l * M l j)) by ring.
        apply Rmult_le_compat_l; [apply share_nonneg|]. apply IH. lia.
      - apply Rmult_le_compat_l; [exact HC|]. apply M_average. }
    set (bound := exp (g l) * (INR prefix * M (S l) k * prefix_reach l + value_slope l * (constant l * M (S l) k))).
    assert (Hhead : sup (heads (layers l)) (fun h =>
        distance p head_width (attention (layers l) h (states layers l x) (prefix + k)) (value (layers l) h (limit l))) <=
          bound).
    { apply sup_lub.
      - apply Rmult_le_pos; [lra|]. apply Rplus_le_le_0_compat; repeat apply Rmult_le_pos; auto; try lra. apply pos_INR.
      - intros h Hh. apply Rle_trans with (1 := head_average l h k Hl' Hh). apply Rmult_le_compat_l; [lra|].
        apply Rplus_le_compat; [now apply Rmult_le_compat_r|now apply Rmult_le_compat_l]. }
    apply Rle_trans with (1 := finish_slopes l k Hl').
    apply Rle_trans with (state_slope l * (constant l * M (S l) k) + head_slope l * bound).
    + apply Rplus_le_compat; (apply Rmult_le_compat_l; [assumption|]); [|exact Hhead].
      apply Rle_trans with (1 := IH k (Nat.lt_le_incl _ _ Hl')). apply Rmult_le_compat_l; [exact HC|apply HM].
    + unfold bound. cbn [constant]. apply Req_le. ring.
Qed.

End Run.
