"""Formulas entry by entry: `∂J/∂W2[h,k] = Σ_n a2[n,h] δ3[n,k]`.

A matrix expression becomes an expression in entries with the same nodes, which the printers print like any other: a
product of entries is an entrywise product of 1×1 matrices, whose ⊙ is not printed.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import count

import sympy
from sympy import Add, Expr, Integer, Mul, Pow, sympify

from symbackprop.expressions import matrices as nodes
from symbackprop.expressions.aliases import Expression, Matrix, Size
from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.derivative_symbols import ByEntry, Entrywise, Gradient, ScalarByEntry
from symbackprop.expressions.einsum import Einsum
from symbackprop.expressions.functions import FUNCTION, Applied
from symbackprop.expressions.gathers import Gather
from symbackprop.expressions.matrices import HadamardPower, MatAdd, scaled, split
from symbackprop.expressions.operations import (
    Broadcast,
    Elementwise,
    LogSoftmax,
    LogSumExp,
    Softmax,
    Sums,
    Total,
    replaced,
)
from symbackprop.expressions.places import Index
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
    place_of,
    shifted,
)
from symbackprop.printing.notation import SPECIAL, ordered_terms

Place = tuple[Letter, ...]  # a letter for each axis
Letters = frozenset[str]


class Indices:
    """A rewriter of formulas entry by entry; `letters` contains the index letter of each size."""

    def __init__(self, letters: Mapping[Expr, str]):
        self.letters = letters
        self.varied: Place = ()  # the entry of W in ∂/∂W

    def statement(self, quantity: Expression, side: Expression) -> Expression:
        """Return the sides of an equation, rewritten for one entry of a quantity."""
        self.varied = tuple(self._free(shape_of(quantity), frozenset()))
        used = frozenset(letter for letter in self.varied if letter)
        return self._side(side, self.varied, used)

    def _side(self, side: Expression, at: Place, used: Letters) -> Expression:
        if isinstance(side, Gradient):
            return EntryDerivative(side.cost, self._side(side.of, at, used))
        return self.entry(side, at, used) if is_matrix(side) else self.scalar(side, used)

    def entry(self, matrix: Matrix, at: Place, used: Letters) -> Expression:
        """Return the entry of a matrix, or another array, at a place; `used` contains the letters that are taken."""
        if matrix.is_symbol:
            return NamedEntry(matrix, *at)
        rewrite = next((_ENTRIES[kind] for kind in type(matrix).__mro__ if kind in _ENTRIES), None)
        return UnnamedEntry(matrix, *at) if rewrite is None else rewrite(self, matrix, at, used)

    def scalar(self, expression: Expression, used: Letters) -> Expression:
        """Return a scalar with its matrices written entry by entry; a scalar without matrices does not change."""
        if not expression.has(*SPECIAL):
            return Plain(expression)
        rewrite = next(_SCALARS[kind] for kind in type(expression).__mro__ if kind in _SCALARS)
        return rewrite(self, expression, used)

    def sum(self, sizes: Iterable[Size], used: Letters, summand: Callable[..., Expression]) -> Expression:
        """Return Σ of `summand(letters, used)`, with an unused letter for each size."""
        letters = self._free(sizes, used)
        running = [letter for letter in letters if letter]
        inner = summand(letters, used | set(running))
        return SumOver(inner, *running) if running else inner

    def _free(self, sizes: Iterable[Size], used: Letters) -> list[str | None]:
        free: list[str | None] = []
        for size in sizes:
            names = (self.letters.get(size, "i") + "′" * primes for primes in count())
            free.append(None if size == 1 else next(name for name in names if name not in used and name not in free))
        return free


def _product(indices: Indices, node: Expression, at: Place, used: Letters) -> Expression:
    def chained(letters: list[Letter], used: Letters) -> Expression:
        path = [at[0], *letters, at[1]]
        return _times(*(indices.entry(factor, (path[k], path[k + 1]), used) for k, factor in enumerate(node.args)))

    return indices.sum([factor.shape[1] for factor in node.args[:-1]], used, chained)


def _einsum(indices: Indices, node: Expression, at: Place, used: Letters) -> Expression:
    """Return the sum of products over the letters that the result lacks."""
    (words, output), sizes = node.letters, node.sizes
    inner = [letter for letter in sizes if letter not in output]

    def multiplied(letters: list[Letter], used: Letters) -> Expression:
        place = dict(zip(output, at, strict=True)) | dict(zip(inner, letters, strict=True))
        factors = zip(words, node.operands, strict=True)
        return _times(*(indices.entry(A, tuple(place[x] for x in word), used) for word, A in factors))

    return indices.sum([sizes[letter] for letter in inner], used, multiplied)


def _gathered(indices: Indices, node: Expression, at: Place, used: Letters) -> Expression:
    """Return the entry of the argument from which an entry is taken."""
    symbols = [Integer(0) if letter is None else Index(size) for letter, size in zip(at, node.shape, strict=True)]
    written = {x: place_of(letter) for x, letter in zip(symbols, at, strict=True) if letter is not None}
    back = {place: letter for place, letter in zip(symbols, at, strict=True) if letter is not None}
    found = zip(node.source(tuple(symbols)), node.argument.shape, strict=True)
    places = (
        None if size == 1 else back.get(place) or sympify(place, strict=True).xreplace(written) for place, size in found
    )
    return indices.entry(node.argument, tuple(places), used)


def _along(node: Expression, letter: Letter, at: Place) -> Place:
    """Return the place in which the letter runs along the axis of a node."""
    return replaced(at, node.axis, letter)


def _sum_of(
    of: Callable[[Expression], Expression],
    indices: Indices,
    node: Expression,
    at: Place,
    used: Letters,
) -> Expression:
    """Return Σ of a function of the entries along the axis of a node."""

    def one(letters: list[Letter], used: Letters) -> Expression:
        return of(indices.entry(node.argument, _along(node, letters[0], at), used))

    return indices.sum([node.argument.shape[node.axis]], used, one)


def _exp(entry: Expression) -> Expression:
    return Elementwise(FUNCTION["exp"], entry)


def _softmax(indices: Indices, node: Expression, at: Place, used: Letters) -> Expression:
    whole = _sum_of(_exp, indices, node, at, used)
    return Ratio(_exp(indices.entry(node.argument, at, used)), whole)


def _logsumexp(indices: Indices, node: Expression, at: Place, used: Letters) -> Expression:
    return Elementwise(FUNCTION["log"], _sum_of(_exp, indices, node, at, used))


def _sliced(indices: Indices, node: Expression, at: Place, used: Letters) -> Expression:
    place = None if node.argument.shape[node.axis] == 1 else shifted(node.bounds[0], at[node.axis])
    return indices.entry(node.argument, _along(node, place, at), used)


def _broadcast(indices: Indices, node: Expression, at: Place, used: Letters) -> Expression:
    inner = node.argument.shape
    aligned = at[len(at) - len(inner) :]
    place = tuple(None if size == 1 else letter for size, letter in zip(inner, aligned, strict=True))
    return indices.entry(node.argument, place, used)


def _times(*factors: Expression) -> Expression:
    """Return the product of numbers, with numbers without indices in front."""
    coefficients, rest = zip(*map(split, factors), strict=True)
    plain = Mul(*coefficients, *(factor.value for factor in rest if isinstance(factor, Plain)))
    kept = [factor for factor in rest if not isinstance(factor, Plain)]
    return scaled(plain, hadamard(*kept)) if kept and plain != 0 else Plain(plain)


# fmt: off
_ENTRIES: dict[type, Callable[..., Expression]] = {
    nodes.MatAdd:          lambda s, e, at, used: MatAdd(*(s.entry(term, at, used) for term in e.args)),
    nodes.Scaled:          lambda s, e, at, used: _times(s.scalar(e.args[0], used), s.entry(e.args[1], at, used)),
    nodes.MatMul:          _product,
    nodes.Transpose:       lambda s, e, at, used: s.entry(e.args[0], (at[1], at[0]), used),
    nodes.HadamardProduct: lambda s, e, at, used: _times(*(s.entry(factor, at, used) for factor in e.args)),
    nodes.HadamardPower:   lambda s, e, at, used: HadamardPower(s.entry(e.args[0], at, used), e.args[1]),
    nodes.Ones:            lambda s, e, at, used: Plain(Integer(1)),
    nodes.Zeros:           lambda s, e, at, used: Plain(Integer(0)),
    nodes.MatPow:          lambda s, e, at, used: _product(s, e.as_product(), at, used),
    Slice:                 _sliced,
    LogSoftmax:            lambda s, e, at, used: MatAdd(s.entry(e.argument, at, used),
                                                                  -_logsumexp(s, e, at, used)),
    Elementwise:           lambda s, e, at, used: Elementwise(e.function, s.entry(e.argument, at, used)),
    Sums:                  lambda s, e, at, used: _sum_of(lambda entry: entry, s, e, at, used),
    Broadcast:             _broadcast,
    Einsum:                _einsum,
    Gather:                _gathered,
    Softmax:               _softmax,
    LogSumExp:             _logsumexp,
    ByEntry:               lambda s, e, at, used: EntryDerivative(s.entry(e.of, at, used),
                                                                    NamedEntry(e.by, *s.varied)),
    Entrywise:             lambda s, e, at, used: EntryDerivative(*(s.entry(A, at, used) for A in (e.of, e.by))),
}
_SCALARS: dict[type, Callable[..., Expression]] = {
    Add:                   lambda s, e, used: MatAdd(*(s.scalar(term, used) for term in ordered_terms(e))),
    Mul:                   lambda s, e, used: _times(*(s.scalar(factor, used) for factor in e.args)),
    Pow:                   lambda s, e, used: HadamardPower(s.scalar(e.base, used), e.exp),
    sympy.exp:             lambda s, e, used: _exp(s.scalar(e.args[0], used)),
    sympy.log:             lambda s, e, used: Elementwise(FUNCTION["log"], s.scalar(e.args[0], used)),
    Applied:               lambda s, e, used: Elementwise(e.function, s.scalar(e.args[1], used)),
    nodes.Trace:           lambda s, e, used: s.sum(e.args[0].shape[:1], used,
                                                    lambda at, used: s.entry(e.args[0], (at[0], at[0]), used)),
    nodes.Determinant:     lambda s, e, used: Plain(e),
    Total:                 lambda s, e, used: s.sum(e.argument.shape, used,
                                                    lambda at, used: s.entry(e.argument, tuple(at), used)),
    ScalarByEntry:         lambda s, e, used: EntryDerivative(s.scalar(e.of, used), NamedEntry(e.by, *s.varied)),
}
# fmt: on
