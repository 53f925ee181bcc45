"""The reference evaluation of a network: the value of every quantity and every part, at small sizes, with 50 digits.

The meaning of each node is defined here independently of all other modules, by array operations. Arrays of numbers give
values; arrays of symbols give the scalar equations that SymPy differentiates.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from typing import TypeAlias

import mpmath
import numpy as np
import sympy
from sympy import Integer, Piecewise, Rational

from symbackprop.budget import spend
from symbackprop.expressions import matrices as nodes
from symbackprop.expressions import operations as ops
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Size
from symbackprop.expressions.einsum import Einsum
from symbackprop.expressions.functions import Applied, ElementwiseFunction, z
from symbackprop.expressions.gathers import Gather, Permute, Reshape, Scattered, Strided, Window
from symbackprop.expressions.matrices import postorder, quantities
from symbackprop.expressions.shapes import is_matrix, shape_of
from symbackprop.expressions.slicing import Concatenate, Slice

DIGITS = 50

Number: TypeAlias = mpmath.mpf  # or a float, or an expression of SymPy; see `Arithmetic`
Value: TypeAlias = Number | np.ndarray
OneNumber = Callable[[Number], Number]  # a function of one number


@dataclass(frozen=True)
class Arithmetic:
    """The functions exp and log and the elementwise functions, for one kind of number."""

    exp: OneNumber
    log: OneNumber
    function: Callable[[ElementwiseFunction], OneNumber]
    largest: Callable[..., Number]
    at_largest: Callable[..., list[Number]]
    number: Callable[[Scalar], Number]  # the value of a number of SymPy
    each: Callable[[OneNumber, Value], Value]  # a function applied to each entry of an array
    filled: Callable[[np.ndarray], np.ndarray]  # converts an array of whole numbers
    dtype: type = object


@cache
def _numeric(function: ElementwiseFunction) -> OneNumber:
    return sympy.lambdify(z, function.expression, "mpmath")


def _at_largest(*line: Number) -> list[Number]:
    """Return 1 at the largest entry and 0 elsewhere; k equal largest entries get 1/k each."""
    largest = max(line)
    return [mpmath.mpf(int(entry == largest)) / line.count(largest) for entry in line]


@cache
def _largest_of(count: int) -> sympy.Lambda:
    """Return the maximum of `count` symbols as a piecewise expression, the form that SymPy differentiates best."""
    symbols = sympy.symbols(f"x:{count}", real=True)
    return sympy.Lambda(symbols, sympy.Max(*symbols).rewrite(Piecewise))


def each(function: OneNumber, array: Value) -> Value:
    """Return the array, or scalar, with a function applied to each entry."""
    if np.ndim(array) == 0:
        return function(array)
    return np.array([function(entry) for entry in array.ravel()], dtype=object).reshape(array.shape)


def _exactly(number: Scalar) -> Number:
    return (
        mpmath.mpf(number.p) / number.q if isinstance(number, Rational) else mpmath.mpf(sympy.N(number, mpmath.mp.dps))
    )


def _filled(array: np.ndarray) -> np.ndarray:
    return each(mpmath.mpf, array.astype(object))


_BEYOND_NUMPY = {  # functions that NumPy lacks
    "erf": np.vectorize(math.erf, otypes=[float]),
    "loggamma": np.vectorize(lambda x: math.lgamma(x) if x > 0 else math.nan, otypes=[float]),
    "polygamma": np.vectorize(lambda n, x: float(mpmath.psi(int(n), x)) if x > 0 else math.nan, otypes=[float]),
}


@cache
def _in_floats(function: ElementwiseFunction) -> OneNumber:
    of_arrays = sympy.lambdify(z, function.expression, [_BEYOND_NUMPY, "numpy"])
    return lambda array: np.broadcast_to(of_arrays(array), np.shape(array))


IN_DIGITS = Arithmetic(mpmath.exp, mpmath.log, _numeric, lambda *line: max(line), _at_largest, _exactly, each, _filled)
IN_FLOATS = Arithmetic(
    np.exp,
    np.log,
    _in_floats,
    lambda *line: max(line),
    lambda *line: [float(entry) for entry in _at_largest(*line)],
    float,
    lambda function, array: function(array),
    lambda array: array,
    float,
)
IN_SYMBOLS = Arithmetic(
    sympy.exp,
    sympy.log,
    lambda function: function.at,
    lambda *line: _largest_of(len(line))(*line),
    lambda *line: [Integer(0)] * len(line),  # its derivative is 0
    _exactly,
    each,
    _filled,
)


def _softmax(how: Arithmetic, node: Matrix, M: np.ndarray) -> np.ndarray:
    if how.dtype is float:
        M = M - M.max(axis=node.axis, keepdims=True)  # else exp may overflow
    powers = how.each(how.exp, M)
    return powers / powers.sum(axis=node.axis, keepdims=True)


def _log_sum_exp(how: Arithmetic, node: Matrix, M: np.ndarray) -> np.ndarray:
    largest = M.max(axis=node.axis, keepdims=True) if how.dtype is float else 0  # else exp may overflow
    return largest + how.each(how.log, how.each(how.exp, M - largest).sum(axis=node.axis, keepdims=True))


def _line_by_line(how: Arithmetic, function: Callable[..., list[Number]], node: Matrix, M: np.ndarray) -> np.ndarray:
    """Return the array of results of a function that is applied to each row (axis 1) or column (axis 0)."""
    in_lines = np.moveaxis(M, node.axis, -1)
    lines = [function(*line) for line in in_lines.reshape(-1, in_lines.shape[-1])]
    found: np.ndarray = np.array(lines, dtype=how.dtype).reshape(*in_lines.shape[:-1], -1)
    return np.moveaxis(found, -1, node.axis)


def _determinant(how: Arithmetic, node: Matrix, M: np.ndarray) -> Number:
    if how.dtype is float:
        return np.linalg.det(M)
    return eliminated(M)[0]


def _inverse(how: Arithmetic, node: Matrix, M: np.ndarray) -> np.ndarray:
    """Return the inverse; a singular matrix raises ZeroDivisionError."""
    if how.dtype is float:
        return np.linalg.inv(M)
    determinant, inverse = eliminated(M)
    if determinant == 0:
        raise ZeroDivisionError("the matrix is singular")
    return inverse


def eliminated(M: np.ndarray) -> tuple[Number, np.ndarray]:
    """Return the determinant and the inverse, by elimination in place with the largest pivot of each column.

    If the determinant is 0, there is no inverse, and the second value means nothing.
    """
    rows, origin = [list(row) for row in M], list(range(len(M)))
    determinant: Number = mpmath.mpf(1)
    for k in range(len(M)):
        best = max(range(k, len(M)), key=lambda i: abs(rows[i][k]))
        if rows[best][k] == 0:
            return mpmath.mpf(0), M
        if best != k:
            determinant = -determinant
            rows[k], rows[best] = rows[best], rows[k]
            origin[k], origin[best] = origin[best], origin[k]
        pivot, rows[k][k] = rows[k][k], mpmath.mpf(1)
        determinant = pivot * determinant
        rows[k] = [entry / pivot for entry in rows[k]]
        for i in (i for i in range(len(M)) if i != k):
            factor, rows[i][k] = rows[i][k], mpmath.mpf(0)
            rows[i] = [entry - factor * other for entry, other in zip(rows[i], rows[k], strict=True)]
    inverse = np.empty((len(M), len(M)), dtype=object)
    inverse[:, origin] = rows  # the columns, in the order of the rows of M
    return determinant, inverse


FILLED: dict[type, Callable[[tuple[int, ...]], np.ndarray]] = {
    nodes.Ones: np.ones,
    nodes.Zeros: np.zeros,
    nodes.Eye: lambda shape: np.eye(shape[0]),
    nodes.LowerOnes: lambda shape: np.tri(shape[0], shape[1]),
}

# fmt: off
MEANING: dict[type, Callable[..., Value]] = {
    sympy.Add:             lambda how, node, *xs: sum(xs),
    sympy.Mul:             lambda how, node, *xs: reduce(operator.mul, xs),
    sympy.Pow:             lambda how, node, x, n: x**n,
    sympy.exp:             lambda how, node, x: how.exp(x),
    sympy.log:             lambda how, node, x: how.log(x),
    Applied:               lambda how, node, x: how.function(node.function)(x),
    nodes.Trace:           lambda how, node, M: np.trace(M),
    nodes.Determinant:     _determinant,
    ops.Total:             lambda how, node, M: M.sum(),
    nodes.MatAdd:          lambda how, node, *Ms: sum(Ms),
    nodes.Scaled:          lambda how, node, c, M: M * c,  # a number of mpmath before an array is slow
    nodes.MatMul:          lambda how, node, *Ms: reduce(np.dot, Ms),
    nodes.Transpose:       lambda how, node, M: M.T,
    nodes.MatPow:          lambda how, node, M, n: reduce(np.dot, [M] * int(node.args[1])),
    nodes.Inverse:         _inverse,
    nodes.HadamardProduct: lambda how, node, *Ms: reduce(operator.mul, Ms),
    nodes.HadamardPower:   lambda how, node, M, n: how.each(lambda x: x**n, M),
    ops.Elementwise:       lambda how, node, M: how.each(how.function(node.function), M),
    ops.Sums:              lambda how, node, M: M.sum(axis=node.axis, keepdims=True),
    ops.Softmax:           _softmax,
    ops.LogSoftmax:        lambda how, node, M: M - _log_sum_exp(how, node, M),
    ops.Largest:           lambda how, node, M: _line_by_line(how, lambda *line: [how.largest(*line)], node, M),
    ops.AtLargest:         lambda how, node, M: _line_by_line(how, how.at_largest, node, M),
    Concatenate:           lambda how, node, *Ms: np.concatenate(Ms, axis=node.axis),
    Einsum:                lambda how, node, *Ms: np.einsum(str(node.args[0]), *Ms),
    ops.LogSumExp:         _log_sum_exp,
}
# fmt: on


def _sliced(evaluation: "Evaluation", node: Matrix, M: np.ndarray) -> np.ndarray:
    part = slice(*map(evaluation.size, node.bounds))
    return M[(slice(None),) * node.axis + (part,)]


def _gathered(evaluation: "Evaluation", node: Matrix, M: np.ndarray) -> np.ndarray:
    return M[_sources(evaluation, node)]


def _scattered(evaluation: "Evaluation", node: Matrix, G: np.ndarray) -> np.ndarray:
    whole = np.zeros(evaluation.shape(node), dtype=G.dtype)
    np.add.at(whole, _sources(evaluation, node.gather), G)
    return whole


def _sources(evaluation: "Evaluation", gather: Gather) -> tuple[np.ndarray, ...]:
    """Return the indices of the entries of the argument that a gather takes, each of which must be on its axis."""
    numbers = {size: Integer(n) for size, n in evaluation.sizes.items()}
    shape = evaluation.shape(gather)
    argument = nodes.NamedMatrix("argument", *evaluation.shape(gather.argument))
    here = gather.func(argument, *(setting.xreplace(numbers) for setting in gather.args[1:]))
    found = here.source(tuple(np.indices(shape)))
    sources = tuple(np.broadcast_to(np.asarray(place, dtype=int), shape) for place in found)
    if not all((at >= 0).all() and (at < n).all() for at, n in zip(sources, argument.shape, strict=True)):
        raise IndexError("a gather takes an entry from beside its axis")
    return sources


# The nodes whose values depend on the sizes of dimensions too.
RESIZED: dict[type, Callable[..., np.ndarray]] = {
    ops.Broadcast: lambda evaluation, node, M: np.broadcast_to(M, evaluation.shape(node)),
    Slice: _sliced,
    **dict.fromkeys((Permute, Reshape, Window, Strided), _gathered),
    Scattered: _scattered,
}


class Evaluation:
    """Values of expressions, for given sizes."""

    sizes: dict[Size, int]

    def __init__(self, sizes: Mapping[Size, int]):
        self.sizes = dict(sizes)

    def size(self, size: Size) -> int:
        """Return the value of a size, such as 4*H."""
        return self.sizes[size] if size in self.sizes else int(size.xreplace(self.sizes))

    def shape(self, quantity: Expression) -> tuple[int, ...]:
        """Return the shape of the value of an expression."""
        return tuple(map(self.size, shape_of(quantity)))

    def value(self, expression: Expression, values: dict[Expression, Value], how: Arithmetic = IN_DIGITS) -> Value:
        """Return the value of an expression, and add the values of its parts to `values`."""
        for node in postorder(expression):
            if node not in values:
                values[node] = self.combined(node, [values[part] for part in quantities(node)], how)
        return values[expression]

    def combined(self, node: Expression, parts: list[Value], how: Arithmetic) -> Value:
        """Return the value of a node, computed from the values of its parts."""
        spend()
        if node in self.sizes and not is_matrix(node):
            return self.sizes[node] if node.is_Symbol else how.number(node)
        if isinstance(node, nodes.LEAVES):
            return how.filled(FILLED[type(node)](self.shape(node)))
        if type(node) in RESIZED:
            return RESIZED[type(node)](self, node, *parts)
        if not parts:
            return how.number(node)
        kind = next(kind for kind in type(node).__mro__ if kind in MEANING)
        return MEANING[kind](how, node, *parts)
