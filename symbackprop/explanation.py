"""Which mistakes a wrong gradient has: the mutants of a derivation whose gradients are the same numbers."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from symbackprop.backward import AtAPoint
from symbackprop.mutants import Mutant, mutants
from symbackprop.nodes import NamedMatrix
from symbackprop.printing.text import text

_CLOSE = 1e-7  # relative to the largest entry
_MOST_PAIRED = 60  # mutants of which pairs are tried
_ROUNDS = 6  # of the secant method


@dataclass(frozen=True)
class Explanation:
    """Words for a mistake, and ∂J/∂v of every quantity as the mistake makes it."""

    words: str
    errors: Mapping[Any, Any]
    parameters: tuple[str, ...]  # whose gradients it explains


class Explainer:
    """Explains wrong gradients at one point.

    Args:
        at: the backward pass at the point.
        claimed: the gradients by the parameters' names, in the parameters' shapes.
    """

    def __init__(self, at: AtAPoint, claimed: Mapping[str, Any]):
        self.at = at
        self.claimed = claimed
        self.right = at.gradients(at.right)
        self.wrong = [name for name in claimed if not self.is_like(claimed[name], self.right[name])]

    def is_like(self, one: Any, other: Any) -> bool:
        one, other = np.asarray(one), np.asarray(other)
        if one.shape != other.shape:
            return False
        scale = max(np.max(np.abs(one), initial=0.0), np.max(np.abs(other), initial=0.0))
        return bool(np.all(np.abs(one - other) <= _CLOSE * scale))

    @cached_property
    def catalogue(self) -> list[tuple[Mutant, dict[Any, Any], dict[str, Any]]]:
        """The mutants with their numbers, those that change nothing and those without value left out."""
        found: dict[bytes, tuple[Mutant, dict[Any, Any], dict[str, Any]]] = {}
        for mutant in mutants(self.at.backward):
            errors = self._errors(mutant)
            if errors is None:
                continue
            gradients = self.at.gradients(errors)
            if all(self.is_like(gradients[name], self.right[name]) for name in gradients):
                continue
            found.setdefault(_key(gradients.values()), (mutant, errors, gradients))
        return list(found.values())

    def _errors(self, mutant: Mutant) -> dict[Any, Any] | None:
        try:
            with np.errstate(all="ignore"):
                errors = self.at.errors(mutant.changed, mutant.cut)
        except (ValueError, TypeError):  # shapes that do not fit
            return None
        shapes = all(np.shape(error) == np.shape(self.at.values[node]) for node, error in errors.items())
        return errors if shapes else None

    def explanation(self) -> tuple[Explanation, ...]:
        """One mistake that explains all, or two, or one for each wrong gradient that has one."""
        if not self.wrong:
            return ()
        for search in (self._one, self._updated, self._two):
            found = next(search(), None)
            if found is not None:
                return (found,)
        return tuple(self._each())

    def _explains(self, gradients: Mapping[str, Any], names: Iterable[str] | None = None) -> bool:
        return all(self.is_like(self.claimed[n], gradients[n]) for n in (self.claimed if names is None else names))

    def _one(self) -> Iterator[Explanation]:
        for mutant, errors, gradients in self.catalogue:
            if self._explains(gradients):
                yield Explanation(mutant.words, errors, tuple(self.wrong))

    def _two(self) -> Iterator[Explanation]:
        """Two mistakes: those that change the gradient nearest to the cost are looked at there first."""
        nearest = self._nearest_to_the_cost()
        alone = [entry for entry in self.catalogue if self._explains(entry[2], [nearest])]
        for first, _, _ in alone:
            yield from self._pairs((first, second) for second, _, _ in self.catalogue)
        changing = [m for m, _, g in self.catalogue if not self.is_like(g[nearest], self.right[nearest])]
        yield from self._pairs(combinations(changing[:_MOST_PAIRED], 2))

    def _pairs(self, pairs: Iterable[tuple[Mutant, Mutant]]) -> Iterator[Explanation]:
        for first, second in pairs:
            if first.changed.keys() & second.changed.keys():
                continue
            both = first.together(second)
            errors = self._errors(both)
            if errors is not None and self._explains(self.at.gradients(errors)):
                yield Explanation(both.words, errors, tuple(self.wrong))

    def _nearest_to_the_cost(self) -> str:
        order = list(self.at.right)
        ranks = {str(p.name): order.index(p) for p in self.at.backward.wrt if p in self.at.right}
        return min(self.wrong, key=lambda name: ranks.get(name, len(order)))

    def _updated(self) -> Iterator[Explanation]:
        """Weights that were changed by a step downhill before the backward pass was done with them."""
        backward = self.at.backward
        for parameter in backward.wrt:
            places = [s for s in backward.shares.values() if parameter in s.value.free_symbols]
            if not places:
                continue
            rate = self._rate(parameter, places)
            if rate is not None:
                yield rate

    def _rate(self, parameter: Any, places: Any) -> Explanation | None:
        gradient = self.right[str(parameter.name)]
        moved = NamedMatrix(f"moved {parameter.name}", *parameter.shape)

        def mutated(eta: float) -> tuple[dict[Any, Any], dict[str, Any]]:
            self.at.values[moved] = self.at.values[parameter] - eta * gradient
            fresh = {s.place: s.value.xreplace({parameter: moved}) for s in places}
            errors = self.at.errors(fresh)
            for node in [n for n in self.at.values if moved in getattr(n, "free_symbols", ())]:
                del self.at.values[node]
            return errors, self.at.gradients(errors)

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
        errors, gradients = mutated(eta)
        if not self._explains(gradients):
            return None
        name = text(parameter)
        words = f"with {name} already changed by a step of {eta:.4g} times its gradient (updated weights)"
        return Explanation(words, errors, tuple(self.wrong))

    def _each(self) -> Iterator[Explanation]:
        for name in self.wrong:
            for mutant, errors, gradients in self.catalogue:
                if self.is_like(self.claimed[name], gradients[name]):
                    yield Explanation(mutant.words, errors, (name,))
                    break


def _key(gradients: Iterable[Any]) -> bytes:
    """Numbers that count as the same."""
    return b"|".join(np.array([f"{x:.8e}" for x in np.ravel(g)]).tobytes() for g in gradients)
