"""The table of operations in a graph of scalars. SymPy computes all derivatives; none is written by hand."""

import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import mpmath
import sympy

BigFloat: TypeAlias = mpmath.mpf  # of arbitrary precision
Number: TypeAlias = float | BigFloat


@dataclass(frozen=True)
class ScalarOperation:
    """One operation in three forms: for floats, for mpmath numbers, and for SymPy expressions."""

    plain: Callable[..., float]
    precise: Callable[..., BigFloat]
    symbolic: Callable[..., sympy.Expr]


def real_value(function: Callable[..., Number], values: Iterable[Number]) -> BigFloat:
    """Return the value of a function of mpmath numbers, or nan if it is not real."""
    try:
        value = function(*values)
    except (ValueError, ArithmeticError):
        return mpmath.nan
    return value if isinstance(value, mpmath.mpf) else mpmath.mpf(value) if isinstance(value, int) else mpmath.nan


def _log_to(base: int) -> Callable[[BigFloat], BigFloat]:
    return lambda x: mpmath.log(x) / mpmath.log(base)


# fmt: off
OPERATIONS: dict[str, ScalarOperation] = {
    # name                    floats            mpmath             SymPy
    "add":     ScalarOperation(operator.add,     operator.add,      operator.add),
    "sub":     ScalarOperation(operator.sub,     operator.sub,      operator.sub),
    "mul":     ScalarOperation(operator.mul,     operator.mul,      operator.mul),
    "truediv": ScalarOperation(operator.truediv, operator.truediv,  operator.truediv),
    "neg":     ScalarOperation(operator.neg,     operator.neg,      operator.neg),
    "pow":     ScalarOperation(math.pow,         operator.pow,      operator.pow),
    "exp":     ScalarOperation(math.exp,         mpmath.exp,        sympy.exp),
    "log":     ScalarOperation(math.log,         mpmath.log,        sympy.log),
    "log2":    ScalarOperation(math.log2,        _log_to(2),        lambda x: sympy.log(x, 2)),
    "log10":   ScalarOperation(math.log10,       _log_to(10),       lambda x: sympy.log(x, 10)),
    "log1p":   ScalarOperation(math.log1p,       mpmath.log1p,      lambda x: sympy.log(1 + x)),
    "expm1":   ScalarOperation(math.expm1,       mpmath.expm1,      lambda x: sympy.exp(x) - 1),
    "sqrt":    ScalarOperation(math.sqrt,        mpmath.sqrt,       sympy.sqrt),
    "sin":     ScalarOperation(math.sin,         mpmath.sin,        sympy.sin),
    "cos":     ScalarOperation(math.cos,         mpmath.cos,        sympy.cos),
    "tan":     ScalarOperation(math.tan,         mpmath.tan,        sympy.tan),
    "arcsin":  ScalarOperation(math.asin,        mpmath.asin,       sympy.asin),
    "arccos":  ScalarOperation(math.acos,        mpmath.acos,       sympy.acos),
    "arctan":  ScalarOperation(math.atan,        mpmath.atan,       sympy.atan),
    "arctan2": ScalarOperation(math.atan2,       mpmath.atan2,      sympy.atan2),
    "sinh":    ScalarOperation(math.sinh,        mpmath.sinh,       sympy.sinh),
    "cosh":    ScalarOperation(math.cosh,        mpmath.cosh,       sympy.cosh),
    "tanh":    ScalarOperation(math.tanh,        mpmath.tanh,       sympy.tanh),
    "arcsinh": ScalarOperation(math.asinh,       mpmath.asinh,      sympy.asinh),
    "arccosh": ScalarOperation(math.acosh,       mpmath.acosh,      sympy.acosh),
    "arctanh": ScalarOperation(math.atanh,       mpmath.atanh,      sympy.atanh),
    "erf":     ScalarOperation(math.erf,         mpmath.erf,        sympy.erf),
    "gammaln": ScalarOperation(math.lgamma,      mpmath.loggamma,   sympy.loggamma),
}
RELATIONS: dict[str, Callable[[Number, Number], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
}
# fmt: on


@cache
def partial(op: str, position: int, count: int) -> Callable[..., BigFloat]:
    """Return the derivative of an operation with respect to one of `count` operands, as a function of mpmath numbers.

    >>> partial("mul", 0, 2)(mpmath.mpf(3), mpmath.mpf(5))
    mpf('5.0')
    """
    parts = sympy.symbols(f"x:{count}", real=True)
    derivative = OPERATIONS[op].symbolic(*parts).diff(parts[position])
    function: Callable[..., BigFloat] = sympy.lambdify(parts, derivative, "mpmath")
    return function
