"""backpropagate(): walk the network backwards once, by the rule table, and write the tape.

The tape is the answer: named equations, named adjoints (δ), gradients, and the steps that lead to them.
What is printed, proved, generated and checked all comes from it.

Every named quantity and every part of its equation gets its adjoint ∂J/∂(…) once, from the adjoints of
the places that use it. An adjoint that is used more than once, or in a matrix product, gets a name, so that
the whole stays linear in the size of the network.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any

from sympy import Add, Basic, S, Symbol, preorder_traversal

from symbackprop.errors import DerivationError, listed, nearest
from symbackprop.maps import Broadcast, Total
from symbackprop.network import INPUT, PARAMETER, Equation, Network
from symbackprop.nodes import NamedMatrix, Ones, Scaled, Zeros, add, postorder, quantities
from symbackprop.printing.latex import latex_name
from symbackprop.printing.text import typed
from symbackprop.rules import rule_for
from symbackprop.shapes import is_matrix, shape_of
from symbackprop.tape import NO_DEPENDENCE, SAME_QUANTITY, SEVERAL_USES, Partial, Step, Tape


def parameters_to_derive_by(network: Network, wrt: Iterable[str] | str | None) -> tuple[Any, ...]:
    """The parameters named in `wrt`, all by default, in declared order."""
    names = {str(p.name): p for p in network.parameters}
    if not names:
        raise DerivationError("this network has no parameters to derive by; declare some with net.parameter(…)")
    if wrt is None:
        return network.parameters
    if not isinstance(wrt, Iterable | Basic):
        raise DerivationError(f"wrt is a list of parameter names, such as {list(names)}, not {wrt!r}")
    chosen = [str(getattr(name, "name", name)) for name in ([wrt] if isinstance(wrt, str | Basic) else wrt)]
    for name in chosen:
        if name in names:
            continue
        role = network.roles.get(name)
        if role is not None and role != PARAMETER:
            article = "an" if role == INPUT else "a"
            raise DerivationError(
                f"{name} is {article} {role}, which is constant here; the parameters are {listed(names)} "
                f"(declare {name} with net.parameter to derive by it)"
            )
        if name == network.cost.name:
            raise DerivationError(f"{name} is the cost itself; gradients are by parameters: {listed(names)}")
        if name in network.symbols:
            raise DerivationError(f"{name} is an intermediate quantity; gradients are by parameters: {listed(names)}")
        raise DerivationError(f"unknown parameter {name!r}: {nearest(name, names)}")
    if not chosen:
        raise DerivationError(f"nothing to derive by was named; the parameters are {listed(names)}")
    return tuple(symbol for name, symbol in names.items() if name in chosen)


def backpropagate(network: Network, wrt: Iterable[str] | str | None = None) -> Tape:
    """Derive the cost by every parameter, or by those named in `wrt`.

    >>> import symbackprop as sb
    >>> tape = backpropagate(sb.mlp([2, 3, 1]))
    >>> [str(adjoint.symbol) for adjoint in tape.adjoints]
    ['delta3', 'delta2']
    """
    return _Walk(network, parameters_to_derive_by(network, wrt)).run()


@dataclass(frozen=True)
class _Share:
    """What one use of a quantity contributes to its adjoint, and the step that says so."""

    value: Any
    step: int | None = None

    @property
    def needs(self) -> tuple[int, ...]:
        return () if self.step is None else (self.step,)


class _Walk:
    """The state of one walk: the shares found so far, and the steps written so far."""

    def __init__(self, network: Network, wrt: tuple[Any, ...]):
        self.network = network
        self.wrt = wrt
        self.cost = network.cost.symbol
        self.equations = _needed(network)
        self.by_symbol = {equation.symbol: equation for equation in self.equations}
        self.names = {e.expression: e.symbol for e in self.equations if e.expression.args}
        self.active = _dependent(self.equations, wrt)
        self.order = self._in_order_of_computation()
        self.uses = Counter(part for node in self.order for part in self._made_of(node))
        self.shares: dict[Any, list[_Share]] = defaultdict(list)
        self.steps: list[Step] = []
        self.adjoints: list[Equation] = []
        self.taken = {latex_name(str(symbol)) for symbol in (*network.symbols, *network.dimensions)}

    def run(self) -> Tape:
        self.shares[self.cost].append(_Share(S.One))
        for node in reversed(self.order):
            if node in self.by_symbol:
                self._to_definition(self.by_symbol[node])
            elif not _is_name(node):
                self._apply_rule(node)
        gradients = {str(p.name): self._gradient(p) for p in self.wrt}
        return Tape(self.network, self.wrt, tuple(self.equations), tuple(self.adjoints), gradients, tuple(self.steps))

    # the network as a graph of quantities: names, and the parts of their equations

    def _varies(self, expression: Any) -> bool:
        return bool(expression.free_symbols & self.active)

    def _in_order_of_computation(self) -> list[Any]:
        """Every varying quantity once, after all that it is made of."""
        order: dict[Any, None] = {}
        for equation in self.equations:
            if equation.symbol in self.active:
                order.update(dict.fromkeys(p for p in postorder(equation.expression) if self._varies(p)))
                order[equation.symbol] = None
        return list(order)

    def _made_of(self, node: Any) -> list[Any]:
        """The varying quantities that a name or a part is made of."""
        if node in self.by_symbol:
            return [self.by_symbol[node].expression]
        return [] if _is_name(node) else [a for a in dict.fromkeys(quantities(node)) if self._varies(a)]

    # the walk

    def _to_definition(self, equation: Equation) -> None:
        """Carry the adjoint of a name to the expression that defines it."""
        upstream = self._settled(equation.symbol)
        if equation.symbol != self.cost and self._deserves_name(equation, upstream.value):
            upstream = self._give_name(self._adjoint_name(equation), upstream)
        rest = equation.expression
        if _is_name(rest) or self.uses[rest] > 1:  # a quantity that is used elsewhere too
            before = self._before(rest, equation.symbol)
            upstream = self._write(Step(SAME_QUANTITY, before, upstream.value, shape_of(rest), needs=upstream.needs))
        self.shares[rest].append(upstream)

    def _apply_rule(self, node: Any) -> None:
        """One rule at one node: the share of each of its varying arguments."""
        rule = rule_for(node)
        if rule is None:
            raise DerivationError(f"there is no derivative rule for {typed(node)}")
        upstream, varying = self._settled(node), self._made_of(node)
        if len(varying) > 1 and node not in self.names and not _is_simple(upstream.value):
            upstream = self._give_name(self._free_name("G"), upstream)
        adjoints = rule.adjoints(upstream.value, node, *node.args)
        sizes = set(self.network.dimensions)
        still = (a for a in quantities(node) if a not in varying and a.free_symbols - sizes)
        constants = tuple(a.argument if isinstance(a, Broadcast) else a for a in still)
        name = rule.named(sum(argument in varying for argument in node.args))
        for argument in varying:
            shares = [g for g, a in zip(adjoints, node.args, strict=True) if a == argument]
            if any(share is None for share in shares):
                raise DerivationError(f"there is no rule to derive {typed(node)} by {typed(argument)}")
            value = _sum(shares).xreplace(self.names)  # a2 rather than f(z2)
            before = self._before(argument, self.names.get(node, node))
            step = Step(name, before, value, shape_of(argument), constants, needs=upstream.needs)
            self.shares[argument].append(self._write(step))

    def _before(self, of: Any, use: Any) -> Partial:
        """∂J/∂…; where there are several uses, through which one."""
        return Partial(self.cost, of, use if self.uses[of] > 1 else None)

    def _write(self, step: Step) -> _Share:
        self.steps.append(step)
        return _Share(step.after, len(self.steps) - 1)

    def _settled(self, of: Any) -> _Share:
        """The adjoint, now that every use of the quantity has contributed its share."""
        shares = self.shares.pop(of)
        if len(shares) == 1:
            return shares[0]
        needs = tuple(position for share in shares for position in share.needs)
        value = _sum([share.value for share in shares])
        return self._write(Step(SEVERAL_USES, Partial(self.cost, of), value, shape_of(of), needs=needs))

    def _gradient(self, parameter: Any) -> Any:
        if parameter in self.shares:
            return self._settled(parameter).value
        zeros = Zeros(*parameter.shape)
        self._write(Step(NO_DEPENDENCE, Partial(self.cost, parameter), zeros, parameter.shape, (self.cost,)))
        return zeros

    # names for adjoints

    def _deserves_name(self, equation: Equation, upstream: Any) -> bool:
        """Named is what would otherwise be written twice, or inside a matrix product."""
        if _is_simple(upstream):
            return False
        parts = [part for part in postorder(equation.expression) if self._varies(part)]
        nodes = [part for part in parts if not _is_name(part)]
        once = sum(_is_name(part) for node in nodes for part in self._made_of(node)) == 1
        shared = any(self.uses[node] > 1 for node in nodes)
        return not (once and not shared and all(_is_entrywise(node) for node in nodes) and _size(upstream) <= _READABLE)

    def _adjoint_name(self, equation: Equation) -> str:
        """δ3 for z3, δ_h for h."""
        layer = re.fullmatch(r"z(\w*)", equation.name)
        return self._free_name(f"delta{layer[1]}" if layer else f"delta_{equation.name}", numbered=False)

    def _free_name(self, stem: str, numbered: bool = True) -> str:
        candidates = chain([] if numbered else [stem], (f"{stem}{'' if numbered else '_'}{i}" for i in count(1)))
        name = next(name for name in candidates if latex_name(name) not in self.taken)
        self.taken.add(latex_name(name))
        return name

    def _give_name(self, name: str, adjoint: _Share) -> _Share:
        (position,) = adjoint.needs
        step = self.steps[position]
        symbol = NamedMatrix(name, *step.shape) if step.shape else Symbol(name, real=True)
        self.adjoints.append(Equation(symbol, adjoint.value))
        self.steps[position] = replace(step, symbol=symbol)
        return _Share(symbol, position)


_READABLE = 40  # nodes: a longer adjoint gets a name


def _is_entrywise(node: Any) -> bool:
    rule = rule_for(node)
    return rule is not None and rule.entrywise


def _size(expression: Any) -> int:
    return sum(1 for _ in preorder_traversal(expression))


def _is_simple(adjoint: Any) -> bool:
    """A name, perhaps with a factor, or a constant: not worth a name of its own."""
    core = adjoint.args[1] if isinstance(adjoint, Scaled) else adjoint
    return bool(core.is_symbol) or isinstance(core, Ones) or not (is_matrix(core) or core.has(Total))


def _is_name(expression: Any) -> bool:
    return bool(expression.is_symbol)


def _sum(terms: list[Any]) -> Any:
    return add(*terms) if is_matrix(terms[0]) else Add(*terms)


def _needed(network: Network) -> list[Equation]:
    """The equations that the cost depends on, in order, the cost last."""
    needed, kept = set(network.cost.expression.free_symbols), [network.cost]
    for equation in reversed(network.equations):
        if equation.symbol in needed:
            needed |= equation.expression.free_symbols
            kept.append(equation)
    return kept[::-1]


def _dependent(equations: list[Equation], wrt: tuple[Any, ...]) -> set[Any]:
    """The names whose values change with what is derived by."""
    dependent = set(wrt)
    for equation in equations:
        if equation.expression.free_symbols & dependent:
            dependent.add(equation.symbol)
    return dependent
