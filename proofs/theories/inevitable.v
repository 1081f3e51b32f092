(** From single lengths to all of them: what "inevitable from N" means, and how eras and a tail prove it. *)
From Coq Require Import Lia Arith List.
Import ListNotations.

Section Inevitable.

(** Does the pair at n collapse, by the criterion in question? *)
Variable collapsed : nat -> Prop.

Definition inevitable_from (N : nat) : Prop := forall n, N <= n -> collapsed n.
(** N*, the least such N. *)
Definition inevitable_exactly (N : nat) : Prop := inevitable_from N /\ forall M, inevitable_from M -> N <= M.

(** Collapse for every n >= N, and one distinct pair below: a bracket. *)
Theorem inevitable_bracket N m star :
  inevitable_from N -> ~ collapsed m -> inevitable_exactly star -> m + 1 <= star <= N.
Proof.
  intros HN Hm [Hs Hl]. split; [|now apply Hl].
  destruct (Nat.le_gt_cases (m + 1) star) as [L|L]; [exact L|]. exfalso. apply Hm, Hs. lia.
Qed.

(** The distinct pair right below N: N* = N. *)
Theorem inevitable_exact m : inevitable_from (m + 1) -> ~ collapsed m -> inevitable_exactly (m + 1).
Proof.
  intros HN Hm. split; [exact HN|]. intros M HM.
  destruct (Nat.le_gt_cases (m + 1) M) as [L|L]; [exact L|]. exfalso. apply Hm, HM. lia.
Qed.

(** Distinct infinitely often: never. *)
Theorem inevitable_never : (forall N, exists n, N <= n /\ ~ collapsed n) -> forall N, ~ inevitable_from N.
Proof. intros H N HN. destruct (H N) as (n & Hn & Hd). now apply Hd, HN. Qed.

(** Eras, first and last length each, that leave no gap from N on ... *)
Fixpoint covers (from : nat) (eras : list (nat * nat)) (tail : nat) : Prop :=
  match eras with
  | [] => tail <= from
  | (first, last) :: later => first <= from /\ covers (last + 1) later tail
  end.

(** ... and a tail that holds for every n from its start: together, collapse from N on. *)
Theorem inevitable_by_eras N eras tail :
  covers N eras tail ->
  (forall first last n, In (first, last) eras -> first <= n <= last -> collapsed n) ->
  (forall n, tail <= n -> collapsed n) ->
  inevitable_from N.
Proof.
  revert N. induction eras as [|[first last] later IH]; intros N Hc He Ht n Hn; cbn [covers] in Hc.
  - apply Ht. lia.
  - destruct Hc as [Hf Hc]. destruct (Nat.le_gt_cases n last) as [L|L].
    + apply (He first last); [now left|lia].
    + apply (IH (last + 1)); auto; [|lia]. intros f l m Hin. apply He. now right.
Qed.

End Inevitable.

(** What is compared exactly (rounded vectors, next tokens), different at a and at b: a distinct pair in between, which halving finds. *)
Theorem distinct_between {A : Type} (f : nat -> A) (equal_dec : forall x y : A, {x = y} + {x <> y}) (a b : nat) :
  a < b -> f a <> f b -> exists n, a <= n < b /\ f n <> f (n + 1).
Proof.
  intros Hab Hf. induction b as [|b IH]; [lia|].
  destruct (Nat.eq_dec a b) as [E|E].
  - subst b. exists a. replace (a + 1) with (S a) by lia. split; [lia|exact Hf].
  - destruct (equal_dec (f b) (f (S b))) as [Q|Q].
    + destruct IH as (n & Hn & Hd); [lia|congruence|]. exists n. split; [lia|exact Hd].
    + exists b. replace (b + 1) with (S b) by lia. split; [lia|exact Q].
Qed.

(** The run token appended to the prefix: the same sequences, one shorter, so N* is one less. *)
Theorem inevitable_shift collapsed N :
  inevitable_exactly collapsed (N + 1) -> inevitable_exactly (fun n => collapsed (n + 1)) N.
Proof.
  intros [HN Hl]. split; [intros n Hn; apply HN; lia|]. intros M HM.
  assert (N + 1 <= M + 1); [|lia]. apply Hl. intros n Hn. replace n with (n - 1 + 1) by lia. apply HM. lia.
Qed.
