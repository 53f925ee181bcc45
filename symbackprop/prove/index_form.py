"""Expressions written entry by entry: SymPy scalars with sums over indices that are never written out.

This is where each node's meaning is said a second time, apart from the rules. An elementwise function becomes an
undefined one, so what is proved of these forms is true of every differentiable function, and for all sizes.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import sympy
from sympy import Add, Dummy, Expr, Function, Integer, Mul, Pow, Rational, Sum, Symbol
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.derivative_symbols import Entrywise
from symbackprop.expressions.functions import Applied, ElementwiseFunction, a, z
from symbackprop.expressions.operations import (
    ROWS,
    AtLargest,
    Broadcast,
    Elementwise,
    Largest,
    LogSoftmax,
    LogSumExp,
    Softmax,
    Sums,
    Total,
)
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import Concatenate, Slice

# How far the moved quantities have gone along their tangents: not said to be real, or roots of squares become Abs.
t = Dummy("t")
_ZERO = Integer(0)

Moved = Mapping[Any, Any]


class NoIndexForm(Exception):  # noqa: N818 — nothing is wrong: nothing is claimed about such a node
    """A node whose meaning is not said here."""

    def __init__(self, node: Any):
        super().__init__(node)
        self.node = node


class Entry(MatrixElement):
    """A[i, j] without SymPy's check of the range, which would take most of the time of a proof."""

    def __new__(cls, matrix: Any, i: Any, j: Any) -> "Entry":
        return Expr.__new__(cls, matrix, i, j)


def scalar_form(expression: Any, moved: Moved | None = None) -> Any:
    """A scalar expression in the entries of its matrices.

    `moved` maps quantities, which may be parts such as y - yhat, to tangents of the same shape. Wherever such a
    quantity stands, t times its tangent is added, for `differential` to derive by t.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> A, dA = NamedMatrix("A", 1, 1), NamedMatrix("dA", 1, 1)
    >>> differential(scalar_form(Total(nodes.HadamardProduct(A, A)), {A: dA}))
    2*A[0, 0]*dA[0, 0]
    """
    return _Form(moved or {}).scalar(expression)


def entry_form(expression: Any, i: Any, j: Any, moved: Moved | None = None) -> Any:
    """The (i, j) entry of a matrix expression; see `scalar_form`."""
    return _Form(moved or {}).entry(expression, i, j)


def differential(form: Any) -> Any:
    """The derivative of a form along the tangents, where nothing has moved yet."""
    return form.diff(t).xreplace({t: _ZERO})


class _Form:
    def __init__(self, moved: Moved):
        self.moved = moved

    def scalar(self, node: Any) -> Any:
        if node in self.moved:
            return scalar_form(node) + t * self.moved[node]
        if is_matrix(node):
            raise NoIndexForm(node)
        return _row(_SCALARS, node)(self, node)

    def entry(self, node: Any, i: Any, j: Any) -> Any:
        if node in self.moved:
            return entry_form(node, i, j) + t * Entry(self.moved[node], i, j)
        return _row(_ENTRIES, node)(self, node, i, j)

    def line(self, node: Any, i: Any, j: Any, of: Callable[[Any], Any] = lambda entry: entry) -> Any:
        """The sum, of a function of each entry, over the line of its argument that the (i, j) entry is made of."""
        path: Callable[[Any], Any] = (lambda k: (k, j)) if node.axis == ROWS else (lambda k: (i, k))
        return _sum([node.argument.shape[node.axis]], lambda k: of(self.entry(node.argument, *path(k))))


def _row(table: Mapping[type, Any], node: Any) -> Any:
    """What a table says of the class of a node, or of the nearest class that it derives from."""
    for kind in type(node).__mro__:
        if kind in table:
            return table[kind]
    raise NoIndexForm(node)


def _sum(sizes: Sequence[Any], summand: Callable[..., Any]) -> Any:
    """Σ of summand(i, …) over indices that are used nowhere else; where there is one entry, its index is 0."""
    indices = [_ZERO if size == 1 else Dummy("i") for size in sizes]
    limits = [(i, 0, size - 1) for i, size in zip(indices, sizes, strict=True) if size != 1]
    return Sum(summand(*indices), *limits) if limits else summand(*indices)


def _matmul(form: _Form, node: Any, i: Any, j: Any) -> Any:
    def chain(*inner: Any) -> Any:
        steps = zip(node.args, (i, *inner), (*inner, j), strict=True)
        return Mul(*(form.entry(*step) for step in steps))

    return _sum([factor.shape[1] for factor in node.args[:-1]], chain)


def place(one: Any, other: Any, size: Any) -> Any:
    """1 where two places on an axis of that size are the same, 0 where they are not."""
    difference = sympy.expand(one - other)
    return Integer(int(difference == 0)) if difference.is_number else Place(one, other, size)


class Place(Function):
    """`place` of two places that are not known; a sum over all of them finds the one (see `normal_form`)."""


def _concatenated(form: _Form, node: Any, i: Any, j: Any) -> Any:
    """Each block summed over its places, of which one is the place that is looked at."""
    here, size = (i, j)[node.axis], node.shape[node.axis]

    def part(block: Any) -> Any:
        def at(k: Any) -> Any:
            entry = form.entry(block.matrix, *((k, j) if node.axis == ROWS else (i, k)))
            return entry * place(here, block.start + k, size)

        return _sum([block.stop - block.start], at)

    return Add(*map(part, node.blocks))


def _sliced(form: _Form, node: Any, i: Any, j: Any) -> Any:
    start = node.bounds[0]
    return form.entry(node.argument, *((start + i, j) if node.axis == ROWS else (i, start + j)))


def _largest(form: _Form, node: Any, i: Any, j: Any) -> Any:
    """The largest entry, which moves as the entry does that is the largest."""
    where, path = AtLargest(*node.args), (lambda k: (k, j)) if node.axis == ROWS else (lambda k: (i, k))

    def moving(k: Any) -> Any:
        return Entry(where, *path(k)) * differential(form.entry(node.argument, *path(k)))  # type: ignore[no-untyped-call]

    return Entry(node, i, j) + t * _sum([node.argument.shape[node.axis]], moving)


def _inverse(form: _Form, node: Any, i: Any, j: Any) -> Any:
    """The entry of the inverse, and how it moves: M M⁻¹ = I, so that d(M⁻¹) = −M⁻¹ dM M⁻¹."""
    matrix, still = node.args[0], Entry(node, i, j)
    size = matrix.shape[0]

    def moving(k: Any, m: Any) -> Any:
        return Entry(node, i, k) * differential(form.entry(matrix, k, m)) * Entry(node, m, j)

    return still - t * _sum([size, size], moving)


def _determinant(form: _Form, node: Any) -> Any:
    """The determinant, and how it moves by Jacobi's formula: d det M = det M tr(M⁻¹ dM)."""
    matrix = node.args[0]
    inverse, size = nodes.Inverse(matrix), matrix.shape[0]

    def moving(k: Any, m: Any) -> Any:
        return Entry(inverse, m, k) * differential(form.entry(matrix, k, m))

    return node * (1 + t * _sum([size, size], moving))


def _entrywise(_: _Form, node: Any, i: Any, j: Any) -> Any:
    """f′ of an entry: how f(Z) moves with the entry of Z that it is made of, and with no other."""
    of, by = node.of, node.by
    if not isinstance(of, Elementwise) or of.argument != by:
        raise NoIndexForm(node)
    return differential(_of_scalar(of.function, entry_form(by, i, j) + t))


def _broadcast(form: _Form, node: Any, i: Any, j: Any) -> Any:
    rows, columns = node.argument.shape
    return form.entry(node.argument, _ZERO if rows == 1 else i, _ZERO if columns == 1 else j)


def _of_scalar(function: ElementwiseFunction, x: Any) -> Any:
    """f(x): exp and log as SymPy knows them, a multiple of x, or a function of which nothing is known."""
    known = function.name in ("exp", "log") or function.expression.is_polynomial(z)
    return function.at(x) if known else _undefined(function)(x)


@cache
def _undefined(function: ElementwiseFunction) -> Any:
    """A function of which nothing is known but its derivative: by its name, a power, or another function."""
    known = function.prime.written_out

    def fdiff(self: Any, argindex: int = 1) -> Any:
        (x,) = self.args
        if known is None:
            derivative: Any = _undefined(function.prime)
            return derivative(x)
        coefficient, form = known
        return coefficient * (_of_scalar(form, x) if isinstance(form, ElementwiseFunction) else x**form)

    return type(f"{function.name}^({function.order})", (Function,), {"nargs": 1, "fdiff": fdiff, "said": function})


def in_outputs(form: Any) -> Any:
    """The form with each f′(x) in terms of f(x), where it is known so: the function's own proof says that it is."""

    def output_form(part: Any) -> Any:
        function = part.said
        return function.row.prime_of_output.xreplace({a: _undefined(function.undifferentiated)(*part.args)})

    return form.replace(_has_output_form, output_form)


def _has_output_form(part: Any) -> bool:
    function = getattr(part, "said", None)
    return function is not None and function.order == 1 and function.row.prime_of_output is not None


# fmt: off
_SCALARS: dict[type, Callable[..., Any]] = {
    sympy.Number:          lambda s, x: x,
    sympy.NumberSymbol:    lambda s, x: x,
    sympy.Float:           lambda s, x: Rational(x),  # exact: rounding could make different forms equal
    Symbol:                lambda s, x: x,
    Add:                   lambda s, x: Add(*map(s.scalar, x.args)),
    Mul:                   lambda s, x: Mul(*map(s.scalar, x.args)),
    Pow:                   lambda s, x: Pow(*map(s.scalar, x.args)),
    sympy.exp:             lambda s, x: sympy.exp(*map(s.scalar, x.args)),
    sympy.log:             lambda s, x: sympy.log(*map(s.scalar, x.args)),
    Applied:               lambda s, x: _of_scalar(x.function, s.scalar(x.args[1])),
    nodes.Trace:           lambda s, x: _sum([x.args[0].shape[0]], lambda i: s.entry(x.args[0], i, i)),
    nodes.Determinant:     _determinant,
    Total:                 lambda s, x: _sum(x.argument.shape, lambda i, j: s.entry(x.argument, i, j)),
}
_ENTRIES: dict[type, Callable[..., Any]] = {
    sympy.MatrixSymbol:    lambda s, A, i, j: Entry(A, i, j),
    nodes.Ones:            lambda s, A, i, j: Integer(1),
    nodes.Zeros:           lambda s, A, i, j: _ZERO,
    nodes.LowerOnes:       lambda s, A, i, j: Entry(A, i, j),  # any constant matrix would do
    nodes.MatAdd:          lambda s, A, i, j: Add(*(s.entry(term, i, j) for term in A.args)),
    nodes.Scaled:          lambda s, A, i, j: s.scalar(A.args[0]) * s.entry(A.args[1], i, j),
    nodes.MatMul:          _matmul,
    nodes.Transpose:       lambda s, A, i, j: s.entry(A.args[0], j, i),
    nodes.Eye:             lambda s, A, i, j: place(i, j, A.shape[0]),
    nodes.MatPow:          lambda s, A, i, j: _matmul(s, A.as_product(), i, j),
    nodes.Inverse:         _inverse,
    nodes.HadamardProduct: lambda s, A, i, j: Mul(*(s.entry(factor, i, j) for factor in A.args)),
    nodes.HadamardPower:   lambda s, A, i, j: Pow(s.entry(A.args[0], i, j), s.scalar(A.args[1])),
    Elementwise:           lambda s, A, i, j: _of_scalar(A.function, s.entry(A.argument, i, j)),
    Entrywise:             _entrywise,
    Concatenate:           _concatenated,
    Slice:                 _sliced,
    Largest:               _largest,
    AtLargest:             lambda s, A, i, j: Entry(A, i, j),
    LogSoftmax:            lambda s, A, i, j: s.entry(A.argument, i, j) - sympy.log(s.line(A, i, j, sympy.exp)),
    Sums:                  lambda s, A, i, j: s.line(A, i, j),
    Broadcast:             _broadcast,
    Softmax:               lambda s, A, i, j: sympy.exp(s.entry(A.argument, i, j)) / s.line(A, i, j, sympy.exp),
    LogSumExp:             lambda s, A, i, j: sympy.log(s.line(A, i, j, sympy.exp)),
}
# fmt: on
