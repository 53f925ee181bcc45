"""The mistakes that are made in second derivatives, found by their numbers at one point."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symbackprop.errors import listed
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import is_name
from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.network.network import Network
from symbackprop.printing.text import text
from symbackprop.proofread.code.reading import CodeReader
from symbackprop.tracing.arguments import ArgumentSpec
from symbackprop.tracing.layers import Layer
from symbackprop.tracing.sampling import SamplePoint, copy_arrays

_CLOSE = 1e-5  # relative to the largest entry: differences of gradients are that good
_STEP = 1e-5
_MOST = 150  # entries of all parameters

OPPOSITE = Mistake("its sign is wrong", (MistakeKind.SIGN,))
APPROXIMATE = Mistake(
    "it agrees with the right one to five digits and is not equal to it, as differences of gradients do", ()
)


def second_mistake(
    layer: Layer, spec: ArgumentSpec, point: SamplePoint, *, reader: CodeReader, network: Network | None
) -> Mistake | None:
    """Return the mistake in products with a Hessian, or None if it is none of these.

    Args:
        layer: the gradients, and the products with directions, its upstream gradients.
        spec: the arguments, with the directions.
        point: a point at which the code runs.
        reader: the code of the cost and its gradients.
        network: what the cost computes, for all sizes; None if that is not known.
    """
    try:
        with np.errstate(all="ignore"):
            return _Search(layer, spec, point, reader, network).found()
    except Exception:  # the code fails at this point, where it is not known to run
        return None


@dataclass
class _Search:
    layer: Layer
    spec: ArgumentSpec
    point: SamplePoint
    reader: CodeReader
    network: Network | None

    def found(self) -> Mistake | None:
        """Return the mistake, or None if it is none of these."""
        if sum(self.sizes) > _MOST:
            return None
        if _is_like(self.claimed, self.right):  # which is not symmetric if the gradient is right under conditions alone
            return APPROXIMATE if _is_like(self.right, self.right.T) else None
        if sum(self.sizes) > 1 and _is_like(self.claimed, self.claimed[:, :1].repeat(sum(self.sizes), axis=1)):
            words = (
                f"the direction {listed(self.layer.upstream)} is ignored: the product is the same for all directions"
            )
            return Mistake(words, (MistakeKind.MISSING_FACTOR,))
        searches = (self._multiples, self._parts, self._of_penalty, self._reordered, self._gauss_newton)
        return next((mistake for search in searches for mistake in search()), None)

    # the matrices

    @cached_property
    def values(self) -> dict[str, Any]:
        """The values of all arguments."""
        return self.spec.given(self.point.values)

    @cached_property
    def sizes(self) -> list[int]:
        """The number of entries of each parameter."""
        return [np.size(self.values[name]) for name in self.layer.wrt]

    @cached_property
    def claimed(self) -> np.ndarray:
        """The matrix whose products the code returns."""

        def product(changed: Mapping[str, Any]) -> list[np.ndarray]:
            found = self.layer.run(copy_arrays({**self.values, **changed})).gradients
            return [found[name] for name in self.layer.wrt]

        none = {v: np.zeros(np.shape(self.values[v])) for v in self.layer.upstream}
        return np.stack([_joined(product({**none, **moved})) for moved in self._moved(none, 1.0)], axis=1)

    @cached_property
    def right(self) -> np.ndarray:
        """The Hessian, by differences of the gradients."""

        def gradients(changed: Mapping[str, Any]) -> list[np.ndarray]:
            return self.layer.run(copy_arrays({**self.values, **changed}), backward=False).outputs

        return self._differences(lambda changed: _joined(gradients(changed)))

    def _differences(self, function: Callable[[Mapping[str, Any]], np.ndarray]) -> np.ndarray:
        """Return the derivatives of a vector with respect to the entries of all parameters, in columns."""
        own = {name: np.asarray(self.values[name], float) for name in self.layer.wrt}
        sides = zip(self._moved(own, _STEP), self._moved(own, -_STEP), strict=True)
        return np.stack([(function(up) - function(down)) / (2 * _STEP) for up, down in sides], axis=1)

    def _moved(self, arrays: Mapping[str, np.ndarray], step: float) -> Iterator[dict[str, np.ndarray]]:
        """Yield, for each entry, the array in which it is moved, by its name."""
        for name, array in arrays.items():
            for index in np.ndindex(array.shape):
                changed = array.astype(float, copy=True)
                changed[index] += step
                yield {name: changed}

    def _places(self) -> list[slice]:
        ends = np.cumsum(self.sizes)
        return [slice(int(end) - size, int(end)) for end, size in zip(ends, self.sizes, strict=True)]

    # the mistakes

    def _multiples(self) -> Iterator[Mistake]:
        ratio = float(np.sum(self.claimed * self.right) / np.sum(self.right**2))
        if not _is_like(self.claimed, ratio * self.right):
            return
        if abs(ratio + 1) < _CLOSE:
            yield OPPOSITE
        for name, n in self.point.sizes.items():
            for factor, words in ((n, f"{name} times"), (1 / n, f"1/{name} of")):
                if n > 1 and abs(ratio / factor - 1) < _CLOSE:
                    yield Mistake(f"it is {words} what it should be", (MistakeKind.MEAN,))
        if abs(ratio) > _CLOSE:
            yield Mistake(f"it is {ratio:.4g} times what it should be", (MistakeKind.NUMBER,))
        else:
            yield Mistake("it is 0", (MistakeKind.ZERO,))

    def _parts(self) -> Iterator[Mistake]:
        if _is_like(self.claimed, np.diag(np.diag(self.right))):
            words = "it has only the diagonal of the Hessian: the mixed second derivatives are left out"
            yield Mistake(words, (MistakeKind.MISSING_TERM,))
        for side, part in (("upper", np.triu), ("lower", np.tril)):
            if _is_like(self.claimed, part(self.right)):
                yield Mistake(f"it has only the {side} triangle of the Hessian", (MistakeKind.MISSING_TERM,))
        kept = np.zeros_like(self.right)
        for place in self._places():
            kept[place, place] = self.right[place, place]
        if len(self.sizes) > 1 and _is_like(self.claimed, kept):
            words = (
                f"the mixed second derivatives of {listed(self.layer.wrt)} are left out: each has its own block alone"
            )
            yield Mistake(words, (MistakeKind.MISSING_TERM,))

    def _of_penalty(self) -> Iterator[Mistake]:
        """Yield the mistake that a multiple of the unit matrix is left out or too much, as of a squared penalty."""
        more = self.claimed - self.right
        numbers = [float(np.mean(np.diag(more)[place])) for place in self._places()]
        unit = np.diag(np.concatenate([np.full(size, c) for c, size in zip(numbers, self.sizes, strict=True)]))
        if np.max(np.abs(more - unit)) > _CLOSE * np.max(np.abs(self.right)):
            return
        wrong = {n: c for n, c in zip(self.layer.wrt, numbers, strict=True) if abs(c) > _CLOSE}
        if (
            not wrong
            or all(np.size(self.values[name]) == 1 for name in wrong)
            or min(wrong.values()) * max(wrong.values()) < 0
        ):
            return
        how = "left out" if max(wrong.values()) < 0 else "too much"
        size = " and ".join(dict.fromkeys(f"{abs(c):.4g}" for c in wrong.values()))
        words = f"{size} on the diagonal of {listed(wrong)} is {how}, the second derivative of a squared penalty"
        yield Mistake(words, (MistakeKind.PENALTY,))

    def _reordered(self) -> Iterator[Mistake]:
        """Yield the mistake that blocks, or the entries of a matrix, stand in another order."""
        turned = self.right.copy()
        places = self._places()
        for a, of_a in enumerate(places):
            for b, of_b in enumerate(places):
                if a != b:
                    turned[of_a, of_b] = self.right[of_b, of_a].reshape(self.right[of_a, of_b].shape)
        if len(places) > 1 and _is_like(self.claimed, turned):
            words = f"the mixed blocks of {listed(self.layer.wrt)} are transposed"
            yield Mistake(words, (MistakeKind.TRANSPOSE,))
        shapes = [np.shape(self.values[name]) for name in self.layer.wrt]
        if all(len(shape) != 2 or 1 in shape for shape in shapes):
            return
        order = np.concatenate(
            [
                place.start + np.arange(size).reshape(shape).ravel(order="F")
                for place, size, shape in zip(places, self.sizes, shapes, strict=True)
            ]
        )
        for rows, columns in ((order, order), (order, slice(None)), (slice(None), order)):
            if _is_like(self.claimed, self.right[rows][:, columns]):
                words = f"the entries of {listed(self.layer.wrt)} are counted column by column, and not row by row"
                yield Mistake(words, (MistakeKind.ORDER,))

    def _gauss_newton(self) -> Iterator[Mistake]:
        """Yield the mistake that a quantity is taken as linear in the parameters, in the Gauss–Newton matrix of it."""
        for node, matrix in self._linearized() if self.network is not None else ():
            if _is_like(self.claimed, matrix):
                quantity = text(node) if len(text(node)) < 60 else "a quantity on the way"
                words = "it is the Gauss–Newton matrix, not the Hessian: the second derivatives of"
                yield Mistake(f"{words} {quantity} are left out", (MistakeKind.MISSING_TERM,))

    def _linearized(self) -> Iterator[tuple[Expression, np.ndarray]]:
        """Yield each quantity q of the network with Σ (∂q/∂w)ᵀ ∂(∂J/∂q)/∂w, named quantities first."""
        spec, network = self.reader.spec, self.network
        assert network is not None  # noqa: S101 — asked for only where there is one

        def at(changed: Mapping[str, Any]) -> Any:
            values = {name: value for name, value in {**self.point.values, **changed}.items() if name in spec.names}
            return self.reader.at_point(network, spec, SamplePoint(values, self.point.sizes))

        first = at({})
        data = set(first.given)
        every = [n for n in first.right if n in first.values and n not in data and np.ndim(first.values[n])]
        every.sort(key=lambda node: (not is_name(node), len(text(node))))
        starts = np.cumsum([0, *(np.size(first.values[node]) for node in every)])

        def both(changed: Mapping[str, Any]) -> np.ndarray:
            found = at(changed)
            return np.stack(
                [_joined([found.values[n] for n in every]), _joined([found.right[n] for n in every])]
            ).ravel()

        values, adjoints = np.split(self._differences(both), 2)
        for node, start, end in zip(every, starts, starts[1:], strict=False):
            yield node, values[start:end].T @ adjoints[start:end]


def _joined(arrays: list[Any]) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(array, float)) for array in arrays])


def _is_like(one: np.ndarray, other: np.ndarray) -> bool:
    scale = max(np.max(np.abs(one), initial=0.0), np.max(np.abs(other), initial=0.0))
    return bool(np.all(np.abs(one - other) <= _CLOSE * scale))
