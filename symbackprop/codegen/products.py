"""Products of matrices: the order in which a chain is multiplied, since (A B) c and A (B c) differ in their cost."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TypeAlias

from sympy import Dummy, Expr, Poly, S

from symbackprop.codegen.program import Builder, Value
from symbackprop.expressions.aliases import Matrix, Shape
from symbackprop.expressions.matrices import MatMul

Run: TypeAlias = tuple[int, int]  # the factors i, …, j−1 of a chain
Factor: TypeAlias = tuple[Value, bool]  # an array, and True for its transpose

_SIZE = Dummy("n")


class Products:
    """The products of a program under construction. A product of transposes is the transpose of a known product."""

    def __init__(self, build: Builder):
        self.build = build
        self.known: dict[tuple[Factor, ...], Value] = {}

    def make(self, values: Sequence[Value], parts: Sequence[Matrix], adjoint: int | None) -> Value:
        """Return the product of a chain of arrays, the values of `parts`; one of them may be an adjoint."""
        factors = [self._factor(value) for value in values]
        runs = {(k, k + 1): value for k, value in enumerate(values)}
        runs |= {run: found for run in combinations(range(len(values) + 1), 2) if (found := self._found(factors, run))}
        for (i, j), k in association([value.shape for value in values], runs, adjoint).items():
            left, right = runs[i, k], runs[k, j]
            shape, note = (left.shape[0], right.shape[1]), MatMul(*parts[i:j])
            runs[i, j] = self.build.make("dot", left, right, shape=shape, note=note)
            self.known[tuple(factors[i:j])] = runs[i, j]
        return runs[0, len(values)]

    def _factor(self, value: Value) -> Factor:
        maker = self.build.makers.get(value)
        if maker is not None and maker.function == "transpose":
            return maker.values[0], True
        return value, False

    def _found(self, factors: Sequence[Factor], run: Run) -> Value | None:
        these = factors[slice(*run)]
        turned = tuple((value, not is_turned) for value, is_turned in reversed(these))
        if turned in self.known:
            product = self.known[turned]
            return self.build.make("transpose", product, shape=product.shape[::-1])
        return self.known.get(tuple(these))


@dataclass(frozen=True)
class _Plan:
    cost: Expr  # multiplications
    splits: tuple[tuple[Run, int], ...] = ()  # runs with the index at which each is divided, parts before the whole


def association(shapes: Sequence[Shape], known: Collection[Run] = (), adjoint: int | None = None) -> dict[Run, int]:
    """Return the runs of a chain to compute, in order, each with the index at which it is divided into two.

    An order is chosen if it takes fewer multiplications at all sizes, else if it takes fewer at large sizes that are
    all equal. Otherwise the chain is multiplied as reverse mode does it, from the adjoint to the right and then to the
    left, so that a gradient costs no more than the forward pass whose transpose it is; and from left to right if it has
    no adjoint.

    Args:
        shapes: the shapes of the factors.
        known: runs that are computed already.
        adjoint: the index of a factor that is an adjoint.

    >>> from symbackprop.expressions.shapes import dimension
    >>> N, D, K, one = dimension("N"), dimension("D"), dimension("K"), dimension(1)
    >>> association([(D, N), (N, D), (D, one)])  # Xᵀ (X v)
    {(1, 3): 2, (0, 3): 1}
    >>> association([(D, N), (N, D), (D, K)]), association([(D, N), (N, D), (D, K)], adjoint=2)
    ({(0, 2): 1, (0, 3): 2}, {(1, 3): 2, (0, 3): 1})
    """
    plans = {(i, i + 1): _Plan(S.Zero) for i in range(len(shapes))} | dict.fromkeys(known, _Plan(S.Zero))
    for length in range(2, len(shapes) + 1):
        for i in range(len(shapes) - length + 1):
            run = (i, i + length)
            if run not in plans:
                plans[run] = _cheapest(_divided(run, shapes, plans, adjoint))
    return dict(plans[0, len(shapes)].splits)


def _divided(run: Run, shapes: Sequence[Shape], plans: dict[Run, _Plan], adjoint: int | None) -> Iterator[_Plan]:
    """Yield the plans of a run, the preferred one first."""
    i, j = run
    last_to_the_left = adjoint is not None and i < adjoint < j
    for k in range(i + 1, j) if last_to_the_left else range(j - 1, i, -1):
        left, right = plans[i, k], plans[k, j]
        cost = left.cost + right.cost + shapes[i][0] * shapes[k][0] * shapes[j - 1][1]
        yield _Plan(cost, (*left.splits, *right.splits, (run, k)))


def _cheapest(plans: Iterator[_Plan]) -> _Plan:
    best = next(plans)
    for plan in plans:
        if _is_less(plan.cost, best.cost):
            best = plan
    return best


@lru_cache(maxsize=4096)
def _is_less(one: Expr, other: Expr) -> bool:
    """Return True if a cost is below another at all sizes, or undecided by that and below it at large equal sizes."""
    more = other - one
    sizes = sorted(more.free_symbols, key=str)
    if not sizes or not more.is_polynomial(*sizes):
        return bool(more.is_positive)
    signs = {c > 0 for c in Poly(more.xreplace({size: size + 1 for size in sizes}), *sizes).coeffs() if c}
    if len(signs) < 2:
        return True in signs
    return bool(Poly(more.xreplace(dict.fromkeys(sizes, _SIZE)), _SIZE).LC() > 0)
