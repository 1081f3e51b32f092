(** Sums of powers over a range of tokens: a polynomial F with F(j) - F(j-1) = j^k (Faulhaber, with B_1 = +1/2) gives
    a^k + ... + b^k = F(b) - F(a-1). *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import sums.
Open Scope R_scope.

(** [faulhaber k] for k <= 6. *)
Definition faulhaber (k : nat) (x : R) : R :=
  match k with
  | 0 => x
  | 1 => (x ^ 2 + x) / 2
  | 2 => (2 * x ^ 3 + 3 * x ^ 2 + x) / 6
  | 3 => (x ^ 4 + 2 * x ^ 3 + x ^ 2) / 4
  | 4 => (6 * x ^ 5 + 15 * x ^ 4 + 10 * x ^ 3 - x) / 30
  | 5 => (2 * x ^ 6 + 6 * x ^ 5 + 5 * x ^ 4 - x ^ 2) / 12
  | 6 => (6 * x ^ 7 + 21 * x ^ 6 + 21 * x ^ 5 - 7 * x ^ 3 + x) / 42
  | _ => 0
  end.

Lemma faulhaber_step k x : (k <= 6)%nat -> faulhaber k x - faulhaber k (x - 1) = x ^ k.
Proof. intros Hk. do 7 (destruct k as [|k]; [cbn [faulhaber]; simpl pow; field|]). lia. Qed.

(** The n tokens after token a. *)
Theorem telescoping_sum (F f : R -> R) a n :
  (forall x, F x - F (x - 1) = f x) ->
  sum n (fun j => f (INR (a + j + 1)%nat)) = F (INR (a + n)%nat) - F (INR a).
Proof.
  intros H. induction n as [|n IH]; cbn [sum].
  - rewrite Nat.add_0_r. ring.
  - rewrite IH, <- H. replace (a + n + 1)%nat with (S (a + n)) by lia. rewrite Nat.add_succ_r.
    replace (INR (S (a + n)) - 1) with (INR (a + n)) by (rewrite S_INR; ring). ring.
Qed.

Theorem power_sum k a n :
  (k <= 6)%nat -> sum n (fun j => INR (a + j + 1)%nat ^ k) = faulhaber k (INR (a + n)%nat) - faulhaber k (INR a).
Proof. intros Hk. apply (telescoping_sum (faulhaber k) (fun x => x ^ k)). intros x. now apply faulhaber_step. Qed.

(** A sum of numbers known up to a radius each: radii add up by their size, not by the sum of the powers they stand at, which
    may vanish. *)
Theorem power_sum_with_radius n (c t : nat -> R) k center radius bound :
  0 <= bound -> (forall j, (j < n)%nat -> Rabs (c j - center) <= radius) -> (forall j, (j < n)%nat -> Rabs (t j) <= bound) ->
  Rabs (sum n (fun j => c j * t j ^ k) - center * sum n (fun j => t j ^ k)) <= INR n * (radius * bound ^ k).
Proof.
  intros Hb Hc Ht. rewrite <- sum_scal_l, <- sum_minus, <- sum_const.
  apply Rle_trans with (1 := sum_abs n _). apply sum_le. intros j Hj.
  replace (c j * t j ^ k - center * t j ^ k) with ((c j - center) * t j ^ k) by ring.
  rewrite Rabs_mult, <- RPow_abs. apply Rmult_le_compat; [apply Rabs_pos|apply pow_le, Rabs_pos|now apply Hc|].
  apply pow_incr. split; [apply Rabs_pos|now apply Ht].
Qed.
