"""The mistakes that are made in layers: with the upstream gradient, the cache, and the order of the gradients."""

from collections.abc import Callable, Iterator, Mapping
from itertools import permutations
from typing import Any

import numpy as np

from symbackprop.errors import listed
from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.tracing.arguments import ArgumentSpec
from symbackprop.tracing.layers import Layer, composed
from symbackprop.tracing.sampling import SamplePoint, copy_arrays

_CLOSE = 1e-5  # relative to the largest entry: numerical gradients are that good
_STEP = 1e-5
_MOST_ORDERS = 5  # gradients of which all orders are tried

# what surrogate gradients look like
_IN_JUMPS = (
    "the output moves with {names} in jumps alone, so that the gradient is 0: {gradients} is a surrogate gradient, "
    "like that of a straight-through estimator, and no derivative"
)
_WITHOUT_EFFECT = "the output does not depend on {names}, so that the gradient is 0: {gradients} is not a derivative"
_OF_IDENTITY = {
    "negative": "the output is {names} itself, and {gradients} a negative multiple of {upstream}: a gradient reversal "
    "layer, which is not a derivative",
    "positive": "the output is {names} itself, and {gradients} a multiple of {upstream}: a scaled gradient, which some "
    "layers want, but no derivative",
    "other": "the output is {names} itself, and {gradients} is not {upstream}: a changed gradient, such as a clipped "
    "one, which some layers want, but no derivative",
}
_NOT_LINEAR = (
    "{gradients} is not linear in {upstream}, as each vector-Jacobian product is: what arrives is clipped or selected, "
    "which some layers want"
)

Gradients = Mapping[str, np.ndarray]


def layer_mistake(layer: Layer, spec: ArgumentSpec, point: SamplePoint) -> Mistake | None:
    """Return the mistake in wrong gradients of a layer, or None if it is none that only layers have."""
    return _LayerMistakes(layer, spec, point).found()


class _LayerMistakes:
    """The search for a mistake that explains wrong gradients of a layer, in numbers at one point."""

    def __init__(self, layer: Layer, spec: ArgumentSpec, point: SamplePoint):
        self.layer, self.spec = layer, spec
        self.values: dict[str, Any] = spec.given(point.values)
        self.upstream = listed(layer.upstream)

    def found(self) -> Mistake | None:
        """Return the mistake, or None if none of these explains the gradients."""
        searches: tuple[Callable[[], Iterator[Mistake]], ...] = (
            self._ignored,
            self._ordered,
            self._overwritten,
            self._surrogate,
            self._entrywise,
            self._not_summed,
        )
        try:
            with np.errstate(all="ignore"):
                self.right = self._numeric({})
                self.claimed = self._claimed({})
                self.wrong = [n for n in self.right if not _is_like(self.claimed.get(n), self.right[n])]
                return next((mistake for search in searches for mistake in search()), None)
        except Exception:  # the code fails at this point, where it is not known to run
            return None

    # gradients

    def _claimed(self, changed: Mapping[str, Any]) -> dict[str, np.ndarray]:
        found = self.layer.run(copy_arrays({**self.values, **changed})).gradients
        return {name: np.asarray(value, float) for name, value in found.items()}

    def _numeric(self, changed: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Return the right gradients, by plain differences of the outputs, which are good enough to name a mistake."""
        values = {**self.values, **changed}
        cost, _ = composed(self.layer, self.spec.names)
        found = {}
        for name in self.layer.wrt:
            own = np.asarray(values[name], float)
            found[name] = np.empty(own.shape)
            for index in np.ndindex(own.shape):
                step, sides = _STEP * max(1.0, abs(float(own[index]))), []
                for sign in (1, -1):
                    moved = own.copy()
                    moved[index] += sign * step
                    sides.append(float(cost(**copy_arrays({**values, name: moved}))))
                found[name][index] = (sides[0] - sides[1]) / (2 * step)
        return found

    def _filled(self, number: float) -> dict[str, Any]:
        """Return upstream gradients whose entries are all this number."""
        return {
            n: np.full(np.shape(self.values[n]), number) if np.ndim(self.values[n]) else number
            for n in self.layer.upstream
        }

    def _listed(self, names: list[str]) -> str:
        are = "is that" if len(names) == 1 else "are those"
        return f"{listed(f'd{name}' for name in names)} {are}"

    def _outputs(self, changed: Mapping[str, Any]) -> list[np.ndarray]:
        found = self.layer.run(copy_arrays({**self.values, **changed}), backward=False).outputs
        return [np.asarray(output, float) for output in found]

    def _moves_with(self, name: str) -> bool:
        """Return True if the outputs are others where the entries of an argument are far from the given ones."""
        before, value = self._outputs({}), np.asarray(self.values[name], float)
        others = (3.7 - 2.3 * value, -5.0 * value, np.roll(value, 1))
        return not all(map(np.array_equal, before * 3, [out for x in others for out in self._outputs({name: x})]))

    # mistakes

    def _ignored(self) -> Iterator[Mistake]:
        """Yield the mistake that an upstream gradient is not used in wrong gradients."""
        ones = self._numeric(self._filled(1.0))
        for upstream in self.layer.upstream:
            other = {upstream: self.values[upstream] * -0.5 + 1.3}
            again, right = self._claimed(other), self._numeric(other)
            ignored = [
                name
                for name in self.wrong
                if np.any(self.claimed[name])
                and _is_like(again[name], self.claimed[name])
                and not _is_like(right[name], self.right[name])
            ]
            if not ignored:
                continue
            words = f"the upstream gradient {upstream} is ignored"
            if all(_is_like(self.claimed[name], ones[name]) for name in ignored):
                words += f": {self._listed(ignored)} of the sum of the output"
            else:
                words += f" in {listed(f'd{name}' for name in ignored)}"
            yield Mistake(words, (MistakeKind.MISSING_FACTOR,))

    def _surrogate(self) -> Iterator[Mistake]:
        """Yield the reason why wrong gradients look like surrogate gradients."""
        before, G = self._outputs({}), np.asarray(self.values[self.layer.upstream[0]], float)
        found: dict[str, list[str]] = {}
        for name in self.wrong:
            claimed, x = self.claimed[name], np.asarray(self.values[name], float)
            words = ""
            if not np.any(self.right[name]):
                words = _IN_JUMPS if self._moves_with(name) else _WITHOUT_EFFECT
            elif len(before) == 1 and np.array_equal(before[0], x):
                ratio = _ratio(claimed, G)
                words = _OF_IDENTITY["other" if ratio is None else "negative" if ratio < 0 else "positive"]
            elif not self._is_linear(name):
                words = _NOT_LINEAR
            if words:
                found.setdefault(words, []).append(name)
        if found and sum(map(len, found.values())) == len(self.wrong):
            said = [
                words.format(gradients=listed(f"d{n}" for n in names), names=listed(names), upstream=self.upstream)
                for words, names in found.items()
            ]
            yield Mistake("; ".join(said), (MistakeKind.SURROGATE,))

    def _is_linear(self, name: str) -> bool:
        """Return True if a gradient is multiplied by what its upstream gradient is multiplied by."""
        return all(
            _is_like(
                self._claimed({n: self.values[n] * factor for n in self.layer.upstream})[name],
                self.claimed[name] * factor,
            )
            for factor in (1e-3, -1.0, 1e3)
        )

    def _entrywise(self) -> Iterator[Mistake]:
        """Yield the mistake that J^T 1 times G entry by entry, or times its sum, stands for J^T G."""
        ones = self._numeric(self._filled(1.0))
        for how in ("", "the sum of ", "the mean of "):
            explained = [n for n in self.wrong if _is_like(self.claimed[n], self._times(ones[n], how))]
            if explained and explained == self.wrong:
                words = (
                    f"{self._listed(explained)} of the sum of the output, times {how}{self.upstream}: the upstream "
                    "gradient must enter before the derivatives are added up"
                )
                yield Mistake(words, (MistakeKind.PRODUCT,))

    def _times(self, gradient: np.ndarray, how: str) -> np.ndarray | None:
        G = np.asarray(self.values[self.layer.upstream[0]], float)
        reduced = {"": G, "the sum of ": np.sum(G), "the mean of ": np.mean(G)}[how]
        try:
            return np.asarray(gradient * reduced)
        except ValueError:
            return None

    def _not_summed(self) -> Iterator[Mistake]:
        """Yield the mistake that a gradient is not summed over the axes along which its parameter is broadcast."""
        for name in self.wrong:
            claimed, right = self.claimed[name], self.right[name]
            extra = claimed.ndim - right.ndim
            if extra < 0:
                continue
            shape = (1,) * extra + right.shape
            axes = tuple(k for k, (n, m) in enumerate(zip(claimed.shape, shape, strict=True)) if n != m and m == 1)
            if axes and _is_like(
                claimed.sum(axis=axes).reshape(right.shape) if _fits(claimed, axes, right) else None, right
            ):
                sizes = " and ".join(f"axis {k} (of {claimed.shape[k]} entries)" for k in axes)
                yield Mistake(f"d{name} is not summed over {sizes}", (MistakeKind.MISSING_SUM,))

    def _ordered(self) -> Iterator[Mistake]:
        """Yield the mistake that the right gradients are returned in another order."""
        names = list(self.right)
        if not 1 < len(names) <= _MOST_ORDERS or len(self.wrong) < 2:
            return
        for order in permutations(names):
            if all(_is_like(self.claimed[other], self.right[name]) for name, other in zip(order, names, strict=True)):
                returned = ", ".join(f"d{name}" for name in order)
                expected = ", ".join(f"d{name}" for name in names)
                yield Mistake(
                    f"the gradients are right, but returned in another order: {returned} for {expected}",
                    (MistakeKind.ORDER,),
                )

    def _overwritten(self) -> Iterator[Mistake]:
        """Yield the mistake that `forward` overwrites an argument that `backward` needs as it was."""
        given = copy_arrays(self.values)
        before = copy_arrays(given)
        self.layer.run(given, backward=False)
        changed = [
            n for n, value in given.items() if isinstance(value, np.ndarray) and not np.array_equal(value, before[n])
        ]
        if changed and self._all_right(self.layer.restoring(copy_arrays(self.values), changed)):
            yield Mistake(
                f"{listed(changed)} is overwritten by forward, before backward uses the values that it had",
                (MistakeKind.QUANTITY,),
            )

    def _all_right(self, gradients: Mapping[str, Any]) -> bool:
        return all(_is_like(np.asarray(gradients[n], float), self.right[n]) for n in self.right)


def _ratio(one: np.ndarray, other: np.ndarray) -> float | None:
    """Return the number of which one array is a multiple of another, or None."""
    if one.shape != other.shape or not np.any(other):
        return None
    ratio = float(np.sum(one * other) / np.sum(other**2))
    return ratio if ratio and _is_like(one, ratio * other) else None


def _fits(claimed: np.ndarray, axes: tuple[int, ...], right: np.ndarray) -> bool:
    return int(np.prod([n for k, n in enumerate(claimed.shape) if k not in axes])) == right.size


def _is_like(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    if one is None or other is None or one.size != other.size or one.squeeze().shape != other.squeeze().shape:
        return False
    scale = max(np.max(np.abs(one), initial=0.0), np.max(np.abs(other), initial=0.0))
    return bool(np.all(np.abs(one.ravel() - other.ravel()) <= _CLOSE * scale))
