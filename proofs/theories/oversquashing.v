(** The paper's Theorem 5.1: with frozen attention weights and norms of fixed slope, a token reaches the last one along the paths
    of the layers' graph, and no further. Stated for any two inputs, hence also for derivatives. *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import sums vectors.
Open Scope R_scope.

Section OverSquashing.

Variables (p : metric) (d : nat).
(** Weight of token j for token i in layer l, fixed; zero where j > i. *)
Variable weight : nat -> nat -> nat -> R.
Hypothesis weight_nonneg : forall l i j, 0 <= weight l i j.
(** Layer l: x_i <- block_l(x_i + sum over j <= i of weight_ij norm1_l(x_j)), block_l = identity + MLP after its norm. *)
Variables (norm1 block : nat -> vec -> vec) (norm3 : vec -> vec).
Variables (beta1 beta2 sigma : nat -> R) (beta3 : R).
Hypothesis positive : forall l, 0 < beta1 l /\ 0 < beta2 l /\ 0 <= sigma l.
Hypothesis beta3_positive : 0 < beta3.
Hypothesis norm1_slope : forall l x y, distance p d (norm1 l x) (norm1 l y) <= / beta1 l * distance p d x y.
Hypothesis block_slope : forall l x y, distance p d (block l x) (block l y) <= (sigma l / beta2 l + 1) * distance p d x y.
Hypothesis norm3_slope : forall x y, distance p d (norm3 x) (norm3 y) <= / beta3 * distance p d x y.

Fixpoint frozen (l : nat) (x : nat -> vec) (i : nat) : vec :=
  match l with
  | O => x i
  | S k => block k (fun c => frozen k x i c + sum (S i) (fun j => weight k i j * norm1 k (frozen k x j) c))
  end.

(** [paths l i j]: entry i, j of the product over the layers, last one first, of (Lambda / beta1 + I). *)
Fixpoint paths (l i j : nat) : R :=
  match l with
  | O => if Nat.eqb i j then 1 else 0
  | S k => paths k i j + sum (S i) (fun m => weight k i m / beta1 k * paths k m j)
  end.

Fixpoint slopes (l : nat) : R :=
  match l with
  | O => 1
  | S k => (sigma k / beta2 k + 1) * slopes k
  end.

Lemma block_factor_pos l : 0 < sigma l / beta2 l + 1.
Proof.
  destruct (positive l) as (_ & H2 & H3).
  assert (0 <= sigma l / beta2 l) by (apply Rmult_le_pos; [exact H3|now apply Rlt_le, Rinv_0_lt_compat]). lra.
Qed.

Lemma slopes_pos l : 0 < slopes l.
Proof. induction l as [|l IH]; cbn [slopes]; [lra|]. apply Rmult_lt_0_compat; [apply block_factor_pos|exact IH]. Qed.

Lemma sum_indicator n i f : (i < n)%nat -> sum n (fun j => (if Nat.eqb i j then 1 else 0) * f j) = f i.
Proof.
  induction n as [|n IH]; intros Hi; [lia|]. cbn [sum]. destruct (Nat.eq_dec i n) as [->|E].
  - rewrite Nat.eqb_refl, (sum_ext n _ (fun _ => 0)), sum_const; [ring|].
    intros j Hj. replace (Nat.eqb n j) with false by (symmetry; apply Nat.eqb_neq; lia). ring.
  - rewrite IH by lia. replace (Nat.eqb i n) with false by (symmetry; now apply Nat.eqb_neq). ring.
Qed.

Lemma frozen_bound n l x x' i : (i < n)%nat ->
  distance p d (frozen l x i) (frozen l x' i) <= slopes l * sum n (fun j => paths l i j * distance p d (x j) (x' j)).
Proof.
  revert i. induction l as [|l IH]; intros i Hi; cbn [frozen slopes].
  - rewrite Rmult_1_l. cbn [paths]. rewrite (sum_indicator n i (fun j => distance p d (x j) (x' j))) by exact Hi. lra.
  - destruct (positive l) as (H1 & _ & _).
    set (D := fun m => sum n (fun j => paths l m j * distance p d (x j) (x' j))).
    assert (E : sum n (fun j => paths (S l) i j * distance p d (x j) (x' j)) = D i + sum (S i)
      (fun m => weight l i m / beta1 l * D m)).
    { unfold D. rewrite (sum_ext (S i) _ (fun m => sum n (fun j => weight l i m / beta1 l * (paths l m j * distance p d (x j)
        (x' j))))) by
        (intros; now rewrite <- sum_scal_l).
      rewrite sum_swap, <- sum_plus. apply sum_ext. intros j Hj. cbn [paths]. rewrite Rmult_plus_distr_r. f_equal.
      rewrite <- sum_scal_r. apply sum_ext. intros; ring. }
    rewrite E. clear E. apply Rle_trans with (1 := block_slope l _ _). rewrite Rmult_assoc.
    apply Rmult_le_compat_l; [apply Rlt_le, block_factor_pos|].
    unfold distance at 1. rewrite (norm_ext p d _ (fun c => (frozen l x i c - frozen l x' i c) +
      sum (S i) (fun j => weight l i j * (norm1 l (frozen l x j) c - norm1 l (frozen l x' j) c)))).
    2: { intros c _. rewrite (sum_ext (S i) (fun j => weight l i j * (norm1 l (frozen l x j) c - norm1 l (frozen l x' j) c))
           (fun j => weight l i j * norm1 l (frozen l x j) c - weight l i j * norm1 l (frozen l x' j) c)) by (intros; ring).
         rewrite sum_minus. ring. }
    apply Rle_trans with (1 := norm_triangle p d _ _). rewrite Rmult_plus_distr_l. apply Rplus_le_compat; [now apply IH|].
    apply Rle_trans with (1 := norm_sum p d (S i) (weight l i) (fun j c => norm1 l (frozen l x j) c - norm1 l (frozen l x' j)
      c)).
    rewrite <- sum_scal_l. apply sum_le. intros j Hj. rewrite Rabs_pos_eq by apply weight_nonneg.
    replace (slopes l * (weight l i j / beta1 l * D j)) with (weight l i j * (/ beta1 l * (slopes l * D j))) by (unfold Rdiv;
      ring).
    apply Rmult_le_compat_l; [apply weight_nonneg|]. apply Rle_trans with (1 := norm1_slope l _ _).
    apply Rmult_le_compat_l; [now apply Rlt_le, Rinv_0_lt_compat|]. apply IH. lia.
Qed.

(** Theorem 5.1: C [product]_{n,i} bounds what a change of token i alone does to the last token's vector, C = slopes / beta3. *)
Theorem over_squashing layers n i x x' :
  (i <= n)%nat -> (forall j, j <> i -> x j = x' j) ->
  distance p d (norm3 (frozen layers x n)) (norm3 (frozen layers x' n)) <=
    / beta3 * slopes layers * paths layers n i * distance p d (x i) (x' i).
Proof.
  intros Hi Hx. apply Rle_trans with (1 := norm3_slope _ _). rewrite !Rmult_assoc.
  apply Rmult_le_compat_l; [now apply Rlt_le, Rinv_0_lt_compat|].
  apply Rle_trans with (1 := frozen_bound (S n) layers x x' n (Nat.lt_succ_diag_r n)).
  apply Req_le. f_equal.
  rewrite <- (sum_indicator (S n) i (fun j => paths layers n j * distance p d (x j) (x' j))) by lia.
  apply sum_ext. intros j Hj. destruct (Nat.eqb i j) eqn:E; [ring|].
  apply Nat.eqb_neq in E. rewrite Hx, distance_self by auto. ring.
Qed.

End OverSquashing.
