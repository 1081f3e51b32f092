(** Rounding to nearest, ties to even, in a format of [t] significand bits and least normal exponent [emin], by Flocq.

    A finite value of the format is k 2^(e-t+1) with |k| < 2^t and e >= emin (lib/number/format.hpp). The exponent is not bounded
    above: a format's [largest] value enters as a number, and what rounds beyond it overflows. *)
From Coq Require Import Reals ZArith Lra Lia.
From Flocq Require Import Core.
Open Scope R_scope.

Section Format.

Variables (t emin : Z).
Hypothesis precision_at_least_2 : (2 <= t)%Z.

Definition exponent := FLT_exp (emin - t + 1) t.

Definition value (x : R) : Prop :=
  exists k e : Z, x = IZR k * bpow radix2 (e - t + 1) /\ (Z.abs k < 2 ^ t)%Z /\ (emin <= e)%Z.

(** rd_F *)
Definition rd (x : R) : R := round radix2 exponent ZnearestE x.

#[local] Instance t_gt_0 : Prec_gt_0 t := ltac:(unfold Prec_gt_0; lia).
#[local] Instance exponent_valid : Valid_exp exponent := FLT_exp_valid _ t.
#[local] Instance exponent_exists_NE : Exists_NE radix2 exponent.
Proof. apply exists_NE_FLT. right. lia. Qed.

(** The values that Flocq knows are the values that format.hpp documents. *)
Lemma generic_format_is_value x : generic_format radix2 exponent x <-> value x.
Proof.
  split.
  - intros H. apply FLT_format_generic in H; [|exact t_gt_0]. destruct H as [[k e] Hx Hk He]. simpl in *.
    exists k, (e + t - 1)%Z. replace (e + t - 1 - t + 1)%Z with e by ring. repeat split; auto. lia.
  - intros (k & e & Hx & Hk & He). apply generic_format_FLT.
    exists (Float radix2 k (e - t + 1)); simpl; auto. lia.
Qed.

(** [rd x] is the value nearest to x; of two, the one with an even last bit. *)
Theorem rounding_nearest_even x : Rnd_NE_pt radix2 exponent x (rd x).
Proof. apply round_NE_pt; typeclasses eauto. Qed.

Theorem rounding_nearest x f : value f -> Rabs (rd x - x) <= Rabs (f - x).
Proof.
  intros Hf. apply generic_format_is_value in Hf.
  destruct (round_N_pt radix2 exponent (fun x => negb (Z.even x)) x) as [_ H]. now apply H.
Qed.

Lemma rd_le x y : x <= y -> rd x <= rd y.
Proof. apply round_le; typeclasses eauto. Qed.

Theorem rounding_of_value x : value x -> rd x = x.
Proof. intros H. apply round_generic; [typeclasses eauto|]. now apply generic_format_is_value. Qed.

Theorem rounded_is_value x : value (rd x).
Proof. apply generic_format_is_value, generic_format_round; typeclasses eauto. Qed.

(** If x lies in [a, b] then rd(x) lies in [rd(a), rd(b)]; hence rd(a) = rd(b) determines rd(x). *)
Theorem rounding_monotone a x b :
  a <= x <= b -> rd a <= rd x <= rd b /\ (rd a = rd b -> rd x = rd a).
Proof. intros [Ha Hb]. apply rd_le in Ha, Hb. lra. Qed.

(** A coordinate is certified equal: the four rounded ends of two enclosures agree. *)
Theorem rounding_equal a x b a' x' b' :
  a <= x <= b -> a' <= x' <= b' -> rd a = rd b -> rd b = rd a' -> rd a' = rd b' -> rd x = rd x'.
Proof. intros [Ha Hb] [Ha' Hb']. apply rd_le in Ha, Hb, Ha', Hb'. lra. Qed.

(** A coordinate is certified distinct: the rounded hulls are disjoint. *)
Theorem rounding_distinct a x b a' x' b' :
  a <= x <= b -> a' <= x' <= b' -> rd b < rd a' \/ rd b' < rd a -> rd x <> rd x'.
Proof. intros [Ha Hb] [Ha' Hb']. apply rd_le in Ha, Hb, Ha', Hb'. lra. Qed.

(** No overflow at both ends: no overflow between them. Overflow at the near end: overflow throughout. *)
Theorem rounding_finite largest a x b :
  a <= x <= b -> Rabs (rd a) <= largest -> Rabs (rd b) <= largest -> Rabs (rd x) <= largest.
Proof. intros [Ha Hb] La Lb. apply rd_le in Ha, Hb. apply Rabs_le. apply Rabs_le_inv in La, Lb. lra. Qed.

Theorem rounding_overflow largest a x b :
  a <= x <= b -> largest < rd a \/ rd b < - largest -> largest < Rabs (rd x).
Proof. intros [Ha Hb] L. apply rd_le in Ha, Hb. unfold Rabs. destruct (Rcase_abs (rd x)); lra. Qed.

(** A number nearer to one value than to all others rounds to it. *)
Theorem rounding_cell f x :
  value f -> (forall g, value g -> g <> f -> Rabs (f - x) < Rabs (g - x)) -> rd x = f.
Proof.
  intros Hf H. destruct (Req_dec (rd x) f) as [E|E]; [exact E|].
  pose proof (H _ (rounded_is_value x) E). pose proof (rounding_nearest x f Hf). lra.
Qed.

End Format.

(** Whole vectors of [width] coordinates: collapse at n, and distinctness at n, as bounds/collapse.cpp decides them. *)
Section Vectors.

Variables (t emin : Z) (width : nat).
Hypothesis precision_at_least_2 : (2 <= t)%Z.
Variables (x y a b a' b' : nat -> R).
Hypothesis x_enclosed : forall i, (i < width)%nat -> a i <= x i <= b i.
Hypothesis y_enclosed : forall i, (i < width)%nat -> a' i <= y i <= b' i.
Let r := rd t emin.

Theorem bitwise_collapse :
  (forall i, (i < width)%nat -> r (a i) = r (b i) /\ r (b i) = r (a' i) /\ r (a' i) = r (b' i)) ->
  forall i, (i < width)%nat -> r (x i) = r (y i).
Proof.
  intros H i Hi. destruct (H i Hi) as (H1 & H2 & H3).
  apply (rounding_equal t emin precision_at_least_2 (a i) _ (b i) (a' i) _ (b' i)); auto.
Qed.

Theorem bitwise_distinct :
  (exists i, (i < width)%nat /\ (r (b i) < r (a' i) \/ r (b' i) < r (a i))) ->
  exists i, (i < width)%nat /\ r (x i) <> r (y i).
Proof.
  intros (i & Hi & H). exists i. split; [exact Hi|].
  apply (rounding_distinct t emin precision_at_least_2 (a i) _ (b i) (a' i) _ (b' i)); auto.
Qed.

End Vectors.
