(** Statements of the paper about what a decoder cannot do, or does not lose: Proposition B.4, Proposition 6.1. (Theorem 4.2 and
    Corollary 6.2: collapse.v; Theorem 5.1: oversquashing.v.) *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Snellen Require Import sums vectors softmax.
Open Scope R_scope.

(** ** Proposition B.4: two one-hot tokens in turn, one head without projections or positions, scores their dot products *)

Definition one_hot (even : bool) : vec := fun c => match c, even with 0%nat, true => 1 | 1%nat, false => 1 | _, _ => 0 end.
Definition alternating (i : nat) : vec := one_hot (Nat.even i).
Definition dot (d : nat) (x y : vec) : R := sum d (fun c => x c * y c).
Definition alternating_head (i : nat) : vec := head (S i) (fun j => exp (dot 2 (alternating i) (alternating j))) alternating.

Lemma even_double k : Nat.even (2 * k) = true.
Proof. apply Nat.even_spec. now exists k. Qed.

Lemma even_double_S k : Nat.even (2 * k + 1) = false.
Proof. rewrite Nat.even_add, even_double. reflexivity. Qed.

Lemma sum_in_turn k (f : nat -> R) a b :
  (forall j, f (2 * j)%nat = a) -> (forall j, f (2 * j + 1)%nat = b) -> sum (2 * k) f = INR k * (a + b).
Proof.
  intros Ha Hb. induction k as [|k IH]; [simpl; ring|].
  replace (2 * S k)%nat with (S (S (2 * k))) by lia. cbn [sum]. rewrite IH, Ha.
  replace (S (2 * k)) with (2 * k + 1)%nat by lia. rewrite Hb, S_INR. ring.
Qed.

Definition e : R := exp 1.

Lemma e_gt_1 : 1 < e.
Proof. unfold e. rewrite <- exp_0 at 1. apply exp_increasing. lra. Qed.

Lemma head_quotient n m v c : 0 < sum n m -> head n m v c = sum n (fun j => m j * v j c) / sum n m.
Proof.
  intros H. pose proof (mean_quotient n m (fun j => v j c) 0 H) as E. unfold head.
  rewrite Rminus_0_r in E. rewrite E. unfold Rdiv. f_equal. apply sum_ext; intros; ring.
Qed.

(** An even position ends k + 1 equal tokens and k others; an odd one k + 1 and k + 1. *)
Lemma even_head k c : (c < 2)%nat ->
  alternating_head (2 * k) c =
    match c with 0%nat => INR (S k) * e / (INR (S k) * e + INR k) | _ => INR k / (INR (S k) * e + INR k) end.
Proof.
  intros Hc. unfold alternating_head. set (m := fun j => exp _).
  assert (M0 : forall j, m (2 * j)%nat = e).
  { intros j. unfold m, alternating, dot. rewrite !even_double. cbn [sum one_hot]. unfold e. f_equal. ring. }
  assert (M1 : forall j, m (2 * j + 1)%nat = 1).
  { intros j. unfold m, alternating, dot. rewrite even_double, even_double_S. cbn [sum one_hot].
    transitivity (exp 0); [f_equal; ring|apply exp_0]. }
  rewrite head_quotient by (apply exp_mass_pos; lia). cbn [sum].
  rewrite (sum_in_turn k m e 1) by auto. rewrite M0.
  replace (INR k * (e + 1) + e) with (INR (S k) * e + INR k) by (rewrite S_INR; ring).
  destruct c as [|c].
  - rewrite (sum_in_turn k (fun j => m j * alternating j 0%nat) e 0).
    + unfold alternating. rewrite even_double. cbn [one_hot]. f_equal. rewrite S_INR; ring.
    + intros j. rewrite M0. unfold alternating. rewrite even_double. cbn [one_hot]. ring.
    + intros j. rewrite M1. unfold alternating. rewrite even_double_S. cbn [one_hot]. ring.
  - assert (c = 0)%nat as -> by lia. rewrite (sum_in_turn k (fun j => m j * alternating j 1%nat) 0 1).
    + unfold alternating. rewrite even_double. cbn [one_hot]. f_equal. ring.
    + intros j. rewrite M0. unfold alternating. rewrite even_double. cbn [one_hot]. ring.
    + intros j. rewrite M1. unfold alternating. rewrite even_double_S. cbn [one_hot]. ring.
Qed.

Lemma odd_head k c : (c < 2)%nat ->
  alternating_head (2 * k + 1) c = match c with 0%nat => 1 / (1 + e) | _ => e / (1 + e) end.
Proof.
  intros Hc. unfold alternating_head. set (m := fun j => exp _).
  assert (M0 : forall j, m (2 * j)%nat = 1).
  { intros j. unfold m, alternating, dot. rewrite even_double_S, even_double. cbn [sum one_hot].
    transitivity (exp 0); [f_equal; ring|apply exp_0]. }
  assert (M1 : forall j, m (2 * j + 1)%nat = e).
  { intros j. unfold m, alternating, dot. rewrite !even_double_S. cbn [sum one_hot]. unfold e. f_equal. ring. }
  assert (He := e_gt_1). assert (Hk : 0 < INR (S k)) by (apply lt_0_INR; lia).
  rewrite head_quotient by (apply exp_mass_pos; lia).
  replace (S (2 * k + 1)) with (2 * S k)%nat by lia. rewrite (sum_in_turn (S k) m 1 e) by auto.
  destruct c as [|c].
  - rewrite (sum_in_turn (S k) (fun j => m j * alternating j 0%nat) 1 0).
    + field. lra.
    + intros j. rewrite M0. unfold alternating. rewrite even_double. cbn [one_hot]. ring.
    + intros j. rewrite M1. unfold alternating. rewrite even_double_S. cbn [one_hot]. ring.
  - assert (c = 0)%nat as -> by lia. rewrite (sum_in_turn (S k) (fun j => m j * alternating j 1%nat) 0 e).
    + field. lra.
    + intros j. rewrite M0. unfold alternating. rewrite even_double. cbn [one_hot]. ring.
    + intros j. rewrite M1. unfold alternating. rewrite even_double_S. cbn [one_hot]. ring.
Qed.

Lemma even_odd_distance k l :
  distance L1 2 (alternating_head (2 * k)) (alternating_head (2 * l + 1)) =
    2 * (e - 1) / (e + 1) + 2 * e / ((INR (S k) * e + INR k) * (1 + e)).
Proof.
  unfold distance. cbn [norm sum]. rewrite 2!even_head, 2!odd_head by lia.
  assert (He := e_gt_1). assert (Hk := pos_INR k). rewrite S_INR.
  assert (Hs : 0 < (INR k + 1) * e + INR k) by nra.
  set (x := (INR k + 1) * e ^ 2 - INR k). assert (Hx : 0 <= x) by (unfold x; nra).
  replace ((INR k + 1) * e / ((INR k + 1) * e + INR k) - 1 / (1 + e)) with (x / (((INR k + 1) * e + INR k) * (1 + e)))
    by (unfold x; field; lra).
  replace (INR k / ((INR k + 1) * e + INR k) - e / (1 + e)) with (- (x / (((INR k + 1) * e + INR k) * (1 + e))))
    by (unfold x; field; lra).
  assert (0 <= x / (((INR k + 1) * e + INR k) * (1 + e))).
  { apply Rmult_le_pos; [exact Hx|]. apply Rlt_le, Rinv_0_lt_compat. apply Rmult_lt_0_compat; lra. }
  rewrite Rabs_Ropp, Rabs_pos_eq by assumption. unfold x. field. lra.
Qed.

(** The outputs at neighbouring positions never come closer than 2 (e - 1) / (e + 1) in the 1-norm, and tend to that. *)
Theorem alternating_keeps_distance i :
  2 * (e - 1) / (e + 1) < distance L1 2 (alternating_head i) (alternating_head (S i)) <= 2 * (e - 1) / (e + 1) + 2 / INR (S i).
Proof.
  assert (He := e_gt_1).
  assert (Hb : forall k, (i <= 2 * k + 1)%nat -> 0 < 2 * e / ((INR (S k) * e + INR k) * (1 + e)) <= 2 / INR (S i)).
  { intros k Hk. assert (Hk0 := pos_INR k). assert (Hi : 0 < INR (S i)) by (apply lt_0_INR; lia).
    assert (Hs : INR (S i) <= 2 * INR (S k)) by (change 2 with (INR 2); rewrite <- mult_INR; apply le_INR; lia).
    rewrite (S_INR i) in *. rewrite (S_INR k) in *. assert (Hden : 0 < ((INR k + 1) * e + INR k) * (1 + e)) by nra.
    split; [apply Rdiv_lt_0_compat; lra|].
    apply Rmult_le_reg_r with (((INR k + 1) * e + INR k) * (1 + e) * (INR i + 1)); [now apply Rmult_lt_0_compat|].
    replace (2 * e / (((INR k + 1) * e + INR k) * (1 + e)) * (((INR k + 1) * e + INR k) * (1 + e) * (INR i + 1)))
      with (2 * e * (INR i + 1)) by (field; repeat split; nra).
    replace (2 / (INR i + 1) * (((INR k + 1) * e + INR k) * (1 + e) * (INR i + 1)))
      with (2 * (((INR k + 1) * e + INR k) * (1 + e))) by (field; lra).
    assert (e * (INR i + 1) <= e * (2 * (INR k + 1))) by (apply Rmult_le_compat_l; lra). nra. }
  destruct (Nat.Even_or_Odd i) as [[k ->]|[k ->]].
  - assert (E : alternating_head (S (2 * k)) = alternating_head (2 * k + 1)) by (f_equal; lia). rewrite E, even_odd_distance.
    specialize (Hb k ltac:(lia)). lra.
  - assert (E : alternating_head (S (2 * k + 1)) = alternating_head (2 * S k)) by (f_equal; lia).
    rewrite distance_sym, E, even_odd_distance.
    specialize (Hb (S k) ltac:(lia)). lra.
Qed.

(** ** Proposition 6.1: without positions and without a causal mask only the ratios of the tokens' counts matter *)

Record bag_layer := {
  bag_score : nat -> vec -> vec -> R;                (* head, query's state, key's state *)
  bag_value : nat -> vec -> vec;
  bag_finish : vec -> (nat -> vec) -> vec
}.

(** All n tokens read all n tokens. *)
Fixpoint bag_states (layers : nat -> bag_layer) (l n : nat) (x : nat -> vec) (i : nat) : vec :=
  match l with
  | O => x i
  | S k => let T := layers k in let y := bag_states layers k n x in
      bag_finish T (y i) (fun h => head n (fun j => exp (bag_score T h (y i) (y j))) (fun j => bag_value T h (y j)))
  end.

(** How often token t occurs among the first n of s. *)
Definition occurrences (n : nat) (s : nat -> nat) (t : nat) : R := sum n (fun j => if Nat.eqb (s j) t then 1 else 0).

Lemma sum_by_token n s vocabulary f :
  (forall j, (j < n)%nat -> (s j < vocabulary)%nat) ->
  sum n (fun j => f (s j)) = sum vocabulary (fun t => occurrences n s t * f t).
Proof.
  intros Hs. unfold occurrences.
  rewrite (sum_ext vocabulary _ (fun t => sum n (fun j => (if Nat.eqb (s j) t then 1 else 0) * f t))) by (intros;
    now rewrite <- sum_scal_r).
  rewrite sum_swap. apply sum_ext. intros j Hj. specialize (Hs j Hj). revert Hs. generalize (s j). intros t Ht.
  induction vocabulary as [|v IH]; [lia|]. cbn [sum]. destruct (Nat.eq_dec t v) as [->|E].
  - rewrite Nat.eqb_refl, (sum_ext v _ (fun _ => 0)), sum_const; [ring|].
    intros k Hk. replace (Nat.eqb v k) with false by (symmetry; apply Nat.eqb_neq; lia). ring.
  - rewrite <- IH by lia. replace (Nat.eqb t v) with false by (symmetry; now apply Nat.eqb_neq). ring.
Qed.

Section Ratio.

Variables (layers : nat -> bag_layer) (embed : nat -> vec) (n n' : nat) (s s' : nat -> nat).
Hypothesis n_positive : (0 < n)%nat.
Hypothesis n'_positive : (0 < n')%nat.
Hypothesis same_ratios : forall t, occurrences n s t * INR n' = occurrences n' s' t * INR n.

Lemma bounded m (q : nat -> nat) : exists b, forall j, (j < m)%nat -> (q j < b)%nat.
Proof.
  induction m as [|m [b IH]]; [exists 0%nat; lia|]. exists (S (max b (q m))). intros j Hj.
  destruct (Nat.eq_dec j m) as [->|]; [lia|]. specialize (IH j). lia.
Qed.

Lemma sums_in_ratio f : sum n (fun j => f (s j)) * INR n' = sum n' (fun j => f (s' j)) * INR n.
Proof.
  destruct (bounded n s) as [b Hb]. destruct (bounded n' s') as [b' Hb'].
  rewrite (sum_by_token n s (b + b') f) by (intros j Hj; specialize (Hb j Hj); lia).
  rewrite (sum_by_token n' s' (b + b') f) by (intros j Hj; specialize (Hb' j Hj); lia).
  rewrite <- 2!sum_scal_r. apply sum_ext. intros t _.
  replace (occurrences n s t * f t * INR n') with (occurrences n s t * INR n' * f t) by ring. rewrite same_ratios. ring.
Qed.

Lemma means_agree (q : nat -> R) (v : nat -> vec) :
  head n (fun j => exp (q (s j))) (fun j => v (s j)) = head n' (fun j => exp (q (s' j))) (fun j => v (s' j)).
Proof.
  extensionality c. assert (0 < INR n) by now apply lt_0_INR. assert (0 < INR n') by now apply lt_0_INR.
  assert (H1 := exp_mass_pos n (fun j => q (s j)) n_positive). assert (H2 := exp_mass_pos n' (fun j => q (s' j)) n'_positive).
  cbv beta in H1, H2. rewrite 2!head_quotient by assumption.
  assert (E1 := sums_in_ratio (fun t => exp (q t))). assert (E2 := sums_in_ratio (fun t => exp (q t) * v t c)).
  cbv beta in E1, E2.
  set (A := sum n (fun j => exp (q (s j)))) in *. set (A' := sum n' (fun j => exp (q (s' j)))) in *.
  set (B := sum n (fun j => exp (q (s j)) * v (s j) c)) in *. set (B' := sum n' (fun j => exp (q (s' j)) * v (s' j) c)) in *.
  assert (EA : A = A' * INR n / INR n') by (rewrite <- E1; field; lra).
  assert (EB : B = B' * INR n / INR n') by (rewrite <- E2; field; lra).
  rewrite EA, EB. field. repeat split; lra.
Qed.

(** Each state is a function of its token, the same function for both sequences. *)
Lemma state_of_token l : exists E : nat -> vec,
  (forall i, bag_states layers l n (fun j => embed (s j)) i = E (s i)) /\
  (forall i, bag_states layers l n' (fun j => embed (s' j)) i = E (s' i)).
Proof.
  induction l as [|l (E & H & H')]; [now exists embed|].
  exists (fun t => bag_finish (layers l) (E t) (fun h =>
    head n (fun j => exp (bag_score (layers l) h (E t) (E (s j)))) (fun j => bag_value (layers l) h (E (s j))))).
  split; intros i; cbn [bag_states].
  - rewrite H. f_equal. extensionality h. f_equal; extensionality j; now rewrite H.
  - rewrite H'. f_equal. extensionality h.
    rewrite (means_agree (fun t => bag_score (layers l) h (E (s' i)) (E t)) (fun t => bag_value (layers l) h (E t))).
    f_equal; extensionality j; now rewrite H'.
Qed.

Theorem only_ratios_matter l i i' :
  s i = s' i' -> bag_states layers l n (fun j => embed (s j)) i = bag_states layers l n' (fun j => embed (s' j)) i'.
Proof. intros Hi. destruct (state_of_token l) as (E & H & H'). now rewrite H, H', Hi. Qed.

End Ratio.

(** Hence it cannot count: S and S S have the same last vector, whatever is read from it. *)
Definition twice (n : nat) (s : nat -> nat) (j : nat) : nat := if Nat.ltb j n then s j else s (j - n)%nat.

Lemma occurrences_twice n s t : occurrences (n + n) (twice n s) t = 2 * occurrences n s t.
Proof.
  unfold occurrences. rewrite sum_split.
  rewrite (sum_ext n (fun i => if Nat.eqb (twice n s i) t then 1 else 0) (fun j => if Nat.eqb (s j) t then 1 else 0)).
  2: { intros j Hj. unfold twice. now rewrite (proj2 (Nat.ltb_lt j n) Hj). }
  rewrite (sum_ext n (fun i => if Nat.eqb (twice n s (n + i)) t then 1 else 0) (fun j => if Nat.eqb (s j) t then 1 else 0)).
  2: { intros j Hj. unfold twice. rewrite (proj2 (Nat.ltb_ge (n + j) n)) by lia. now replace (n + j - n)%nat with j by lia. }
  ring.
Qed.

Theorem cannot_count (layers : nat -> bag_layer) embed l n s t (readout : vec -> R) :
  (0 < n)%nat -> 0 < occurrences n s t ->
  ~ (forall m q, (0 < m)%nat -> readout (bag_states layers l m (fun j => embed (q j)) (m - 1)%nat) = occurrences m q t).
Proof.
  intros Hn Ht H. pose proof (H n s Hn) as H1. pose proof (H (n + n)%nat (twice n s) ltac:(lia)) as H2.
  rewrite occurrences_twice in H2.
  assert (E : bag_states layers l n (fun j => embed (s j)) (n - 1)%nat =
              bag_states layers l (n + n) (fun j => embed (twice n s j)) (n + n - 1)%nat).
  { apply only_ratios_matter; [exact Hn|lia| |].
    - intros t'. rewrite occurrences_twice, plus_INR. ring.
    - unfold twice. rewrite (proj2 (Nat.ltb_ge (n + n - 1) n)) by lia. f_equal. lia. }
  rewrite E in H1. lra.
Qed.
