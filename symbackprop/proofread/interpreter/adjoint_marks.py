r"""Marks that make the name of a quantity v a name of its adjoint ∂J/∂v: \bar z, \dot W, g_W, J_z, \delta_z, W_grad."""

from collections.abc import Iterator
from functools import cache

from symbackprop.parsing.syntax_tree import Name, Node, Number
from symbackprop.printing.naming import Key, key_of

ADJOINTS = {"delta": "z", "Delta": "z", "error": "z", "epsilon": "z"}
COSTS = {"J", "L", "E", "C", "ell", "loss", "Loss", "cost", "Cost", "MSE", "CE", "NLL"}
_ACCENTS = ("bar", "dot", "tilde", "hat", "check", "breve", "prime")
_HEADS = {*ADJOINTS, *COSTS, "g", "G", "grad", "nabla", "D", "adj", "e", "err"}  # before the quantity, as in g_W
_TAILS = {"grad", "gradient", "adj", "adjoint", "bar"}  # behind it, as in W_grad
CLEAR = {"delta", "Delta", "grad", "nabla", "adj", "adjoint", "gradient", *COSTS}  # marks that have no other meaning


@cache
def marks_of(key: Key) -> tuple[tuple[str, Key], ...]:
    """Return the marks in a name with the key of the quantity to whose name each is added.

    >>> marks_of(("zbar", "", "2")), marks_of(("g", "W1", ""))
    ((('bar', ('z', '', '2')),), (('g', ('W', '', '1')),))
    """
    return tuple(_marks_of(key))


def _marks_of(key: Key) -> Iterator[tuple[str, Key]]:
    base, below, layer = key
    for accent in _ACCENTS:
        stem = base.removesuffix(accent)
        if stem not in {base, ""}:
            yield accent, (stem, below, layer)
    for quantity, index in ((below, layer), (layer, "")) if base in _HEADS else ():
        if quantity and not quantity.isdigit():
            of = key_of(quantity)
            if not of[2] or not index:
                yield base, (*of[:2], of[2] or index)
    if below in _TAILS:
        yield below, (base, "", layer)


def without_accent(base: str) -> str:
    """Return the base of a name without its accent, such as delta for deltahat."""
    return next((base.removesuffix(accent) for accent in _ACCENTS if base.endswith(accent) and base != accent), base)


def plain_key(name: Name) -> Key:
    """Return the base, subscript and superscript of a name as they are written, whatever the network has."""
    below, above = ("".join(_text(mark.content) for mark in marks) for marks in (name.below, name.above))
    return name.base, below, above


def _text(script: Node) -> str:
    if isinstance(script, Number):
        return str(script.value)
    if isinstance(script, Name):
        return script.base + "".join(map(_text, script.scripts))
    return "".join(map(_text, script.children))
