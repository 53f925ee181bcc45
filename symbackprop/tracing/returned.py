"""The gradients in what a person's function returns: by name, in order, in one vector, or beside the cost."""

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed

_FORMS = (
    "d{}",
    "djd{}",
    "dld{}",
    "dlossd{}",
    "dcostd{}",
    "dedd{}",
    "grad{}",
    "{}grad",
    "{}gradient",
    "g{}",
    "nabla{}",
)


def gradients_in(result: Any, wrt: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The gradient of each parameter.

    Raises:
        ArgumentError: it is not clear which gradient is which.
    """
    if result is None or inspect.isgenerator(result) or inspect.iscoroutine(result):
        what = "nothing" if result is None else f"a {type(result).__name__}"
        raise ArgumentError(f"the gradient returns {what}; the gradients by {listed(wrt)} are expected")
    if isinstance(result, Mapping):
        return _by_name(result, wrt)
    if hasattr(result, "_asdict") and len(_matched(result._asdict(), wrt)) == len(wrt):
        return _by_name(result._asdict(), wrt)
    if not isinstance(result, tuple | list):
        return _of_vector(result, wrt, shapes)
    inner = [each for each in result if isinstance(each, Mapping)]
    if len(inner) == 1:
        return _by_name(inner[0], wrt)
    items = list(_flat(result))
    if len(items) == len(wrt) + 1 and np.size(_shape(items[0])) == 0:
        items = items[1:]
    if len(items) == 1:
        return _of_vector(items[0], wrt, shapes)
    if len(items) != len(wrt):
        raise ArgumentError(f"the gradient returns {len(items)} arrays, but wrt names {len(wrt)}: {listed(wrt)}")
    return dict(zip(wrt, items, strict=True))


def cost_in(result: Any) -> Any:
    """The cost in what a function returns: itself, or the first of several."""
    if isinstance(result, tuple | list) and result:
        return cost_in(result[0])
    if isinstance(result, Mapping):
        name = next((key for key in ("J", "loss", "cost", "L") if key in result), None)
        if name is None:
            raise ArgumentError(f"the cost returns a dictionary of {listed(result)}; a number is expected")
        return result[name]
    return result


def _flat(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        if isinstance(value, tuple | list):
            yield from _flat(value)
        else:
            yield value


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)


def _of_vector(value: Any, wrt: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """One gradient, or all of them one after the other."""
    if len(wrt) == 1:
        return {wrt[0]: value}
    sizes = [int(np.prod(shapes[name])) for name in wrt]
    if hasattr(value, "pieces"):
        if len(value.pieces) == len(wrt):
            return dict(zip(wrt, value.pieces, strict=True))
    elif len(_shape(value)) == 1 and _shape(value)[0] == sum(sizes):
        ends = np.cumsum(sizes)
        return {
            name: value[end - size : end].reshape(shapes[name])
            for name, size, end in zip(wrt, sizes, ends, strict=True)
        }
    raise ArgumentError(
        f"the gradient returns one array of shape {_shape(value)}, but wrt names {len(wrt)} parameters: {listed(wrt)}"
    )


def _by_name(found: Mapping[Any, Any], wrt: Sequence[str]) -> dict[str, Any]:
    matched = _matched(found, wrt)
    missing = [name for name in wrt if name not in matched]
    if missing and len(found) == len(wrt):
        return dict(zip(wrt, found.values(), strict=True))
    if missing:
        raise ArgumentError(f"the gradient returns {listed(found)}, none of which is that of {listed(missing)}")
    return matched


def _matched(found: Mapping[Any, Any], wrt: Sequence[str]) -> dict[str, Any]:
    """By the name itself, or by the name with what says that it is a gradient: dW1, grad_W1, dJdW1."""
    plain = {_letters(str(key)): value for key, value in found.items()}
    matched = {}
    for name in wrt:
        keys = (form.format(_letters(name)) for form in _FORMS)
        said = [plain[key] for key in keys if key in plain]
        bare = found.get(name, plain.get(_letters(name)))
        if said or bare is not None:
            matched[name] = said[0] if said else bare
    return matched


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
