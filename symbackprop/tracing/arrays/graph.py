"""What a person's code computes, as a graph of operations: each is one node, however often it is computed."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sympy import Symbol

from symbackprop.errors import SymbackpropError
from symbackprop.expressions.matrices import NamedMatrix, is_name, postorder
from symbackprop.expressions.shapes import Mismatch, is_matrix, shape_of
from symbackprop.printing.text import typed
from symbackprop.tracing.arrays.recognition import recognized
from symbackprop.tracing.untraceable import Untraceable

_MOST = 1500  # operations


@dataclass(eq=False)
class Node:
    """A quantity: an operation on others. `symbol` stands for it where others are made of it.

    The rank is NumPy's: 0, 1 or 2. What has rank 1 is a row here, as NumPy's broadcasting takes it.
    """

    operation: Callable[..., Any] | None
    parts: tuple["Node", ...]
    options: tuple[Any, ...]
    rank: int
    symbol: Any
    serial: int

    @property
    def size(self) -> tuple[Any, ...]:
        """The shape as NumPy has it, of dimensions."""
        return shape_of(self.symbol)[2 - self.rank :] if is_matrix(self.symbol) else ()


@dataclass
class Graph:
    """The nodes of all that was run."""

    nodes: list[Node] = field(default_factory=list)
    known: dict[Any, Node] = field(default_factory=dict)

    def leaf(self, symbol: Any, rank: int) -> Node:
        """A quantity that is given, or a constant."""
        return self._kept((symbol, rank), lambda: Node(None, (), (), rank, symbol, len(self.nodes)))

    def node(self, operation: Callable[..., Any], parts: Iterable[Node], *options: Any, rank: int) -> Node:
        """An operation on quantities.

        Raises Untraceable where the shapes do not fit, or the result is nothing that a network has.
        """
        parts = tuple(parts)
        key = (operation, parts, options, rank)
        return self.known[key] if key in self.known else self._made(key, operation, parts, options, rank)

    def _made(self, key: Any, operation: Any, parts: tuple[Node, ...], options: tuple[Any, ...], rank: int) -> Node:
        try:
            value = operation(*(part.symbol for part in parts), *options)
            for piece in postorder(value):
                if hasattr(piece, "check"):
                    piece.check()
        except Mismatch as mismatch:
            raise Untraceable(mismatch.message(typed)) from None
        except (SymbackpropError, ValueError, TypeError) as error:
            raise Untraceable(str(error)) from None
        same = next((part for part in parts if part.symbol == value and part.rank == rank), None)
        if same is not None:
            node = same
        elif _is_constant(value):
            node = self.leaf(value, rank)
        else:
            name = f"quantity {len(self.nodes)}"
            symbol = NamedMatrix(name, *value.shape) if is_matrix(value) else Symbol(name, real=True)
            node = Node(operation, parts, options, rank, symbol, len(self.nodes))
            self.nodes.append(node)
        self.known[key] = node
        if len(self.nodes) > _MOST:
            raise Untraceable(f"there are more than {_MOST} operations")
        return node

    def _kept(self, key: Any, make: Callable[[], Node]) -> Node:
        if key not in self.known:
            self.known[key] = node = make()
            self.nodes.append(node)
        return self.known[key]


def _is_constant(value: Any) -> bool:
    """Whether a quantity is made of sizes and numbers alone."""
    return all(part.is_Symbol and part.is_integer for part in postorder(value) if is_name(part))


def needed(roots: Iterable[Node]) -> list[Node]:
    """All that some nodes are made of, parts before wholes."""
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += node.parts
    return sorted(seen, key=lambda node: node.serial)


def quantities(roots: Iterable[Node], names: Mapping[Node, Any]) -> dict[Node, Any]:
    """Each node as an expression in those that have names; what has a name is written out in its own entry alone."""
    written: dict[Node, Any] = {}
    definitions: dict[Any, Any] = {}
    for node in needed(roots):
        if node.operation is None:
            written[node] = node.symbol
        else:
            parts = [names.get(part, written[part]) for part in node.parts]
            written[node] = recognized(node.operation(*parts, *node.options), definitions)
        if node in names:
            definitions[names[node]] = written[node]
    return written
