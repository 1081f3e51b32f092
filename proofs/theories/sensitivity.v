(** Sensitivity of the last token's vector to token i, with attention's weights free to move: the derivative of a softmax's mean, the bound of a Jacobian's block by
    the blocks of the layers, and how it fades over a run. *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import sums vectors.
Open Scope R_scope.

(** ** The derivative of a weighted mean whose weights are a softmax *)

Lemma sum_derivative n (f : nat -> R -> R) (f' : nat -> R) t :
  (forall j, (j < n)%nat -> derivable_pt_lim (f j) t (f' j)) ->
  derivable_pt_lim (fun x => sum n (fun j => f j x)) t (sum n f').
Proof.
  induction n as [|n IH]; intros H; cbn [sum].
  - apply derivable_pt_lim_const.
  - apply (derivable_pt_lim_plus (fun x => sum n (fun j => f j x)) (f n)); [apply IH; auto|apply H; lia].
Qed.

(** o = sum alpha_j v_j moves by sum alpha_j v_j' + sum alpha_j s_j' (v_j - o): the first is what the values do, the second what the weights do. *)
Theorem softmax_mean_derivative n (s v : nat -> R -> R) (s' v' : nat -> R) t :
  (0 < n)%nat ->
  (forall j, (j < n)%nat -> derivable_pt_lim (s j) t (s' j)) -> (forall j, (j < n)%nat -> derivable_pt_lim (v j) t (v' j)) ->
  let mass := sum n (fun j => exp (s j t)) in
  let alpha := fun j => exp (s j t) / mass in
  let o := sum n (fun j => alpha j * v j t) in
  derivable_pt_lim (fun x => sum n (fun j => exp (s j x) * v j x) / sum n (fun j => exp (s j x))) t
    (sum n (fun j => alpha j * v' j) + sum n (fun j => alpha j * s' j * (v j t - o))).
Proof.
  intros Hn Hs Hv mass alpha o.
  assert (Hm : 0 < mass) by (apply sum_pos; [exact Hn|intros; apply exp_pos]).
  assert (He : forall j, (j < n)%nat -> derivable_pt_lim (fun x => exp (s j x)) t (exp (s j t) * s' j)).
  { intros j Hj. apply (derivable_pt_lim_comp (s j) exp t (s' j) (exp (s j t))); [now apply Hs|apply derivable_pt_lim_exp]. }
  assert (H1 : derivable_pt_lim (fun x => sum n (fun j => exp (s j x) * v j x)) t
    (sum n (fun j => exp (s j t) * s' j * v j t + exp (s j t) * v' j))).
  { apply sum_derivative. intros j Hj. apply (derivable_pt_lim_mult (fun x => exp (s j x)) (v j) t); auto. }
  assert (H2 : derivable_pt_lim (fun x => sum n (fun j => exp (s j x))) t (sum n (fun j => exp (s j t) * s' j))) by (apply sum_derivative; auto).
  assert (Hne : sum n (fun j => exp (s j t)) <> 0) by (fold mass; lra).
  pose proof (derivable_pt_lim_div _ _ t _ _ H1 H2 Hne) as H. unfold div_fct in H.
  replace (sum n (fun j => alpha j * v' j) + sum n (fun j => alpha j * s' j * (v j t - o))) with
    ((sum n (fun j => exp (s j t) * s' j * v j t + exp (s j t) * v' j) * sum n (fun j => exp (s j t)) -
      sum n (fun j => exp (s j t) * s' j) * sum n (fun j => exp (s j t) * v j t)) / Rsqr (sum n (fun j => exp (s j t)))); [exact H|].
  fold mass. unfold Rsqr.
  assert (Eo : o = sum n (fun j => exp (s j t) * v j t) / mass).
  { unfold o, alpha, Rdiv. rewrite <- sum_scal_r. apply sum_ext; intros; ring. }
  assert (E1 : sum n (fun j => alpha j * v' j) = sum n (fun j => exp (s j t) * v' j) / mass).
  { unfold alpha, Rdiv. rewrite <- sum_scal_r. apply sum_ext; intros; ring. }
  assert (E2 : sum n (fun j => alpha j * s' j * (v j t - o)) =
               (sum n (fun j => exp (s j t) * s' j * v j t) - sum n (fun j => exp (s j t) * s' j) * o) / mass).
  { unfold alpha, Rdiv. rewrite <- sum_scal_r, <- sum_minus, <- sum_scal_r. apply sum_ext; intros; ring. }
  rewrite E1, E2, Eo, sum_plus. field. lra.
Qed.

(** ** A block of the Jacobian is no larger than the paths through the layers *)

Section Influence.

Variables (p : metric) (d : nat).
(** [block l n j]: at least the norm of d x_n (l+1) / d x_j (l). *)
Variable block : nat -> nat -> nat -> R.
Hypothesis block_nonneg : forall l n j, 0 <= block l n j.
(** A tangent of the input, carried through the layers: x_j(l) moves with the speed [tangent l j]. *)
Variable tangent : nat -> nat -> vec.
Hypothesis step : forall l n, norm p d (tangent (S l) n) <= sum (S n) (fun j => block l n j * norm p d (tangent l j)).

(** Entry n, i of the product of the blocks' bounds, last layer first. *)
Fixpoint reach (l n i : nat) : R :=
  match l with
  | O => if Nat.eqb n i then 1 else 0
  | S k => sum (S n) (fun j => block k n j * reach k j i)
  end.

Lemma reach_nonneg l n i : 0 <= reach l n i.
Proof.
  revert n. induction l as [|l IH]; intros n; cbn [reach].
  - destruct (Nat.eqb n i); lra.
  - apply sum_nonneg. intros. apply Rmult_le_pos; auto.
Qed.

(** If token i alone moves, the n-th token's vector after the layers moves at most [reach layers n i] times as fast. *)
Theorem influence_bound layers n i :
  (forall j, j <> i -> norm p d (tangent O j) = 0) ->
  norm p d (tangent layers n) <= reach layers n i * norm p d (tangent O i).
Proof.
  intros H0. revert n. induction layers as [|l IH]; intros n; cbn [reach].
  - destruct (Nat.eqb n i) eqn:E; [apply Nat.eqb_eq in E; subst; lra|]. apply Nat.eqb_neq in E. rewrite H0 by exact E. lra.
  - apply Rle_trans with (1 := step l n). rewrite <- sum_scal_r. apply sum_le. intros j Hj.
    rewrite Rmult_assoc. apply Rmult_le_compat_l; [apply block_nonneg|apply IH].
Qed.

(** ** A run: where no weight is more than A/n of a token's own, what token i can change fades like (1 + log n)^(L-1) / n, as the sum below says without logarithms *)

(** 1 + 1/2 + ... + 1/n. *)
Definition harmonic (n : nat) : R := sum n (fun k => / INR (S k)).

Lemma harmonic_nonneg n : 0 <= harmonic n.
Proof. apply sum_nonneg. intros. apply Rlt_le, Rinv_0_lt_compat, lt_0_INR. lia. Qed.

Lemma harmonic_monotone m n : (m <= n)%nat -> harmonic m <= harmonic n.
Proof.
  unfold harmonic. induction 1 as [|n H IH]; [lra|]. cbn [sum].
  assert (0 < / INR (S n)) by (apply Rinv_0_lt_compat, lt_0_INR; lia). lra.
Qed.

Variables (own other : R).
Hypothesis own_at_least : 0 <= own.
Hypothesis other_at_least : 0 <= other.
Hypothesis own_block : forall l n, block l n n <= own.
Hypothesis other_block : forall l n j, (j < n)%nat -> block l n j <= other / INR (S n).

(** The constant of layer l: C_0 = 0, C_{l+1} = (own + other) C_l + other own^l. *)
Fixpoint fading (l : nat) : R :=
  match l with
  | O => 0
  | S k => (own + other) * fading k + other * own ^ k
  end.

Lemma fading_nonneg l : 0 <= fading l.
Proof.
  induction l as [|l IH]; cbn [fading]; [lra|]. apply Rplus_le_le_0_compat; apply Rmult_le_pos; try lra; auto. now apply pow_le.
Qed.

Lemma reach_above l n i : (n < i)%nat -> reach l n i = 0.
Proof.
  revert n. induction l as [|l IH]; intros n Hn; cbn [reach].
  - replace (Nat.eqb n i) with false by (symmetry; apply Nat.eqb_neq; lia). reflexivity.
  - rewrite (sum_ext (S n) _ (fun _ => 0)), sum_const; [ring|]. intros j Hj. rewrite IH by lia. ring.
Qed.

Lemma reach_diagonal l i : reach l i i <= own ^ l.
Proof.
  induction l as [|l IH]; cbn [reach pow].
  - rewrite Nat.eqb_refl. lra.
  - cbn [sum]. rewrite (sum_ext i _ (fun _ => 0)), sum_const.
    + rewrite Rmult_0_r, Rplus_0_l. apply Rmult_le_compat; auto using reach_nonneg.
    + intros j Hj. rewrite reach_above by exact Hj. ring.
Qed.

(** For every n > i, without end: what token i can do to token n after L layers is at most C_L (1 + 1/2 + ... + 1/(n+1))^(L-1) / (n+1) times its own change. *)
Theorem sensitivity_fades l n i :
  (i < n)%nat -> reach l n i <= fading l * (1 + harmonic (S n)) ^ (l - 1) / INR (S n).
Proof.
  revert n. induction l as [|l IH]; intros n Hn; cbn [reach].
  - replace (Nat.eqb n i) with false by (symmetry; apply Nat.eqb_neq; lia). cbn [fading]. unfold Rdiv. rewrite !Rmult_0_l. lra.
  - replace (S l - 1)%nat with l by lia.
    assert (Hpos : 0 < INR (S n)) by (apply lt_0_INR; lia).
    assert (Hinv : 0 < / INR (S n)) by now apply Rinv_0_lt_compat.
    set (H := 1 + harmonic (S n)). assert (H1 : 1 <= H) by (unfold H; pose proof (harmonic_nonneg (S n)); lra).
    assert (Hfl := fading_nonneg l).
    assert (Hpow : forall k, 1 <= H ^ k) by (intros k; apply pow_R1_Rle; exact H1).
    (* H^(l-1) times one more factor, or l = 0. *)
    assert (Hl : fading l * H ^ (l - 1) <= fading l * H ^ l).
    { apply Rmult_le_compat_l; [exact Hfl|]. apply Rle_pow; [exact H1|lia]. }
    (* What goes through tokens before n: each weighs other / (n+1). *)
    assert (Hsum : sum n (fun j => block l n j * reach l j i) <= other / INR (S n) * (own ^ l + fading l * H ^ l)).
    { apply Rle_trans with (other / INR (S n) * sum n (fun j => reach l j i)).
      - rewrite <- sum_scal_l. apply sum_le. intros j Hj. apply Rmult_le_compat_r; [apply reach_nonneg|now apply other_block].
      - apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|].
        (* Token i itself, and the later ones, whose shares add up to a harmonic sum. *)
        apply Rle_trans with (sum n (fun j => (if Nat.eqb i j then 1 else 0) * own ^ l + fading l * H ^ (l - 1) * / INR (S j))).
        + apply sum_le. intros j Hj.
          assert (0 <= fading l * H ^ (l - 1) * / INR (S j)).
          { apply Rmult_le_pos; [apply Rmult_le_pos; [exact Hfl|apply pow_le; lra]|apply Rlt_le, Rinv_0_lt_compat, lt_0_INR; lia]. }
          destruct (lt_eq_lt_dec i j) as [[Hij|<-]|Hij].
          * replace (Nat.eqb i j) with false by (symmetry; apply Nat.eqb_neq; lia). rewrite Rmult_0_l, Rplus_0_l.
            apply Rle_trans with (1 := IH j Hij). unfold Rdiv.
            apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat, lt_0_INR; lia|]. apply Rmult_le_compat_l; [exact Hfl|].
            apply pow_incr. pose proof (harmonic_nonneg (S j)). pose proof (harmonic_monotone (S j) (S n) ltac:(lia)). unfold H. lra.
          * rewrite Nat.eqb_refl, Rmult_1_l. pose proof (reach_diagonal l i). lra.
          * rewrite reach_above by exact Hij. replace (Nat.eqb i j) with false by (symmetry; apply Nat.eqb_neq; lia). lra.
        + rewrite sum_plus, (sum_ext n (fun j => (if Nat.eqb i j then 1 else 0) * own ^ l) (fun j => own ^ l * (if Nat.eqb i j then 1 else 0))) by (intros; ring).
          rewrite !sum_scal_l.
          assert (Hone : sum n (fun j => if Nat.eqb i j then 1 else 0) <= 1).
          { clear. induction n as [|n IH]; cbn [sum]; [lra|]. destruct (Nat.eqb i n) eqn:E; [|lra]. apply Nat.eqb_eq in E. subst.
            rewrite (sum_ext n _ (fun _ => 0)), sum_const; [lra|]. intros j Hj. replace (Nat.eqb n j) with false by (symmetry; apply Nat.eqb_neq; lia). reflexivity. }
          assert (Hh : sum n (fun j => / INR (S j)) <= H).
          { change (sum n (fun j => / INR (S j))) with (harmonic n). pose proof (harmonic_monotone n (S n) ltac:(lia)). unfold H. lra. }
          assert (0 <= own ^ l) by now apply pow_le.
          apply Rplus_le_compat; [rewrite <- (Rmult_1_r (own ^ l)) at 2; now apply Rmult_le_compat_l|].
          destruct l as [|k]; [cbn [fading]; lra|]. replace (S k - 1)%nat with k by lia. cbn [pow].
          replace (fading (S k) * (H * H ^ k)) with (fading (S k) * H ^ k * H) by ring.
          apply Rmult_le_compat_l; [apply Rmult_le_pos; [exact Hfl|apply pow_le; lra]|exact Hh]. }
    (* What goes through token n itself. *)
    assert (Hown : block l n n * reach l n i <= own * (fading l * H ^ l / INR (S n))).
    { apply Rmult_le_compat; auto using reach_nonneg. apply Rle_trans with (1 := IH n Hn). unfold Rdiv. apply Rmult_le_compat_r; [lra|exact Hl]. }
    cbn [sum]. apply Rle_trans with (1 := Rplus_le_compat _ _ _ _ Hsum Hown). cbn [fading]. unfold Rdiv.
    assert (0 <= own ^ l) by now apply pow_le.
    replace (((own + other) * fading l + other * own ^ l) * H ^ l * / INR (S n)) with
      (other * / INR (S n) * (own ^ l * H ^ l + fading l * H ^ l) + own * (fading l * H ^ l * / INR (S n))) by ring.
    apply Rplus_le_compat_r, Rmult_le_compat_l; [apply Rmult_le_pos; lra|]. apply Rplus_le_compat_r.
    rewrite <- (Rmult_1_r (own ^ l)) at 1. apply Rmult_le_compat_l; auto.
Qed.

End Influence.

(** ** Many layers: what is left of attention's weights is the first token *)

Section FirstToken.

(** [weight l n j]: of token j for token n in layer l; no residual connection. *)
Variable weight : nat -> nat -> nat -> R.
Variable least : R.
Hypothesis weight_nonneg : forall l n j, 0 <= weight l n j.
Hypothesis weights_sum : forall l n, sum (S n) (weight l n) = 1.
Hypothesis sees_first : forall l n, least <= weight l n O.
Hypothesis least_at_most : 0 <= least <= 1.

(** What the n-th token holds of tokens other than the first after l layers. *)
Fixpoint others (l n : nat) : R :=
  match l with
  | O => match n with O => 0 | _ => 1 end
  | S k => sum (S n) (fun j => weight k n j * others k j)
  end.

Lemma sum_first n f : sum (S n) f = f O + sum n (fun j => f (S j)).
Proof. induction n as [|n IH]; [cbn [sum]; ring|]. cbn [sum] in *. rewrite IH. ring. Qed.

(** All of it together is at most (1 - least)^l: it vanishes with depth, and the first token remains. *)
Theorem first_token_remains l n : 0 <= others l n <= (1 - least) ^ l /\ others l O = 0.
Proof.
  revert n. induction l as [|l IH]; intros n.
  - split; [|reflexivity]. destruct n; cbn [others pow]; lra.
  - assert (H0 : others l O = 0) by apply (IH O).
    assert (Hp : 0 <= (1 - least) ^ l) by (apply pow_le; lra).
    split; [split|].
    + cbn [others]. apply sum_nonneg. intros j Hj. apply Rmult_le_pos; [apply weight_nonneg|apply (IH j)].
    + cbn [others]. rewrite sum_first, H0, Rmult_0_r, Rplus_0_l. cbn [pow].
      apply Rle_trans with (sum n (fun j => weight l n (S j)) * (1 - least) ^ l).
      * rewrite <- sum_scal_r. apply sum_le. intros j Hj. apply Rmult_le_compat_l; [apply weight_nonneg|apply (IH (S j))].
      * apply Rmult_le_compat_r; [exact Hp|].
        pose proof (weights_sum l n) as Hs. rewrite sum_first in Hs. pose proof (sees_first l n). lra.
    + cbn [others sum]. rewrite H0. ring.
Qed.

End FirstToken.
