(* What every certificate rests on: matrices as functions of two indices, finite sums, what it means to move one
   entry, and two lemmas for each row of the table of rules:
     moves_…  analysis: how fast the result moves when its arguments move (the derivative, forwards);
     back_…   algebra: the same rate, collected before each argument (the adjoint, backwards).             *)
Require Import Reals Lra Lia Arith List FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
Import ListNotations.
Open Scope R_scope.

(* ---- finite sums: i = 0 … n-1, so that a size may be 0 ---- *)
Fixpoint sum (n : nat) (f : nat -> R) : R := match n with O => 0 | S m => sum m f + f m end.

Lemma sum_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> sum n f = sum n g.
Proof. intros E; induction n; simpl; [reflexivity|]. rewrite IHn, (E n); auto. Qed.
Lemma sum_plus n f g : sum n (fun i => f i + g i) = sum n f + sum n g.
Proof. induction n; simpl; [ring|]. rewrite IHn; ring. Qed.
Lemma sum_factor n c f : sum n (fun i => c * f i) = c * sum n f.
Proof. induction n; simpl; [ring|]. rewrite IHn; ring. Qed.
Lemma sum_factor_r n c f : sum n (fun i => f i * c) = sum n f * c.
Proof. induction n; simpl; [ring|]. rewrite IHn; ring. Qed.
Lemma sum_zero n : sum n (fun _ => 0) = 0.
Proof. induction n; simpl; [reflexivity|]. rewrite IHn; ring. Qed.
Lemma sum_swap n m (f : nat -> nat -> R) : sum n (fun i => sum m (f i)) = sum m (fun j => sum n (fun i => f i j)).
Proof. induction n; simpl; [symmetry; apply sum_zero|]. rewrite IHn, <- sum_plus. reflexivity. Qed.
Lemma sum_delta n k f : (k < n)%nat -> sum n (fun i => f i * (if Nat.eqb i k then 1 else 0)) = f k.
Proof.
  induction n; intros L; [lia|]; simpl. destruct (Nat.eqb_spec n k) as [->|F].
  - rewrite (sum_ext k _ (fun _ => 0)), sum_zero; [ring|]. intros i Hi. destruct (Nat.eqb_spec i k); [lia|ring].
  - rewrite IHn by lia. ring.
Qed.
Lemma sum_positive n f : (0 < n)%nat -> (forall i, 0 < f i) -> 0 < sum n f.
Proof.
  intros L P. destruct n; [lia|]. clear L. induction n; simpl in *; [specialize (P 0%nat); lra|].
  specialize (P (S n)). lra.
Qed.

Lemma sum_from p s m (f : nat -> R) : (s + m <= p)%nat ->
  sum p (fun j => if andb (s <=? j) (j <? s + m) then f (j - s)%nat else 0) = sum m f.
Proof.
  intros L. set (g := fun j => if andb (s <=? j) (j <? s + m) then f (j - s)%nat else 0).
  assert (Z : forall q, (q <= s)%nat -> sum q g = 0).
  { induction q; intros Q; simpl; [reflexivity|]. rewrite IHq by lia. unfold g. destruct (Nat.leb_spec s q); [lia|simpl; ring]. }
  assert (M : forall q, (q <= m)%nat -> sum (s + q) g = sum q f).
  { induction q; intros Q; [rewrite Nat.add_0_r; apply Z; lia|]. rewrite Nat.add_succ_r. simpl. rewrite IHq by lia. f_equal.
    unfold g. destruct (Nat.leb_spec s (s + q)); [|lia]. destruct (Nat.ltb_spec (s + q) (s + m)); [|lia]. simpl. f_equal. lia. }
  assert (A : forall q, sum (s + m + q) g = sum m f).
  { induction q; [rewrite Nat.add_0_r; apply M; lia|]. rewrite Nat.add_succ_r. simpl. rewrite IHq. unfold g.
    destruct (Nat.ltb_spec (s + m + q) (s + m)); [lia|]. rewrite Bool.andb_false_r. ring. }
  replace p with (s + m + (p - s - m))%nat by lia. apply A.
Qed.

(* ---- matrices; shapes stand where they matter: in sums ---- *)
Definition mat := nat -> nat -> R.
Definition total n m (A : mat) : R := sum n (fun i => sum m (fun j => A i j)).
Definition mul k (A B : mat) : mat := fun i j => sum k (fun h => A i h * B h j).
Definition tr (A : mat) : mat := fun i j => A j i.
Definition had (A B : mat) : mat := fun i j => A i j * B i j.
Definition add (A B : mat) : mat := fun i j => A i j + B i j.
Definition scale (c : R) (A : mat) : mat := fun i j => c * A i j.
Definition map (f : R -> R) (A : mat) : mat := fun i j => f (A i j).
Definition ones : mat := fun _ _ => 1.
Definition zeros : mat := fun _ _ => 0.
Definition sumrows n (A : mat) : mat := fun _ j => sum n (fun i => A i j).
Definition sumcols m (A : mat) : mat := fun i _ => sum m (fun j => A i j).
Definition brow (b : mat) : mat := fun _ j => b O j.
Definition bcol (c : mat) : mat := fun i _ => c i O.
Definition lse m (Z : mat) : mat := fun i _ => ln (sum m (fun j => exp (Z i j))).
Definition softmax m (Z : mat) : mat := fun i j => exp (Z i j) / sum m (fun k => exp (Z i k)).
Definition eye : mat := fun i j => if Nat.eqb i j then 1 else 0.
Definition lower : mat := fun i j => if Nat.leb j i then 1 else 0.
Definition trace n (A : mat) : R := sum n (fun i => A i i).
(* the columns from number s on; m columns A at the place s, with zeros around them; the same for rows *)
Definition cols_from s (A : mat) : mat := fun i j => A i (s + j)%nat.
Definition cols_at s m (A : mat) : mat := fun i j => if andb (s <=? j) (j <? s + m) then A i (j - s)%nat else 0.
Definition rows_from s (A : mat) : mat := fun i j => A (s + i)%nat j.
Definition rows_at s m (A : mat) : mat := fun i j => if andb (s <=? i) (i <? s + m) then A (i - s)%nat j else 0.
Notation "A *[ k ] B" := (mul k A B) (at level 40, left associativity).
Notation "A ^T" := (tr A) (at level 30).
Notation "A ⊙ B" := (had A B) (at level 40, left associativity).
Notation "A ⊕ B" := (add A B) (at level 50, left associativity).
Notation "c · A" := (scale c A) (at level 40, left associativity).
Definition logsoftmax m (Z : mat) : mat := fun i j => Z i j - ln (sum m (fun k => exp (Z i k))).
(* Σ G ⊙ A *)
Definition inner n m (G A : mat) : R := total n m (had G A).
(* the matrix with one entry moved to w, and the rate at which its entries move *)
Definition upd (W : mat) a b w : mat := fun i j => if Nat.eqb i a then (if Nat.eqb j b then w else W i j) else W i j.
Definition unit a b : mat := fun i j => (if Nat.eqb i a then 1 else 0) * (if Nat.eqb j b then 1 else 0).

Lemma upd_same W a b : upd W a b (W a b) = W.
Proof.
  do 2 (apply functional_extensionality; intro). unfold upd.
  destruct (Nat.eqb_spec x a); [destruct (Nat.eqb_spec x0 b)|]; congruence.
Qed.

Lemma inner_ext n m G G' A : (forall i j, (i < n)%nat -> (j < m)%nat -> G i j = G' i j) -> inner n m G A = inner n m G' A.
Proof. intros E. apply sum_ext; intros i Hi. apply sum_ext; intros j Hj. unfold had. rewrite E; auto. Qed.
Lemma inner_plus n m G G' A : inner n m (add G G') A = inner n m G A + inner n m G' A.
Proof.
  unfold inner, total, had, add. rewrite <- sum_plus. apply sum_ext; intros. rewrite <- sum_plus. apply sum_ext; intros. ring.
Qed.
Lemma inner_zeros n m G : inner n m G zeros = 0.
Proof.
  unfold inner, total, had, zeros. rewrite (sum_ext n _ (fun _ => 0)); [apply sum_zero|]. intros.
  rewrite (sum_ext m _ (fun _ => 0)); [apply sum_zero|]. intros; ring.
Qed.
Lemma inner_unit n m G a b : (a < n)%nat -> (b < m)%nat -> inner n m G (unit a b) = G a b.
Proof.
  intros Ha Hb. unfold inner, total, had, unit. rewrite <- (sum_delta n a (fun i => G i b) Ha).
  apply sum_ext; intros i _. rewrite <- (sum_delta m b (G i) Hb), <- sum_factor_r. apply sum_ext; intros. ring.
Qed.

Lemma inner_ones n m A : total n m A = inner n m ones A.
Proof. do 2 (apply sum_ext; intros). unfold had, ones. ring. Qed.
Lemma inner_scale n m c G A : c * inner n m G A = inner n m (scale c G) A.
Proof.
  unfold inner, total, had, scale. rewrite <- sum_factor. apply sum_ext; intros. rewrite <- sum_factor. apply sum_ext; intros. ring.
Qed.

(* ---- analysis: `moves n m A t dA`: at t, each entry of A moves at the rate dA ---- *)
Definition moves n m (A : R -> mat) t (dA : mat) :=
  forall i j, (i < n)%nat -> (j < m)%nat -> is_derive (fun s => A s i j) t (dA i j).

Lemma derive_eq (f : R -> R) (t d d' : R) : is_derive f t d -> d = d' -> is_derive f t d'.
Proof. intros H E; subst; exact H. Qed.
Lemma derive_const (c t : R) : is_derive (fun _ => c) t 0.
Proof. apply @is_derive_const. Qed.
Lemma derive_id (t : R) : is_derive (fun s => s) t 1.
Proof. apply @is_derive_id. Qed.
Lemma derive_sum n (f : nat -> R -> R) (d : nat -> R) (t : R) : (forall i, (i < n)%nat -> is_derive (f i) t (d i)) ->
  is_derive (fun s => sum n (fun i => f i s)) t (sum n d).
Proof.
  induction n; intros H; simpl; [apply @is_derive_const|].
  apply (is_derive_plus (fun s => sum n (fun i => f i s)) (f n)); [apply IHn; auto|apply H; auto].
Qed.
Lemma derive_plus (f g : R -> R) (t df dg : R) : is_derive f t df -> is_derive g t dg -> is_derive (fun s => f s + g s) t (df + dg).
Proof. apply (is_derive_plus f g). Qed.
Lemma derive_mult (f g : R -> R) (t df dg : R) : is_derive f t df -> is_derive g t dg ->
  is_derive (fun s => f s * g s) t (df * g t + f t * dg).
Proof. intros F G. apply (is_derive_mult f g t df dg); auto. intros; apply Rmult_comm. Qed.
Lemma derive_factor (f : R -> R) (c t df : R) : is_derive f t df -> is_derive (fun s => c * f s) t (c * df).
Proof. intros F. apply is_derive_scal. exact F. Qed.
Lemma derive_factor_r (f : R -> R) (c t df : R) : is_derive f t df -> is_derive (fun s => f s * c) t (df * c).
Proof. intros F. eapply derive_eq; [apply (derive_mult f (fun _ => c)); [exact F|apply derive_const]|ring]. Qed.
Lemma derive_comp (f g : R -> R) (t df dg : R) : is_derive f (g t) df -> is_derive g t dg ->
  is_derive (fun s => f (g s)) t (df * dg).
Proof. intros F G. eapply derive_eq; [apply (is_derive_comp f g); eauto|]. apply Rmult_comm. Qed.
Lemma map_derive (f f' : R -> R) Z : (forall x, is_derive f x (f' x)) -> map (Derive f) Z = map f' Z.
Proof. intros F. do 2 (apply functional_extensionality; intro). apply is_derive_unique, F. Qed.
Lemma derive_exp x : is_derive exp x (exp x).
Proof. apply is_derive_exp. Qed.
Lemma derive_sin x : is_derive sin x (cos x).
Proof. apply is_derive_sin. Qed.
Lemma derive_cos x : is_derive cos x ((-1) * sin x).
Proof. eapply derive_eq; [apply is_derive_cos|ring]. Qed.
Lemma derive_ln x : 0 < x -> is_derive ln x (/ x).
Proof. apply is_derive_ln. Qed.
Lemma derive_inv x : x <> 0 -> is_derive (fun x => / x) x ((-1) * / x ^ 2).
Proof. intros P. auto_derive; [exact P|]. field. exact P. Qed.
Lemma derive_power a x : 0 < x -> is_derive (fun x => Rpower x a) x (a * Rpower x (a - 1)).
Proof.
  intros P. assert (E : Rpower x (a - 1) = Rpower x a * / x).
  { unfold Rminus. rewrite Rpower_plus, Rpower_Ropp, Rpower_1; auto. }
  rewrite E. unfold Rpower. auto_derive; [exact P|ring].
Qed.
Lemma derive_power_to a b : a - 1 = b -> forall x, 0 < x -> is_derive (fun x => Rpower x a) x (a * Rpower x b).
Proof. intros E x P. rewrite <- E. apply derive_power, P. Qed.

Lemma derive_pow n c : c = INR n -> forall x, is_derive (fun x => x ^ n) x (c * x ^ pred n).
Proof. intros E x. auto_derive; [trivial|rewrite E; ring]. Qed.
Lemma derive_inv_pow n c : c = - INR n -> forall x, x <> 0 -> is_derive (fun x => / x ^ n) x (c * / x ^ S n).
Proof.
  intros E x P. assert (Q := pow_nonzero x n P). auto_derive; [exact Q|]. rewrite E.
  destruct n; simpl; [field; exact P|]. assert (T := pow_nonzero x n P). field. auto.
Qed.
Lemma derive_of (f f' : R -> R) {g : R -> R} {t dg : R} : is_derive f (g t) (f' (g t)) -> is_derive g t dg ->
  is_derive (fun s => f (g s)) t (f' (g t) * dg).
Proof. apply (derive_comp f g). Qed.

Section Numbers.
Context {f g : R -> R} {t df dg : R}.
Lemma derive_add : is_derive f t df -> is_derive g t dg -> is_derive (fun s => f s + g s) t (df + dg).
Proof. apply derive_plus. Qed.
Lemma derive_add_l c : is_derive f t df -> is_derive (fun s => f s + c) t df.
Proof. intros F. eapply derive_eq; [apply (derive_plus f (fun _ => c)); [exact F|apply derive_const]|ring]. Qed.
Lemma derive_add_r c : is_derive g t dg -> is_derive (fun s => c + g s) t dg.
Proof. intros G. eapply derive_eq; [apply (derive_plus (fun _ => c) g); [apply derive_const|exact G]|ring]. Qed.
Lemma derive_times : is_derive f t df -> is_derive g t dg -> is_derive (fun s => f s * g s) t (g t * df + f t * dg).
Proof. intros F G. eapply derive_eq; [apply (derive_mult f g); eauto|ring]. Qed.
Lemma derive_times_l c : is_derive f t df -> is_derive (fun s => f s * c) t (c * df).
Proof. intros F. eapply derive_eq; [apply (derive_factor_r f c t df F)|ring]. Qed.
Lemma derive_times_r c : is_derive g t dg -> is_derive (fun s => c * g s) t (c * dg).
Proof. intros G. apply (derive_factor g c t dg G). Qed.
End Numbers.

Section Rules.
Context {n m k : nat} {t : R}.
Implicit Types (A B : R -> mat) (dA dB G C : mat).

Lemma moves_constant C : moves n m (fun _ => C) t zeros.
Proof. intros i j _ _. apply @is_derive_const. Qed.
Lemma moves_entry (W : mat) a b : moves n m (upd W a b) (W a b) (unit a b).
Proof.
  intros i j _ _. unfold upd, unit. destruct (Nat.eqb i a), (Nat.eqb j b); eapply derive_eq;
    [apply derive_id|ring|apply derive_const|ring|apply derive_const|ring|apply derive_const|ring].
Qed.
(* sum rule *)
Lemma moves_add {A B dA dB} : moves n m A t dA -> moves n m B t dB -> moves n m (fun s => add (A s) (B s)) t (add dA dB).
Proof. intros a b i j Hi Hj. apply (is_derive_plus (fun s => A s i j) (fun s => B s i j)); auto. Qed.
Lemma moves_add_l {A} C {dA} : moves n m A t dA -> moves n m (fun s => add (A s) C) t dA.
Proof.
  intros a i j Hi Hj. eapply derive_eq; [apply (is_derive_plus (fun s => A s i j) (fun _ => C i j)); [auto|]|].
  apply @is_derive_const. apply Rplus_0_r.
Qed.
Lemma moves_add_r C {B dB} : moves n m B t dB -> moves n m (fun s => add C (B s)) t dB.
Proof.
  intros b i j Hi Hj. eapply derive_eq; [apply (is_derive_plus (fun _ => C i j) (fun s => B s i j)); [|auto]|].
  apply @is_derive_const. apply Rplus_0_l.
Qed.
Lemma back_add G dA dB : inner n m G (add dA dB) = inner n m G dA + inner n m G dB.
Proof.
  unfold inner, total, had, add. rewrite <- sum_plus. apply sum_ext; intros. rewrite <- sum_plus. apply sum_ext; intros. ring.
Qed.
(* constant factor rule, product rule *)
Lemma moves_scale c {A dA} : moves n m A t dA -> moves n m (fun s => scale c (A s)) t (scale c dA).
Proof. intros a i j Hi Hj. apply derive_factor, a; auto. Qed.
Lemma back_scale c G dA : inner n m G (scale c dA) = inner n m (scale c G) dA.
Proof. do 2 (apply sum_ext; intros). unfold had, scale. ring. Qed.
Lemma moves_had {A B dA dB} : moves n m A t dA -> moves n m B t dB ->
  moves n m (fun s => had (A s) (B s)) t (add (had (B t) dA) (had (A t) dB)).
Proof.
  intros a b i j Hi Hj. eapply derive_eq; [apply (derive_mult (fun s => A s i j) (fun s => B s i j)); auto|].
  unfold add, had. ring.
Qed.
Lemma moves_had_l {A} C {dA} : moves n m A t dA -> moves n m (fun s => had (A s) C) t (had C dA).
Proof.
  intros a i j Hi Hj. unfold had. apply (is_derive_ext (fun s => C i j * A s i j)); [intros; apply Rmult_comm|].
  apply derive_factor, a; auto.
Qed.
Lemma moves_had_r C {B dB} : moves n m B t dB -> moves n m (fun s => had C (B s)) t (had C dB).
Proof. intros b i j Hi Hj. apply derive_factor, b; auto. Qed.
Lemma back_had C G dA : inner n m G (had C dA) = inner n m (had G C) dA.
Proof. do 2 (apply sum_ext; intros). unfold had. ring. Qed.
(* chain rule and derivative of the activation; f need only be differentiable where it is used *)
Lemma moves_map (f f' : R -> R) {A dA} : (forall i j, (i < n)%nat -> (j < m)%nat -> is_derive f (A t i j) (f' (A t i j))) ->
  moves n m A t dA -> moves n m (fun s => map f (A s)) t (had (map f' (A t)) dA).
Proof. intros F a i j Hi Hj. apply (derive_comp f (fun s => A s i j)); [apply F|apply a]; auto. Qed.
(* linear step and matrix form *)
Lemma moves_mul {A B dA dB} : moves n k A t dA -> moves k m B t dB ->
  moves n m (fun s => mul k (A s) (B s)) t (add (mul k dA (B t)) (mul k (A t) dB)).
Proof.
  intros a b i j Hi Hj. eapply derive_eq; [apply derive_sum; intros h Hh|].
  - apply (derive_mult (fun s => A s i h) (fun s => B s h j)); [apply a|apply b]; auto.
  - unfold add, mul. rewrite <- sum_plus. reflexivity.
Qed.
Lemma moves_mul_l {A} C {dA} : moves n k A t dA -> moves n m (fun s => mul k (A s) C) t (mul k dA C).
Proof.
  intros a i j Hi Hj. apply derive_sum; intros h Hh. eapply derive_eq.
  - apply (derive_mult (fun s => A s i h) (fun _ => C h j)); [apply a; auto|apply derive_const].
  - cbv beta. ring.
Qed.
Lemma moves_mul_r C {B dB} : moves k m B t dB -> moves n m (fun s => mul k C (B s)) t (mul k C dB).
Proof. intros b i j Hi Hj. apply derive_sum; intros h Hh. apply derive_factor, b; auto. Qed.
Lemma back_mul_l G C dA : inner n m G (mul k dA C) = inner n k (mul m G (tr C)) dA.
Proof.
  unfold inner, total, had, mul, tr. apply sum_ext; intros i _.
  rewrite (sum_ext m _ (fun j => sum k (fun h => G i j * (dA i h * C h j)))) by (intros; symmetry; apply sum_factor).
  rewrite sum_swap. apply sum_ext; intros h _. rewrite <- sum_factor_r. apply sum_ext; intros. ring.
Qed.
Lemma moves_tr {A dA} : moves m n A t dA -> moves n m (fun s => tr (A s)) t (tr dA).
Proof. intros a i j Hi Hj. apply a; auto. Qed.
Lemma back_tr G dA : inner n m G (tr dA) = inner m n (tr G) dA.
Proof. unfold inner, total, had, tr. apply sum_swap. Qed.
(* repeated rows and columns, sums along an axis *)
Lemma moves_brow {A dA} : moves 1 m A t dA -> moves n m (fun s => brow (A s)) t (brow dA).
Proof. intros a i j Hi Hj. apply a; auto. Qed.
Lemma moves_bcol {A dA} : moves n 1 A t dA -> moves n m (fun s => bcol (A s)) t (bcol dA).
Proof. intros a i j Hi Hj. apply a; auto. Qed.
Lemma back_brow G dA : inner n m G (brow dA) = inner 1 m (sumrows n G) dA.
Proof.
  unfold inner, total, had, brow, sumrows. simpl. rewrite Rplus_0_l, sum_swap. apply sum_ext; intros. apply sum_factor_r.
Qed.
Lemma back_bcol G dA : inner n m G (bcol dA) = inner n 1 (sumcols m G) dA.
Proof. unfold inner, total, had, bcol, sumcols. simpl. apply sum_ext; intros. rewrite Rplus_0_l. apply sum_factor_r. Qed.
Lemma moves_sumrows {A dA} : moves n m A t dA -> moves 1 m (fun s => sumrows n (A s)) t (sumrows n dA).
Proof. intros a i j _ Hj. apply derive_sum; auto. Qed.
Lemma moves_sumcols {A dA} : moves n m A t dA -> moves n 1 (fun s => sumcols m (A s)) t (sumcols m dA).
Proof. intros a i j Hi _. apply derive_sum; auto. Qed.
Lemma back_sumrows G dA : inner 1 m G (sumrows n dA) = inner n m (brow G) dA.
Proof.
  unfold inner, total, had, brow, sumrows. simpl. rewrite Rplus_0_l, sum_swap. apply sum_ext; intros. symmetry. apply sum_factor.
Qed.
Lemma back_sumcols G dA : inner n 1 G (sumcols m dA) = inner n m (bcol G) dA.
Proof. unfold inner, total, had, bcol, sumcols. simpl. apply sum_ext; intros. rewrite Rplus_0_l. symmetry. apply sum_factor. Qed.
(* parts of a matrix, and matrices side by side *)
Lemma moves_cols_from {p A dA} s : (s + m <= p)%nat -> moves n p A t dA -> moves n m (fun u => cols_from s (A u)) t (cols_from s dA).
Proof. intros L a i j Hi Hj. apply a; [auto|lia]. Qed.
Lemma moves_cols_at {p A dA} s : moves n m A t dA -> moves n p (fun u => cols_at s m (A u)) t (cols_at s m dA).
Proof.
  intros a i j Hi Hj. unfold cols_at. destruct (Nat.leb_spec s j); cbn [andb]; [|apply derive_const].
  destruct (Nat.ltb_spec j (s + m)); [apply a; [auto|lia]|apply derive_const].
Qed.
Lemma back_cols_from {p} s G dA : (s + m <= p)%nat -> inner n m G (cols_from s dA) = inner n p (cols_at s m G) dA.
Proof.
  intros L. apply sum_ext; intros i Hi. rewrite <- (sum_from p s m (fun j => had G (cols_from s dA) i j)) by exact L.
  apply sum_ext; intros j Hj. unfold had, cols_from, cols_at. destruct (Nat.leb_spec s j); [|simpl; ring].
  destruct (Nat.ltb_spec j (s + m)); simpl; [|ring]. replace (s + (j - s))%nat with j by lia. reflexivity.
Qed.
Lemma back_cols_at {p} s G dA : (s + m <= p)%nat -> inner n p G (cols_at s m dA) = inner n m (cols_from s G) dA.
Proof.
  intros L. apply sum_ext; intros i Hi. rewrite <- (sum_from p s m (fun j => had (cols_from s G) dA i j)) by exact L.
  apply sum_ext; intros j Hj. unfold had, cols_from, cols_at. destruct (Nat.leb_spec s j); [|simpl; ring].
  destruct (Nat.ltb_spec j (s + m)); simpl; [|ring]. replace (s + (j - s))%nat with j by lia. reflexivity.
Qed.
(* scalars *)
Lemma moves_total {A dA} : moves n m A t dA -> is_derive (fun s => total n m (A s)) t (total n m dA).
Proof. intros a. do 2 (apply derive_sum; intros). auto. Qed.
Lemma back_total g dA : g * total n m dA = inner n m (scale g ones) dA.
Proof.
  unfold inner, total, had, scale, ones. rewrite <- sum_factor. apply sum_ext; intros. rewrite <- sum_factor. apply sum_ext; intros. ring.
Qed.
(* a number times a matrix, both of which move *)
Lemma moves_scaled {c : R -> R} {A : R -> mat} {dc : R} {dA} : is_derive c t dc -> moves n m A t dA ->
  moves n m (fun s => scale (c s) (A s)) t (add (scale dc (A t)) (scale (c t) dA)).
Proof. intros c' a i j Hi Hj. apply (derive_mult c (fun s => A s i j)); auto. Qed.
Lemma moves_scaled_l {c : R -> R} (C : mat) {dc : R} : is_derive c t dc -> moves n m (fun s => scale (c s) C) t (scale dc C).
Proof. intros c' i j Hi Hj. apply derive_factor_r, c'. Qed.
Lemma back_scaled G g (C : mat) : inner n m G (scale g C) = total n m (had G C) * g.
Proof.
  unfold inner, total, had, scale. rewrite <- sum_factor_r. apply sum_ext; intros. rewrite <- sum_factor_r. apply sum_ext; intros. ring.
Qed.
Lemma moves_trace {A dA} : moves n n A t dA -> is_derive (fun s => trace n (A s)) t (trace n dA).
Proof. intros a. apply derive_sum; auto. Qed.
Lemma back_trace g dA : g * trace n dA = inner n n (scale g eye) dA.
Proof.
  unfold trace, inner, total, had, scale, eye. rewrite <- sum_factor. apply sum_ext; intros i Hi.
  rewrite <- (sum_delta n i (fun j => g * dA i j) Hi). apply sum_ext; intros j _. rewrite (Nat.eqb_sym j i). ring.
Qed.
(* log-sum-exp rule and softmax rule; a row must not be empty *)
Hypothesis not_empty : (0 < m)%nat.
Lemma derive_row A dA i : moves n m A t dA -> (i < n)%nat ->
  is_derive (fun s => sum m (fun j => exp (A s i j))) t (sum m (fun j => exp (A t i j) * dA i j)).
Proof. intros a Hi. apply derive_sum; intros j Hj. apply (derive_comp exp (fun s => A s i j)); [apply is_derive_exp|auto]. Qed.
Lemma row_positive (Z : mat) i : 0 < sum m (fun j => exp (Z i j)).
Proof. apply sum_positive; [exact not_empty|]. intros; apply exp_pos. Qed.
Lemma moves_lse {A dA} : moves n m A t dA -> moves n 1 (fun s => lse m (A s)) t (sumcols m (had (softmax m (A t)) dA)).
Proof.
  intros a i j Hi _. assert (P := row_positive (A t) i). eapply derive_eq.
  - apply (derive_comp ln (fun s => sum m (fun j => exp (A s i j)))); [apply is_derive_ln; exact P|apply (derive_row A dA); auto].
  - unfold sumcols, had, softmax. rewrite <- sum_factor. apply sum_ext; intros. field. lra.
Qed.
Lemma moves_softmax {A dA} : moves n m A t dA -> moves n m (fun s => softmax m (A s)) t
  (had (softmax m (A t)) (add dA (scale (-1) (bcol (sumcols m (had (softmax m (A t)) dA)))))).
Proof.
  intros a i j Hi Hj. assert (P := row_positive (A t) i). eapply derive_eq.
  - apply (derive_mult (fun s => exp (A s i j)) (fun s => / sum m (fun k => exp (A s i k)))).
    + apply (derive_comp exp (fun s => A s i j)); [apply is_derive_exp|auto].
    + apply is_derive_inv; [apply (derive_row A dA); auto|lra].
  - cbv beta. unfold had, add, scale, bcol, sumcols, softmax. set (S := sum m (fun k => exp (A t i k))) in *.
    replace (sum m (fun k => exp (A t i k) / S * dA i k)) with (/ S * sum m (fun k => exp (A t i k) * dA i k)).
    + field. lra.
    + rewrite <- sum_factor. apply sum_ext; intros. field. lra.
Qed.
Lemma moves_logsoftmax {A dA} : moves n m A t dA -> moves n m (fun s => logsoftmax m (A s)) t
  (add dA (scale (-1) (bcol (sumcols m (had (softmax m (A t)) dA))))).
Proof.
  intros a i j Hi Hj.
  apply (is_derive_ext (fun s => A s i j + (-1) * lse m (A s) i O)); [intros; unfold lse, logsoftmax; match goal with |- @eq _ ?a ?b => change (@eq R a b) end; ring|].
  apply (derive_plus (fun s => A s i j) (fun s => (-1) * lse m (A s) i O) t (dA i j)
    ((-1) * sumcols m (had (softmax m (A t)) dA) i O)); [apply a; auto|].
  apply (derive_factor (fun s => lse m (A s) i O)). apply (moves_lse a i O Hi). apply Nat.lt_0_succ.
Qed.
End Rules.
Lemma back_lse {n m} G S dA : inner n 1 G (sumcols m (had S dA)) = inner n m (had (bcol G) S) dA.
Proof. rewrite back_sumcols, back_had. reflexivity. Qed.
Lemma back_softmax {n m} G S dA : inner n m G (had S (add dA (scale (-1) (bcol (sumcols m (had S dA))))))
  = inner n m (had S (add G (scale (-1) (bcol (sumcols m (had G S)))))) dA.
Proof.
  rewrite back_had, back_add, back_scale, back_bcol, back_sumcols, back_had, <- inner_plus. apply inner_ext; intros.
  unfold had, add, scale, bcol, sumcols. rewrite (sum_factor m (-1)). ring.
Qed.
Lemma back_logsoftmax {n m} G S dA : inner n m G (add dA (scale (-1) (bcol (sumcols m (had S dA)))))
  = inner n m (add G (scale (-1) (had S (bcol (sumcols m G))))) dA.
Proof.
  rewrite back_add, back_scale, back_bcol, back_sumcols, back_had, <- inner_plus. apply inner_ext; intros i j _ _.
  unfold had, add, scale, bcol, sumcols. rewrite (sum_factor m (-1) (fun k => G i k)). ring.
Qed.
Lemma back_mul_r {n m k} G C dB : inner n m G (mul k C dB) = inner k m (mul n (tr C) G) dB.
Proof.
  unfold inner, total, had, mul, tr. rewrite sum_swap, (sum_swap k m). apply sum_ext; intros j _.
  rewrite (sum_ext n _ (fun i => sum k (fun h => G i j * (C i h * dB h j)))) by (intros; symmetry; apply sum_factor).
  rewrite sum_swap. apply sum_ext; intros h _. rewrite <- sum_factor_r. apply sum_ext; intros. ring.
Qed.
Lemma tr_mul k A B : tr (mul k A B) = mul k (tr B) (tr A).
Proof. do 2 (apply functional_extensionality; intro). apply sum_ext; intros. apply Rmult_comm. Qed.
Lemma mul_assoc k m A B C : mul m (mul k A B) C = mul k A (mul m B C).
Proof.
  do 2 (apply functional_extensionality; intro). unfold mul. rewrite (sum_ext m _ (fun h => sum k (fun l => A x l * (B l h * C h x0)))).
  - rewrite sum_swap. apply sum_ext; intros. apply sum_factor.
  - intros. rewrite <- sum_factor_r. apply sum_ext; intros. ring.
Qed.
Lemma mul_scale k c A B : mul k (scale c A) B = scale c (mul k A B).
Proof. do 2 (apply functional_extensionality; intro). unfold mul, scale. rewrite <- sum_factor. apply sum_ext; intros. ring. Qed.
Lemma mul_scale_r k c A B : mul k A (scale c B) = scale c (mul k A B).
Proof. do 2 (apply functional_extensionality; intro). unfold mul, scale. rewrite <- sum_factor. apply sum_ext; intros. ring. Qed.
Lemma had_scale c A B : had (scale c A) B = scale c (had A B).
Proof. do 2 (apply functional_extensionality; intro). apply Rmult_assoc. Qed.
Lemma sumcols_scale m c A : sumcols m (scale c A) = scale c (sumcols m A).
Proof. do 2 (apply functional_extensionality; intro). apply sum_factor. Qed.
Lemma sumrows_scale n c A : sumrows n (scale c A) = scale c (sumrows n A).
Proof. do 2 (apply functional_extensionality; intro). apply sum_factor. Qed.
Lemma had_ones A : had ones A = A.
Proof. do 2 (apply functional_extensionality; intro). apply Rmult_1_l. Qed.
Lemma tr_scale c A : tr (scale c A) = scale c (tr A).
Proof. reflexivity. Qed.
Lemma tr_tr A : tr (tr A) = A.
Proof. reflexivity. Qed.
Lemma moves_rows_from {n m t p A dA} s : (s + m <= p)%nat -> moves p n A t dA -> moves m n (fun u => rows_from s (A u)) t (rows_from s dA).
Proof. intros L a i j Hi Hj. apply a; [lia|auto]. Qed.
Lemma moves_rows_at {n m t p A dA} s : moves m n A t dA -> moves p n (fun u => rows_at s m (A u)) t (rows_at s m dA).
Proof. intros a. exact (moves_tr (moves_cols_at (p:=p) s (moves_tr a))). Qed.
Lemma back_rows_from {n m p} s G dA : (s + m <= p)%nat -> inner m n G (rows_from s dA) = inner p n (rows_at s m G) dA.
Proof.
  intros L. transitivity (inner n m (tr G) (cols_from s (tr dA))); [apply sum_swap|].
  rewrite (back_cols_from (p:=p)) by exact L. apply sum_swap.
Qed.
Lemma back_rows_at {n m p} s G dA : (s + m <= p)%nat -> inner p n G (rows_at s m dA) = inner m n (rows_from s G) dA.
Proof.
  intros L. transitivity (inner n p (tr G) (cols_at s m (tr dA))); [apply sum_swap|].
  rewrite back_cols_at by exact L. apply sum_swap.
Qed.

(* ---- the parameters as one list θ, of which one entry moves; their gradients as one list ---- *)
Fixpoint move (k i j : nat) (w : R) (θ : list mat) : list mat :=
  match θ, k with [], _ => [] | A :: rest, O => upd A i j w :: rest | A :: rest, S k => A :: move k i j w rest end.
Fixpoint rates (k i j : nat) (θ : list mat) : list mat :=
  match θ, k with [], _ => [] | _ :: rest, O => unit i j :: List.map (fun _ => zeros) rest
  | _ :: rest, S k => zeros :: rates k i j rest end.
(* Σ over the parameters W of Σ ∂J/∂W ⊙ dW, from number k on *)
Fixpoint weigh k (sizes : list (nat * nat)) (G d : list mat) : R :=
  match sizes with [] => 0 | (n, m) :: rest => inner n m (nth k G zeros) (nth k d zeros) + weigh (S k) rest G d end.
Definition rows (sizes : list (nat * nat)) k := fst (nth k sizes (O, O)).
Definition columns (sizes : list (nat * nat)) k := snd (nth k sizes (O, O)).

Lemma moves_same n m A t : moves n m (fun _ => A) t zeros.
Proof. intros i j _ _. apply @is_derive_const. Qed.
Lemma nth_zeros (r : list mat) q : nth q (List.map (fun _ => zeros) r) zeros = zeros.
Proof. revert q; induction r; intros [|q]; simpl; auto. Qed.
Lemma move_same θ k i j : move k i j (nth k θ zeros i j) θ = θ.
Proof. revert k; induction θ; intros [|k]; simpl; rewrite ?upd_same, ?IHθ; reflexivity. Qed.
Lemma move_moves n m θ k i j q :
  moves n m (fun s => nth q (move k i j s θ) zeros) (nth k θ zeros i j) (nth q (rates k i j θ) zeros).
Proof.
  revert k q; induction θ as [|A r IH]; intros [|k] [|q]; simpl; try apply moves_same; try apply moves_entry; try apply IH.
  rewrite nth_zeros. apply moves_same.
Qed.
Lemma nth_rates k i j θ q : (k <? length θ)%nat = true ->
  nth q (rates k i j θ) zeros = if Nat.eqb q k then unit i j else zeros.
Proof.
  revert k q; induction θ as [|A r IH]; intros [|k] [|q] L; simpl in *; try discriminate; auto using nth_zeros.
Qed.
Lemma weigh_past sizes G θ q k i j : (k <? length θ)%nat = true -> (k < q)%nat -> weigh q sizes G (rates k i j θ) = 0.
Proof.
  intros L. revert q; induction sizes as [|[n m] sizes IH]; intros q P; simpl; [reflexivity|].
  rewrite nth_rates, IH by (assumption || lia). destruct (Nat.eqb_spec q k); [lia|]. rewrite inner_zeros. ring.
Qed.
Lemma weigh_unit sizes G θ q k i j : (k <? length θ)%nat = true -> (q <= k)%nat ->
  (i < rows sizes (k - q))%nat -> (j < columns sizes (k - q))%nat -> weigh q sizes G (rates k i j θ) = nth k G zeros i j.
Proof.
  intros L. revert q; induction sizes as [|[n m] sizes IH]; intros q P Hi Hj; unfold rows, columns in *.
  - destruct (k - q)%nat; simpl in Hi; lia.
  - simpl weigh. rewrite nth_rates by assumption. destruct (Nat.eqb_spec q k) as [->|F].
    + rewrite Nat.sub_diag in *. simpl in *. rewrite weigh_past, inner_unit by (assumption || lia). ring.
    + replace (k - q)%nat with (S (k - S q)) in * by lia. simpl in *. rewrite inner_zeros, IH by (assumption || lia). ring.
Qed.
(* who knows dJ/dt along every curve of parameters knows the derivative with respect to each entry *)
Theorem gradients sizes (J : list mat -> R) (G : list mat -> list mat) (smooth : list mat -> Prop) :
  (forall c t d, smooth (c t) ->
    (forall k, moves (rows sizes k) (columns sizes k) (fun s => nth k (c s) zeros) t (nth k d zeros)) ->
    is_derive (fun s => J (c s)) t (weigh 0 sizes (G (c t)) d)) ->
  forall θ k i j, (k <? length θ)%nat = true -> smooth θ -> (i < rows sizes k)%nat -> (j < columns sizes k)%nat ->
  is_derive (fun w => J (move k i j w θ)) (nth k θ zeros i j) (nth k (G θ) zeros i j).
Proof.
  intros along θ k i j L sm Hi Hj.
  assert (M := along (fun s => move k i j s θ) (nth k θ zeros i j) (rates k i j θ)). cbv beta in M.
  rewrite move_same, weigh_unit in M by (rewrite ?Nat.sub_0_r; assumption || lia). apply M; [exact sm|]. intros q. apply move_moves.
Qed.

Ltac by_rule proof := let M := fresh in pose proof proof as M; exact M.
(* ---- tactics: both sides entry by entry; a rate collected before what moves; an adjoint as the sum of its uses ---- *)
Ltac same := match goal with |- ?a = ?a => reflexivity end.
Ltac unfold_entries := unfold Rdiv, mul, tr, had, add, scale, map, ones, zeros, eye, sumrows, sumcols, brow, bcol.
Ltac by_cases := unfold cols_from, rows_from, cols_at, rows_at;
  repeat match goal with
  | |- context [Nat.leb ?a ?b] => destruct (Nat.leb_spec a b)
  | |- context [Nat.ltb ?a ?b] => destruct (Nat.ltb_spec a b)
  end; simpl; try lia; try ring; repeat f_equal; lia.
Ltac eta := repeat match goal with |- context [sum ?n (fun x => ?A x)] => progress change (sum n (fun x => A x)) with (sum n A) end.
Ltac only_entry := repeat match goal with H : (?i < 1)%nat |- _ => assert (i = O) by lia; subst i end; simpl.
Ltac by_quotients := repeat match goal with |- context [/ ?t] => is_var t;
    lazymatch goal with _ : t <> 0 |- _ => fail
    | |- _ => let E := fresh in destruct (Req_dec t 0) as [E|E]; [rewrite E|] end end;
  repeat match goal with |- context [/ INR ?k] => generalize (/ INR k); intro end;
  first [ring | field; auto].  (* / 0 is some number *)
Ltac entries := intros; unfold_entries;
  solve [reflexivity | ring | simpl; ring | rewrite ?sum_factor, ?sum_factor_r; eta; ring
    | rewrite <- ?sum_factor, <- ?sum_factor_r; apply sum_ext; intros; ring | field | simpl; lra | only_entry; ring | by_cases
    | by_quotients].
Ltac by_numbers := cbv beta;
  repeat match goal with |- context [/ INR ?k] => generalize (/ INR k); intro | |- context [/ INR ?k ^ ?e] => generalize (/ INR k ^ e); intro end;
  first [ring | field; repeat split; first [simpl in *; lra | let E := fresh in intro E;
    match goal with H : context [?a * / ?b] |- _ => replace a with 0 in H by lra; lra end]].
Ltac collect := repeat match goal with  (* a pattern costs less than a rewriting that fails *)
  | |- context [inner _ _ _ (tr _)] => rewrite back_tr
  | |- context [inner _ _ _ (had ?S (add ?d (scale _ (bcol (sumcols _ (had ?S ?d))))))] => rewrite back_softmax
  | |- context [inner _ _ _ (add ?d (scale _ (bcol (sumcols _ (had _ ?d)))))] => rewrite back_logsoftmax
  | |- context [inner _ _ _ (sumcols _ (had _ _))] => rewrite back_lse
  | |- context [inner _ _ _ (add _ _)] => rewrite back_add
  | |- context [inner _ _ _ (had _ _)] => rewrite back_had
  | |- context [inner _ _ _ (scale _ _)] => rewrite back_scale
  | |- context [inner _ _ _ (brow _)] => rewrite back_brow
  | |- context [inner _ _ _ (bcol _)] => rewrite back_bcol
  | |- context [inner _ _ _ (sumrows _ _)] => rewrite back_sumrows
  | |- context [inner _ _ _ (sumcols _ _)] => rewrite back_sumcols
  | |- context [_ * total _ _ _] => rewrite back_total
  | |- context [_ * trace _ _] => rewrite back_trace
  | |- context [inner ?n ?m ?G (cols_from ?s ?d)] =>
      match goal with |- context [inner n ?p ?H d] => rewrite (back_cols_from (p:=p) s G d) by lia end
  | |- context [inner ?m ?n ?G (rows_from ?s ?d)] =>
      match goal with |- context [inner ?p n ?H d] => rewrite (back_rows_from (p:=p) s G d) by lia end
  | |- context [inner _ _ _ (cols_at _ _ _)] => rewrite back_cols_at by lia
  | |- context [inner _ _ _ (rows_at _ _ _)] => rewrite back_rows_at by lia
  end.
Ltac term := first [apply inner_ext; entries | ring].
Ltac terms := first [same | repeat (apply f_equal2; [term|]); term].
(* products from the right, numbers in front *)
Ltac ordered := rewrite ?had_ones; repeat progress rewrite ?tr_scale, ?tr_mul, ?tr_tr, ?mul_assoc, ?had_scale, ?mul_scale, ?mul_scale_r, ?sumcols_scale, ?sumrows_scale.
Ltac backwards := first [same | collect; rewrite <- ?inner_plus; first [terms | ordered; terms]].
(* a line of a derivation: each sum as Σ G ⊙ dz, then entry by entry; U says what the derivative of a function is *)
Ltac as_inner := repeat match goal with
  |- context [total ?n ?m (had ?G ?A)] => change (total n m (had G A)) with (inner n m G A) end; rewrite ?inner_ones.
Ltac by_ring := first [same | unfold Rdiv; ring].
Ltac by_entry := first [entries | intros; unfold_entries; repeat match goal with
  U : forall i j, _ -> _ -> Derive _ _ = _ |- _ =>
  unfold Rdiv, mul, tr, had, add, scale, map, ones, zeros, eye, sumrows, sumcols, brow, bcol in U; rewrite U by assumption end; cbv beta; ring].
Ltac term_by_term := repeat match goal with |- context [inner ?n ?m ?G ?A] =>
  match goal with |- context [inner n m ?H A] => tryif constr_eq G H then fail
    else replace (inner n m G A) with (inner n m H A) by (apply inner_ext; by_entry) end end; by_ring.
Ltac scaled := repeat progress rewrite ?Rmult_plus_distr_l, ?inner_scale.
Ltac each_term := first [by_ring | rewrite <- ?inner_plus; apply inner_ext; by_entry | term_by_term].
Ltac line := first [by_ring | as_inner; collect;
  first [by_ring | rewrite <- ?inner_scale; by_ring | scaled; first [each_term | ordered; each_term]]].
Ltac gather := rewrite <- ?inner_plus; first [same | apply inner_ext; entries].
