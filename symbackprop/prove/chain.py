"""The lines of a derivation as one chain: each line starts where the last one ended, and the last one is the gradient.

Nothing is computed here. A line can be true and still not lead to the gradient: a line before it is missing, it
differentiates with respect to another parameter, or it uses a name that nothing defines.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from sympy import Add, Expr, Integer

from symbackprop.backprop.step import Step
from symbackprop.backprop.tape import Adjoint, Section, Tape
from symbackprop.errors import DerivationError, shape_text
from symbackprop.expressions.aliases import Expression, Matrix, Scalar
from symbackprop.expressions.derivative_symbols import PARTIALS, Entrywise, Gradient
from symbackprop.expressions.matrices import changing, postorder, quantities, zero_of
from symbackprop.expressions.operations import Elementwise
from symbackprop.expressions.shapes import Mismatch, is_matrix, shape_of
from symbackprop.printing.text import text
from symbackprop.prove.use_counts import Recount, coefficient, is_gradient, paired, partials_in


class Move(Enum):
    """The ways in which a line continues the lines above it."""

    START = auto()  # the first line: ∂J/∂W as a sum of terms Σ G ⊙ ∂C/∂W
    REPLACE = auto()  # some of the terms are replaced
    NAME = auto()  # ∂J/∂C gets a name
    GATHER = auto()  # ∂J/∂W as the sum of all terms


@dataclass
class Line:
    """A line of a chain: `gap` says why it does not continue the lines above; `unreadable`, that it has no value."""

    step: Step
    move: Move
    gap: str = ""
    unreadable: bool = False
    misfit: str = ""  # the shapes because of which it is unreadable, and false
    elsewhere: tuple[Step, ...] = ()  # its result as the tape states it elsewhere, if that differs


@dataclass
class Terms:
    """The terms that add up to ∂J/∂W after each line of a section."""

    parameter: Matrix
    started: bool = False
    pending: Scalar = field(default_factory=lambda: Integer(0))  # with a ∂C/∂W that is still to be worked out
    finished: list[Matrix] = field(default_factory=list)

    def move(self, step: Step, last: Step) -> Move:
        """Return how a line continues the lines above it."""
        if not isinstance(step.before, Gradient):
            return Move.REPLACE
        if step.symbol is not None:
            return Move.NAME
        return Move.GATHER if self.started or step is last else Move.START

    @property
    def are_worked_out(self) -> bool:
        """True if each pending term has the form Σ G ⊙ ∂W/∂W, which is G."""
        claims = (coefficient(term) for term in Add.make_args(self.pending) if term != 0)
        return all(claim is not None and claim[0] == self.parameter for claim in claims)

    def about(self, quantity: Expression) -> dict[Scalar, Scalar]:
        """Return the pending terms that contain a derivative of a quantity, each mapped to that derivative."""
        terms = ((term, partials_in(term)) for term in Add.make_args(self.pending))
        return {term: partials[0] for term, partials in terms if quantity in {partial.of for partial in partials}}

    def follow(self, move: Move, step: Step) -> None:
        """Replace the terms by the terms that add up to ∂J/∂W after a line."""
        if move is Move.START:
            self.pending, self.started = step.after, True
        elif move is Move.GATHER:
            self.pending, self.finished = Integer(0), [step.after]
        elif move is Move.NAME:
            terms = self.about(step.before.of)
            self.pending += Add(*(paired(step.symbol, partial) - term for term, partial in terms.items()))
        else:
            self.pending -= step.before
            if is_gradient(step.after, self.parameter):
                self.finished.append(step.after)
            else:
                self.pending += step.after


@dataclass(frozen=True)
class Chain:
    """The lines of a tape, by section."""

    tape: Tape
    recount: Recount
    sections: tuple[tuple[Section, tuple[Line, ...]], ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """Return the lines of all sections."""
        return tuple(line for _, lines in self.sections for line in lines)


def chain(tape: Tape) -> Chain:
    """Return the lines of a tape, each with the reason why it does not continue the lines above, if there is one.

    Raises:
        DerivationError: the tape is incomplete: its equations are not those of its network, or a gradient or an adjoint
            has no steps that lead to it.
    """
    recount = Recount(tape.network)
    _require_complete(tape, recount)
    reader = _Reader(tape, recount)
    return Chain(tape, recount, tuple((section, tuple(reader.lines(section))) for section in tape.sections))


def _require_complete(tape: Tape, recount: Recount) -> None:
    """Raise an error if no steps lead to a result of a tape: proofs of the other steps would not cover this result."""
    symbols = [equation.symbol for equation in tape.equations]
    needed = recount.needed()
    if {e.symbol: e.expression for e in tape.equations} != needed or symbols != list(needed):
        raise DerivationError("the equations of this tape are not those of its network")
    inner = {part for equation in tape.equations[:-1] for part in equation.expression.free_symbols}
    if tape.given and (tape.given != tape.network.upstream or inner & tape.given.keys()):
        raise DerivationError("the upstream gradients of this tape are not the adjoints of its outputs")
    parameters = [section.parameter for section in tape.sections]
    if not (
        all(section.steps for section in tape.sections)
        and sorted(tape.gradients) == sorted(str(getattr(parameter, "name", parameter)) for parameter in parameters)
        and set(parameters) == set(tape.wrt) <= set(tape.network.parameters)
    ):
        raise DerivationError("this tape has gradients without steps that lead to them")
    named = {step.symbol for step in tape.steps}
    if any(adjoint.symbol not in named for adjoint in tape.adjoints):
        raise DerivationError("this tape has adjoints without steps that lead to them")


class _Reader:
    """A reader of the sections of a tape, in order; it knows the names that the lines above define."""

    def __init__(self, tape: Tape, recount: Recount):
        self.tape = tape
        self.recount = recount
        self.adjoints: dict[Expression, Adjoint] = {adjoint.symbol: adjoint for adjoint in tape.adjoints}
        self.quantities = {*tape.network.symbols.values(), *recount.users}
        self.known: set[Expression] = {*tape.network.symbols.values(), *tape.network.dimensions}

    def lines(self, section: Section) -> Iterator[Line]:
        """Yield the lines of a section."""
        terms, last = Terms(section.parameter), section.steps[-1]
        for step in section.steps:
            move = terms.move(step, last)
            unreadable = self._unreadable(step, section.parameter, move)
            gap = unreadable or self._gap(terms, step, move)
            gap = gap or next(filter(None, self._misdescribed(step, section.parameter)), "")
            if not unreadable:
                terms.follow(move, step)
                if step is last and not gap:
                    gap = self._end(terms, step)
            if move is Move.NAME and not unreadable:
                self.known.add(step.symbol)
            elsewhere = () if unreadable else tuple(self._elsewhere(step, move, step is last))
            misfit = next(_misfits(step), "") if unreadable else ""
            yield Line(step, move, gap, bool(unreadable), misfit, elsewhere)

    # a line by itself

    def _unreadable(self, step: Step, parameter: Matrix, move: Move) -> str:
        """Return why a line has no meaning in this network and section, or an empty string."""
        if step.wrt != parameter:
            return f"it differentiates with respect to {text(step.wrt)}, but this part is about {text(parameter)}"
        if not is_matrix(step.after) and move in (Move.GATHER, Move.NAME) and is_matrix(step.before.of):
            return "the right side is not a matrix"
        is_start = move is Move.START
        if is_gradient(step.before, parameter) or (is_start and is_gradient(step.after, parameter)):
            return "it is not about the terms of the gradient"
        about = step.before.of if isinstance(step.before, Gradient) else parameter
        if shape_of(about) != step.shape or (is_matrix(step.after) and step.after.shape != step.shape):
            return f"the two sides do not have the shape of {text(about)}"
        return next(filter(None, (self._meaningless(side, parameter) for side in (step.before, step.after))), "")

    def _meaningless(self, side: Expression, parameter: Matrix) -> str:
        if isinstance(side, Gradient):
            if side.cost != self.tape.cost.symbol:
                return f"{text(side.cost)} is not the cost"
            return self._unknown(side.of)
        for node in postorder(side, terms_in):
            if isinstance(node, PARTIALS):
                reason = self._unknown(node.of) or self._other_derivative(node, parameter)
            elif node.is_symbol:
                reason = "" if node in self.known else f"nothing above defines {text(node)}"
            else:
                reason = _misfit(node)
            if reason:
                return reason
        return ""

    def _unknown(self, quantity: Expression) -> str:
        return "" if quantity in self.quantities else f"{text(quantity)} is not a quantity of the network"

    def _other_derivative(self, partial: Expression, parameter: Matrix) -> str:
        if not isinstance(partial, Entrywise):
            return "" if partial.by == parameter else f"{text(partial)} is not with respect to {text(parameter)}"
        function, by = self.recount.expression(partial.of), partial.by
        argument = function.argument if isinstance(function, Elementwise) else None
        same = argument in (by, self.recount.names.get(by), self.recount.definitions.get(by))
        return "" if same else f"{text(partial.of)} is not a function of {text(by)}, entry by entry"

    # a line after the lines above it

    def _gap(self, terms: Terms, step: Step, move: Move) -> str:
        if move is Move.REPLACE:
            starts = {*Add.make_args(step.before)} <= {*Add.make_args(terms.pending)}
            return "" if starts else "it does not start where the lines above end"
        if move is Move.NAME:
            is_factor = all(coefficient(term) == (step.before.of, step.after) for term in terms.about(step.before.of))
            above = f"it is not the factor of the derivative of {text(step.before.of)} in the lines above"
            return self._misnamed(step) or ("" if is_factor else above)
        if step.before.of != terms.parameter:
            return f"this part is about {text(terms.parameter)}"
        if move is Move.GATHER and not terms.are_worked_out:
            return "the lines above have terms that are not worked out"
        if move is Move.GATHER and not (terms.finished or terms.pending or step.after == zero_of(terms.parameter)):
            return "no line above leads to it"
        return ""

    def _misnamed(self, step: Step) -> str:
        name, adjoint = text(step.symbol), self.adjoints.get(step.symbol)
        if step.symbol in self.known:
            return f"{name} is defined already"
        if adjoint is None:
            return f"the tape has no adjoint {name}"
        if step.before.of not in (adjoint.of, self.recount.names.get(adjoint.of), self.recount.expression(adjoint.of)):
            return f"the tape says that {name} is ∂{text(self.tape.cost.symbol)}/∂{text(adjoint.of)}"
        return "" if step.after == adjoint.expression else f"the tape says that {name} is {text(adjoint.expression)}"

    def _end(self, terms: Terms, step: Step) -> str:
        gradient = self.tape.gradients[str(terms.parameter.name)]
        if step.after != gradient:
            return f"the tape gives the gradient as {text(gradient)}"
        if terms.pending != 0 or terms.finished != [gradient]:
            return "the lines above have more terms than this"
        return ""

    def _elsewhere(self, step: Step, move: Move, is_last: bool) -> Iterator[Step]:
        """Yield a step with the adjoint or gradient that the tape gives elsewhere, if a line states another one."""
        cost, adjoint = self.tape.cost.symbol, self.adjoints.get(step.symbol)
        said = None
        if move is Move.NAME and adjoint is not None and self._misnamed(step):
            said = replace(
                step, before=Gradient(cost, adjoint.of), after=adjoint.expression, shape=shape_of(adjoint.of)
            )
        elif is_last and step.after != self.tape.gradients[str(step.wrt.name)]:
            said = replace(step, before=Gradient(cost, step.wrt), after=self.tape.gradients[str(step.wrt.name)])
        if said is not None and not self._unreadable(said, step.wrt, move):
            yield said

    def _misdescribed(self, step: Step, parameter: Matrix) -> Iterator[str]:
        """Yield what is false in the text that explains a line."""
        dependent = self.recount.dependents(parameter)
        yield from (f"{text(quantity)} is not constant" for quantity in step.constants if quantity in dependent)
        for quantity in (*step.held, *step.parts):
            if quantity not in dependent:
                yield f"{text(quantity)} does not depend on {text(parameter)}"
        if step.node is not None:
            definition = self.recount.expression(step.node)
            yield self._unknown(step.node)
            if step.expression not in (None, definition, step.node):
                yield f"{text(step.node)} is not {text(step.expression)}"
            if not set(step.parts) <= {definition, *changing(definition)}:
                yield f"{text(step.node)} has no such parts"
        known = {(self.recount.names.get(quantity, quantity), adjoint) for quantity, adjoint in step.known}
        if known and known != {coefficient(term) for term in Add.make_args(step.after)}:
            yield "the known adjoints are not those of the line"


def terms_in(node: Expression) -> list[Expression]:
    """Return the operands of a node; a partial derivative has none."""
    return [] if isinstance(node, PARTIALS) else quantities(node)


def _misfits(step: Step) -> Iterator[str]:
    """Yield why the shapes in a line do not fit together."""
    sides = [side for side in (step.before, step.after) if not isinstance(side, Gradient)]
    yield from filter(None, (_misfit(node) for side in sides for node in postorder(side, terms_in)))
    if is_matrix(step.after) and step.after.shape != step.shape:
        yield f"the right side is {shape_text(step.after.shape)}, not {shape_text(step.shape)}"


def _misfit(node: Expression) -> str:
    """Return why the operands of an operation have incompatible shapes, or an empty string."""
    if not is_matrix(node) and isinstance(node, Expr) and node.is_Function | node.is_Add | node.is_Mul | node.is_Pow:
        return "a matrix stands where a number is needed" if any(map(is_matrix, node.args)) else ""
    try:
        getattr(node, "check", lambda: None)()
    except Mismatch as mismatch:
        return mismatch.message(text)
    return ""
