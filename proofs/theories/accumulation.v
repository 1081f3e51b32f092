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

(** ** Fused multiply-adds *)

(** An accumulation in which a product is rounded by itself, or added to a sum before anything is rounded; sums are added in any order. *)
Inductive accumulation :=
  | product (i : nat)
  | fused (left : accumulation) (i : nat)
  | plus (left right : accumulation).

Fixpoint products (o : accumulation) : list nat :=
  match o with
  | product i => i :: nil
  | fused l i => products l ++ i :: nil
  | plus l r => products l ++ products r
  end.

Fixpoint total_of (f : nat -> R) (o : accumulation) : R :=
  match o with
  | product i => f i
  | fused l i => total_of f l + f i
  | plus l r => total_of f l + total_of f r
  end.

Definition count_of (o : accumulation) : R := total_of (fun _ => 1) o.

(** [p i] are the exact products. *)
Fixpoint computed (p : nat -> R) (o : accumulation) : R :=
  match o with
  | product i => rd t emin (p i)
  | fused l i => rd t emin (computed p l + p i)
  | plus l r => rd t emin (computed p l + computed p r)
  end.

Let k : R := u / (1 - u).

Lemma u_lt_1 : u < 1.
Proof. unfold u. change 1 with (bpow radix2 0). apply bpow_lt. lia. Qed.

Lemma k_spec : k = u + u * k.
Proof. unfold k. pose proof u_lt_1. field. lra. Qed.

Lemma k_pos : 0 < k.
Proof. unfold k. pose proof u_lt_1. pose proof u_pos. apply Rdiv_lt_0_compat; lra. Qed.

Lemma v_le_u : v <= u.
Proof. rewrite v_spec. pose proof v_nonneg. pose proof u_pos. assert (0 <= u * v) by (apply Rmult_le_pos; lra). lra. Qed.

Lemma computed_is_value p o : value t emin (computed p o).
Proof. destruct o; cbn [computed]; now apply rounded_is_value. Qed.

Lemma count_of_ge_1 o : 1 <= count_of o.
Proof. unfold count_of. induction o as [i|l IHl i|l IHl r IHr]; cbn [total_of]; lra. Qed.

(** Rounding any number: relative, or, below the normal numbers, by at most half the smallest one. *)
Lemma rounding_error x : exists d e, Rabs d <= u /\ Rabs e <= eta /\ d * e = 0 /\ rd t emin x = x * (1 + d) + e.
Proof.
  destruct (relative_error_N_FLT'_ex radix2 (emin - t + 1) t t_gt_0 (fun x => negb (Z.even x)) x) as (d & e & Hd & He & Hde & E).
  exists d, e. rewrite u_is_u_ro in Hd. fold v in Hd. fold eta in He. pose proof v_le_u. repeat split; auto. lra.
Qed.

(** What one more product costs; [s] is the computed sum of [a] products, [S] near their exact sum. *)
Lemma with_a_product a s S T p err :
  1 <= a -> Rabs (s - S) <= a * k * T -> Rabs S <= T -> err <= Rabs p -> err <= u * (Rabs s + Rabs p) ->
  err + a * k * T <= (a + 1) * k * (T + Rabs p).
Proof.
  intros Ha Hs HS E1 E2. pose proof k_pos as Kp. pose proof u_pos as Up. pose proof k_spec as Ks. pose proof (Rabs_pos p) as Pp.
  assert (T0 : 0 <= T) by (pose proof (Rabs_pos S); lra).
  assert (B : Rabs s <= T + a * k * T). { replace s with (S + (s - S)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (AK : 0 <= a * k) by (apply Rmult_le_pos; lra).
  assert (G : 0 <= a * k * Rabs p) by (apply Rmult_le_pos; lra).
  assert (K1 : u * T <= k * T) by (apply Rmult_le_compat_r; [lra|]; rewrite Ks; assert (0 <= u * k) by (apply Rmult_le_pos; lra); lra).
  assert (K2 : u * Rabs p <= k * Rabs p) by (apply Rmult_le_compat_r; [lra|]; rewrite Ks; assert (0 <= u * k) by (apply Rmult_le_pos; lra); lra).
  destruct (Rle_or_lt (Rabs p) (u * T)) as [C|C]; [nra|].
  assert (M : u * (a * k * T) <= a * k * Rabs p).
  { replace (u * (a * k * T)) with (a * k * (u * T)) by ring. apply Rmult_le_compat_l; lra. }
  assert (u * (Rabs s + Rabs p) <= u * (T + a * k * T + Rabs p)) by (apply Rmult_le_compat_l; lra). nra.
Qed.

(** What the sum of two computed sums costs. *)
Lemma of_two_sums a b x X y Y A B err :
  1 <= a -> 1 <= b -> Rabs (x - X) <= a * k * A -> Rabs X <= A -> Rabs (y - Y) <= b * k * B -> Rabs Y <= B ->
  err <= Rabs x -> err <= Rabs y -> err <= u * (Rabs x + Rabs y) ->
  err + a * k * A + b * k * B <= (a + b) * k * (A + B).
Proof.
  intros Ha Hb Hx HX Hy HY E1 E2 E3. pose proof k_pos as Kp. pose proof u_pos as Up. pose proof k_spec as Ks.
  assert (A0 : 0 <= A) by (pose proof (Rabs_pos X); lra). assert (B0 : 0 <= B) by (pose proof (Rabs_pos Y); lra).
  assert (Bx : Rabs x <= A + a * k * A). { replace x with (X + (x - X)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (By : Rabs y <= B + b * k * B). { replace y with (Y + (y - Y)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra. }
  assert (AK : 0 <= a * k) by (apply Rmult_le_pos; lra). assert (BK : 0 <= b * k) by (apply Rmult_le_pos; lra).
  assert (N : forall c, 1 <= c -> u * (1 + c * k) <= c * k).
  { intros c Hc. replace (u * (1 + c * k)) with (u + c * (u * k)) by ring. replace (u * k) with (k - u) by (rewrite Ks at 1; ring). nra. }
  destruct (Rle_or_lt B (u * A)) as [C|C]; [|destruct (Rle_or_lt A (u * B)) as [C'|C']].
  - assert (err <= b * k * A).
    { apply Rle_trans with (1 := E2), Rle_trans with (1 := By). apply Rle_trans with (u * A * (1 + b * k)).
      - replace (B + b * k * B) with (B * (1 + b * k)) by ring. apply Rmult_le_compat_r; lra.
      - replace (u * A * (1 + b * k)) with (u * (1 + b * k) * A) by ring. apply Rmult_le_compat_r; [lra|]. now apply N. }
    assert (0 <= a * k * B) by (apply Rmult_le_pos; lra). nra.
  - assert (err <= a * k * B).
    { apply Rle_trans with (1 := E1), Rle_trans with (1 := Bx). apply Rle_trans with (u * B * (1 + a * k)).
      - replace (A + a * k * A) with (A * (1 + a * k)) by ring. apply Rmult_le_compat_r; lra.
      - replace (u * B * (1 + a * k)) with (u * (1 + a * k) * B) by ring. apply Rmult_le_compat_r; [lra|]. now apply N. }
    assert (0 <= b * k * A) by (apply Rmult_le_pos; lra). nra.
  - assert (E : err <= u * (A + a * k * A + (B + b * k * B))).
    { apply Rle_trans with (1 := E3). apply Rmult_le_compat_l; lra. }
    assert (U : u = k - u * k) by (rewrite Ks at 1; ring).
    assert (Q : u * (A + a * k * A + (B + b * k * B)) = k * A + k * B + k * ((a - 1) * (u * A) + (b - 1) * (u * B))).
    { replace (u * (A + a * k * A + (B + b * k * B))) with (u * (A + B) + u * k * (a * A + b * B)) by ring. rewrite U at 1. ring. }
    assert (R1 : (a - 1) * (u * A) <= (a - 1) * B) by (apply Rmult_le_compat_l; lra).
    assert (R2 : (b - 1) * (u * B) <= (b - 1) * A) by (apply Rmult_le_compat_l; lra).
    assert (k * ((a - 1) * (u * A) + (b - 1) * (u * B)) <= k * ((a - 1) * B + (b - 1) * A)) by (apply Rmult_le_compat_l; lra). nra.
Qed.

(** Exact sums of products that have moved by at most [eta] each: what underflow amounts to. *)
Lemma accumulation_error p o : exists S T,
  Rabs (S - total_of p o) <= count_of o * eta /\ T <= total_of (fun i => Rabs (p i)) o + count_of o * eta /\ Rabs S <= T /\
  Rabs (computed p o - S) <= count_of o * k * T.
Proof.
  pose proof k_pos as Kp. pose proof u_pos as Up. pose proof k_spec as Ks.
  assert (Uk : u <= k) by (rewrite Ks; assert (0 <= u * k) by (apply Rmult_le_pos; lra); lra).
  induction o as [i|l IH i|l IHl r IHr]; unfold count_of in *; cbn [computed total_of].
  - destruct (rounding_error (p i)) as (d & e & Hd & He & Z & E). exists (p i + e), (Rabs (p i + e)).
    replace (p i + e - p i) with e by ring. pose proof (Rabs_triang (p i) e). repeat split; try lra.
    rewrite E. replace (p i * (1 + d) + e - (p i + e)) with (d * (p i + e)) by (transitivity (d * p i + d * e); [ring|rewrite Z; ring]).
    rewrite Rabs_mult. rewrite Rmult_1_l. apply Rmult_le_compat_r; [apply Rabs_pos|lra].
  - destruct IH as (S & T & H1 & H2 & H3 & H4). pose proof (count_of_ge_1 l) as N. unfold count_of in N.
    set (a := total_of (fun _ => 1) l) in *. set (s := computed p l) in *.
    destruct (rounding_error (s + p i)) as (d & e & Hd & He & Z & E). set (q := p i + e).
    assert (F : rd t emin (s + p i) = (s + q) * (1 + d)) by (rewrite E; unfold q; transitivity ((s + p i) * (1 + d) + e + d * e); [rewrite Z; ring|ring]).
    assert (E1 : Rabs (rd t emin (s + p i) - (s + q)) <= Rabs q).
    { destruct (Req_dec e 0) as [E0|E0].
      - unfold q. rewrite E0, Rplus_0_r. rewrite (Rplus_comm s). apply addition_error_operand. apply computed_is_value.
      - assert (d = 0) as -> by (apply Rmult_integral in Z; tauto). rewrite F. replace ((s + q) * (1 + 0) - (s + q)) with 0 by ring. rewrite Rabs_R0. apply Rabs_pos. }
    assert (E2 : Rabs (rd t emin (s + p i) - (s + q)) <= u * (Rabs s + Rabs q)).
    { rewrite F. replace ((s + q) * (1 + d) - (s + q)) with (d * (s + q)) by ring. rewrite Rabs_mult.
      apply Rmult_le_compat; try apply Rabs_pos; [exact Hd|apply Rabs_triang]. }
    exists (S + q), (T + Rabs q). pose proof (Rabs_triang S q). pose proof (Rabs_triang (p i) e). repeat split.
    + replace (S + q - (total_of p l + p i)) with ((S - total_of p l) + e) by (unfold q; ring). apply Rle_trans with (1 := Rabs_triang _ _). lra.
    + unfold q. lra.
    + lra.
    + replace (rd t emin (s + p i) - (S + q)) with ((rd t emin (s + p i) - (s + q)) + (s - S)) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
      apply Rle_trans with (2 := with_a_product a s S T q _ N H4 H3 E1 E2). lra.
  - destruct IHl as (X & A & L1 & L2 & L3 & L4). destruct IHr as (Y & B & R1 & R2 & R3 & R4).
    pose proof (count_of_ge_1 l) as Na. pose proof (count_of_ge_1 r) as Nb. unfold count_of in Na, Nb.
    set (a := total_of (fun _ => 1) l) in *. set (b := total_of (fun _ => 1) r) in *. set (x := computed p l) in *. set (y := computed p r) in *.
    pose proof (computed_is_value p l) as Vx. pose proof (computed_is_value p r) as Vy. fold x in Vx. fold y in Vy.
    assert (E1 : Rabs (rd t emin (x + y) - (x + y)) <= Rabs x) by (now apply addition_error_operand).
    assert (E2 : Rabs (rd t emin (x + y) - (x + y)) <= Rabs y) by (rewrite (Rplus_comm x y); now apply addition_error_operand).
    assert (E3 : Rabs (rd t emin (x + y) - (x + y)) <= u * (Rabs x + Rabs y)).
    { apply Rle_trans with (1 := addition_error x y Vx Vy). apply Rmult_le_compat; [exact v_nonneg|apply Rabs_pos|exact v_le_u|apply Rabs_triang]. }
    exists (X + Y), (A + B). pose proof (Rabs_triang X Y). repeat split; try lra.
    + replace (X + Y - (total_of p l + total_of p r)) with ((X - total_of p l) + (Y - total_of p r)) by ring. apply Rle_trans with (1 := Rabs_triang _ _). lra.
    + replace (rd t emin (x + y) - (X + Y)) with ((rd t emin (x + y) - (x + y)) + ((x - X) + (y - Y))) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
      pose proof (Rabs_triang (x - X) (y - Y)). apply Rle_trans with (2 := of_two_sums a b x X y Y A B _ Na Nb L4 L3 R4 R3 E1 E2 E3). lra.
Qed.

(** m products, each rounded or fused with its addition, in any order: m u/(1-u) sum |p_i|, and (m + m^2 u/(1-u)) halves of the smallest subnormal number. *)
Theorem any_order_fused p o :
  Rabs (computed p o - total_of p o) <=
    count_of o * k * total_of (fun i => Rabs (p i)) o + count_of o * (1 + count_of o * k) * eta.
Proof.
  destruct (accumulation_error p o) as (S & T & H1 & H2 & H3 & H4). pose proof (count_of_ge_1 o). pose proof k_pos.
  replace (computed p o - total_of p o) with ((computed p o - S) + (S - total_of p o)) by ring. apply Rle_trans with (1 := Rabs_triang _ _).
  assert (count_of o * k * T <= count_of o * k * (total_of (fun i => Rabs (p i)) o + count_of o * eta)).
  { apply Rmult_le_compat_l; [apply Rmult_le_pos; lra|exact H2]. }
  lra.
Qed.

End Accumulation.
