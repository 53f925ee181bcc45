"""The cost and the gradients in a result of the user's code: by name, in order, in one vector, or after the cost."""

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed

_GRADIENT_NAMES = (
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


def gradients_in(result: object, wrt: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, object]:
    """Return the gradient of each parameter.

    Raises:
        ArgumentError: the gradients cannot be assigned to the parameters.
    """
    if result is None or inspect.isgenerator(result) or inspect.iscoroutine(result):
        kind = "nothing" if result is None else f"a {type(result).__name__}"
        raise ArgumentError(
            f"the gradient returns {kind}; the gradients with respect to {listed(wrt)} are expected, as in "
            f"return {', '.join(f'd{name}' for name in wrt)}"
        )
    if isinstance(result, Mapping):
        return _by_name(result, wrt)
    fields: dict[str, object] = getattr(result, "_asdict", dict)()  # of a named tuple
    if fields and len(_matched(fields, wrt)) == len(wrt):
        return _by_name(fields, wrt)
    if not isinstance(result, tuple | list):
        return _split(result, wrt, shapes)
    inner = [each for each in result if isinstance(each, Mapping)]
    if len(inner) == 1:
        return _by_name(inner[0], wrt)
    items = list(_flat(result))
    if len(items) == len(wrt) + 1 and np.size(_shape(items[0])) == 0:
        items = items[1:]
    if len(items) == 1:
        return _split(items[0], wrt, shapes)
    if len(items) != len(wrt):
        raise ArgumentError(f"the gradient returns {len(items)} arrays, but wrt names {len(wrt)}: {listed(wrt)}")
    return dict(zip(wrt, items, strict=True))


def cost_in(result: object) -> object:
    """Return the cost in a result: the result itself, its first item, or the item with a name such as loss."""
    if isinstance(result, tuple | list) and result:
        return cost_in(result[0])
    if isinstance(result, Mapping):
        name = next((key for key in ("J", "loss", "cost", "L") if key in result), None)
        if name is None:
            raise ArgumentError(
                f"the cost returns a dictionary of {listed(result)}; a number is expected, or a dictionary with one "
                "under J, loss, cost or L"
            )
        return result[name]
    return result


def _flat(values: Iterable[object]) -> Iterator[object]:
    return chain.from_iterable(_flat(value) if isinstance(value, tuple | list) else (value,) for value in values)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)


def _split(value: Any, wrt: Sequence[str], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, object]:
    """Return a single gradient, or the gradients in a vector that contains all of them."""
    if len(wrt) == 1:
        return {wrt[0]: value}
    sizes = [int(np.prod(shapes[name])) for name in wrt]
    if hasattr(value, "pieces"):
        if len(value.pieces) == len(wrt):
            return dict(zip(wrt, value.pieces, strict=True))
    elif _shape(value) == (sum(sizes),):
        ends = np.cumsum(sizes)
        return {
            name: value[end - size : end].reshape(shapes[name])
            for name, size, end in zip(wrt, sizes, ends, strict=True)
        }
    raise ArgumentError(
        f"the gradient returns one array of shape {_shape(value)}, but wrt names {len(wrt)} parameters: {listed(wrt)}; "
        f"return one array for each, or a vector of all {sum(sizes)} entries"
    )


def _by_name(found: Mapping[Any, object], wrt: Sequence[str]) -> dict[str, object]:
    matched = _matched(found, wrt)
    missing = [name for name in wrt if name not in matched]
    if missing and len(found) == len(wrt):
        return dict(zip(wrt, found.values(), strict=True))
    if missing:
        raise ArgumentError(
            f"the gradient returns {listed(found)}, none of which is that of {listed(missing)}: "
            f"name it as in {{'d{missing[0]}': …}}"
        )
    return matched


def _matched(found: Mapping[Any, object], wrt: Sequence[str]) -> dict[str, object]:
    """Return the gradients whose key is the name of a parameter, possibly in a form such as dW1, grad_W1 or dJdW1."""
    plain = {_letters(str(key)): value for key, value in found.items()}
    matched = {}
    for name in wrt:
        keys = (form.format(_letters(name)) for form in _GRADIENT_NAMES)
        named = [plain[key] for key in keys if key in plain]
        bare = found.get(name, plain.get(_letters(name)))
        if named or bare is not None:
            matched[name] = named[0] if named else bare
    return matched


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
