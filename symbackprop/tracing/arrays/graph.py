"""The user's computation as a graph of operations; an operation that is computed repeatedly is one node."""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from sympy import Integer, Symbol

from symbackprop.errors import SymbackpropError
from symbackprop.expressions.aliases import Expression, Shape
from symbackprop.expressions.gathers import reshaped
from symbackprop.expressions.matrices import NamedMatrix, is_name, postorder
from symbackprop.expressions.recognition import recognized
from symbackprop.expressions.shapes import Mismatch, is_matrix, shape_of
from symbackprop.printing.text import typed
from symbackprop.tracing.untraceable import Untraceable

_MOST = 1500  # operations
_READABLE = 12  # operations of a formula in a message

NodeOperation: TypeAlias = Callable[..., Expression]  # of expressions, and of options that are not
Options: TypeAlias = tuple[object, ...]  # axes, bounds, names of functions


@dataclass(eq=False)
class TracedNode:
    """A quantity that the code computes by an operation on others; `symbol` represents it in further operations.

    The rank is the number of axes of NumPy's array. A vector (rank 1) is a row here, as in broadcasting.
    """

    operation: NodeOperation | None
    parts: tuple["TracedNode", ...]
    options: Options
    rank: int
    symbol: Expression
    serial: int

    @property
    def size(self) -> Shape:
        """The shape of NumPy's array in symbolic sizes."""
        return shape_of(self.symbol)[max(2 - self.rank, 0) :] if is_matrix(self.symbol) else ()

    def expression(self, parts: Iterable[Expression] | None = None) -> Expression:
        """Return the operation applied to expressions for its parts, by default their symbols."""
        if self.operation is None:
            return self.symbol
        values = (p.symbol for p in self.parts) if parts is None else parts
        return as_row(self.operation(*values, *self.options))


def as_row(value: Expression) -> Expression:
    """Return an array with one axis as a row, and any other quantity unchanged."""
    return reshaped(value, (Integer(1), *value.shape)) if len(shape_of(value)) == 1 else value


@dataclass
class TraceGraph:
    """The graph of all operations that the code has run."""

    nodes: list[TracedNode] = field(default_factory=list)
    known: dict[tuple[object, ...], TracedNode] = field(default_factory=dict)

    def leaf(self, symbol: Expression, rank: int) -> TracedNode:
        """Return the node of an argument, or of a constant."""
        key = (symbol, rank)
        if key not in self.known:
            self.known[key] = node = TracedNode(None, (), (), rank, symbol, len(self.nodes))
            self.nodes.append(node)
        return self.known[key]

    def node(
        self, operation: NodeOperation, parts: Iterable[TracedNode], *options: object, rank: int | None
    ) -> TracedNode:
        """Return the node of an operation on others; without a rank, it is the number of axes of the result.

        Raises Untraceable if shapes are inconsistent, or networks do not support the operation.
        """
        parts = tuple(parts)
        key = (operation, parts, options, rank)
        if key not in self.known:
            self.known[key] = self._made(operation, parts, options, rank)
        if len(self.nodes) > _MOST:
            raise Untraceable(
                f"there are more than {_MOST} operations: give smaller numbers as sizes in shapes, or run fewer steps"
            )
        return self.known[key]

    def _made(
        self, operation: NodeOperation, parts: tuple[TracedNode, ...], options: Options, rank: int | None
    ) -> TracedNode:
        try:
            value = _checked(operation, [part.symbol for part in parts], options)
        except Untraceable:
            if len(in_topological_order(parts)) <= _READABLE:  # the same message, about formulas of the arguments
                _checked(operation, list(map(ExpressionWriter({}).expression, parts)), options)
            raise
        rank = len(shape_of(value)) if rank is None else rank
        value = as_row(value)
        same = next((part for part in parts if part.symbol == value and part.rank == rank), None)
        if same is not None:
            return same
        if _is_constant(value):
            return self.leaf(value, rank)
        name = f"quantity {len(self.nodes)}"
        symbol = NamedMatrix(name, *value.shape) if is_matrix(value) else Symbol(name, real=True)
        node = TracedNode(operation, parts, options, rank, symbol, len(self.nodes))
        self.nodes.append(node)
        return node


def _checked(operation: NodeOperation, parts: Iterable[Expression], options: Options) -> Expression:
    """Return an operation on expressions; raise Untraceable for inconsistent shapes or an unsupported operation."""
    try:
        value = operation(*parts, *options)
        for piece in postorder(value):
            if hasattr(piece, "check"):
                piece.check()
    except Mismatch as mismatch:
        raise Untraceable(mismatch.message(typed)) from None
    except (SymbackpropError, ValueError, TypeError) as error:
        raise Untraceable(str(error)) from None
    return value


def _is_constant(value: Expression) -> bool:
    """Return True for an expression that contains only sizes and numbers."""
    return all(part.is_Symbol and part.is_integer for part in postorder(value) if is_name(part))


def in_topological_order(roots: Iterable[TracedNode], known: Container[TracedNode] = ()) -> list[TracedNode]:
    """Return the roots and all nodes from which they are computed, in topological order, but none of the known ones."""
    seen: set[TracedNode] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen and node not in known:
            seen.add(node)
            stack += node.parts
    return sorted(seen, key=lambda node: node.serial)


class ExpressionWriter:
    """Expressions of nodes in terms of the nodes that have names; each node is written once."""

    def __init__(self, names: Mapping[TracedNode, Expression]):
        self.names = dict(names)
        self._written: dict[TracedNode, Expression] = {}
        self._definitions: dict[Expression, Expression] = {}

    def expression(self, node: TracedNode) -> Expression:
        """Return a node as an expression; the expression of a named node is its definition."""
        for part in in_topological_order([node], self._written):
            self._written[part] = self._of(part)
            if part in self.names:
                self._define(part)
        return self._written[node]

    def name(self, node: TracedNode, symbol: Expression) -> None:
        """Use a symbol for a node, which has been written, in the expressions of the nodes that use it."""
        self.names[node] = symbol
        self._define(node)

    def _of(self, node: TracedNode) -> Expression:
        if node.operation is None:
            return node.symbol
        parts = [self.names.get(part, self._written[part]) for part in node.parts]
        return recognized(node.expression(parts), self._definitions)

    def _define(self, node: TracedNode) -> None:
        if self.names[node] != self._written[node]:  # a quantity in another shape has the same name
            self._definitions[self.names[node]] = self._written[node]
