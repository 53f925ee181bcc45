"""Witness one: each step proved for all sizes and every differentiable function, by index calculus.

A step between sums of terms Σ G ⊙ ∂C/∂W is an identity in the ∂A/∂W of the parts: these are moved as matrices that
could be anything, and SymPy's scalar calculus on sums over indices derives C. That ∂J/∂C is what the steps say is
proved from the users of C, which are counted again from the network: a forgotten use is noticed.
"""

from typing import Any

from sympy import Add, Integer

from symbackprop.backprop.tape import Section, Step, Tape
from symbackprop.expressions.derivative_symbols import Gradient
from symbackprop.expressions.matrices import Zeros
from symbackprop.expressions.operations import Elementwise, Largest
from symbackprop.expressions.shapes import is_matrix
from symbackprop.printing.text import text
from symbackprop.prove.calculus import Calculus, paired
from symbackprop.prove.index_form import NoIndexForm
from symbackprop.prove.outcome import Outcome, not_proved, proved, unclaimed
from symbackprop.prove.use_counts import Recount, coefficient, partials_in


def prove_for_all_sizes(tape: Tape) -> list[Outcome]:
    """An outcome for each step of a tape."""
    known: dict[Any, Any] = {tape.cost.symbol: Integer(1)}
    names: dict[Any, Any] = {}
    recount = Recount(tape.network)
    replays = [_Replay(tape, section, recount, known, names) for section in tape.sections]
    return [replay.outcome(step) for replay in replays for step in replay.section.steps]


class _Unproved(Exception):  # noqa: N818 — it is no error: it says which claim does not follow
    """What a step claims does not follow; the message says what."""


class _Replay:
    """The proof of one section: the terms that make up ∂J/∂W, line by line."""

    def __init__(self, tape: Tape, section: Section, recount: Recount, known: dict[Any, Any], names: dict[Any, Any]):
        self.tape = tape
        self.section = section
        self.parameter = section.parameter
        self.recount = recount
        self.calculus = Calculus(recount, section.parameter, names)
        self.known = known  # ∂J/∂C of each C for which it is proved
        self.began = False
        self.terms: Any = Integer(0)  # with a ∂C/∂W that is to be taken apart
        self.finished: list[Any] = []

    def outcome(self, step: Step) -> Outcome:
        try:
            self._line(step)
            if step is self.section.steps[-1]:
                self._nothing_is_left(step)
        except NoIndexForm as unknown:
            return unclaimed(f"there is no index form of {text(unknown.node)}")
        except (_Unproved, ValueError) as reason:
            return not_proved(str(reason))
        return proved(_conditions(step))

    def _line(self, step: Step) -> None:
        if not isinstance(step.before, Gradient):
            self._replaced(step)
        elif step.symbol is not None:
            self._named(step)
        elif self.began or step is self.section.steps[-1]:
            self._gathered(step)
        else:
            self._started(step)

    def _started(self, step: Step) -> None:
        """∂J/∂W as a sum over known quantities: each with its ∂J/∂C, and none left out."""
        for term in Add.make_args(step.after):
            self._learn(*coefficient(term))
        claimed = {partial.of for partial in partials_in(step.after)}
        users, _ = self.recount.above(self.parameter, self.known)
        if users != claimed:
            raise _Unproved(f"{text(self.parameter)} is used in {_listed(users)}, the line says {_listed(claimed)}")
        self.calculus.held = set(self.known)
        self.terms, self.began = step.after, True

    def _learn(self, node: Any, error: Any) -> None:
        """∂J/∂node, if it is what the uses of the node give; the lines below are judged as if it were."""
        error = self.calculus.entries_told(error)
        if node in self.known:
            if not self.calculus.same_error(node, self.known[node], error):
                raise _Unproved(f"{self._error_of(node)} is {text(self.known[node])}, not {text(error)}")
            return
        before = dict(self.known)
        self.known[node] = error
        if not self.calculus.is_error(node, error, before):
            raise _Unproved(f"{self._error_of(node)} is not what the uses of {text(node)} give")

    def _error_of(self, node: Any) -> str:
        return text(Gradient(self.tape.cost.symbol, node))

    def _replaced(self, step: Step) -> None:
        """Some of the terms are replaced by equal ones."""
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

    def _named(self, step: Step) -> None:
        """A name for ∂J/∂C."""
        node = step.before.of
        terms = [term for term in Add.make_args(self.terms) if node in {p.of for p in partials_in(term)}]
        slopes = {term: partials_in(term)[0] for term in terms}
        self.terms += Add(*(paired(step.symbol, slope) - term for term, slope in slopes.items()))
        try:
            self._learn(node, step.after)
        finally:
            self.known[node] = step.symbol
            self.calculus.adjoints[step.symbol] = step.after
        if not all(self.calculus.same_line(term, paired(step.after, slope)) for term, slope in slopes.items()):
            raise _Unproved(f"it is not what stands with the derivative of {text(node)} above")

    def _gathered(self, step: Step) -> None:
        """The gradient, from all terms."""
        if not self.finished and self.terms == 0:
            if self.tape.cost.symbol in self.recount.dependents(self.parameter):
                raise _Unproved(f"{text(self.tape.cost.symbol)} does depend on {text(self.parameter)}")
            self.finished = [Zeros(*step.shape)]
        if not self.calculus.same_sum([self.terms, *self.finished], step.after):
            raise _Unproved("it is not the sum of the terms above")
        self.terms, self.finished = Integer(0), [step.after]

    def _nothing_is_left(self, step: Step) -> None:
        gradient = self.tape.gradients[str(self.parameter.name)]
        if step.after != gradient:
            raise _Unproved(f"the gradient is said to be {text(gradient)}")
        if self.terms != 0 or self.finished != [gradient]:
            raise _Unproved("there are more terms above than this")


def _listed(quantities: set[Any]) -> str:
    return ", ".join(sorted(map(text, quantities))) or "nothing"


def _conditions(step: Step) -> str:
    """At a kink a step holds by convention, and nothing is proved."""
    if isinstance(step.expression, Largest):
        return "where the largest entry stands alone"
    function = step.expression.function if isinstance(step.expression, Elementwise) else None
    return f"away from the kink of {function.name}" if function is not None and function.row.kinks else ""
