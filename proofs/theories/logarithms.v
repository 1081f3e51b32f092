(** Harmonic sums and powers of 1 + log n. *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import sums exponential.
Open Scope R_scope.

Lemma ln_le_minus_1 y : 0 < y -> ln y <= y - 1.
Proof.
  intros Hy. rewrite <- (exp_ln y Hy) at 2. pose proof (exp_ge (ln y)). lra.
Qed.

Lemma INR_S_pos n : 0 < INR (S n).
Proof. apply lt_0_INR; lia. Qed.

Lemma log_ge_1 n : 1 <= 1 + ln (INR (S n)).
Proof.
  assert (0 <= ln (INR (S n))); [|lra]. rewrite <- ln_1. destruct n as [|n]; [simpl; lra|].
  apply Rlt_le, ln_increasing; [lra|]. rewrite S_INR. pose proof (INR_S_pos n). lra.
Qed.

Lemma log_monotone m n : (m <= n)%nat -> 1 + ln (INR (S m)) <= 1 + ln (INR (S n)).
Proof.
  intros H. apply Rplus_le_compat_l. destruct (Nat.eq_dec m n) as [->|]; [lra|].
  apply Rlt_le, ln_increasing; [apply INR_S_pos|apply lt_INR; lia].
Qed.

(** 1 + 1/2 + ... + 1/n <= 1 + log n *)
Theorem harmonic_le n : sum (S n) (fun k => / INR (S k)) <= 1 + ln (INR (S n)).
Proof.
  induction n as [|n IH].
  - cbn [sum INR]. rewrite ln_1, Rinv_1. lra.
  - assert (E : INR (S (S n)) = INR (S n) + 1) by apply S_INR. pose proof (INR_S_pos n) as Hn.
    cbn [sum] in IH |- *. rewrite E. set (u := INR (S n)) in *.
    assert (H : ln (u * / (u + 1)) <= u * / (u + 1) - 1).
    { apply ln_le_minus_1, Rmult_lt_0_compat; [exact Hn|]. apply Rinv_0_lt_compat; lra. }
    rewrite ln_mult, ln_Rinv in H by (try apply Rinv_0_lt_compat; lra).
    replace (u * / (u + 1) - 1) with (- / (u + 1)) in H by (field; lra). lra.
Qed.

Lemma exp_pow k x : exp (INR k * x) = exp x ^ k.
Proof.
  induction k as [|k IH]; [simpl; rewrite Rmult_0_l; apply exp_0|].
  rewrite S_INR. replace ((INR k + 1) * x) with (x + INR k * x) by ring. rewrite exp_plus, IH. reflexivity.
Qed.

(** (1 + log n)^k <= (2k)^k sqrt n, for all n >= 1 *)
Theorem log_power_le k n : (1 + ln (INR (S n))) ^ k <= INR (2 * k) ^ k * sqrt (INR (S n)).
Proof.
  pose proof (INR_S_pos n) as Hn. set (u := INR (S n)) in *.
  assert (Hs : 1 <= sqrt u).
  { rewrite <- sqrt_1. apply sqrt_le_1_alt. unfold u. rewrite S_INR. pose proof (pos_INR n). lra. }
  destruct k as [|k]; [simpl; lra|].
  set (c := INR (2 * S k)). assert (Hc : 1 <= c) by (unfold c; change 1 with (INR 1); apply le_INR; lia).
  set (y := exp (ln u / c)).
  assert (Hy : y ^ S k = sqrt u).
  { unfold y. rewrite <- exp_pow, <- Rpower_sqrt by exact Hn. unfold Rpower. f_equal.
    unfold c. rewrite mult_INR. change (INR 2) with 2. pose proof (INR_S_pos k). field. lra. }
  rewrite <- Hy, <- Rpow_mult_distr. apply pow_incr. split.
  - pose proof (log_ge_1 n). fold u in H. lra.
  - assert (Hl : 1 + ln u / c <= y).
    { pose proof (ln_le_minus_1 y (exp_pos _)) as H. unfold y in H at 1. rewrite ln_exp in H. lra. }
    apply Rmult_le_compat_l with (r := c) in Hl; [|lra].
    replace (c * (1 + ln u / c)) with (c + ln u) in Hl by (field; lra). lra.
Qed.
