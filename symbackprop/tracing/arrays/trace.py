"""A person's functions run on arrays without numbers: the network of the cost, and the formulas of the gradient."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from sympy import Symbol

from symbackprop.backprop.rules import rule_for
from symbackprop.errors import NameInUseError, SymbackpropError
from symbackprop.expressions.matrices import LEAVES, NamedMatrix, is_name, postorder
from symbackprop.expressions.operations import AtLargest
from symbackprop.expressions.shapes import is_matrix
from symbackprop.network.network import Network
from symbackprop.tracing.arguments import Given, network_name
from symbackprop.tracing.arrays import indexing
from symbackprop.tracing.arrays import operations as op
from symbackprop.tracing.arrays.array import CLIP, NO_NUMBER, Array, Run, holds_array, reshaped
from symbackprop.tracing.arrays.graph import Graph, Node, needed, quantities
from symbackprop.tracing.arrays.names import Names
from symbackprop.tracing.arrays.numpy_functions import FUNCTIONS, Numpy
from symbackprop.tracing.arrays.products import Labels
from symbackprop.tracing.calls import Code
from symbackprop.tracing.patching import builtin_sum, standing_in
from symbackprop.tracing.returned import cost_in, gradients_in
from symbackprop.tracing.sampling import Drawn
from symbackprop.tracing.sizes import Sizes
from symbackprop.tracing.untraceable import Untraceable

_LARGE = 8  # operations of what gets a name where it is used more than once


@dataclass(frozen=True)
class Named:
    """A quantity of the gradient's code: its name, and what it is in terms of the network and of earlier ones."""

    name: str
    symbol: Any
    expression: Any


@dataclass(frozen=True)
class TracedNetwork:
    """What was read: the network, the code's own quantities in their order, and its gradients in terms of these."""

    network: Network
    quantities: tuple[Named, ...] = ()
    gradients: Mapping[str, Any] | None = None
    problem: str = ""  # why there are no gradients
    general: bool = True  # whether it holds for all sizes, and whichever branches are taken
    notes: tuple[str, ...] = ()


def trace(
    code: Code,
    given: Given,
    *,
    gradient: bool = True,
    point: Drawn | None = None,
    ignored: frozenset[str] = frozenset({CLIP}),
) -> TracedNetwork:
    """Run the code without numbers; at a point, dimensions are numbers, loops run, and the values decide what is done.

    What is `ignored` are guards, which have no part in a derivation.

    Raises Untraceable where the cost does what has no meaning for arrays without numbers.
    """
    try:
        return _traced(code, given, gradient, point, ignored=ignored)
    except Untraceable as reason:
        if NO_NUMBER not in str(reason):
            raise
    return _traced(code, given, gradient, point, ignored=ignored, soft=True)


def _traced(
    code: Code,
    given: Given,
    gradient: bool,
    point: Drawn | None,
    *,
    ignored: frozenset[str],
    soft: bool = False,
) -> TracedNetwork:
    """The trace; `soft` leaves float() of a quantity what it is."""
    if any(len(shape) > 2 for shape in given.shapes.values()):
        raise Untraceable("there are arrays of more than two axes")
    found = Sizes(given.every_shape, None if point is None else point.sizes)
    network = given.declared(found)
    numpy = Numpy()
    known = None if point is None else point.symbols(network, given)
    run = numpy.run = Run(found, Graph(), numpy, indexing, known, ignored=ignored)
    values = {name: _argument(run, network, given, name) for name in given.every_shape} | dict(given.constants)
    names = Names()
    builtin: dict[str, Any] = {"float": SoftFloat} if soft else {}
    builtin |= {"sum": builtin_sum(lambda x, start: FUNCTIONS["builtin sum"](run, x, start), _is_array)}
    with standing_in(code.functions, numpy.instead, builtin) as spaces, names.noted():
        names.spaces = spaces
        cost, gradients, problem = _run(code, values, given, found, gradient)
    root = _as_number(run, cost)
    labels = names.of(needed([root]))
    equations = _said(network, root, labels)
    network = _without_unused(network, given.declared(found))
    notes = (
        () if root.rank == 0 and root is run.node(cost) else ("the cost is the sum of the entries that are returned",)
    )
    if run.conditions:
        notes = (*notes, "branches were followed as the numbers of a point decide them")
    if gradients is None:
        return TracedNetwork(network, problem=problem, notes=notes, general=point is None)
    kept = {node: symbol for node, symbol in equations.items() if str(symbol.name) in network.symbols}
    return TracedNetwork(network, *_of_gradient(network, gradients, kept, names), notes=notes, general=point is None)


class _Soft(type):
    """Python's float, which leaves arrays without numbers as they are."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, float)

    def __call__(cls, value: Any = 0.0) -> Any:
        return value if isinstance(value, Array) else float(value)


class SoftFloat(float, metaclass=_Soft):
    """What stands for `float` where a cost ends in it."""


def _is_array(value: Any) -> bool:
    return isinstance(value, Array)


def _argument(run: Run, network: Network, given: Given, name: str) -> Array:
    symbol, shape = network[network_name(name)], given.every_shape[name]
    if name in given.labels:
        return Labels(run, run.graph.leaf(symbol, 2))
    if is_matrix(symbol) and not shape:  # a number to derive by
        return Array(run, run.graph.leaf(symbol, 2)).made(op.entry, rank=0)
    return Array(run, run.graph.leaf(symbol, len(shape)))


def _run(code: Code, values: Any, given: Given, sizes: Sizes, gradient: bool) -> tuple[Any, Any, str]:
    """The cost, and the gradients or the reason why there are none."""
    try:
        cost = _guarded(lambda: code.run(values, gradient=False))[0]
    except Untraceable as reason:
        raise Untraceable(f"in the cost, {reason}") from None
    if not gradient:
        return cost_in(cost), None, ""
    try:
        found = _guarded(lambda: code.run(values))[1]
        shapes = {name: sizes.of(given.shapes[name]) for name in given.wrt}
        arrays = gradients_in(found, given.wrt, shapes)
        return cost_in(cost), {network_name(n): _fitting(values[n], arrays[n]) for n in given.wrt}, ""
    except Untraceable as reason:
        return cost_in(cost), None, f"in the gradient, {reason}"


def _guarded(call: Any) -> Any:
    try:
        return call()
    except (Untraceable, SymbackpropError):
        raise
    except Exception as error:  # the same code runs with numbers: what fails here is the arrays' fault
        raise Untraceable(f"{type(error).__name__}: {error}") from None


def _fitting(parameter: Array, gradient: Any) -> Node:
    """The gradient in the shape of the parameter's matrix, if it has its size; as it is otherwise, which is wrong."""
    array = Array(parameter.run, parameter.run.node(gradient))
    if not parameter.ndim:
        return array.reshape(1, 1).node if array.size == 1 else array.node
    try:
        return reshaped(array, parameter.shape).node
    except Untraceable:
        return array.node


def _as_number(run: Run, cost: Any) -> Node:
    if not holds_array(cost):
        raise Untraceable("the cost does not depend on its arguments")
    array = Array(run, run.node(cost))
    if array.ndim == 0:
        return array.node
    return array.made(op.entry, rank=0).node


# The network


def _said(network: Network, root: Node, labels: Mapping[Node, str]) -> dict[Node, Any]:
    """The equations of the network, and the symbol of each node that has one."""
    nodes = needed([root])
    cost_name = next((n for n in (labels.get(root), "J") if n and len(n) < 6), "J")
    symbols: dict[Node, Any] = {}
    for node, name in _named(nodes, {n: label for n, label in labels.items() if n is not root}).items():
        placeholder = quantities([node], symbols)[node]
        symbols[node] = _defined(network, name, placeholder)
    expression = quantities([root], symbols)[root]
    _tried((cost_name, "J", "cost", "C"), lambda name: network.minimize(name, expression))
    return symbols


def _without_unused(network: Network, fresh: Network) -> Network:
    """The network with the equations that the cost needs, said to a fresh one with the same arguments."""
    used = {network.cost.symbol, *network.cost.expression.free_symbols}
    for equation in reversed(network.equations):
        if equation.symbol in used:
            used |= equation.expression.free_symbols
    for equation in network.equations:
        if equation.symbol in used:
            fresh.define(equation.name, equation.expression)
    fresh.minimize(network.cost.name, network.cost.expression)
    return fresh


def _named(nodes: Sequence[Node], labels: Mapping[Node, str]) -> dict[Node, str]:
    """The nodes that get an equation: those that have a name, and large ones that are used more than once."""
    uses: dict[Node, int] = dict.fromkeys(nodes, 0)
    large: dict[Node, int] = {}
    fresh = (f"q{k}" for k in count(1))
    chosen: dict[Node, str] = {}
    for node in nodes:
        for part in set(node.parts):
            uses[part] += 1
    for node in nodes:
        large[node] = 1 + sum(0 if part in chosen else large[part] for part in set(node.parts))
        if node.operation is None:
            large[node] = 0
        elif node in labels:
            chosen[node] = labels[node]
        elif large[node] > 40 or (uses[node] > 1 and large[node] > _LARGE):
            chosen[node] = next(fresh)
    return chosen


def _defined(network: Network, name: str, expression: Any) -> Any:
    if getattr(expression, "is_symbol", False):
        return expression  # another name for the same
    names = (name, *(f"{name}_{k}" for k in range(1, 99)), *(f"q{k}" for k in range(1, 999)))
    return _tried(names, lambda n: network.define(n, expression))


def _tried(names: Iterable[str], say: Any) -> Any:
    """Say it under the first name that is free."""
    for name in names:
        try:
            return say(name)
        except NameInUseError:
            continue
        except SymbackpropError as error:
            raise Untraceable(str(error)) from None
    raise Untraceable("there is no name for a quantity")


# The gradient


def _of_gradient(
    network: Network, gradients: Mapping[str, Node], equations: Mapping[Node, Any], names: Names
) -> tuple[tuple[Named, ...], dict[str, Any]]:
    nodes = needed(gradients.values())
    labels = names.of(nodes)
    symbols = dict(equations)
    taken = {*network.symbols}
    found = []
    for node, name in _named(nodes, labels).items():
        if node in symbols:
            continue
        label = next(n for n in chain((name,), (f"{name}_{k}" for k in count(1))) if n not in taken)
        taken.add(label)
        expression = _computable(quantities([node], symbols)[node])
        symbol = NamedMatrix(f"{label}", *expression.shape) if is_matrix(expression) else Symbol(label, real=True)
        symbols[node] = symbol
        found.append(Named(label, symbol, expression))
    written = quantities(gradients.values(), symbols)
    return tuple(found), {name: symbols.get(node, _computable(written[node])) for name, node in gradients.items()}


def _computable(expression: Any) -> Any:
    """The expression, if all that it is made of has a meaning here."""
    for piece in postorder(expression):
        known = is_name(piece) or piece.is_number or isinstance(piece, LEAVES) or rule_for(piece) is not None
        if not known and not isinstance(piece, AtLargest):
            raise Untraceable(f"there is no meaning for {type(piece).__name__}")
    return expression
