(** What attention does to the values it reads: softmax weights, weighted means, groups of tokens, one more token. *)
From Coq Require Import Reals Lra Lia Arith.
From Snellen Require Import sums vectors exponential.
Open Scope R_scope.

(** ** Weights *)

(** A token of mass m_j among n tokens. Softmax: m_j = e^{s_j}; a token that a window hides has mass 0. *)
Definition weight (n : nat) (m : nat -> R) (j : nat) : R := m j / sum n m.
Definition softmax (n : nat) (s : nat -> R) : nat -> R := weight n (fun j => exp (s j)).

(** Weighted mean of numbers, and of vectors: the output of a head. *)
Definition mean (n : nat) (m v : nat -> R) : R := sum n (fun j => weight n m j * v j).
Definition head (n : nat) (m : nat -> R) (v : nat -> vec) : vec := fun i => mean n m (fun j => v j i).

Lemma exp_mass_pos n s : (0 < n)%nat -> 0 < sum n (fun j => exp (s j)).
Proof. intros Hn. apply sum_pos; [exact Hn|]. intros; apply exp_pos. Qed.

Lemma weight_nonneg n m j : 0 < sum n m -> 0 <= m j -> 0 <= weight n m j.
Proof. intros Hs Hj. apply Rmult_le_pos; [exact Hj|]. now apply Rlt_le, Rinv_0_lt_compat. Qed.

Lemma weight_sum_one n m : 0 < sum n m -> sum n (weight n m) = 1.
Proof. intros Hs. unfold weight, Rdiv. rewrite sum_scal_r. field. lra. Qed.

Theorem softmax_positive n s j : (0 < n)%nat -> 0 < softmax n s j.
Proof. intros Hn. apply Rdiv_lt_0_compat; [apply exp_pos|now apply exp_mass_pos]. Qed.

Theorem softmax_sum_one n s : (0 < n)%nat -> sum n (softmax n s) = 1.
Proof. intros Hn. now apply weight_sum_one, exp_mass_pos. Qed.

(** One number subtracted from all scores changes no weight. *)
Theorem softmax_shift n s c j : softmax n (fun k => s k - c) j = softmax n s j.
Proof.
  destruct n as [|n]; [unfold softmax, weight; simpl; unfold Rdiv; now rewrite Rinv_0, 2!Rmult_0_r|].
  assert (H : forall k, exp (s k - c) = exp (s k) * exp (- c)) by (intros; rewrite <- exp_plus; f_equal; ring).
  unfold softmax, weight. rewrite (sum_ext _ _ (fun k => exp (s k) * exp (- c))) by auto.
  rewrite sum_scal_r, H. pose proof (exp_pos (- c)). pose proof (exp_mass_pos (S n) s (Nat.lt_0_succ n)). field. lra.
Qed.

(** ** Weighted means *)

(** The mean lies in the convex hull of the values. *)
Theorem convex_hull n m v lo hi :
  0 < sum n m -> (forall j, (j < n)%nat -> 0 <= m j) -> (forall j, (j < n)%nat -> lo <= v j <= hi) ->
  lo <= mean n m v <= hi.
Proof.
  intros Hs Hm Hv. pose proof (weight_sum_one n m Hs) as H1. unfold mean. split.
  - rewrite <- (Rmult_1_l lo), <- H1, <- sum_scal_r. apply sum_le. intros j Hj.
    apply Rmult_le_compat_l; [apply weight_nonneg; auto|now apply Hv].
  - rewrite <- (Rmult_1_l hi), <- H1, <- sum_scal_r. apply sum_le. intros j Hj.
    apply Rmult_le_compat_l; [apply weight_nonneg; auto|now apply Hv].
Qed.

Lemma mean_minus_const n m v c : 0 < sum n m -> mean n m v - c = sum n (fun j => weight n m j * (v j - c)).
Proof.
  intros Hs. rewrite (sum_ext n _ (fun j => weight n m j * v j - weight n m j * c)) by (intros; ring).
  rewrite sum_minus, sum_scal_r, (weight_sum_one n m Hs). unfold mean. ring.
Qed.

(** The mean as a quotient: (sum of m_j (v_j - c)) / (sum of m_j). *)
Lemma mean_quotient n m v c : 0 < sum n m -> mean n m v - c = sum n (fun j => m j * (v j - c)) / sum n m.
Proof.
  intros Hs. rewrite mean_minus_const by exact Hs. unfold Rdiv. rewrite <- sum_scal_r.
  apply sum_ext; intros; unfold weight, Rdiv; ring.
Qed.

(** A head's output is no farther from c than its values are on average ... *)
Theorem head_deviation_mean p d n m v c :
  0 < sum n m -> (forall j, (j < n)%nat -> 0 <= m j) ->
  distance p d (head n m v) c <= mean n m (fun j => distance p d (v j) c).
Proof.
  intros Hs Hm. unfold distance, head.
  rewrite (norm_ext p d _ (fun i => sum n (fun j => weight n m j * (v j i - c i)))) by (intros; now apply mean_minus_const).
  apply Rle_trans with (1 := norm_sum p d n (weight n m) (fun j i => v j i - c i)).
  apply Req_le, sum_ext. intros j Hj. rewrite Rabs_pos_eq; [reflexivity|]. apply weight_nonneg; auto.
Qed.

(** ... hence no farther than the farthest. *)
Theorem head_deviation p d n m v c rho :
  0 < sum n m -> (forall j, (j < n)%nat -> 0 <= m j) ->
  (forall j, (j < n)%nat -> distance p d (v j) c <= rho) ->
  distance p d (head n m v) c <= rho.
Proof.
  intros Hs Hm Hv. apply Rle_trans with (1 := head_deviation_mean p d n m v c Hs Hm).
  apply (convex_hull n m _ 0 rho); auto. intros j Hj. split; [apply norm_nonneg|auto].
Qed.

(** Equal values: their mean, whatever the weights. *)
Theorem head_of_equal_values n m v c :
  0 < sum n m -> (forall j i, (j < n)%nat -> v j i = c i) -> forall i, head n m v i = c i.
Proof.
  intros Hs Hv i. assert (E : head n m v i - c i = 0); [|lra].
  unfold head. rewrite mean_minus_const by exact Hs.
  rewrite (sum_ext n _ (fun _ => 0)), sum_const; [ring|]. intros j Hj. rewrite Hv by exact Hj. ring.
Qed.

(** ** Groups of tokens *)

Lemma fraction_le a b A B : 0 <= a <= A -> 0 < B <= b -> a / (a + b) <= A / (A + B).
Proof.
  intros Ha Hb. apply Rmult_le_reg_r with ((a + b) * (A + B)); [apply Rmult_lt_0_compat; lra|].
  replace (a / (a + b) * ((a + b) * (A + B))) with (a * (A + B)) by (field; lra).
  replace (A / (A + B) * ((a + b) * (A + B))) with (A * (a + b)) by (field; lra).
  assert (a * B <= A * b) by (apply Rmult_le_compat; lra). lra.
Qed.

Lemma group_mass_le P s hi : (forall j, (j < P)%nat -> s j <= hi) -> sum P (fun j => exp (s j)) <= INR P * exp hi.
Proof. intros H. rewrite <- sum_const. apply sum_le. intros j Hj. apply exp_le, H, Hj. Qed.

Lemma group_mass_ge n s lo : (forall j, (j < n)%nat -> lo <= s j) -> INR n * exp lo <= sum n (fun j => exp (s j)).
Proof. intros H. rewrite <- sum_const. apply sum_le. intros j Hj. apply exp_le, H, Hj. Qed.

(** Of P tokens with scores at most hi before n tokens with scores at least lo: their weight is at most
    P e^hi / (P e^hi + n e^lo), and so goes to 0 like 1/n. *)
Theorem group_weight_sharp P n s lo hi :
  (0 < n)%nat -> (forall j, (j < P)%nat -> s j <= hi) -> (forall j, (j < n)%nat -> lo <= s (P + j)%nat) ->
  sum P (softmax (P + n) s) <= INR P * exp hi / (INR P * exp hi + INR n * exp lo).
Proof.
  intros Hn Hp Hr. unfold softmax, weight, Rdiv. rewrite sum_scal_r, sum_split.
  apply fraction_le.
  - split; [apply sum_nonneg; intros; apply Rlt_le, exp_pos|now apply group_mass_le].
  - split; [apply Rmult_lt_0_compat; [now apply lt_0_INR|apply exp_pos]|now apply (group_mass_ge n (fun j => s (P + j)%nat))].
Qed.

Theorem group_weight P n s lo hi :
  (0 < n)%nat -> (forall j, (j < P)%nat -> s j <= hi) -> (forall j, (j < n)%nat -> lo <= s (P + j)%nat) ->
  sum P (softmax (P + n) s) <= INR P * exp hi / (INR n * exp lo).
Proof.
  intros Hn Hp Hr. apply Rle_trans with (1 := group_weight_sharp P n s lo hi Hn Hp Hr).
  assert (0 <= INR P * exp hi) by (apply Rmult_le_pos; [apply pos_INR|apply Rlt_le, exp_pos]).
  assert (0 < INR n * exp lo) by (apply Rmult_lt_0_compat; [now apply lt_0_INR|apply exp_pos]).
  apply Rmult_le_compat_l; [assumption|]. apply Rinv_le_contravar; lra.
Qed.

(** One token among n whose scores differ by at most g has at most e^g / n. *)
Theorem token_weight n s g j :
  (j < n)%nat -> (forall k, (k < n)%nat -> s j - s k <= g) -> softmax n s j <= exp g / INR n.
Proof.
  intros Hj Hs. assert (Hn : 0 < INR n) by (apply lt_0_INR; lia). unfold softmax, weight.
  assert (H : INR n * exp (s j - g) <= sum n (fun k => exp (s k))).
  { apply group_mass_ge. intros k Hk. specialize (Hs k Hk). lra. }
  assert (0 < exp (s j - g)) by apply exp_pos.
  replace (exp (s j)) with (exp (s j - g) * exp g) by (rewrite <- exp_plus; f_equal; ring).
  replace (exp g / INR n) with (exp (s j - g) * exp g / (INR n * exp (s j - g))) by (field; lra).
  apply Rmult_le_compat_l; [apply Rlt_le, Rmult_lt_0_compat; apply exp_pos|].
  apply Rinv_le_contravar; [now apply Rmult_lt_0_compat|exact H].
Qed.

(** ** The tail: E explicit tokens, whose masses and values are known, before T tokens known only to lie within rho of c *)

Section Tail.

Variables (p : metric) (d E T : nat) (m : nat -> R) (v : nat -> vec) (c : vec) (deviation rho : R).
Let tail := sum T (fun j => m (E + j)%nat).
Hypothesis masses : forall j, (j < E + T)%nat -> 0 <= m j.
Hypothesis some_mass : 0 < sum E m + tail.
(** The explicit tokens together: || sum of m_j (v_j - c) || <= deviation. *)
Hypothesis explicit_tokens : norm p d (fun i => sum E (fun j => m j * (v j i - c i))) <= deviation.
Hypothesis tail_tokens : forall j, (j < T)%nat -> distance p d (v (E + j)%nat) c <= rho.

Theorem tail_enclosure : distance p d (head (E + T) m v) c <= (deviation + tail * rho) / (sum E m + tail).
Proof.
  assert (Hs : sum (E + T) m = sum E m + tail) by apply sum_split.
  assert (Hpos : 0 < sum (E + T) m) by lra.
  unfold distance, head.
  rewrite (norm_ext p d _ (fun i => / sum (E + T) m * (sum E (fun j => m j * (v j i - c i)) +
    sum T (fun j => m (E + j)%nat * (v (E + j)%nat i - c i))))).
  2: { intros i _. rewrite mean_quotient, sum_split by exact Hpos. unfold Rdiv. ring. }
  rewrite norm_scal, Rabs_pos_eq by (apply Rlt_le, Rinv_0_lt_compat; exact Hpos).
  unfold Rdiv. rewrite Hs, Rmult_comm. apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat; exact some_mass|].
  apply Rle_trans with (1 := norm_triangle p d _ _). apply Rplus_le_compat; [exact explicit_tokens|].
  apply Rle_trans with (1 := norm_sum p d T (fun j => m (E + j)%nat) (fun j i => v (E + j)%nat i - c i)).
  unfold tail. rewrite <- sum_scal_r. apply sum_le. intros j Hj. rewrite Rabs_pos_eq by (apply masses; lia).
  apply Rmult_le_compat_l; [apply masses; lia|]. now apply tail_tokens.
Qed.

(** The softmax does not widen the tail's box. *)
Theorem tail_box : deviation <= sum E m * rho -> distance p d (head (E + T) m v) c <= rho.
Proof.
  intros H. apply Rle_trans with (1 := tail_enclosure).
  apply Rmult_le_reg_r with (sum E m + tail); [exact some_mass|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

(** A tail of unknown length: a lower bound of its mass serves for all lengths. *)
Theorem tail_of_any_length mass :
  0 < sum E m + mass -> mass <= tail -> sum E m * rho <= deviation ->
  distance p d (head (E + T) m v) c <= (deviation + mass * rho) / (sum E m + mass).
Proof.
  intros Hpos Hmass H. apply Rle_trans with (1 := tail_enclosure).
  apply Rmult_le_reg_r with ((sum E m + tail) * (sum E m + mass)); [now apply Rmult_lt_0_compat|].
  replace ((deviation + tail * rho) / (sum E m + tail) * ((sum E m + tail) * (sum E m + mass)))
    with ((deviation + tail * rho) * (sum E m + mass)) by (field; lra).
  replace ((deviation + mass * rho) / (sum E m + mass) * ((sum E m + tail) * (sum E m + mass)))
    with ((deviation + mass * rho) * (sum E m + tail)) by (field; lra).
  assert (0 <= (tail - mass) * (deviation - sum E m * rho)) by (apply Rmult_le_pos; lra). nra.
Qed.

End Tail.

(** T tokens after E others (a suffix): each weighs at most what it would weigh beside the first A of those alone. *)
Theorem suffix_weight A E T m j :
  (A <= E)%nat -> (j < T)%nat -> (forall k, (k < E + T)%nat -> 0 <= m k) -> 0 < sum A m ->
  0 <= weight (E + T) m (E + j) <= m (E + j)%nat / (m (E + j)%nat + sum A m).
Proof.
  intros HA Hj Hm HZ.
  assert (H1 : sum A m <= sum E m).
  { replace E with (A + (E - A))%nat by lia. rewrite sum_split.
    assert (0 <= sum (E - A) (fun k => m (A + k)%nat)) by (apply sum_nonneg; intros; apply Hm; lia). lra. }
  assert (H2 : m (E + j)%nat <= sum T (fun k => m (E + k)%nat)).
  { apply (sum_term T (fun k => m (E + k)%nat)); [exact Hj|intros; apply Hm; lia]. }
  assert (0 <= m (E + j)%nat) by (apply Hm; lia).
  unfold weight, Rdiv. rewrite sum_split. split.
  - apply Rmult_le_pos; [assumption|apply Rlt_le, Rinv_0_lt_compat; lra].
  - apply Rmult_le_compat_l; [assumption|apply Rinv_le_contravar; lra].
Qed.

(** ** One more token *)

(** The old weights shrink by one factor: o_{n+1} = (1 - alpha) o_n + alpha v_n, alpha the weight of the new token. *)
Theorem weighted_mean_step n m v :
  0 < sum n m -> 0 <= m n ->
  let alpha := weight (S n) m n in mean (S n) m v = (1 - alpha) * mean n m v + alpha * v n.
Proof.
  intros Hs Hm alpha. unfold mean at 1. cbn [sum]. fold alpha. f_equal.
  unfold mean. rewrite <- sum_scal_l. apply sum_ext. intros j Hj.
  unfold alpha, weight. cbn [sum]. field. split; lra.
Qed.

Definition apply_matrix (columns : nat) (A : nat -> nat -> R) (x : vec) : vec := fun i => sum columns (fun k => A i k * x k).

(** What a layer adds up before its MLP: the state and, for each head h, O_h times the head's output. *)
Definition after_attention (heads width n : nat) (O : nat -> nat -> nat -> R) (m : nat -> nat -> R) (v : nat -> nat -> vec)
    (x : vec) : vec :=
  fun i => x i + sum heads (fun h => apply_matrix width (O h) (head n (m h) (v h)) i).

(** The last token repeated, without positions: it has the same state and query, so the same masses on the old tokens, and
    z_n - z*_{n+1} = sum over heads of alpha_h O_h (o_n - v_new). *)
Theorem repeated_token_step heads width n O m v x :
  (forall h, (h < heads)%nat -> 0 < sum n (m h) /\ 0 <= m h n) ->
  forall i, after_attention heads width n O m v x i - after_attention heads width (S n) O m v x i =
    sum heads (fun h => weight (S n) (m h) n * apply_matrix width (O h) (fun k => head n (m h) (v h) k - v h n k) i).
Proof.
  intros H i. unfold after_attention.
  transitivity (sum heads (fun h => apply_matrix width (O h) (head n (m h) (v h)) i) -
    sum heads (fun h => apply_matrix width (O h) (head (S n) (m h) (v h)) i)); [ring|].
  rewrite <- sum_minus. apply sum_ext. intros h Hh. destruct (H h Hh) as [Hs Hm].
  unfold apply_matrix. rewrite <- sum_minus, <- sum_scal_l. apply sum_ext. intros k Hk.
  unfold head. rewrite (weighted_mean_step n (m h) (fun j => v h j k) Hs Hm). ring.
Qed.

(** Theorem 4.2 for one layer without positions, whatever the tokens before: a sequence of n tokens against itself with the last
    one repeated. W_h bounds the norm of O_h, and every value lies within [reach] of the repeated one's. *)
Theorem repeated_token_collapse p d heads width n O (s : nat -> nat -> R) v x g reach (W : nat -> R) :
  (0 < n)%nat -> 0 <= reach ->
  (forall h j k, (h < heads)%nat -> (j < S n)%nat -> (k < S n)%nat -> s h j - s h k <= g) ->
  (forall h j, (h < heads)%nat -> (j < n)%nat -> distance p width (v h j) (v h n) <= reach) ->
  (forall h, (h < heads)%nat -> 0 <= W h) ->
  (forall h y, (h < heads)%nat -> norm p d (apply_matrix width (O h) y) <= W h * norm p width y) ->
  let m h j := exp (s h j) in
  distance p d (after_attention heads width n O m v x) (after_attention heads width (S n) O m v x) <=
    exp g / INR (S n) * (sum heads W * reach).
Proof.
  intros Hn Hr Hs Hv HW HO m.
  assert (Hm : forall h, (h < heads)%nat -> 0 < sum n (m h) /\ 0 <= m h n).
  { intros h _. split; [now apply exp_mass_pos|apply Rlt_le, exp_pos]. }
  unfold distance. rewrite (norm_ext p d _ _ (fun i _ => repeated_token_step heads width n O m v x Hm i)).
  apply Rle_trans with (1 := norm_sum p d heads _ (fun h => apply_matrix width (O h) (fun k => head n (m h) (v h)
    k - v h n k))).
  rewrite <- Rmult_assoc, <- (Rmult_comm (sum heads W)), Rmult_assoc, <- sum_scal_r. apply sum_le. intros h Hh.
  assert (Hw : 0 <= weight (S n) (m h) n <= exp g / INR (S n)).
  { split; [apply Rlt_le, (softmax_positive (S n) (s h)); lia|]. apply (token_weight (S n) (s h)); [lia|]. intros k Hk.
    apply Hs; auto. }
  rewrite Rabs_pos_eq by apply Hw.
  replace (W h * (exp g / INR (S n) * reach)) with (exp g / INR (S n) * (W h * reach)) by ring.
  apply Rmult_le_compat; [apply Hw|apply norm_nonneg|apply Hw|].
  apply Rle_trans with (1 := HO h _ Hh). apply Rmult_le_compat_l; [now apply HW|].
  apply (head_deviation p width n (m h) (v h) (v h n) reach); [now apply Hm|intros; apply Rlt_le, exp_pos|auto].
Qed.

(** ** Mass by its mean score: a run's mass is at least n e^(mean of the scores), by Jensen *)
Theorem mass_by_mean_score n s : (0 < n)%nat -> INR n * exp (sum n s / INR n) <= sum n (fun j => exp (s j)).
Proof.
  intros Hn. assert (H0 : 0 < INR n) by now apply lt_0_INR. set (c := sum n s / INR n).
  assert (H : sum n (fun j => exp c * (1 + (s j - c))) <= sum n (fun j => exp (s j))).
  { apply sum_le. intros j _. replace (s j) with (c + (s j - c)) at 2 by ring. rewrite exp_plus.
    apply Rmult_le_compat_l; [apply Rlt_le, exp_pos|].
    apply exp_ge. }
  rewrite sum_scal_l, sum_plus, sum_minus, 2!sum_const in H.
  replace (INR n * 1 + (sum n s - INR n * c)) with (INR n) in H by (unfold c; field; lra). lra.
Qed.
