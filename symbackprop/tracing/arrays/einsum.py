"""np.einsum of one or two arrays of at most two axes, as sums, transposes and products."""

from typing import Any

from symbackprop.tracing.arrays.array import Array, Run, reshaped
from symbackprop.tracing.untraceable import Untraceable


def einsum(run: Run, subscripts: str, *values: Any, **_: Any) -> Array:
    """The sum of products over the indices that the result has not."""
    inputs, _arrow, output = subscripts.replace(" ", "").partition("->")
    names = inputs.split(",")
    if not _arrow:
        flat = "".join(names)
        output = "".join(sorted(n for n in set(flat) if flat.count(n) == 1))
    if len(values) > 2 or len(names) != len(values) or any(len(set(n)) != len(n) for n in [*names, output]):
        raise Untraceable(f"np.einsum({subscripts!r}) with repeated indices, or of more than two arrays")
    arrays = [Array(run, run.node(value)) for value in values]
    if len(arrays) == 1:
        return _in_order(*_summed(arrays[0], names[0], output), output)
    (left, a), (right, b) = (
        _summed(array, name, other + output) for array, name, other in zip(arrays, names, reversed(names), strict=True)
    )
    contracted = [n for n in a if n in b and n not in output]
    if len(contracted) == 1 and not [n for n in a if n in b and n in output]:
        k = contracted[0]
        first = _in_order(left, a, a.replace(k, "") + k)
        second = _in_order(right, b, k + b.replace(k, ""))
        return _in_order(first @ second, a.replace(k, "") + b.replace(k, ""), output)
    every = "".join(dict.fromkeys(a + b))
    if len(every) > 2:
        raise Untraceable(f"np.einsum({subscripts!r}) has three indices at once")
    both = _spread(left, a, every) * _spread(right, b, every)
    return _in_order(*_summed(both, every, output), output)


def _summed(array: Array, names: str, kept: str) -> tuple[Array, str]:
    """The sum over the axes that nothing else has."""
    for name in [n for n in names if n not in kept]:
        array = array.sum(axis=names.index(name))
        names = names.replace(name, "")
    return array, names


def _in_order(array: Array, names: str, output: str) -> Array:
    return array if names == output else array.T


def _spread(array: Array, names: str, every: str) -> Array:
    """With an axis for each index."""
    if len(names) == 2:
        return _in_order(array, names, every)
    if not names or len(every) < 2:
        return array
    return reshaped(array, (array.size, 1) if names == every[0] else (1, array.size))
