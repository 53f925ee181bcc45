"""Rewriting of scalar expressions so that floating point neither overflows nor cancels, where a way is known."""

from collections.abc import Callable

import sympy
from sympy import Abs, Add, Dummy, Expr, Function, Max, Mul, Piecewise, Pow, S, cosh, erf, exp, log, sinh, tanh
from sympy.codegen.cfunctions import expm1, log1p

from symbackprop.expressions.aliases import Scalar


class erfc(Function):  # noqa: N801 — SymPy's name
    """The function 1 - erf; SymPy's own turns erfc(-u) into 2 - erfc(u), which cancels."""

    nargs = 1

    def _eval_evalf(self, prec: int) -> Scalar:
        return sympy.erfc(self.args[0])._eval_evalf(prec)


# 1 + f(u) and 1 - f(u) without cancellation, for c + c f(u) and c - c f(u).
_CANCELLING: dict[type, tuple[Callable[[Scalar], Scalar], Callable[[Scalar], Scalar]]] = {
    erf: (lambda u: erfc(-u), erfc),
    tanh: (lambda u: 2 / (1 + exp(-2 * u)), lambda u: 2 / (1 + exp(2 * u))),
    exp: (lambda u: 1 + exp(u), lambda u: -expm1(u)),
}


def stable(expression: Scalar) -> Scalar:
    """Return an equal expression for real numbers, rewritten where the given one is known to overflow or to cancel.

    >>> from sympy import Symbol
    >>> z = Symbol("z", real=True)
    >>> stable(log(1 + exp(z)))
    log1p(exp(-Abs(z))) + Max(0, z)
    >>> stable(exp(-z) / (1 + exp(-z)) ** 2)
    1/((1 + exp(-z))*(exp(z) + 1))
    """
    if isinstance(expression, Piecewise):
        return Piecewise(*((stable(value), condition) for value, condition in expression.args))
    rewrite = _REWRITES.get(type(expression))
    if rewrite is not None:
        return rewrite(expression)
    return expression.func(*map(stable, expression.args)) if expression.args else expression


def in_sigmoid(expression: Expr) -> Scalar:
    """Return a rational function of exp u as a polynomial in σ(u) and u, which cannot overflow; else None.

    >>> from sympy import Symbol
    >>> z = Symbol("z", real=True)
    >>> in_sigmoid((exp(-z) / (1 + exp(-z)) ** 2).diff(z)).subs(z, 0)
    0
    """
    exponents = sorted({power.exp for power in expression.atoms(exp)}, key=lambda e: (e.count_ops(), str(e)))
    if not exponents or expression.has(Piecewise, erf, tanh):
        return None
    u, s = exponents[0], Dummy("s")
    times = {e: sympy.cancel(e / u) for e in exponents}
    if not all(n.is_Integer for n in times.values()):
        return None
    odds = {exp(e): (s / (1 - s)) ** n for e, n in times.items()}
    above, below = sympy.fraction(sympy.cancel(expression.xreplace(odds)))
    if below.has(s):
        return None
    return sympy.factor(above / below).xreplace({s - 1: -1 / (1 + exp(u)), s: 1 / (1 + exp(-u))})


def _sum(expression: Expr) -> Scalar:
    """Return a sum in which a constant and the one term that almost cancels it are combined."""
    constant, *terms = sorted(expression.args, key=lambda term: not term.is_number)
    for term in terms:
        coefficient, rest = term.as_coeff_Mul()
        if constant.is_number and abs(coefficient) == abs(constant):
            together = _together(rest, same=coefficient == constant)
            if together is not None:
                return Add(constant * together, *(stable(t) for t in terms if t != term))
    return Add(*map(stable, expression.args))


def _together(rest: Scalar, *, same: bool) -> Scalar:
    """Return 1 + rest or 1 - rest in a form that does not cancel, or None if no such form is needed or known."""
    if type(rest) in _CANCELLING:
        plus, minus = _CANCELLING[type(rest)]
        return (plus if same else minus)(stable(rest.args[0]))
    if isinstance(rest, Pow) and isinstance(rest.base, tanh) and rest.exp == 2 and not same:
        return cosh(stable(rest.base.args[0])) ** -2
    return None


def _product(expression: Expr) -> Scalar:
    """Return exp(u)/(1 + exp(u))ⁿ, which may be ∞/∞, as 1/((1 + exp(-u)) (1 + exp(u))ⁿ⁻¹), and sinh/cosh as tanh."""
    factors = list(expression.args)
    for factor in factors:
        base, exponent = factor.as_base_exp()
        if isinstance(base, cosh) and exponent.is_negative and sinh(*base.args) in factors:
            rest = Mul(*(f for f in factors if f not in (factor, sinh(*base.args))))
            return stable(rest) * tanh(stable(base.args[0])) * stable(base ** (exponent + 1))
        growing = base - 1
        if isinstance(base, Add) and exponent.is_negative and isinstance(growing, exp) and growing in factors:
            rest = Mul(*(f for f in factors if f not in (factor, growing)))
            u = growing.args[0]
            return stable(rest) / (1 + exp(-u)) * base ** (exponent + 1)
    return Mul(*map(stable, factors))


def _logarithm(expression: Expr) -> Scalar:
    """Return log(1 + exp(u)) as max(u, 0) + log1p(exp(-|u|)), log cosh(u) similarly, and log(1 + x) as log1p(x)."""
    (argument,) = expression.args
    rest = argument - 1
    if isinstance(argument, cosh):
        u = stable(argument.args[0])
        return Abs(u) + log1p(exp(-2 * Abs(u))) - log(2)
    if isinstance(rest, exp):
        u = stable(rest.args[0])
        return Max(u, S.Zero) + log1p(exp(-Abs(u)))
    return log1p(stable(rest)) if isinstance(argument, Add) and S.One in argument.args else log(stable(argument))


_REWRITES: dict[type, Callable[[Scalar], Scalar]] = {Add: _sum, Mul: _product, log: _logarithm}
