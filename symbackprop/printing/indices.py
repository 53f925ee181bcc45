"""Formulas entry by entry: `∂J/∂W2[h,k] = Σ_n a2[n,h] δ3[n,k]`.

A matrix expression becomes an expression in entries with the same nodes, which the printers print like any other: a
product of entries is an entrywise product of 1×1 matrices, whose ⊙ is not printed.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import count

import sympy
from sympy import Add, Expr, Integer, Mul, Pow

from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.aliases import Expression, Matrix, Size
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.derivative_symbols import ByEntry, Entrywise, Gradient, ScalarByEntry
from symbackprop.expressions.functions import FUNCTION, Applied
from symbackprop.expressions.matrices import HadamardPower, MatAdd, scaled, split
from symbackprop.expressions.operations import ROWS, Broadcast, Elementwise, LogSoftmax, LogSumExp, Softmax, Sums, Total
from symbackprop.expressions.shapes import is_matrix, shape_of
from symbackprop.expressions.slicing import Slice
from symbackprop.printing.entries import (
    EntryDerivative,
    Letter,
    NamedEntry,
    Plain,
    Ratio,
    SumOver,
    UnnamedEntry,
    shifted,
)
from symbackprop.printing.notation import SPECIAL, ordered_terms


class Indices:
    """A rewriter of formulas entry by entry; `letters` contains the index letter of each size."""

    def __init__(self, letters: Mapping[Expr, str]):
        self.letters = letters
        self.varied: tuple[Letter, Letter] = (None, None)  # the entry of W in ∂/∂W

    def statement(self, quantity: Expression, side: Expression) -> Expression:
        """Return the sides of an equation, rewritten for one entry of a quantity."""
        at = self._free(shape_of(quantity) or (Integer(1),) * 2, frozenset())
        self.varied = (at[0], at[1])
        used = frozenset(letter for letter in at if letter)
        return self._side(side, *self.varied, used)

    def _side(self, side: Expression, i: Letter, j: Letter, used: frozenset[str]) -> Expression:
        if isinstance(side, Gradient):
            return EntryDerivative(side.cost, self._side(side.of, i, j, used))
        return self.entry(side, i, j, used) if is_matrix(side) else self.scalar(side, used)

    def entry(self, matrix: Matrix, i: Letter, j: Letter, used: frozenset[str]) -> Expression:
        """Return the entry of a matrix at (i, j); `used` contains the letters that are taken."""
        if matrix.is_symbol:
            return NamedEntry(matrix, i, j)
        rewrite = next((_ENTRIES[kind] for kind in type(matrix).__mro__ if kind in _ENTRIES), None)
        return UnnamedEntry(matrix, i, j) if rewrite is None else rewrite(self, matrix, i, j, used)

    def scalar(self, expression: Expression, used: frozenset[str]) -> Expression:
        """Return a scalar with its matrices written entry by entry; a scalar without matrices does not change."""
        if not expression.has(*SPECIAL):
            return Plain(expression)
        rewrite = next(_SCALARS[kind] for kind in type(expression).__mro__ if kind in _SCALARS)
        return rewrite(self, expression, used)

    def sum(self, sizes: Iterable[Size], used: frozenset[str], summand: Callable[..., Expression]) -> Expression:
        """Return Σ of `summand(letters, used)`, with an unused letter for each size."""
        letters = self._free(sizes, used)
        running = [letter for letter in letters if letter]
        inner = summand(letters, used | set(running))
        return SumOver(inner, *running) if running else inner

    def _free(self, sizes: Iterable[Size], used: frozenset[str]) -> list[str | None]:
        free: list[str | None] = []
        for size in sizes:
            names = (self.letters[size] + "′" * primes for primes in count())
            free.append(None if size == 1 else next(name for name in names if name not in used and name not in free))
        return free


def _product(indices: Indices, node: Expression, i: Letter, j: Letter, used: frozenset[str]) -> Expression:
    def chained(letters: list[Letter], used: frozenset[str]) -> Expression:
        path = [i, *letters, j]
        return _times(*(indices.entry(factor, path[k], path[k + 1], used) for k, factor in enumerate(node.args)))

    return indices.sum([factor.shape[1] for factor in node.args[:-1]], used, chained)


def _along(node: Expression, letter: Letter, i: Letter, j: Letter) -> tuple[Letter, Letter]:
    """Return the position (letter, j) or (i, letter), in which the letter runs along the axis of a node."""
    return (letter, j) if node.axis == ROWS else (i, letter)


def _sum_of(
    of: Callable[[Expression], Expression],
    indices: Indices,
    node: Expression,
    at: tuple[Letter, Letter],
    used: frozenset[str],
) -> Expression:
    """Return Σ of a function of the entries along the axis of a node."""

    def one(letters: list[Letter], used: frozenset[str]) -> Expression:
        return of(indices.entry(node.argument, *_along(node, letters[0], *at), used))

    return indices.sum([node.argument.shape[node.axis]], used, one)


def _exp(entry: Expression) -> Expression:
    return Elementwise(FUNCTION["exp"], entry)


def _softmax(indices: Indices, node: Expression, i: Letter, j: Letter, used: frozenset[str]) -> Expression:
    whole = _sum_of(_exp, indices, node, (i, j), used)
    return Ratio(_exp(indices.entry(node.argument, i, j, used)), whole)


def _logsumexp(indices: Indices, node: Expression, i: Letter, j: Letter, used: frozenset[str]) -> Expression:
    return Elementwise(FUNCTION["log"], _sum_of(_exp, indices, node, (i, j), used))


def _sliced(indices: Indices, node: Expression, i: Letter, j: Letter, used: frozenset[str]) -> Expression:
    at = None if node.argument.shape[node.axis] == 1 else shifted(node.bounds[0], (i, j)[node.axis])
    return indices.entry(node.argument, *_along(node, at, i, j), used)


def _times(*factors: Expression) -> Expression:
    """Return the product of numbers, with numbers without indices in front."""
    coefficients, rest = zip(*map(split, factors), strict=True)
    plain = Mul(*coefficients, *(factor.value for factor in rest if isinstance(factor, Plain)))
    kept = [factor for factor in rest if not isinstance(factor, Plain)]
    return scaled(plain, hadamard(*kept)) if kept and plain != 0 else Plain(plain)


# fmt: off
_ENTRIES: dict[type, Callable[..., Expression]] = {
    nodes.MatAdd:          lambda s, e, i, j, used: MatAdd(*(s.entry(term, i, j, used) for term in e.args)),
    nodes.Scaled:          lambda s, e, i, j, used: _times(s.scalar(e.args[0], used), s.entry(e.args[1], i, j, used)),
    nodes.MatMul:          _product,
    nodes.Transpose:       lambda s, e, i, j, used: s.entry(e.args[0], j, i, used),
    nodes.HadamardProduct: lambda s, e, i, j, used: _times(*(s.entry(factor, i, j, used) for factor in e.args)),
    nodes.HadamardPower:   lambda s, e, i, j, used: HadamardPower(s.entry(e.args[0], i, j, used), e.args[1]),
    nodes.Ones:            lambda s, e, i, j, used: Plain(Integer(1)),
    nodes.Zeros:           lambda s, e, i, j, used: Plain(Integer(0)),
    nodes.MatPow:          lambda s, e, i, j, used: _product(s, e.as_product(), i, j, used),
    Slice:                 _sliced,
    LogSoftmax:            lambda s, e, i, j, used: MatAdd(s.entry(e.argument, i, j, used),
                                                                  -_logsumexp(s, e, i, j, used)),
    Elementwise:           lambda s, e, i, j, used: Elementwise(e.function, s.entry(e.argument, i, j, used)),
    Sums:                  lambda s, e, i, j, used: _sum_of(lambda entry: entry, s, e, (i, j), used),
    Broadcast:             lambda s, e, i, j, used: s.entry(e.argument, *_along(e, None, i, j), used),
    Softmax:               _softmax,
    LogSumExp:             _logsumexp,
    ByEntry:               lambda s, e, i, j, used: EntryDerivative(s.entry(e.of, i, j, used),
                                                                    NamedEntry(e.by, *s.varied)),
    Entrywise:             lambda s, e, i, j, used: EntryDerivative(*(s.entry(A, i, j, used) for A in (e.of, e.by))),
}
_SCALARS: dict[type, Callable[..., Expression]] = {
    Add:                   lambda s, e, used: MatAdd(*(s.scalar(term, used) for term in ordered_terms(e))),
    Mul:                   lambda s, e, used: _times(*(s.scalar(factor, used) for factor in e.args)),
    Pow:                   lambda s, e, used: HadamardPower(s.scalar(e.base, used), e.exp),
    sympy.exp:             lambda s, e, used: _exp(s.scalar(e.args[0], used)),
    sympy.log:             lambda s, e, used: Elementwise(FUNCTION["log"], s.scalar(e.args[0], used)),
    Applied:               lambda s, e, used: Elementwise(e.function, s.scalar(e.args[1], used)),
    nodes.Trace:           lambda s, e, used: s.sum(e.args[0].shape[:1], used,
                                                    lambda at, used: s.entry(e.args[0], at[0], at[0], used)),
    nodes.Determinant:     lambda s, e, used: Plain(e),
    Total:                 lambda s, e, used: s.sum(e.argument.shape, used,
                                                    lambda at, used: s.entry(e.argument, *at, used)),
    ScalarByEntry:         lambda s, e, used: EntryDerivative(s.scalar(e.of, used), NamedEntry(e.by, *s.varied)),
}
# fmt: on
