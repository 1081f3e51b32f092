(** The decoder: layers of causal attention over the states of all tokens up to one's own. A layer is given by what it computes,
    not by its weights, so that RoPE, ALiBi, no positions, QK-norm, soft-caps, windows, grouped heads and every kind of norm and
    MLP are instances. *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Snellen Require Import sums vectors softmax.
Open Scope R_scope.

Record layer := {
  heads : nat;
  visible : nat -> nat -> bool;                      (* does token i read token j <= i? *)
  score : nat -> vec -> vec -> nat -> nat -> R;      (* head, state of i, state of j, i, j *)
  value : nat -> vec -> vec;                         (* head, state *)
  finish : vec -> (nat -> vec) -> vec                (* state, the heads' outputs: output matrix, residual, MLP, norms *)
}.

Definition mass (T : layer) (h : nat) (x : nat -> vec) (i j : nat) : R :=
  if visible T i j then exp (score T h (x i) (x j) i j) else 0.

Definition attention (T : layer) (h : nat) (x : nat -> vec) (i : nat) : vec :=
  head (S i) (mass T h x i) (fun j => value T h (x j)).

Definition apply_layer (T : layer) (x : nat -> vec) : nat -> vec :=
  fun i => finish T (x i) (fun h => attention T h x i).

(** States of all tokens above l layers; x are the embedded tokens. *)
Fixpoint states (layers : nat -> layer) (l : nat) (x : nat -> vec) : nat -> vec :=
  match l with
  | O => x
  | S k => apply_layer (layers k) (states layers k x)
  end.

(** The sequence [a]: its only token reads itself. *)
Fixpoint alone (layers : nat -> layer) (l : nat) (a : vec) : vec :=
  match l with
  | O => a
  | S k => finish (layers k) (alone layers k a) (fun h => value (layers k) h (alone layers k a))
  end.

Definition sees_itself (layers : nat -> layer) (l : nat) : Prop := forall k i, (k < l)%nat -> visible (layers k) i i = true.

Lemma mass_nonneg T h x i j : 0 <= mass T h x i j.
Proof. unfold mass. destruct (visible T i j); [apply Rlt_le, exp_pos|lra]. Qed.

Lemma mass_total T h x i : visible T i i = true -> 0 < sum (S i) (mass T h x i).
Proof.
  intros Hv. cbn [sum]. assert (0 <= sum i (mass T h x i)) by (apply sum_nonneg; intros; apply mass_nonneg).
  assert (0 < mass T h x i i) by (unfold mass; rewrite Hv; apply exp_pos). lra.
Qed.

(** Two sequences that agree on what token i reads give it the same attention. *)
Lemma attention_ext T h x x' i :
  x i = x' i -> (forall j, (j <= i)%nat -> visible T i j = true -> x j = x' j) -> attention T h x i = attention T h x' i.
Proof.
  intros Hi Hx. unfold attention, head, mean. extensionality c.
  assert (Hm : forall j, (j < S i)%nat -> mass T h x i j = mass T h x' i j).
  { intros j Hj. unfold mass. destruct (visible T i j) eqn:E; [|reflexivity]. rewrite Hi, (Hx j); auto; lia. }
  apply sum_ext. intros j Hj. unfold weight. rewrite (sum_ext _ _ _ Hm), (Hm j Hj).
  destruct (visible T i j) eqn:E; [rewrite (Hx j); auto; lia|].
  unfold mass. rewrite E. unfold Rdiv. ring.
Qed.

(** Causality: a state depends on the tokens up to its own. One pass over P . a^N serves every n <= N. *)
Theorem causality layers l x x' i : (forall j, (j <= i)%nat -> x j = x' j) -> states layers l x i = states layers l x' i.
Proof.
  revert i. induction l as [|l IH]; intros i H; cbn [states]; [now apply H|].
  unfold apply_layer. rewrite (IH i H). f_equal. extensionality h. apply attention_ext; [now apply IH|].
  intros j Hj _. apply IH. intros; apply H; lia.
Qed.

(** A sequence of one token repeated, without prefix: every state is that of the token alone, so D(n) = 0. *)
Theorem equal_tokens layers l a i : sees_itself layers l -> states layers l (fun _ => a) i = alone layers l a.
Proof.
  revert i. induction l as [|l IH]; intros i Hv; cbn [states alone]; [reflexivity|].
  assert (IH' : forall j, states layers l (fun _ => a) j = alone layers l a) by (intros; apply IH; intros k j0 Hk; apply Hv;
    lia).
  unfold apply_layer. rewrite IH'. f_equal. extensionality h. extensionality c.
  unfold attention. apply (head_of_equal_values _ _ _ (value (layers l) h (alone layers l a))).
  - apply mass_total, Hv. lia.
  - intros j k _. now rewrite IH'.
Qed.

(** A window of w tokens, the token itself included, in L layers: a state depends on the last L (w - 1) + 1 tokens. *)
Definition has_window (w : nat) (layers : nat -> layer) (l : nat) : Prop :=
  forall k i j, (k < l)%nat -> visible (layers k) i j = true -> (i < j + w)%nat.

Theorem window_reach w layers l x x' i :
  has_window w layers l -> (forall j, (j <= i)%nat -> (i <= j + l * (w - 1))%nat -> x j = x' j) ->
  states layers l x i = states layers l x' i.
Proof.
  revert i. induction l as [|l IH]; intros i Hw H; cbn [states]; [apply H; lia|].
  assert (Hw' : has_window w layers l) by (intros k i' j Hk; apply Hw; lia).
  assert (Hi : states layers l x i = states layers l x' i) by (apply IH; [exact Hw'|]; intros; apply H; [assumption|]; simpl;
    lia).
  unfold apply_layer. rewrite Hi. f_equal. extensionality h. apply attention_ext; [exact Hi|].
  intros j Hj Hv. apply Hw in Hv; [|lia]. apply IH; [exact Hw'|]. intros k Hk Hr. apply H; [lia|]. simpl. lia.
Qed.

(** Hence the last of n run tokens is free of the prefix from n = L (w - 1) + 1 on. *)
Theorem window_forgets w layers l prefix x a n :
  sees_itself layers l -> has_window w layers l -> (forall k, x (prefix + k)%nat = a) -> (l * (w - 1) < n)%nat ->
  states layers l x (prefix + (n - 1))%nat = alone layers l a.
Proof.
  intros Hv Hw Hx Hn. rewrite <- (equal_tokens layers l a (prefix + (n - 1))) by exact Hv.
  apply (window_reach w); [exact Hw|]. intros j Hj Hr. replace j with (prefix + (j - prefix))%nat by lia. apply Hx.
Qed.
