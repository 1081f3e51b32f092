(** An engine that adds the same number again and again: s <- rd (s + c). Fixed points stay, the sums are monotone, and inside a binade the steps are
    equal: there rounding is rounding to an integer, ties to even. *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core.
From Snellen Require Import rounding.
Open Scope R_scope.

Fixpoint steps {A : Type} (f : A -> A) (k : nat) (s : A) : A :=
  match k with O => s | S k => f (steps f k s) end.

Lemma steps_add {A : Type} (f : A -> A) j k s : steps f (j + k) s = steps f j (steps f k s).
Proof. induction j as [|j IH]; simpl; congruence. Qed.

(** A state that is followed by itself is followed by itself for ever. *)
Theorem fixed_point_forever {A : Type} (f : A -> A) s N :
  f (steps f N s) = steps f N s -> forall n, (N <= n)%nat -> steps f n s = steps f N s.
Proof.
  intros H n Hn. replace n with ((n - N) + N)%nat by lia. rewrite steps_add.
  induction (n - N)%nat as [|k IH]; simpl; congruence.
Qed.

(** What is computed of it is constant too. *)
Theorem output_forever {A B : Type} (f : A -> A) (g : A -> B) s N :
  f (steps f N s) = steps f N s -> forall n, (N <= n)%nat -> g (steps f n s) = g (steps f N s).
Proof. intros H n Hn. now rewrite (fixed_point_forever f s N H n Hn). Qed.

Section Sums.

Variables (t emin : Z).
Hypothesis precision_at_least_2 : (2 <= t)%Z.
Notation rd := (rd t emin).

Definition add_again c s := rd (s + c).

Lemma add_again_monotone c x y : x <= y -> add_again c x <= add_again c y.
Proof. intros H. unfold add_again. apply rd_le; [exact precision_at_least_2|]. lra. Qed.

(** The sums go one way. *)
Theorem repeated_sum_monotone c s :
  s <= add_again c s -> forall j k, (j <= k)%nat -> steps (add_again c) j s <= steps (add_again c) k s.
Proof.
  intros H j k Hjk.
  assert (Hstep : forall i, steps (add_again c) i s <= steps (add_again c) (S i) s).
  { induction i as [|i IH]; simpl; [exact H|]. apply add_again_monotone. exact IH. }
  induction Hjk as [|k Hjk IH]; [lra|]. eapply Rle_trans; [exact IH|]. apply Hstep.
Qed.

Theorem repeated_sum_antitone c s :
  add_again c s <= s -> forall j k, (j <= k)%nat -> steps (add_again c) k s <= steps (add_again c) j s.
Proof.
  intros H j k Hjk.
  assert (Hstep : forall i, steps (add_again c) (S i) s <= steps (add_again c) i s).
  { induction i as [|i IH]; simpl; [exact H|]. apply add_again_monotone. exact IH. }
  induction Hjk as [|k Hjk IH]; [lra|]. eapply Rle_trans; [apply Hstep|]. exact IH.
Qed.

(** Equal at both ends: equal between. *)
Theorem equal_ends_equal_between (f : nat -> R) a b :
  (forall j k, (j <= k)%nat -> f j <= f k) -> f a = f b -> forall k, (a <= k <= b)%nat -> f k = f a.
Proof. intros Hf Hab k Hk. assert (f a <= f k) by (apply Hf; lia). assert (f k <= f b) by (apply Hf; lia). lra. Qed.

End Sums.

(** Integers: adding gamma to an integer and rounding to the nearest one, ties to even, moves it by the integer nearest to gamma, ties to even, unless gamma is
    a tie and the integer odd. *)
Definition tie (gamma : R) := exists k, gamma = IZR k + / 2.

Lemma nearest_unique x n : Rabs (x - IZR n) < / 2 -> ZnearestE x = n.
Proof. intros H. apply Znearest_imp. exact H. Qed.

Lemma nearest_of_tie k : ZnearestE (IZR k + / 2) = if Z.even k then k else (k + 1)%Z.
Proof.
  unfold Znearest. assert (F : Zfloor (IZR k + / 2) = k).
  { apply Zfloor_imp. rewrite plus_IZR. lra. }
  rewrite F. replace (IZR k + / 2 - IZR k) with (/ 2) by ring. rewrite Rcompare_Eq by reflexivity.
  assert (C : Zceil (IZR k + / 2) = (k + 1)%Z).
  { apply Zceil_imp. replace (k + 1 - 1)%Z with k by ring. rewrite plus_IZR. lra. }
  rewrite C. destruct (Z.even k); reflexivity.
Qed.

Theorem equal_steps m gamma :
  ~ tie gamma \/ Z.even m = true ->
  ZnearestE (IZR m + gamma) = (m + ZnearestE gamma)%Z /\ (tie gamma -> Z.even m = true -> Z.even (m + ZnearestE gamma) = true).
Proof.
  intros H. split.
  - destruct (Req_dec (Rabs (gamma - IZR (ZnearestE gamma))) (/ 2)) as [E|E].
    + assert (T : tie gamma).
      { unfold tie. destruct (Rcase_abs (gamma - IZR (ZnearestE gamma))) as [L|G].
        - rewrite Rabs_left in E by exact L. exists (ZnearestE gamma - 1)%Z. rewrite minus_IZR. lra.
        - rewrite Rabs_right in E by exact G. exists (ZnearestE gamma). lra. }
      destruct H as [H|H]; [contradiction|]. destruct T as [k ->].
      replace (IZR m + (IZR k + / 2)) with (IZR (m + k) + / 2) by (rewrite plus_IZR; ring).
      rewrite !nearest_of_tie, Z.even_add, H. destruct (Z.even k); simpl; lia.
    + apply nearest_unique. rewrite plus_IZR.
      replace (IZR m + gamma - (IZR m + IZR (ZnearestE gamma))) with (gamma - IZR (ZnearestE gamma)) by ring.
      pose proof (Znearest_half (fun x => negb (Z.even x)) gamma). lra.
  - intros [k ->] Hm. rewrite nearest_of_tie, Z.even_add, Hm. destruct (Z.even k) eqn:Hk; [now rewrite Hk|].
    rewrite Z.even_add, Hk. reflexivity.
Qed.

(** The jump: k equal steps, as many as stay in the binade, where [F] rounds to an integer. *)
Theorem repeated_sum (F : R -> R) (inside : R -> Prop) u m gamma :
  (forall x, inside x -> F (x * u) = IZR (ZnearestE x) * u) ->
  ~ tie gamma \/ Z.even m = true ->
  forall k, (forall j, (j < k)%nat -> inside (IZR (m + Z.of_nat j * ZnearestE gamma) + gamma)) ->
  steps (fun s => F (s + gamma * u)) k (IZR m * u) = IZR (m + Z.of_nat k * ZnearestE gamma) * u.
Proof.
  intros HF H k Hk.
  assert (P : forall j, (j <= k)%nat ->
              steps (fun s => F (s + gamma * u)) j (IZR m * u) = IZR (m + Z.of_nat j * ZnearestE gamma) * u /\
              (~ tie gamma \/ Z.even (m + Z.of_nat j * ZnearestE gamma) = true)).
  { induction j as [|j IH]; intros Hj.
    - simpl. rewrite Z.add_0_r. auto.
    - destruct IH as [IH Hpar]; [lia|]. simpl steps. rewrite IH, <- Rmult_plus_distr_r, HF by (apply Hk; lia).
      destruct (equal_steps _ gamma Hpar) as [E Even].
      replace (m + Z.of_nat (S j) * ZnearestE gamma)%Z with (m + Z.of_nat j * ZnearestE gamma + ZnearestE gamma)%Z by lia.
      split; [now rewrite E|]. destruct Hpar as [N|V]; [now left|].
      destruct (Req_dec (Rabs (gamma - IZR (ZnearestE gamma))) (/ 2)) as [E2|E2].
      + right. apply Even; [|exact V]. unfold tie. destruct (Rcase_abs (gamma - IZR (ZnearestE gamma))) as [L|G].
        * rewrite Rabs_left in E2 by exact L. exists (ZnearestE gamma - 1)%Z. rewrite minus_IZR. lra.
        * rewrite Rabs_right in E2 by exact G. exists (ZnearestE gamma). lra.
      + left. intros [i ->]. apply E2. rewrite nearest_of_tie. destruct (Z.even i).
        * replace (IZR i + / 2 - IZR i) with (/ 2) by ring. apply Rabs_right. lra.
        * rewrite plus_IZR. replace (IZR i + / 2 - (IZR i + 1)) with (- / 2) by field. rewrite Rabs_left; lra. }
  now apply P.
Qed.
(** In a binade, both ends included, and below the least one, rd rounds to an integer number of units. *)
Theorem binade_rounds_to_units t emin e x :
  (2 <= t)%Z -> (emin - t + 1 <= e)%Z -> (e = (emin - t + 1)%Z \/ bpow radix2 (t - 1) <= Rabs x) -> Rabs x <= bpow radix2 t ->
  rd t emin (x * bpow radix2 e) = IZR (ZnearestE x) * bpow radix2 e.
Proof.
  intros Ht He Hlow Hhigh.
  destruct (Rle_lt_or_eq_dec _ _ Hhigh) as [Hlt|Heq].
  - destruct (Req_dec x 0) as [->|NZ].
    { rewrite Rmult_0_l. unfold rd. rewrite round_0 by typeclasses eauto. replace (ZnearestE 0) with 0%Z; [simpl; ring|]. symmetry. apply (@Zrnd_IZR ZnearestE _ 0). }
    assert (C : cexp radix2 (exponent t emin) (x * bpow radix2 e) = e).
    { unfold cexp, exponent, FLT_exp. rewrite mag_mult_bpow by exact NZ.
      assert (M : (mag radix2 x <= t)%Z) by (apply mag_le_bpow; assumption).
      destruct Hlow as [->|Hx]; [lia|].
      assert (M2 : (t - 1 < mag radix2 x)%Z) by (apply mag_gt_bpow; exact Hx). lia. }
    unfold rd, round, F2R, scaled_mantissa. rewrite C. simpl. rewrite Rmult_assoc, <- bpow_plus, Z.add_opp_diag_r, Rmult_1_r. reflexivity.
  - assert (X : exists n, x = IZR n /\ (Z.abs n = 2 ^ t)%Z).
    { rewrite <- (IZR_Zpower radix2) in Heq by lia. unfold Rabs in Heq. destruct (Rcase_abs x).
      - exists (- (radix2 ^ t))%Z. rewrite opp_IZR. split; [lra|]. rewrite Z.abs_opp. change (radix_val radix2) with 2%Z. apply Z.abs_eq. apply Z.pow_nonneg. lia.
      - exists (radix2 ^ t)%Z. split; [lra|]. change (radix_val radix2) with 2%Z. apply Z.abs_eq. apply Z.pow_nonneg. lia. }
    destruct X as (n & -> & Hn). rewrite (@Zrnd_IZR ZnearestE _ n).
    apply rounding_of_value; [exact Ht|].
    assert (n = 2 ^ t \/ n = - 2 ^ t)%Z as [-> | ->] by lia.
    + exists (2 ^ (t - 1))%Z, (e + t)%Z. replace (e + t - t + 1)%Z with (e + 1)%Z by ring. repeat split.
      * rewrite bpow_plus. change (bpow radix2 1) with 2. replace t with (t - 1 + 1)%Z at 1 by ring. rewrite Z.pow_add_r, mult_IZR by lia. change (IZR (2 ^ 1)) with 2. ring.
      * rewrite Z.abs_eq by (apply Z.pow_nonneg; lia). apply Z.pow_lt_mono_r; lia.
      * lia.
    + exists (- 2 ^ (t - 1))%Z, (e + t)%Z. replace (e + t - t + 1)%Z with (e + 1)%Z by ring. repeat split.
      * rewrite bpow_plus. change (bpow radix2 1) with 2. replace t with (t - 1 + 1)%Z at 1 by ring. rewrite Z.pow_add_r by lia. rewrite !opp_IZR, mult_IZR. change (IZR (2 ^ 1)) with 2. ring.
      * rewrite Z.abs_opp, Z.abs_eq by (apply Z.pow_nonneg; lia). apply Z.pow_lt_mono_r; lia.
      * lia.
Qed.
