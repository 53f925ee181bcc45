"""Checks of Jacobian matrices and of diagonals of Hessians, as gradient checks of sums whose terms vary separately."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError
from symbackprop.gradcheck.check import check_gradients
from symbackprop.gradcheck.directional import numerical_gradient
from symbackprop.gradcheck.finite_differences import derivative
from symbackprop.gradcheck.parameters import Data, Parameters, Structure, UserFunction, require_callable, scalar_value
from symbackprop.gradcheck.report import GradientCheck
from symbackprop.gradcheck.rows import OfPoint, Point, as_one_gradient, diagonal_as_gradient

_STEP = 0.05  # first step of the outer differences, relative to the magnitude of an entry
_NOISE = 1e-11  # relative: the error of an inner derivative


def check_rows(residual: OfPoint, jacobian: OfPoint, point: Point, seed: int | None = None) -> GradientCheck:
    """Check a Jacobian against finite differences of the residuals.

    Args:
        residual: returns a vector of m residuals at a point.
        jacobian: returns, by name, an array of m rows in the shape of each parameter.
        point: the parameters by name.
        seed: see `check_gradients`.

    >>> check = check_rows(lambda p: p["x"] ** 2, lambda p: {"x": np.diag(2 * p["x"])}, {"x": np.array([1.0, 2.0])})
    >>> check.verdict
    <Verdict.RIGHT: 'right'>
    """
    return check_gradients(*as_one_gradient(residual, jacobian, point), seed=seed)


def check_diagonal(
    gradient: Callable[[np.ndarray], np.ndarray],
    diagonal: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    seed: int | None = None,
) -> GradientCheck:
    """Check the diagonal of a Hessian against finite differences of the gradient, entry by entry.

    >>> check_diagonal(lambda x: np.sin(x), lambda x: np.cos(x), np.array([0.3, 0.5])).verdict
    <Verdict.RIGHT: 'right'>
    """
    return check_gradients(
        *diagonal_as_gradient(
            lambda point: {"x": np.asarray(gradient(point["x"]))},
            lambda point: {"x": np.asarray(diagonal(point["x"]))},
            {"x": x},
        ),
        seed=seed,
    )


def numerical_hessian(
    cost: UserFunction, params: Structure, *, gradient: UserFunction | None = None, data: Data | None = None
) -> Any:
    """Return the second derivatives of a cost by extrapolated central differences.

    Args:
        cost: called as f(x), f(*arrays) or f(**arrays), for `params` that are an array, a sequence or a mapping.
        params: the point at which to differentiate; it is not changed.
        gradient: the gradient of the cost, if there is one to trust: differences of it are more precise.
        data: fixed keyword arguments of every call.

    Returns:
        For an array x, an array of the shape (*x.shape, *x.shape). For several parameters, the arrays by the names (or
        numbers) of both parameters: H["W"]["b"] has the shape (*W.shape, *b.shape).

    >>> import numpy as np
    >>> numerical_hessian(lambda x: x[0] ** 2 * x[1], np.array([1.0, 3.0])).round(6)
    array([[6., 2.],
           [2., 0.]])
    """
    require_callable("cost", cost)
    parameters = Parameters.of(params, data)
    if sum(array.size for array in parameters.arrays) > _MOST:
        raise ArgumentError(f"a Hessian of more than {_MOST}×{_MOST} second derivatives is not computed by differences")

    def slopes(arrays: list[np.ndarray]) -> list[np.ndarray]:
        point = parameters.rebuild(arrays)
        if gradient is not None:
            return parameters.aligned(parameters.call(gradient, arrays, parameters.data))
        return parameters.aligned(numerical_gradient(cost, point, data=data))

    scalar_value(parameters.call(cost, parameters.copies(), parameters.data))
    every = range(len(parameters.arrays))
    blocks = [[_second(slopes, parameters.arrays, i, j) for j in every] for i in every]
    if not isinstance(params, Mapping | tuple | list):
        return blocks[0][0]
    keys = list(params) if isinstance(params, Mapping) else list(range(len(parameters.arrays)))
    return {a: dict(zip(keys, row, strict=True)) for a, row in zip(keys, blocks, strict=True)}


_MOST = 200  # entries of all parameters


def _second(
    slopes: Callable[[list[np.ndarray]], list[np.ndarray]], arrays: list[np.ndarray], i: int, j: int
) -> np.ndarray:
    """Return the derivatives of the gradient with respect to parameter j along each entry of parameter i."""
    found = np.empty((*arrays[i].shape, *arrays[j].shape))
    for index in np.ndindex(arrays[i].shape):
        along = _along(slopes, arrays, i, index, j)
        size = max(abs(float(arrays[i][index])), 0.1)
        scale = float(np.max(np.abs(along(0.0)), initial=0.0)) * _NOISE
        for entry in np.ndindex(arrays[j].shape):
            found[(*index, *entry)] = derivative(_entry(along, entry), _STEP * size, noise=scale).value
    return found


def _along(
    slopes: Callable[[list[np.ndarray]], list[np.ndarray]],
    arrays: list[np.ndarray],
    i: int,
    index: tuple[int, ...],
    j: int,
) -> Callable[[float], np.ndarray]:
    known: dict[float, np.ndarray] = {}

    def along(t: float) -> np.ndarray:
        if t not in known:
            moved = [array.astype(float, copy=True) for array in arrays]
            moved[i][index] += t
            known[t] = slopes(moved)[j]
        return known[t]

    return along


def _entry(along: Callable[[float], np.ndarray], entry: tuple[int, ...]) -> Callable[[float], float]:
    return lambda t: float(along(t)[entry])
