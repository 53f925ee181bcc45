"""The explanation of a wrong gradient by a mutant, a derivation with a mistake that gives the same gradients."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from symbackprop.backprop.adjoints import Contribution
from symbackprop.errors import ArgumentError, listed, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Size
from symbackprop.expressions.matrices import MatMul, NamedMatrix, split
from symbackprop.expressions.shapes import shape_of
from symbackprop.kinds import Kinds, MistakeKind
from symbackprop.mistakes.contributions import BackwardPass, PassAtPoint
from symbackprop.mistakes.mutants import Mutant, mutants
from symbackprop.network.network import Network
from symbackprop.printing.text import text

Adjoints = dict[Expression, Any]  # arrays by quantity
Gradients = dict[str, Any]  # arrays by the names of the parameters

_CLOSE = 1e-7  # relative to the largest entry
_MOST_PAIRED = 60  # mutants of which pairs are tried
_ROUNDS = 6  # of the secant method
_NUMBER = re.compile(r"[\d.e+-]+")


@dataclass(frozen=True)
class Explanation:
    """A mistake in words and by its kinds, with the resulting adjoint of every quantity."""

    words: str
    kinds: Kinds
    adjoints: Adjoints
    parameters: tuple[str, ...]  # whose gradients it explains

    def sentence(self, cost: str) -> str:
        """Return the sentence `dJdW1 equals the right one with …`."""
        names = [f"d{cost}d{name}" for name in self.parameters]
        return f"{listed(names)} {'equal the right ones' if len(names) > 1 else 'equals the right one'} {self.words}"


def likely_mistake(network: Network, values: Mapping[str, ArrayLike], gradients: Mapping[str, ArrayLike]) -> str:
    """Return a sentence that names the mistake in the derivation that leads to these gradients.

    Args:
        network: the network whose gradients they are.
        values: an array for every argument of the network, by name, at which the gradients were computed.
        gradients: the gradients by parameter name, from any source.

    The sentence is empty if the gradients are right or no known mistake explains them.

    Raises:
        ArgumentError: names are missing or unknown, or shapes are wrong.

    >>> import numpy as np, symbackprop as sb
    >>> net = sb.mlp([2, 3, 1], cost="half_squared_error")
    >>> values = sb.random_values(net, seed=0)
    >>> right = sb.derive(net).to_numpy()(**values)
    >>> likely_mistake(net, values, {"W1": right.dJdW1, "W2": 5 * right.dJdW2})
    'dJdW2 equals the right one with the gradient with respect to W2 too large by the factor N'
    """
    names = {str(symbol.name): symbol for symbol in network.arguments}
    for name in names:
        if name not in values:
            raise ArgumentError(f"a value for {name} is missing; the arguments are {listed(names)}")
    parameters = {str(p.name): p for p in network.parameters}
    unknown = [name for name in gradients if name not in parameters]
    if unknown or not gradients:
        raise ArgumentError(
            f"{listed(unknown) or 'nothing'} is not a parameter; the parameters are {listed(parameters)}"
        )
    given = {symbol: np.asarray(values[name], float) for name, symbol in names.items()}
    sizes: dict[Size, int] = {}
    for symbol, array in given.items():
        shape = shape_of(symbol)
        if array.ndim != len(shape) or any(
            sizes.setdefault(s, n) != n for s, n in zip(shape, array.shape, strict=True)
        ):
            raise ArgumentError(f"{symbol.name} has shape {array.shape}, which does not fit {shape_text(shape)}")
    at = PassAtPoint(BackwardPass(network, tuple(parameters[name] for name in gradients)), sizes, given)
    found = Explainer(at, {name: np.asarray(gradient, float) for name, gradient in gradients.items()}).explanation()
    return "; ".join(explanation.sentence(network.cost.name) for explanation in found)


class Explainer:
    """An explainer of wrong gradients at one point.

    Args:
        at: the backward pass at the point.
        claimed: the names of parameters and their gradients, in the parameters' shapes.
        others: explainers at other points, where a mistake must explain the gradients, too.
    """

    def __init__(self, at: PassAtPoint, claimed: Mapping[str, ArrayLike], others: Sequence["Explainer"] = ()):
        self.at = at
        self.claimed = claimed
        self.others = others
        self.right = at.gradients(at.right)
        self.wrong = [name for name in claimed if not self.is_like(claimed[name], self.right[name])]

    def is_like(self, one: ArrayLike, other: ArrayLike) -> bool:
        """Return True if two gradients are equal up to rounding."""
        one, other = np.asarray(one), np.asarray(other)
        if one.shape != other.shape:
            return False
        scale = max(np.max(np.abs(one), initial=0.0), np.max(np.abs(other), initial=0.0))
        return bool(np.all(np.abs(one - other) <= _CLOSE * scale))

    @property
    def catalogue(self) -> list[tuple[Mutant, Adjoints, Gradients]]:
        """The mutants with different gradients at this point, with their adjoints and gradients."""
        return [(alike[0], adjoints, gradients) for alike, adjoints, gradients in self._groups]

    @cached_property
    def _groups(self) -> list[tuple[list[Mutant], Adjoints, Gradients]]:
        """The mutants with their adjoints and gradients, except mutants that change nothing or cannot be evaluated.

        Mutants with the same gradients at this point are together.
        """
        found: dict[bytes, tuple[list[Mutant], Adjoints, Gradients]] = {}
        for mutant in mutants(self.at.backward):
            adjoints = self._adjoints(mutant)
            gradients = {} if adjoints is None else self.at.gradients(adjoints)
            if adjoints is not None and not all(self.is_like(gradients[name], self.right[name]) for name in gradients):
                found.setdefault(_key(gradients.values()), ([], adjoints, gradients))[0].append(mutant)
        return list(found.values())

    def _confirmed(self, alike: Iterable[Mutant], names: Iterable[str] | None = None) -> Iterator[Mutant]:
        """Yield the mutants that explain the gradients at the other points, too."""
        chosen = None if names is None else list(names)
        yield from (mutant for mutant in alike if all(other.shows(mutant, chosen) for other in self.others))

    def shows(self, mutant: Mutant, names: Iterable[str] | None = None) -> bool:
        """Return True if a mutant explains the gradients at this point."""
        adjoints = self._adjoints(mutant)
        return adjoints is not None and self._explains(self.at.gradients(adjoints), names)

    def _found_elsewhere(self, explanation: Explanation, search: str) -> bool:
        """Return True if the same search gives such an explanation at the other points."""
        alike = (explanation.kinds, explanation.parameters, _NUMBER.sub("", explanation.words))
        return all(
            any((e.kinds, e.parameters, _NUMBER.sub("", e.words)) == alike for e in getattr(other, search)())
            for other in self.others
        )

    def _adjoints(self, mutant: Mutant) -> Adjoints | None:
        try:
            with np.errstate(all="ignore"):
                adjoints = self.at.adjoints(mutant.changed, mutant.cut)
        except (ValueError, TypeError):  # inconsistent shapes
            return None
        shapes = all(np.shape(adjoint) == np.shape(self.at.values[node]) for node, adjoint in adjoints.items())
        return adjoints if shapes else None

    def explanation(self) -> tuple[Explanation, ...]:
        """Return one mistake that explains all gradients, or two together, or one for each gradient that has one."""
        return self.single() or self._found(("_two",)) or (tuple(self._each()) if self.wrong else ())

    def single(self) -> tuple[Explanation, ...]:
        """Return one mistake that explains all gradients, if there is one."""
        return self._found(("_one", "_penalized", "_replaced", "_updated"))

    def _found(self, searches: Iterable[str]) -> tuple[Explanation, ...]:
        """Return the first explanation of these searches."""
        if not self.wrong:
            return ()
        with np.errstate(all="ignore"):  # far steps of the secant method overflow
            for search in searches:
                candidates: Iterator[Explanation] = getattr(self, search)()
                if search in ("_penalized", "_updated", "_replaced"):
                    candidates = (e for e in candidates if self._found_elsewhere(e, search))
                found = next(candidates, None)
                if found is not None:
                    return (found,)
        return ()

    def _explains(self, gradients: Gradients, names: Iterable[str] | None = None) -> bool:
        return all(self.is_like(self.claimed[n], gradients[n]) for n in (self.claimed if names is None else names))

    def _one(self) -> Iterator[Explanation]:
        for alike, adjoints, gradients in self._groups:
            if self._explains(gradients):
                for mutant in self._confirmed(alike):
                    yield Explanation(mutant.words, mutant.kinds, adjoints, tuple(self.wrong))

    def _two(self) -> Iterator[Explanation]:
        """Yield pairs of mistakes; the gradient nearest to the cost is explained first."""
        nearest = self._nearest_to_the_cost()
        alone = [entry for entry in self.catalogue if self._explains(entry[2], [nearest])]
        alone.sort(key=lambda entry: self._disturbed(entry[2]))
        for first, _, _ in alone:
            yield from self._pairs((first, second) for second, _, _ in self.catalogue)
        changing = [m for m, _, g in self.catalogue if not self.is_like(g[nearest], self.right[nearest])]
        yield from self._pairs(combinations(changing[:_MOST_PAIRED], 2))

    def _disturbed(self, gradients: Gradients) -> int:
        """Return how many gradients that are right a mistake changes, which the other of two would have to undo."""
        right = [name for name in gradients if name not in self.wrong]
        return sum(not self.is_like(gradients[name], self.right[name]) for name in right)

    def _pairs(self, pairs: Iterable[tuple[Mutant, Mutant]]) -> Iterator[Explanation]:
        for both in (a.together(b) for a, b in pairs if not a.changed.keys() & b.changed.keys()):
            adjoints = self._adjoints(both)
            if adjoints is not None and self._explains(self.at.gradients(adjoints)):
                for mutant in self._confirmed([both]):
                    yield Explanation(mutant.words, mutant.kinds, adjoints, tuple(self.wrong))

    def _nearest_to_the_cost(self) -> str:
        order = list(self.at.right)
        ranks = {str(p.name): order.index(p) for p in self.at.backward.wrt if p in self.at.right}
        return min(self.wrong, key=lambda name: ranks.get(name, len(order)))

    def _penalized(self) -> Iterator[Explanation]:
        """Yield penalties that the gradients apply to too many parameters: c b, if the cost penalizes only W."""
        values = {str(p.name): np.asarray(self.at.values[p]) for p in self.at.backward.wrt}
        for factor, owner in self._penalties():
            if all(self.is_like(self.claimed[n], self.right[n] + factor * values[n]) for n in self.wrong):
                words = (
                    f"with the L2 penalty of {owner} on {' and '.join(self.wrong)} too, which the cost does not have"
                )
                yield Explanation(words, (MistakeKind.PENALTY,), self.at.right, tuple(self.wrong))

    def _penalties(self) -> Iterator[tuple[float, str]]:
        """Yield each c such that c W is a term of the gradient with respect to W, and the name of W."""
        backward = self.at.backward
        for parameter in backward.wrt:
            own = np.asarray(self.at.values[parameter], float)
            values = [v for (_, part), v in self.at.numeric.items() if part == parameter and v is not None]
            factors = [float(np.sum(own * value) / np.sum(own * own)) for value in values]
            found = [f for f, value in zip(factors, values, strict=True) if self.is_like(f * own, value)]
            if found and own.size > 1:
                yield sum(found), str(parameter.name)

    def _replaced(self) -> Iterator[Explanation]:
        """Yield data that the gradients leave out everywhere, as if they were 1, such as a mask."""
        network, given = self.at.backward.network, self.at.given
        data = [s for s in network.arguments if s not in self.at.backward.wrt]
        for symbol in data:
            value = np.asarray(given[symbol], float)
            changed = {**given, symbol: np.ones_like(value) if value.ndim else 1.0}
            try:
                at = PassAtPoint(self.at.backward, self.at.evaluation.sizes, changed)
            except (ValueError, TypeError, ArithmeticError):
                continue
            gradients = at.gradients(at.right)
            names = [name for name in self.wrong if self.is_like(self.claimed[name], gradients[name])]
            if names == self.wrong:
                words = f"with {text(symbol)} left out everywhere, as if it were 1"
                yield Explanation(words, (MistakeKind.MISSING_FACTOR,), at.right, tuple(names))

    def _updated(self) -> Iterator[Explanation]:
        """Yield mistakes in which weights were updated before the backward pass had used them."""
        backward = self.at.backward
        for parameter in backward.wrt:
            edges = [s for s in backward.contributions.values() if parameter in s.value.free_symbols]
            products = [s for s in edges if isinstance(split(s.value)[1], MatMul)]
            tried = (self._rate(parameter, chosen) for chosen in (products, *([edge] for edge in edges)) if chosen)
            yield from (found for found in tried if found is not None)

    def _rate(self, parameter: Matrix, edges: Sequence[Contribution]) -> Explanation | None:
        gradient = self.right[str(parameter.name)]
        moved = NamedMatrix(f"moved {parameter.name}", *parameter.shape)

        def mutated(eta: float) -> tuple[Adjoints, Gradients]:
            self.at.values[moved] = self.at.values[parameter] - eta * gradient
            fresh = {s.edge: s.value.xreplace({parameter: moved}) for s in edges}
            adjoints = self.at.adjoints(fresh)
            for node in [n for n in self.at.values if moved in getattr(n, "free_symbols", ())]:
                del self.at.values[node]
            return adjoints, self.at.gradients(adjoints)

        name = next((n for n in self.wrong if not self.is_like(mutated(1.0)[1][n], self.right[n])), None)
        if name is None:
            return None
        eta, step = 0.0, 1e-3
        for _ in range(_ROUNDS):
            here, there = mutated(eta)[1][name], mutated(eta + step)[1][name]
            slope = (there - here) / step
            if not np.sum(slope * slope):
                return None
            eta += float(np.sum(slope * (np.asarray(self.claimed[name]) - here)) / np.sum(slope * slope))
        adjoints, gradients = mutated(eta)
        if not self._explains(gradients):
            return None
        name = text(parameter)
        words = f"with {name} already changed by a step of {eta:.4g} times its gradient (updated weights)"
        return Explanation(words, (MistakeKind.UPDATED,), adjoints, tuple(self.wrong))

    def _each(self) -> Iterator[Explanation]:
        """Yield a mistake for each gradient that has one."""
        for name in self.wrong:
            alone = (
                Explanation(mutant.words, mutant.kinds, adjoints, (name,))
                for alike, adjoints, gradients in self._groups
                if self._explains(gradients, [name])
                for mutant in self._confirmed(alike, [name])
            )
            yield from islice(alone, 1)


def _key(gradients: Iterable[ArrayLike]) -> bytes:
    """Return a key that is equal for equal gradients: rounded to 8 digits, with tiny numbers as 0."""
    arrays = [np.ravel(gradient) for gradient in gradients]
    least = 1e-12 * max((np.max(np.abs(array), initial=0.0) for array in arrays), default=0.0)
    return b"|".join(np.array([f"{x if abs(x) > least else 0.0:.8e}" for x in array]).tobytes() for array in arrays)
