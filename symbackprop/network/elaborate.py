"""Conversion of a formula's syntax tree to an expression: the meaning of each operation and of each call."""

import inspect
from collections.abc import Callable, Mapping
from math import log2
from typing import Any

import sympy
from sympy import Integer, Rational

from symbackprop.errors import FormulaError, NetworkError, ShapeError, SymbackpropError, nearest
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Size
from symbackprop.expressions.constructors import ones
from symbackprop.expressions.functions import ALIASES, FUNCTION, ElementwiseFunction
from symbackprop.expressions.linear_algebra import eye, matrix_power, norm
from symbackprop.expressions.matrices import MOST_FACTORS, LowerOnes, Ones, Zeros
from symbackprop.expressions.operations import COLUMNS, ROWS, axis_of, broadcast, log_softmax, logsumexp, softmax
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import Concatenate
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.numpy_parser import COMPARISON, quote
from symbackprop.parsing.syntax_tree import Node
from symbackprop.parsing.unparse import to_source
from symbackprop.printing.text import typed

_MODULES = ("np.linalg", "numpy.linalg", "np", "numpy", "sb")  # whose functions may be written with their module
_MOST_BITS = 1000  # of a number
_SETTINGS = {"shape", "arrays", "axis", "keepdims"}  # parameters of calls that are not quantities

Argument = Expression | tuple[Expression, ...] | bool | None  # of a call


# The meaning of a call


def _reduction(reduce: Callable[..., Expression], name: str) -> Callable[..., Expression]:
    """Return a function that reduces along an axis; the result is a row, a column or a scalar."""

    def reduced(a: Expression, axis: Argument = None, keepdims: Argument = False) -> Expression:
        if not is_matrix(a) and axis is not None:
            hint = f"; the larger of two is maximum({typed(a)}, {axis})" if name == "max" else ""
            raise ShapeError(f"{name}({typed(a)}, {axis}): {typed(a)} is a scalar, which has no axes{hint}")
        if not isinstance(keepdims, bool):
            raise ShapeError(f"{name}: keepdims is True or False")
        if axis is not None and not keepdims:
            call = f"{name}({typed(a)}, axis={axis}"
            raise ShapeError(f"{call}) leaves a flat vector, which is neither row nor column; {call}, keepdims=True)")
        return reduce(a, axis)

    return reduced


def _along(function: Callable[..., Matrix], name: str) -> Callable[..., Matrix]:
    return lambda a, axis=COLUMNS: function(_matrix(a, name), axis)


def _matrix(a: Expression, name: str) -> Matrix:
    if not is_matrix(a):
        raise ShapeError(f"{name}({typed(a)}): {typed(a)} is a scalar; a matrix is needed")
    return a


def _logsumexp(a: Expression, axis: Argument = COLUMNS, keepdims: Argument = False) -> Matrix:
    return _reduction(logsumexp, "logsumexp")(_matrix(a, "logsumexp"), axis, keepdims)


def _matrix_power(a: Expression, n: Scalar) -> Matrix:
    if not (isinstance(n, Integer) and abs(n) <= MOST_FACTORS):
        raise ShapeError(
            f"matrix_power({typed(a)}, {n}): the exponent is a whole number from -{MOST_FACTORS} to {MOST_FACTORS}"
        )
    return matrix_power(arithmetic.square(a, "matrix_power"), n)


def _shape(shape: Argument, name: str) -> tuple[Size, Size]:
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise ShapeError(f"{name} takes a shape of two sizes, as in {name}((N, D))")
    return shape


def _tril(a: Expression) -> Matrix:
    """Return the matrix with the entries above its diagonal set to 0."""
    below = LowerOnes(*_matrix(a, "tril").shape)
    return below if isinstance(a, Ones) else arithmetic.times(a, below)


def _broadcast_to(a: Expression, shape: Argument) -> Matrix:
    rows, columns = _shape(shape, "broadcast_to")
    return broadcast(_matrix(a, "broadcast_to"), rows, columns)


def _concatenate(arrays: Argument, axis: Argument = ROWS) -> Matrix:
    if not isinstance(arrays, tuple) or not arrays:
        raise ShapeError("concatenate takes its matrices together, as in concatenate((a, b), axis=1)")
    parts = [_matrix(a, "concatenate") for a in arrays]
    across = 1 - axis_of(axis)
    for other in parts[1:]:
        if other.shape[across] != parts[0].shape[across]:
            shapes = arithmetic.sizes_in_words(parts[0], other)
            raise ShapeError(f"concatenate(…, axis={axis}): {shapes}; they differ in the other axis too")
    return parts[0] if len(parts) == 1 else Concatenate(axis_of(axis), *parts)


def _power(a: Expression, n: Expression) -> Expression:
    """Return a power; raise an error if it is too large to compute: 2**2**99 has more digits than there are atoms."""
    digits = log2(max(abs(a.p), a.q, 2)) if a.is_Rational else 1
    if not is_matrix(n) and n.is_Rational and abs(n) * digits > _MOST_BITS:
        raise NetworkError("this is a power beyond all bounds")
    return arithmetic.to_the(a, n)


_REDUCTIONS = {
    "sum": arithmetic.total,
    "mean": arithmetic.mean,
    "var": arithmetic.var,
    "max": arithmetic.largest,
}
# fmt: off
CALLS: dict[str, Callable[..., Expression]] = {
    **{name: _reduction(reduce, name) for name, reduce in _REDUCTIONS.items()},
    "maximum":      arithmetic.maximum,
    "minimum":      arithmetic.minimum,
    "softmax":      _along(softmax, "softmax"),
    "log_softmax":  _along(log_softmax, "log_softmax"),
    "logsumexp":    _logsumexp,
    "trace":        arithmetic.trace,
    "inv":          arithmetic.inv,
    "det":          arithmetic.det,
    "matrix_power": _matrix_power,
    "norm":         lambda a: norm(_matrix(a, "norm")),
    "ones":         lambda shape: ones(*_shape(shape, "ones")),
    "zeros":        lambda shape: Zeros(*ones(*_shape(shape, "zeros")).shape),
    "eye":          eye,
    "tril":         _tril,
    "broadcast_to": _broadcast_to,
    "concatenate":  _concatenate,
    "transpose":    lambda a: _matrix(a, "transpose").T,
    "dot":          arithmetic.product,
    "matmul":       arithmetic.product,
    "multiply":     arithmetic.times,
    "power":        _power,
}
_WRITTEN_OUT = {
    "cross_entropy":        "-sum(Y * log_softmax(z)) / N",
    "binary_cross_entropy": "sum(softplus(z) - y * z) / N",
    "mse":                  "mean((y - yhat)**2)",
    "std":                  "sqrt(var(z, axis=0, keepdims=True))",
    "dropout":              "z * M, with a mask M that is an input",
    "outer":                "a @ b.T of two columns",
    "where":                "z * M, with a mask M that is an input",
}
_INSTEAD: dict[type, str] = {
    tree.Indicator: COMPARISON,
    tree.Literal:   "this is not a number that a formula can have",
    tree.Group:     "a tuple is not a quantity; a shape stands in ones((N, D)), matrices in concatenate((a, b))",
}
# fmt: on


class Elaborator:
    """Converter of syntax trees to expressions.

    Args:
        names: the quantities and sizes that a formula may use.
        missing: a function that returns the message about any other name.
    """

    def __init__(self, names: Mapping[str, Expression], missing: Callable[[str], str]):
        self.names = {"pi": sympy.pi, **names}
        self.missing = missing

    def value(self, node: Node) -> Expression:
        """Return the expression of a syntax tree.

        Raises:
            NetworkError: the tree contains unsupported syntax, or shapes are inconsistent. It is a FormulaError,
                with line and column, if the tree was parsed from a text.
        """
        elaborate = _ELABORATE.get(type(node))
        try:
            if elaborate is None:
                raise NetworkError(f"{_quoted(node)}: {_instead(node)}")
            return _bounded(elaborate(self, node))
        except FormulaError:
            raise
        except SymbackpropError as error:
            if node.place is None:
                raise NetworkError(str(error)) from None
            raise FormulaError(str(error), *node.place) from None

    def _sum(self, node: tree.Add) -> Expression:
        (sign, *signs), (first, *terms) = node.signs, node.terms
        found = self.value(first) if sign > 0 else -self.value(first)
        for sign, term in zip(signs, terms, strict=True):
            found = (arithmetic.plus if sign > 0 else arithmetic.minus)(found, self.value(term))
        return found

    def _product(self, node: tree.Multiply) -> Expression:
        one, other = node.factors
        return (arithmetic.product if node.sign == "@" else arithmetic.times)(self.value(one), self.value(other))

    def _transposed(self, node: tree.Transposed) -> Expression:
        value = self.value(node.base)
        return value.T if is_matrix(value) else value

    def _named(self, node: tree.Name) -> Expression:
        name = node.base
        if name in self.names:
            return self.names[name]
        if name in CALLS or ALIASES.get(name, name) in FUNCTION:
            raise NetworkError(f"{name} is a function; it needs an argument, as in {name}(z)")
        raise NetworkError(self.missing(name))

    # calls

    def _called(self, node: tree.Call) -> Expression:
        name, call, first = self._function(node.function)
        given = [*first, *map(self._argument, node.arguments)]
        named = {keyword: self._argument(value) for keyword, value in node.keywords}
        try:
            bound = inspect.signature(call).bind(*given, **named)
        except TypeError as error:
            takes = ", ".join(inspect.signature(call).parameters)
            raise NetworkError(f"{_quoted(node)}: {error}; it is {name}({takes})") from None
        for parameter, value in bound.arguments.items():
            if isinstance(value, tuple | bool | None) and parameter not in _SETTINGS:
                raise NetworkError(f"{_quoted(node)}: {parameter} is a quantity, not {value}")
        return call(*bound.args, **bound.kwargs)

    def _function(self, node: Node) -> tuple[str, Callable[..., Expression], list[Expression]]:
        """Return the name of a function, the function, and for a method a list with the matrix to which it belongs."""
        dotted = _quoted(node).replace(" ", "")
        prefix, _, name = dotted.rpartition(".")
        if prefix in _MODULES or not prefix:
            known = CALLS.get(name) or FUNCTION.get(ALIASES.get(name, name))
        elif name == "prime":
            known = _derivative(prefix)
        elif isinstance(node, tree.Attribute) and name in _REDUCTIONS:
            return name, CALLS[name], [self.value(node.base)]
        else:
            known = None
        if known is not None:
            return name, known, []
        hint = nearest(name, [*CALLS, *FUNCTION]) if len(dotted) < 40 else "it is not a function of formulas"
        hint = f"write {_WRITTEN_OUT[name]}" if name in _WRITTEN_OUT else hint
        raise NetworkError(f"unknown function {dotted:.40}: {hint}")

    def _argument(self, node: Node) -> Argument:
        """Return the value of an argument: a quantity, a tuple of them, a number, True, False or None."""
        match node:
            case tree.Group(items=items):
                return tuple(map(self.value, items))
            case tree.Literal(value=True | False | None as value):
                return value
        return self.value(node)

    # parts

    def _subscript(self, node: tree.Subscript) -> Expression:
        match node.base, node.indices:
            case tree.Attribute(base=inner, name="shape"), (tree.Number(value=0 | 1 as n),):
                return _matrix(self.value(inner), "shape").shape[int(n)]
        matrix = self.value(node.base)
        if not is_matrix(matrix):
            raise NetworkError(f"{typed(matrix)} is a scalar, which has no parts")
        if len(node.indices) > 2:
            quoted = ", ".join(map(_quoted, node.indices))
            raise NetworkError(f"[{quoted}]: a matrix has rows and columns, no more")
        for axis, index in enumerate(node.indices):
            matrix = arithmetic.part(matrix, axis, *self._bounds(matrix.shape[axis], index))
        return matrix

    def _bounds(self, size: Size, node: Node) -> tuple[Size, Size]:
        quoted = _quoted(node)
        if not isinstance(node, tree.SlicedAxis):
            raise NetworkError(
                f"[{quoted}]: a part is given from where to where; [{quoted}:{quoted} + 1] keeps a matrix"
            )
        if node.step is not None:
            raise NetworkError(f"[{quoted}]: a part has no step")
        start = Integer(0) if node.first is None else self.value(node.first)
        stop = size if node.last is None else self.value(node.last)
        for bound in (start, stop):
            if is_matrix(bound) or not bound.is_integer:
                raise NetworkError(f"[{quoted}]: {typed(bound)} is not a whole number whatever the sizes are")
        return tuple(size + bound if bound.is_negative else bound for bound in (start, stop))


_ELABORATE: dict[type, Callable[[Elaborator, Any], Expression]] = {
    tree.Name: Elaborator._named,
    tree.Number: lambda at, node: Rational(node.value.numerator, node.value.denominator),
    tree.Add: Elaborator._sum,
    tree.Multiply: Elaborator._product,
    tree.Divide: lambda at, node: arithmetic.divided(at.value(node.above), at.value(node.below)),
    tree.Power: lambda at, node: _power(at.value(node.base), at.value(node.exponent)),
    tree.Transposed: Elaborator._transposed,
    tree.Subscript: Elaborator._subscript,
    tree.Call: Elaborator._called,
}


def _quoted(node: Node) -> str:
    return quote(to_source(node, "numpy"))


def _instead(node: Node) -> str:
    if isinstance(node, tree.Attribute):
        return f".{node.name} is not known here; a matrix has .T and .shape[0]"
    if isinstance(node, tree.Group) and node.brackets == "[]":
        return "a list is not a quantity; declare the numbers as an input"
    return _INSTEAD.get(type(node), "this is not a formula")


def _derivative(dotted: str) -> Callable[..., Expression] | None:
    """Return the function for `sigmoid.prime` or `sigmoid.prime.prime`, or None if there is none."""
    name, *primes = dotted.split(".")
    if name not in FUNCTION or set(primes) - {"prime"} or len(primes) > 4:
        return None
    return ElementwiseFunction(name, len(primes) + 1)


def _bounded(value: Expression) -> Expression:
    """Return the value; raise an error for a number that is not real and finite, or that has too many digits."""
    if not is_matrix(value) and getattr(value, "is_number", False):
        size = max(abs(value.p), value.q) if value.is_Rational else abs(value.evalf(3))
        if not value.is_real or not value.is_finite:
            raise NetworkError(f"{value} is not a finite real number")
        if (size.bit_length() if isinstance(size, int) else float(sympy.log(size, 2))) > _MOST_BITS:
            raise NetworkError("this is a number beyond all bounds")
    return value
