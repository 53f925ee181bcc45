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
from symbackprop.expressions.einsum import Einsum
from symbackprop.expressions.functions import Applied, ElementwiseFunction, a, z
from symbackprop.expressions.gathers import Gather, Scattered
from symbackprop.expressions.operations import AtLargest, Elementwise, Largest, Total, replaced
from symbackprop.expressions.places import Index, InnerPlace, OuterPlace, divided
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
    """An entry A[i, j, …] without SymPy's check of the index range, which would take most of the time of a proof."""

    def __new__(cls, matrix: Matrix, *at: Size) -> "IndexedEntry":
        """Return the entry at these indices, of a matrix in row i and column j."""
        return Expr.__new__(cls, matrix, *at)

    def _eval_derivative(self, _: Scalar) -> Scalar:
        return Integer(0)


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


def entry_form(expression: Matrix, *at: Size, tangents: Tangents | None = None) -> Scalar:
    """Return the entry of an expression at these indices in terms of the entries of its names; see `scalar_form`."""
    return _Form(tangents or {}).entry(expression, *at)


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


def split_axes(form: Scalar) -> Scalar:
    """Return a form in which sums over an axis that was made of two are sums over the two, if their places occur."""
    while asked := _asked(form):
        size, inner = min(asked, key=str)

        def opened(whole: IndexSum, size: Size = size, inner: Size = inner) -> Scalar:
            body, limits = whole.function, []
            for index, first, last in whole.limits:
                if sympy.expand(last + 1 - size) != 0:
                    limits.append((index, first, last))
                    continue
                one, two = Index(size / inner), Index(inner)
                body = body.xreplace({index: one * inner + two})
                limits += [(one, 0, size / inner - 1), (two, 0, inner - 1)]
            return IndexSum(body, *limits)

        form = form.replace(lambda part: isinstance(part, Sum), opened)
        form = form.replace(lambda part: isinstance(part, OuterPlace), lambda part: divided(*part.args)[0])
        form = form.replace(lambda part: isinstance(part, InnerPlace), lambda part: divided(*part.args)[1])
    return form


def _asked(form: Scalar) -> set[tuple[Size, Size]]:
    """Return (size, n) for each index that is summed over its size and asked for the places p // n and p % n."""
    places = form.atoms(OuterPlace, InnerPlace)
    if not places:
        return set()
    summed = {index: last + 1 for part in form.atoms(Sum) for index, _, last in part.limits}
    sizes = ((summed.get(place.args[0]), place.args[1]) for place in places)
    return {(size, n) for size, n in sizes if size is not None and (size / n).is_integer}


class _Form:
    def __init__(self, tangents: Tangents):
        self.tangents = tangents

    def scalar(self, node: Scalar) -> Scalar:
        if node in self.tangents:
            return scalar_form(node) + t * self.tangents[node]
        if is_matrix(node):
            raise NoIndexForm(node)
        return _row(_SCALARS, node)(self, node)

    def entry(self, node: Matrix, *at: Size) -> Scalar:
        if node in self.tangents:
            return entry_form(node, *at) + t * IndexedEntry(self.tangents[node], *at)
        return _row(_ENTRIES, node)(self, node, *at)

    def line(
        self, node: Matrix, at: tuple[Size, ...], function: Callable[[Scalar], Scalar] = lambda entry: entry
    ) -> Scalar:
        """Return the sum of a function of the entries in the row, column or other line of the argument through `at`."""
        place = _along(node, at)
        return _sum([node.argument.shape[node.axis]], lambda k: function(self.entry(node.argument, *place(k))))


def _along(node: Matrix, at: tuple[Size, ...]) -> Callable[[Size], tuple[Size, ...]]:
    """Return the function from k to the indices of the k-th entry in the line along the node's axis through `at`."""
    return lambda k: replaced(at, node.axis, k)


def _row(table: Mapping[type, Callable[..., Scalar]], node: Expression) -> Callable[..., Scalar]:
    """Return the definition in a table for the class of a node, or for the nearest base class that has one."""
    for kind in type(node).__mro__:
        if kind in table:
            return table[kind]
    raise NoIndexForm(node)


def _sum(sizes: Sequence[Size], summand: Callable[..., Scalar]) -> Scalar:
    """Return Σ summand(i, …) over new indices; for an axis of size 1, the index is 0, without Σ."""
    indices = [_ZERO if size == 1 else Index(size) for size in sizes]
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

    @classmethod
    def eval(cls, one: Size, other: Size, size: Size) -> Scalar | None:
        """Put the two indices in one order, so that equal deltas look alike."""
        ordered = sympy.default_sort_key(one) <= sympy.default_sort_key(other)
        return None if ordered else cls(other, one, size)

    def _eval_power(self, exponent: Scalar) -> Scalar | None:
        """Return the delta itself for a positive power: its values are 0 and 1."""
        return self if exponent.is_positive else None


def _concatenated(form: _Form, node: Matrix, *at: Size) -> Scalar:
    """Return Σₖ block[k] δ(index, start + k), summed over all blocks."""
    index, size, place = at[node.axis], node.shape[node.axis], _along(node, at)

    def part(block: AxisBlock) -> Scalar:
        def term(k: Size) -> Scalar:
            return form.entry(block.matrix, *place(k)) * kronecker_delta(index, block.start + k, size)

        return _sum([block.stop - block.start], term)

    return Add(*map(part, node.blocks))


def _sliced(form: _Form, node: Matrix, *at: Size) -> Scalar:
    return form.entry(node.argument, *replaced(at, node.axis, node.bounds[0] + at[node.axis]))


def _einsum(form: _Form, node: Matrix, *at: Size) -> Scalar:
    """Return the sum, over the letters that the result lacks, of the products of the entries."""
    (words, output), sizes = node.letters, node.sizes
    inner = [letter for letter in sizes if letter not in output]

    def product(*indices: Size) -> Scalar:
        place = dict(zip(output, at, strict=True)) | dict(zip(inner, indices, strict=True))
        factors = zip(words, node.operands, strict=True)
        return Mul(*(form.entry(A, *(place[letter] for letter in word)) for word, A in factors))

    return _sum([sizes[letter] for letter in inner], product)


def _scattered(form: _Form, node: Matrix, *at: Size) -> Scalar:
    """Return the sum over the gather's places of the adjoint there, where that place was taken from `at`."""
    sizes = node.shape

    def there(*places: Size) -> Scalar:
        source = node.gather.source(places)
        same = (kronecker_delta(here, taken, size) for here, taken, size in zip(at, source, sizes, strict=True))
        return form.entry(node.argument, *places) * Mul(*same)

    return _sum(node.gather.shape, there)


def _largest(form: _Form, node: Matrix, *at: Size) -> Scalar:
    """Return the largest entry; its differential is that of the entry which is the largest."""
    where, place = AtLargest(*node.args), _along(node, at)

    def change(k: Size) -> Scalar:
        return IndexedEntry(where, *place(k)) * differential(form.entry(node.argument, *place(k)))

    return IndexedEntry(node, *at) + t * _sum([node.argument.shape[node.axis]], change)


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


def _entrywise(_: _Form, node: Matrix, *at: Size) -> Scalar:
    """Return f′ of an entry, the derivative of an entry of f(z) with respect to the same entry of z."""
    of, by = node.of, node.by
    if not isinstance(of, Elementwise) or of.argument != by:
        raise NoIndexForm(node)
    return differential(_of_scalar(of.function, entry_form(by, *at) + t))


def _broadcast(form: _Form, node: Matrix, *at: Size) -> Scalar:
    inner = node.argument.shape
    aligned = at[len(at) - len(inner) :]
    return form.entry(node.argument, *(_ZERO if n == 1 else i for n, i in zip(inner, aligned, strict=True)))


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
    Total:                 lambda s, x: _sum(x.argument.shape, lambda *at: s.entry(x.argument, *at)),
}
_ENTRIES: dict[type, Callable[..., Scalar]] = {
    sympy.MatrixSymbol:    lambda s, A, *at: IndexedEntry(A, *at),
    nodes.Ones:            lambda s, A, *at: Integer(1),
    nodes.Zeros:           lambda s, A, *at: _ZERO,
    nodes.LowerOnes:       lambda s, A, *at: IndexedEntry(A, *at),  # any constant matrix would do
    nodes.MatAdd:          lambda s, A, *at: Add(*(s.entry(term, *at) for term in A.args)),
    nodes.Scaled:          lambda s, A, *at: s.scalar(A.args[0]) * s.entry(A.args[1], *at),
    nodes.MatMul:          _matmul,
    nodes.Transpose:       lambda s, A, i, j: s.entry(A.args[0], j, i),
    nodes.Eye:             lambda s, A, i, j: kronecker_delta(i, j, A.shape[0]),
    nodes.MatPow:          lambda s, A, i, j: _matmul(s, A.as_product(), i, j),
    nodes.Inverse:         _inverse,
    nodes.HadamardProduct: lambda s, A, *at: Mul(*(s.entry(factor, *at) for factor in A.args)),
    nodes.HadamardPower:   lambda s, A, *at: Pow(s.entry(A.args[0], *at), s.scalar(A.args[1])),
    Elementwise:           lambda s, A, *at: _of_scalar(A.function, s.entry(A.argument, *at)),
    Entrywise:             _entrywise,
    Concatenate:           _concatenated,
    Slice:                 _sliced,
    Largest:               _largest,
    Einsum:                _einsum,
    Gather:                lambda s, A, *at: s.entry(A.argument, *A.source(at)),
    Scattered:             _scattered,
    AtLargest:             lambda s, A, *at: IndexedEntry(A, *at),
    ops.LogSoftmax:        lambda s, A, *at: s.entry(A.argument, *at) - sympy.log(s.line(A, at, sympy.exp)),
    ops.Sums:              lambda s, A, *at: s.line(A, at),
    ops.Broadcast:         _broadcast,
    ops.Softmax:           lambda s, A, *at: sympy.exp(s.entry(A.argument, *at)) / s.line(A, at, sympy.exp),
    ops.LogSumExp:         lambda s, A, *at: sympy.log(s.line(A, at, sympy.exp)),
}
# fmt: on
