"""Identities between terms Σ G ⊙ ∂C/∂W, for all sizes: SymPy's scalar calculus differentiates the entries of C."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import TypeAlias

from sympy import Add, Integer, Symbol

from symbackprop.expressions.aliases import Expression, Matrix, Scalar
from symbackprop.expressions.derivative_symbols import Entrywise
from symbackprop.expressions.functions import Applied
from symbackprop.expressions.matrices import NamedMatrix, postorder
from symbackprop.expressions.operations import Elementwise
from symbackprop.expressions.shapes import is_matrix
from symbackprop.prove.index_form import differential, entry_form, in_outputs, scalar_form, with_entries
from symbackprop.prove.normal_form import equal
from symbackprop.prove.use_counts import Recount, is_gradient, paired, partials_in

_MOST_OPENED = 4  # names that are replaced by their definitions, one after the other

Definitions: TypeAlias = dict[Expression, Expression]  # names or quantities, with the expressions that replace them


class Calculus:
    """The identities of one section: derivatives with respect to one parameter, with some quantities held fixed.

    Derivatives are directional: each quantity that may change has a new symbol for its perturbation.
    """

    def __init__(self, recount: Recount, parameter: Matrix, adjoints: Definitions | None = None):
        self.recount = recount
        self.parameter = parameter
        self.changing = recount.dependents(parameter)
        self.held_fixed: set[Expression] = set()
        self.is_patient = True  # replaces names by their definitions where a proof needs it
        self.adjoints = {} if adjoints is None else adjoints  # the definitions of named adjoints
        self.fresh = (f"change {i}" for i in count(1))  # no name of a network has a space

    def same_line(self, before: Expression, after: Expression) -> bool:
        """Return True if two sides are proved equal for all perturbations of the A whose ∂A/∂W occur in `after`."""
        is_end = is_gradient(after, self.parameter)
        parts = {self.parameter} if is_end else {partial.of for partial in partials_in(after)}
        changes = {part: self.perturbation(part) for part in parts}
        opened = self._definitions(partial.of for partial in partials_in(before) if partial.of not in changes)
        return self._equal(*(_opened(self._form(side, changes), opened) for side in (before, after)))

    def same_sum(self, sides: Iterable[Expression], whole: Matrix) -> bool:
        """Return True if the sum of the sides, which are gradients or contain only ∂W/∂W, provably equals the whole."""
        changes = {self.parameter: self.perturbation(self.parameter)}
        return self._equal(Add(*(self._form(side, changes) for side in sides)), self._form(whole, changes))

    def same_adjoint(self, node: Expression, one: Expression, other: Expression) -> bool:
        """Return True if two expressions for ∂J/∂node are proved equal without replacing names by definitions."""
        change = self.perturbation(node)
        return one == other or equal(scalar_form(paired(one, change)), scalar_form(paired(other, change)))

    def same(self, one: Expression, other: Expression) -> bool:
        """Return True if two quantities of the same shape are proved equal, if necessary with their definitions."""
        change = self.perturbation(one)
        return self._equal(scalar_form(paired(one, change)), scalar_form(paired(other, change)))

    def is_adjoint(self, node: Expression, claimed: Expression, known: Mapping[Expression, Expression]) -> bool:
        """Return True if ∂J/∂node = `claimed` is proved, given the `known` ∂J/∂C of the users C of the node."""
        users, between = self.recount.above(node, known)
        opened = self._definitions(users | between)
        change, whole = self.perturbation(node), Integer(0)
        for user in users:
            expression = self.recount.expression(user).xreplace({s: e for s, e in opened.items() if s in between})
            placeholder = self.perturbation(user)
            form = scalar_form(paired(known[user], placeholder))
            held_fixed = [part for part in postorder(expression) if part in known and part != node]
            whole += self._differentiated(form, placeholder, expression, {node: change}, held_fixed)
        return self._equal(_opened(whole, opened), _opened(scalar_form(paired(claimed, change)), opened))

    def _equal(self, one: Scalar, other: Scalar) -> bool:
        """Return True if two forms are proved equal, with names replaced by definitions one at a time."""
        for _ in range(_MOST_OPENED if self.is_patient else 1):
            if equal(one, other) or self._equal_in_outputs(one, other):
                return True
            opened = self._named(one.free_symbols ^ other.free_symbols) or self._named(one.free_symbols)
            if not opened:
                return False
            last = max(opened, key=self._position)
            one, other = (_opened(form, {last: opened[last]}) for form in (one, other))
        return False

    def _named(self, symbols: set[Expression]) -> Definitions:
        """Return the definitions of the symbols that are names."""
        return self._definitions(symbols) | {s: self.adjoints[s] for s in symbols & self.adjoints.keys()}

    def _equal_in_outputs(self, one: Scalar, other: Scalar) -> bool:
        """Return True if two forms are proved equal with f′(z) in terms of f(z), and f(z) in place of each a = f(z)."""
        definitions = self._definitions(one.free_symbols | other.free_symbols)
        activations = {s: e for s, e in definitions.items() if isinstance(e, Elementwise | Applied)}
        forms = [in_outputs(_opened(form, activations)) for form in (one, other)]
        return forms != [one, other] and equal(*forms)

    def _position(self, name: Expression) -> int:
        """Return the position of a name's definition; a definition uses only names that are defined earlier."""
        return list(self.recount.definitions | self.adjoints).index(name)

    def perturbation(self, node: Expression) -> Expression:
        """Return a new symbol for an arbitrary perturbation of a quantity."""
        name = next(self.fresh)
        return NamedMatrix(name, *node.shape) if is_matrix(node) else Symbol(name, real=True)

    def _definitions(self, quantities: Iterable[Expression]) -> Definitions:
        """Return the definitions of those quantities that are names, or right-hand sides of definitions, by name."""
        named = (self.recount.names.get(quantity, quantity) for quantity in quantities)
        return {name: self.recount.definitions[name] for name in named if name in self.recount.definitions}

    def _form(self, side: Expression, changes: Mapping[Expression, Expression]) -> Scalar:
        """Return a side of a line as a form in the perturbations; where C has none, ∂C/∂W is the differential of C."""
        if is_gradient(side, self.parameter):
            return scalar_form(paired(side, changes[self.parameter]))
        partials = partials_in(side)
        placeholders = {p: changes[p.of] if p.of in changes else self.perturbation(p.of) for p in partials}
        form = scalar_form(self.with_functions(side.xreplace(placeholders)))
        for partial, placeholder in placeholders.items():
            if partial.of not in changes:
                expression = self.recount.expression(partial.of)
                held_fixed = [part for part in postorder(expression) if part in self.held_fixed and part not in changes]
                perturbed = self._perturbed(expression, changes)
                form = self._differentiated(form, placeholder, expression, perturbed, held_fixed)
        return form

    def with_functions(self, side: Expression) -> Expression:
        """Return a side with ∂f(z)/∂z in place of each ∂a/∂z where a = f(z)."""
        return side.xreplace({e: Entrywise(self.recount.expression(e.of), e.by) for e in side.atoms(Entrywise)})

    def _perturbed(self, expression: Expression, changes: Mapping[Expression, Expression]) -> Definitions:
        """Return a perturbation for each symbol that depends on W, also if the step contains no derivative of it."""
        leaves = (part for part in postorder(expression) if part.is_symbol and part in self.changing)
        return {leaf: self.perturbation(leaf) for leaf in leaves if leaf not in self.held_fixed} | dict(changes)

    def _differentiated(
        self,
        form: Scalar,
        placeholder: Expression,
        expression: Expression,
        perturbed: Definitions,
        held_fixed: list[Expression],
    ) -> Scalar:
        """Return the form with the differential of an expression for the placeholder; some parts are held fixed."""
        fixed = {part: self.perturbation(part) for part in held_fixed if part != expression and not part.is_symbol}
        perturbed = perturbed | fixed

        def differentiated(entry: Scalar) -> Scalar:
            return _without(differential(entry), fixed.values())

        if not is_matrix(expression):
            return form.xreplace({placeholder: differentiated(scalar_form(expression, perturbed))})
        return with_entries(
            form, {placeholder}, lambda part: differentiated(entry_form(expression, *part.indices, tangents=perturbed))
        )


def _opened(form: Scalar, definitions: Definitions) -> Scalar:
    """Return the form with named quantities, and their entries, replaced by their definitions."""
    scalars = {s: scalar_form(e) for s, e in definitions.items() if not is_matrix(s)}
    return with_entries(
        form.xreplace(scalars), definitions, lambda part: entry_form(definitions[part.parent], *part.indices)
    )


def _without(form: Scalar, perturbations: Iterable[Expression]) -> Scalar:
    """Return the form with some perturbations, and their entries, set to 0."""
    fixed = set(perturbations)
    scalars = {change: Integer(0) for change in fixed if not is_matrix(change)}
    return with_entries(form.xreplace(scalars), fixed, lambda _: Integer(0))
