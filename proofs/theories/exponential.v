(** Remainders of the exponential: what is left when e^d is replaced by 1, or by 1 + d. *)
From Coq Require Import Reals Lra.
Open Scope R_scope.

Lemma exp_ge x : 1 + x <= exp x.
Proof. destruct (Req_dec x 0) as [->|E]; [rewrite exp_0; lra|]. now apply Rlt_le, exp_ineq1. Qed.

Lemma exp_le x y : x <= y -> exp x <= exp y.
Proof. intros [L|E]; [now apply Rlt_le, exp_increasing|rewrite E; lra]. Qed.

(** (1 - x) e^x <= 1 *)
Lemma exp_upper x : exp x <= 1 + x * exp x.
Proof.
  assert (H := exp_ge (- x)). apply Rmult_le_compat_r with (r := exp x) in H; [|apply Rlt_le, exp_pos].
  rewrite <- exp_plus, Rplus_opp_l, exp_0 in H. lra.
Qed.

Theorem exp_first_order d : Rabs (exp d - 1) <= Rabs d * exp (Rabs d).
Proof.
  assert (H1 := exp_ge d). assert (H2 := exp_upper d). destruct (Rle_or_lt 0 d) as [D|D].
  - rewrite (Rabs_pos_eq d), Rabs_pos_eq by lra. lra.
  - rewrite (Rabs_left d) by lra. assert (exp d <= 1) by (rewrite <- exp_0; apply exp_le; lra).
    rewrite Rabs_left1 by lra. assert (1 <= exp (- d)) by (rewrite <- exp_0; apply exp_le; lra).
    assert (- d * 1 <= - d * exp (- d)) by (apply Rmult_le_compat_l; lra). lra.
Qed.

(** A function with derivative >= 0 on an interval grows along it. *)
Lemma grows f f' a b :
  a <= b -> (forall c, derivable_pt_lim f c (f' c)) -> (forall c, a <= c <= b -> 0 <= f' c) -> f a <= f b.
Proof.
  intros [L|E] Hd Hp; [|rewrite E; lra]. destruct (MVT_cor2 f f' a b L (fun c _ => Hd c)) as (c & E & Hc).
  assert (0 <= f' c * (b - a)) by (apply Rmult_le_pos; [apply Hp; lra|lra]). lra.
Qed.

Lemma derivative_id x : derivable_pt_lim (fun y => y) x 1.
Proof. apply derivable_pt_lim_id. Qed.

Lemma derivative_half_square x : derivable_pt_lim (fun y => / 2 * (y * y)) x x.
Proof.
  replace x with (/ 2 * (1 * x + x * 1)) at 2 by field.
  apply (derivable_pt_lim_scal (fun y => y * y)). apply (derivable_pt_lim_mult (fun y => y) (fun y => y)); apply derivative_id.
Qed.

Theorem exp_second_order d : Rabs (exp d - 1 - d) <= d ^ 2 / 2 * exp (Rabs d).
Proof.
  assert (H1 := exp_ge d). rewrite Rabs_pos_eq by lra. destruct (Rle_or_lt 0 d) as [D|D].
  - rewrite Rabs_pos_eq by exact D.
    set (f := fun x => / 2 * (x * x) * exp x + (x - exp x)).
    assert (H : f 0 <= f d).
    { apply (grows f (fun x => (x * exp x + / 2 * (x * x) * exp x) + (1 - exp x))); [exact D| |].
      - intros c. unfold f. apply (derivable_pt_lim_plus (fun x => / 2 * (x * x) * exp x) (fun x => x - exp x)).
        + apply (derivable_pt_lim_mult (fun x => / 2 * (x * x)) exp); [apply derivative_half_square|apply derivable_pt_lim_exp].
        + apply (derivable_pt_lim_minus (fun x => x) exp); [apply derivative_id|apply derivable_pt_lim_exp].
      - intros c Hc. assert (Hu := exp_upper c). assert (He := exp_pos c).
        assert (0 <= / 2 * (c * c) * exp c) by (apply Rmult_le_pos; [nra|lra]). lra. }
    unfold f in H. rewrite exp_0 in H. lra.
  - set (f := fun x => (exp x - x) - / 2 * (x * x)).
    assert (H : f d <= f 0).
    { apply (grows f (fun x => (exp x - 1) - x)); [lra| |].
      - intros c. unfold f. apply (derivable_pt_lim_minus (fun x => exp x - x) (fun x => / 2 * (x * x))).
        + apply (derivable_pt_lim_minus exp (fun x => x)); [apply derivable_pt_lim_exp|apply derivative_id].
        + apply derivative_half_square.
      - intros c _. assert (Hu := exp_ge c). lra. }
    unfold f in H. rewrite exp_0 in H.
    assert (H2 : 1 <= exp (Rabs d)) by (rewrite <- exp_0; apply exp_le, Rabs_pos).
    assert (d ^ 2 / 2 * 1 <= d ^ 2 / 2 * exp (Rabs d)) by (apply Rmult_le_compat_l; [nra|exact H2]). lra.
Qed.

(** A score known up to [delta] is a weight known up to the factor e^delta. *)
Theorem score_error s s' delta : Rabs (s' - s) <= delta -> exp (- delta) * exp s <= exp s' <= exp delta * exp s.
Proof.
  intros H. assert (- delta <= s' - s <= delta) by (unfold Rabs in H; destruct (Rcase_abs _) in H; lra).
  rewrite <- 2!exp_plus. split; apply exp_le; lra.
Qed.
