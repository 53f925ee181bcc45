"""What a written formula is worth at a point, in each way that it can be read."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import singledispatchmethod
from typing import Any

import numpy as np

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Group, Name, Node
from symbackprop.printing.naming import Key
from symbackprop.proofread.interpreter import values
from symbackprop.proofread.interpreter.class_index import Classes
from symbackprop.proofread.interpreter.conventions import Layout, UnknownNameError
from symbackprop.proofread.interpreter.derivatives import Derivatives
from symbackprop.proofread.interpreter.functions import call, fused
from symbackprop.proofread.interpreter.names import Quantities, raised
from symbackprop.proofread.interpreter.products import readings
from symbackprop.proofread.interpreter.readings import distinct, fitting
from symbackprop.proofread.interpreter.sums import Sums
from symbackprop.proofread.interpreter.symbol_table import SymbolTable
from symbackprop.proofread.interpreter.values import IndexedArray, ShapeMismatchError, scalar


class Evaluator(Quantities, Classes, Derivatives, Sums):
    """Values of formulas.

    Args:
        world: the network at a point.
        lexicon: what names stand for.
        layout: of the document.
        letters: that stand for layer numbers.
        dummies: values of the arguments of functions that the document defines.
        example: an index over examples that every quantity of the data silently has.
        fixed: values of formulas that are derived by, as 1 - a.
        held: quantities of the network that do not change where something is derived.
    """

    def __init__(
        self,
        world: Any,
        lexicon: SymbolTable,
        layout: Layout,
        *,
        letters: Mapping[str, int] | None = None,
        dummies: Mapping[Key, IndexedArray] | None = None,
        example: str | None = None,
        fixed: Mapping[Node, IndexedArray] | None = None,
        held: frozenset[Any] = frozenset(),
    ):
        self.world = world
        self.lexicon = lexicon
        self.layout = layout
        self.letters = dict(letters or {})
        self.dummies = dict(dummies or {})
        self.example = example
        self.fixed = dict(fixed or {})
        self.held = held
        self.opening: tuple[Key, ...] = ()  # definitions that are being opened
        self.memo: dict[int, tuple[Node, Any]] = {}  # by the identity of formulas, which edits share

    def beside(self, **changed: Any) -> "Evaluator":
        """The same with something changed."""
        given = {"world": self.world, "letters": self.letters, "dummies": self.dummies, "example": self.example}
        given |= {"fixed": self.fixed, "held": self.held}
        given |= changed
        world = given.pop("world")
        other = Evaluator(world, self.lexicon, self.layout, **given)
        other.opening = self.opening
        return other

    def values(self, node: Node) -> list[IndexedArray]:
        """The readings of a formula, likely ones first.

        Raises:
            ShapeMismatchError: no reading fits the shapes.
            UnsupportedNotationError: something in it has no meaning here.
        """
        known = self.memo.get(id(node))
        if known is None:
            known = self.memo[id(node)] = node, self._values(node)
        if isinstance(known[1], Exception):
            raise known[1]
        return known[1]

    def _values(self, node: Node) -> list[IndexedArray] | Exception:
        try:
            if self.fixed and node in self.fixed:
                return [self.fixed[node]]
            with np.errstate(all="ignore"):
                return distinct(self.value(node))
        except (ShapeMismatchError, UnsupportedNotationError) as error:
            return error

    def first(self, node: Node) -> IndexedArray:
        return self.values(node)[0]

    @singledispatchmethod
    def value(self, node: Node) -> list[IndexedArray]:
        raise UnsupportedNotationError(f"{node.source or type(node).__name__} is not read here")

    @value.register
    def _(self, node: tree.Number) -> list[IndexedArray]:
        return [scalar(node.value)]

    @value.register
    def _(self, node: tree.Add) -> list[IndexedArray]:
        parts = [self.values(term) for term in node.terms]
        return fitting(lambda *chosen: values.plus(list(chosen), node.signs), parts)

    @value.register
    def _(self, node: tree.Group) -> list[IndexedArray]:
        if len(node.items) != 1:
            raise UnsupportedNotationError(f"{node.source}: a list is no quantity")
        if isinstance(node.items[0], tree.Relation) and node.brackets == "[]":  # [z > 0]
            return self.condition(node.items[0])
        return self.values(node.items[0])

    @value.register
    def _(self, node: tree.Transposed) -> list[IndexedArray]:
        return fitting(values.transposed, [self.values(node.base)])

    @value.register
    def _(self, node: tree.Divide) -> list[IndexedArray]:
        above = node.above.items[0] if isinstance(node.above, Group) and len(node.above.items) == 1 else node.above
        sign = above.sign if isinstance(above, tree.Multiply) else ""
        factors = above.factors if isinstance(above, tree.Multiply) else ()
        factors = factors if sign else tuple(fused(self, factors))
        if any(v.is_slope for factor in factors for v in self.values(factor)):
            inverse = tree.Divide(above=tree.number(1), below=node.below)  # before the chain rule sums
            return self.values(tree.Multiply(sign=sign, factors=(inverse, *factors)))

        def quotient(above: IndexedArray, below: IndexedArray) -> IndexedArray:
            if below.is_slope:
                raise ShapeMismatchError("a ∂A/∂B stands in a denominator")
            inverse = values.mapped(below, lambda array: 1 / array)
            return values.product(inverse, above) if below.is_number else values.entrywise(above, inverse)

        return fitting(quotient, [self.values(node.above), self.values(node.below)])

    @value.register
    def _(self, node: tree.Power) -> list[IndexedArray]:
        if self.is_exponential(node):
            return [values.mapped(value, np.exp) for value in self.values(node.exponent)]
        exponents = self.values(node.exponent)
        return [raised(base, exponents[0], node.entrywise) for base in self.values(node.base)]

    def is_exponential(self, node: tree.Power) -> bool:
        """e^x, where e is no quantity."""
        base = node.base
        is_e = isinstance(base, Name) and base.base == "e" and not base.above and not base.below
        return is_e and not (("e", "", "") in self.lexicon.known and isinstance(node.exponent, tree.Number))

    @value.register
    def _(self, node: tree.Entry) -> list[IndexedArray]:
        indices = tuple(self.index(part) for part in node.indices)
        found = self.values(node.base)
        if len(indices) == 1 and all(1 not in value.shape and not value.is_slope for value in found):
            return [line for value in found for line in self.one_example(value, indices[0])]
        return fitting(lambda value: values.entry(value, indices), [found])

    @value.register
    def _(self, node: tree.Part) -> list[IndexedArray]:
        ranges = tuple((self.whole(first), self.whole(last)) for first, last in node.ranges)
        return fitting(lambda value: values.part(value, ranges), [self.values(node.base)])

    def whole(self, node: Node | None) -> int | None:
        """A formula that is a whole number, as 2H; None where there is none."""
        return None if node is None else values.whole(self.first(node))

    @value.register
    def _(self, node: tree.Matrix) -> list[IndexedArray]:
        lengths = [len(row) for row in node.rows]

        def made(*chosen: IndexedArray) -> IndexedArray:
            rest = iter(chosen)
            return values.blocks([[next(rest) for _ in range(length)] for length in lengths])

        return fitting(made, [self.values(entry) for row in node.rows for entry in row])

    @value.register
    def _(self, node: tree.IndexedList) -> list[IndexedArray]:
        return fitting(lambda value: values.listed(value, node.rows, node.columns), [self.values(node.body)])

    def index(self, part: Node) -> str | int:
        if isinstance(part, tree.Number):
            return int(part.value)
        if isinstance(part, Name):
            return self.letters.get(part.base, part.base)
        raise UnsupportedNotationError(f"the index {part.source} is not read")

    @value.register
    def _(self, node: tree.Multiply) -> list[IndexedArray]:
        factors = fused(self, node.factors) if not node.sign else node.factors
        return readings(node.sign, [self.values(factor) for factor in factors])

    @value.register
    def _(self, node: tree.Norm) -> list[IndexedArray]:
        function = np.abs if node.single else None
        if function is not None:
            return [values.mapped(value, function) for value in self.values(node.body)]
        if node.order == 1:
            return [values.total(values.mapped(value, np.abs)) for value in self.values(node.body)]
        squares = [values.total(values.mapped(value, np.square)) for value in self.values(node.body)]
        return [values.mapped(value, np.sqrt) for value in squares]

    @value.register
    def _(self, node: tree.Indicator) -> list[IndexedArray]:
        return self.condition(node.condition)

    def condition(self, node: Node) -> list[IndexedArray]:
        if not isinstance(node, tree.Relation) or node.sign not in _COMPARED:
            raise UnsupportedNotationError(f"the condition {node.source} is not read")
        label = self.class_is(node)
        if label:
            return label
        if node.sign in {"=", "!="} and all(isinstance(side, Name) for side in (node.left, node.right)):
            equal = self.kronecker(self.index(node.left), self.index(node.right))
            return equal if node.sign == "=" else [values.plus([scalar(1), value], (1, -1)) for value in equal]
        left, right = self.first(node.left), self.first(node.right)
        difference = values.plus([left, right], (1, -1))
        return [values.mapped(difference, lambda array: _COMPARED[node.sign](array).astype(float))]

    def kronecker(self, i: str | int, j: str | int) -> list[IndexedArray]:
        """1 where two indices are equal, of any size."""
        if not isinstance(i, str) or not isinstance(j, str) or i == j:
            raise UnsupportedNotationError(f"[{i} = {j}] is not read here")
        return [IndexedArray(np.eye(size)[..., None, None], (i, j)) for size in self.all_sizes()]

    @value.register
    def _(self, node: tree.Cases) -> list[IndexedArray]:
        *pairs, (last, _) = list(zip(node.values, node.conditions, strict=True))
        results = self.values(last)
        for body, condition in reversed(pairs):
            if condition is None:
                raise UnsupportedNotationError("a case has no condition")
            parts = [self.condition(condition), self.values(body), results]
            results = fitting(_chosen, parts)
        return results

    # sums

    @value.register
    def _(self, node: tree.Summation) -> list[IndexedArray]:
        if node.sign != r"\sum":
            raise UnsupportedNotationError(f"{node.sign} is not read")
        if not node.indices:
            return self.silent_sum(node.body, "sum over examples")
        try:
            found = self.values(node.body)
        except UnknownNameError:
            if len(node.indices) != 1:
                raise
            return self.sum_of_layers(node)
        visible = [index for index in node.indices if all(index in value.indices for value in found)]
        for index in visible:
            found = [values.summed(value, index) for value in found]
        hidden = [index for index in node.indices if index not in visible]
        if not hidden:
            return found
        if visible:
            raise ShapeMismatchError(f"the sum is over {hidden[0]}, which does not stand in it")
        return self.hidden_sum(node, found)

    # names

    @value.register
    def _(self, node: Name) -> list[IndexedArray]:
        if node.base == "ones":
            return self.ones(node)
        is_of_a_class = any(isinstance(mark.content, Name) and mark.content.below for mark in node.below)  # p_{y_i}
        if is_of_a_class and self.of_own_class(node):
            return self.of_own_class(node)
        for split in self.lexicon.splits(node, self.letters):
            found = self.named(split)
            if found:
                own = self.of_own_class(node) if len(split.indices) == 1 else []
                return [*own, *found, *self.of_a_row(split), *self.kronecker_delta(node)]
        found = self.kronecker_delta(node) or self.of_own_class(node) or self.constant(node)
        if found:
            return found
        raise UnknownNameError(node)

    def constant(self, node: Name) -> list[IndexedArray]:
        """π, e and the identity matrix, of any size."""
        if node.base in _CONSTANTS and not node.above and not node.below:
            return [scalar(_CONSTANTS[node.base])]
        if node == Name(base="T") and self.lexicon.last_step:
            return [scalar(self.lexicon.last_step)]
        if node.base in {"I", "mathbbI", "E"} and not node.above:
            return [IndexedArray(np.eye(size)) for size in sorted(self.all_sizes(), key=lambda size: size == 1)]
        return []

    # derivatives

    @value.register
    def _(self, node: tree.Differential) -> list[IndexedArray]:
        """dW alone is short for ∂J/∂W."""
        if not isinstance(node.body, Name) or self.is_cost(node.body):
            raise UnsupportedNotationError(f"{node.source or 'a differential'} stands alone")
        for split in self.lexicon.splits(node.body, self.letters):
            key = (f"d{split.key[0]}", *split.key[1:])
            if key in self.lexicon.chosen or key in self.lexicon.definitions:
                found = self.named(replace(split, key=key))
            elif (quantity := self.quantity(split.key)) is not None:
                error = self.error(quantity)
                found = [] if error is None else self.with_scripts(error, split)
            else:
                continue
            if found:
                return found
        raise UnknownNameError(node.body)

    @value.register
    def _(self, node: tree.Partial) -> list[IndexedArray]:
        by = node.by.items[0] if isinstance(node.by, Group) and len(node.by.items) == 1 else node.by
        if isinstance(by, tree.Transposed):
            return [values.transposed(value) for value in self.value(replace(node, by=by.base))]
        of = self.derived(node.of)
        if not isinstance(by, Name):
            quantities = list(self.nodes_worth(self.values(by)))
            if not quantities:
                raise UnsupportedNotationError(f"a derivative by {by.source}, which is no quantity of the network")
            return [value for quantity in quantities for value in self.slope(of, quantity, by)]
        found: list[IndexedArray] = []
        problem: Exception = UnknownNameError(by)
        for split in self.lexicon.splits(by, self.letters):
            if split.key in self.dummies:
                return [self.by_dummy(of, split.key)]
            quantity = self.quantity(split.key)
            if quantity is None:
                continue
            try:
                found += [
                    entry
                    for one in (quantity, *self.matrix_of_rows(split))
                    for value in self.slope(of, one)
                    for entry in self.at_entries(value, split)
                ]
            except ShapeMismatchError as error:
                problem = error
                continue
            if split.key in self.lexicon.known or split.key in self.lexicon.definitions:
                break  # w_1 of another name may be an entry of w too
        if found:
            return found
        if self.is_bare_function(of) and isinstance(of, Name):
            return self.values(tree.Call(function=tree.Prime(base=of), arguments=(by,)))
        last = self.lexicon.of_last_layer(by) if self.is_cost(of) else None  # ∇_a C is by the output
        if last is not None:
            return self.values(tree.Partial(of=of, by=last))
        raise problem

    # functions

    @value.register
    def _(self, node: tree.Call) -> list[IndexedArray]:
        return call(self, node)


_COMPARED: dict[str, Callable[[Any], Any]] = {
    ">": lambda d: d > 0,
    "<": lambda d: d < 0,
    ">=": lambda d: d >= 0,
    "<=": lambda d: d <= 0,
    "=": lambda d: d == 0,
    "!=": lambda d: d != 0,
}
_CONSTANTS = {"pi": np.pi, "e": np.e}


def _chosen(where: IndexedArray, value: IndexedArray, other: IndexedArray) -> IndexedArray:
    """One value where a condition holds, another elsewhere."""
    elsewhere = values.plus([scalar(1), where], (1, -1))
    return values.plus([values.entrywise(where, value), values.entrywise(elsewhere, other)], (1, 1))
