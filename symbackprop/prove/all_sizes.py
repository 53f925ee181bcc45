"""The first witness, which proves each step for all sizes and every differentiable function by index calculus.

A step between sums of terms Σ G ⊙ ∂C/∂W is an identity in the ∂A/∂W of the parts A of C: arbitrary matrices replace
these, and SymPy's scalar calculus on sums over indices differentiates C. Each claim ∂J/∂C = G is proved from the users
of C, which are found again in the network, so that a missing use is detected.
"""

from collections.abc import Collection, Iterator
from itertools import count

from sympy import Add, Integer

from symbackprop.backprop.step import Step
from symbackprop.backprop.tape import Section
from symbackprop.expressions.aliases import Expression, Scalar
from symbackprop.expressions.derivative_symbols import Gradient
from symbackprop.expressions.matrices import zero_of
from symbackprop.expressions.operations import Elementwise, Largest
from symbackprop.printing.text import text
from symbackprop.prove.calculus import Calculus, Definitions
from symbackprop.prove.chain import Chain, Line, Move, Terms
from symbackprop.prove.index_form import NoIndexForm
from symbackprop.prove.outcome import FAILURES, UNPROVED, Outcome, proved, unclaimed
from symbackprop.prove.use_counts import coefficient, is_gradient, paired, partials_in


def prove_for_all_sizes(chain: Chain, refuted: Collection[int] = ()) -> list[Outcome]:
    """Return an outcome for each line of a tape; none is wrong, since a missing proof is not a counterexample.

    For lines with these numbers, which have a counterexample, a proof is not sought for long.
    """
    known: Definitions = {chain.tape.cost.symbol: Integer(1)}
    return list(_outcomes(chain, refuted, known, {}))


def _outcomes(chain: Chain, refuted: Collection[int], known: Definitions, names: Definitions) -> Iterator[Outcome]:
    number = count()
    for section, lines in chain.sections:
        replay = _Replay(chain, section, known, names)
        for line in lines:
            replay.calculus.is_patient = next(number) not in refuted
            yield replay.outcome(line)


class _Unproved(Exception):  # noqa: N818 — not a failure of the program: the message is the outcome
    """An error: a claim of a step is not proved; the message names the claim."""


class _Replay:
    """The proof of one section, line by line, with the terms that add up to ∂J/∂W after each line."""

    def __init__(self, chain: Chain, section: Section, known: Definitions, names: Definitions):
        self.cost = chain.tape.cost.symbol
        self.parameter = section.parameter
        self.recount = chain.recount
        self.calculus = Calculus(chain.recount, section.parameter, names)
        self.known = known  # the proved ∂J/∂C of each C
        self.terms = Terms(section.parameter)
        self.proofs = {
            Move.START: self._start,
            Move.REPLACE: self._replace,
            Move.NAME: self._name,
            Move.GATHER: self._gather,
        }

    def outcome(self, line: Line) -> Outcome:
        """Return the outcome of the next line; later lines are judged as if it were right."""
        if line.unreadable:
            return unclaimed(line.gap)
        try:
            self.proofs[line.move](line.step)
        except NoIndexForm as unknown:
            return unclaimed(f"there is no index form for {text(unknown.node)}")
        except _Unproved as reason:
            return unclaimed(str(reason))
        except FAILURES as failure:
            return unclaimed(f"the proof could not be carried out: {failure}")
        finally:
            self.terms.follow(line.move, line.step)
        return proved(_conditions(line.step))

    def _start(self, step: Step) -> None:
        """Check the first line, a sum over known quantities C: each ∂J/∂C must be right, and none may be missing."""
        claimed = {partial.of for partial in partials_in(step.after)}
        self.calculus.held_fixed = set(self.known) | claimed
        for term in Add.make_args(step.after):
            self._learn_from(term)
        users, _ = self.recount.above(self.parameter, self.known)
        if users != claimed:
            raise _Unproved(
                f"{text(self.parameter)} is used in {_listed(users)}, but the line has terms for {_listed(claimed)}"
            )

    def _learn_from(self, term: Scalar) -> None:
        """Check the claim ∂J/∂C = G that a term Σ G ⊙ ∂C/∂W makes; a term of another form makes none."""
        claim = coefficient(term)
        if claim is not None:
            self._learn(*claim)

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
        return text(Gradient(self.cost, node))

    def _replace(self, step: Step) -> None:
        """Check that some of the terms are replaced by terms with the same sum."""
        if not self.calculus.same_line(step.before, step.after):
            raise _Unproved(UNPROVED)
        is_end = is_gradient(step.after, self.parameter)
        parts = set() if is_end else {partial.of for partial in partials_in(step.after)}
        for term in Add.make_args(step.before):
            if not {partial.of for partial in partials_in(term)} <= parts | {self.parameter}:
                self._learn_from(term)

    def _name(self, step: Step) -> None:
        """Check the definition of a name for ∂J/∂C."""
        node = step.before.of
        try:
            self._learn(node, step.after)
        finally:
            self.known[node] = step.symbol
            self.calculus.adjoints[step.symbol] = step.after
        terms = self.terms.about(node)
        if not all(self.calculus.same_line(term, paired(step.after, partial)) for term, partial in terms.items()):
            raise _Unproved(f"it is not the factor of the derivative of {text(node)} in the lines above")

    def _gather(self, step: Step) -> None:
        """Check that the gradient is the sum of all terms."""
        finished = self.terms.finished
        if not finished and self.terms.pending == 0:
            if self.cost in self.recount.dependents(self.parameter):
                raise _Unproved(f"{text(self.cost)} does depend on {text(self.parameter)}")
            finished = [zero_of(self.parameter)]
        if not self.calculus.same_sum([self.terms.pending, *finished], step.after):
            raise _Unproved("it is not proved that this is the sum of the terms above")


def _listed(quantities: set[Expression]) -> str:
    return ", ".join(sorted(map(text, quantities))) or "nothing"


def _conditions(step: Step) -> str:
    """Return the condition under which a step is proved: "" or, for a kink, that the point is not at the kink."""
    if isinstance(step.expression, Largest):
        return "where the largest entry is unique"
    function = step.expression.function if isinstance(step.expression, Elementwise) else None
    return f"away from the kink of {function.name}" if function is not None and function.row.kinks else ""
