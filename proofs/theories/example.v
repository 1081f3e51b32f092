(** The hypotheses of the collapse theorem can be met, at every depth: the decoder that adds to each state the plain average
  of all
    states up to it, on the run b . a^n. *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Snellen Require Import sums vectors softmax decoder majorant logarithms collapse.
Open Scope R_scope.

Definition averaging : nat -> layer := fun _ => {|
  heads := 1;
  visible := fun _ _ => true;
  score := fun _ _ _ _ _ => 0;
  value := fun _ y => y;
  finish := fun y o => fun i => y i + o 0%nat i
|}.

Definition run (b a : vec) (i : nat) : vec := match i with O => b | S _ => a end.

Lemma averaging_alone l b i : alone averaging l b i = 2 ^ l * b i.
Proof. induction l as [|l IH]; cbn; [ring|]. rewrite IH. ring. Qed.

Theorem averaging_collapses p width b a depth eps n :
  0 < eps -> (1 <= n)%nat ->
  let C := constant 1 (fun _ => 0) (fun l => 2 ^ l * distance p width b a) (fun _ => 1) (fun _ => 1) (fun _ => 1) in
  (2 * (C depth * INR (2 * (depth - 1)) ^ (depth - 1)) / eps) ^ 2 <= INR n ->
  distance p width (states averaging depth (run b a) n) (states averaging depth (run b a) (S n)) <= eps.
Proof.
  intros He Hn C HN.
  assert (H : distance p width (last averaging depth (run b a) 1 n) (last averaging depth (run b a) 1 (S n)) <= eps).
  { apply (collapse p width width averaging depth (run b a) 1 a) with
      (g := fun _ => 0) (prefix_reach := fun l => 2 ^ l * distance p width b a)
      (value_slope := fun _ => 1) (state_slope := fun _ => 1) (head_slope := fun _ => 1); auto.
    - intros l _. repeat split; try lra. apply Rmult_le_pos; [apply pow_le; lra|apply norm_nonneg].
    - intros. cbn. lra.
    - intros l h j _ _ Hj. assert (j = 0)%nat as -> by lia. cbn [value averaging].
      rewrite (causality averaging l (run b a) (fun _ => b) 0) by (intros j Hj'; now replace j with 0%nat by lia).
      rewrite equal_tokens by (intros ? ? ?; reflexivity). unfold distance.
      rewrite (norm_ext p width _ (fun i => 2 ^ l * (b i - a i))) by (intros; rewrite 2!averaging_alone; ring).
      rewrite norm_scal, Rabs_pos_eq; [lra|apply pow_le; lra].
    - intros. cbn [value averaging]. unfold deviation. lra.
    - intros l k _. cbn [heads averaging sup]. rewrite Rmult_1_l, Rmult_1_l. unfold deviation at 1.
      cbn [states alone]. unfold apply_layer, distance. cbn [finish averaging value].
      rewrite (norm_ext p width _ (fun i => (states averaging l (run b a) (1 + k)%nat i - alone averaging l a i) +
        (attention (averaging l) 0 (states averaging l (run b a)) (1 + k)%nat i - alone averaging l a i))) by (intros;
          cbn [averaging]; ring).
      apply Rle_trans with (1 := norm_triangle p width _ _). apply Rplus_le_compat_l, Rmax_r. }
  unfold last in H. replace (1 + (n - 1))%nat with n in H by lia. replace (1 + (S n - 1))%nat with (S n) in H by lia. exact H.
Qed.
