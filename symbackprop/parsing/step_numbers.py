"""Numbered steps of gradient descent: W(k+1) = W(k) + ΔW(k) means W^{(k+1)} = W + ΔW."""

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.parsing.syntax_tree import Add, Group, Multiply, Name, Node, Script, mapped, number

_STEPS = {"k", "t", "n", "s", "tau", "i"}


def steps_in(heads: Sequence[Node]) -> set[str]:
    """Return the letters k of all W(k+1) on the left sides of statements."""
    return {letter for head in heads if (letter := _step_after(head))}


def without_steps(node: Node, letters: set[str]) -> Node:
    """Return a formula in which (k) is dropped and (k+1) is a script."""
    node = mapped(node, lambda part: without_steps(part, letters))
    if not isinstance(node, Multiply) or node.sign:
        return node
    factors: list[Node] = []
    for factor in node.factors:
        name = factors[-1] if factors else None
        if isinstance(name, Name) and _letter(factor, is_next=True) in letters and isinstance(factor, Group):
            mark = Script(kind="layer", content=factor.items[0])
            factors[-1] = Name(base=name.base, above=(*name.above, mark), below=name.below)
        elif not isinstance(name, Name) or _letter(factor, is_next=False) not in letters:
            factors.append(factor)
    if len(factors) == len(node.factors):
        return node
    return factors[0] if len(factors) == 1 else replace(node, factors=tuple(factors), source="")


def _step_after(head: Node) -> str:
    """Return the k of a left side W(k+1), or ""."""
    group = head.factors[-1] if isinstance(head, Multiply) and not head.sign else None
    return _letter(group, is_next=True)


def _letter(group: Node | None, *, is_next: bool) -> str:
    """Return the letter k of (k) or, with `is_next`, of (k+1); "" for any other group."""
    item = group.items[0] if isinstance(group, Group) and len(group.items) == 1 else None
    if is_next:
        is_one_more = isinstance(item, Add) and item.signs == (1, 1) and item.terms[1] == number(1)
        item = item.terms[0] if isinstance(item, Add) and is_one_more else None
    return item.base if isinstance(item, Name) and item in {Name(base=letter) for letter in _STEPS} else ""
