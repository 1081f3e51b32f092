(** Recurrence: finitely many phases come back together, infinitely often, as close as one likes (Dirichlet). What is distinct whenever they are close is
    never inevitably collapsed. *)
From Coq Require Import Reals Lra Lia Arith ZArith List Permutation.
From Snellen Require Import inevitable.
Import ListNotations.
Open Scope R_scope.

Lemma pigeonhole (f : nat -> nat) n :
  (exists i j, (i < j < n)%nat /\ f i = f j) \/ NoDup (map f (seq 0 n)).
Proof.
  induction n as [|n [(i & j & H & E)|IH]]; [right; constructor|left; exists i, j; split; [lia|exact E]|].
  rewrite seq_S, map_app. cbn [map Nat.add].
  destruct (in_dec Nat.eq_dec (f n) (map f (seq 0 n))) as [I|I].
  - apply in_map_iff in I as (i & E & Hi). apply in_seq in Hi. left. exists i, n. split; [lia|exact E].
  - right. apply (Permutation_NoDup (Permutation_cons_append _ _)). now constructor.
Qed.

Lemma two_in_one_hole (f : nat -> nat) n : (forall i, (i <= n)%nat -> (f i < n)%nat) -> exists i j, (i < j <= n)%nat /\ f i = f j.
Proof.
  intros H. destruct (pigeonhole f (S n)) as [(i & j & L & E)|D]; [exists i, j; split; [lia|exact E]|]. exfalso.
  assert (C : incl (map f (seq 0 (S n))) (seq 0 n)).
  { intros y Hy. apply in_map_iff in Hy as (i & <- & Hi). apply in_seq in Hi. apply in_seq. specialize (H i). lia. }
  apply (NoDup_incl_length D) in C. rewrite map_length, 2!seq_length in C. lia.
Qed.

Definition frac (x : R) : R := x - IZR (Int_part x).
(** Which of K equal parts of a turn the phase x lies in. *)
Definition part (K : nat) (x : R) : nat := Z.to_nat (Int_part (INR K * frac x)).

Lemma frac_range x : 0 <= frac x < 1.
Proof. unfold frac. destruct (base_Int_part x). lra. Qed.

Lemma part_bounds K x : (0 < K)%nat -> (part K x < K)%nat /\ INR (part K x) <= INR K * frac x < INR (part K x) + 1.
Proof.
  intros HK. apply lt_INR in HK. cbn [INR] in HK. pose proof (frac_range x) as Hf. unfold part.
  destruct (base_Int_part (INR K * frac x)) as [Lo Hi]. set (z := Int_part (INR K * frac x)) in *.
  assert (P : 0 <= INR K * frac x) by (apply Rmult_le_pos; lra).
  assert (Q : INR K * frac x < INR K) by (rewrite <- (Rmult_1_r (INR K)) at 2; apply Rmult_lt_compat_l; lra).
  assert (Z0 : (0 <= z)%Z) by (apply le_IZR; assert (IZR (-1) < IZR z) by (cbn; lra); apply lt_IZR in H; apply IZR_le; lia).
  assert (E : INR (Z.to_nat z) = IZR z) by (rewrite INR_IZR_INZ, Z2Nat.id by exact Z0; reflexivity).
  split; [apply INR_lt; rewrite E; lra|rewrite E; lra].
Qed.

(** All parts as the digits of one number. *)
Fixpoint code (K F : nat) (x : nat -> R) : nat := match F with O => O | S f => (code K f x + part K (x f) * K ^ f)%nat end.

Lemma code_bound K F x : (0 < K)%nat -> (code K F x < K ^ F)%nat.
Proof.
  intros HK. induction F as [|F IH]; cbn [code]; [simpl; lia|].
  destruct (part_bounds K (x F) HK) as [P _]. rewrite Nat.pow_succ_r by lia.
  assert ((part K (x F) * K ^ F <= (K - 1) * K ^ F)%nat) by (apply Nat.mul_le_mono_r; lia).
  rewrite Nat.mul_sub_distr_r in H. assert (K ^ F <= K * K ^ F)%nat by (rewrite <- (Nat.mul_1_l (K ^ F)) at 1; apply Nat.mul_le_mono_r; lia). lia.
Qed.

Lemma code_parts K F x y : (0 < K)%nat -> code K F x = code K F y -> forall f, (f < F)%nat -> part K (x f) = part K (y f).
Proof.
  intros HK. induction F as [|F IH]; cbn [code]; intros E f Hf; [lia|].
  pose proof (code_bound K F x HK) as Bx. pose proof (code_bound K F y HK) as By.
  assert (Ep : part K (x F) = part K (y F)).
  { apply (f_equal (fun n => (n / K ^ F)%nat)) in E. rewrite 2!Nat.div_add, 2!Nat.div_small in E by lia. lia. }
  destruct (Nat.eq_dec f F) as [->|N]; [exact Ep|]. apply IH; [rewrite Ep in E; lia|lia].
Qed.

(** Dirichlet: some m >= N brings all F phases back to within 1/K of a turn. *)
Theorem recurrence F (alpha : nat -> R) K N :
  (0 < K)%nat -> (0 < N)%nat -> exists m, (N <= m)%nat /\ forall f, (f < F)%nat -> exists z, Rabs (INR m * alpha f - IZR z) < 1 / INR K.
Proof.
  intros HK HN. set (x := fun i f : nat => INR (i * N) * alpha f).
  destruct (two_in_one_hole (fun i => code K F (x i)) (K ^ F)) as (i & j & L & E); [intros; now apply code_bound|].
  exists ((j - i) * N)%nat. split; [rewrite <- (Nat.mul_1_l N) at 1; apply Nat.mul_le_mono_r; lia|].
  intros f Hf. apply (code_parts K F) with (f := f) in E; [|exact HK|exact Hf].
  exists (Int_part (x j f) - Int_part (x i f))%Z.
  destruct (part_bounds K (x i f) HK) as [_ Pi]. destruct (part_bounds K (x j f) HK) as [_ Pj]. rewrite E in Pi.
  rewrite minus_IZR. replace (INR ((j - i) * N) * alpha f) with (x j f - x i f) by (unfold x; rewrite 3!mult_INR, minus_INR by lia; ring).
  replace (x j f - x i f - (IZR (Int_part (x j f)) - IZR (Int_part (x i f)))) with (frac (x j f) - frac (x i f)) by (unfold frac; ring).
  assert (HK' : 0 < INR K) by (now apply lt_0_INR).
  apply Rmult_lt_reg_r with (INR K); [exact HK'|]. replace (1 / INR K * INR K) with 1 by (field; lra).
  rewrite <- (Rabs_pos_eq (INR K)) at 1 by lra. rewrite <- Rabs_mult. apply Rabs_def1; nra.
Qed.

(** Phases alpha a kind's step: the pair at n0 + m kinds has all its phases within 1/K of a turn of those of the pair at n0, for infinitely many m. If every such
    pair is distinct, collapse is never inevitable. *)
Theorem inevitable_by_phases (collapsed : nat -> Prop) F (alpha : nat -> R) K n0 kinds :
  (0 < K)%nat -> (0 < kinds)%nat ->
  (forall m, (forall f, (f < F)%nat -> exists z, Rabs (INR m * alpha f - IZR z) < 1 / INR K) -> ~ collapsed (n0 + m * kinds)%nat) ->
  forall N, ~ inevitable_from collapsed N.
Proof.
  intros HK Hk H. apply inevitable_never. intros N. destruct (recurrence F alpha K (S N) HK ltac:(lia)) as (m & Hm & Hf).
  exists (n0 + m * kinds)%nat. split; [|now apply H].
  assert (m <= m * kinds)%nat by (rewrite <- (Nat.mul_1_r m) at 1; apply Nat.mul_le_mono_l; lia). lia.
Qed.
