"""Gradient descent steps in a document: W ← W - η ∂J/∂W decreases the cost, W + η ∂J/∂W does not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Add, Name, Node, Script, walk
from symbackprop.printing.naming import key_of


@dataclass(frozen=True)
class Update:
    """An update of a parameter: the formula that is added to it, or several formulas that are joined by =."""

    name: Name
    changes: tuple[Node, ...]
    left: Node
    own: Node | None = None  # the parameter itself, to which the change is added


_ARROWS = ("<-", "->")  # w <- w - Δw, and w -> w' = w - Δw
_NABLA = ("\\nabla", "∇")
_TIMES = {"new", "old", "next", "prev", "t", "k", "n", "s", "tau", "i", "plus", "current", "neu", "alt"}


def read_update(sides: Sequence[Node], signs: Sequence[str], parameters: Collection[str]) -> Update | None:
    """Return the update that a statement describes, or None; `parameters` are names in the network."""
    if len(sides) < 2 or not all(sign in {"=", *_ARROWS} for sign in signs):
        return None
    if signs[0] == "->" and len(sides) > 2 and _is_next(sides[1], sides[0]):
        sides, signs = sides[1:], signs[1:]
    found = _read(sides, signs, parameters)
    return found and replace(found, changes=tuple(_by_parameter(change, found.name) for change in found.changes))


def _by_parameter(change: Node, name: Name) -> Node:
    r"""Return the formula of a step in which \nabla J, which names no parameter, is by the one that is changed."""
    body = change.body if isinstance(change, tree.Differential) and change.source.startswith(_NABLA) else None
    if body is not None and body != name:
        return tree.Partial(of=body, by=name, source=change.source)
    return tree.mapped(change, lambda part: _by_parameter(part, name))


def _read(sides: Sequence[Node], signs: Sequence[str], parameters: Collection[str]) -> Update | None:
    stepped = _difference(sides[0])
    if stepped is not None:
        return Update(stepped, tuple(sides[1:]), sides[0])
    left, right = sides[0], sides[1]
    if isinstance(left, tree.Prime) and isinstance(left.base, Name):  # w′ = w - …
        left = replace(left.base, above=(*left.base.above, Script(kind="plain", content=Name(base="new"))))
    if not isinstance(left, Name) or (len(sides) != 2 and signs[0] not in _ARROWS):
        return None
    own, change = _parted(right, left)
    more = [_parted(side, left)[1] for side in sides[2:]]
    is_parameter = left.base in {key_of(name)[0] for name in parameters} | {"W", "w", "theta", "Theta", "b", "V", "U"}
    if change == Add(signs=(1,), terms=(tree.Multiply(sign="", factors=(Name(base="Delta"), own or left)),)):
        return Update(_untimed(left), (), left, own)
    is_said = any(sign in _ARROWS for sign in signs) or (is_parameter and left in walk(right))
    is_timed = is_parameter and _untimed(left) != left
    if change is None or not (is_said or is_timed):
        return None
    changes = (change, *(other for other in more if other is not None))
    return Update(_untimed(left), changes, left, own) if len(changes) == len(sides) - 1 else None


def _is_next(node: Node, own: Node) -> bool:
    """Return True for the w′ of w, and for another mark of a later step."""
    if isinstance(node, tree.Prime):
        return node.base == own
    return isinstance(node, Name) and isinstance(own, Name) and node != own and _untimed(node) == _untimed(own)


def _difference(left: Node) -> Name | None:
    """Return the w of Δw, or None."""
    match left:
        case tree.Multiply(sign="", factors=(head, Name() as name)) if head == Name(base="Delta"):
            return name
    return None


def _parted(right: Node, left: Name) -> tuple[Node | None, Node | None]:
    """Return the term that is the parameter itself, and the sum of the other terms; both are None if there is none."""
    if not isinstance(right, Add):
        return None, None
    own = _untimed(left)
    for index, (sign, term) in enumerate(zip(right.signs, right.terms, strict=True)):
        if sign == 1 and isinstance(term, Name) and _untimed(term) == own:
            rest = [k for k in range(len(right.terms)) if k != index]
            signs = tuple(right.signs[k] for k in rest)
            return term, Add(signs=signs, terms=tuple(right.terms[k] for k in rest))
    return None, None


def _untimed(name: Name) -> Name:
    """Return the name without the marks that distinguish one gradient descent step from the next."""
    if name.base.endswith(("new", "old")):
        return replace(name, base=name.base[:-3].rstrip("_"), source="")
    above, below = (tuple(mark for mark in marks if not _is_time(mark)) for marks in (name.above, name.below))
    return name if (above, below) == (name.above, name.below) else replace(name, above=above, below=below, source="")


def _is_time(mark: Script) -> bool:
    content = mark.content
    if isinstance(content, Add):
        terms = (Script(kind=mark.kind, content=term) for term in content.terms)
        return all(isinstance(term.content, tree.Number) or _is_time(term) for term in terms)
    return isinstance(content, Name) and content.base in _TIMES - {"i", "k", "n"} | (
        {"k", "n"} if mark.kind == "layer" else set()
    )
