"""Quantities that are written with their arguments: z_j(a_j), E(w), a_j(w_{ij}, x^{(k)})."""

from collections.abc import Sequence
from dataclasses import replace

from symbackprop.expressions.aliases import Expression
from symbackprop.network.network import INPUT, ONE_HOT, TARGET, Network
from symbackprop.parsing.scripts import FUNCTIONS
from symbackprop.parsing.statements import Statement, names_of
from symbackprop.parsing.syntax_tree import Call, Group, Multiply, Name, Node, Script, mapped
from symbackprop.proofread.derivation.definitions import function_head
from symbackprop.proofread.derivation.example_index import of_example
from symbackprop.proofread.interpreter.cost_terms import cost_terms
from symbackprop.proofread.interpreter.symbol_table import SymbolTable


def without_arguments(statements: Sequence[Statement], network: Network, letter: str) -> list[Statement]:
    """Return the statements without the arguments of quantities: z for z(a), and a_i for a(x_i) if `letter` is i."""
    plain = _WithoutArguments(network, letter)
    return [_changed(statement, plain) for statement in statements]


def _changed(statement: Statement, plain: "_WithoutArguments") -> Statement:
    heads = tuple(side if plain.is_of_given(side) else plain(side) for side in statement.sides[:1])
    others = tuple(map(plain, statement.sides[1:]))
    if any(isinstance(head, Name) and head.above == (plain.each,) for head in heads):
        others = tuple(map(plain.of_each, others))
    sides = (*heads, *others)
    update = statement.update
    if update is not None:
        update = replace(update, changes=tuple(map(plain, update.changes)))
    return replace(statement, sides=sides, names=names_of(sides), update=update)


class _WithoutArguments:
    """Rewriter of formulas without the arguments of quantities."""

    def __init__(self, network: Network, letter: str):
        self.symbols = SymbolTable(network)
        self.each = of_example(letter)
        self.data = set(network.of_role(INPUT, TARGET, ONE_HOT))
        self.has_penalty = not all(self._needs_data(term) for term in cost_terms(network))

    def is_of_given(self, head: Node) -> bool:
        """Return True for h(x) as a left side, if h is computed from x: then x is one example."""
        parts = function_head(head)
        quantity, argument = (None, None) if parts is None else map(self._symbol, parts)
        return argument not in self.symbols.needed and argument in self.symbols.needed.get(quantity, ())

    def of_each(self, node: Node) -> Node:
        """Return a formula in which each name that is computed from data has the index of the example."""
        node = mapped(node, self.of_each)
        if isinstance(node, Name) and not node.above and self._needs_data(self._symbol(node)):
            return replace(node, above=(self.each,), source="")
        return node

    def _needs_data(self, symbol: Expression | None) -> bool:
        return symbol in self.data or not self.data.isdisjoint(self.symbols.needed.get(symbol, ()))

    def __call__(self, node: Node) -> Node:
        node = mapped(node, self)
        if isinstance(node, Multiply) and not node.sign:
            return self._of_factors(node)
        if isinstance(node, Call) and isinstance(node.function, Name):
            return self._bare_name(node.function, node.arguments) or node
        return node

    def _of_factors(self, node: Multiply) -> Node:
        factors: list[Node] = []
        for factor in node.factors:
            name = factors[-1] if factors else None
            items = factor.items if isinstance(factor, Group) and factor.brackets == "()" else ()
            plain = self._bare_name(name, items) if items and isinstance(name, Name) else None
            if plain is not None:
                factors[-1] = plain
            else:
                factors.append(factor)
        if len(factors) == len(node.factors):
            return node
        return factors[0] if len(factors) == 1 else replace(node, factors=tuple(factors), source="")

    def _bare_name(self, name: Name, arguments: Sequence[Node]) -> Name | None:
        """Return a quantity without its arguments, and with the index of their example; None for a function."""
        if not all(isinstance(argument, Name) for argument in arguments) or name.base in FUNCTIONS:
            return None
        name = self._hypothesis(name)
        symbol = self._symbol(name)
        given = {s for argument in arguments if isinstance(argument, Name) for s in self._symbols(argument)}
        if symbol is None or not self.symbols.needed.get(symbol, set()).issuperset(given):
            return None
        below = name.below
        bare = self.symbols.symbol((name.base, "", ""))
        if bare is not None and bare not in self.symbols.network.dimensions:  # h of h_θ(x)
            below = tuple(mark for mark in below if not self._is_parameter(mark.content))
        marks = [mark for argument in arguments for mark in getattr(argument, "above", ()) if _is_example(mark)]
        above = name.above or tuple(marks[:1])
        if not (above or below):
            below = self._index_of_example(arguments)  # f(x_n)
        if symbol == self.symbols.network.cost.symbol and not above and self._are_one_example(arguments):
            above = (self.each,)
        return name if (above, below) == (name.above, name.below) else Name(base=name.base, above=above, below=below)

    def _hypothesis(self, name: Name) -> Name:
        """Return h_W for the h in h(x), if the network has a size h and a quantity h_W; else the name itself."""
        of_weights = Script(kind="plain", content=Name(base="W"))
        is_size = not name.below and self._symbol(name) in self.symbols.network.dimensions
        other = replace(name, below=(of_weights,), source="")
        return other if is_size and self._symbol(other) is not None else name

    def _are_one_example(self, arguments: Sequence[Node]) -> bool:
        """Return True if x and y in J(W; x, y) are one example of X and Y; J then does not include a penalty."""
        names = [argument for argument in arguments if isinstance(argument, Name) and not argument.below]
        data = [name for name in names if self._symbol(name) in self.data]
        are_lowercase = all(name.base.islower() and (name.base, "", "") not in self.symbols.known for name in data)
        return self.has_penalty and len(data) > 1 and are_lowercase

    def _index_of_example(self, arguments: Sequence[Node]) -> tuple[Script, ...]:
        """Return the subscript n of x_n, if it is the only one of the arguments that are data; else ()."""
        names = [
            argument for argument in arguments if isinstance(argument, Name) and self._symbol(argument) in self.data
        ]
        marks = {mark for name in names for mark in name.below if isinstance(mark.content, Name)}
        is_plain = all(len(name.below) == 1 and not name.above for name in names)
        return tuple(marks) if len(marks) == 1 and is_plain else ()

    def _is_parameter(self, node: Node) -> bool:
        return isinstance(node, Name) and self._symbols(node) <= set(self.symbols.network.parameters)

    def _symbols(self, name: Name) -> set[Expression | None]:
        """Return the quantities that a name denotes (W may be all weights), or {None} if it is unknown."""
        known = self.symbols.known.items()
        of_layers = {symbol for key, symbol in known if key[0] == name.base and key[2] and not name.above + name.below}
        found = self._symbol(name)
        return of_layers if found is None and of_layers else {found}

    def _symbol(self, name: Name) -> Expression | None:
        found = (self.symbols.symbol(name_reading.key) for name_reading in self.symbols.readings(name, {}))
        return next((symbol for symbol in found if symbol is not None), None)


def _is_example(mark: Script) -> bool:
    return mark.kind == "layer" and isinstance(mark.content, Name)
