"""Scalars that remember how they were computed.

A person's NumPy code runs on object arrays of them. Each is a node of a graph: an operation and its parts, or an
exact number, or a named entry of an array. It has a value, too, by which comparisons are decided. What was decided
is recorded, since the graph holds only where it is decided the same way.
"""

import math
import operator
from collections.abc import Callable, Iterable
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from numbers import Real
from typing import Any, ClassVar

import mpmath
import numpy as np
import sympy

from symbackprop.tracing.scalars.exact_numbers import exactly
from symbackprop.tracing.scalars.operations import OPERATIONS, RELATIONS, Operation
from symbackprop.tracing.untraceable import Untraceable

_BITS = 512  # longer numbers are not worked out on the way
_POWER = 64  # powers up to here are products
_READABLE = 100  # nodes of an expression that someone reads

NUMBER, ROUNDED, ENTRY = "number", "rounded", "entry"  # what has no parts; a rounded number stands for a near one


@dataclass(frozen=True)
class Condition:
    """What was decided on the way: whether `difference` has that relation to 0."""

    difference: "Scalar"
    relation: str
    truth: bool

    def holds(self, value: Any) -> bool:
        """Whether it is decided the same way where the difference has that value."""
        return bool(RELATIONS[self.relation](value, 0)) == self.truth


@dataclass
class BranchLog:
    """Records what comparisons of Scalars decide while it is open.

    >>> x = Scalar.entry("x", (), 2.0)
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


_OPEN: ContextVar[BranchLog | None] = ContextVar("open trace", default=None)


def _binary(op: str, swapped: bool) -> Callable[["Scalar", Any], Any]:
    def method(self: "Scalar", other: Any) -> Any:
        if not isinstance(other, Scalar | Real | np.bool):
            return _not_one(other)
        return applied(op, Scalar.of(other), self) if swapped else applied(op, self, Scalar.of(other))

    return method


def _comparison(relation: str) -> Callable[["Scalar", Any], Any]:
    def method(self: "Scalar", other: Any) -> Any:
        if not isinstance(other, Scalar | Real | np.bool):
            return _not_one(other)
        return compared(self, relation, Scalar.of(other))

    return method


def _not_one(other: Any) -> Any:
    """An array is NumPy's to broadcast."""
    if isinstance(other, complex | np.complexfloating):
        raise Untraceable("it uses complex numbers")
    return NotImplemented


class Scalar:
    """A number that remembers how it was computed.

    >>> x = Scalar.entry("x", (0,), 3.0)
    >>> y = 0.1 * x**2
    >>> y.value, y.expression()
    (0.9, x[0]**2/10)
    """

    __slots__ = ("fixed", "held", "op", "parts", "value")
    shape: tuple[int, ...] = ()
    ndim = 0
    size = 1
    __array_ufunc__: ClassVar[Callable[..., Any]]  # entries.py says what arrays make of it

    def __init__(self, op: str, parts: tuple["Scalar", ...], value: float, held: Any = None):
        self.op = op
        self.parts = parts
        self.value = value
        self.held = held  # the exact number, or the (name, index) of an entry
        self.fixed: bool = op != ENTRY and all(part.fixed for part in parts)  # it is computed from numbers alone

    @staticmethod
    def of(given: Any) -> "Scalar":
        """A Scalar as it is, a number as a constant; anything else is refused."""
        if isinstance(given, Scalar):
            return given
        if isinstance(given, np.ndarray) and given.ndim == 0:
            return Scalar.of(given.item())
        if isinstance(given, Real | np.bool):
            number: Any = given.item() if isinstance(given, np.integer | np.bool) else given
            return _number(number)
        raise Untraceable(f"{given!r:.60} is not a real number")

    @staticmethod
    def entry(name: str, index: tuple[int, ...], value: float) -> "Scalar":
        """A named entry of an array; a scalar has the index ()."""
        return Scalar(ENTRY, (), float(value), (name, index))

    @property
    def T(self) -> "Scalar":  # noqa: N802 — as of an array
        return self

    real = T

    @property
    def is_number(self) -> bool:
        return self.op in (NUMBER, ROUNDED)

    @property
    def name(self) -> str:
        """What an entry is called: `W1[0,2]`."""
        name, index = self.held
        return f"{name}[{','.join(map(str, index))}]" if index else str(name)

    def expression(self) -> Any:
        """The SymPy expression, of real symbols that are called as the entries are.

        SymPy does not simplify a long one on the way: it would recurse into all of it at each step.
        """
        order = postorder([self])
        found: dict[Scalar, Any] = {}
        with sympy.evaluate(len(order) <= _READABLE):
            for node in order:
                given = [found[part] for part in node.parts]
                found[node] = OPERATIONS[node.op].symbolic(*given) if given else _leaf(node)
        return found[self]

    def __repr__(self) -> str:
        if self.op == ENTRY:
            return self.name
        return str(self.held) if self.is_number else f"{self.op}({', '.join('…' for _ in self.parts)})={self.value:.6g}"

    def __format__(self, how: str) -> str:
        return format(self.value, how)

    def __neg__(self) -> "Scalar":
        return applied("neg", self)

    def __pos__(self) -> "Scalar":
        return self

    def __abs__(self) -> "Scalar":
        return self if self > 0 else -self

    __add__, __radd__ = _binary("add", False), _binary("add", True)
    __sub__, __rsub__ = _binary("sub", False), _binary("sub", True)
    __mul__, __rmul__ = _binary("mul", False), _binary("mul", True)
    __truediv__, __rtruediv__ = _binary("truediv", False), _binary("truediv", True)
    __pow__, __rpow__ = _binary("pow", False), _binary("pow", True)
    __lt__ = _comparison("<")
    __le__ = _comparison("<=")
    __gt__ = _comparison(">")
    __ge__ = _comparison(">=")
    __eq__ = _comparison("==")
    __ne__ = _comparison("!=")
    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        return compared(self, "!=", _number(0))

    def __float__(self) -> float:
        if not self.fixed:
            raise Untraceable("a symbolic value is turned into a float: by float(), math, or an array of floats")
        return self.value

    def __int__(self) -> int:
        if not self.fixed:
            raise Untraceable("a symbolic value is turned into an int")
        return int(self.value)

    def __floor__(self) -> "Scalar":
        """By value: a constant, with the conditions that it is the floor."""
        if not math.isfinite(self.value):
            raise Untraceable("the floor of a value that is not finite")
        below = math.floor(self.value)
        compared(self, ">=", _number(below))
        compared(self, "<", _number(below + 1))
        return _number(below)

    def __ceil__(self) -> "Scalar":
        return -(-self).__floor__()

    def __trunc__(self) -> "Scalar":
        return self.__floor__() if self >= 0 else self.__ceil__()

    def rint(self) -> "Scalar":
        return (self + Fraction(1, 2)).__floor__()


def _leaf(node: Scalar) -> Any:
    if node.op == ENTRY:
        return sympy.Symbol(node.name, real=True)
    return sympy.Rational(node.held.numerator, node.held.denominator) if isinstance(node.held, Fraction) else node.held


def postorder(ends: Iterable[Scalar]) -> list[Scalar]:
    """Every node once, its parts before it."""
    order: dict[Scalar, None] = {}
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
def _number(given: Any) -> Scalar:
    """A constant."""
    number, rounded = exactly(given)
    return Scalar(ROUNDED if rounded else NUMBER, (), float(number), number)


def applied(op: str, *parts: Scalar) -> Scalar:
    """The Scalar that an operation makes of its parts; what is a number already is worked out."""
    fold = _FOLDS.get(op)
    folded = fold(*parts) if fold else None
    if folded is not None:
        return folded
    return Scalar(op, parts, _value(OPERATIONS[op], [part.value for part in parts]))


def _value(operation: Operation, values: list[float]) -> float:
    """As NumPy has it: too large is infinite, and where there is no real value, it is not a number."""
    try:
        return operation.plain(*values)
    except (ValueError, ArithmeticError):
        return _value_in_digits(operation, values)


def _value_in_digits(operation: Operation, values: list[float]) -> float:
    try:
        value = operation.digits(*map(mpmath.mpf, values))
    except (ValueError, ArithmeticError):
        return math.nan
    return float(value) if isinstance(value, mpmath.mpf) else math.nan


def compared(left: Scalar, relation: str, right: Scalar) -> bool:
    """Decided by value, and recorded where entries are in it."""
    truth = bool(RELATIONS[relation](left.value, right.value))
    trace = _OPEN.get()
    if trace is None or left is right or (left.fixed and right.fixed):
        return truth
    if math.isnan(left.value) or math.isnan(right.value):
        raise Untraceable("something that is not a number is compared")
    if math.isinf(left.value) or math.isinf(right.value):
        return truth  # nothing near it decides otherwise
    trace.conditions.append(Condition(left - right, relation, truth))
    return truth


# -- what is a number already ----------------------------------------------------------------------------------------


def _exact(function: Callable[..., Any], *parts: Scalar) -> Scalar | None:
    """A function of exact numbers, while they are short."""
    if not all(p.is_number and isinstance(p.held, Fraction) and p.held.denominator.bit_length() < _BITS for p in parts):
        return None
    number = Fraction(function(*(part.held for part in parts)))
    rounded = any(part.op == ROUNDED for part in parts)
    return Scalar(ROUNDED if rounded else NUMBER, (), float(number), number)


def _is(part: Scalar, number: int) -> bool:
    return part.op == NUMBER and bool(part.held == number)


def _add(x: Scalar, y: Scalar) -> Scalar | None:
    if _is(x, 0) or _is(y, 0):
        return y if _is(x, 0) else x
    return _exact(operator.add, x, y)


def _sub(x: Scalar, y: Scalar) -> Scalar | None:
    if _is(y, 0):
        return x
    return _number(0) if x is y and math.isfinite(x.value) else _exact(operator.sub, x, y)


def _mul(x: Scalar, y: Scalar) -> Scalar | None:
    for one, other in ((x, y), (y, x)):
        if _is(one, 1):
            return other
        if _is(one, 0) and math.isfinite(other.value):
            return one
    return _exact(operator.mul, x, y)


def _truediv(x: Scalar, y: Scalar) -> Scalar | None:
    if _is(y, 1):
        return x
    if _is(x, 0) and math.isfinite(y.value) and y.value != 0:
        return x
    return None if _is(y, 0) else _exact(operator.truediv, x, y)


def _pow(x: Scalar, n: Scalar) -> Scalar | None:
    """Whole powers are products, halves are roots: so they and their derivatives hold at 0 and below."""
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


_FOLDS: dict[str, Callable[..., Scalar | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "truediv": _truediv,
    "neg": lambda x: x.parts[0] if x.op == "neg" else _exact(operator.neg, x),
    "pow": _pow,
}


# -- the methods that Python and NumPy call ---------------------------------------------------------------------------


def _of_itself(op: str) -> Callable[[Scalar], Scalar]:
    return lambda self: applied(op, self)


def _sign(x: Scalar) -> Scalar:
    return _number(1) if x > 0 else _number(-1) if x < 0 else _number(0)


_METHODS: dict[str, Callable[..., Any]] = {
    "sign": _sign,
    "fabs": abs,
    "square": lambda x: x * x,
    "reciprocal": lambda x: 1 / x,
    "conjugate": lambda x: x,
    "exp2": lambda x: 2**x,
    "arctan2": lambda y, x: applied("arctan2", y, Scalar.of(x)),
    "hypot": lambda x, y: applied("sqrt", x * x + y * y),
    "degrees": lambda x: x * 180 / math.pi,
    "radians": lambda x: x * math.pi / 180,
    "reshape": lambda x, *shape, **options: np.array(x, dtype=object).reshape(*shape, **options),
}
_METHODS |= dict.fromkeys(("rad2deg",), _METHODS["degrees"]) | dict.fromkeys(("deg2rad",), _METHODS["radians"])
_ITSELF = ("sum", "mean", "item", "squeeze", "copy", "astype", "conj", "max", "min")  # of an array of one

for _op in OPERATIONS.keys() - {"add", "sub", "mul", "truediv", "neg", "pow", "arctan2"}:
    setattr(Scalar, _op, _of_itself(_op))
for _name, _method in _METHODS.items():
    setattr(Scalar, _name, _method)
for _name in _ITSELF:
    setattr(Scalar, _name, lambda self, *given, **options: self)
