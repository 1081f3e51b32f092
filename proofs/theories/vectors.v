(** Vectors, as functions of which the first [d] coordinates count, and their three norms. *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import sums.
Open Scope R_scope.

Definition vec := nat -> R.

(** Greatest of f 0, ..., f (n-1) and 0. *)
Fixpoint sup (n : nat) (f : nat -> R) : R :=
  match n with
  | O => 0
  | S m => Rmax (sup m f) (f m)
  end.

Inductive metric := L1 | L2 | Linf.

Definition norm (p : metric) (d : nat) (x : vec) : R :=
  match p with
  | L1 => sum d (fun i => Rabs (x i))
  | L2 => sqrt (sum d (fun i => x i ^ 2))
  | Linf => sup d (fun i => Rabs (x i))
  end.

Definition distance p d (x y : vec) : R := norm p d (fun i => x i - y i).

Lemma sup_le n f g : (forall i, (i < n)%nat -> f i <= g i) -> sup n f <= sup n g.
Proof.
  induction n as [|n IH]; intros H; simpl; [lra|].
  apply Rle_trans with (Rmax (sup n g) (f n)); [apply Rle_max_compat_r|apply Rle_max_compat_l]; auto.
Qed.

Lemma sup_nonneg n f : 0 <= sup n f.
Proof. induction n as [|n IH]; simpl; [lra|]. apply Rle_trans with (1 := IH), Rmax_l. Qed.

Lemma sup_term n f i : (i < n)%nat -> f i <= sup n f.
Proof.
  induction n as [|n IH]; intros Hi; [lia|]. simpl.
  destruct (Nat.eq_dec i n) as [->|]; [apply Rmax_r|].
  apply Rle_trans with (2 := Rmax_l _ _). apply IH; lia.
Qed.

Lemma sup_lub n f c : 0 <= c -> (forall i, (i < n)%nat -> f i <= c) -> sup n f <= c.
Proof. intros Hc. induction n as [|n IH]; intros H; simpl; [lra|]. apply Rmax_lub; auto. Qed.

Lemma sum_sqr_nonneg d (x : vec) : 0 <= sum d (fun i => x i ^ 2).
Proof. apply sum_nonneg; intros; apply pow2_ge_0. Qed.

Lemma norm_nonneg p d x : 0 <= norm p d x.
Proof.
  destruct p; cbn [norm]; [|apply sqrt_pos|apply sup_nonneg].
  apply sum_nonneg; intros; apply Rabs_pos.
Qed.

(** A norm grows with the size of each coordinate. *)
Lemma norm_monotone p d x y :
  (forall i, (i < d)%nat -> Rabs (x i) <= Rabs (y i)) -> norm p d x <= norm p d y.
Proof.
  intros H. destruct p; cbn [norm].
  - now apply sum_le.
  - apply sqrt_le_1_alt, sum_le. intros i Hi. rewrite <- 2!Rsqr_pow2. now apply Rsqr_le_abs_1, H.
  - now apply sup_le.
Qed.

Lemma norm_ext p d x y : (forall i, (i < d)%nat -> x i = y i) -> norm p d x = norm p d y.
Proof. intros H. apply Rle_antisym; apply norm_monotone; intros i Hi; rewrite H; auto; lra. Qed.

Lemma norm_zero p d x : (forall i, (i < d)%nat -> x i = 0) -> norm p d x = 0.
Proof.
  intros H. rewrite (norm_ext p d x (fun _ => 0) H). destruct p; cbn [norm].
  - rewrite sum_const, Rabs_R0; ring.
  - rewrite (sum_ext d _ (fun _ => 0)), sum_const, Rmult_0_r; [apply sqrt_0|intros; ring].
  - induction d as [|d IH]; simpl; [reflexivity|]. rewrite IH, Rabs_R0. apply Rmax_left; lra. intros; apply H; lia.
Qed.

Lemma norm_scal p d c x : norm p d (fun i => c * x i) = Rabs c * norm p d x.
Proof.
  destruct p; cbn [norm].
  - rewrite <- sum_scal_l. apply sum_ext; intros; apply Rabs_mult.
  - rewrite <- sqrt_Rsqr_abs, <- sqrt_mult; [|apply Rle_0_sqr|apply sum_sqr_nonneg].
    f_equal. rewrite <- sum_scal_l. apply sum_ext; intros. unfold Rsqr; ring.
  - induction d as [|d IH]; simpl; [ring|]. rewrite IH, Rabs_mult. apply RmaxRmult, Rabs_pos.
Qed.

(** The triangle inequality in the plane is that of all dimensions. *)
Lemma sqrt_triangle a b c d :
  0 <= a -> 0 <= b -> sqrt ((a + b) ^ 2 + (c + d) ^ 2) <= sqrt (a ^ 2 + c ^ 2) + sqrt (b ^ 2 + d ^ 2).
Proof.
  intros Ha Hb.
  assert (Hs : forall u v, 0 <= u ^ 2 + v ^ 2) by (intros; pose proof (pow2_ge_0 u); pose proof (pow2_ge_0 v); lra).
  assert (H1 := sqrt_pos (a ^ 2 + c ^ 2)). assert (H2 := sqrt_pos (b ^ 2 + d ^ 2)).
  apply Rsqr_incr_0; [|apply sqrt_pos|lra].
  rewrite Rsqr_sqrt by apply Hs. rewrite Rsqr_plus, 2!Rsqr_sqrt by apply Hs.
  assert (Hc : a * b + c * d <= sqrt (a ^ 2 + c ^ 2) * sqrt (b ^ 2 + d ^ 2)).
  { rewrite <- sqrt_mult by apply Hs. apply Rle_trans with (1 := Rle_abs _).
    rewrite <- sqrt_Rsqr_abs. apply sqrt_le_1_alt. unfold Rsqr.
    assert (0 <= (a * d - b * c) ^ 2) by apply pow2_ge_0. nra. }
  nra.
Qed.

Lemma norm_triangle p d x y : norm p d (fun i => x i + y i) <= norm p d x + norm p d y.
Proof.
  destruct p; cbn [norm].
  - rewrite <- sum_plus. apply sum_le; intros; apply Rabs_triang.
  - induction d as [|d IH]; cbn [sum]; [rewrite sqrt_0; lra|].
    rewrite <- (pow2_sqrt (sum d (fun i => x i ^ 2))), <- (pow2_sqrt (sum d (fun i => y i ^ 2))) by apply sum_sqr_nonneg.
    apply Rle_trans with (2 := sqrt_triangle _ _ _ _ (sqrt_pos _) (sqrt_pos _)).
    apply sqrt_le_1_alt, Rplus_le_compat_r.
    rewrite <- (pow2_sqrt (sum d (fun i => (x i + y i) ^ 2))) by (apply sum_nonneg; intros; apply pow2_ge_0).
    apply pow_incr. split; [apply sqrt_pos|exact IH].
  - apply sup_lub.
    + apply Rplus_le_le_0_compat; apply sup_nonneg.
    + intros i Hi. apply Rle_trans with (1 := Rabs_triang _ _).
      apply Rplus_le_compat; [apply (sup_term d (fun i => Rabs (x i)))|apply (sup_term d (fun i => Rabs (y i)))]; auto.
Qed.

(** A combination is no longer than the combination of the lengths. *)
Lemma norm_sum p d n (w : nat -> R) (v : nat -> vec) :
  norm p d (fun i => sum n (fun j => w j * v j i)) <= sum n (fun j => Rabs (w j) * norm p d (v j)).
Proof.
  induction n as [|n IH]; simpl.
  - rewrite norm_zero; [lra|reflexivity].
  - apply Rle_trans with (1 := norm_triangle p d _ (fun i => w n * v n i)).
    rewrite norm_scal. lra.
Qed.

Lemma distance_triangle p d x y z : distance p d x z <= distance p d x y + distance p d y z.
Proof.
  unfold distance. rewrite (norm_ext p d _ (fun i => (x i - y i) + (y i - z i))) by (intros; ring).
  apply norm_triangle.
Qed.

Lemma distance_sym p d x y : distance p d x y = distance p d y x.
Proof.
  unfold distance. rewrite (norm_ext p d _ (fun i => -1 * (y i - x i))) by (intros; ring).
  rewrite norm_scal, Rabs_left; lra.
Qed.

Lemma distance_self p d x : distance p d x x = 0.
Proof. apply norm_zero; intros; ring. Qed.

(** The greatest coordinate is no greater than any of the norms: what is small is small in every coordinate. *)
Lemma coordinate_le_norm p d x i : (i < d)%nat -> Rabs (x i) <= norm p d x.
Proof.
  intros Hi. destruct p; cbn [norm].
  - apply (sum_term d (fun i => Rabs (x i))); auto; intros; apply Rabs_pos.
  - rewrite <- sqrt_Rsqr_abs. apply sqrt_le_1_alt. rewrite Rsqr_pow2.
    apply (sum_term d (fun i => x i ^ 2)); auto; intros; apply pow2_ge_0.
  - apply (sup_term d (fun i => Rabs (x i))); auto.
Qed.
