"""The catalogue of mistakes: a derivation with one thing changed, at one place or at all places that are alike.

What can be changed is said in the table of `mistakes`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from symbackprop.expressions.matrices import HadamardPower, HadamardProduct, is_name, postorder, split
from symbackprop.expressions.operations import Sums
from symbackprop.expressions.shapes import is_matrix
from symbackprop.mistakes.backward import Backward, Place, Share
from symbackprop.mistakes.catalogue import ROWS, Change
from symbackprop.network.network import INPUT, ONE_HOT, TARGET
from symbackprop.printing.text import text


@dataclass(frozen=True)
class Mutant:
    """A backward pass with changed shares, or with quantities that are taken as constants."""

    words: str
    changed: Mapping[Place, Any] = field(default_factory=dict)
    cut: frozenset[Any] = frozenset()

    def together(self, other: "Mutant") -> "Mutant":
        return Mutant(f"{self.words}, and {other.words}", {**self.changed, **other.changed}, self.cut | other.cut)


def mutants(backward: Backward) -> list[Mutant]:
    """The catalogue: first those that change one share, then those that do the same at every place that is alike.

    >>> import symbackprop as sb
    >>> net = sb.mlp([2, 3, 1])
    >>> catalogue = mutants(Backward(net, net.parameters))
    >>> [mutant.words for mutant in catalogue if "left out" in mutant.words][:2]
    ['with the factor ½ left out', 'with the factor 2 left out']
    """
    penalties = _penalties(backward)
    single: list[tuple[str, Place, Change]] = [
        (
            row.__name__ + _template(change.words),
            share.place,
            Change(_about(share, change.words, penalties), change.value),
        )
        for row in ROWS
        for share in backward.shares.values()
        for change in row(share, backward)
        if change.value != share.value
    ]
    alike: dict[str, list[tuple[Place, Change]]] = {}
    for kind, place, change in single:
        alike.setdefault(kind + change.group, []).append((place, change))
    groups = (
        Mutant(_everywhere(changes), {place: change.value for place, change in changes})
        for changes in alike.values()
        if len({place for place, _ in changes}) == len(changes) > 1
    )
    singles = (Mutant(change.words, {place: change.value}) for _, place, change in single)
    return [*singles, *_held(backward), *groups]


def _penalties(backward: Backward) -> set[Any]:
    """The quantities that depend on the parameters alone, and make a number that does: terms of a penalty."""
    free: dict[Any, bool] = dict.fromkeys(backward.flow.order, True)
    data = set(backward.network.of_role(INPUT, TARGET, ONE_HOT))
    for node in backward.flow.order:
        inner = backward.flow.made_by[node].free_symbols - {node}
        free[node] = not inner & data and all(free.get(part, True) for part in (*inner, *backward.flow.parts[node]))
    found: set[Any] = set()
    if free[backward.flow.cost]:
        return found
    for node in reversed(backward.flow.order):
        users = backward.flow.users[node]
        if free[node] and node not in backward.wrt and (not is_matrix(node) or (users and found.issuperset(users))):
            found.add(node)
    return found


def _about(share: Share, words: str, penalties: set[Any]) -> str:
    """The words, with the penalty named where it is about one."""
    if share.user not in penalties and share.part not in penalties:
        return words
    whose = ", ".join(sorted(str(s) for s in share.part.free_symbols if is_name(s) and is_matrix(s)))
    kind = "L2 penalty" if any(map(_is_square, postorder(share.expression))) else "penalty"
    return f"{words} (the {kind} on {whose})" if whose else f"{words} (the penalty)"


def _is_square(node: Any) -> bool:
    """W² or W ⊙ W, or a number that it makes."""
    if isinstance(node, HadamardProduct):
        return len(node.args) == 2 and node.args[0] == node.args[1]
    return isinstance(node, HadamardPower) and node.args[1] == 2


def _template(words: str) -> str:
    """What is alike in other layers and at other times."""
    return re.sub(r"_?\d+", "", words)


def _everywhere(changes: list[tuple[Place, Change]]) -> str:
    words = list(dict.fromkeys(change.words for _, change in changes))
    if len(words) == 1:
        return f"{words[0]} everywhere"
    return f"{words[0]}, and likewise at {len(changes) - 1} other place" + "s" * (len(changes) > 2)


def _held(backward: Backward) -> Iterator[Mutant]:
    """Quantities that are taken as constants, such as the mean and the variance of a normalisation."""
    flow = backward.flow
    inner = [node for node in flow.order if node != flow.cost and node not in backward.wrt]
    named = [node for node in inner if is_name(node) or _is_statistic(flow.made_by[node])]
    for node in named:
        what = "held constant" if _is_statistic(flow.made_by[node]) else "held constant: the path through it is missing"
        yield Mutant(f"with {text(node)} {what}", cut=frozenset([node]))
    statistics = [node for node in named if _is_statistic(flow.made_by[node])]
    if len(statistics) > 1:
        names = ", ".join(text(node) for node in statistics if is_name(node)) or "the statistics"
        yield Mutant(f"with {names} held constant", cut=frozenset(statistics))


def _is_statistic(expression: Any) -> bool:
    """A sum over examples or features, or a mean."""
    return isinstance(split(expression)[1] if is_matrix(expression) else expression, Sums)
