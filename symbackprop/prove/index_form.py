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

from symbackprop import nodes
from symbackprop.functions import ElementwiseFunction
from symbackprop.maps import ROWS, Broadcast, Elementwise, LogSumExp, Softmax, Sums, Total
from symbackprop.shapes import is_matrix

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

    >>> from symbackprop.nodes import NamedMatrix
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


def _broadcast(form: _Form, node: Any, i: Any, j: Any) -> Any:
    rows, columns = node.argument.shape
    return form.entry(node.argument, _ZERO if rows == 1 else i, _ZERO if columns == 1 else j)


def _elementwise(form: _Form, node: Any, i: Any, j: Any) -> Any:
    entry, f = form.entry(node.argument, i, j), node.function.undifferentiated
    known = f.prime.expression.is_number or isinstance(f.expression, sympy.exp | sympy.log)
    return node.function.at(entry) if known else _undefined(node.function)(entry)


@cache
def _undefined(function: ElementwiseFunction) -> Any:
    """A function of which nothing is known but the name of its derivative."""

    def fdiff(self: Any, argindex: int = 1) -> Any:
        derivative: Any = _undefined(function.prime)
        return derivative(*self.args)

    return type(f"{function.name}^({function.order})", (Function,), {"nargs": 1, "fdiff": fdiff})


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
    Total:                 lambda s, x: _sum(x.argument.shape, lambda i, j: s.entry(x.argument, i, j)),
}
_ENTRIES: dict[type, Callable[..., Any]] = {
    sympy.MatrixSymbol:    lambda s, A, i, j: Entry(A, i, j),
    nodes.Ones:            lambda s, A, i, j: Integer(1),
    nodes.Zeros:           lambda s, A, i, j: _ZERO,
    nodes.MatAdd:          lambda s, A, i, j: Add(*(s.entry(term, i, j) for term in A.args)),
    nodes.Scaled:          lambda s, A, i, j: s.scalar(A.args[0]) * s.entry(A.args[1], i, j),
    nodes.MatMul:          _matmul,
    nodes.Transpose:       lambda s, A, i, j: s.entry(A.args[0], j, i),
    nodes.HadamardProduct: lambda s, A, i, j: Mul(*(s.entry(factor, i, j) for factor in A.args)),
    nodes.HadamardPower:   lambda s, A, i, j: Pow(s.entry(A.args[0], i, j), s.scalar(A.args[1])),
    Elementwise:           _elementwise,
    Sums:                  lambda s, A, i, j: s.line(A, i, j),
    Broadcast:             _broadcast,
    Softmax:               lambda s, A, i, j: sympy.exp(s.entry(A.argument, i, j)) / s.line(A, i, j, sympy.exp),
    LogSumExp:             lambda s, A, i, j: sympy.log(s.line(A, i, j, sympy.exp)),
}
# fmt: on
