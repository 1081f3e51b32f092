(** Differences of two sequences' vectors by identities in which nothing of the size of the vectors cancels: norms, activations, soft-caps, attention. *)
From Coq Require Import Reals Lra Lia.
From Snellen Require Import sums exponential softmax.
Open Scope R_scope.

(** ** Products, norms *)

Theorem product_difference x y g h : y * h - x * g = (y - x) * h + x * (h - g).
Proof. ring. Qed.

(** r = (mean of x^2 + epsilon)^(-1/2), s that of y: their squares are inverse to a and b, b - a the mean of d (x + y). *)
Theorem root_difference a b r s : 0 < r -> 0 < s -> r * r * a = 1 -> s * s * b = 1 -> s - r = - (b - a) * (r * s) ^ 2 / (r + s).
Proof.
  intros Hr Hs Ha Hb. assert (E : - (b - a) * (r * s) ^ 2 = s * s - r * r).
  { replace (- (b - a) * (r * s) ^ 2) with ((r * r * a) * (s * s) - (s * s * b) * (r * r)) by ring. rewrite Ha, Hb. ring. }
  rewrite E. field. lra.
Qed.

Theorem square_mean_difference n x y :
  sum n (fun i => y i * y i) / INR n - sum n (fun i => x i * x i) / INR n = sum n (fun i => (y i - x i) * (x i + y i)) / INR n.
Proof.
  rewrite (sum_ext n (fun i => (y i - x i) * (x i + y i)) (fun i => y i * y i - x i * x i)) by (intros; ring).
  rewrite sum_minus. unfold Rdiv. ring.
Qed.

(** ** Logistic functions, tanh *)

Definition logistic (x : R) : R := / (1 + exp (- x)).

Lemma logistic_opposite x : 1 - logistic x = logistic (- x).
Proof.
  unfold logistic. rewrite Ropp_involutive, exp_Ropp. pose proof (exp_pos x). field. lra.
Qed.

Theorem logistic_difference x y : logistic y - logistic x = logistic y * (1 - logistic x) * (1 - exp (- (y - x))).
Proof.
  replace (- (y - x)) with (- y - - x) by ring. unfold Rminus at 4. rewrite exp_plus, Ropp_involutive. unfold logistic. rewrite !exp_Ropp.
  pose proof (exp_pos x). pose proof (exp_pos y). field. repeat split; lra.
Qed.

(** The argument of the tanh GELU's logistic function, but for its factor. *)
Theorem cubic_difference k x y : (y + k * y ^ 3) - (x + k * x ^ 3) = (y - x) * (1 + k * (x ^ 2 + x * y + y ^ 2)).
Proof. ring. Qed.

Theorem tanh_difference s t : tanh t - tanh s = tanh (t - s) * (1 - tanh s * tanh t).
Proof.
  assert (P : forall x, 0 < cosh x) by (intros x; unfold cosh; pose proof (exp_pos x); pose proof (exp_pos (- x)); lra).
  assert (S : sinh (t - s) = sinh t * cosh s - cosh t * sinh s).
  { unfold sinh, cosh. replace (- (t - s)) with (- t + s) by ring. unfold Rminus. rewrite !exp_plus. field. }
  assert (C : cosh (t - s) = cosh t * cosh s - sinh t * sinh s).
  { unfold sinh, cosh. replace (- (t - s)) with (- t + s) by ring. unfold Rminus. rewrite !exp_plus. field. }
  pose proof (P s). pose proof (P t). pose proof (P (t - s)) as Q. unfold tanh. rewrite S, C in *. field. repeat split; lra.
Qed.

(** ** Attention *)

Lemma centred_sum n m v o : sum n (fun j => m j * (v j - o)) = sum n (fun j => m j * v j) - sum n m * o.
Proof. rewrite (sum_ext n _ (fun j => m j * v j - m j * o)) by (intros; ring). now rewrite sum_minus, sum_scal_r. Qed.

(** n paired tokens, whose scores grow by t, r dropped and e extra ones. *)
Theorem attention_difference n r e (m t v v' y z x u : nat -> R) (o o' : R) :
  let m' := fun j => m j * exp (t j) in
  sum n m + sum r y <> 0 -> sum n m' + sum e x <> 0 ->
  o = (sum n (fun j => m j * v j) + sum r (fun j => y j * z j)) / (sum n m + sum r y) ->
  o' = (sum n (fun j => m' j * v' j) + sum e (fun j => x j * u j)) / (sum n m' + sum e x) ->
  o' - o = (sum n (fun j => m j * (exp (t j) - 1) * (v j - o) + m' j * (v' j - v j))
            + sum e (fun j => x j * (u j - o)) - sum r (fun j => y j * (z j - o))) / (sum n m' + sum e x).
Proof.
  intros m' HW HW' Ho Ho'.
  assert (E : sum n (fun j => m j * (v j - o)) + sum r (fun j => y j * (z j - o)) = 0).
  { rewrite !centred_sum, Ho. field. exact HW. }
  rewrite (sum_ext n _ (fun j => m' j * (v' j - o) - m j * (v j - o))) by (intros; unfold m'; ring).
  rewrite sum_minus. apply Rmult_eq_reg_r with (sum n m' + sum e x); [|exact HW'].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by exact HW'.
  replace (sum n (fun j => m' j * (v' j - o)) - sum n (fun j => m j * (v j - o)) + sum e (fun j => x j * (u j - o)) - sum r (fun j => y j * (z j - o)))
    with (sum n (fun j => m' j * (v' j - o)) + sum e (fun j => x j * (u j - o))) by lra.
  rewrite !centred_sum, Ho'. field. exact HW'.
Qed.

(** The scores of a pair in the frames of its tokens: q and k move by dq and dk. *)
Theorem score_difference n (q k dq dk : nat -> R) :
  sum n (fun i => (q i + dq i) * (k i + dk i)) - sum n (fun i => q i * k i) = sum n (fun i => dq i * k i) + sum n (fun i => (q i + dq i) * dk i).
Proof. rewrite <- sum_minus, <- sum_plus. apply sum_ext. intros. ring. Qed.

(** A plane of a rotary encoding at positions a + u and b + u: turning both by the same angle changes no product. *)
Theorem rotation_cancels a b u x1 x2 y1 y2 :
  let turn1 p z1 z2 := cos p * z1 - sin p * z2 in let turn2 p z1 z2 := sin p * z1 + cos p * z2 in
  turn1 (a + u) x1 x2 * turn1 (b + u) y1 y2 + turn2 (a + u) x1 x2 * turn2 (b + u) y1 y2 =
  turn1 a x1 x2 * turn1 b y1 y2 + turn2 a x1 x2 * turn2 b y1 y2.
Proof.
  intros turn1 turn2. unfold turn1, turn2. rewrite !cos_plus, !sin_plus.
  pose proof (sin2_cos2 u) as E. unfold Rsqr in E.
  replace (sin a * cos u + cos a * sin u) with (sin a * cos u + cos a * sin u) by reflexivity.
  assert (F : sin u * sin u = 1 - cos u * cos u) by lra.
  ring_simplify. replace (sin u ^ 2) with (sin u * sin u) by ring. rewrite F. ring.
Qed.
