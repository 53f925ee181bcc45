"""Identities between terms Σ G ⊙ ∂C/∂W, for all sizes: C is derived by SymPy's scalar calculus on its entries."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

from sympy import Add, Integer, Symbol
from sympy.matrices.expressions.matexpr import MatrixElement

from symbackprop.expressions.constructors import hadamard
from symbackprop.expressions.derivative_symbols import Entrywise
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.matrices import NamedMatrix, postorder
from symbackprop.expressions.operations import Elementwise, Total
from symbackprop.expressions.shapes import is_matrix
from symbackprop.prove.index_form import differential, entry_form, in_outputs, scalar_form
from symbackprop.prove.normal_form import equal
from symbackprop.prove.use_counts import Recount, partials_in

_MOST_OPENED = 4  # names, one after the other, that are replaced by what they stand for


def paired(error: Any, slope: Any) -> Any:
    """Σ error ⊙ slope."""
    return Total(hadamard(error, slope)) if is_matrix(slope) else error * slope


class Calculus:
    """The identities of one section, in which ∂/∂W is by one parameter and some quantities are held."""

    def __init__(self, recount: Recount, parameter: Any, adjoints: dict[Any, Any] | None = None):
        self.recount = recount
        self.parameter = parameter
        self.changing = recount.dependents(parameter)
        self.held: set[Any] = set()
        self.adjoints = {} if adjoints is None else adjoints  # what the names of adjoints stand for
        self.fresh = (f"move {i}" for i in count(1))  # no name of a network has a space

    def same_line(self, before: Any, after: Any) -> bool:
        """Whether two sides are equal, however the quantities move whose ∂A/∂W stand in `after`."""
        parts = {self.parameter} if is_matrix(after) else {partial.of for partial in partials_in(after)}
        moves = {part: self.move(part) for part in parts}
        opened = self._definitions(partial.of for partial in partials_in(before) if partial.of not in moves)
        return self._equal(*(_opened(self._form(side, moves), opened) for side in (before, after)))

    def same_sum(self, sides: Iterable[Any], whole: Any) -> bool:
        """Whether the sides, which are all about the parameter itself, add up to the whole."""
        moves = {self.parameter: self.move(self.parameter)}
        return self._equal(Add(*(self._form(side, moves) for side in sides)), self._form(whole, moves))

    def same_error(self, node: Any, one: Any, other: Any) -> bool:
        move = self.move(node)
        return one == other or equal(scalar_form(paired(one, move)), scalar_form(paired(other, move)))

    def same(self, one: Any, other: Any) -> bool:
        """Whether two quantities of one shape are equal, the names in them opened where that is needed."""
        move = self.move(one)
        return self._equal(scalar_form(paired(one, move)), scalar_form(paired(other, move)))

    def is_error(self, node: Any, claimed: Any, known: Mapping[Any, Any]) -> bool:
        """Whether ∂J/∂node is what is claimed: from all that uses it, up to the quantities whose ∂J/∂… is known."""
        users, between = self.recount.above(node, known)
        opened = self._definitions(users | between)
        move, whole = self.move(node), Integer(0)
        for user in users:
            expression = self.recount.expression(user).xreplace({s: e for s, e in opened.items() if s in between})
            slope = self.move(user)
            form = scalar_form(paired(known[user], slope))
            still = [part for part in postorder(expression) if part in known and part != node]
            whole += self._derived(form, slope, expression, {node: move}, held=still)
        return self._equal(_opened(whole, opened), _opened(scalar_form(paired(claimed, move)), opened))

    def _equal(self, one: Any, other: Any) -> bool:
        """Whether two forms are equal; a name, first one that only one of them uses, may be what the other one says."""
        for _ in range(_MOST_OPENED):
            if equal(one, other) or self._equal_in_outputs(one, other):
                return True
            opened = self._named(one.free_symbols ^ other.free_symbols) or self._named(one.free_symbols)
            if not opened:
                return False
            last = max(opened, key=self._rank)
            one, other = (_opened(form, {last: opened[last]}) for form in (one, other))
        return False

    def _named(self, symbols: set[Any]) -> dict[Any, Any]:
        """The names among some symbols, with what they stand for."""
        return self._definitions(symbols) | {s: self.adjoints[s] for s in symbols & self.adjoints.keys()}

    def _equal_in_outputs(self, one: Any, other: Any) -> bool:
        """The same with f′(z) in terms of f(z), and each a = f(z) as that."""
        symbols = one.free_symbols | other.free_symbols
        maps = {s: e for s, e in self._definitions(symbols).items() if isinstance(e, Elementwise | Applied)}
        forms = [in_outputs(_opened(form, maps)) for form in (one, other)]
        return forms != [one, other] and equal(*forms)

    def _rank(self, name: Any) -> int:
        """When it is said: a name stands for what earlier ones stand for."""
        return list(self.recount.definitions | self.adjoints).index(name)

    def move(self, node: Any) -> Any:
        """Any direction in which a quantity may move."""
        name = next(self.fresh)
        return NamedMatrix(name, *node.shape) if is_matrix(node) else Symbol(name, real=True)

    def _definitions(self, quantities: Iterable[Any]) -> dict[Any, Any]:
        """Names, and what they stand for: a rule may speak of its result by name."""
        named = (self.recount.names.get(quantity, quantity) for quantity in quantities)
        return {name: self.recount.definitions[name] for name in named if name in self.recount.definitions}

    def _form(self, side: Any, moves: Mapping[Any, Any]) -> Any:
        """A side of a line, in the moves of its parts: any other ∂C/∂W is derived."""
        if is_matrix(side):
            return scalar_form(paired(side, moves[self.parameter]))
        partials = partials_in(side)
        slopes = {partial: moves[partial.of] if partial.of in moves else self.move(partial.of) for partial in partials}
        form = scalar_form(self.entries_told(side.xreplace(slopes)))
        for partial, slope in slopes.items():
            if partial.of not in moves:
                expression = self.recount.expression(partial.of)
                held = [part for part in postorder(expression) if part in self.held and part not in moves]
                form = self._derived(form, slope, expression, self._moving(expression, moves), held=held)
        return form

    def entries_told(self, side: Any) -> Any:
        """The side with ∂a/∂z, whose a is a name, as the ∂f(z)/∂z that it stands for."""
        return side.xreplace({e: Entrywise(self.recount.expression(e.of), e.by) for e in side.atoms(Entrywise)})

    def _moving(self, expression: Any, moves: Mapping[Any, Any]) -> dict[Any, Any]:
        """The moves of the parts, and of everything else that changes with W: what a line forgets must show."""
        leaves = (part for part in postorder(expression) if part.is_symbol and part in self.changing)
        return {leaf: self.move(leaf) for leaf in leaves if leaf not in self.held} | dict(moves)

    def _derived(self, form: Any, slope: Any, expression: Any, moving: Mapping[Any, Any], *, held: list[Any]) -> Any:
        """The form with the derivative of an expression in the place of its slope; what is held does not move."""
        still = {part: self.move(part) for part in held if part != expression and not part.is_symbol}
        all_moving = dict(moving) | still

        def derived(entry: Any) -> Any:
            return _without(differential(entry), still.values())

        if not is_matrix(expression):
            return form.xreplace({slope: derived(scalar_form(expression, all_moving))})
        return form.replace(
            lambda part: isinstance(part, MatrixElement) and part.parent == slope,
            lambda part: derived(entry_form(expression, part.i, part.j, all_moving)),
        )


def _opened(form: Any, definitions: Mapping[Any, Any]) -> Any:
    """The form with the entries of named quantities by their definitions."""
    scalars = {s: scalar_form(e) for s, e in definitions.items() if not is_matrix(s)}
    return form.xreplace(scalars).replace(
        lambda part: isinstance(part, MatrixElement) and part.parent in definitions,
        lambda part: entry_form(definitions[part.parent], part.i, part.j),
    )


def _without(form: Any, still: Iterable[Any]) -> Any:
    """A derivative in which the moves of what is held are 0."""
    moves = set(still)
    scalars = {move: Integer(0) for move in moves if not is_matrix(move)}
    return form.xreplace(scalars).replace(
        lambda part: isinstance(part, MatrixElement) and part.parent in moves, lambda part: Integer(0)
    )
