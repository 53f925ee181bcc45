"""Functions that formulas call by name: traces, sums, softmax, NumPy's products."""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import permutations

import numpy as np

from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Call, Power
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.evaluator import Evaluator
from symbackprop.proofread.interpreter.orientation import example_axis
from symbackprop.proofread.interpreter.products import readings
from symbackprop.proofread.interpreter.values import Array, IndexedArray, ShapeMismatchError

Meaning = Callable[[Evaluator, Call], list[IndexedArray]]  # of a function: its values, given a call of it


def softmax(argument: IndexedArray, axis: int) -> IndexedArray:
    """Return the softmax along an axis; for a row or a column, the softmax of all entries."""
    powers = np.exp(argument.array)
    return replace(argument, array=powers / powers.sum(axis=_classes(argument, axis) - 2, keepdims=True))


def log_sum_exp(argument: IndexedArray, axis: int) -> IndexedArray:
    """Return the logarithm of the sum of the powers of e along an axis; for a row or a column, of all entries."""
    total = np.exp(argument.array).sum(axis=_classes(argument, axis) - 2, keepdims=True)
    return replace(argument, array=np.log(total))


def _classes(argument: IndexedArray, axis: int) -> int:
    """Return the axis of the classes: the given one, or that of a row or a column."""
    if argument.is_derivative:
        raise ShapeMismatchError("a softmax of ∂A/∂B")
    rows, columns = argument.shape
    is_line = 1 in (rows, columns) and rows != columns
    return (0 if columns == 1 else 1) if is_line else axis


def _of_array(function: Callable[[IndexedArray], IndexedArray]) -> Meaning:
    """Return the meaning of a call with one argument, to which a function of arrays is applied."""

    def of(evaluator: Evaluator, node: Call) -> list[IndexedArray]:
        found = evaluator.values(node.arguments[0])
        return [function(values.as_matrix(value) if value.is_derivative else value) for value in found]

    return of


def _of_square(what: str, function: Callable[[Array], Array]) -> Meaning:
    """Return the meaning of a function of a square matrix whose value is a number."""

    def of(value: IndexedArray) -> IndexedArray:
        rows, columns = value.shape
        if rows != columns:
            raise ShapeMismatchError(f"the {what} of {rows}×{columns}")
        return replace(value, array=function(value.array)[..., None, None])

    return _of_array(of)


def _diagonal(value: IndexedArray) -> IndexedArray:
    rows, columns = value.shape
    if 1 not in (rows, columns):
        raise ShapeMismatchError(f"a diagonal matrix of {rows}×{columns}")
    flat = value.array.reshape(*value.array.shape[:-2], -1)
    return replace(value, array=flat[..., None] * np.eye(flat.shape[-1]))


def _named_softmax(evaluator: Evaluator, node: Call) -> list[IndexedArray]:
    axis = 1 - example_axis(evaluator) if node.axis is None else node.axis
    return [softmax(value, axis) for value in evaluator.values(node.arguments[0])]


def _log_sum_exp(evaluator: Evaluator, node: Call) -> list[IndexedArray]:
    axis = 1 - example_axis(evaluator) if node.axis is None else node.axis
    return [log_sum_exp(value, axis) for value in evaluator.values(node.arguments[0])]


def _log_softmax(evaluator: Evaluator, node: Call) -> list[IndexedArray]:
    return [values.mapped(value, np.log) for value in _named_softmax(evaluator, node)]


def _reduced(function: Callable[..., Array]) -> Meaning:
    """Return the meaning of a call of sum(…) or, with `mean`, of mean(…), as in NumPy."""

    def of(evaluator: Evaluator, node: Call) -> list[IndexedArray]:
        found = []
        axis = _axis_in_words(node) if node.axis is None else node.axis
        for value in evaluator.values(node.arguments[0]):
            first = -4 if value.is_derivative else -2  # axis of A in ∂A/∂B
            axes = (first, first + 1) if axis is None else (first + axis,)
            found.append(replace(value, array=function(value.array, axis=axes, keepdims=True)))
        return found

    return of


def _axis_in_words(node: Call) -> int | None:
    """Return the axis in a formula such as \\text{np.sum}(dZ, axis=1, keepdims=True), or None."""
    axis = None
    for argument in node.arguments[1:]:
        keyword, _, given = re.sub(r"\\[a-z]+|[\s{}]", "", argument.source).partition("=")
        if keyword == "axis" and given in _AXES:
            axis = _AXES[given]
        elif keyword != "keepdims":
            raise UnsupportedNotationError(f"{node.source}: {argument.source} is not read")
    return axis


_AXES = {"0": 0, "1": 1, "-1": 1, "-2": 0}


def _largest(evaluator: Evaluator, node: Call) -> list[IndexedArray]:
    """Return max(0, z) entry by entry, max(z) of each row, max_rows(z) of each column, or max_j z_j over an index."""
    if len(node.arguments) == 1:
        return _largest_of_lines(evaluator, node)
    if len(node.arguments) != 2:
        raise UnsupportedNotationError(f"{node.source}: only the larger one of two is read")
    one, other = (evaluator.first(argument) for argument in node.arguments)
    difference = values.plus([one, other], (1, -1))
    larger = values.mapped(difference, lambda array: np.maximum(array, 0))
    return [values.plus([larger, other], (1, 1))]


def _largest_of_lines(evaluator: Evaluator, node: Call) -> list[IndexedArray]:
    marks = {getattr(mark.content, "base", "") for mark in getattr(node.function, "below", ())}
    axis = node.axis if node.axis is not None else 0 if "rows" in marks else 1
    found = [value for value in evaluator.values(node.arguments[0]) if not value.is_derivative]
    over = [value for value in found if marks & set(value.indices)]
    if over:
        return [values.reduced(value, next(iter(marks & set(value.indices))), np.max) for value in over]
    return [replace(value, array=value.array.max(axis=axis - 2, keepdims=True)) for value in found]


def _product(sign: str) -> Meaning:
    return lambda evaluator, node: readings(sign, [evaluator.values(argument) for argument in node.arguments])


_MOST_CHAINED = 4


def _chained(evaluator: Evaluator, node: Call) -> list[IndexedArray]:
    """Return the chain-rule product prod(∂J/∂h, ∂h/∂W), with factors reordered and transposed to make shapes match."""
    if len(node.arguments) > _MOST_CHAINED:
        raise UnsupportedNotationError(f"{node.source}: a product of more than {_MOST_CHAINED} factors in any order")
    found = []
    for factors in permutations([evaluator.values(argument) for argument in node.arguments]):
        turned = [[*every, *(values.transposed(v) for v in every if not v.is_derivative)] for every in factors]
        with suppress(ShapeMismatchError):
            found += readings("", turned)
    if not found:
        raise ShapeMismatchError("nothing fits")
    return found


def _power(evaluator: Evaluator, node: Call) -> list[IndexedArray]:
    return evaluator.values(Power(base=node.arguments[0], exponent=node.arguments[1], entrywise=True))


NAMED: dict[str, Meaning] = {
    **dict.fromkeys(("tr", "Tr", "trace"), _of_square("trace", partial(np.trace, axis1=-2, axis2=-1))),
    "det": _of_square("determinant", np.linalg.det),
    "diag": _of_array(_diagonal),
    "softmax": _named_softmax,
    "Softmax": _named_softmax,
    **dict.fromkeys(("logsumexp", "LSE"), _log_sum_exp),
    "log_softmax": _log_softmax,
    "logsoftmax": _log_softmax,
    "sum": _reduced(np.sum),
    "mean": _reduced(np.mean),
    "rowsum": _of_array(lambda value: replace(value, array=value.array.sum(axis=-1, keepdims=True))),
    "colsum": _of_array(lambda value: replace(value, array=value.array.sum(axis=-2, keepdims=True))),
    "max": _largest,
    "maximum": _largest,
    "dot": _product("@"),
    "matmul": _product("@"),
    "multiply": _product("numpy *"),
    "transpose": _of_array(values.transposed),
    "power": _power,
    "prod": _chained,
    "tril": _of_array(lambda value: values.mapped(value, np.tril)),
    "square": _of_array(lambda value: values.mapped(value, np.square)),
    "ones_like": _of_array(lambda value: values.mapped(value, np.ones_like)),
}
