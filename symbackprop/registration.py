"""Registration of a user's elementwise function: a new row of the function table from a SymPy expression."""

import warnings
from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Abs, Eq, Expr, Heaviside, Max, Min, Piecewise, S, lambdify, sign
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

import symbackprop
from symbackprop.derivation import derive
from symbackprop.errors import ArgumentError, NameInUseError, SymbackpropError, listed
from symbackprop.expressions.functions import (
    ALIASES,
    FUNCTION,
    FUNCTIONS,
    POSITIVE,
    ElementwiseFunction,
    FunctionRow,
    z,
)
from symbackprop.expressions.operations import Total
from symbackprop.expressions.stable_forms import stable as stable_form
from symbackprop.network.names import check_name
from symbackprop.network.network import Network

# Functions that SymPy can differentiate; for them and for their derivatives, there is NumPy code.
_KNOWN = (
    *(sympy.exp, sympy.log, sympy.sin, sympy.cos, sympy.tan, sympy.atan, sympy.sinh, sympy.cosh, sympy.tanh),
    *(sympy.asinh, sympy.erf, sympy.erfc, Abs, sign, Max, Min, Heaviside, Piecewise),
)
_STRUCTURE = (sympy.Add, sympy.Mul, sympy.Pow, ExprCondPair, Relational, BooleanFunction, BooleanAtom, sympy.Symbol)
_POINTS = (-1200, -709.9, -30, -3.1, -0.52, -0.001, 0.001, 0.25, 2.2, 30, 745.2, 1200)
_ORDINARY = 50  # a function on the real line must be defined at all points up to here
_DIGITS = 60


def register(name: str, f: Expr, *, latex: str = "", stable: Expr | None = None) -> ElementwiseFunction:
    """Register a new elementwise function as `sb.<name>`, in network texts, and as the name of an activation.

    SymPy differentiates it. At a kink, as relu has at 0, the derivative is that of the branch that the condition of a
    `Piecewise` chooses, that of the constant branch of a `Max` or `Min`, and 0 for `Abs`.

    Args:
        name: an identifier.
        f: a SymPy expression of elementary functions in one symbol, real for all real or for all positive numbers.
        latex: its name in LaTeX; upright letters by default.
        stable: the same function in a form that neither overflows nor cancels, if symbackprop finds none.

    Returns:
        The function, which can be called with matrices and scalars. Registering the same function again changes
        nothing.

    Raises:
        SymbackpropError: f is not such an expression, the name is taken, or `stable` is another function.

    Warns:
        UserWarning: generated code is wrong at a point between −1200 and 1200, which the warning names.

    >>> import symbackprop as sb
    >>> from sympy import Symbol, exp, log, tanh
    >>> z = Symbol("z")
    >>> mish = sb.register("mish", z * tanh(log(1 + exp(z))))
    >>> print(str(sb.mlp([2, 3, 1], activation="mish")).splitlines()[5])
    a2 = mish(z2)
    """
    row = _row(name, f, latex, stable)
    if name in FUNCTIONS:
        if FUNCTIONS[name].f == row.f:
            return FUNCTION[name]
        raise NameInUseError(f"{name} is a function already: {FUNCTIONS[name].f}; choose another name")
    check_name(name)
    if name in ALIASES or name in dir(symbackprop):
        raise NameInUseError(f"{name} is a name of symbackprop already; choose another name, for example {name}_1")
    FUNCTIONS[name], FUNCTION[name] = row, ElementwiseFunction(name)
    _warn_where_code_fails(FUNCTION[name])
    return FUNCTION[name]


def _row(name: str, f: object, latex: str, stable: object) -> FunctionRow:
    if not isinstance(name, str):
        raise NameInUseError(f"the name of a function must be text such as 'mish', not {name!r}")
    given = _in_z(name, f)
    by_cases = _by_cases(name, given)
    code = by_cases if given.has(Heaviside) else given if stable is None else _in_z(name, stable)
    code = None if code == by_cases else code
    row = FunctionRow(
        name,
        by_cases,
        latex or rf"\mathrm{{{name}}}".replace("_", r"\_"),
        stable=None if code is None else stable_form(code),
        domain=_domain(name, by_cases),
        kinks=_kinks(name, by_cases),
    )
    if code is not None:
        _require_equal(row, code)
    return row


def _in_z(name: str, f: object) -> Expr:
    """Return the expression in the symbol z of the table; raise an error for more symbols or unknown functions."""
    if not isinstance(f, Expr) or f.is_Matrix or isinstance(f, sympy.MatrixExpr):
        given = f"the text {f!r:.60}, which is not parsed" if isinstance(f, str) else f"{type(f).__name__}"
        raise SymbackpropError(f"{name}: a SymPy expression is expected, such as z*tanh(z), not {given}")
    if len(f.free_symbols) != 1:
        has = listed(sorted(map(str, f.free_symbols))) or "none"
        raise SymbackpropError(f"{name} = {f}: a function of one symbol is expected, but this one has {has}")
    for node in sympy.preorder_traversal(f):
        if not (isinstance(node, _KNOWN + _STRUCTURE) or (node.is_number and node.is_real)):
            known = ", ".join(sorted((kind.__name__ for kind in _KNOWN), key=str.lower))
            unknown = f"{type(node).__name__} in {node}"
            raise SymbackpropError(f"{name} = {f}: {unknown} is not supported; supported are {known}")
    return f.subs(*f.free_symbols, z)


# Kinks


def _by_cases(name: str, f: Expr) -> Expr:
    """Return f with absolute values, signs and maxima by cases: SymPy's derivatives at kinks may be ½ or undefined."""
    for kind, cases in _CASES.items():
        f = f.replace(kind, cases)
    if not f.has(Piecewise):
        return f
    folded = sympy.piecewise_fold(f)
    places = _places(name, folded)
    if not places:
        return _at(name, folded, S.Zero)
    middles = [places[0] - 1, *((a + b) / 2 for a, b in pairwise(places)), places[-1] + 1]
    pieces = [_at(name, folded, middle) for middle in middles]
    meetings = zip(places, pieces, pieces[1:], strict=False)
    pairs = [pair for meeting in meetings for pair in _cases_up_to(name, folded, *meeting)]
    return Piecewise(*pairs, (pieces[-1], True))


def _cases_up_to(name: str, f: Expr, place: Expr, left: Expr, right: Expr) -> list[tuple[Expr, Relational]]:
    """Return the cases up to a point between two pieces; if f is smooth there, the point has no separate case."""
    there = _at(name, f, place)
    if left == right and _same_at(place, left, there):
        return []
    smooth = _same_at(place, left, right) and left.subs(z, place) == there.subs(z, place)
    if smooth or _same_at(place, left, there):
        return [(left, z <= place)]
    return [(left, z < place)] + ([] if _same_at(place, there, right) else [(there, Eq(z, place))])


def _places(name: str, f: Expr) -> list[Expr]:
    """Return the points where the conditions of a function defined by cases change, in order."""
    places = set()
    for condition in f.atoms(Relational):
        found = sympy.solveset(condition.lhs - condition.rhs, z, S.Reals)
        if not isinstance(found, sympy.FiniteSet) and found is not S.EmptySet:
            raise SymbackpropError(f"{name}: cannot solve where {condition} changes; write conditions such as z < 1")
        places |= set(found)
    return sorted(places)


def _at(name: str, f: Expr, place: Expr) -> Expr:
    """Return the case of a function that applies at a point."""
    for value, condition in f.args:
        if condition.subs(z, place) is S.true:
            return value
    raise SymbackpropError(f"{name} has no value at z = {place}; the last case of a Piecewise is (…, True)")


def _same_at(place: Expr, one: Expr, other: Expr) -> bool:
    """Return True if two cases have the same value and derivative at a point."""
    return all(e.subs(z, place) == o.subs(z, place) for e, o in ((one, other), (one.diff(z), other.diff(z))))


def _chosen(*values: Expr, smaller: bool) -> Expr:
    """Return the largest or the smallest value by cases; if two values are equal, the constant one."""

    def of_two(one: Expr, other: Expr) -> Expr:
        return Piecewise((other, one >= other if smaller else one <= other), (one, True))

    return reduce(of_two, sorted(values, key=lambda value: bool(value.is_number)))


_CASES: dict[type[Expr], Callable[..., Expr]] = {
    Abs: lambda u: Piecewise((-u, u < 0), (0, Eq(u, 0)), (u, True)),
    sign: lambda u: Piecewise((-1, u < 0), (0, Eq(u, 0)), (1, True)),
    Heaviside: lambda u, at_zero=S.Half: Piecewise((0, u < 0), (at_zero, Eq(u, 0)), (1, True)),
    Max: lambda *values: _chosen(*values, smaller=False),
    Min: lambda *values: _chosen(*values, smaller=True),
}


def _kinks(name: str, f: Expr) -> dict[Expr, Expr]:
    """Return the points where the one-sided derivatives differ, with SymPy's derivative at each."""
    derivative, found = f.diff(z), {}
    for place in _places(name, f):
        near = [[_value(e, place + side * S(10) ** -40) for side in (-1, 0, 1)] for e in (f, derivative)]
        if not any(None in values for values in near) and any(max(values) - min(values) > 1e-12 for values in near):
            found[place] = derivative.subs(z, place)
    return found


# Numerical values


def _value(expression: Expr, point: Expr | float) -> Any:
    """Return the value at a point in arbitrary precision, or None if it is not a finite real number."""
    with mpmath.workdps(_DIGITS):
        try:
            value = lambdify(z, expression, "mpmath")(mpmath.mpf(sympy.Float(point, _DIGITS)._mpf_))
        except (ArithmeticError, ValueError, TypeError):
            return None
        value = +mpmath.mpmathify(value)
        return value if isinstance(value, mpmath.mpf) and mpmath.isfinite(value) else None


def _domain(name: str, f: Expr) -> sympy.Set:
    ordinary = [0, *(p for p in _POINTS if abs(p) <= _ORDINARY)]
    undefined = [p for p in ordinary if None in (_value(f, p), _value(f.diff(z), p))]
    if not undefined:
        return S.Reals
    if all(p <= 0 for p in undefined):
        return POSITIVE
    raise SymbackpropError(
        f"{name} = {f} is not a real number at z = {undefined[-1]}, or has no derivative there; a function must be "
        "defined for all real or for all positive numbers"
    )


def _require_equal(row: FunctionRow, stable: Expr) -> None:
    for point in (p for p in _POINTS if sympy.Float(p) in row.domain):
        wanted, found = _value(row.f, point), _value(stable, point)
        if wanted is not None and (found is None or abs(found - wanted) > 1e-20 * (1 + abs(wanted))):
            value = "undefined" if found is None else mpmath.nstr(found, 6)
            raise SymbackpropError(
                f"{row.name}: at z = {point} the stable form is {value}, but f is {mpmath.nstr(wanted, 6)}"
            )


def _warn_where_code_fails(function: ElementwiseFunction) -> None:
    """Compare generated code with values of 60 digits at large and small numbers, and warn if it is wrong."""
    net = Network()
    net.minimize("J", Total(function(net.parameter("w", 1, 1))))
    code = derive(net).to_numpy(backend="numpy")
    for point in (p for p in _POINTS if sympy.Float(p) in function.row.domain):
        wanted = [_value(e, point) for e in (function.row.f, function.prime.expression)]
        if None in wanted or max(map(abs, wanted)) > 1e300:
            continue
        try:
            found = [float(np.sum(result)) for result in code(np.array([[float(point)]]))]
        except ArgumentError:
            found = [np.nan, np.nan]
        for name, given, right in zip(("f", "f′"), found, wanted, strict=True):
            if not abs(given - right) <= 1e-7 * abs(right) + 1e-14:
                warnings.warn(
                    f"{function.name}: at z = {point} generated code gives {given:.6g} for {name}, which is "
                    f"{mpmath.nstr(right, 6)}; write f, or stable=, in a form that neither overflows nor cancels",
                    stacklevel=3,
                )
                return
