"""np.einsum: of one or two arrays of at most two axes, as a combination of sums, transposes and products."""

from collections.abc import Sequence
from string import ascii_letters

from symbackprop.network.array_functions import products_of_letters
from symbackprop.tracing.arrays.array import Operand, TracedArray, reshaped
from symbackprop.tracing.arrays.products import as_array
from symbackprop.tracing.arrays.run import TraceRun
from symbackprop.tracing.arrays.word_calls import word_node


def einsum(run: TraceRun, subscripts: str, *values: Operand, **_: object) -> TracedArray:
    """Return the sum of products over the indices that are not in the result."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    names = inputs.split(",")
    flat = "".join(names)
    if not arrow:
        output = "".join(sorted(n for n in set(flat) if flat.count(n) == 1))
    repeated = any(len(set(n)) != len(n) for n in [*names, output])
    arrays = [as_array(run, value).as_called for value in values]
    ranks = [array.ndim for array in arrays]
    if repeated or len(set(flat)) > 3 or len(arrays) > 2 or len(names) != len(arrays) or max(*ranks, len(output)) > 2:
        whole = _without_dots(subscripts.replace(" ", ""), ranks)
        return TracedArray(run, word_node(run, products_of_letters, whole, *arrays))
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
        return TracedArray(run, word_node(run, products_of_letters, subscripts, *arrays))
    both = _with_axes(left, a, every) * _with_axes(right, b, every)
    return _in_order(*_summed(both, every, output), output)


def _without_dots(subscripts: str, ranks: Sequence[int]) -> str:
    """Return the letters of an einsum in which ... stands for the axes that are not named."""
    if "..." not in subscripts:
        return subscripts
    free = [letter for letter in ascii_letters if letter not in subscripts]
    inputs, arrow, output = subscripts.partition("->")
    counts = [
        rank - len(word.replace("...", "")) if "..." in word else 0
        for word, rank in zip(inputs.split(","), ranks, strict=True)
    ]
    dots = "".join(free[: max(counts)])
    written = [
        word.replace("...", dots[len(dots) - count :]) for word, count in zip(inputs.split(","), counts, strict=True)
    ]
    if not arrow:
        flat = inputs.replace(",", "").replace("...", "")
        output = "..." + "".join(sorted(letter for letter in set(flat) if flat.count(letter) == 1))
    return f"{','.join(written)}->{output.replace('...', dots)}"


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
