"""Conversion of a formula's syntax tree to an expression: the meaning of each operation and of each call."""

import inspect
import math
from collections.abc import Callable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import sympy
from sympy import Integer, Mul, Rational, S

from symbackprop.errors import FormulaError, NetworkError, ShapeError, SymbackpropError, misspelled
from symbackprop.expressions.aliases import Expression, Matrix, Scalar, Size
from symbackprop.expressions.functions import FUNCTION, ElementwiseFunction
from symbackprop.expressions.linear_algebra import eye, matrix_power
from symbackprop.expressions.matrices import MOST_FACTORS, Ones, Zeros
from symbackprop.expressions.operations import ROWS, axis_of, log_softmax, logsumexp, repeated, softmax
from symbackprop.expressions.shapes import is_matrix, shape_of
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.network import numpy_words as words
from symbackprop.network.array_functions import concatenate, swapaxes
from symbackprop.network.subscripts import Subscripts
from symbackprop.network.word_calls import (
    INSTEAD,
    METHODS,
    NO_RULE,
    REDUCTIONS,
    SEVERAL,
    WORDS,
    Argument,
    norm,
    reduction,
    require_matrix,
    require_shape,
    triangle,
)
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.numpy_parser import quote
from symbackprop.parsing.syntax_tree import Node
from symbackprop.parsing.unparse import to_source
from symbackprop.printing.text import typed

_SPECIAL = ("scipy.special", "sp.special", "special")
_MODULES = {  # whose functions may be written with their module
    *("np.lib.stride_tricks", "numpy.lib.stride_tricks"),
    *("np", "numpy", "jnp", "sb", "math", "np.linalg", "numpy.linalg", "jnp.linalg", "linalg", "LA", "scipy.linalg"),
    *_SPECIAL,
}
_CONSTANTS = {"pi": sympy.pi, "e": sympy.E, "inf": sympy.oo}  # attributes of these modules
_MOST_BITS = 1000  # of a number
_SETTINGS = {  # parameters of calls that are not quantities
    *("shape", "arrays", "axis", "keepdims", "ord", "reps", "pad_width", "mode", "indices_or_sections", "M"),
    *("a_min", "a_max", "min", "max", "axes", "axis1", "axis2", "source", "destination", "subscripts", "window_shape"),
    *("size", "stride", "padding", "shift", "repeats", "dilation", "groups", "weights"),
}


# The meaning of a call


def _along(function: Callable[..., Matrix], name: str) -> Callable[..., Matrix]:
    return lambda a, axis=-1: function(require_matrix(a, name), axis)


def _logsumexp(a: Expression, axis: Argument = S.NegativeOne, keepdims: Argument = False) -> Matrix:
    matrix = require_matrix(a, "logsumexp")
    axes = arithmetic.axes_of(cast("arithmetic.Axes", axis), matrix)
    return reduction(lambda inner, _: reduce(logsumexp, axes, inner), "logsumexp")(matrix, axes, keepdims)


def _matrix_power(a: Expression, n: Scalar) -> Matrix:
    if not (isinstance(n, Integer) and abs(n) <= MOST_FACTORS):
        raise ShapeError(
            f"matrix_power({typed(a)}, {n}): the exponent is a whole number from -{MOST_FACTORS} to {MOST_FACTORS}"
        )
    return matrix_power(arithmetic.square(a, "matrix_power"), n)


def _broadcast_to(a: Expression, shape: Argument) -> Matrix:
    return repeated(require_matrix(a, "broadcast_to"), require_shape(shape, "broadcast_to"))


def _concatenate(arrays: Argument, axis: Argument = ROWS) -> Matrix:
    if not isinstance(arrays, tuple) or not arrays:
        raise ShapeError("concatenate takes its matrices together, as in concatenate((a, b), axis=1)")
    parts = [require_matrix(a, "concatenate") for a in arrays]
    return concatenate(parts, axis_of(axis, len(parts[0].shape)))


def _power(a: Expression, n: Expression) -> Expression:
    """Return a power; raise an error if it is too large to compute: 2**2**99 has more digits than there are atoms."""
    digits = math.log2(max(abs(a.p), a.q, 2)) if a.is_Rational else 1
    if not is_matrix(n) and n.is_Rational and abs(n) * digits > _MOST_BITS:
        raise NetworkError("this is a power beyond all bounds")
    return arithmetic.to_the(a, n)


# fmt: off
CALLS: dict[str, Callable[..., Expression]] = {
    **REDUCTIONS,
    "maximum":      arithmetic.maximum,
    "minimum":      arithmetic.minimum,
    "softmax":      _along(softmax, "softmax"),
    "log_softmax":  _along(log_softmax, "log_softmax"),
    "logsumexp":    _logsumexp,
    "trace":        arithmetic.trace,
    "inv":          arithmetic.inv,
    "det":          arithmetic.det,
    "matrix_power": _matrix_power,
    "norm":         norm,
    "ones":         lambda shape: Ones(*require_shape(shape, "ones")),
    "zeros":        lambda shape: Zeros(*require_shape(shape, "zeros")),
    "eye":          eye,
    "tril":         triangle(words.tril, "tril"),
    "broadcast_to": _broadcast_to,
    "concatenate":  _concatenate,
    "transpose":    METHODS["transpose"],
    "dot":          arithmetic.product,
    "matmul":       arithmetic.product,
    "multiply":     arithmetic.times,
    "power":        _power,
}
_INSTEAD: dict[type, str] = {
    tree.Literal:   "this is not a number that a formula can have",
    tree.Group:     "a tuple is not a quantity; a shape stands in ones((N, D)), matrices in concatenate((a, b))",
}
# fmt: on


class Elaborator:
    """Converter of syntax trees to expressions.

    Args:
        names: the quantities and sizes that a formula may use.
        missing: a function that returns the message about any other name.
        index_names: the one-hot rows of each index array, by its name.
    """

    def __init__(
        self,
        names: Mapping[str, Expression],
        missing: Callable[[str], str],
        index_names: Mapping[str, Matrix] = MappingProxyType({}),
    ):
        self.names = {"pi": sympy.pi, **{name: value for name, value in names.items() if name not in index_names}}
        self.missing = missing
        self.subscripts = Subscripts(self.value, index_names)

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
        if len(shape_of(value)) > 2:
            raise NetworkError(
                f"{_quoted(node)}: {typed(value)} has {len(value.shape)} axes, and .T turns all of them round; write "
                ".mT to exchange the last two, or .transpose(…) with the axes in order"
            )
        return value.T if len(shape_of(value)) == 2 else value

    def _named(self, node: tree.Name) -> Expression:
        name = node.base
        if name in self.names:
            return self.names[name]
        if known_function(name) is not None or name in SEVERAL:
            raise NetworkError(f"{name} is a function; it needs an argument, as in {name}(z)")
        if name in self.subscripts.index_names:
            raise NetworkError(f"{name} is an index array, which stands in brackets, as in E[{name}]")
        raise NetworkError(self.missing(name))

    # calls

    def _called(self, node: tree.Call) -> Expression:
        found = self._results(node)
        if isinstance(found, tuple):
            raise NetworkError(f"{_quoted(node)} has {len(found)} results; take one of them, as in {_quoted(node)}[0]")
        return found

    def several(self, node: Node) -> tuple[Expression, ...] | None:
        """Return the results of a call that has several, such as split, or the sizes of `X.shape`; else None."""
        if isinstance(node, tree.Attribute) and node.name == "shape":
            return self._shape(node.base)
        if not isinstance(node, tree.Call) or self._module_and_name(node.function)[1] not in SEVERAL:
            return None
        found = self._results(node)
        return found if isinstance(found, tuple) else None

    def _results(self, node: tree.Call) -> Any:
        of_index = self.subscripts.called(self._module_and_name(node.function)[1], node.arguments, dict(node.keywords))
        if of_index is not None:
            return of_index
        name, call, first = self._function(node.function)
        given = [*first, *map(self._argument, node.arguments)]
        named = {keyword: self._argument(value) for keyword, value in node.keywords if keyword != "dtype"}
        try:
            bound = inspect.signature(call).bind(*given, **named)
        except TypeError as error:
            takes = ", ".join(inspect.signature(call).parameters)
            raise NetworkError(f"{_quoted(node)}: {error}; it is {name}({takes})") from None
        for parameter, value in bound.arguments.items():
            is_list = bound.signature.parameters[parameter].kind is inspect.Parameter.VAR_POSITIONAL
            wrong = [one for one in (value if is_list else [value]) if isinstance(one, tuple | bool | str | None)]
            if wrong and parameter not in _SETTINGS:
                raise NetworkError(f"{_quoted(node)}: {parameter} is a quantity, not {wrong[0]}")
        if "axis" not in bound.arguments and name in _OVER_ALL and self._module_and_name(node.function)[0] in _SPECIAL:
            raise NetworkError(
                f"{_quoted(node)} of SciPy is over all entries; with axis=1 it is over those of each row"
            )
        return call(*bound.args, **bound.kwargs)

    def _module_and_name(self, node: Node) -> tuple[str, str]:
        """Return the text before the last point, and the name of a function."""
        if isinstance(node, tree.Attribute):
            return to_source(node.base, "numpy").replace(" ", ""), node.name
        return "", _quoted(node)

    def _function(self, node: Node) -> tuple[str, Callable[..., Any], list[Expression]]:
        """Return the name of a function, the function, and for a method a list with the matrix to which it belongs."""
        prefix, name = self._module_and_name(node)
        if not prefix and name in self.names:
            raise NetworkError(f"{name} is a quantity here; the function of that name is np.{name}")
        if not prefix or (prefix in _MODULES and prefix not in self.names):
            known = known_function(name)
        elif name == "prime":
            known = _derivative(prefix)
        elif isinstance(node, tree.Attribute) and name in METHODS:
            return name, METHODS[name], [self.value(node.base)]
        else:
            known = None
        if known is not None:
            return name, known, []
        dotted = f"{prefix}.{name}" if prefix else name
        raise NetworkError(f"unknown function {dotted:.40}: {instead_of(name)}")

    def _argument(self, node: Node) -> Argument:
        """Return the value of an argument: a quantity, a tuple of them, a number, a text, True, False or None."""
        match node:
            case tree.Group(items=items):
                return tuple(map(self._argument, items))
            case tree.Literal(value=str() | True | False | None as value):
                return value
            case tree.Attribute(base=tree.Name(base=module), name="inf") if module in _MODULES:
                return sympy.oo
            case tree.Attribute(base=inner, name="shape"):
                return self._shape(inner)
        return self.value(node)

    def _shape(self, node: Node) -> tuple[Size, ...]:
        """Return the shape of an array, or of an index array."""
        rows = self.subscripts.index(node)
        return tuple(require_matrix(self.value(node), "shape").shape if rows is None else rows.shape[:-1])

    def _attribute(self, node: tree.Attribute) -> Expression:
        if (
            isinstance(node.base, tree.Name)
            and node.base.base in _MODULES - self.names.keys()
            and node.name in _CONSTANTS
        ):
            return _CONSTANTS[node.name]
        if node.name in ("size", "mT"):
            matrix = require_matrix(self.value(node.base), node.name)
            return swapaxes(matrix, -1, -2) if node.name == "mT" else Mul(*matrix.shape)
        raise NetworkError(f"{_quoted(node)}: {_instead(node)}")

    def _compared(self, node: tree.Indicator) -> Expression:
        condition = node.condition
        return words.compared(self.value(condition.left), condition.sign, self.value(condition.right))

    # parts

    def _subscript(self, node: tree.Subscript) -> Expression:
        match node.base, node.indices:
            case tree.Attribute(base=inner, name="shape"), (index,):
                shape = self._shape(inner)
                return shape[axis_of(self.value(index), len(shape))]
            case tree.Call() as call, (tree.Number(value=n),) if (results := self.several(call)) is not None:
                if n not in range(len(results)):
                    raise NetworkError(f"{_quoted(call)} has {len(results)} results, from [0] to [{len(results) - 1}]")
                return results[int(n)]
        return self.subscripts.part(self.value(node.base), node.indices)


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
    tree.Attribute: Elaborator._attribute,
    tree.Indicator: Elaborator._compared,
}


_OVER_ALL = {"softmax", "log_softmax", "logsumexp"}  # over all entries, for SciPy, if there is no axis


def known_function(name: str) -> Callable[..., Any] | None:
    """Return the function of a name: a call, a row of the table of functions, or a word."""
    other = words.OTHER_NAMES.get(name, name)
    return next((table[n] for n in (name, other) for table in (CALLS, FUNCTION, WORDS, SEVERAL) if n in table), None)


def instead_of(name: str) -> str:
    """Return what to write instead of an unknown function, and never another function of mathematics."""
    if name in INSTEAD:
        return f"write {' '.join(filter(None, INSTEAD[name]))}"
    if name in NO_RULE:
        return NO_RULE[name]
    near = misspelled(name, [*CALLS, *FUNCTION, *WORDS, *SEVERAL])
    if near and not any(hasattr(library, name) for library in (np, np.linalg, math)):
        return f"did you mean {near}?"
    return "there is no rule for it here; sb.register adds a function of each entry"


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
