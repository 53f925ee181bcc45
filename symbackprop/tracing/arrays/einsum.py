"""np.einsum of one or two arrays of at most two axes, as a combination of sums, transposes and products."""

from symbackprop.tracing.arrays.array import Operand, TracedArray, reshaped
from symbackprop.tracing.arrays.run import TraceRun
from symbackprop.tracing.untraceable import Untraceable


def einsum(run: TraceRun, subscripts: str, *values: Operand, **_: object) -> TracedArray:
    """Return the sum of products over the indices that are not in the result."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    names = inputs.split(",")
    if not arrow:
        flat = "".join(names)
        output = "".join(sorted(n for n in set(flat) if flat.count(n) == 1))
    if len(values) > 2 or len(names) != len(values) or any(len(set(n)) != len(n) for n in [*names, output]):
        raise Untraceable(
            f"np.einsum({subscripts!r}) has a repeated index, or more than two arrays: write it as several products"
        )
    arrays = [TracedArray(run, run.node(value)) for value in values]
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
        raise Untraceable(f"np.einsum({subscripts!r}) has three indices at once: write it as a product of matrices")
    both = _with_axes(left, a, every) * _with_axes(right, b, every)
    return _in_order(*_summed(both, every, output), output)


def _summed(array: TracedArray, names: str, kept: str) -> tuple[TracedArray, str]:
    """Return the sum over the axes whose indices are not in `kept`, and the remaining indices."""
    for name in [n for n in names if n not in kept]:
        array = array.sum(axis=names.index(name))
        names = names.replace(name, "")
    return array, names


def _in_order(array: TracedArray, names: str, output: str) -> TracedArray:
    return array if names == output else array.T


def _with_axes(array: TracedArray, names: str, every: str) -> TracedArray:
    """Return the array with an axis for each index in `every`."""
    if len(names) == 2:
        return _in_order(array, names, every)
    if not names or len(every) < 2:
        return array
    return reshaped(array, (array.size, 1) if names == every[0] else (1, array.size))
