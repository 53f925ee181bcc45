"""THE operations of a graph of scalars, one table. Derivatives are never typed in: SymPy differentiates."""

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import mpmath
import sympy


@dataclass(frozen=True)
class Operation:
    """One operation three times: on floats, on mpmath's numbers, and on SymPy's expressions."""

    plain: Callable[..., float]
    digits: Callable[..., Any]
    symbolic: Callable[..., Any]


def _log_to(base: int) -> Callable[[Any], Any]:
    return lambda x: mpmath.log(x) / mpmath.log(base)


# fmt: off
OPERATIONS: dict[str, Operation] = {
    # name              floats            mpmath             SymPy
    "add":     Operation(operator.add,     operator.add,      operator.add),
    "sub":     Operation(operator.sub,     operator.sub,      operator.sub),
    "mul":     Operation(operator.mul,     operator.mul,      operator.mul),
    "truediv": Operation(operator.truediv, operator.truediv,  operator.truediv),
    "neg":     Operation(operator.neg,     operator.neg,      operator.neg),
    "pow":     Operation(math.pow,         operator.pow,      operator.pow),
    "exp":     Operation(math.exp,         mpmath.exp,        sympy.exp),
    "log":     Operation(math.log,         mpmath.log,        sympy.log),
    "log2":    Operation(math.log2,        _log_to(2),        lambda x: sympy.log(x, 2)),
    "log10":   Operation(math.log10,       _log_to(10),       lambda x: sympy.log(x, 10)),
    "log1p":   Operation(math.log1p,       mpmath.log1p,      lambda x: sympy.log(1 + x)),
    "expm1":   Operation(math.expm1,       mpmath.expm1,      lambda x: sympy.exp(x) - 1),
    "sqrt":    Operation(math.sqrt,        mpmath.sqrt,       sympy.sqrt),
    "sin":     Operation(math.sin,         mpmath.sin,        sympy.sin),
    "cos":     Operation(math.cos,         mpmath.cos,        sympy.cos),
    "tan":     Operation(math.tan,         mpmath.tan,        sympy.tan),
    "arcsin":  Operation(math.asin,        mpmath.asin,       sympy.asin),
    "arccos":  Operation(math.acos,        mpmath.acos,       sympy.acos),
    "arctan":  Operation(math.atan,        mpmath.atan,       sympy.atan),
    "arctan2": Operation(math.atan2,       mpmath.atan2,      sympy.atan2),
    "sinh":    Operation(math.sinh,        mpmath.sinh,       sympy.sinh),
    "cosh":    Operation(math.cosh,        mpmath.cosh,       sympy.cosh),
    "tanh":    Operation(math.tanh,        mpmath.tanh,       sympy.tanh),
    "arcsinh": Operation(math.asinh,       mpmath.asinh,      sympy.asinh),
    "arccosh": Operation(math.acosh,       mpmath.acosh,      sympy.acosh),
    "arctanh": Operation(math.atanh,       mpmath.atanh,      sympy.atanh),
    "erf":     Operation(math.erf,         mpmath.erf,        sympy.erf),
    "gammaln": Operation(math.lgamma,      mpmath.loggamma,   sympy.loggamma),
}
RELATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}
# fmt: on


@cache
def partial(op: str, place: int, count: int) -> Callable[..., Any]:
    """The derivative of an operation of `count` parts by one of them, on mpmath's numbers.

    >>> partial("mul", 0, 2)(mpmath.mpf(3), mpmath.mpf(5))
    mpf('5.0')
    """
    parts = sympy.symbols(f"x:{count}", real=True)
    return sympy.lambdify(parts, OPERATIONS[op].symbolic(*parts).diff(parts[place]), "mpmath")
