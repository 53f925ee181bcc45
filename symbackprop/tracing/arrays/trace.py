"""Runs of the user's functions on placeholder arrays, which give the network and the formulas of the gradient."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from sympy import Symbol

from symbackprop.backprop.rules import rule_for
from symbackprop.errors import ArgumentError, NameInUseError, SymbackpropError
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import LEAVES, NamedMatrix, is_name, postorder
from symbackprop.expressions.operations import AtLargest
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import Network
from symbackprop.tracing.arguments import ArgumentSpec, network_name
from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.array import TracedArray, reshaped
from symbackprop.tracing.arrays.graph import ExpressionWriter, TracedNode, TraceGraph, in_topological_order
from symbackprop.tracing.arrays.names import CodeLine, VariableNames, free_name
from symbackprop.tracing.arrays.numpy_functions import FUNCTIONS, PlaceholderNumpy
from symbackprop.tracing.arrays.products import Labels
from symbackprop.tracing.arrays.run import CLIP, TraceRun, holds_placeholder
from symbackprop.tracing.calls import UserCode
from symbackprop.tracing.outcome import computed, computed_cost
from symbackprop.tracing.patching import float_keeping, placeholders_in_place, sum_with
from symbackprop.tracing.randomness import tolerant
from symbackprop.tracing.sampling import SamplePoint
from symbackprop.tracing.sizes import PRIMES, Sizes
from symbackprop.tracing.untraceable import NumberNeeded, RandomNumbers, Untraceable, failures_as_untraceable

_LARGE = 8  # operations of a quantity that gets a name where it is used more than once


@dataclass(frozen=True)
class NamedQuantity:
    """A quantity in the gradient code: its name, and its expression in terms of the network and earlier quantities."""

    name: str
    symbol: Expression
    expression: Expression


@dataclass(frozen=True)
class TracedNetwork:
    """The code as formulas: the network, the code's other quantities in order, and the gradients in terms of both."""

    network: Network
    quantities: tuple[NamedQuantity, ...] = ()
    gradients: Mapping[str, Expression] | None = None
    problem: str = ""  # why there are no gradients
    general: bool = True  # it holds for all sizes, and whichever branches are taken
    notes: tuple[str, ...] = ()
    lines: Mapping[str, CodeLine] = field(default_factory=dict)  # of each of these quantities and gradients, by name


def trace(
    code: UserCode,
    spec: ArgumentSpec,
    *,
    gradient: bool = True,
    point: SamplePoint | None = None,
    ignored: frozenset[str] = frozenset({CLIP}),
    primes: Sequence[int] = PRIMES,
) -> TracedNetwork:
    """Return the code as formulas, by running it on placeholders; at a `point`, values decide branches.

    The guards in `ignored`, such as np.clip(p, 1e-8, 1), are omitted; `primes` tell the sizes apart.

    Raises Untraceable if an operation in the cost is impossible for arrays without numbers.
    """
    traced = partial(_traced, code, spec, point, gradient=gradient, ignored=ignored, primes=primes)
    try:
        return tolerant(code, spec, point, partial(traced, builtin={}))
    except NumberNeeded:
        return tolerant(code, spec, point, partial(traced, builtin={"float": float_keeping(TracedArray, float)}))


def _traced(
    code: UserCode,
    spec: ArgumentSpec,
    point: SamplePoint | None,
    *,
    gradient: bool,
    ignored: frozenset[str],
    primes: Sequence[int],
    builtin: Mapping[str, object],
) -> TracedNetwork:
    sizes = Sizes(spec.every_shape, None if point is None else point.sizes, primes)
    network = spec.declared(sizes)
    known = None if point is None else point.symbols(network, spec)
    run = TraceRun(sizes, TraceGraph(), FUNCTIONS, known, ignored=ignored)
    arrays = {name: _argument(run, network, spec, name) for name in spec.every_shape}
    python_sum = sum_with(lambda rows, start: rows.sum(axis=0) + start, lambda value: isinstance(value, TracedArray))
    replacement = PlaceholderNumpy(run).replacement
    with (
        placeholders_in_place(code.functions, replacement, {**builtin, "sum": python_sum}) as spaces,
        (names := VariableNames(spaces)).noted(),
    ):
        cost, gradients, problem = _run(code, arrays, spec, gradient)
    root = _as_number(run, cost)
    equations = _define_equations(network, root, names.of(in_topological_order([root])))
    network = _without_unused(network, spec.declared(sizes))
    summed = root.rank != 0 or root is not run.node(cost)
    notes = ("the cost is the sum of the entries that are returned",) * summed
    notes += ("branches were followed as the numbers of a point decide them",) * bool(run.conditions)
    general = point is None
    if gradients is None:
        return TracedNetwork(network, problem=problem, notes=notes, general=general)
    kept = {node: symbol for node, symbol in equations.items() if str(symbol.name) in network.symbols}
    quantities, written, lines = _gradient_formulas(network, gradients, kept, names)
    return TracedNetwork(network, quantities, written, notes=notes, general=general, lines=lines)


def _argument(run: TraceRun, network: Network, spec: ArgumentSpec, name: str) -> TracedArray:
    symbol, shape = network[network_name(name)], spec.every_shape[name]
    if name in spec.labels:
        return Labels(run, run.graph.leaf(symbol, len(symbol.shape)))
    if is_matrix(symbol) and not shape:  # a parameter that is a number
        return TracedArray(run, run.graph.leaf(symbol, 2)).made(op.only_entry, rank=0)
    return TracedArray(run, run.graph.leaf(symbol, len(shape)))


def _run(
    code: UserCode, arrays: Mapping[str, TracedArray], spec: ArgumentSpec, gradient: bool
) -> tuple[object, dict[str, TracedNode] | None, str]:
    """Return the cost, and the gradients or the reason why there are none."""
    try:
        with failures_as_untraceable():
            cost = _asked(lambda: computed_cost(code, spec, arrays))
    except Untraceable as reason:
        raise type(reason)(f"in the cost, {reason}") from None
    if not gradient:
        return cost, None, ""
    try:
        with failures_as_untraceable():
            found = _asked(lambda: computed(code, spec, arrays)[1])
        return cost, {network_name(n): _fitting(arrays[n], _signed(found[n], spec)) for n in spec.wrt}, ""
    except RandomNumbers:
        raise
    except Untraceable as reason:
        return cost, None, f"in the gradient, {reason}"


def _asked(read: Callable[[], Any]) -> Any:
    """Return what is read; a question about it is asked when the code runs on numbers."""
    try:
        return read()
    except ArgumentError as question:
        raise Untraceable(str(question)) from None


def _signed(gradient: Any, spec: ArgumentSpec) -> Any:
    """Return the gradient, or minus it where the gradients are meant to be those of −J."""
    return gradient if spec.sign > 0 else np.multiply(-1, gradient)


def _fitting(parameter: TracedArray, gradient: object) -> TracedNode:
    """Return the gradient in the shape of the parameter's matrix, or unchanged if its size is wrong."""
    array = TracedArray(parameter.run, parameter.run.node(gradient))
    if not parameter.ndim:
        return array.reshape(1, 1).node if array.size == 1 else array.node
    try:
        return reshaped(array, parameter.shape).node
    except Untraceable:
        return array.node


def _as_number(run: TraceRun, cost: object) -> TracedNode:
    """Return the node of the cost as a scalar, the sum of its entries."""
    if not holds_placeholder(cost):
        raise Untraceable(
            "the cost does not depend on its arguments: it is computed outside of NumPy, or from other arrays"
        )
    array = TracedArray(run, run.node(cost))
    return array.made(op.only_entry, rank=0).node if array.ndim else array.node


# The network


def _define_equations(
    network: Network, root: TracedNode, labels: Mapping[TracedNode, str]
) -> dict[TracedNode, Expression]:
    """Define the equations of the network, and return the symbol of each node that has an equation."""
    nodes = in_topological_order([root])
    cost_name = next((n for n in (labels.get(root), "J") if n and len(n) < 6), "J")
    writer = ExpressionWriter({})
    for node, name in _chosen_names(nodes, {n: label for n, label in labels.items() if n is not root}).items():
        writer.name(node, _defined(network, name, writer.expression(node)))
    cost = writer.expression(root)
    _under_free_name((cost_name, "J", "cost", "C"), lambda name: network.minimize(name, cost))
    return writer.names


def _without_unused(network: Network, fresh: Network) -> Network:
    """Return a fresh network with the same arguments, and with only the equations that the cost needs."""
    used = {network.cost.symbol, *network.cost.expression.free_symbols}
    for equation in reversed(network.equations):
        if equation.symbol in used:
            used |= equation.expression.free_symbols
    for equation in network.equations:
        if equation.symbol in used:
            fresh.define(equation.name, equation.expression)
    fresh.minimize(network.cost.name, network.cost.expression)
    return fresh


def _chosen_names(nodes: Sequence[TracedNode], labels: Mapping[TracedNode, str]) -> dict[TracedNode, str]:
    """Return names for the nodes that get an equation: labelled nodes, and large nodes that are used repeatedly."""
    uses = Counter(part for node in nodes for part in set(node.parts))
    large: dict[TracedNode, int] = {}
    fresh = (f"q{k}" for k in count(1))
    chosen: dict[TracedNode, str] = {}
    for node in nodes:
        own = node.operation is not None
        large[node] = own + sum(large[part] for part in set(node.parts) if part not in chosen)
        if node in labels:
            chosen[node] = labels[node]
        elif large[node] > 40 or (uses[node] > 1 and large[node] > _LARGE):
            chosen[node] = next(fresh)
    return chosen


def _defined(network: Network, name: str, expression: Expression) -> Expression:
    if getattr(expression, "is_symbol", False):
        return expression  # another name for the same
    names = (name, *(f"{name}_{k}" for k in range(1, 99)), *(f"q{k}" for k in range(1, 999)))
    return _under_free_name(names, lambda n: network.define(n, expression))


def _under_free_name(names: Iterable[str], define: Callable[[str], Expression]) -> Expression:
    """Define a quantity under the first name that is not taken, and return its symbol."""
    for name in names:
        try:
            return define(name)
        except NameInUseError:
            continue
        except SymbackpropError as error:
            raise Untraceable(str(error)) from None
    raise Untraceable(f"all names for a quantity are taken: {', '.join(names)}")


# The gradient


def _gradient_formulas(
    network: Network,
    gradients: Mapping[str, TracedNode],
    equations: Mapping[TracedNode, Expression],
    names: VariableNames,
) -> tuple[tuple[NamedQuantity, ...], dict[str, Expression], dict[str, CodeLine]]:
    """Return the quantities in the gradient code, the gradients as formulas in terms of them, and the line of each."""
    nodes = in_topological_order(gradients.values())
    labels = names.of(nodes)
    writer = ExpressionWriter(equations)
    taken = {*network.symbols}
    found = []
    places = dict(gradients)
    for node, name in _chosen_names(nodes, labels).items():
        if node in equations:
            continue
        label = free_name(name, taken, 1)
        taken.add(label)
        expression = _computable(writer.expression(node))
        symbol = NamedMatrix(f"{label}", *expression.shape) if is_matrix(expression) else Symbol(label, real=True)
        writer.name(node, symbol)
        found.append(NamedQuantity(label, symbol, expression))
        places[label] = node
    written = {name: writer.names.get(node) or _computable(writer.expression(node)) for name, node in gradients.items()}
    lines = {name: line for name, node in places.items() if (line := names.line_of(node)) is not None}
    return tuple(found), written, lines


def _computable(expression: Expression) -> Expression:
    """Return the expression; raise Untraceable if networks do not support one of its operations."""
    for piece in postorder(expression):
        known = is_name(piece) or piece.is_number or isinstance(piece, LEAVES) or rule_for(piece) is not None
        if not known and not isinstance(piece, AtLargest):
            raise Untraceable(f"a network has no operation {type(piece).__name__}")
    return expression
