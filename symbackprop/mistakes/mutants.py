"""The catalogue of mistakes: backward passes with a change at one place, or at all similar places.

The table `ROWS` of `mistakes/catalogue.py` lists the changes of a contribution.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from symbackprop.backprop.adjoints import Contribution, Edge
from symbackprop.expressions.aliases import Expression
from symbackprop.expressions.matrices import HadamardPower, HadamardProduct, is_name, postorder, split
from symbackprop.expressions.operations import Sums
from symbackprop.expressions.shapes import is_matrix
from symbackprop.kinds import Kinds, MistakeKind
from symbackprop.mistakes.catalogue import ROWS, Change
from symbackprop.mistakes.contributions import BackwardPass
from symbackprop.network.network import INPUT, ONE_HOT, TARGET
from symbackprop.printing.text import text

_HELD: Kinds = (MistakeKind.HELD_CONSTANT,)


@dataclass(frozen=True)
class Mutant:
    """A backward pass with changed contributions, or with quantities that are treated as constants."""

    words: str
    kinds: Kinds
    changed: Mapping[Edge, Expression] = field(default_factory=dict)
    cut: frozenset[Expression] = frozenset()

    def together(self, other: "Mutant") -> "Mutant":
        """Return the mutant with the mistakes of both."""
        words, kinds = f"{self.words}, and {other.words}", tuple(dict.fromkeys((*self.kinds, *other.kinds)))
        return Mutant(words, kinds, {**self.changed, **other.changed}, self.cut | other.cut)


def mutants(backward: BackwardPass) -> list[Mutant]:
    """Return the catalogue: mutants that change one contribution, then mutants that change all similar ones alike.

    >>> import symbackprop as sb
    >>> net = sb.mlp([2, 3, 1])
    >>> catalogue = mutants(BackwardPass(net, net.parameters))
    >>> [mutant.words for mutant in catalogue if "left out" in mutant.words][:2]
    ['with the factor ½ left out', 'with the factor 2 left out']
    """
    penalties = _penalties(backward)
    single: list[tuple[str, Edge, Change]] = [
        (
            row.__name__ + re.sub(r"_?\d+", "", change.words),  # the same in other layers or time steps
            contribution.edge,
            _about_penalty(contribution, change) if {contribution.user, contribution.part} & penalties else change,
        )
        for row in ROWS
        for contribution in backward.contributions.values()
        for change in row(contribution, backward)
        if change.value != contribution.value
    ]
    alike: dict[str, list[tuple[Edge, Change]]] = {}
    for kind, edge, change in single:
        alike.setdefault(kind, []).append((edge, change))
    groups = (
        Mutant(_everywhere(changes), changes[0][1].kinds, {edge: change.value for edge, change in changes})
        for changes in alike.values()
        if len({edge for edge, _ in changes}) == len(changes) > 1
    )
    singles = (Mutant(change.words, change.kinds, {edge: change.value}) for _, edge, change in single)
    return [*singles, *_held(backward), *groups]


def _penalties(backward: BackwardPass) -> set[Expression]:
    """Return the quantities of a penalty, which depend on the parameters alone."""
    if backward.graph.cost not in backward.graph.definition:  # it does not vary: a step function, such as sign
        return set()
    free: dict[Expression, bool] = dict.fromkeys(backward.graph.order, True)
    data = set(backward.network.of_role(INPUT, TARGET, ONE_HOT))
    for node in backward.graph.order:
        inner = backward.graph.definition[node].free_symbols - {node}
        free[node] = not inner & data and all(free.get(part, True) for part in (*inner, *backward.graph.parts[node]))
    found: set[Expression] = set()
    for node in () if free[backward.graph.cost] else reversed(backward.graph.order):
        users = backward.graph.users[node]
        is_term = not is_matrix(node) and not any(map(is_matrix, users))
        if free[node] and node not in backward.wrt and (is_term or (users and found.issuperset(users))):
            found.add(node)
    return found


def _about_penalty(contribution: Contribution, change: Change) -> Change:
    """Return the change with words that name the penalty."""
    whose = ", ".join(sorted(str(s) for s in contribution.part.free_symbols if is_name(s) and is_matrix(s)))
    penalty = "L2 penalty" if any(map(_is_square, postorder(contribution.expression))) else "penalty"
    about = f"the {penalty} on {whose}" if whose else "the penalty"
    return Change(f"{change.words} ({about})", change.value, (*change.kinds, MistakeKind.PENALTY))


def _is_square(node: Expression) -> bool:
    """Return True for W² and for W ⊙ W."""
    if isinstance(node, HadamardProduct):
        return len(node.args) == 2 and node.args[0] == node.args[1]
    return isinstance(node, HadamardPower) and node.args[1] == 2


def _everywhere(changes: list[tuple[Edge, Change]]) -> str:
    words = list(dict.fromkeys(change.words for _, change in changes))
    if len(words) == 1:
        return f"{words[0]} everywhere"
    return f"{words[0]}, and likewise at {len(changes) - 1} other place" + "s" * (len(changes) > 2)


def _held(backward: BackwardPass) -> Iterator[Mutant]:
    """Yield mutants that hold a quantity constant, such as the mean and the variance of a normalization."""
    graph = backward.graph
    inner = [node for node in graph.order if node != graph.cost and node not in backward.wrt]
    named = [node for node in inner if is_name(node) or _is_statistic(graph.definition[node])]
    for node in named:
        words, kinds = f"with {text(node)} held constant", _HELD
        if not _is_statistic(graph.definition[node]):
            words, kinds = f"{words}: the path through it is missing", (*kinds, MistakeKind.MISSING_PATH)
        yield Mutant(words, kinds, cut=frozenset([node]))
    statistics = [node for node in named if _is_statistic(graph.definition[node])]
    if len(statistics) > 1:
        names = ", ".join(text(node) for node in statistics if is_name(node)) or "the statistics"
        yield Mutant(f"with {names} held constant", _HELD, cut=frozenset(statistics))


def _is_statistic(expression: Expression) -> bool:
    """Return True for a sum or a mean over examples or features."""
    return isinstance(split(expression)[1], Sums)
