"""The table of rows: for each operation its value, its rate, the term that proves the rate, and what it assumes.

The rate of a node is its derivative when its parts move at their rates. The texts are terms of `library.v`: A, dA and
pA are the value of the argument, its rate and the proof of that; n and m are its sizes, N and M those of the node.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Protocol, TypeAlias

import sympy
from sympy import Add, Basic, Mul, Pow

from symbackprop.expressions import matrices as nodes
from symbackprop.expressions import operations as ops
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.functions import Applied, ElementwiseFunction
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import AxisBlock, Concatenate, Slice


class Writer(Protocol):
    """Texts of the parts of a node, as a row needs them."""

    def term(self, expression: Expression) -> str:
        """Return the value of an expression."""

    def rate(self, expression: Expression) -> str:
        """Return the rate of a part that varies."""

    def proof(self, expression: Expression) -> str:
        """Return the proof of the rate of a part that varies."""

    def varies(self, expression: Expression) -> bool:
        """Return True if an expression depends on the parameters."""

    def nat(self, size: Expression) -> str:
        """Return a size as a natural number."""

    def number(self, value: Expression) -> str:
        """Return a constant number."""

    def function(self, f: ElementwiseFunction) -> str:
        """Return the text of an elementwise function."""

    def slope(self, f: ElementwiseFunction) -> str:
        """Return the text of the derivative of an elementwise function, as a function."""

    def fact(self, f: ElementwiseFunction) -> str:
        """Return the name of the fact that the slope is the derivative."""

    def given(self, node: Expression) -> str:
        """Return the assumption that a node is differentiable here."""


@dataclass(frozen=True)
class Texts:
    """The value of a node; its rate and the proof of the rate, empty if it does not vary."""

    value: str
    rate: str = ""
    proof: str = ""
    collects: tuple[str, ...] = ()  # tactics that need names: which factor of a product moves


Row: TypeAlias = Callable[[Writer, Expression], Texts]


def _of_one(value: str, rate: str, proof: str) -> Row:
    """Return the row of an operation on one matrix."""

    def row(w: Writer, e: Expression) -> Texts:
        A = e.args[0]
        n, m = map(w.nat, A.shape)
        N, M = map(w.nat, e.shape) if is_matrix(e) else ("", "")
        words = {
            "A": w.term(A),
            "n": n,
            "m": m,
            "N": N,
            "M": M,
            "positive": not_empty_proof(m),
            "positive_n": not_empty_proof(n),
        }
        if not w.varies(A):
            return Texts(value.format(**words))
        words |= {"dA": w.rate(A), "pA": w.proof(A)}
        return Texts(value.format(**words), rate.format(**words), proof.format(**words))

    return row


def _along(rows: Row, columns: Row) -> Row:
    """Return the row of an operation along an axis: over the rows (axis 0) or over the columns."""
    return lambda w, e: (rows if e.axis == ops.ROWS else columns)(w, e)


@dataclass(frozen=True)
class _Binary:
    """An operation with two operands, of which one or both move: {a} and {b}, at the rates {da} and {db}."""

    value: str
    from_left: str
    from_right: str
    sum: str
    lemma: str
    collects: tuple[str, str] = ("", "")  # tactics for the left and for the right operand
    before_left: str = ""  # a size that the lemma cannot infer from a constant
    before_right: str = ""
    k: str = ""

    def joined(self, A: Texts, B: Texts) -> Texts:
        words = {"a": A.value, "b": B.value, "da": A.rate, "db": B.rate, "k": self.k}
        value, left, right = (text.format(**words) for text in (self.value, self.from_left, self.from_right))
        found = zip((A.rate, B.rate), self.collects, strict=True)
        lemmas = tuple(lemma.format(**words) for rate, lemma in found if rate and lemma)
        collects = (*lemmas, *A.collects, *B.collects)
        if A.rate and B.rate:
            return Texts(value, self.sum.format(left, right), f"({self.lemma} {A.proof} {B.proof})", collects)
        if A.rate:
            return Texts(value, left, f"({self.lemma}_l {self.before_left}{B.value} {A.proof})", collects)
        if B.rate:
            return Texts(value, right, f"({self.lemma}_r {self.before_right}{A.value} {B.proof})", collects)
        return Texts(value)


_ADD = _Binary("({a} ⊕ {b})", "{da}", "{db}", "({} ⊕ {})", "moves_add")
_HAD = _Binary("({a} ⊙ {b})", "({b} ⊙ {da})", "({a} ⊙ {db})", "({} ⊕ {})", "moves_had")
_PLUS = _Binary("({a} + {b})", "{da}", "{db}", "({} + {})", "derive_add")
_TIMES = _Binary("({a} * {b})", "({b} * {da})", "({a} * {db})", "({} + {})", "derive_times")


def _texts(w: Writer, A: Expression) -> Texts:
    return Texts(w.term(A), w.rate(A), w.proof(A)) if w.varies(A) else Texts(w.term(A))


def _nested(binary: _Binary) -> Row:
    """Return the row of a sum or a product of any number of operands: a ∘ (b ∘ (c ∘ …))."""

    def row(w: Writer, e: Expression) -> Texts:
        parts = [_texts(w, A) for A in e.args]
        return reduce(lambda rest, first: binary.joined(first, rest), parts[-2::-1], parts[-1])

    return row


LEFT_MOVES = "collect; rewrite !(back_mul_l _ {b} {da})"
RIGHT_MOVES = "collect; rewrite !(back_mul_r _ {a} {db})"


def _matmul(w: Writer, e: Expression) -> Texts:
    """Return the texts of ((A B) C) …"""
    done = _texts(w, e.args[0])
    for left, right in zip(e.args, e.args[1:], strict=False):
        rows, columns = f"(n:={w.nat(e.shape[0])}) ", f"(m:={w.nat(right.shape[1])}) "
        product = _Binary(
            "({a} *[{k}] {b})", "({da} *[{k}] {b})", "({a} *[{k}] {db})", "({} ⊕ {})", "moves_mul",
            (LEFT_MOVES, RIGHT_MOVES), columns, rows, w.nat(left.shape[1]),
        )  # fmt: skip
        done = product.joined(done, _texts(w, right))
    return done


def _matpow(w: Writer, e: Expression) -> Texts:
    return _matmul(w, e.as_product())


def _scaled(w: Writer, e: Expression) -> Texts:
    """Return the texts of a number times a matrix."""
    c, A = (_texts(w, part) for part in e.args)
    value = f"({c.value} · {A.value})"
    collects = (f"rewrite ?back_add; rewrite (back_scaled _ {c.rate} {A.value})",)
    if c.rate and A.rate:
        return Texts(
            value, f"(({c.rate} · {A.value}) ⊕ ({c.value} · {A.rate}))", f"(moves_scaled {c.proof} {A.proof})", collects
        )
    if c.rate:
        n, m = map(w.nat, e.shape)
        return Texts(
            value, f"({c.rate} · {A.value})", f"(moves_scaled_l (n:={n}) (m:={m}) {A.value} {c.proof})", collects
        )
    return Texts(value, f"({c.value} · {A.rate})", f"(moves_scale {c.value} {A.proof})") if A.rate else Texts(value)


def _of_entries(w: Writer, e: Expression, f: str, slope: str, fact: str) -> Texts:
    """Return the texts of a function of each entry, or of a number; `fact` proves the slope at an entry {}."""
    A = _texts(w, e.args[1] if isinstance(e, ops.Elementwise | Applied) else e.args[0])
    value = f"(map {f} {A.value})" if is_matrix(e) else applied(f, A.value)
    if not A.rate:
        return Texts(value)
    if is_matrix(e):
        proof = f"(moves_map {f} {slope} {_at_entries(w, e, fact)} {A.proof})"
        return Texts(value, f"(map {slope} {A.value} ⊙ {A.rate})", proof)
    at = f"_ {w.given(e)}" if assumption(e) else "_"
    return Texts(value, f"({applied(slope, A.value)} * {A.rate})", f"(derive_of {f} {slope} ({fact} {at}) {A.proof})")


def _at_entries(w: Writer, e: Expression, fact: str) -> str:
    at = f"_ ({w.given(e)} i j Hi Hj)" if assumption(e) else "_"
    return f"(fun i j Hi Hj => {fact} {at})"


def slope_proof(w: Writer, e: Expression) -> str:
    """Return the proof of the slope of an elementwise function at each entry of its argument."""
    return _at_entries(w, e, w.fact(e.function))


def _function(w: Writer, e: Expression) -> Texts:
    if not w.varies(e.args[1]):
        return _of_entries(w, e, w.function(e.function), "", "")
    return _of_entries(w, e, w.function(e.function), w.slope(e.function), w.fact(e.function))


def _power(w: Writer, e: Expression) -> Texts:
    """Return the texts of a constant power of each entry, or of a number."""
    n = e.args[1]
    if n.is_Integer and n > 0:
        fact = f"derive_pow {n} {n} ltac:(simpl; lra)"
        return _of_entries(w, e, f"(fun x => x ^ {n})", f"(fun x => {n} * x ^ {n - 1})", fact)
    if n == -1:
        return _of_entries(w, e, "(fun x => / x)", "(fun x => (-1) * / x ^ 2)", "derive_inv")
    if n.is_Integer:
        fact = f"derive_inv_pow {-n} ({n}) ltac:(simpl; lra)"
        return _of_entries(w, e, f"(fun x => / x ^ {-n})", f"(fun x => ({n}) * / x ^ {1 - n})", fact)
    c, less = w.number(n), w.number(n - 1)
    fact = f"derive_power_to {c} {less} ltac:(lra)"
    return _of_entries(w, e, f"(fun x => Rpower x {c})", f"(fun x => {c} * Rpower x {less})", fact)


def applied(function: str, argument: str) -> str:
    """Return the text of a function at an argument; fun x => … is written out.

    >>> applied("(fun x => x ^ 2)", "z")
    '(z ^ 2)'
    """
    body = function.removeprefix("(fun x => ")
    return f"({function} {argument})" if body == function else "(" + re.sub(r"\bx\b", lambda _: argument, body)


def assumption(e: Expression) -> str:
    """Return what the row of a node assumes of its argument {}; nothing if it is differentiable everywhere."""
    if isinstance(e, nodes.HadamardPower | Pow):
        n = e.args[1]
        return "" if n.is_Integer and n > 0 else "{} <> 0" if n.is_Integer else "0 < {}"
    if isinstance(e, sympy.log):
        return "0 < {}"
    return assumed_of(e.function) if isinstance(e, ops.Elementwise | Applied) else ""


def assumed_of(f: ElementwiseFunction) -> str:
    """Return what a function assumes of its argument {}: that it lies inside of the domain, and at no kink."""
    low, high = f.row.domain.inf, f.row.domain.sup
    bounds = [f"{low} < {{}}"] * bool(low.is_finite) + [f"{{}} < {high}"] * bool(high.is_finite)
    return " /\\ ".join(bounds + [f"{{}} <> {kink}" for kink in f.row.kinks])


def not_empty_proof(size: str) -> str:
    """Return the proof that a size is not 0: the name of a hypothesis, unless it is a number.

    >>> not_empty_proof("K"), not_empty_proof("2")
    ('K_not_empty', '(Nat.lt_0_succ 1)')
    """
    return f"(Nat.lt_0_succ {int(size) - 1})" if size.isdigit() else re.sub(r"\W+", "_", size) + "_not_empty"


def not_empty(e: Expression) -> list[Expression]:
    """Return the sizes that must not be 0 for a node."""
    along = isinstance(e, ops.Softmax | ops.LogSoftmax | ops.LogSumExp | ops.Largest)
    return [e.argument.shape[e.axis]] if along else []


def _concatenated(w: Writer, e: Expression) -> Texts:
    """Return the texts of the sum of all parts, each in its place and with zeros around it."""
    parts = [_placed(w, e, block) for block in e.blocks if not isinstance(block.matrix, nodes.Zeros)]
    return reduce(lambda rest, first: _ADD.joined(first, rest), parts[-2::-1], parts[-1])


def _placed(w: Writer, e: Expression, block: AxisBlock) -> Texts:
    place = f"{'rows' if e.axis == ops.ROWS else 'cols'}_at"
    A, at = _texts(w, block.matrix), f"{w.nat(block.start)} {w.nat(block.matrix.shape[e.axis])}"
    proof = f"(moves_{place} (p:={w.nat(e.shape[e.axis])}) {w.nat(block.start)} {A.proof})"
    value = f"({place} {at} {A.value})"
    return Texts(value, f"({place} {at} {A.rate})", proof) if A.rate else Texts(value)


def _slice(w: Writer, e: Expression) -> Texts:
    axis, (start, stop) = e.axis, e.bounds
    part = f"{'rows' if axis == ops.ROWS else 'cols'}_from"
    A = _texts(w, e.argument)
    value = f"({part} {w.nat(start)} {A.value})"
    if not A.rate:
        return Texts(value)
    inside = f"(p:={w.nat(e.argument.shape[axis])}) (m:={w.nat(stop - start)}) {w.nat(start)} ltac:(lia)"
    return Texts(value, f"({part} {w.nat(start)} {A.rate})", f"(moves_{part} {inside} {A.proof})")


_S = "(softmax {m} {A})"
_LSE = _of_one("(lse {m} {A})", f"(sumcols {{m}} ({_S} ⊙ {{dA}}))", "(moves_lse {positive} {pA})")
_SOFTMAX = _of_one(
    _S, f"({_S} ⊙ ({{dA}} ⊕ ((-1) · bcol (sumcols {{m}} ({_S} ⊙ {{dA}})))))", "(moves_softmax {positive} {pA})"
)
_LOG_SOFTMAX = _of_one(
    "(logsoftmax {m} {A})", f"({{dA}} ⊕ ((-1) · bcol (sumcols {{m}} ({_S} ⊙ {{dA}}))))",
    "(moves_logsoftmax {positive} {pA})",
)  # fmt: skip
_ST = "(softmax {n} ({A}^T))"
_LSE_T = _of_one("(lse {n} ({A}^T)^T)", f"(sumcols {{n}} ({_ST} ⊙ ({{dA}}^T))^T)",
                 "(moves_tr (moves_lse {positive_n} (moves_tr {pA})))")  # fmt: skip
_SOFTMAX_T = _of_one(
    f"({_ST}^T)", f"(({_ST} ⊙ (({{dA}}^T) ⊕ ((-1) · bcol (sumcols {{n}} ({_ST} ⊙ ({{dA}}^T))))))^T)",
    "(moves_tr (moves_softmax {positive_n} (moves_tr {pA})))",
)  # fmt: skip

ROWS: dict[type[Basic], Row] = {
    # scalars
    Add: _nested(_PLUS),
    Mul: _nested(_TIMES),
    Pow: _power,
    sympy.exp: lambda w, e: _of_entries(w, e, "exp", "exp", "derive_exp"),
    sympy.log: lambda w, e: _of_entries(w, e, "ln", "(fun x => / x)", "derive_ln"),
    Applied: _function,
    nodes.Trace: _of_one("(trace {n} {A})", "(trace {n} {dA})", "(moves_trace {pA})"),
    ops.Total: _of_one("(total {n} {m} {A})", "(total {n} {m} {dA})", "(moves_total {pA})"),
    # matrices
    nodes.MatAdd: _nested(_ADD),
    nodes.Scaled: _scaled,
    nodes.MatMul: _matmul,
    nodes.MatPow: _matpow,
    nodes.Transpose: _of_one("({A}^T)", "({dA}^T)", "(moves_tr {pA})"),
    nodes.HadamardProduct: _nested(_HAD),
    nodes.HadamardPower: _power,
    ops.Elementwise: _function,
    ops.Sums: _along(
        _of_one("(sumrows {n} {A})", "(sumrows {n} {dA})", "(moves_sumrows {pA})"),
        _of_one("(sumcols {m} {A})", "(sumcols {m} {dA})", "(moves_sumcols {pA})"),
    ),
    ops.Broadcast: _along(
        _of_one("(brow {A})", "(brow {dA})", "(moves_brow (n:={N}) {pA})"),
        _of_one("(bcol {A})", "(bcol {dA})", "(moves_bcol (m:={M}) {pA})"),
    ),
    Concatenate: _concatenated,
    Slice: _slice,
    ops.LogSumExp: _along(_LSE_T, _LSE),
    ops.Softmax: _along(_SOFTMAX_T, _SOFTMAX),
    ops.LogSoftmax: _along(_LOG_SOFTMAX, _LOG_SOFTMAX),
    # constants
    nodes.Ones: lambda w, e: Texts("ones"),
    nodes.Zeros: lambda w, e: Texts("zeros"),
    nodes.Eye: lambda w, e: Texts("eye"),
    nodes.LowerOnes: lambda w, e: Texts("lower"),
}


def row_for(e: Basic) -> Row | None:
    """Return the row of a node's class, or of its nearest base class with a row; None if there is none."""
    return next((ROWS[kind] for kind in type(e).__mro__ if kind in ROWS), None)
