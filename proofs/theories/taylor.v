(** Eras (proofs/era.md): functions of t in [-1, 1] known up to a polynomial and a remainder, sums of them over the tokens of an era, attention centred on any constants,
    and what two distant lengths say of those between. *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import sums vectors exponential softmax.
Open Scope R_scope.

Definition polynomial (q : nat) (c : nat -> R) (t : R) : R := sum (S q) (fun k => c k * t ^ k).

Lemma power_le_1 t k : Rabs t <= 1 -> Rabs (t ^ k) <= 1.
Proof. intros H. rewrite <- RPow_abs, <- (pow1 k). apply pow_incr. split; [apply Rabs_pos|exact H]. Qed.

(** Radii of all coefficients go into the constant. *)
Theorem taylor_sweep q (c m r : nat -> R) t :
  Rabs t <= 1 -> (forall k, (k <= q)%nat -> Rabs (c k - m k) <= r k) ->
  Rabs (polynomial q c t - polynomial q m t) <= sum (S q) r.
Proof.
  intros Ht H. unfold polynomial. rewrite <- sum_minus. apply Rle_trans with (1 := sum_abs _ _). apply sum_le. intros k Hk.
  replace (c k * t ^ k - m k * t ^ k) with ((c k - m k) * t ^ k) by ring. rewrite Rabs_mult. rewrite <- (Rmult_1_r (r k)).
  apply Rmult_le_compat; try apply Rabs_pos; [apply H; lia|now apply power_le_1].
Qed.

(** A polynomial is no larger than its coefficients together. *)
Lemma polynomial_le q c t : Rabs t <= 1 -> Rabs (polynomial q c t) <= sum (S q) (fun k => Rabs (c k)).
Proof.
  intros Ht. unfold polynomial. apply Rle_trans with (1 := sum_abs _ _). apply sum_le. intros k Hk.
  rewrite Rabs_mult. rewrite <- (Rmult_1_r (Rabs (c k))) at 2. apply Rmult_le_compat_l; [apply Rabs_pos|now apply power_le_1].
Qed.

(** A product of two enclosed values. *)
Theorem product_enclosed f g p q r s : Rabs (f - p) <= r -> Rabs (g - q) <= s -> Rabs (f * g - p * q) <= Rabs p * s + Rabs q * r + r * s.
Proof.
  intros Hf Hg. replace (f * g - p * q) with (p * (g - q) + q * (f - p) + (f - p) * (g - q)) by ring.
  apply Rle_trans with (Rabs (p * (g - q)) + Rabs (q * (f - p)) + Rabs ((f - p) * (g - q))).
  - apply Rle_trans with (1 := Rabs_triang _ _). apply Rplus_le_compat_r. apply Rabs_triang.
  - rewrite !Rabs_mult. pose proof (Rabs_pos p). pose proof (Rabs_pos q). pose proof (Rabs_pos (f - p)). pose proof (Rabs_pos (g - q)).
    repeat apply Rplus_le_compat; apply Rmult_le_compat; lra.
Qed.

(** Terms of a product beyond the degree that is kept. *)
Theorem taylor_product q (x y : nat -> R) t :
  Rabs t <= 1 ->
  Rabs (polynomial q x t * polynomial q y t - sum (S q) (fun i => sum (S q) (fun j => if (i + j <=? q)%nat then x i * y j * t ^ (i + j) else 0)))
    <= sum (S q) (fun i => sum (S q) (fun j => if (i + j <=? q)%nat then 0 else Rabs (x i) * Rabs (y j))).
Proof.
  intros Ht. unfold polynomial. rewrite <- sum_scal_r, <- sum_minus. apply Rle_trans with (1 := sum_abs _ _). apply sum_le. intros i Hi.
  rewrite <- sum_scal_l, <- sum_minus. apply Rle_trans with (1 := sum_abs _ _). apply sum_le. intros j Hj.
  rewrite pow_add. destruct (i + j <=? q)%nat.
  - replace (x i * t ^ i * (y j * t ^ j) - x i * y j * (t ^ i * t ^ j)) with 0 by ring. rewrite Rabs_R0. lra.
  - rewrite Rminus_0_r. replace (x i * t ^ i * (y j * t ^ j)) with (x i * y j * t ^ (i + j)) by (rewrite pow_add; ring).
    rewrite !Rabs_mult. rewrite <- (Rmult_1_r (Rabs (x i) * Rabs (y j))) at 2.
    apply Rmult_le_compat_l; [apply Rmult_le_pos; apply Rabs_pos|now apply power_le_1].
Qed.

(** An inverse by its residual, whatever r is. *)
Theorem taylor_inverse f r delta : Rabs (1 - f * r) <= delta -> delta < 1 -> f <> 0 /\ Rabs (/ f - r) <= Rabs r * (delta / (1 - delta)).
Proof.
  intros H Hd. pose proof (Rle_abs (1 - f * r)). pose proof (Rabs_pos (1 - f * r)).
  assert (P : 1 - delta <= f * r) by lra. assert (F : f <> 0) by (intros ->; lra). split; [exact F|].
  assert (E : / f - r = r * ((1 - f * r) / (f * r))).
  { assert (r <> 0) by (intros ->; rewrite Rmult_0_r in P; lra). field. auto. }
  rewrite E, Rabs_mult. apply Rmult_le_compat_l; [apply Rabs_pos|]. unfold Rdiv. rewrite Rabs_mult, Rabs_inv, (Rabs_pos_eq (f * r)) by lra.
  apply Rmult_le_compat; [lra|left; apply Rinv_0_lt_compat; lra|exact H|]. apply Rinv_le_contravar; lra.
Qed.

(** An inverse square root by its residual. *)
Theorem taylor_rsqrt f r delta :
  0 < r -> Rabs (1 - f * r ^ 2) <= delta -> delta < 1 -> 0 < f /\ Rabs (/ sqrt f - r) <= r * (delta / (2 * (1 - delta) ^ 2)).
Proof.
  intros Hr H Hd. pose proof (Rle_abs (1 - f * r ^ 2)). pose proof (Rabs_pos (1 - f * r ^ 2)).
  set (u := f * r ^ 2) in *. assert (P : 1 - delta <= u) by lra. assert (R2 : 0 < r ^ 2) by (apply pow_lt; exact Hr).
  assert (F : 0 < f). { apply Rmult_lt_reg_r with (r ^ 2); [exact R2|]. fold u. lra. }
  split; [exact F|]. set (w := sqrt u).
  assert (W : 0 < w) by (apply sqrt_lt_R0; lra). assert (W2 : w * w = u) by (apply sqrt_sqrt; lra).
  assert (S : sqrt f * r = w).
  { unfold w, u. rewrite sqrt_mult by lra. f_equal. rewrite <- Rsqr_pow2. now rewrite sqrt_Rsqr by lra. }
  assert (SF : 0 < sqrt f) by (now apply sqrt_lt_R0).
  assert (E : / sqrt f - r = r * ((1 - u) / (w * (1 + w)))).
  { rewrite <- W2. replace (1 - w * w) with ((1 - w) * (1 + w)) by ring.
    replace ((1 - w) * (1 + w) / (w * (1 + w))) with ((1 - w) / w) by (field; lra). rewrite <- S. field. lra. }
  rewrite E, Rabs_mult, (Rabs_pos_eq r) by lra. apply Rmult_le_compat_l; [lra|]. unfold Rdiv.
  assert (D : 0 < w * (1 + w)) by (apply Rmult_lt_0_compat; lra).
  rewrite Rabs_mult, Rabs_inv, (Rabs_pos_eq (w * (1 + w))) by lra.
  apply Rmult_le_compat; [apply Rabs_pos|left; now apply Rinv_0_lt_compat|exact H|].
  apply Rinv_le_contravar; [apply Rmult_lt_0_compat; [lra|apply pow_lt; lra]|].
  assert (L : 1 - delta <= w).
  { destruct (Rle_dec 1 w) as [G|G]; [lra|]. assert (w * w <= w) by nra. lra. }
  nra.
Qed.

(** A sum over the tokens of an era: errors are counted, powers are summed. *)
Theorem era_sum n q (f t : nat -> R) (F : nat -> R) r :
  (forall j, (j < n)%nat -> Rabs (f j - polynomial q F (t j)) <= r) ->
  Rabs (sum n f - sum (S q) (fun l => F l * sum n (fun j => t j ^ l))) <= INR n * r.
Proof.
  intros H.
  assert (E : sum (S q) (fun l => F l * sum n (fun j => t j ^ l)) = sum n (fun j => polynomial q F (t j))).
  { unfold polynomial. rewrite sum_swap. apply sum_ext. intros l Hl. now rewrite <- sum_scal_l. }
  rewrite E, <- sum_minus, <- sum_const. apply Rle_trans with (1 := sum_abs _ _). now apply sum_le.
Qed.

(** The same for products of two models, the product of the polynomials being summed in full. *)
Theorem era_sum_of_products n (f m F M : nat -> R) e d sup_m sup_f :
  (forall j, (j < n)%nat -> Rabs (f j - F j) <= e /\ Rabs (m j) <= sup_m /\ Rabs (m j - M j) <= d /\ Rabs (F j) <= sup_f) ->
  Rabs (sum n (fun j => f j * m j) - sum n (fun j => F j * M j)) <= INR n * (e * sup_m + sup_f * d).
Proof.
  intros H. rewrite <- sum_minus, <- sum_const. apply Rle_trans with (1 := sum_abs _ _). apply sum_le. intros j Hj.
  destruct (H j Hj) as (H1 & H2 & H3 & H4). replace (f j * m j - F j * M j) with ((f j - F j) * m j + F j * (m j - M j)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _). rewrite !Rabs_mult. apply Rplus_le_compat; apply Rmult_le_compat; auto; apply Rabs_pos.
Qed.

(** Attention centred on constants: scores s_j = a + b_j with any a common to all tokens, values around any c. *)
Theorem centred_attention n (s b v : nat -> R) a c :
  (0 < n)%nat -> (forall j, (j < n)%nat -> s j = a + b j) ->
  mean n (fun j => exp (s j)) v = c + sum n (fun j => exp (b j) * (v j - c)) / sum n (fun j => exp (b j)).
Proof.
  intros Hn H.
  assert (P : 0 < sum n (fun j => exp (b j))) by (now apply exp_mass_pos).
  assert (P' : 0 < sum n (fun j => exp (s j))) by (now apply exp_mass_pos).
  assert (E : mean n (fun j => exp (s j)) v - c = sum n (fun j => exp (b j) * (v j - c)) / sum n (fun j => exp (b j))); [|lra].
  rewrite mean_quotient by exact P'.
  assert (A : forall g : nat -> R, sum n (fun j => exp (s j) * g j) = exp a * sum n (fun j => exp (b j) * g j)).
  { intros g. rewrite <- sum_scal_l. apply sum_ext. intros j Hj. rewrite (H j Hj), exp_plus. ring. }
  rewrite A, (sum_ext n (fun j => exp (s j)) (fun j => exp (s j) * 1)), A by (intros; ring).
  rewrite (sum_ext n (fun j => exp (b j) * 1) (fun j => exp (b j))) by (intros; ring). field. split; [lra|]. pose proof (exp_pos a). lra.
Qed.

(** ** Lower ends from two lengths far apart *)

Lemma equal_along {A : Type} (r : nat -> A) n1 n2 : (n1 <= n2)%nat -> (forall n, (n1 <= n < n2)%nat -> r n = r (S n)) -> r n1 = r n2.
Proof.
  intros H E. induction H as [|n2 H IH]; [reflexivity|]. rewrite IH.
  - apply E. lia.
  - intros n Hn. apply E. lia.
Qed.

(** Stored vectors (or next tokens) that differ at n1 and n2: not all pairs between collapse. *)
Theorem distinct_between {A : Type} (r : nat -> A) n1 n2 :
  (n1 < n2)%nat -> r n1 <> r n2 -> ~ (forall n, (n1 <= n < n2)%nat -> r n = r (S n)).
Proof. intros H N E. apply N. apply equal_along; [lia|exact E]. Qed.

Theorem distance_along p d (y : nat -> vec) eps n1 n2 :
  (n1 <= n2)%nat -> (forall n, (n1 <= n < n2)%nat -> distance p d (y n) (y (S n)) <= eps) -> distance p d (y n1) (y n2) <= INR (n2 - n1) * eps.
Proof.
  intros H E. induction H as [|n2 H IH].
  - rewrite Nat.sub_diag, distance_self. simpl. lra.
  - apply Rle_trans with (1 := distance_triangle p d _ (y n2) _). replace (S n2 - n1)%nat with (S (n2 - n1)) by lia. rewrite S_INR.
    assert (distance p d (y n1) (y n2) <= INR (n2 - n1) * eps) by (apply IH; intros n Hn; apply E; lia).
    assert (distance p d (y n2) (y (S n2)) <= eps) by (apply E; lia). lra.
Qed.

(** Vectors farther apart than (n2 - n1) eps: some pair between them is farther apart than eps. *)
Theorem farther_between p d (y : nat -> vec) eps n1 n2 :
  (n1 < n2)%nat -> INR (n2 - n1) * eps < distance p d (y n1) (y n2) -> ~ (forall n, (n1 <= n < n2)%nat -> distance p d (y n) (y (S n)) <= eps).
Proof. intros H F E. pose proof (distance_along p d y eps n1 n2 ltac:(lia) E). lra. Qed.
