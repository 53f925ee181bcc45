"""The first witness, which proves each step for all sizes and every differentiable function by index calculus.

A step between sums of terms Σ G ⊙ ∂C/∂W is an identity in the ∂A/∂W of the parts A of C: arbitrary matrices replace
these, and SymPy's scalar calculus on sums over indices differentiates C. Each claim ∂J/∂C = G is proved from the users
of C, which are found again in the network, so that a missing use is noticed.
"""

from sympy import Add, Integer

from symbackprop.backprop.step import Step
from symbackprop.backprop.tape import Section, Tape
from symbackprop.expressions.aliases import Expression, Matrix, Scalar
from symbackprop.expressions.derivative_symbols import Gradient
from symbackprop.expressions.matrices import Zeros
from symbackprop.expressions.operations import Elementwise, Largest
from symbackprop.expressions.shapes import is_matrix
from symbackprop.printing.text import text
from symbackprop.prove.calculus import Calculus, Definitions, paired
from symbackprop.prove.index_form import NoIndexForm
from symbackprop.prove.outcome import Outcome, not_proved, proved, unclaimed
from symbackprop.prove.use_counts import Recount, coefficient, partials_in


def prove_for_all_sizes(tape: Tape) -> list[Outcome]:
    """Return an outcome for each step of a tape."""
    known: Definitions = {tape.cost.symbol: Integer(1)}
    names: Definitions = {}
    recount = Recount(tape.network)
    replays = [_Replay(tape, section, recount, known, names) for section in tape.sections]
    return [replay.outcome(step) for replay in replays for step in replay.section.steps]


class _Unproved(Exception):  # noqa: N818 — not a failure of the program: the message is the outcome
    """An error: a claim of a step is not proved; the message names the claim."""


class _Replay:
    """The proof of one section, step by step, with the terms whose sum is ∂J/∂W after each step."""

    def __init__(self, tape: Tape, section: Section, recount: Recount, known: Definitions, names: Definitions):
        self.tape = tape
        self.section = section
        self.parameter = section.parameter
        self.recount = recount
        self.calculus = Calculus(recount, section.parameter, names)
        self.known = known  # the proved ∂J/∂C of each C
        self.started = False
        self.terms: Scalar = Integer(0)  # the terms with a ∂C/∂W that is still to be differentiated
        self.finished: list[Matrix] = []

    def outcome(self, step: Step) -> Outcome:
        """Return the outcome of the next step; later steps are judged as if it were right."""
        try:
            self._follow(step)
            if step is self.section.steps[-1]:
                self._require_complete(step)
        except NoIndexForm as unknown:
            return unclaimed(f"there is no index form for {text(unknown.node)}")
        except (_Unproved, ValueError) as reason:
            return not_proved(str(reason))
        return proved(_conditions(step))

    def _follow(self, step: Step) -> None:
        if not isinstance(step.before, Gradient):
            self._replace(step)
        elif step.symbol is not None:
            self._name(step)
        elif self.started or step is self.section.steps[-1]:
            self._gather(step)
        else:
            self._start(step)

    def _start(self, step: Step) -> None:
        """Check the first line, a sum over known quantities C: each ∂J/∂C must be right, and none may be missing."""
        for term in Add.make_args(step.after):
            self._learn(*coefficient(term))
        claimed = {partial.of for partial in partials_in(step.after)}
        users, _ = self.recount.above(self.parameter, self.known)
        if users != claimed:
            raise _Unproved(
                f"{text(self.parameter)} is used in {_listed(users)}, but the line has terms for {_listed(claimed)}"
            )
        self.calculus.held_fixed = set(self.known)
        self.terms, self.started = step.after, True

    def _learn(self, node: Expression, adjoint: Expression) -> None:
        """Check that ∂J/∂node = adjoint follows from the uses of the node; later steps are judged as if it did."""
        adjoint = self.calculus.with_functions(adjoint)
        if node in self.known:
            if not self.calculus.same_adjoint(node, self.known[node], adjoint):
                raise _Unproved(f"{self._gradient(node)} is {text(self.known[node])}, not {text(adjoint)}")
            return
        before = dict(self.known)
        self.known[node] = adjoint
        if not self.calculus.is_adjoint(node, adjoint, before):
            raise _Unproved(f"{self._gradient(node)} does not follow from the uses of {text(node)}")

    def _gradient(self, node: Expression) -> str:
        return text(Gradient(self.tape.cost.symbol, node))

    def _replace(self, step: Step) -> None:
        """Check that some of the terms are replaced by terms with the same sum."""
        self.terms -= step.before
        if is_matrix(step.after):
            self.finished.append(step.after)
        else:
            self.terms += step.after
        if not self.calculus.same_line(step.before, step.after):
            raise _Unproved("the two sides differ")
        parts = set() if is_matrix(step.after) else {partial.of for partial in partials_in(step.after)}
        for term in Add.make_args(step.before):
            quantities = {partial.of for partial in partials_in(term)}
            if not quantities <= parts | {self.parameter}:
                self._learn(*coefficient(term))

    def _name(self, step: Step) -> None:
        """Check the definition of a name for ∂J/∂C."""
        node = step.before.of
        terms = [term for term in Add.make_args(self.terms) if node in {p.of for p in partials_in(term)}]
        partials = {term: partials_in(term)[0] for term in terms}
        self.terms += Add(*(paired(step.symbol, partial) - term for term, partial in partials.items()))
        try:
            self._learn(node, step.after)
        finally:
            self.known[node] = step.symbol
            self.calculus.adjoints[step.symbol] = step.after
        if not all(self.calculus.same_line(term, paired(step.after, partial)) for term, partial in partials.items()):
            raise _Unproved(f"it is not the factor of the derivative of {text(node)} in the lines above")

    def _gather(self, step: Step) -> None:
        """Check that the gradient is the sum of all terms."""
        if not self.finished and self.terms == 0:
            if self.tape.cost.symbol in self.recount.dependents(self.parameter):
                raise _Unproved(f"{text(self.tape.cost.symbol)} does depend on {text(self.parameter)}")
            self.finished = [Zeros(*step.shape)]
        if not self.calculus.same_sum([self.terms, *self.finished], step.after):
            raise _Unproved("it is not the sum of the terms above")
        self.terms, self.finished = Integer(0), [step.after]

    def _require_complete(self, step: Step) -> None:
        gradient = self.tape.gradients[str(self.parameter.name)]
        if step.after != gradient:
            raise _Unproved(f"the tape gives the gradient as {text(gradient)}")
        if self.terms != 0 or self.finished != [gradient]:
            raise _Unproved("the lines above have more terms than this")


def _listed(quantities: set[Expression]) -> str:
    return ", ".join(sorted(map(text, quantities))) or "nothing"


def _conditions(step: Step) -> str:
    """Return the condition under which a step is proved: "" or, for a kink, that the point is not at the kink."""
    if isinstance(step.expression, Largest):
        return "where the largest entry is unique"
    function = step.expression.function if isinstance(step.expression, Elementwise) else None
    return f"away from the kink of {function.name}" if function is not None and function.row.kinks else ""
