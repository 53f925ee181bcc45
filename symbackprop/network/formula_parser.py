"""A formula in NumPy syntax → an expression. The text is parsed, and what it may say is listed here; nothing is run."""

import ast
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from math import isfinite, log2
from typing import Any

import sympy
from sympy import Integer, Rational

from symbackprop.errors import FormulaError, NetworkError, ShapeError, SymbackpropError, nearest
from symbackprop.expressions.constructors import ones
from symbackprop.expressions.functions import ALIASES, FUNCTION, ElementwiseFunction
from symbackprop.expressions.linear_algebra import eye, matrix_power, norm
from symbackprop.expressions.matrices import MOST_FACTORS, LowerOnes, Ones, Zeros
from symbackprop.expressions.operations import COLUMNS, ROWS, axis_of, broadcast, log_softmax, logsumexp, softmax
from symbackprop.expressions.shapes import is_matrix
from symbackprop.expressions.slicing import Concatenate
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.network.source import Source
from symbackprop.printing.text import typed

_MODULES = ("np.linalg", "numpy.linalg", "np", "numpy", "sb")  # whose functions may be written with their module
_MOST_BITS = 1000  # of a number
_DEEPEST = 250  # operations inside one another


# What a call means


def _reduction(reduce: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A function along an axis; what is left of a matrix must be one, a row or a column."""

    def reduced(a: Any, axis: Any = None, keepdims: Any = False) -> Any:
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


def _along(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    def along(a: Any, axis: Any = COLUMNS) -> Any:
        return function(_matrix(a, name), axis)

    return along


def _matrix(a: Any, name: str) -> Any:
    if not is_matrix(a):
        raise ShapeError(f"{name}({typed(a)}): {typed(a)} is a scalar; a matrix is needed")
    return a


def _logsumexp(a: Any, axis: Any = COLUMNS, keepdims: Any = False) -> Any:
    return _reduction(logsumexp, "logsumexp")(_matrix(a, "logsumexp"), axis, keepdims)


def _matrix_power(a: Any, n: Any) -> Any:
    if not (isinstance(n, Integer) and abs(n) <= MOST_FACTORS):
        raise ShapeError(
            f"matrix_power({typed(a)}, {n}): the exponent is a whole number from -{MOST_FACTORS} to {MOST_FACTORS}"
        )
    return matrix_power(arithmetic.square(a, "matrix_power"), n)


def _shape(shape: Any, name: str) -> tuple[Any, Any]:
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise ShapeError(f"{name} takes a shape of two sizes, as in {name}((N, D))")
    return shape


def _tril(a: Any) -> Any:
    """What is on the diagonal and below it."""
    below = LowerOnes(*_matrix(a, "tril").shape)
    return below if isinstance(a, Ones) else arithmetic.times(a, below)


def _broadcast_to(a: Any, shape: Any) -> Any:
    rows, columns = _shape(shape, "broadcast_to")
    return broadcast(_matrix(a, "broadcast_to"), rows, columns)


def _concatenate(arrays: Any, axis: Any = ROWS) -> Any:
    if not isinstance(arrays, tuple) or not arrays:
        raise ShapeError("concatenate takes its matrices together, as in concatenate((a, b), axis=1)")
    parts = [_matrix(a, "concatenate") for a in arrays]
    across = 1 - axis_of(axis)
    for other in parts[1:]:
        if other.shape[across] != parts[0].shape[across]:
            shapes = arithmetic.sizes_in_words(parts[0], other)
            raise ShapeError(f"concatenate(…, axis={axis}): {shapes}; they differ in the other axis too")
    return parts[0] if len(parts) == 1 else Concatenate(axis_of(axis), *parts)


def _power(a: Any, n: Any) -> Any:
    """A power that can be computed: 2**2**99 has more digits than there are atoms."""
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
CALLS: dict[str, Callable[..., Any]] = {
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
_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add:     arithmetic.plus,
    ast.Sub:     arithmetic.minus,
    ast.Mult:    arithmetic.times,
    ast.Div:     arithmetic.divided,
    ast.MatMult: arithmetic.product,
    ast.Pow:     _power,
}
_UNARY: dict[type, Callable[[Any], Any]] = {ast.USub: lambda a: -a, ast.UAdd: lambda a: a}
_CONSTANTS = {"pi": sympy.pi}
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
    ast.BitXor:      "^ is no power in Python; write **",
    ast.FloorDiv:    "// rounds down, which has no derivative; write /",
    ast.Mod:         "% has no derivative rule",
    ast.Compare:     "a comparison cannot be part of a formula; a mask is an input, and a positive part is relu(z)",
    ast.IfExp:       "a choice cannot be part of a formula; relu, abs and maximum make the usual ones",
    ast.BoolOp:      "and, or cannot be part of a formula",
    ast.Lambda:      "a lambda cannot be part of a formula; write what it computes, and λ as lam",
    ast.ListComp:    "a loop cannot be part of a formula; write out its terms",
    ast.GeneratorExp: "a loop cannot be part of a formula; write out its terms",
    ast.Tuple:       "a tuple is no quantity; a shape stands in ones((N, D)), matrices in concatenate((a, b))",
    ast.List:        "a list is no quantity; declare the numbers as an input",
    ast.NamedExpr:   "a formula names nothing; write an equation of its own",
}
# fmt: on


class Formula:
    """Reads formulas of a source over known names; `missing` tells what to say of one that is not known."""

    def __init__(self, names: Mapping[str, Any], source: Source, missing: Callable[[str], str]):
        self.names = names
        self.source = source
        self.missing = missing
        self.depth = 0

    def quote(self, node: ast.AST) -> str:
        return self.source.quote(node)

    def read(self, node: ast.AST) -> Any:
        """The quantity that a node of the syntax tree says.

        Raises `FormulaError` for what a formula cannot say, and where shapes do not fit.
        """
        self.depth += 1
        try:
            if self.depth > _DEEPEST:
                raise NetworkError(f"more than {_DEEPEST} operations inside one another; give some a name first")
            read = _READ.get(type(node))
            if read is None:
                raise NetworkError(f"{self.quote(node)}: {_INSTEAD.get(type(node), 'this is no formula')}")
            return _bounded(read(self, node))
        except FormulaError:
            raise
        except SymbackpropError as error:
            raise self.source.error(str(error), node) from None
        finally:
            self.depth -= 1

    def _binary(self, node: Any) -> Any:
        operation = _BINARY.get(type(node.op))
        if operation is None:
            raise NetworkError(f"{self.quote(node)}: {_INSTEAD.get(type(node.op), 'this is not known in a formula')}")
        return operation(self.read(node.left), self.read(node.right))

    def _unary(self, node: Any) -> Any:
        operation = _UNARY.get(type(node.op))
        if operation is None:
            raise NetworkError(f"{self.quote(node)}: {_INSTEAD[ast.BoolOp]}")
        return operation(self.read(node.operand))

    def _attribute(self, node: Any) -> Any:
        if node.attr != "T":
            raise NetworkError(f"{self.quote(node)}: .{node.attr} is not known here; a matrix has .T and .shape[0]")
        value = self.read(node.value)
        return value.T if is_matrix(value) else value

    def _subscript(self, node: Any) -> Any:
        match node:
            case ast.Subscript(value=ast.Attribute(value=inner, attr="shape"), slice=ast.Constant(value=0 | 1 as axis)):
                return _matrix(self.read(inner), "shape").shape[axis]
        return self._part(self.read(node.value), node.slice)

    def _named(self, node: Any) -> Any:
        name = node.id
        if name in self.names:
            return self.names[name]
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if name in CALLS or ALIASES.get(name, name) in FUNCTION:
            raise NetworkError(f"{name} is a function; it needs an argument, as in {name}(z)")
        raise NetworkError(self.missing(name))

    def _number(self, node: Any) -> Any:
        value = node.value
        if isinstance(value, int) and not isinstance(value, bool):
            return Integer(value)
        if isinstance(value, float) and isfinite(value):
            written = ast.get_source_segment(self.source.text, node) or repr(value)
            if len(written) > _MOST_BITS:
                raise NetworkError("this is a number beyond all bounds")
            return _bounded(Rational(written.replace("_", "")))  # the decimal exactly, which no float is
        raise NetworkError(f"{self.quote(node)} is no number that a formula can have")

    # calls

    def _called(self, node: Any) -> Any:
        starred = [a for a in node.args if isinstance(a, ast.Starred)] + [k for k in node.keywords if k.arg is None]
        if starred:
            raise NetworkError(f"{self.quote(node)}: write out the arguments, without stars")
        name, call, first = self._function(node.func)
        given = [*first, *map(self._argument, node.args)]
        named = {keyword.arg: self._argument(keyword.value) for keyword in node.keywords}
        try:
            bound = inspect.signature(call).bind(*given, **named)
        except TypeError as error:
            takes = ", ".join(inspect.signature(call).parameters)
            raise NetworkError(f"{self.quote(node)}: {error}; it is {name}({takes})") from None
        return call(*bound.args, **bound.kwargs)

    def _function(self, node: ast.AST) -> tuple[str, Callable[..., Any], list[Any]]:
        """A function by its name, perhaps of a module or of a matrix: the name, what it computes, what it is of."""
        dotted = self.quote(node).replace(" ", "")
        prefix, _, name = dotted.rpartition(".")
        if prefix in _MODULES or not prefix:
            known = self._known(name)
        elif name == "prime":
            known = self._derivative(prefix)
        elif isinstance(node, ast.Attribute) and name in _REDUCTIONS:
            return name, CALLS[name], [self.read(node.value)]
        else:
            known = None
        if known is not None:
            return name, known, []
        hint = nearest(name, [*CALLS, *FUNCTION]) if len(dotted) < 40 else "it is no function of formulas"
        hint = f"write {_WRITTEN_OUT[name]}" if name in _WRITTEN_OUT else hint
        raise NetworkError(f"unknown function {dotted:.40}: {hint}")

    def _known(self, name: str) -> Callable[..., Any] | None:
        name = ALIASES.get(name, name)
        return CALLS.get(name) or (partial(_applied, FUNCTION[name]) if name in FUNCTION else None)

    def _derivative(self, dotted: str) -> Callable[..., Any] | None:
        """`sigmoid.prime`, or `sigmoid.prime.prime`."""
        name, *primes = dotted.split(".")
        if name not in FUNCTION or set(primes) - {"prime"} or len(primes) > 4:
            return None
        return partial(_applied, ElementwiseFunction(name, len(primes) + 1))

    def _argument(self, node: ast.AST) -> Any:
        """A quantity, a tuple of them, an axis, or True."""
        match node:
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return tuple(self.read(element) for element in elements)
            case ast.Constant(value=True | False | None as value):
                return value
        return self.read(node)

    # parts

    def _part(self, matrix: Any, places: ast.AST) -> Any:
        if not is_matrix(matrix):
            raise NetworkError(f"{typed(matrix)} is a scalar, which has no parts")
        slices = places.elts if isinstance(places, ast.Tuple) else [places]
        if len(slices) > 2:
            raise NetworkError(f"[{self.quote(places)}]: a matrix has rows and columns, no more")
        for axis, one in enumerate(slices):
            matrix = arithmetic.part(matrix, axis, *self._bounds(matrix, axis, one))
        return matrix

    def _bounds(self, matrix: Any, axis: int, node: ast.AST) -> tuple[Any, Any]:
        if not isinstance(node, ast.Slice):
            quoted = self.quote(node)
            raise NetworkError(
                f"[{quoted}]: a part is given from where to where; [{quoted}:{quoted} + 1] keeps a matrix"
            )
        if node.step is not None:
            raise NetworkError(f"[{self.quote(node)}]: a part has no step")
        size = matrix.shape[axis]
        start = Integer(0) if node.lower is None else self.read(node.lower)
        stop = size if node.upper is None else self.read(node.upper)
        for bound in (start, stop):
            if is_matrix(bound) or not bound.is_integer:
                raise NetworkError(f"[{self.quote(node)}]: {typed(bound)} is not a whole number whatever the sizes are")
        return tuple(size + bound if bound.is_negative else bound for bound in (start, stop))


_READ: dict[type, Callable[[Formula, Any], Any]] = {
    ast.Name: Formula._named,
    ast.Constant: Formula._number,
    ast.BinOp: Formula._binary,
    ast.UnaryOp: Formula._unary,
    ast.Attribute: Formula._attribute,
    ast.Subscript: Formula._subscript,
    ast.Call: Formula._called,
}


def _applied(f: ElementwiseFunction, z: Any) -> Any:
    return f(z)


def _bounded(value: Any) -> Any:
    """The value, if it is no number beyond all bounds."""
    if not is_matrix(value) and getattr(value, "is_number", False):
        size = max(abs(value.p), value.q) if value.is_Rational else abs(value.evalf(3))
        if not value.is_real or not value.is_finite:
            raise NetworkError(f"{value} is not a finite real number")
        if (size.bit_length() if isinstance(size, int) else float(sympy.log(size, 2))) > _MOST_BITS:
            raise NetworkError("this is a number beyond all bounds")
    return value
