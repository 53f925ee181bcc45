"""Plots of gradient checks: the error of finite differences over their step, and the entries that disagree.

They use only Matplotlib's figures: no window opens, and the state of pyplot does not change.
"""

import math
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from symbackprop.errors import ArgumentError, SymbackpropError, shape_text
from symbackprop.gradcheck.finite_differences import NumericDerivative
from symbackprop.render.plot_data import CostDerivatives, Index

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STEPS = np.logspace(-15, 0, 60)  # relative to the size of the entry
_DIGITS = 16  # of a double
_HEADROOM = 0.25  # of the height, for the legend
_NOTHING = 1e-8  # a gradient below this fraction of the cost is 0 up to rounding
_ROOMY = 12  # rows or columns, up to which a cell has room for a number
_ELONGATED = 4  # the ratio of rows to columns from which cells are not square
_BLUE, _ORANGE, _GREEN, _GREY = "#0072B2", "#D55E00", "#007E5B", "#666666"  # distinct to colour-blind people


def plot_steps(
    cost: Callable[..., Any],
    params: Any,
    *,
    name: str | int | None = None,
    index: int | Index | None = None,
    data: Mapping[str, Any] | None = None,
    gradients: Callable[..., Any] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Plot the error of central differences with respect to one entry over their step.

    The error is due to rounding for small steps, and to truncation for large ones. The plot also shows the smallest
    step from which a check extrapolates, and its error bar.

    Args:
        cost: a function that returns the cost.
        params: as for `check_gradients`.
        name: the parameter, or its position; by default the first one.
        index: the entry of the parameter; by default the one with the largest gradient.
        data: fixed keyword arguments of every call.
        gradients: a function that returns the gradients in the structure of `params`; their error is drawn too.
        ax: Matplotlib axes to draw on; by default new ones.

    Raises:
        ArgumentError: there is no such parameter or entry, or no finite derivative with respect to it.
        SymbackpropError: the package Matplotlib is missing; `symbackprop[plot]` installs it.

    >>> import numpy as np
    >>> plot_steps(lambda x: np.sum(np.exp(x)), np.array([0.0, 1.0])).get_title()[:18]
    '∂J/∂x[1] = 2.71828'
    """
    ax = _axes() if ax is None else ax
    derivatives = CostDerivatives(cost, params, data)
    block = 0 if name is None else derivatives.position(name)
    entry = derivatives.steepest(block) if index is None else derivatives.entry(block, index)
    place, numeric = derivatives.place(block, entry), derivatives.derivative(block, entry)
    ours = numeric.value if gradients is None else float(derivatives.ours(gradients)[block][entry])
    if not math.isfinite(numeric.value) or not math.isfinite(ours):
        raise ArgumentError(f"∂J/∂{place} is not finite: numerically {numeric.value:g}, and in the gradient {ours:g}")
    steps = _STEPS * derivatives.size(block, entry)
    errors = np.array([abs(derivatives.difference(block, entry, step) - numeric.value) for step in steps])
    least = derivatives.epsilon * (abs(numeric.value) or derivatives.epsilon * derivatives.cost or derivatives.epsilon)
    errors = np.maximum(np.where(np.isfinite(errors), errors, np.nan), least)  # a logarithmic scale cannot show 0
    _draw_steps(ax, steps, errors, numeric, derivatives.epsilon * derivatives.cost)
    low, high = np.nanmin([*errors, numeric.error or np.nan]), np.nanmax(errors)
    if gradients is not None:
        off = abs(ours - numeric.value)
        low, high = min(low, max(off, least)), max(high, off)
        ax.axhline(max(off, least), color=_ORANGE, linestyle="--", label=f"|ours − numeric| = {off:.1e}")
    low, high = low / 10, high * 10
    ax.set(xlim=(steps[0], steps[-1]), ylim=(low, high * (high / low) ** _HEADROOM))
    ax.set(xlabel="step h", ylabel="|difference − derivative|")
    ax.set_title(f"∂J/∂{place} = {numeric.value:.9g} ± {numeric.error:.0e}", fontsize="medium")
    ax.legend(loc="upper center", fontsize="small", framealpha=1)
    return ax


def _draw_steps(ax: "Axes", steps: np.ndarray, errors: np.ndarray, numeric: NumericDerivative, rounding: float) -> None:
    """Draw the errors, which form a V, their rounding and truncation parts, and the result of extrapolation."""
    ax.loglog(steps, errors, color=_BLUE, marker=".", label="central difference over the step h")
    beside: dict[str, Any] = {"textcoords": "offset points", "color": _GREY, "fontsize": "small"}
    label = f"extrapolated from h ≥ {numeric.step:.0e}: ± {numeric.error:.0e}"
    if rounding > 0:
        h = steps[len(steps) // 4]
        ax.plot(steps, rounding / steps, color=_GREY, linewidth=0.8)
        ax.annotate("ε|J| / h", (h, rounding / h), (8, 4), **beside)
    constants = (errors / steps**2)[(steps >= numeric.step) & (steps <= 10 * numeric.step)]
    if constants.size and np.max(constants) < 3 * np.min(constants):  # not near a kink, nor for a quadratic cost
        h, constant = 10 * numeric.step, np.median(constants)
        ax.plot(steps, constant * steps**2, color=_GREY, linewidth=0.8)
        ax.annotate("∝ h²", (h, constant * h**2), (-8, 4), ha="right", **beside)
    if 0 < numeric.error < math.inf:
        plain = np.interp(numeric.step, steps, errors)
        ax.axhspan(0, numeric.error, color=_GREEN, alpha=0.15, linewidth=0)
        ax.plot([numeric.step] * 2, [plain, numeric.error], color=_GREEN, linestyle=":")
        ax.plot(numeric.step, numeric.error, color=_GREEN, marker="D", linestyle="none", label=label)


def plot_disagreement(
    cost: Callable[..., Any],
    gradients: Callable[..., Any],
    params: Any,
    *,
    name: str | int | None = None,
    data: Mapping[str, Any] | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Plot the number of digits in which each entry of a gradient agrees with the numerical gradient.

    Digits are relative to the largest entry of the parameter's gradients: −log₁₀(|ours − numeric| / largest). The
    worst entry has a frame, and the title names it.

    Args:
        cost: a function that returns the cost.
        gradients: a function that returns the gradients in the structure of `params`.
        params: as for `check_gradients`.
        name: the parameter, or its position; by default the one with the largest disagreement.
        data: fixed keyword arguments of every call.
        ax: Matplotlib axes to draw on; by default new ones.

    Raises:
        ArgumentError: parameters have more than two dimensions or 2500 entries, or a gradient has another shape.
        SymbackpropError: the package Matplotlib is missing; `symbackprop[plot]` installs it.

    >>> import numpy as np
    >>> wrong = lambda x: 2 * x * [1, -1, 1]
    >>> plot_disagreement(lambda x: np.sum(x**2), wrong, np.array([0.5, 1.0, 2.0])).get_title().splitlines()[0]
    'least agreement: x[1]'
    """
    ax = _axes() if ax is None else ax
    derivatives = CostDerivatives(cost, params, data)
    blocks = range(len(derivatives.arrays)) if name is None else [derivatives.position(name)]
    for block in blocks:
        if derivatives.arrays[block].ndim > 2:
            shape = f"{derivatives.place(block)} is {shape_text(derivatives.arrays[block].shape)}"
            raise ArgumentError(f"{shape}: only parameters of one or two dimensions can be drawn (name=…)")
    entries = derivatives.entries(blocks, "draw one parameter (name=…), or a part of one")
    ours = derivatives.ours(gradients)
    numeric = {block: [derivatives.derivative(block, entry) for entry in entries[block]] for block in blocks}
    off = {block: _relative(ours[block], numeric[block], _NOTHING * derivatives.cost) for block in blocks}
    block = max(blocks, key=lambda block: np.max(off[block]))
    worst = int(np.argmax(off[block]))
    _draw_cells(ax, np.atleast_2d(off[block]), worst)
    place, one, other = derivatives.place(block, entries[block][worst]), ours[block].flat[worst], numeric[block][worst]
    values = f"ours {one:.9g}, numeric {other.value:.9g} ± {other.error:.0e}"
    ax.set_title(f"least agreement: {place}\n{values}", fontsize="medium")
    return ax


def _relative(ours: np.ndarray, numeric: list[NumericDerivative], least: float) -> np.ndarray:
    """Return the error of each entry relative to the largest entry; infinite if a value is not finite."""
    sizes = np.abs([*ours.flat, *(derivative.value for derivative in numeric)])
    largest = np.max(sizes[np.isfinite(sizes)], initial=least) or 1.0
    off = np.array([abs(one - other.value) for one, other in zip(ours.flat, numeric, strict=True)])
    return np.where(np.isfinite(off), off / largest, np.inf).reshape(ours.shape)


def _draw_cells(ax: "Axes", off: np.ndarray, worst: int) -> None:
    """Draw a cell for each entry, and a frame around the worst one."""
    digits = np.clip(-np.log10(np.maximum(off, 10.0**-_DIGITS)), 0, _DIGITS)
    rows, columns = digits.shape
    square = max(rows, columns) < _ELONGATED * min(rows, columns)
    image = ax.imshow(digits, cmap="cividis", vmin=0, vmax=_DIGITS, aspect="equal" if square else "auto")
    ax.figure.colorbar(image, ax=ax, label="digits in which ours and numeric agree")
    if max(rows, columns) <= _ROOMY:
        for (row, column), value in np.ndenumerate(digits):
            ax.text(column, row, f"{value:.1f}", ha="center", va="center", color="wk"[int(value > _DIGITS / 2)])
    row, column = divmod(worst, columns)
    frame = np.array([-0.5, 0.5, 0.5, -0.5, -0.5])
    ax.plot(column + frame, row + np.roll(frame, 1), color=_ORANGE, linewidth=3, clip_on=False)
    ax.locator_params(integer=True, min_n_ticks=1)
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), xlabel="column", ylabel="row")


def _axes() -> "Axes":
    try:
        figure = import_module("matplotlib.figure").Figure((7.2, 4.8), layout="compressed")
    except ImportError:
        raise SymbackpropError("a picture needs the package matplotlib: pip install 'symbackprop[plot]'") from None
    return figure.add_subplot()
