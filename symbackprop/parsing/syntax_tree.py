"""The syntax tree of a formula, before the meaning of its names is known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Node:
    """A part of a formula; `source` is the author's text, or empty if the part was changed.

    `place` is the line and the column of its first character, counted from 1, in a text in NumPy syntax.
    """

    source: str = field(default="", compare=False, repr=False)
    place: tuple[int, int] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def children(self) -> tuple["Node", ...]:
        """The direct parts, scripts included."""
        return tuple(part for name in self.__dataclass_fields__ for part in _nodes(getattr(self, name)))

    @cached_property
    def parts(self) -> tuple["Node", ...]:
        """The node and all of its parts, parents before children."""
        return tuple(_walked(self, lambda part: part.children))


@dataclass(frozen=True, kw_only=True)
class Number(Node):
    """A rational number."""

    value: Fraction


@dataclass(frozen=True, kw_only=True)
class Script:
    """A script at a name: `plain` as in W_1 and x^2, `layer` in brackets, as in W^{(1)} and W^{[1]}."""

    kind: str
    content: Node


@dataclass(frozen=True, kw_only=True)
class Name(Node):
    """A name with its scripts, except transposition and f′."""

    base: str
    above: tuple[Script, ...] = ()
    below: tuple[Script, ...] = ()

    def __hash__(self) -> int:
        """Return the hash, which is computed once, since names are the keys of many tables."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.base, self.above, self.below))

    @property
    def scripts(self) -> tuple[Node, ...]:
        """The contents of the superscripts and subscripts."""
        return tuple(script.content for script in (*self.above, *self.below))

    @property
    def script_letters(self) -> set[str]:
        """The names among the scripts, such as i and l in w_i^{(l)}."""
        return {content.base for content in self.scripts if isinstance(content, Name)}


@dataclass(frozen=True, kw_only=True)
class Add(Node):
    """A sum of terms with their signs, 1 or -1."""

    signs: tuple[int, ...]
    terms: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Multiply(Node):
    r"""A product; `sign` is the sign between its factors: nothing, `\odot`, `\cdot`, `*`, `@`, …"""

    sign: str
    factors: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Divide(Node):
    """A fraction; `slash` is True if it is written a / b."""

    above: Node
    below: Node
    slash: bool = False


@dataclass(frozen=True, kw_only=True)
class Power(Node):
    """A power, of a matrix or entry by entry."""

    base: Node
    exponent: Node
    entrywise: bool = False


@dataclass(frozen=True, kw_only=True)
class Transposed(Node):
    """A transpose."""

    base: Node


@dataclass(frozen=True, kw_only=True)
class Prime(Node):
    """The derivative f′ of a function."""

    base: Node


@dataclass(frozen=True, kw_only=True)
class Entry(Node):
    """An entry of a formula, as in (…)_{ij}."""

    base: Node
    indices: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Part(Node):
    """A block A_{:, H:2H}: rows and columns from a first one, counted from 0, up to a last one, which is excluded."""

    base: Node
    ranges: tuple[tuple[Node | None, Node | None], ...]


@dataclass(frozen=True, kw_only=True)
class Matrix(Node):
    """A matrix of blocks, in rows and columns."""

    rows: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Dots(Node):
    """Dots for omitted items, as in 1, …, n."""


@dataclass(frozen=True, kw_only=True)
class IndexedList(Node):
    """A matrix whose entries are one formula, for all values of one or two index letters."""

    body: Node
    rows: str = ""
    columns: str = ""


@dataclass(frozen=True, kw_only=True)
class Group(Node):
    """A formula in brackets; several items are a list of arguments."""

    items: tuple[Node, ...]
    brackets: str = "()"


@dataclass(frozen=True, kw_only=True)
class Summation(Node):
    """A sum Σ over indices, each of which may have bounds."""

    indices: tuple[str, ...]
    body: Node
    first: Node | None = None
    last: Node | None = None
    sign: str = r"\sum"  # or \prod


@dataclass(frozen=True, kw_only=True)
class Differential(Node):
    """A differential ∂v or dv, or ∂²v of order 2; one of order 1 that stands alone is short for ∂J/∂v."""

    body: Node | None
    order: int = 1


@dataclass(frozen=True, kw_only=True)
class Partial(Node):
    """A derivative ∂A/∂B."""

    of: Node
    by: Node


@dataclass(frozen=True, kw_only=True)
class Call(Node):
    """A function call; only NumPy code has keyword arguments."""

    function: Node
    arguments: tuple[Node, ...]
    axis: int | None = None
    keywords: tuple[tuple[str, Node], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Attribute(Node):
    """An attribute `base.name` in NumPy code, such as X.shape and np.exp."""

    base: Node
    name: str


@dataclass(frozen=True, kw_only=True)
class Subscript(Node):
    """A subscript `base[…]` in NumPy code; the indices are slices and formulas."""

    base: Node
    indices: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class SlicedAxis(Node):
    """A slice `first:last:step` in NumPy code."""

    first: Node | None = None
    last: Node | None = None
    step: Node | None = None


@dataclass(frozen=True, kw_only=True)
class Literal(Node):
    """A constant in NumPy code that is not a finite real number: True, None, "text", 1j."""

    value: object


@dataclass(frozen=True, kw_only=True)
class Norm(Node):
    """A norm ‖…‖, or an absolute value |…|."""

    body: Node
    single: bool = False
    order: int = 2


@dataclass(frozen=True, kw_only=True)
class Relation(Node):
    """A relation between two formulas, such as =, < and ∈."""

    left: Node
    sign: str
    right: Node


@dataclass(frozen=True, kw_only=True)
class Indicator(Node):
    """An indicator: 1 where a condition holds, else 0."""

    condition: Relation


@dataclass(frozen=True, kw_only=True)
class Cases(Node):
    """A definition by cases: values with their conditions; the last may have none."""

    values: tuple[Node, ...]
    conditions: tuple[Node | None, ...]


@dataclass(frozen=True, kw_only=True)
class PendingOperator(Node):
    r"""An operator whose operand follows: `\sum` with its bounds, `\partial`, `\nabla_W`, or a fraction of ∂ and ∂W."""

    what: str
    by: Node | None = None
    indices: tuple[str, ...] = ()
    first: Node | None = None
    last: Node | None = None
    condition: Node | None = None
    order: int = 1  # 2 for ∂² and ∇²


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, Script):
        yield value.content
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


def walk(node: Node, into_scripts: bool = True) -> Iterator[Node]:
    """Yield the node and all of its parts, parents before children; with `into_scripts` also the scripts of names."""
    if into_scripts:
        return iter(node.parts)
    return _walked(node, lambda part: () if isinstance(part, Name) else part.children)


def _walked(node: Node, children: Callable[[Node], tuple[Node, ...]]) -> Iterator[Node]:
    stack = [node]
    while stack:
        part = stack.pop()
        yield part
        stack.extend(reversed(children(part)))


def mapped(node: Node, change: Callable[[Node], Node]) -> Node:
    """Return the node with each direct part changed; the node keeps its source if no part changes."""
    changed = {}
    for name in node.__dataclass_fields__:
        old = getattr(node, name)
        new = _changed(old, change)
        if new is not old:
            changed[name] = new
    return replace(node, **changed, source="") if changed else node


def _changed(value: Any, change: Callable[[Node], Node]) -> Any:
    if isinstance(value, Node):
        return change(value)
    if isinstance(value, Script):
        content = change(value.content)
        return value if content is value.content else Script(kind=value.kind, content=content)
    if isinstance(value, tuple):
        items = tuple(_changed(item, change) for item in value)
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def relettered(node: Node, old: str, new: str) -> Node:
    """Return the node with an index letter replaced by another, also where it is the index of a sum."""
    if node == Name(base=old):
        return Name(base=new)
    if isinstance(node, Summation) and old in node.indices:
        node = replace(node, indices=tuple(new if index == old else index for index in node.indices), source="")
    return mapped(node, lambda part: relettered(part, old, new))


def replaced(node: Node, old: Node, new: Node) -> Node:
    """Return the node with each occurrence of a part replaced by another one."""
    return new if node == old else mapped(node, lambda part: replaced(part, old, new))


def number(value: int | Fraction) -> Number:
    """Return a number as a node."""
    return Number(value=Fraction(value))


def negated(node: Node) -> Node:
    """Return the negative of a formula."""
    return Add(signs=(-1,), terms=(node,))
