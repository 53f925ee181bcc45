"""Comparison of the code's gradient with the derived one: exactly, and for the first quantity that differs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from symbackprop.backprop.engine import backpropagate
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.operations import Elementwise, Largest
from symbackprop.mistakes.contributions import PassAtPoint
from symbackprop.network.network import Network
from symbackprop.printing.text import text
from symbackprop.prove.calculus import Calculus
from symbackprop.prove.index_form import NoIndexForm
from symbackprop.prove.use_counts import Recount
from symbackprop.tracing.arrays.trace import TracedNetwork

OF_A_PARAMETER = "the gradient with respect to "
_AGREE = 40  # digits
_NEARLY = 11  # digits, where the code has rounded numbers
_NEAR = 1e-20
_MOST_PROVED = 40  # quantities of the code


@dataclass(frozen=True)
class FirstDifference:
    """The first quantity in the code that differs from the derivation, and the right formula."""

    name: str
    formula: str
    right: str
    what: str = ""  # ∂J/∂z2

    def __str__(self) -> str:
        about = f", which should be {self.what}" if self.what and self.what != self.name else ""
        return f"{self.name} = {self.formula}{about}; right is {self.right}"


@dataclass(frozen=True)
class ExactComparison:
    """The gradients that equal the derived ones at a point in arbitrary precision, or by a proof for all sizes."""

    right: Mapping[str, bool]
    opposite: Mapping[str, bool]
    where: str
    proved: bool = False
    at_a_kink: bool = False
    near: bool = False  # equal up to the rounding of numbers in the code

    @property
    def all_right(self) -> bool:
        """True if each gradient equals the derived one."""
        return all(self.right.values())


def compare_exactly(trace: TracedNetwork, at: PassAtPoint) -> ExactComparison:
    """Return the comparison of the code's gradients with the derived ones, at a point in arbitrary precision."""
    network = trace.network
    values = _values_of(trace, at)
    gradients = at.gradients(at.right)
    claimed = traced_gradients(trace, at)
    right = {name: _same(claimed[name], gradients[name], _AGREE) for name in claimed}
    opposite = {name: _same(-claimed[name], gradients[name], _AGREE) for name in claimed}
    at_a_kink = _is_at_a_kink(values)
    sizes = ", ".join(f"{d}={at.evaluation.size(d)}" for d in network.dimensions)
    where = f"to {_AGREE} digits at a random point" + (f" of {sizes}" if sizes else "")
    proved = trace.general and all(right.values()) and _is_proved(trace)
    near = all(_same(claimed[name], gradients[name], _NEARLY) for name in claimed)
    return ExactComparison(right, opposite, where, proved, at_a_kink, near)


def has_kinks(trace: TracedNetwork) -> bool:
    """Return True if the network or the gradient contains a function with a kink, such as relu."""
    expressions = [e.expression for e in (*trace.network.equations, trace.network.cost)]
    expressions += [q.expression for q in trace.quantities] + list((trace.gradients or {}).values())
    nodes = (node for expression in expressions for node in postorder(expression))
    return any(_kinks(node) or isinstance(node, Largest) for node in nodes)


def _kinks(node: Expression) -> Iterable[Expression]:
    return node.function.row.kinks if isinstance(node, Elementwise | Applied) else ()


def branches(trace: TracedNetwork, at: PassAtPoint) -> set[tuple[Expression, bool]]:
    """Return the functions with a kink, each with the sides of it on which their arguments lie at a point."""
    values = _values_of(trace, at)
    return {
        (node, bool(entry > int(kink)))
        for node in values
        for kink in _kinks(node)
        for entry in np.ravel(values[node.args[1]])
    }


def _is_at_a_kink(values: Mapping[Expression, np.ndarray]) -> bool:
    """Return True if a function is evaluated at its kink, as relu at an entry that is always 0."""
    return any(
        abs(entry - int(kink)) < _NEAR
        for node in values
        for kink in _kinks(node)
        for entry in np.ravel(values[node.args[1]])
    )


def traced_gradients(trace: TracedNetwork, at: PassAtPoint) -> dict[str, np.ndarray]:
    """Return the values of the formulas that the code computes for the gradients."""
    values = _values_of(trace, at)
    with np.errstate(all="ignore"):
        return {name: at.evaluation.value(g, values, at.how) for name, g in (trace.gradients or {}).items()}


def _values_of(trace: TracedNetwork, at: PassAtPoint) -> dict[Expression, np.ndarray]:
    """Return the values of the network's quantities, and of the quantities that only the code has."""
    values = dict(at.values)
    for quantity in trace.quantities:
        with np.errstate(all="ignore"):
            values[quantity.symbol] = at.evaluation.value(quantity.expression, values, at.how)
    return values


def _same(one: np.ndarray, other: np.ndarray, digits: int) -> bool:
    """Return True if two arrays agree to this number of digits, relative to their largest entry."""
    one, other = np.asarray(one), np.asarray(other)
    if one.shape != other.shape:
        return False
    scale = max((abs(x) for x in (*one.ravel(), *other.ravel())), default=0)
    return all(abs(x - y) <= scale * 10.0**-digits for x, y in zip(one.ravel(), other.ravel(), strict=True))


def _is_proved(trace: TracedNetwork) -> bool:
    """Return True if index calculus proves that the gradients are equal for all sizes."""
    if len(trace.quantities) > _MOST_PROVED:
        return False
    tape = backpropagate(trace.network, list(trace.gradients or {}))
    known: dict[Expression, Expression] = {adjoint.symbol: adjoint.expression for adjoint in tape.adjoints}
    known |= {quantity.symbol: quantity.expression for quantity in trace.quantities}
    recount = Recount(trace.network)
    try:
        return all(
            Calculus(recount, parameter, known).same(
                (trace.gradients or {})[str(parameter.name)], tape.gradients[str(parameter.name)]
            )
            for parameter in tape.wrt
        )
    except (NoIndexForm, ValueError):
        return False


def first_difference(
    trace: TracedNetwork, at: PassAtPoint, mistaken: Mapping[Expression, np.ndarray] | None
) -> FirstDifference | None:
    """Return the first quantity in the gradient code that has the value of the mistake instead of the right one, or
    None.

    Args:
        trace: the code as formulas.
        at: the backward pass at a point.
        mistaken: ∂J/∂v for every v, computed with the mistake that explains the gradients.
    """
    values = _values_of(trace, at)
    changed = {
        node: adjoint
        for node, adjoint in (mistaken or {}).items()
        if node in at.right and not _is_like(adjoint, at.right[node])
    }
    for quantity in trace.quantities:
        value = values[quantity.symbol]
        is_right = any(_is_like(value, right) for right in at.right.values())
        node = None if is_right else next((n for n, adjoint in changed.items() if _is_like(value, adjoint)), None)
        if node is not None:
            return FirstDifference(
                quantity.name, text(quantity.expression), _right(trace.network, at, node), _partial(trace.network, node)
            )
    return _gradient_that_differs(trace, at)


def _gradient_that_differs(trace: TracedNetwork, at: PassAtPoint) -> FirstDifference | None:
    """Return the first gradient that is wrong, in the order of the backward pass, or None."""
    own = {quantity.symbol: quantity for quantity in trace.quantities}
    claimed = traced_gradients(trace, at)
    for parameter in (node for node in at.right if node in at.backward.wrt and str(node.name) in claimed):
        value, right = claimed[str(parameter.name)], at.right[parameter]
        if np.shape(value) != np.shape(right) or not _is_like(value, right):
            gradient = (trace.gradients or {})[str(parameter.name)]
            quantity = own.get(gradient)
            name = quantity.name if quantity else f"{OF_A_PARAMETER}{parameter.name}"
            formula, what = text(quantity.expression if quantity else gradient), _partial(trace.network, parameter)
            return FirstDifference(name, formula, _right(trace.network, at, parameter), what)
    return None


def _partial(network: Network, node: Expression) -> str:
    return f"∂{network.cost.name}/∂{text(node)}"


def _right(network: Network, at: PassAtPoint, node: Expression) -> str:
    """Return the derived formula of ∂J/∂node as text, followed by the meanings of the adjoints in it."""
    tape = backpropagate(network, [str(p.name) for p in at.backward.wrt])
    adjoints = {adjoint.of: adjoint for adjoint in tape.adjoints}
    found: Expression | None = (
        adjoints[node].expression if node in adjoints else tape.gradients.get(str(getattr(node, "name", "")))
    )
    if found is None:
        return f"the derived {_partial(network, node)}"
    used = [adjoint for adjoint in tape.adjoints if adjoint.symbol in found.free_symbols]
    where = ", ".join(f"{text(adjoint.symbol)} = {_partial(network, adjoint.of)}" for adjoint in used)
    return text(found) + (f" with {where}" if where else "")


def _is_like(one: np.ndarray, other: np.ndarray) -> bool:
    """Return True if two arrays are equal up to rounding, possibly after a transposition."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    return any(
        form.shape == other.shape
        and bool(np.allclose(form, other, rtol=1e-7, atol=1e-12 * np.max(np.abs(other), initial=0)))
        for form in (one, one.T)
    )
