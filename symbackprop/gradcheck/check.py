"""Check of gradients against finite differences of the cost."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError
from symbackprop.gradcheck.calls import CountedFunction
from symbackprop.gradcheck.comparisons import subjects_of
from symbackprop.gradcheck.directional import Numerics
from symbackprop.gradcheck.evidence import sizes_of
from symbackprop.gradcheck.hessian import UserHessian
from symbackprop.gradcheck.parameters import Data, Parameters, Structure, UserFunction, require_callable
from symbackprop.gradcheck.recheck import (
    NEARBY,
    Recheck,
    arbitrated,
    check_parameters,
    confirmed_mistake,
    is_close,
    is_doubtful,
    may_be_chance,
    seen_farther,
    shows_nothing,
    supported,
)
from symbackprop.gradcheck.report import GradientCheck, ParameterCheck, worst_of
from symbackprop.verdicts import Verdict

_REACHES = (4.0, 30.0, 100.0)  # how far away generic points are where nothing shows nearby


def check_gradients(
    cost: UserFunction,
    gradients: UserFunction | None,
    params: Structure,
    *,
    hessian: UserFunction | None = None,
    data: Data | None = None,
    seed: int | None = None,
) -> GradientCheck:
    """Compare gradients with finite differences of the cost.

    Args:
        cost: a function that returns the cost; or, if `gradients` is None, one that returns (J, gradients).
        gradients: a function that returns the gradients in the structure of `params`, or as a mapping whose keys are
            the names of the parameters (for a sequence, those of the arguments of the cost), such as W or dW.
        params: an array, a tuple or list of arrays, or a mapping; the callables are called f(x), f(*arrays) or
            f(**arrays) accordingly. It is not changed.
        hessian: a function that returns the second derivatives, which are compared with differences of right gradients:
            a matrix, a block for each two parameters as `numerical_hessian` returns them, or the diagonal of the
            Hessian in the structure of `params`.
        data: fixed keyword arguments of every call.
        seed: for the random directions and samples that are used if the parameters have more than 2000 entries;
            0 if it is None.

    No fixed tolerance decides: a gradient is right where it lies within the error bar of the extrapolated
    differences. Where the cost has a kink, any value between the derivatives on the two sides is right.

    Raises:
        ArgumentError: parameters or gradients are not arrays of numbers, or the cost is not a number.

    >>> import numpy as np
    >>> x = np.array([[1.0, 2.0, 3.0]])
    >>> check_gradients(lambda x: np.sum(x**3), lambda x: 3 * x**2, x).verdict
    <Verdict.RIGHT: 'right'>
    >>> check_gradients(lambda x: np.sum(x**3), lambda x: -3 * x**2, x).verdict
    <Verdict.WRONG: 'wrong'>
    """
    parameters = Parameters.of(params, data).named_as(cost)
    with np.errstate(all="ignore"):  # far from the point, a cost may overflow, and the check notices
        first = _checked(cost, gradients, parameters, data, seed)
        if hessian is None:
            return first
        require_callable("hessian", hessian)
        gradient_of = gradients if gradients is not None else (lambda *a, **k: _pair(cost(*a, **k))[1])
        return first.with_second(_second(UserHessian(gradient_of, hessian, parameters), first, seed))


def _second(hessian: UserHessian, first: GradientCheck, seed: int | None) -> GradientCheck:
    """Return the check of a Hessian against differences of the gradient, if the gradient is right."""
    total, found, copies = hessian.as_gradient()
    if first.verdict == Verdict.RIGHT:
        return _checked(total, found, Parameters.of(copies), None, seed)
    reason = f"the gradient is {first.verdict}, so that its differences do not show what is right"
    blocks = tuple(ParameterCheck(n, a.shape, Verdict.UNDECIDED, note=reason) for n, a in copies.items())
    return GradientCheck(Verdict.UNDECIDED, blocks, 0, first.cost)


def _checked(
    cost: UserFunction,
    gradients: UserFunction | None,
    parameters: Parameters,
    data: Data | None,
    seed: int | None,
) -> GradientCheck:
    require_callable("cost", cost)
    if gradients is not None:
        require_callable("gradients", gradients)
    alone = cost if gradients is not None else (lambda *a, **k: _pair(cost(*a, **k))[0])
    gradient_of = gradients if gradients is not None else (lambda *a, **k: _pair(cost(*a, **k))[1])
    numerics = Numerics(alone, parameters)
    if not np.isfinite(numerics.cost):
        undecided = tuple(
            ParameterCheck(n, a.shape, Verdict.UNDECIDED)
            for n, a in zip(parameters.labels, parameters.arrays, strict=True)
        )
        reason = f"the cost is {numerics.cost} at this point"
        return GradientCheck(Verdict.UNDECIDED, undecided, numerics.evaluations, numerics.cost, reason)
    if seed is not None and not (isinstance(seed, int | np.integer) and seed >= 0):
        raise ArgumentError(f"seed must be a whole number of at least 0, not {seed!r}")
    rng = np.random.default_rng(seed or 0)
    gradient = CountedFunction("the gradients function", gradient_of, parameters)
    sizes = sizes_of(data)
    blocks = check_parameters(numerics, subjects_of(gradient, parameters), sizes, rng)
    recheck = Recheck(alone, gradient_of, sizes, rng)
    blocks = recheck.apply(blocks, is_close, arbitrated, lambda: [parameters.widened()])
    recheck.point = None
    blocks = recheck.apply(blocks, is_doubtful(numerics.cost), supported, lambda: _nearby(parameters))
    blocks = recheck.apply(blocks, shows_nothing, seen_farther, lambda: map(parameters.generic_nearby, _REACHES))
    point = recheck.point
    blocks = recheck.apply(blocks, may_be_chance, confirmed_mistake, lambda: [parameters.generic_nearby()])
    verdicts = {block.verdict for block in blocks}
    verdict = worst_of(verdicts)
    noisy = [f"calls of the cost at one point differ by {numerics.spread:.1e}"] * bool(numerics.spread)
    return GradientCheck(
        verdict,
        tuple(blocks),
        numerics.evaluations + recheck.evaluations,
        numerics.cost,
        reason="; ".join([*noisy, *numerics.calls.notes, *gradient.notes]),
        gradient_calls=gradient.count + recheck.gradient_calls,
        generic_point=_offered(parameters, point)
        if verdict == Verdict.UNDECIDED or any(NEARBY in block.note for block in blocks)
        else None,
    )


def _nearby(parameters: Parameters) -> Iterator[Parameters]:
    """Yield a generic point nearby, first in extended precision."""
    yield parameters.generic_nearby().widened()
    yield parameters.generic_nearby()


def _offered(parameters: Parameters, point: Parameters | None) -> Any:
    return parameters.rebuild([array.astype(float) for array in (point or parameters.generic_nearby()).arrays])


def _pair(result: object) -> Sequence[object]:
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise ArgumentError("without a gradients function the cost must return (J, gradients)")
    return result
