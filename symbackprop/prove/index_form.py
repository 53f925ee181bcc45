"""Expressions written entry by entry: SymPy scalars with sums over symbolic indices.

This is a second definition of each operation, independent of the rules. An elementwise function becomes an undefined
one, so a proof with these forms is valid for every differentiable function and for all sizes.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from functools import cache
from typing import TypeAlias

import sympy
from sympy import Add, Dummy, Expr, Function, Integer, Mul, Pow, Rational, Sum, Symbol, Tuple
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop.expressions import matrices as nodes
from symbackprop.expressions import operations as ops
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Size
from symbackprop.expressions.derivative_symbols import Entrywise
from symbackprop.expressions.functions import Applied, ElementwiseFunction, a, z
from symbackprop.expressions.operations import ROWS, AtLargest, Elementwise, Largest, Total
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import AxisBlock, Concatenate, Slice

# The step along the tangents in a directional derivative. Not declared real, or SymPy rewrites sqrt(x**2) as Abs(x).
t = Dummy("t")
_ZERO = Integer(0)

Tangents: TypeAlias = Mapping[Expression, Expression]  # of perturbed quantities; each has the shape of its quantity


class NoIndexForm(Exception):  # noqa: N818 — nothing is wrong: such a node is only not covered
    """An error for a node whose entries are not defined in this module."""

    def __init__(self, node: Expression):
        super().__init__(node)
        self.node = node


class _NothingKnown:
    """Facts that SymPy would look for at length whenever it makes a product or a function, and would not find."""

    is_zero = is_finite = is_infinite = None


class IndexSum(_NothingKnown, Sum):
    """A sum over indices, which SymPy is not asked to look at."""

    def __new__(cls, summand: Scalar, *limits: tuple[Dummy, Size, Size]) -> "IndexSum":
        """Return Σ summand; a sum of a sum is one sum over all indices."""
        if isinstance(summand, IndexSum):
            summand, limits = summand.function, (*summand.limits, *limits)
        new = Expr.__new__(cls, summand, *(Tuple(*limit) for limit in limits))
        new.is_commutative = True
        return new


class IndexedEntry(_NothingKnown, MatrixElement):
    """An entry A[i, j] without SymPy's check of the index range, which would take most of the time of a proof."""

    def __new__(cls, matrix: Matrix, i: Size, j: Size) -> "IndexedEntry":
        """Return the entry in row i and column j."""
        return Expr.__new__(cls, matrix, i, j)


def scalar_form(expression: Scalar, tangents: Tangents | None = None) -> Scalar:
    """Return a scalar expression in terms of the entries of its matrices.

    `tangents` maps perturbed quantities, which may be parts such as y - yhat, to tangents of the same shape. To each
    occurrence of such a quantity, t times its tangent is added, and `differential` differentiates with respect to t.

    >>> from symbackprop.expressions.matrices import NamedMatrix
    >>> A, dA = NamedMatrix("A", 1, 1), NamedMatrix("dA", 1, 1)
    >>> differential(scalar_form(Total(nodes.HadamardProduct(A, A)), {A: dA}))
    2*A[0, 0]*dA[0, 0]
    """
    return _Form(tangents or {}).scalar(expression)


def entry_form(expression: Matrix, i: Size, j: Size, tangents: Tangents | None = None) -> Scalar:
    """Return the (i, j) entry of a matrix expression in terms of the entries of its matrices; see `scalar_form`."""
    return _Form(tangents or {}).entry(expression, i, j)


def with_entries(form: Scalar, matrices: Container[Matrix], value: Callable[[MatrixElement], Scalar]) -> Scalar:
    """Return the form with a value in place of each entry of some matrices."""
    return form.xreplace({entry: value(entry) for entry in form.atoms(MatrixElement) if entry.parent in matrices})


def differential(form: Scalar) -> Scalar:
    """Return the directional derivative of a form along the tangents, at t = 0.

    Sums and products are differentiated here, term by term and factor by factor; SymPy differentiates what they are of.
    """
    if not form.has(t):
        return _ZERO
    if isinstance(form, Add):
        return Add(*map(differential, form.args))
    if isinstance(form, IndexSum):
        return IndexSum(differential(form.function), *form.limits)
    if isinstance(form, Mul):
        at_0 = [factor.xreplace({t: _ZERO}) for factor in form.args]
        changes = ((k, differential(factor)) for k, factor in enumerate(form.args))
        return Add(*(Mul(*at_0[:k], change, *at_0[k + 1 :]) for k, change in changes if change != 0))
    return form.diff(t).xreplace({t: _ZERO})


class _Form:
    def __init__(self, tangents: Tangents):
        self.tangents = tangents

    def scalar(self, node: Scalar) -> Scalar:
        if node in self.tangents:
            return scalar_form(node) + t * self.tangents[node]
        if is_matrix(node):
            raise NoIndexForm(node)
        return _row(_SCALARS, node)(self, node)

    def entry(self, node: Matrix, i: Size, j: Size) -> Scalar:
        if node in self.tangents:
            return entry_form(node, i, j) + t * IndexedEntry(self.tangents[node], i, j)
        return _row(_ENTRIES, node)(self, node, i, j)

    def line(
        self, node: Matrix, i: Size, j: Size, function: Callable[[Scalar], Scalar] = lambda entry: entry
    ) -> Scalar:
        """Return the sum of a function of the entries in the row or column of the argument that contains (i, j)."""
        at = _along(node, i, j)
        return _sum([node.argument.shape[node.axis]], lambda k: function(self.entry(node.argument, *at(k))))


def _along(node: Matrix, i: Size, j: Size) -> Callable[[Size], tuple[Size, Size]]:
    """Return the function from k to the indices of the k-th entry in the row or column that contains (i, j)."""
    return (lambda k: (k, j)) if node.axis == ROWS else (lambda k: (i, k))


def _row(table: Mapping[type, Callable[..., Scalar]], node: Expression) -> Callable[..., Scalar]:
    """Return the definition in a table for the class of a node, or for the nearest base class that has one."""
    for kind in type(node).__mro__:
        if kind in table:
            return table[kind]
    raise NoIndexForm(node)


def _sum(sizes: Sequence[Size], summand: Callable[..., Scalar]) -> Scalar:
    """Return Σ summand(i, …) over new indices; for an axis of size 1, the index is 0, without Σ."""
    indices = [_ZERO if size == 1 else Dummy("i") for size in sizes]
    limits = [(i, 0, size - 1) for i, size in zip(indices, sizes, strict=True) if size != 1]
    return IndexSum(summand(*indices), *limits) if limits else summand(*indices)


def _matmul(form: _Form, node: Matrix, i: Size, j: Size) -> Scalar:
    def chain(*inner: Size) -> Scalar:
        steps = zip(node.args, (i, *inner), (*inner, j), strict=True)
        return Mul(*(form.entry(*step) for step in steps))

    return _sum([factor.shape[1] for factor in node.args[:-1]], chain)


def kronecker_delta(one: Size, other: Size, size: Size) -> Scalar:
    """Return 1 if two indices along an axis of this size are equal, else 0; symbolic if that is not known."""
    difference = sympy.expand(one - other)
    return Integer(int(difference == 0)) if difference.is_number else KroneckerDelta(one, other, size)


class KroneckerDelta(Function):
    """A Kronecker delta of two symbolic indices, with the size of their axis; `normal_form` sums over it."""


def _concatenated(form: _Form, node: Matrix, i: Size, j: Size) -> Scalar:
    """Return Σₖ block[k] δ(index, start + k), summed over all blocks."""
    index, size, at = (i, j)[node.axis], node.shape[node.axis], _along(node, i, j)

    def part(block: AxisBlock) -> Scalar:
        def term(k: Size) -> Scalar:
            return form.entry(block.matrix, *at(k)) * kronecker_delta(index, block.start + k, size)

        return _sum([block.stop - block.start], term)

    return Add(*map(part, node.blocks))


def _sliced(form: _Form, node: Matrix, i: Size, j: Size) -> Scalar:
    start = node.bounds[0]
    return form.entry(node.argument, *((start + i, j) if node.axis == ROWS else (i, start + j)))


def _largest(form: _Form, node: Matrix, i: Size, j: Size) -> Scalar:
    """Return the largest entry; its differential is that of the entry which is the largest."""
    where, at = AtLargest(*node.args), _along(node, i, j)

    def change(k: Size) -> Scalar:
        return IndexedEntry(where, *at(k)) * differential(form.entry(node.argument, *at(k)))

    return IndexedEntry(node, i, j) + t * _sum([node.argument.shape[node.axis]], change)


def _inverse(form: _Form, node: Matrix, i: Size, j: Size) -> Scalar:
    """Return an entry of the inverse, whose differential d(M⁻¹) = −M⁻¹ dM M⁻¹ follows from M M⁻¹ = I."""
    matrix, value = node.args[0], IndexedEntry(node, i, j)
    size = matrix.shape[0]

    def change(k: Size, m: Size) -> Scalar:
        return IndexedEntry(node, i, k) * differential(form.entry(matrix, k, m)) * IndexedEntry(node, m, j)

    return value - t * _sum([size, size], change)


def _determinant(form: _Form, node: Scalar) -> Scalar:
    """Return the determinant, whose differential is d det M = det M tr(M⁻¹ dM) by Jacobi's formula."""
    matrix = node.args[0]
    inverse, size = nodes.Inverse(matrix), matrix.shape[0]

    def change(k: Size, m: Size) -> Scalar:
        return IndexedEntry(inverse, m, k) * differential(form.entry(matrix, k, m))

    return node * (1 + t * _sum([size, size], change))


def _entrywise(_: _Form, node: Matrix, i: Size, j: Size) -> Scalar:
    """Return f′ of an entry, the derivative of an entry of f(z) with respect to the same entry of z."""
    of, by = node.of, node.by
    if not isinstance(of, Elementwise) or of.argument != by:
        raise NoIndexForm(node)
    return differential(_of_scalar(of.function, entry_form(by, i, j) + t))


def _broadcast(form: _Form, node: Matrix, i: Size, j: Size) -> Scalar:
    rows, columns = node.argument.shape
    return form.entry(node.argument, _ZERO if rows == 1 else i, _ZERO if columns == 1 else j)


def _of_scalar(function: ElementwiseFunction, x: Scalar) -> Scalar:
    """Return f(x) as SymPy's own exp or log, as a polynomial in x, or as an undefined function of x."""
    known = function.name in ("exp", "log") or function.expression.is_polynomial(z)
    return function.at(x) if known else _undefined(function)(x)


@cache
def _undefined(function: ElementwiseFunction) -> type[Function]:
    """Return an undefined SymPy function with a known derivative: its own f′, a power, or another function."""
    known = function.prime.written_out

    def fdiff(self: Function, argindex: int = 1) -> Scalar:
        (x,) = self.args
        if known is None:
            return _undefined(function.prime)(x)
        coefficient, form = known
        return coefficient * (_of_scalar(form, x) if isinstance(form, ElementwiseFunction) else x**form)

    return type(
        f"{function.name}^({function.order})", (Function,), {"nargs": 1, "fdiff": fdiff, "stands_for": function}
    )


def in_outputs(form: Scalar) -> Scalar:
    """Return the form with f′(x) in terms of f(x), for functions that have such a formula.

    These formulas are proved together with the derivatives of the functions.
    """

    def output_form(part: Scalar) -> Scalar:
        function = part.stands_for
        return function.row.prime_of_output.xreplace({a: _undefined(function.undifferentiated)(*part.args)})

    return form.replace(_has_output_form, output_form)


def _has_output_form(part: Scalar) -> bool:
    function = getattr(part, "stands_for", None)
    return function is not None and function.order == 1 and function.row.prime_of_output is not None


# fmt: off
_SCALARS: dict[type, Callable[..., Scalar]] = {
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
_ENTRIES: dict[type, Callable[..., Scalar]] = {
    sympy.MatrixSymbol:    lambda s, A, i, j: IndexedEntry(A, i, j),
    nodes.Ones:            lambda s, A, i, j: Integer(1),
    nodes.Zeros:           lambda s, A, i, j: _ZERO,
    nodes.LowerOnes:       lambda s, A, i, j: IndexedEntry(A, i, j),  # any constant matrix would do
    nodes.MatAdd:          lambda s, A, i, j: Add(*(s.entry(term, i, j) for term in A.args)),
    nodes.Scaled:          lambda s, A, i, j: s.scalar(A.args[0]) * s.entry(A.args[1], i, j),
    nodes.MatMul:          _matmul,
    nodes.Transpose:       lambda s, A, i, j: s.entry(A.args[0], j, i),
    nodes.Eye:             lambda s, A, i, j: kronecker_delta(i, j, A.shape[0]),
    nodes.MatPow:          lambda s, A, i, j: _matmul(s, A.as_product(), i, j),
    nodes.Inverse:         _inverse,
    nodes.HadamardProduct: lambda s, A, i, j: Mul(*(s.entry(factor, i, j) for factor in A.args)),
    nodes.HadamardPower:   lambda s, A, i, j: Pow(s.entry(A.args[0], i, j), s.scalar(A.args[1])),
    Elementwise:           lambda s, A, i, j: _of_scalar(A.function, s.entry(A.argument, i, j)),
    Entrywise:             _entrywise,
    Concatenate:           _concatenated,
    Slice:                 _sliced,
    Largest:               _largest,
    AtLargest:             lambda s, A, i, j: IndexedEntry(A, i, j),
    ops.LogSoftmax:        lambda s, A, i, j: s.entry(A.argument, i, j) - sympy.log(s.line(A, i, j, sympy.exp)),
    ops.Sums:              lambda s, A, i, j: s.line(A, i, j),
    ops.Broadcast:         _broadcast,
    ops.Softmax:           lambda s, A, i, j: sympy.exp(s.entry(A.argument, i, j)) / s.line(A, i, j, sympy.exp),
    ops.LogSumExp:         lambda s, A, i, j: sympy.log(s.line(A, i, j, sympy.exp)),
}
# fmt: on
