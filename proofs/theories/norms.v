(** Euclidean balls (lib/world/euclidean.hpp, proofs/norms.md): a vector known up to a ball goes through x + f(x), where f moves by at most delta when its argument moves
    within the ball; and what bounds delta: derivatives along a line, norms of matrices from their Gram matrices, the derivative of a norm, attention's rank-one terms. *)
From Coq Require Import Reals Lra Lia Arith Ranalysis.
From Snellen Require Import sums vectors softmax exponential.
Open Scope R_scope.

Notation norm2 := (norm L2).

Definition dot (d : nat) (x y : vec) : R := sum d (fun i => x i * y i).

Lemma norm2_sqr d x : norm2 d x ^ 2 = dot d x x.
Proof.
  cbn [norm]. rewrite pow2_sqrt by apply sum_sqr_nonneg. apply sum_ext. intros; ring.
Qed.

Lemma dot_comm d x y : dot d x y = dot d y x.
Proof. apply sum_ext. intros; ring. Qed.

Lemma dot_combination d a b x y z : dot d (fun i => a * x i + b * y i) z = a * dot d x z + b * dot d y z.
Proof. unfold dot. rewrite <- !sum_scal_l, <- sum_plus. apply sum_ext. intros; ring. Qed.

(** Cauchy and Schwarz: |a|^2 |b|^2 - (a.b)^2 = | |b|^2 a - (a.b) b |^2 / |b|^2. *)
Theorem cauchy_schwarz d x y : Rabs (dot d x y) <= norm2 d x * norm2 d y.
Proof.
  assert (H : dot d x y ^ 2 <= dot d x x * dot d y y).
  { assert (P : 0 <= dot d y y) by (rewrite <- norm2_sqr; apply pow2_ge_0).
    set (b := dot d y y) in *. set (c := dot d x y).
    assert (Q : 0 <= dot d (fun i => b * x i + - c * y i) (fun i => b * x i + - c * y i)) by (rewrite <- norm2_sqr; apply pow2_ge_0).
    rewrite dot_combination, !(dot_comm d _ (fun i => b * x i + - c * y i)), !dot_combination, (dot_comm d y x) in Q. fold b c in Q.
    assert (E : b * (b * dot d x x + - c * c) + - c * (b * c + - c * b) = b * (b * dot d x x - c ^ 2)) by ring. rewrite E in Q.
    destruct (Rle_lt_or_eq_dec _ _ P) as [L|Z].
    - apply Rmult_le_reg_l with b; [exact L|]. lra.
    - (* y = 0 *)
      assert (c = 0) as ->; [|rewrite <- Z; lra].
      assert (Y : forall i, (i < d)%nat -> y i = 0).
      { intros i Hi. assert (T : (y i * y i) <= 0).
        { rewrite Z. apply (sum_term d (fun i => y i * y i)); [exact Hi|]. intros; apply Rle_0_sqr. }
        apply Rsqr_0_uniq. unfold Rsqr. pose proof (Rle_0_sqr (y i)). unfold Rsqr in *. lra. }
      unfold c, dot. rewrite (sum_ext d _ (fun _ => 0)) by (intros i Hi; rewrite Y by exact Hi; ring). rewrite sum_const. ring. }
  rewrite <- !norm2_sqr, <- Rpow_mult_distr in H. apply Rsqr_incr_0_var; [|apply Rmult_le_pos; apply norm_nonneg].
  rewrite <- Rsqr_abs. unfold Rsqr. lra.
Qed.

(** The new ball: m, b are exact midpoints, r what the evaluation at m may be wrong by. *)
Theorem euclidean_step d (x m b : vec) (f : vec -> vec) rho delta r :
  distance L2 d x m <= rho ->
  distance L2 d (f x) (f m) <= delta ->
  distance L2 d (fun i => m i + f m i) b <= r ->
  distance L2 d (fun i => x i + f x i) b <= rho + delta + r.
Proof.
  intros Hx Hf Hb. apply Rle_trans with (1 := distance_triangle L2 d _ (fun i => m i + f m i) _).
  assert (H : distance L2 d (fun i => x i + f x i) (fun i => m i + f m i) <= rho + delta); [|lra].
  apply Rle_trans with (norm2 d (fun i => x i - m i) + norm2 d (fun i => f x i - f m i)); [|unfold distance in *; lra].
  unfold distance. rewrite (norm_ext L2 d _ (fun i => (x i - m i) + (f x i - f m i))) by (intros; ring). apply norm_triangle.
Qed.

Lemma derivable_sum d (u : vec) (g g' : nat -> R -> R) t :
  (forall i, (i < d)%nat -> derivable_pt_lim (g i) t (g' i t)) ->
  derivable_pt_lim (fun s => sum d (fun i => u i * g i s)) t (sum d (fun i => u i * g' i t)).
Proof.
  induction d as [|d IH]; intros H; cbn [sum]; [apply derivable_pt_lim_const|].
  apply (derivable_pt_lim_plus (fun s => sum d (fun i => u i * g i s)) (fun s => u d * g d s)).
  - apply IH. intros i Hi. apply H. lia.
  - apply derivable_pt_lim_scal. apply H. lia.
Qed.

(** A curve whose derivative is nowhere longer than delta ends at most delta from where it began. *)
Theorem mean_value d (g g' : nat -> R -> R) delta :
  (forall i t, (i < d)%nat -> 0 <= t <= 1 -> derivable_pt_lim (g i) t (g' i t)) ->
  (forall t, 0 <= t <= 1 -> norm2 d (fun i => g' i t) <= delta) ->
  distance L2 d (fun i => g i 1) (fun i => g i 0) <= delta.
Proof.
  intros Hd Hn. set (u := fun i => g i 1 - g i 0). change (norm2 d u <= delta).
  assert (D : forall t, 0 <= t <= 1 -> derivable_pt_lim (fun s => sum d (fun i => u i * g i s)) t (sum d (fun i => u i * g' i t))).
  { intros t Ht. apply derivable_sum. intros i Hi. now apply Hd. }
  destruct (MVT_cor2 (fun s => sum d (fun i => u i * g i s)) (fun t => sum d (fun i => u i * g' i t)) 0 1) as (t & E & Ht); [lra|exact D|].
  assert (Q : norm2 d u ^ 2 <= norm2 d u * delta).
  { rewrite norm2_sqr. replace (dot d u u) with (dot d u (fun i => g' i t)).
    - apply Rle_trans with (1 := Rle_abs _). apply Rle_trans with (1 := cauchy_schwarz d _ _).
      apply Rmult_le_compat_l; [apply norm_nonneg|]. apply Hn. lra.
    - unfold dot. rewrite Rminus_0_r, Rmult_1_r in E. rewrite <- E, <- sum_minus. apply sum_ext. intros i Hi. unfold u. ring. }
  destruct (Rle_lt_or_eq_dec 0 (norm2 d u) (norm_nonneg _ _ _)) as [L|Z].
  - apply Rmult_le_reg_l with (norm2 d u); [exact L|]. lra.
  - rewrite <- Z. apply Rle_trans with (2 := Hn 0 ltac:(lra)). apply norm_nonneg.
Qed.

(** Matrices [n, d] by their rows. *)
Definition apply (d : nat) (A : nat -> vec) (x : vec) : vec := fun i => dot d (A i) x.
Definition frobenius (n d : nat) (A : nat -> vec) : R := sqrt (sum n (fun i => norm2 d (A i) ^ 2)).

Theorem frobenius_bound n d A x : norm2 n (apply d A x) <= frobenius n d A * norm2 d x.
Proof.
  unfold frobenius. apply Rsqr_incr_0_var; [|apply Rmult_le_pos; [apply sqrt_pos|apply norm_nonneg]].
  rewrite Rsqr_mult. unfold Rsqr at 2. rewrite sqrt_sqrt by (apply sum_nonneg; intros; apply pow2_ge_0).
  replace (Rsqr (norm2 n (apply d A x))) with (norm2 n (apply d A x) ^ 2) by (unfold Rsqr; ring).
  rewrite norm2_sqr, <- sum_scal_r. apply sum_le. intros i Hi. unfold apply.
  pose proof (cauchy_schwarz d (A i) x). replace (dot d (A i) x * dot d (A i) x) with (Rabs (dot d (A i) x) ^ 2) by (rewrite pow2_abs; ring).
  replace (norm2 d (A i) ^ 2 * Rsqr (norm2 d x)) with ((norm2 d (A i) * norm2 d x) ^ 2) by (unfold Rsqr; ring).
  apply pow_incr. split; [apply Rabs_pos|exact H].
Qed.

(** A square root of a Gram matrix, however bad: [gram] is x -> |A x|^2, [L] any matrix, and [rest] what it misses. *)
Theorem gram_root d n (gram : vec -> R) (L : nat -> vec) rest x a :
  0 <= rest -> 0 <= a -> a ^ 2 = gram x ->
  Rabs (gram x - norm2 n (apply d L x) ^ 2) <= rest ^ 2 * norm2 d x ^ 2 ->
  a <= norm2 n (apply d L x) + rest * norm2 d x.
Proof.
  intros Hr Ha Hg Hrest. pose proof (norm_nonneg L2 n (apply d L x)). pose proof (norm_nonneg L2 d x).
  assert (0 <= rest * norm2 d x) by (apply Rmult_le_pos; assumption).
  apply Rsqr_incr_0_var; [|lra]. unfold Rsqr. apply Rle_trans with (norm2 n (apply d L x) ^ 2 + (rest * norm2 d x) ^ 2); [|nra].
  replace (a * a) with (a ^ 2) by ring. rewrite Hg, Rpow_mult_distr. pose proof (Rle_abs (gram x - norm2 n (apply d L x) ^ 2)). lra.
Qed.

(** u (w . x): attention's terms in a value and a key. *)
Theorem rank_one n d (u w x : vec) : norm2 n (fun i => dot d w x * u i) <= norm2 n u * norm2 d w * norm2 d x.
Proof.
  rewrite norm_scal. pose proof (cauchy_schwarz d w x). pose proof (norm_nonneg L2 n u).
  replace (norm2 n u * norm2 d w * norm2 d x) with (norm2 d w * norm2 d x * norm2 n u) by ring. now apply Rmult_le_compat_r.
Qed.

(** x / sqrt (|x|^2 / w + epsilon), r the root: its derivative (v - x (x . v) / (w r^2)) / r shortens v by the factor r or more. *)
Theorem norm_slope d (x v : vec) s r :
  0 < s -> 0 < r -> dot d x x <= s -> norm2 d (fun i => (v i - x i * (dot d x v / s)) / r) <= norm2 d v / r.
Proof.
  intros Hs Hr Hx. rewrite (norm_ext L2 d _ (fun i => / r * (v i - x i * (dot d x v / s)))) by (intros; unfold Rdiv; ring).
  rewrite norm_scal, Rabs_pos_eq by (left; now apply Rinv_0_lt_compat). unfold Rdiv. rewrite Rmult_comm.
  apply Rmult_le_compat_r; [left; now apply Rinv_0_lt_compat|].
  apply Rsqr_incr_0_var; [|apply norm_nonneg].
  replace (Rsqr (norm2 d v)) with (norm2 d v ^ 2) by (unfold Rsqr; ring).
  match goal with |- Rsqr ?a <= _ => replace (Rsqr a) with (a ^ 2) by (unfold Rsqr; ring) end.
  rewrite !norm2_sqr. set (c := dot d x v). set (k := c * / s).
  assert (E : dot d (fun i => v i - x i * k) (fun i => v i - x i * k) = dot d v v - 2 * k * c + k ^ 2 * dot d x x).
  { unfold c, dot. rewrite <- !sum_scal_l, <- sum_minus, <- sum_plus. apply sum_ext. intros; ring. }
  rewrite E. assert (K : c = k * s) by (unfold k; field; lra). rewrite K.
  assert (k ^ 2 * dot d x x <= k ^ 2 * s) by (apply Rmult_le_compat_l; [apply pow2_ge_0|exact Hx]).
  assert (0 <= k ^ 2 * s) by (apply Rmult_le_pos; [apply pow2_ge_0|lra]). lra.
Qed.

(** Scores that move by at most eta move attention's weights by at most e^(2 eta) - 1 in all. *)
Theorem weights_move n (s s' : nat -> R) eta :
  (0 < n)%nat -> (forall j, (j < n)%nat -> Rabs (s' j - s j) <= eta) ->
  sum n (fun j => Rabs (softmax n s' j - softmax n s j)) <= exp (2 * eta) - 1.
Proof.
  intros Hn H.
  assert (Eta : 0 <= eta) by (apply Rle_trans with (2 := H 0%nat Hn); apply Rabs_pos).
  set (e := exp (2 * eta)). assert (E1 : 1 <= e) by (unfold e; rewrite <- exp_0; apply exp_le; lra).
  assert (P : 0 < sum n (fun j => exp (s j))) by (apply exp_mass_pos; exact Hn).
  assert (P' : 0 < sum n (fun j => exp (s' j))) by (apply exp_mass_pos; exact Hn).
  assert (B : forall t t' : nat -> R, (forall j, (j < n)%nat -> Rabs (t' j - t j) <= eta) -> 0 < sum n (fun j => exp (t j)) -> 0 < sum n (fun j => exp (t' j)) ->
              forall j, (j < n)%nat -> softmax n t' j <= e * softmax n t j).
  { intros t t' Ht Pt Pt' j Hj. unfold softmax, weight.
    assert (M : sum n (fun k => exp (t k)) <= exp eta * sum n (fun k => exp (t' k))).
    { rewrite <- sum_scal_l. apply sum_le. intros k Hk. rewrite <- exp_plus. apply exp_le. specialize (Ht k Hk). pose proof (Rle_abs (t' k - t k)). pose proof (Rle_abs (- (t' k - t k))). rewrite Rabs_Ropp in *. lra. }
    assert (T : exp (t' j) <= exp eta * exp (t j)).
    { rewrite <- exp_plus. apply exp_le. specialize (Ht j Hj). pose proof (Rle_abs (t' j - t j)). lra. }
    apply (Rmult_le_reg_r (sum n (fun k => exp (t' k)))); [exact Pt'|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    apply Rle_trans with (1 := T). unfold e. replace (2 * eta) with (eta + eta) by ring. rewrite exp_plus.
    replace (exp eta * exp eta * (exp (t j) * / sum n (fun k => exp (t k))) * sum n (fun k => exp (t' k)))
      with (exp eta * exp (t j) * (exp eta * sum n (fun k => exp (t' k)) * / sum n (fun k => exp (t k)))) by ring.
    rewrite <- (Rmult_1_r (exp eta * exp (t j))) at 1. apply Rmult_le_compat_l; [left; apply Rmult_lt_0_compat; apply exp_pos|].
    apply (Rmult_le_reg_r (sum n (fun k => exp (t k)))); [exact Pt|]. rewrite Rmult_assoc, Rinv_l by lra. lra. }
  assert (S : sum n (softmax n s) = 1) by (apply softmax_sum_one; exact Hn).
  replace (e - 1) with ((e - 1) * sum n (softmax n s)) by (rewrite S; ring). rewrite <- sum_scal_l. apply sum_le. intros j Hj.
  pose proof (B s s' H P P' j Hj) as U.
  assert (L : softmax n s j <= e * softmax n s' j) by (apply B; auto; intros k Hk; rewrite Rabs_minus_sym; auto).
  pose proof (softmax_positive n s j Hn). pose proof (softmax_positive n s' j Hn).
  apply Rabs_le. split; [|nra].
  assert (softmax n s j - softmax n s' j <= (e - 1) * softmax n s' j) by lra.
  assert (softmax n s' j <= softmax n s j \/ softmax n s j <= softmax n s' j) as [C|C] by lra; nra.
Qed.

(** A head's output, whatever its branch: at most what its values move and what its weights move, times the longest value. *)
Theorem head_move d n (s s' : nat -> R) (v v' : nat -> vec) eta tau size :
  (0 < n)%nat -> (forall j, (j < n)%nat -> Rabs (s' j - s j) <= eta) ->
  (forall j, (j < n)%nat -> distance L2 d (v' j) (v j) <= tau) -> (forall j, (j < n)%nat -> norm2 d (v j) <= size) ->
  norm2 d (fun i => sum n (fun j => softmax n s' j * v' j i) - sum n (fun j => softmax n s j * v j i)) <= tau + (exp (2 * eta) - 1) * size.
Proof.
  intros Hn Hs Hv Hsize.
  rewrite (norm_ext L2 d _ (fun i => sum n (fun j => softmax n s' j * (v' j i - v j i)) + sum n (fun j => (softmax n s' j - softmax n s j) * v j i))).
  2: { intros i Hi. rewrite <- sum_minus, <- sum_plus. apply sum_ext. intros; ring. }
  apply Rle_trans with (1 := norm_triangle L2 d _ _).
  assert (Size : 0 <= size) by (apply Rle_trans with (2 := Hsize 0%nat Hn); apply norm_nonneg).
  apply Rplus_le_compat.
  - apply Rle_trans with (1 := norm_sum L2 d n (softmax n s') (fun j i => v' j i - v j i)).
    replace tau with (sum n (softmax n s') * tau) by (rewrite softmax_sum_one by exact Hn; ring). rewrite <- sum_scal_r. apply sum_le. intros j Hj.
    pose proof (softmax_positive n s' j Hn). rewrite Rabs_pos_eq by lra. apply Rmult_le_compat_l; [lra|]. now apply Hv.
  - apply Rle_trans with (1 := norm_sum L2 d n (fun j => softmax n s' j - softmax n s j) v).
    apply Rle_trans with (sum n (fun j => Rabs (softmax n s' j - softmax n s j) * size)).
    + apply sum_le. intros j Hj. apply Rmult_le_compat_l; [apply Rabs_pos|]. now apply Hsize.
    + rewrite sum_scal_r. apply Rmult_le_compat_r; [exact Size|]. now apply weights_move.
Qed.
