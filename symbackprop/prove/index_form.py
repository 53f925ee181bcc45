"""Expressions entry by entry, as SymPy scalars: sums over indices that are never written out.

Here each node's meaning is said in index notation, and elementwise functions are undefined ones: what is proved of
these forms is true for all sizes and for every differentiable function.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import sympy
from sympy import Add, Dummy, Expr, Function, Integer, Mul, Pow, Sum
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop import nodes
from symbackprop.functions import ElementwiseFunction
from symbackprop.maps import ROWS, Broadcast, Elementwise, LogSumExp, Softmax, Sums, Total

_t = Dummy("t", real=True)  # how far along their tangents the moved quantities are


class NoIndexForm(Exception):  # noqa: N818 — it is no error: nothing is claimed about such a node
    """A node whose meaning is not said in index notation."""

    def __init__(self, node: Any):
        super().__init__(node)
        self.node = node


def scalar_form(expression: Any, moved: Mapping[Any, Any] | None = None) -> Expr:
    """A scalar expression over entries of matrices.

    `moved` maps quantities, parts of the expression among them, to tangents of the same shape: wherever such a
    quantity stands, t times its tangent is added to it, for `differential` to differentiate by t.
    """
    return _Former(moved or {}).scalar(expression)


def entry_form(expression: Any, i: Any, j: Any, moved: Mapping[Any, Any] | None = None) -> Expr:
    """The (i, j) entry of a matrix expression; see `scalar_form`."""
    return _Former(moved or {}).entry(expression, i, j)


def differential(form: Expr) -> Expr:
    """The derivative of a form along the tangents, where nothing has moved yet."""
    return form.diff(_t).xreplace({_t: Integer(0)})


class _Former:
    def __init__(self, moved: Mapping[Any, Any]):
        self.moved = moved

    def entry(self, matrix: Any, i: Any, j: Any) -> Any:
        if matrix in self.moved:
            return entry_form(matrix, i, j) + _t * MatrixElement(self.moved[matrix], i, j)
        if matrix.is_symbol:
            return MatrixElement(matrix, i, j)
        return _of_kind(_ENTRIES, matrix)(self, matrix, i, j)

    def scalar(self, expression: Any) -> Any:
        if expression in self.moved:
            return scalar_form(expression) + _t * self.moved[expression]
        if expression.is_symbol or not expression.args or expression.is_number:
            return expression
        return _of_kind(_SCALARS, expression)(self, expression)

    def sum(self, sizes: Sequence[Expr], summand: Callable[..., Expr]) -> Expr:
        """Σ of summand(i, …) over fresh indices; in a dimension of size 1 the index is 0."""
        indices = [Integer(0) if size == 1 else Dummy("i", integer=True) for size in sizes]
        limits = [(i, 0, size - 1) for i, size in zip(indices, sizes, strict=True) if size != 1]
        return Sum(summand(*indices), *limits) if limits else summand(*indices)

    def line(self, node: Any, i: Any, j: Any, of: Callable[[Any], Any] = lambda entry: entry) -> Expr:
        """The sum along the axis of a node, through (i, j), of a function of each entry."""
        matrix = node.argument

        def at(k: Any) -> tuple[Any, Any]:
            return (k, j) if node.axis == ROWS else (i, k)

        return self.sum([matrix.shape[node.axis]], lambda k: of(self.entry(matrix, *at(k))))


def _of_kind(table: Mapping[type, Any], node: Any) -> Any:
    for kind in type(node).__mro__:
        if kind in table:
            return table[kind]
    raise NoIndexForm(node)


def _product(form: _Former, node: Any, i: Any, j: Any) -> Expr:
    def chain(*inner: Any) -> Expr:
        path = (i, *inner, j)
        return Mul(*(form.entry(factor, path[k], path[k + 1]) for k, factor in enumerate(node.args)))

    return form.sum([factor.shape[1] for factor in node.args[:-1]], chain)


@cache
def _undefined(function: ElementwiseFunction) -> Callable[[Any], Any]:
    """A function that is only known to have a derivative, or a constant slope."""
    slope = function.prime.expression

    def fdiff(self: Any, argindex: int = 1) -> Any:
        return slope if slope.is_number else _undefined(function.prime)(self.args[0])

    made: Any = type(function.name + "_prime" * function.order, (Function,), {"fdiff": fdiff})
    return made


def _broadcast(form: _Former, node: Any, i: Any, j: Any) -> Any:
    at = (Integer(0), j) if node.axis == ROWS else (i, Integer(0))
    return form.entry(node.argument, *at)


# fmt: off
_ENTRIES: dict[type, Callable[..., Any]] = {
    nodes.MatAdd:          lambda s, e, i, j: Add(*(s.entry(term, i, j) for term in e.args)),
    nodes.Scaled:          lambda s, e, i, j: s.scalar(e.args[0]) * s.entry(e.args[1], i, j),
    nodes.MatMul:          _product,
    nodes.Transpose:       lambda s, e, i, j: s.entry(e.args[0], j, i),
    nodes.HadamardProduct: lambda s, e, i, j: Mul(*(s.entry(factor, i, j) for factor in e.args)),
    nodes.HadamardPower:   lambda s, e, i, j: s.entry(e.args[0], i, j) ** s.scalar(e.args[1]),
    nodes.Ones:            lambda s, e, i, j: Integer(1),
    nodes.Zeros:           lambda s, e, i, j: Integer(0),
    Elementwise:           lambda s, e, i, j: _undefined(e.function)(s.entry(e.argument, i, j)),
    Sums:                  lambda s, e, i, j: s.line(e, i, j),
    Broadcast:             _broadcast,
    Softmax:               lambda s, e, i, j: sympy.exp(s.entry(e.argument, i, j)) / s.line(e, i, j, sympy.exp),
    LogSumExp:             lambda s, e, i, j: sympy.log(s.line(e, i, j, sympy.exp)),
}
_SCALARS: dict[type, Callable[..., Any]] = {
    Add:                   lambda s, e: Add(*map(s.scalar, e.args)),
    Mul:                   lambda s, e: Mul(*map(s.scalar, e.args)),
    Pow:                   lambda s, e: s.scalar(e.base) ** s.scalar(e.exp),
    sympy.exp:             lambda s, e: sympy.exp(s.scalar(e.args[0])),
    sympy.log:             lambda s, e: sympy.log(s.scalar(e.args[0])),
    Total:                 lambda s, e: s.sum(e.argument.shape, lambda i, j: s.entry(e.argument, i, j)),
}
# fmt: on
