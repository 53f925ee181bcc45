"""The pictures of a gradient check: what is drawn, what is refused, and that Matplotlib stays optional."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

import symbackprop as sb
from symbackprop.errors import ArgumentError, SymbackpropError
from symbackprop.render import plots

F = sb.derive(sb.home_network()).to_numpy()
DATA, WEIGHTS = sb.home_data(), sb.home_weights()


def right(**values):
    return dict(zip(F.parameters, F(**values)[1:], strict=True))


def wrong(**values):
    """One entry has the wrong sign."""
    gradients = {name: array.copy() for name, array in right(**values).items()}
    gradients["W1"][1, 2] *= -1
    return gradients


def line(ax, start):
    """Return the line whose label starts with the text."""
    return next(drawn for drawn in ax.lines if str(drawn.get_label()).startswith(start))


def frame(ax):
    """Return row and column of the cell with the frame."""
    (drawn,) = (drawn for drawn in ax.lines if to_hex(drawn.get_color()) == to_hex(plots._ORANGE))
    return np.mean(np.unique(drawn.get_ydata())), np.mean(np.unique(drawn.get_xdata()))


def digits(ax):
    return np.array(ax.images[0].get_array())


def painted(ax):
    """Check that the picture can be drawn, and that all text lies inside it."""
    FigureCanvasAgg(ax.figure).draw()
    outer = ax.figure.bbox
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts):
        inner = text.get_window_extent()
        assert outer.x0 <= inner.x0, text
        assert inner.x1 <= outer.x1, text
        assert outer.y0 <= inner.y0, text
        assert inner.y1 <= outer.y1, text
    return ax


def test_errors_over_steps_are_a_v_above_the_extrapolated_derivative():
    ax = painted(sb.plot_steps(F.cost, WEIGHTS, data=DATA, gradients=right))
    steps, errors = line(ax, "central").get_data()
    assert len(steps) == 60
    assert (steps[0], steps[-1]) == pytest.approx((1e-15, 1))
    bottom = np.argmin(errors)
    assert 1e-6 < steps[bottom] < 1e-3
    assert max(errors[0], errors[-1]) > 1e6 * errors[bottom]
    (step,), (error,) = line(ax, "extrapolated").get_data()
    assert 1e-6 < step < 0.03
    assert error < 10 * errors[bottom]
    assert f"± {error:.0e}" in ax.get_title()
    assert line(ax, "|ours − numeric|").get_ydata()[0] < 8 * error
    band = ax.patches[0]
    assert band.get_y() + band.get_height() == pytest.approx(error)
    assert [text.get_text() for text in ax.texts] == ["ε|J| / h", "∝ h²"]


def test_steps_by_default_are_those_of_the_largest_gradient():
    largest = np.unravel_index(np.argmax(np.abs(right(**WEIGHTS, **DATA)["W2"])), (3, 1))
    ax = sb.plot_steps(F.cost, WEIGHTS, name="W2", data=DATA)
    assert ax.get_title().startswith(f"∂J/∂W2[{largest[0]}, {largest[1]}] = ")
    assert all("ours" not in text.get_text() for text in ax.get_legend().get_texts())


def test_a_wrong_gradient_stands_far_above_the_error_bar():
    ax = painted(sb.plot_steps(F.cost, WEIGHTS, name="W1", index=(-1, 2), data=DATA, gradients=wrong))
    assert ax.get_title().startswith("∂J/∂W1[1, 2] = ")
    off = line(ax, "|ours − numeric|").get_ydata()[0]
    assert off == pytest.approx(2 * abs(right(**WEIGHTS, **DATA)["W1"][1, 2]))
    low, high = ax.get_ylim()
    assert low < line(ax, "extrapolated").get_ydata()[0] < off < high


@pytest.mark.parametrize(
    ("cost", "texts"),
    [
        (lambda x: float(x @ x), ["ε|J| / h"]),  # differences have no truncation error
        (lambda x: 0.0 * float(x[0]), []),  # nor any error at all
        (lambda x: float(np.sum(np.log(x))), ["ε|J| / h", "∝ h²"]),  # none at large steps
        (lambda x: float(np.sum(np.maximum(x - 0.0999, 0))), ["ε|J| / h"]),  # beyond the kink, no law
    ],
    ids=["square", "constant", "logarithm", "kink"],
)
def test_costs_without_a_whole_v(cost, texts):
    ax = painted(sb.plot_steps(cost, np.array([0.1, 0.2]), index=0))
    assert [text.get_text() for text in ax.texts] == texts
    low, high = ax.get_ylim()
    errors = line(ax, "central").get_ydata()
    assert low < np.nanmin(errors) <= np.nanmax(errors) < high


def test_steps_are_relative_to_the_entry():
    ax = sb.plot_steps(lambda x: float(np.sin(x / 1e3)), np.array(5e3), gradients=lambda x: np.cos(x / 1e3) / 1e3)
    assert ax.get_title().startswith("∂J/∂x = 0.000283662")
    assert ax.get_xlim() == pytest.approx((5e-12, 5e3))


def test_a_right_gradient_agrees_in_every_cell():
    ax = painted(sb.plot_disagreement(F.cost, right, WEIGHTS, data=DATA))
    assert digits(ax).min() > 10
    assert [float(text.get_text()) for text in ax.texts] == pytest.approx(digits(ax).ravel(), abs=0.051)


def test_the_wrong_entry_is_framed_and_named():
    ax = painted(sb.plot_disagreement(F.cost, wrong, WEIGHTS, data=DATA))
    value = right(**WEIGHTS, **DATA)["W1"][1, 2]
    title = ax.get_title().splitlines()
    assert title[0] == "least agreement: W1[1, 2]"
    assert title[1].startswith(f"ours {-value:.9g}, numeric {value:.9g} ± ")
    assert frame(ax) == (1, 2)
    seen = digits(ax)
    assert seen.shape == (2, 3)
    assert seen[1, 2] < 1
    assert np.delete(seen.ravel(), 5).min() > 10
    assert ax.figure.axes[1].get_ylabel() == "digits in which ours and numeric agree"


def test_the_named_parameter_is_drawn_and_not_the_worst():
    ax = sb.plot_disagreement(F.cost, wrong, WEIGHTS, name="W2", data=DATA)
    assert "W2" in ax.get_title()
    assert digits(ax).shape == (3, 1)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_agrees_in_no_digit(bad):
    def gradients(x):
        return np.where(np.arange(20) == 13, bad, np.exp(x))

    ax = painted(sb.plot_disagreement(lambda x: np.sum(np.exp(x)), gradients, np.linspace(0, 1, 20)))
    assert digits(ax)[0, 13] == 0
    assert np.delete(digits(ax), 13).min() > 10
    assert frame(ax) == (0, 13)
    assert not ax.texts  # there is no room for numbers


def test_zero_agrees_with_what_is_only_rounding():
    def cost(x):
        return np.exp(x[0] + x[1]) / (np.exp(x[0]) * np.exp(x[1]))

    ax = painted(sb.plot_disagreement(cost, np.zeros_like, np.array([1.3, 2.1])))
    assert digits(ax).min() > 3


@pytest.mark.parametrize(("shape", "drawn"), [((), (1, 1)), ((4,), (1, 4)), ((30, 2), (30, 2))])
def test_every_shape_of_up_to_two_dimensions(shape, drawn):
    ax = painted(sb.plot_disagreement(lambda x: np.sum(np.exp(x)), np.exp, np.zeros(shape)))
    assert digits(ax).shape == drawn
    ticks = [tick for axis in (ax.xaxis, ax.yaxis) for tick in axis.get_majorticklocs()]
    assert all(float(tick).is_integer() for tick in ticks)


def test_parameters_in_a_list_are_found_by_their_position():
    params = [np.array([1.0, 2.0]), np.array([[3.0]])]

    def cost(a, b):
        return np.sum(np.exp(a)) * np.sum(b**2)

    for name in (1, "[1]"):
        assert sb.plot_steps(cost, params, name=name).get_title().startswith("∂J/∂params[1][0, 0] = ")


def test_both_draw_on_given_axes():
    steps, cells = Figure(figsize=(14, 5)).subplots(1, 2)
    assert sb.plot_steps(F.cost, WEIGHTS, data=DATA, ax=steps) is steps
    assert sb.plot_disagreement(F.cost, wrong, WEIGHTS, data=DATA, ax=cells) is cells
    assert steps.figure is cells.figure


def exp(x):
    return np.sum(np.exp(x))


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: sb.plot_steps(F.cost, WEIGHTS, data=DATA, name="w2"), "there is no parameter w2; did you mean W2?"),
        (lambda: sb.plot_steps(exp, np.ones((2, 3)), index=(2, 0)), r"x is 2×3: it has no entry \(2, 0\)"),
        (lambda: sb.plot_steps(exp, np.ones((2, 3)), index=1), "x is 2×3: it has no entry 1"),
        (lambda: sb.plot_steps(exp, np.ones(3), index=(1.0,)), r"x is 3: it has no entry \(1.0,\)"),
        (lambda: sb.plot_steps(exp, np.ones((51, 50))), "2550 entries are too many .* say which one with index="),
        (lambda: sb.plot_steps(exp, np.ones((0, 3))), "x has no entries"),
        (lambda: sb.plot_steps(lambda x: np.nan, np.ones(3)), "the cost is nan at this point"),
        (
            lambda: sb.plot_steps(exp, np.ones(3), gradients=lambda x: x * np.nan),
            r"∂J/∂x\[0\] is not finite: .* in the gradient nan",
        ),
        (lambda: sb.plot_steps(exp, np.ones(3), gradients=np.ones(3)), "gradients must be a function, not ndarray"),
        (lambda: sb.plot_steps("cost", np.ones(3)), "cost must be a function, not str"),
        (lambda: sb.plot_disagreement(exp, np.exp, np.ones((51, 50))), "2550 entries are too many .*name="),
        (lambda: sb.plot_disagreement(exp, np.exp, np.ones((2, 3, 4))), "x is 2×3×4: only parameters of one or two"),
        (
            lambda: sb.plot_disagreement(exp, lambda x: x.T, np.ones((2, 3))),
            "the gradient with respect to x is 3×2, not 2×3",
        ),
        (lambda: sb.plot_disagreement(exp, None, np.ones(3)), "gradients must be a function, not NoneType"),
    ],
)
def test_what_cannot_be_drawn(draw, message):
    with pytest.raises(ArgumentError, match=message):
        draw()


def test_without_matplotlib_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in (lambda: sb.plot_steps(exp, np.ones(3)), lambda: sb.plot_disagreement(exp, np.exp, np.ones(3))):
        with pytest.raises(SymbackpropError, match=r"pip install 'symbackprop\[plot\]'"):
            draw()


def test_matplotlib_is_imported_only_to_draw_and_pyplot_never():
    code = """
import sys, numpy as np, symbackprop as sb
sb.derive(sb.mlp([2, 3, 1])), sb.plot_steps, sb.check_gradients
assert "matplotlib" not in sys.modules
sb.plot_steps(lambda x: np.sum(np.exp(x)), np.ones(2))
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
