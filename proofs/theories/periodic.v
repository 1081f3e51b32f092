(** Families that come back to the same ending: n modulo some number of kinds decides what the pair at n tends to, or is. *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Snellen Require Import sums vectors softmax decoder inevitable.
Open Scope R_scope.

(** ** Finitely many kinds of pairs *)

(** From A on all pairs of each kind collapse: then all pairs do. From A on all pairs of one kind are distinct: collapse is never inevitable. *)
Theorem inevitable_by_kinds (collapsed : nat -> Prop) A kinds :
  (0 < kinds)%nat ->
  ((forall k n, (k < kinds)%nat -> (A <= n)%nat -> (n mod kinds)%nat = k -> collapsed n) -> inevitable_from collapsed A) /\
  (forall k, (k < kinds)%nat -> (forall n, (A <= n)%nat -> (n mod kinds)%nat = k -> ~ collapsed n) -> forall N, ~ inevitable_from collapsed N).
Proof.
  intros Hk. split.
  - intros H n Hn. apply (H (n mod kinds)%nat); [apply Nat.mod_upper_bound; lia|exact Hn|reflexivity].
  - intros k Hlt H. apply inevitable_never. intros N. exists (k + (A + N) * kinds)%nat.
    assert (Hge : (A + N <= (A + N) * kinds)%nat) by (rewrite <- (Nat.mul_1_r (A + N)) at 1; apply Nat.mul_le_mono_l; lia).
    split; [lia|]. apply H; [lia|]. rewrite Nat.mod_add by lia. now apply Nat.mod_small.
Qed.

(** ** Windows *)

(** Scores and masks that depend on the distance alone: no positions, RoPE, ALiBi. *)
Definition relative (T : layer) : Prop := forall h a b i j d,
  score T h a b (i + d) (j + d) = score T h a b i j /\ visible T (i + d) (j + d) = visible T i j.

Lemma attention_of_ending T w h y y' i i' :
  relative T -> (forall i j, visible T i j = true -> (i < j + w)%nat) ->
  (w - 1 <= i)%nat -> (w - 1 <= i')%nat -> (forall d, (d <= w - 1)%nat -> y (i - d)%nat = y' (i' - d)%nat) ->
  attention T h y i = attention T h y' i'.
Proof.
  intros Hr Hw Hi Hi' Hy. set (W := (w - 1)%nat) in *.
  assert (Hidden : forall z k j, (W <= k)%nat -> (j < k - W)%nat -> mass T h z k j = 0).
  { intros z k j Hk Hj. unfold mass. destruct (visible T k j) eqn:E; [|reflexivity]. apply Hw in E. unfold W in *. lia. }
  assert (Hmass : forall d, (d < S W)%nat -> mass T h y i (i - W + d) = mass T h y' i' (i' - W + d)).
  { intros d Hd. unfold mass.
    assert (Ey : y i = y' i') by (rewrite <- (Nat.sub_0_r i), <- (Nat.sub_0_r i'); apply Hy; lia).
    assert (Ed : y (i - W + d)%nat = y' (i' - W + d)%nat).
    { replace (i - W + d)%nat with (i - (W - d))%nat by lia. replace (i' - W + d)%nat with (i' - (W - d))%nat by lia. apply Hy. lia. }
    rewrite Ey, Ed.
    destruct (Hr h (y' i') (y' (i' - W + d)%nat) W d (i - W)%nat) as [S1 V1].
    destruct (Hr h (y' i') (y' (i' - W + d)%nat) W d (i' - W)%nat) as [S2 V2].
    replace (W + (i - W))%nat with i in * by lia. replace (W + (i' - W))%nat with i' in * by lia.
    replace (d + (i - W))%nat with (i - W + d)%nat in * by lia. replace (d + (i' - W))%nat with (i' - W + d)%nat in * by lia.
    now rewrite S1, V1, S2, V2. }
  assert (Hsum : forall z k f, (W <= k)%nat ->
    sum (S k) (fun j => mass T h z k j * f j) = sum (S W) (fun d => mass T h z k (k - W + d) * f (k - W + d)%nat)).
  { intros z k f Hk. replace (S k) with (k - W + S W)%nat by lia. rewrite sum_split.
    assert (Z : sum (k - W) (fun j => mass T h z k j * f j) = 0).
    { rewrite (sum_ext _ _ (fun _ => 0)), sum_const; [apply Rmult_0_r|]. intros j Hj. rewrite Hidden by lia. apply Rmult_0_l. }
    rewrite Z. apply Rplus_0_l. }
  assert (Htotal : sum (S i) (mass T h y i) = sum (S i') (mass T h y' i')).
  { assert (One : forall z k, sum (S k) (mass T h z k) = sum (S k) (fun j => mass T h z k j * 1)) by (intros; apply sum_ext; intros; ring).
    rewrite 2!One, 2!(Hsum _ _ (fun _ => 1)) by assumption. apply sum_ext. intros d Hd. now rewrite Hmass. }
  unfold attention, head, mean, weight. extensionality c. rewrite Htotal.
  set (total := sum (S i') (mass T h y' i')).
  assert (Out : forall z k, sum (S k) (fun j => mass T h z k j / total * value T h (z j) c) =
    sum (S k) (fun j => mass T h z k j * (value T h (z j) c / total))) by (intros; apply sum_ext; intros; unfold Rdiv; ring).
  rewrite 2!Out, (Hsum y i (fun j => value T h (y j) c / total)), (Hsum y' i' (fun j => value T h (y' j) c / total)) by assumption.
  apply sum_ext. intros d Hd. rewrite Hmass by exact Hd.
  assert (Ed : y (i - W + d)%nat = y' (i' - W + d)%nat); [|now rewrite Ed].
  replace (i - W + d)%nat with (i - (W - d))%nat by lia. replace (i' - W + d)%nat with (i' - (W - d))%nat by lia. apply Hy. lia.
Qed.

(** How far back layers with windows of w 0, w 1, ... tokens, each its own included, look in all. *)
Fixpoint reach (w : nat -> nat) (l : nat) : nat := match l with O => O | S k => reach w k + (w k - 1) end.

(** Two sequences, of different lengths perhaps, with the same last 1 + reach tokens have the same last state. *)
Theorem shared_ending w layers l x x' i i' :
  (forall k, (k < l)%nat -> relative (layers k)) ->
  (forall k i j, (k < l)%nat -> visible (layers k) i j = true -> (i < j + w k)%nat) ->
  (reach w l <= i)%nat -> (reach w l <= i')%nat -> (forall d, (d <= reach w l)%nat -> x (i - d)%nat = x' (i' - d)%nat) ->
  states layers l x i = states layers l x' i'.
Proof.
  revert i i'. induction l as [|l IH]; intros i i' Hr Hw Hi Hi' H; cbn [states reach] in *.
  - rewrite <- (Nat.sub_0_r i), <- (Nat.sub_0_r i'). apply H. lia.
  - assert (IH' : forall d, (d <= w l - 1)%nat -> states layers l x (i - d)%nat = states layers l x' (i' - d)%nat).
    { intros d Hd. apply IH; try lia; [intros; apply Hr; lia|intros; apply (Hw k); [lia|assumption]|].
      intros e He. replace (i - d - e)%nat with (i - (d + e))%nat by lia. replace (i' - d - e)%nat with (i' - (d + e))%nat by lia. apply H. lia. }
    unfold apply_layer. f_equal.
    + rewrite <- (Nat.sub_0_r i), <- (Nat.sub_0_r i'). apply IH'. lia.
    + extensionality h. apply (attention_of_ending _ (w l)); [apply Hr; lia|intros i0 j; apply Hw; lia|lia|lia|exact IH'].
Qed.

Section Windows.

Variables (w : nat -> nat) (layers : nat -> layer) (depth : nat).
Hypothesis relative_scores : forall k, (k < depth)%nat -> relative (layers k).
Hypothesis windows : forall k i j, (k < depth)%nat -> visible (layers k) i j = true -> (i < j + w k)%nat.

(** The two sequences of pair n, and where they end: from `settled` on pairs n and n + kinds have the same endings. *)
Variables (x x' : nat -> nat -> vec) (last last' : nat -> nat) (settled kinds : nat).
Hypothesis some_kind : (0 < kinds)%nat.
Hypothesis long_enough : forall n, (settled <= n)%nat -> (reach w depth <= last n)%nat /\ (reach w depth <= last' n)%nat.
Hypothesis same_ending : forall n d, (settled <= n)%nat -> (d <= reach w depth)%nat ->
  x (n + kinds)%nat (last (n + kinds) - d)%nat = x n (last n - d)%nat /\ x' (n + kinds)%nat (last' (n + kinds) - d)%nat = x' n (last' n - d)%nat.

Notation y n := (states layers depth (x n) (last n)).
Notation y' n := (states layers depth (x' n) (last' n)).

Lemma same_kind n q : (settled <= n)%nat -> y (n + q * kinds) = y n /\ y' (n + q * kinds) = y' n.
Proof.
  intros Hn. induction q as [|q [E E']]; [now rewrite Nat.mul_0_l, Nat.add_0_r|]. rewrite <- E, <- E'.
  replace (n + S q * kinds)%nat with (n + q * kinds + kinds)%nat by lia. set (m := (n + q * kinds)%nat).
  assert (Hm : (settled <= m)%nat) by (unfold m; lia). destruct (long_enough m Hm) as [L L'].
  destruct (long_enough (m + kinds)%nat ltac:(lia)) as [K K'].
  split; apply (shared_ending w); auto; intros d Hd; now destruct (same_ending m d Hm Hd).
Qed.

(** Whatever collapse means for two vectors: one pair of each kind decides for ever. *)
Theorem window_kinds (C : vec -> vec -> Prop) :
  ((forall n, (settled <= n < settled + kinds)%nat -> C (y n) (y' n)) -> inevitable_from (fun n => C (y n) (y' n)) settled) /\
  (forall n, (settled <= n)%nat -> ~ C (y n) (y' n) -> forall N, ~ inevitable_from (fun n => C (y n) (y' n)) N).
Proof.
  split.
  - intros H n Hn. pose proof (Nat.div_mod (n - settled) kinds ltac:(lia)) as D.
    set (q := ((n - settled) / kinds)%nat) in *. set (r := ((n - settled) mod kinds)%nat) in *.
    assert (Hr : (r < kinds)%nat) by (apply Nat.mod_upper_bound; lia).
    replace n with (settled + r + q * kinds)%nat by lia.
    destruct (same_kind (settled + r) q ltac:(lia)) as [-> ->]. apply H. lia.
  - intros n Hn HC. apply inevitable_never. intros N. exists (n + N * kinds)%nat.
    assert (Hge : (N <= N * kinds)%nat) by (rewrite <- (Nat.mul_1_r N) at 1; apply Nat.mul_le_mono_l; lia).
    split; [lia|]. destruct (same_kind n N Hn) as [-> ->]. exact HC.
Qed.

End Windows.

(** ** Geometric weights *)

Lemma geometric_copies L n : sum n (fun m => L ^ m) * (1 - L) = 1 - L ^ n.
Proof. induction n as [|n IH]; cbn [sum pow]; [ring|]. rewrite Rmult_plus_distr_r, IH. ring. Qed.

(** A quotient of two affine functions of f, between f = 0 and f = 1. *)
Lemma quotient_between A B a b f lo hi :
  0 < a -> 0 < a + b -> 0 <= f <= 1 -> lo <= A / a <= hi -> lo <= (A + B) / (a + b) <= hi -> lo <= (A + f * B) / (a + f * b) <= hi.
Proof.
  intros Ha Hb Hf H0 H1.
  assert (D : 0 < a + f * b).
  { replace (a + f * b) with ((1 - f) * a + f * (a + b)) by ring. destruct (Req_dec f 1) as [->|N]; [lra|].
    apply Rplus_lt_le_0_compat; [apply Rmult_lt_0_compat; lra|apply Rmult_le_pos; lra]. }
  assert (E0 : A = A / a * a) by (field; lra). assert (E1 : A + B = (A + B) / (a + b) * (a + b)) by (field; lra).
  set (u := A / a) in *. set (v := (A + B) / (a + b)) in *.
  assert (N : A + f * B = (1 - f) * (u * a) + f * (v * (a + b))) by (rewrite <- E0, <- E1; ring).
  split; apply Rmult_le_reg_r with (a + f * b); try exact D; unfold Rdiv; rewrite Rmult_assoc, Rinv_l, Rmult_1_r, N by lra.
  - replace (lo * (a + f * b)) with ((1 - f) * (lo * a) + f * (lo * (a + b))) by ring.
    apply Rplus_le_compat; apply Rmult_le_compat_l; try lra; apply Rmult_le_compat_r; lra.
  - replace (hi * (a + f * b)) with ((1 - f) * (hi * a) + f * (hi * (a + b))) by ring.
    apply Rplus_le_compat; apply Rmult_le_compat_l; try lra; apply Rmult_le_compat_r; lra.
Qed.

(** One head, a query n copies of a period after the first settled copy. Its mass and its sum of mass times value over the tokens before that copy are
    E and F for n = 0, and fall by L a copy; over tokens of its own that follow the run (a branch) they are M and N for every n. Each of `period` positions has a
    token in every settled copy, in the query's own copy only if it is not later (own r = 1, else 0); the newest of them has the mass g r h r, where h is the
    tokens' mean of e^{q.k} with weights L^m, and the mean of their values is v r. The head's output lies between what it is for n = 0 and what it would be
    after infinitely many copies, if these had the same h and v. *)
Theorem periodic_hull period (L E F M N lo hi : R) (g h v : nat -> R) (own : nat -> nat) n :
  0 < L < 1 -> 0 <= M -> (forall r, (r < period)%nat -> 0 < g r * h r /\ (own r <= 1)%nat) -> (0 < period)%nat ->
  0 < E + M + sum period (fun r => g r * h r * INR (own r)) ->
  lo <= (N + sum period (fun r => g r * h r * v r) / (1 - L)) / (M + sum period (fun r => g r * h r) / (1 - L)) <= hi ->
  lo <= (F + N + sum period (fun r => g r * h r * INR (own r) * v r)) / (E + M + sum period (fun r => g r * h r * INR (own r))) <= hi ->
  lo <= (L ^ n * F + N + sum period (fun r => g r * h r * sum (n + own r) (fun m => L ^ m) * v r)) /
        (L ^ n * E + M + sum period (fun r => g r * h r * sum (n + own r) (fun m => L ^ m))) <= hi.
Proof.
  intros HL HM Hg Hp Hown H0 H1.
  assert (Hf : 0 <= L ^ n <= 1).
  { split; [apply pow_le; lra|]. replace 1 with (1 ^ n) by apply pow1. apply pow_incr. lra. }
  set (f := L ^ n) in *.
  (* 1 + L + ... + L^(n + own - 1) = (1 - f) / (1 - L) + f own *)
  assert (Hc : forall r, (r < period)%nat -> sum (n + own r) (fun m => L ^ m) = (1 - f) / (1 - L) + f * INR (own r)).
  { intros r Hr. destruct (Hg r Hr) as [_ Ho]. assert (G := geometric_copies L n). fold f in G.
    assert (G' : sum n (fun m => L ^ m) = (1 - f) / (1 - L)) by (rewrite <- G; field; lra).
    destruct (own r) as [|[|k]]; [|  |lia].
    - rewrite Nat.add_0_r, G'. simpl. ring.
    - replace (n + 1)%nat with (S n) by lia. cbn [sum]. rewrite G'. simpl. fold f. ring. }
  set (G := sum period (fun r => g r * h r)) in *. set (V := sum period (fun r => g r * h r * v r)) in *.
  set (e := sum period (fun r => g r * h r * INR (own r))) in *. set (d := sum period (fun r => g r * h r * INR (own r) * v r)) in *.
  assert (PG : 0 < G) by (apply sum_pos; [exact Hp|intros; now apply Hg]).
  rewrite (sum_ext period (fun r => g r * h r * sum (n + own r) (fun m => L ^ m) * v r)
    (fun r => (g r * h r * v r) * ((1 - f) / (1 - L)) + (g r * h r * INR (own r) * v r) * f)) by (intros; rewrite Hc by assumption; ring).
  rewrite (sum_ext period (fun r => g r * h r * sum (n + own r) (fun m => L ^ m))
    (fun r => (g r * h r) * ((1 - f) / (1 - L)) + (g r * h r * INR (own r)) * f)) by (intros; rewrite Hc by assumption; ring).
  rewrite !sum_plus, !sum_scal_r. fold G V e d.
  replace (f * F + N + (V * ((1 - f) / (1 - L)) + d * f)) with (N + V / (1 - L) + f * (F + d - V / (1 - L))) by (field; lra).
  replace (f * E + M + (G * ((1 - f) / (1 - L)) + e * f)) with (M + G / (1 - L) + f * (E + e - G / (1 - L))) by (field; lra).
  assert (P : 0 < G / (1 - L)) by (apply Rdiv_lt_0_compat; lra).
  apply quotient_between; [lra|lra|exact Hf|exact H0|].
  replace (N + V / (1 - L) + (F + d - V / (1 - L))) with (F + N + d) by ring.
  replace (M + G / (1 - L) + (E + e - G / (1 - L))) with (E + M + e) by ring. exact H1.
Qed.
