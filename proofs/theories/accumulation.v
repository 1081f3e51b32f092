(** Sums and dot products accumulated to nearest in any order: the bound m u sum |x_i y_i| of Jeannerod and Rump (Improved
    error bounds for inner products in floating-point arithmetic, 2013), which asks nothing of m, by Flocq. No flush to zero, no
    overflow. *)
From Coq Require Import Reals ZArith Lra Lia Arith List Permutation.
From Flocq Require Import Core Relative Plus_error.
From Snellen Require Import sums rounding.
Open Scope R_scope.

(** An order of summation: any binary tree whose leaves are the terms' numbers. *)
Inductive order :=
  | term (i : nat)
  | add (left right : order).

Fixpoint terms (o : order) : list nat :=
  match o with
  | term i => i :: nil
  | add l r => terms l ++ terms r
  end.

Fixpoint total (f : nat -> R) (o : order) : R :=
  match o with
  | term i => f i
  | add l r => total f l + total f r
  end.

Definition count (o : order) : R := total (fun _ => 1) o.

(** Each of the terms 0, ..., m-1 is added once. *)
Definition adds_up (m : nat) (o : order) : Prop := Permutation (terms o) (seq 0 m).

Section Accumulation.

Variables (t emin : Z).
Hypothesis precision_at_least_2 : (2 <= t)%Z.

(** Unit roundoff, and half the smallest subnormal number. *)
Definition u : R := bpow radix2 (- t).
Definition eta : R := / 2 * bpow radix2 (emin - t + 1).

(** The engine's sum: one rounding at each addition. *)
Fixpoint accumulated (q : nat -> R) (o : order) : R :=
  match o with
  | term i => q i
  | add l r => rd t emin (accumulated q l + accumulated q r)
  end.

#[local] Instance t_gt_0 : Prec_gt_0 t := ltac:(unfold Prec_gt_0; lia).
Let v : R := u / (1 + u).

Lemma u_is_u_ro : u_ro radix2 t = u.
Proof. unfold u_ro, u. rewrite bpow_plus. change (bpow radix2 1) with 2. field. Qed.

Lemma u_pos : 0 < u.
Proof. apply bpow_gt_0. Qed.

Lemma v_spec : v = u - u * v.
Proof. unfold v. pose proof u_pos. field. lra. Qed.

Lemma v_nonneg : 0 <= v.
Proof. apply Rlt_le, Rdiv_lt_0_compat; pose proof u_pos; lra. Qed.

Lemma v_lt_1 : v < 1.
Proof. unfold v. pose proof u_pos. apply Rmult_lt_reg_r with (1 + u); [lra|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra.
  lra.
Qed.

(** An addition errs by at most v |a + b|, and by no more than either operand, since the other one is a value of the format. *)
Lemma addition_error a b : value t emin a -> value t emin b ->
  Rabs (rd t emin (a + b) - (a + b)) <= v * Rabs (a + b).
Proof.
  intros Ha Hb. apply (generic_format_is_value t emin precision_at_least_2) in Ha, Hb.
  destruct (FLT_plus_error_N_ex radix2 (emin - t + 1) t (fun x => negb (Z.even x)) a b Ha Hb) as (d & Hd & E).
  unfold rd, exponent. rewrite E. rewrite u_is_u_ro in Hd. fold v in Hd.
  replace ((a + b) * (1 + d) - (a + b)) with (d * (a + b)) by ring. rewrite Rabs_mult.
  apply Rmult_le_compat_r; [apply Rabs_pos|exact Hd].
Qed.

Lemma addition_error_operand a b : value t emin b -> Rabs (rd t emin (a + b) - (a + b)) <= Rabs a.
Proof.
  intros Hb. apply Rle_trans with (1 := rounding_nearest t emin precision_at_least_2 (a + b) b Hb).
  replace (b - (a + b)) with (- a) by ring. rewrite Rabs_Ropp. lra.
Qed.

Lemma product_error x : Rabs (rd t emin x - x) <= v * Rabs x + eta.
Proof.
  destruct (relative_error_N_FLT'_ex radix2 (emin - t + 1) t t_gt_0 (fun x => negb (Z.even x)) x) as (d & e & Hd & He & _ & E).
  unfold rd, exponent. rewrite E. rewrite u_is_u_ro in Hd. fold v in Hd. fold eta in He.
  replace (x * (1 + d) + e - x) with (d * x + e) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
  rewrite Rabs_mult. apply Rplus_le_compat; [|exact He]. apply Rmult_le_compat_r; [apply Rabs_pos|exact Hd].
Qed.

Lemma accumulated_is_value q o : (forall i, In i (terms o) -> value t emin (q i)) -> value t emin (accumulated q o).
Proof. intros Hq. destruct o; cbn [accumulated]; [apply Hq; now left|]. now apply rounded_is_value. Qed.

Lemma total_abs f o : Rabs (total f o) <= total (fun i => Rabs (f i)) o.
Proof. induction o as [i|l IHl r IHr]; cbn [total]; [lra|]. apply Rle_trans with (1 := Rabs_triang _ _). lra. Qed.

Lemma total_abs_nonneg f o : 0 <= total (fun i => Rabs (f i)) o.
Proof. induction o as [i|l IHl r IHr]; cbn [total]; [apply Rabs_pos|lra]. Qed.

Lemma count_ge_1 o : 1 <= count o.
Proof. unfold count. induction o as [i|l IHl r IHr]; cbn [total]; lra. Qed.

Lemma sum_error q o : (forall i, In i (terms o) -> value t emin (q i)) ->
  Rabs (accumulated q o - total q o) <= (count o - 1) * v * total (fun i => Rabs (q i)) o.
Proof.
  intros Hq. induction o as [i|l IHl r IHr]; cbn [accumulated total].
  - unfold count. cbn [total]. rewrite Rminus_diag_eq, Rabs_R0 by reflexivity. lra.
  - assert (Hql : forall i, In i (terms l) -> value t emin (q i)) by (intros; apply Hq, in_or_app; now left).
    assert (Hqr : forall i, In i (terms r) -> value t emin (q i)) by (intros; apply Hq, in_or_app; now right).
    specialize (IHl Hql). specialize (IHr Hqr).
    assert (Hl := accumulated_is_value q l Hql). assert (Hr := accumulated_is_value q r Hqr).
    set (sl := accumulated q l) in *. set (sr := accumulated q r) in *.
    change (count (add l r)) with (count l + count r).
    assert (El := total_abs q l). assert (Er := total_abs q r). assert (Al0 := total_abs_nonneg q l).
    assert (Ar0 := total_abs_nonneg q r).
    set (Al := total (fun i => Rabs (q i)) l) in *. set (Ar := total (fun i => Rabs (q i)) r) in *.
    assert (Nl := count_ge_1 l). assert (Nr := count_ge_1 r). set (nl := count l) in *. set (nr := count r) in *.
    set (delta := rd t emin (sl + sr) - (sl + sr)).
    assert (Hsl : Rabs sl <= Al + (nl - 1) * v * Al).
    { replace sl with (total q l + (sl - total q l)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
    assert (Hsr : Rabs sr <= Ar + (nr - 1) * v * Ar).
    { replace sr with (total q r + (sr - total q r)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
    assert (Hd : Rabs (rd t emin (sl + sr) - (total q l + total q r)) <= Rabs delta + (nl - 1) * v * Al + (nr - 1) * v * Ar).
    { replace (rd t emin (sl + sr) - (total q l + total q r)) with (delta + ((sl - total q l) + (sr - total q r)))
        by (unfold delta; ring).
      apply Rle_trans with (1 := Rabs_triang _ _). pose proof (Rabs_triang (sl - total q l) (sr - total q r)). lra. }
    apply Rle_trans with (1 := Hd). clear Hd. assert (Hv := v_nonneg). assert (Hv1 := v_lt_1).
    assert (P1 : 0 <= (nl - 1) * v) by (apply Rmult_le_pos; lra). assert (P2 : 0 <= (nr - 1) * v) by (apply Rmult_le_pos; lra).
    destruct (Rle_or_lt Ar (v * Al)) as [C|C]; [|destruct (Rle_or_lt Al (v * Ar)) as [C'|C']].
    + assert (Hd : Rabs delta <= Rabs sr) by (unfold delta; rewrite (Rplus_comm sl sr); now apply addition_error_operand).
      assert (Ar <= Al) by nra. assert ((nr - 1) * v * Ar <= (nr - 1) * v * Al) by (now apply Rmult_le_compat_l).
      assert (0 <= nl * v * Ar) by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|lra]). nra.
    + assert (Hd : Rabs delta <= Rabs sl) by now apply addition_error_operand.
      assert (Al <= Ar) by nra. assert ((nl - 1) * v * Al <= (nl - 1) * v * Ar) by (now apply Rmult_le_compat_l).
      assert (0 <= nr * v * Al) by (apply Rmult_le_pos; [apply Rmult_le_pos; lra|lra]). nra.
    + assert (Hd : Rabs delta <= v * (Rabs sl + Rabs sr)).
      { apply Rle_trans with (1 := addition_error sl sr Hl Hr). apply Rmult_le_compat_l; [exact Hv|]. apply Rabs_triang. }
      assert (v * Al <= Ar) by lra. assert (v * Ar <= Al) by lra.
      assert (H1 : (nl - 1) * (v * Al) <= (nl - 1) * Ar) by (apply Rmult_le_compat_l; lra).
      assert (H2 : (nr - 1) * (v * Ar) <= (nr - 1) * Al) by (apply Rmult_le_compat_l; lra).
      assert (H3 : v * (Rabs sl + Rabs sr) <= v * (Al + Ar + (nl - 1) * Ar + (nr - 1) * Al)) by (apply Rmult_le_compat_l;
        lra). nra.
Qed.

(** From trees to sums over 0, ..., m-1. *)
Lemma fold_right_from c ys : fold_right Rplus c ys = fold_right Rplus 0 ys + c.
Proof. induction ys as [|y ys IH]; simpl; [ring|]. rewrite IH; ring. Qed.

Lemma total_of_terms f o : total f o = fold_right Rplus 0 (map f (terms o)).
Proof.
  induction o as [i|l IHl r IHr]; cbn [total terms map fold_right]; [ring|].
  rewrite map_app, fold_right_app, (fold_right_from (fold_right _ _ _)), IHl, IHr. reflexivity.
Qed.

Lemma total_is_sum f m o : adds_up m o -> total f o = sum m f.
Proof.
  intros H. rewrite total_of_terms.
  assert (E : forall l l', Permutation l l' -> fold_right Rplus 0 (map f l) = fold_right Rplus 0 (map f l')).
  { intros l l' HP. induction HP; simpl; try lra. }
  rewrite (E _ _ H). clear. induction m as [|m IH]; [reflexivity|].
  rewrite seq_S, map_app, fold_right_app, fold_right_from, IH. cbn [map fold_right sum Nat.add]. ring.
Qed.

Lemma count_is_m m o : adds_up m o -> count o = INR m.
Proof. intros H. unfold count. rewrite (total_is_sum _ m o H), sum_const. ring. Qed.

(** A sum of m values: (m - 1) u sum |q_i|, in any order, also where the format underflows. *)
Theorem any_order_sum q m o :
  (forall i, (i < m)%nat -> value t emin (q i)) -> adds_up m o ->
  Rabs (accumulated q o - sum m q) <= (INR m - 1) * u * sum m (fun i => Rabs (q i)).
Proof.
  intros Hq Ho. assert (Hq' : forall i, In i (terms o) -> value t emin (q i)).
  { intros i Hi. apply Hq. apply (Permutation_in _ Ho), in_seq in Hi. lia. }
  pose proof (sum_error q o Hq') as H. rewrite 2!(total_is_sum _ m o Ho), (count_is_m m o Ho) in H.
  apply Rle_trans with (1 := H). apply Rmult_le_compat_r; [apply sum_nonneg; intros; apply Rabs_pos|].
  assert (1 <= INR m) by (rewrite <- (count_is_m m o Ho); apply count_ge_1).
  apply Rmult_le_compat_l; [lra|]. rewrite v_spec. pose proof v_nonneg. pose proof u_pos. nra.
Qed.

(** A dot product of m terms, products rounded, too: m u sum |x_i y_i|, and the products' underflow. *)
Theorem any_order_dot_product x y m o :
  adds_up m o ->
  Rabs (accumulated (fun i => rd t emin (x i * y i)) o - sum m (fun i => x i * y i)) <=
    INR m * u * sum m (fun i => Rabs (x i * y i)) + INR m * (1 + INR m * u) * eta.
Proof.
  intros Ho. set (q := fun i => rd t emin (x i * y i)). set (s := fun i => x i * y i).
  assert (Hm : 1 <= INR m) by (rewrite <- (count_is_m m o Ho); apply count_ge_1).
  assert (Hq : forall i, value t emin (q i)) by (intros; now apply rounded_is_value).
  pose proof (sum_error q o (fun i _ => Hq i)) as H. rewrite 2!(total_is_sum _ m o Ho), (count_is_m m o Ho) in H.
  set (A := sum m (fun i => Rabs (s i))).
  assert (HA : 0 <= A) by (apply sum_nonneg; intros; apply Rabs_pos).
  assert (Hp : sum m (fun i => Rabs (q i - s i)) <= v * A + INR m * eta).
  { unfold A. rewrite <- sum_scal_l, <- sum_const, <- sum_plus. apply sum_le. intros i _. apply product_error. }
  assert (Hs : Rabs (sum m q - sum m s) <= v * A + INR m * eta).
  { rewrite <- sum_minus. apply Rle_trans with (1 := sum_abs m _). exact Hp. }
  assert (Ha : sum m (fun i => Rabs (q i)) <= A + (v * A + INR m * eta)).
  { apply Rle_trans with (sum m (fun i => Rabs (s i) + Rabs (q i - s i))).
    - apply sum_le. intros i _. replace (q i) with (s i + (q i - s i)) at 1 by ring. apply Rabs_triang.
    - rewrite sum_plus. fold A. lra. }
  replace (accumulated q o - sum m s) with ((accumulated q o - sum m q) + (sum m q - sum m s)) by ring.
  apply Rle_trans with (1 := Rabs_triang _ _).
  assert (Hv := v_nonneg). assert (Hu := u_pos). assert (Hvs := v_spec).
  assert (He : 0 <= eta) by (unfold eta; pose proof (bpow_ge_0 radix2 (emin - t + 1)); lra).
  assert (H1 : (INR m - 1) * v * sum m (fun i => Rabs (q i)) <= (INR m - 1) * v * (A + (v * A + INR m * eta))).
  { apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|exact Ha]. }
  assert (Huv : v <= u) by (assert (0 <= u * v) by (apply Rmult_le_pos; lra); lra).
  assert (Hvv : v * v <= u * v) by (apply Rmult_le_compat_r; lra).
  assert (H2 : (INR m - 1) * v + (INR m - 1) * (v * v) + v <= INR m * u).
  { assert (E : INR m * v = INR m * u - INR m * (u * v)) by (rewrite Hvs at 1; ring).
    assert ((INR m - 1) * (v * v) <= (INR m - 1) * (u * v)) by (apply Rmult_le_compat_l; lra).
    assert (0 <= u * v) by (apply Rmult_le_pos; lra). lra. }
  assert (H3 : (INR m - 1) * v <= INR m * u) by nra.
  assert (H4 : ((INR m - 1) * v + (INR m - 1) * (v * v) + v) * A <= INR m * u * A) by now apply Rmult_le_compat_r.
  assert (H5 : (INR m - 1) * v * (INR m * eta) <= INR m * u * (INR m * eta)) by (apply Rmult_le_compat_r;
    [apply Rmult_le_pos; lra|exact H3]).
  change (sum m (fun i => Rabs (x i * y i))) with A. lra.
Qed.

End Accumulation.
