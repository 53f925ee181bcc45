"""Scalars that remember how they were computed.

The user's NumPy code runs on object arrays of them. Each is a node of a graph: an operation and its parts, or an
exact number, or a variable, which is a named entry of an array. Each also has a value, which decides comparisons.
The outcomes of comparisons are recorded, since the graph is valid only where they are the same.
"""

import math
import operator
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from numbers import Real
from typing import Any, ClassVar

import mpmath
import numpy as np
import sympy

from symbackprop.budget import spend
from symbackprop.tracing.scalars.exact_numbers import exactly
from symbackprop.tracing.scalars.operations import OPERATIONS, RELATIONS, Number, ScalarOperation, real_value
from symbackprop.tracing.untraceable import Untraceable

_BITS = 512  # longer numbers are not computed on the way
_POWER = 64  # powers up to here are products
_TINY = 1e-5  # smaller numbers may be guards
_BEYOND = 1e-300
_READABLE = 100  # nodes of an expression that someone reads

NUMBER, ROUNDED, VARIABLE = "number", "rounded", "variable"  # leaves; a rounded number stands for one near it


@dataclass(frozen=True)
class Condition:
    """A comparison of `difference` with 0 in the code; `relation` is a sign such as ">=", and `truth` the outcome."""

    difference: "TracedScalar"
    relation: str
    truth: bool

    def holds(self, value: Number) -> bool:
        """Return True if the comparison has the same outcome for this value of the difference."""
        return bool(RELATIONS[self.relation](value, 0)) == self.truth


@dataclass
class BranchLog:
    """A record of the outcomes of comparisons of traced scalars inside a `with` block.

    >>> x = TracedScalar.variable("x", (), 2.0)
    >>> with BranchLog() as trace:
    ...     positive = x > 0
    >>> positive, trace.conditions
    (True, [Condition(difference=x, relation='>', truth=True)])
    """

    conditions: list[Condition] = field(default_factory=list)
    _tokens: list[Token["BranchLog | None"]] = field(default_factory=list, repr=False)

    def __enter__(self) -> "BranchLog":
        self._tokens.append(_OPEN.set(self))
        return self

    def __exit__(self, *_: object) -> None:
        _OPEN.reset(self._tokens.pop())


_OPEN: ContextVar[BranchLog | None] = ContextVar("open branch log", default=None)
_UNGUARDED: ContextVar[bool] = ContextVar("guards are left out", default=False)


@contextmanager
def without_guards() -> Iterator[None]:
    """Leave out small numbers that protect a logarithm or a division: p + 1e-8 is p, and so is max(p, 1e-8)."""
    token = _UNGUARDED.set(True)
    try:
        yield
    finally:
        _UNGUARDED.reset(token)


def _infix(operation: Callable[["TracedScalar", "TracedScalar"], object]) -> Callable[["TracedScalar", object], Any]:
    """Return an operation of Python on a traced scalar and anything; NumPy broadcasts an array."""

    def method(self: "TracedScalar", other: object) -> object:
        if isinstance(other, TracedScalar | Real | np.bool):
            return operation(self, TracedScalar.of(other))
        if isinstance(other, complex | np.complexfloating):
            raise Untraceable(f"the complex number {other} is used; only real ones can be traced")
        return NotImplemented

    return method


def _both(op: str) -> tuple[Callable[["TracedScalar", object], Any], Callable[["TracedScalar", object], Any]]:
    """Return an operation of the table as a method, and the method for the operands in reverse."""
    return _infix(lambda x, y: applied(op, x, y)), _infix(lambda x, y: applied(op, y, x))


class TracedScalar:
    """A number that remembers how it was computed.

    >>> x = TracedScalar.variable("x", (0,), 3.0)
    >>> y = 0.1 * x**2
    >>> y.value, y.expression()
    (0.9, x[0]**2/10)
    """

    __slots__ = ("fixed", "held", "op", "parts", "value")
    shape: tuple[int, ...] = ()
    ndim = 0
    size = 1
    __array_ufunc__: ClassVar[Callable[..., object]]  # in array.py

    def __init__(self, op: str, parts: tuple["TracedScalar", ...], value: float, held: Any = None):
        self.op = op
        self.parts = parts
        self.value = value
        self.held = held  # the exact number, or the (name, index) of a variable
        self.fixed: bool = op != VARIABLE and all(part.fixed for part in parts)  # it is computed from numbers alone

    @staticmethod
    def of(value: object) -> "TracedScalar":
        """Return a traced scalar unchanged, or a number as a constant; raise an error for anything else."""
        if isinstance(value, TracedScalar):
            return value
        if isinstance(value, np.ndarray) and value.ndim == 0:
            return TracedScalar.of(value.item())
        if isinstance(value, Real | np.bool):
            number: Any = value.item() if isinstance(value, np.integer | np.bool) else value
            return _number(number)
        raise Untraceable(f"{value!r:.60} is used as a number; real numbers can be traced")

    @staticmethod
    def variable(name: str, index: tuple[int, ...], value: float) -> "TracedScalar":
        """Return a variable, the entry of a named array at an index, which is () for a scalar."""
        return TracedScalar(VARIABLE, (), float(value), (name, index))

    @property
    def T(self) -> "TracedScalar":  # noqa: N802 — as of an array
        """The scalar itself, which is its own transpose."""
        return self

    real = T

    @property
    def is_number(self) -> bool:
        """True for a constant."""
        return self.op in (NUMBER, ROUNDED)

    @property
    def name(self) -> str:
        """The name of a variable, such as `W1[0,2]`."""
        name, index = self.held
        return f"{name}[{','.join(map(str, index))}]" if index else str(name)

    def expression(self) -> sympy.Expr:
        """Return the SymPy expression, in real symbols with the names of the variables.

        A long expression is built without simplification, since SymPy would traverse all of it at each step.
        """
        order = postorder([self])
        found: dict[TracedScalar, sympy.Expr] = {}
        with sympy.evaluate(len(order) <= _READABLE):
            for node in order:
                parts = [found[part] for part in node.parts]
                found[node] = OPERATIONS[node.op].symbolic(*parts) if parts else _leaf(node)
        return found[self]

    def __repr__(self) -> str:
        if self.op == VARIABLE:
            return self.name
        return str(self.held) if self.is_number else f"{self.op}({', '.join('…' for _ in self.parts)})={self.value:.6g}"

    def __format__(self, how: str) -> str:
        return format(self.value, how)

    def __neg__(self) -> "TracedScalar":
        return applied("neg", self)

    def __pos__(self) -> "TracedScalar":
        return self

    def __abs__(self) -> "TracedScalar":
        return self if self > 0 else -self

    __add__, __radd__ = _both("add")
    __sub__, __rsub__ = _both("sub")
    __mul__, __rmul__ = _both("mul")
    __truediv__, __rtruediv__ = _both("truediv")
    __pow__, __rpow__ = _both("pow")
    __lt__ = _infix(lambda x, y: compared(x, "<", y))
    __le__ = _infix(lambda x, y: compared(x, "<=", y))
    __gt__ = _infix(lambda x, y: compared(x, ">", y))
    __ge__ = _infix(lambda x, y: compared(x, ">=", y))
    __eq__ = _infix(lambda x, y: compared(x, "==", y))
    __ne__ = _infix(lambda x, y: compared(x, "!=", y))
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return compared(self, "!=", _number(0))

    def __float__(self) -> float:
        if not self.fixed:
            raise Untraceable(
                "an entry of an argument is converted to a float, by a function that is not NumPy's or by storing it "
                "in an array of floats from outside the function: create the array in the function itself"
            )
        return self.value

    def __int__(self) -> int:
        if not self.fixed:
            raise Untraceable("an entry of an argument is converted to an int, which has no derivative")
        return int(self.value)

    def __floor__(self) -> "TracedScalar":
        """Return the floor of the value as a constant, and record the interval of values that have this floor."""
        if not math.isfinite(self.value):
            raise Untraceable("the floor of a value that is not finite is used")
        below = math.floor(self.value)
        compared(self, ">=", _number(below))
        compared(self, "<", _number(below + 1))
        return _number(below)

    def __ceil__(self) -> "TracedScalar":
        return -(-self).__floor__()

    def __trunc__(self) -> "TracedScalar":
        return self.__floor__() if self >= 0 else self.__ceil__()

    def rint(self) -> "TracedScalar":
        """Return the nearest whole number, as np.rint does."""
        return (self + Fraction(1, 2)).__floor__()


def _leaf(node: TracedScalar) -> sympy.Expr:
    if node.op == VARIABLE:
        return sympy.Symbol(node.name, real=True)
    return sympy.Rational(node.held.numerator, node.held.denominator) if isinstance(node.held, Fraction) else node.held


def postorder(ends: Iterable[TracedScalar]) -> list[TracedScalar]:
    """Return every node once, in topological order."""
    order: dict[TracedScalar, None] = {}
    waiting = list(ends)[::-1]
    while waiting:
        node = waiting[-1]
        missing = [part for part in node.parts if part not in order]
        if missing and node not in order:
            waiting += missing
        else:
            order[waiting.pop()] = None
    return list(order)


@cache
def _number(value: Any) -> TracedScalar:
    """Return a number as a constant."""
    number, rounded = exactly(value)
    return TracedScalar(ROUNDED if rounded else NUMBER, (), float(number), number)


def applied(op: str, *parts: TracedScalar) -> TracedScalar:
    """Return an operation on traced scalars; for numbers, the exact result as a number if it can be computed."""
    spend()
    fold = _FOLDS.get(op)
    folded = fold(*parts) if fold else None
    if folded is not None:
        return folded
    return TracedScalar(op, parts, _value(OPERATIONS[op], [part.value for part in parts]))


def _value(operation: ScalarOperation, values: list[float]) -> float:
    """Return NumPy's value: infinity if it is too large for a float, nan if it is not real."""
    try:
        return operation.plain(*values)
    except (ValueError, ArithmeticError):
        value = real_value(operation.precise, map(mpmath.mpf, values))
        return math.nan if mpmath.isnan(value) else float(value)  # float(mpmath.nan) sets NumPy's floating-point flags


def compared(left: TracedScalar, relation: str, right: TracedScalar) -> bool:
    """Return the outcome of a comparison of values, and record it if it depends on variables."""
    for number, other in ((right, left), (left, right)):
        if _is_guard(number, other) or _is_guard(_number(1) - number, other):
            bound = -_BEYOND if number.value < 0.5 else 1 + _TINY  # a probability is between
            pair = (other.value, bound) if number is right else (bound, other.value)
            return bool(RELATIONS[relation](*pair))
    truth = bool(RELATIONS[relation](left.value, right.value))
    log = _OPEN.get()
    if log is None or left is right or (left.fixed and right.fixed):
        return truth
    if math.isnan(left.value) or math.isnan(right.value):
        raise Untraceable("a value that is not a number (nan) is compared, as in an if or np.maximum")
    if math.isinf(left.value) or math.isinf(right.value):
        return truth  # values near it give the same outcome
    log.conditions.append(Condition(left - right, relation, truth))
    return truth


# -- operations whose result is a number, or one of the parts ---------------------------------------------------------


def _exact(function: Callable[..., Any], *parts: TracedScalar) -> TracedScalar | None:
    """Return a function of exact numbers as an exact number, or None if a part is not exact or has too many digits."""
    if not all(p.is_number and isinstance(p.held, Fraction) and p.held.denominator.bit_length() < _BITS for p in parts):
        return None
    number = Fraction(function(*(part.held for part in parts)))
    rounded = any(part.op == ROUNDED for part in parts)
    return TracedScalar(ROUNDED if rounded else NUMBER, (), float(number), number)


def _is(part: TracedScalar, number: int) -> bool:
    return part.op == NUMBER and bool(part.held == number)


def _is_guard(number: TracedScalar, other: TracedScalar) -> bool:
    """Return True for a small number that protects another one, where such numbers are left out."""
    return _UNGUARDED.get() and number.is_number and not other.fixed and 0 < abs(number.value) <= _TINY


def _add(x: TracedScalar, y: TracedScalar) -> TracedScalar | None:
    if _is_guard(x, y) or _is_guard(y, x):
        return y if _is_guard(x, y) else x
    if _is(x, 0) or _is(y, 0):
        return y if _is(x, 0) else x
    return _exact(operator.add, x, y)


def _sub(x: TracedScalar, y: TracedScalar) -> TracedScalar | None:
    if _is_guard(y, x):
        return x
    if _is(y, 0):
        return x
    return _number(0) if x is y and math.isfinite(x.value) else _exact(operator.sub, x, y)


def _mul(x: TracedScalar, y: TracedScalar) -> TracedScalar | None:
    for one, other in ((x, y), (y, x)):
        if _is(one, 1):
            return other
        if _is(one, 0) and math.isfinite(other.value):
            return one
    return _exact(operator.mul, x, y)


def _truediv(x: TracedScalar, y: TracedScalar) -> TracedScalar | None:
    if _is(y, 1):
        return x
    if _is(x, 0) and math.isfinite(y.value) and y.value != 0:
        return x
    return None if _is(y, 0) else _exact(operator.truediv, x, y)


def _pow(x: TracedScalar, n: TracedScalar) -> TracedScalar | None:
    """Return xⁿ as products, for half-integer n also with a root, so that it is differentiable at x ≤ 0; else None."""
    if n.op != NUMBER or not isinstance(n.held, Fraction) or n.held.denominator > 2 or abs(n.held) > _POWER:
        return None
    if n.held < 0:
        return applied("truediv", _number(1), applied("pow", x, _number(-n.held)))
    result = _number(1) if n.held.denominator == 1 else applied("sqrt", x)
    whole, square = math.floor(n.held), x
    while whole:
        result = applied("mul", result, square) if whole % 2 else result
        whole //= 2
        square = applied("mul", square, square) if whole else square
    return result


_FOLDS: dict[str, Callable[..., TracedScalar | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "truediv": _truediv,
    "neg": lambda x: x.parts[0] if x.op == "neg" else _exact(operator.neg, x),
    "pow": _pow,
}


# -- the methods that Python and NumPy call ---------------------------------------------------------------------------


def _sign(x: TracedScalar) -> TracedScalar:
    return _number(1) if x > 0 else _number(-1) if x < 0 else _number(0)


_METHODS: dict[str, Callable[..., object]] = {
    **{op: lambda x, op=op: applied(op, x) for op in OPERATIONS.keys() - _FOLDS.keys() - {"arctan2"}},
    "sign": _sign,
    "fabs": abs,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "conjugate": lambda x: x,
    "exp2": lambda x: 2**x,
    "arctan2": lambda y, x: applied("arctan2", y, TracedScalar.of(x)),
    "hypot": lambda x, y: applied("sqrt", x * x + y * y),
    "degrees": lambda x: x * 180 / math.pi,
    "radians": lambda x: x * math.pi / 180,
    "reshape": lambda x, *shape, **options: np.array(x, dtype=object).reshape(*shape, **options),
}
_METHODS |= {"rad2deg": _METHODS["degrees"], "deg2rad": _METHODS["radians"]}
_METHODS |= dict.fromkeys(  # of an array of one entry
    ("sum", "mean", "item", "squeeze", "copy", "astype", "conj", "max", "min"), lambda x, *_, **__: x
)

for _name, _function in _METHODS.items():
    setattr(TracedScalar, _name, _function)
