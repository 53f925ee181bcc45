"""Judgment of gradient code: comparison of numbers and formulas at random points, a verdict, and the mistake."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from symbackprop.budget import OutOfTime, budget
from symbackprop.errors import listed
from symbackprop.gradcheck.check import check_gradients
from symbackprop.gradcheck.report import GradientCheck
from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.network.network import Network
from symbackprop.proofread.code.compare import OF_A_PARAMETER, ExactComparison, FirstDifference, branches, has_kinks
from symbackprop.proofread.code.data_conditions import Conditions, DataConditions
from symbackprop.proofread.code.entrywise import compare_entrywise, decisions
from symbackprop.proofread.code.naming import Named, Naming
from symbackprop.proofread.code.reading import FAILURES, CodeReader, said
from symbackprop.proofread.code.report import CodeCheck, Level
from symbackprop.tracing.arguments import ArgumentSpec
from symbackprop.tracing.arrays.names import CodeLine
from symbackprop.tracing.arrays.trace import TracedNetwork
from symbackprop.tracing.conditions import DataCondition
from symbackprop.tracing.outcome import computed
from symbackprop.tracing.sampling import SamplePoint, copy_arrays, cost_and_gradients
from symbackprop.tracing.shape_habits import shape_remarks
from symbackprop.tracing.untraceable import NoDerivative
from symbackprop.verdicts import Verdict

_MOST_POINTS = 6  # where there are branches
_VARIES = "two runs at one point differ, as random numbers do: draw them before, and give them as an argument"
_GUARD_AGAINST_OVERFLOW = 1e-7  # relative: e^-20 and less is left out where exp could overflow
_MOST_CONDITIONS = 6  # that are tried in full
_SECONDS = 50.0  # of processor time for everything; what is known by then is reported
_SECONDS_OF_NUMBERS = 20.0  # for one gradient check
_SECONDS_BY_ENTRY = 15.0  # for one comparison entry by entry
_UNTRIED = (
    "the gradients differ, and the time of the check was over before natural conditions on the data were tried under "
    "which they could be right: declare them, as in one_hot, masks or signs, or give smaller sizes"
)
_OUT_OF_TIME = "the time of the check was over before all points were compared"


@dataclass(frozen=True)
class _Numbers:
    """The comparison with finite differences at one point, which is made when it is asked for."""

    reader: CodeReader
    point: SamplePoint
    seed: int

    @cached_property
    def check(self) -> GradientCheck:
        """The numerical check of the gradients."""
        spec, point = self.reader.spec, self.point
        cost, gradients = cost_and_gradients(self.reader.code, spec)
        with budget(_SECONDS_OF_NUMBERS):
            return check_gradients(cost, gradients, point.params(spec), data=point.data(spec), seed=self.seed)


@dataclass(frozen=True)
class _PointResult:
    """The result at one point: how the code was read there, and the comparison of its numbers and its formulas."""

    spec: ArgumentSpec  # with the class labels as numbers, if the code was read entry by entry
    point: SamplePoint
    level: Level
    read: TracedNetwork | None
    network: Network | None
    numbers: _Numbers
    exact: ExactComparison | None
    is_first: bool  # of the points: elsewhere, formulas that are equal need no finite differences

    @property
    def check(self) -> GradientCheck:
        """The numerical check of the gradients."""
        return self.numbers.check

    @property
    def formulas(self) -> TracedNetwork | None:
        """The formulas of the gradients, or None if they were not read."""
        return self.read if self.read is not None and self.read.gradients is not None else None

    @property
    def enough_points(self) -> int:
        """The number of points at which to compare: more if the code may take other branches at other points."""
        if self.read is None or (self.level == Level.FORMULA and self.formulas and not has_kinks(self.formulas)):
            return 2
        return _MOST_POINTS

    @property
    def has_wrong_shape(self) -> bool:
        """True if a gradient does not have the shape of its parameter."""
        return any("shape" in block.note for block in self.check.blocks)

    @property
    def differs_by_a_guard(self) -> bool:
        """True if the code has branches and its gradients are nearly right, as np.clip(z, -20, 20) makes them."""
        has_branches = self.level == Level.ENTRIES or (self.formulas is not None and has_kinks(self.formulas))
        close = all(block.difference <= _GUARD_AGAINST_OVERFLOW * block.size for block in self.check.blocks)
        return has_branches and not self.has_wrong_shape and close

    @property
    def is_opposite(self) -> bool:
        """True if all gradients are right but for their sign."""
        if self.exact is not None:
            opposite = not self.exact.all_right and all(self.exact.opposite.values())
            return opposite and not (self.is_first and self.has_wrong_shape)
        signs = [block.mistake_kinds == (MistakeKind.SIGN,) for block in self.check.blocks]
        return not self.has_wrong_shape and bool(signs) and all(signs)

    @property
    def verdict(self) -> Verdict:
        """The verdict at this point, with the opposite sign as a convention."""
        if self.exact is not None and self.exact.all_right and not self.is_first:
            return Verdict.RIGHT
        if self.is_opposite:
            return Verdict.CONVENTION
        if self.has_wrong_shape:
            return Verdict.WRONG
        if self.exact is None:
            return self.check.verdict
        is_right = self.exact.all_right or (self.exact.near and self.check.verdict == Verdict.RIGHT)
        return Verdict.RIGHT if is_right else Verdict.WRONG


@dataclass
class _Judgment:
    """The results at several points under the same conditions on the data."""

    reader: CodeReader
    results: list[_PointResult]
    reasons: list[str]
    conditions: Conditions = ()

    @property
    def chosen(self) -> _PointResult:
        """The result that decides: a wrong one, or else the first that is decided."""
        decided = [result for result in self.results if result.verdict != Verdict.UNDECIDED]
        wrong = [result for result in self.results if result.verdict == Verdict.WRONG]
        return (wrong or decided or self.results)[0]

    @property
    def is_accepted(self) -> bool:
        """True if the gradients are right, perhaps but for their sign."""
        return self.chosen.verdict in (Verdict.RIGHT, Verdict.CONVENTION)


@dataclass
class Proofreading:
    """The judgment of one cost and its gradient; the network is given, or read from the cost.

    `search` looks for a mistake by other means; what it finds is excused by no condition on the data, and anything else
    by those for which `excuses` is true.
    """

    reader: CodeReader
    network: Network | None
    search: Callable[[], Mistake | None] = lambda: None
    excuses: Callable[[DataCondition], bool] = lambda condition: True
    _out_of_time: bool = field(default=False, init=False)
    _untried: bool = field(default=False, init=False)  # conditions, under which the gradients could be right

    def result(self) -> CodeCheck:
        """Return the check of the code at random points; it stops at the first point that shows a mistake."""
        with budget(_SECONDS):
            judged = self._judged(self.reader)
            if judged.reader.varies:
                notes = (_VARIES, *judged.reasons)
                return CodeCheck(Verdict.UNDECIDED, Level.NUMBERS, network=self.network, notes=notes)
            named = None
            if self._verdict(judged) == Verdict.WRONG:
                judged = self._where_no_guard_is_active(judged)
            if self._verdict(judged) == Verdict.WRONG:
                mistake = self.search()
                found = None if mistake is None else self._naming(judged).as_named(mistake)
                judged, named = self._under_conditions(judged) if found is None else (judged, found)
        return self._report(judged, named)

    @cached_property
    def _general(self) -> tuple[TracedNetwork | None, list[str]]:
        return self.reader.general()

    @property
    def _known(self) -> Network | None:
        """The network that the cost computes, for all sizes; None if it is not known."""
        general = self._general[0]
        return general.network if general is not None else self.network

    def _where_no_guard_is_active(self, judged: _Judgment) -> _Judgment:
        """Return the judgment at points where no guard such as np.clip(p, 1e-7, 1 - 1e-7) is active, if it accepts.

        Elsewhere the cost is constant, which a gradient that is meant for its domain need not know.
        """
        general, at = self._general[0], judged.chosen.point
        try:
            if general is None or judged.chosen.has_wrong_shape or judged.reader.same_cost(general, at):
                return judged
            points = judged.reader.unguarded(general, judged.reader.points(self._known, []))
            other = self._judged(self.reader, points=points) if points else judged
        except FAILURES:
            return judged
        if not other.is_accepted or self._verdict(other) == Verdict.WRONG:
            return judged
        other.reasons.append("compared where no guard such as np.clip(p, 1e-7, 1 - 1e-7) is active, not beyond")
        return other

    def _judged(
        self, reader: CodeReader, conditions: Conditions = (), points: list[SamplePoint] | None = None
    ) -> _Judgment:
        """Return the results at points where the data fulfil the conditions, or at these points."""
        reasons = list(self._general[1])
        judged = _Judgment(reader.under(conditions), [], reasons, conditions)
        points = judged.reader.points(self._known, reasons) if points is None else points
        for point in () if judged.reader.varies else points:
            try:
                result = self._at(judged, point)
                is_wrong = result is not None and result.verdict == Verdict.WRONG
            except OutOfTime:
                self._out_of_time = True
                if not judged.results:
                    raise
                break
            if result is None:
                continue  # without its guards, the cost has no value there
            if judged.results and result.level != judged.results[0].level:
                continue  # far out, where functions are saturated, values in floats do not confirm the formulas
            if judged.results and is_wrong and result.differs_by_a_guard:
                reasons.append("far out, gradients differ by a ten-millionth, as a guard against overflow makes them")
                continue
            judged.results.append(result)
            if is_wrong or len(judged.results) > result.enough_points:
                break
        return judged

    @cached_property
    def _data(self) -> DataConditions:
        return DataConditions(self.reader, self._known, self._sizes)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return self.reader.points(self._known, [])[0].sizes

    def _verdict(self, judged: _Judgment) -> Verdict:
        """Return the verdict; the opposite sign is a convention only where the gradients are not passed on."""
        verdict = judged.chosen.verdict
        if self._untried:
            return Verdict.UNDECIDED if verdict == Verdict.WRONG else verdict
        if verdict == Verdict.CONVENTION and (self.reader.spec.sign < 0 or self._data.sign_matters):
            return Verdict.WRONG
        return verdict

    def _under_conditions(self, judged: _Judgment) -> tuple[_Judgment, Named | None]:
        """Return the judgment under the natural condition on the data that accepts the gradients, without a mistake.

        If there is none: the judgment under the condition, or under none, by which the mistake is named best.
        """
        chosen = judged.chosen
        # what is right at an ordinary point is wrong in another branch, which has no condition on the data as its cause
        is_conditional = not chosen.has_wrong_shape and not chosen.is_opposite and chosen is judged.results[0]
        try:
            accepted = next(self._accepting(judged), None) if is_conditional else None
        except OutOfTime:
            self._out_of_time = self._untried = True
            return judged, None
        if accepted is not None:
            return accepted, None
        try:
            return self._best_named(judged) if is_conditional else (judged, self._named(judged))
        except OutOfTime:
            self._out_of_time = True
            return judged, None

    def _accepting(self, judged: _Judgment) -> Iterator[_Judgment]:
        """Yield the judgments under conditions on the data by which the gradients are right."""
        for conditions in islice(self._data.complete(), _MOST_CONDITIONS):
            if not all(map(self.excuses, conditions)) or self._hides_a_branch(
                judged.chosen, self.reader.under(conditions)
            ):
                continue
            other = self._judged(self.reader, conditions)
            if other.is_accepted and self._verdict(other) != Verdict.WRONG:
                yield other

    def _hides_a_branch(self, wrong: _PointResult, other: CodeReader) -> bool:
        """Return True if the point of a mistake is in a branch of the cost in which no point of the other reader is."""
        general = self._general[0]
        if general is not None and not has_kinks(general):
            return False
        try:
            missing = self._branches(wrong.spec, wrong.point)
            for point in other.points(self._known, []):
                missing = missing - self._branches(other.spec, point)
        except FAILURES:
            return False
        return bool(missing)

    def _branches(self, spec: ArgumentSpec, point: SamplePoint) -> set[Any]:
        general = self._general[0]
        if general is None:
            return decisions(self.reader.code, spec, point)
        return branches(general, self.reader.at_point(general.network, spec, point))

    def _best_named(self, judged: _Judgment) -> tuple[_Judgment, Named]:
        """Return the judgment under the condition on the data that makes more gradients right, and the mistake.

        If there is none, a mistake that explains all gradients decides, under no condition or a likely one.
        """
        for conditions in islice(self._data.partial(), 1):
            other = self._judged(self.reader, conditions)
            if self._verdict(other) == Verdict.WRONG:
                return other, self._named(other)
        naming = self._naming(judged)
        likely = [] if self._known is None or naming.is_explained() else list(islice(self._data.likely(), 2))
        for conditions in likely:
            reader = self.reader.under(conditions)
            point = reader.points(self._known, [])[0]
            if Naming(reader, reader.spec, point, self._known, None, judged.chosen.check).is_explained():
                other = self._judged(self.reader, conditions)
                if self._verdict(other) == Verdict.WRONG:
                    return other, self._named(other)
        named = naming.named(opposite=judged.chosen.is_opposite)
        for conditions in () if named.explained else likely[:1]:
            other = self._judged(self.reader, conditions)
            again = self._named(other) if self._verdict(other) == Verdict.WRONG else named
            if again.explained:
                return other, again
        return judged, named

    def _naming(self, judged: _Judgment) -> Naming:
        result = judged.chosen
        return Naming(judged.reader, result.spec, result.point, result.network, result.formulas, result.check)

    def _named(self, judged: _Judgment) -> Named:
        return self._naming(judged).named(opposite=judged.chosen.is_opposite)

    def _report(self, judged: _Judgment, named: Named | None) -> CodeCheck:
        result, formulas = judged.chosen, judged.chosen.formulas
        verdict = self._verdict(judged)
        named = named if named is not None and verdict == Verdict.WRONG else Named(Mistake("", ()))
        return CodeCheck(
            verdict,
            result.level,
            named.mistake.words,
            named.first,
            result.network,
            formulas.quantities if formulas is not None else (),
            formulas.gradients if formulas is not None else None,
            result.check,
            _proof(result.exact) if verdict in (Verdict.RIGHT, Verdict.CONVENTION) else "",
            tuple(self._notes(judged, verdict)),
            named.mistake.kinds,
            named.line or _line(formulas, named.first),
            tuple(condition.sentence for condition in judged.reader.spec.conditions),
        )

    def _notes(self, judged: _Judgment, verdict: Verdict) -> list[str]:
        code, result = self.reader.code, judged.chosen
        notes = ["it is the right gradient up to its sign, by convention: minus the gradient"]
        notes = notes if verdict == Verdict.CONVENTION else []
        notes += _contradiction(result, verdict)
        if not result.has_wrong_shape:
            notes += self._shape_remarks(result.point)
        notes += code.remarks
        notes += [*(result.read.notes if result.read is not None else ()), *dict.fromkeys(judged.reasons)]
        notes += ["the code prints, which is not shown"] * code.printed
        updated = () if self.reader.spec.step is None else self.reader.spec.wrt
        changed = code.changed(self.reader.spec.given(result.point.values))
        changed = [name for name in changed if name not in updated]
        notes += [f"the code changes what it is given: {listed(changed)}"] * bool(changed)
        notes += [_UNTRIED] * self._untried
        return notes + [_OUT_OF_TIME] * (self._out_of_time and not self._untried)

    def _shape_remarks(self, point: SamplePoint) -> list[str]:
        spec = self.reader.spec
        shapes = {name: np.shape(point.values[name]) for name in spec.wrt}
        return shape_remarks(computed(self.reader.code, spec, copy_arrays(point.values))[1], shapes)

    def _at(self, judged: _Judgment, point: SamplePoint) -> _PointResult | None:
        """Return the result at a point, or None far out where only guards keep the cost finite."""
        try:
            return self._result_at(judged, point)
        except NoDerivative:
            return None

    def _result_at(self, judged: _Judgment, point: SamplePoint) -> _PointResult:
        """Return the numerical check of the gradients at a point, and that of their formulas if they can be read.

        Raises NoDerivative far out where only guards keep the cost finite.
        """
        reader, far = judged.reader, bool(judged.results)
        spec, general = reader.spec, self._general[0]
        reasons = [] if far else judged.reasons
        numbers = _Numbers(reader, point, int(reader.rng.integers(2**31)))
        network = self.network
        unread = far and judged.results[0].read is None  # nor would it be here
        for level, known, found in () if unread else reader.readings(general, point, reasons):
            network = found.network if network is None else network
            if found.gradients is not None:
                try:
                    exact = reader.exact(found, known, point, numbers, far=far)
                except NoDerivative:
                    raise
                except FAILURES as reason:
                    reasons.append(f"not compared in arbitrary precision: {said(reason)}")
                    continue
                read = _PointResult(known, point, level, found, found.network, numbers, exact, not far)
                if exact is None or found.general or read.verdict != Verdict.WRONG:
                    return read
                if not far and numbers.check.verdict == Verdict.WRONG:
                    return read
                by_entry = self._by_entry(reader, point, [], far=far)
                return replace(read, exact=by_entry) if by_entry is not None and by_entry.all_right else read
        entrywise = self._by_entry(reader, point, reasons, far=far)
        level = Level.NUMBERS if entrywise is None else Level.ENTRIES
        return _PointResult(spec, point, level, None, network, numbers, entrywise, not far)

    def _by_entry(
        self, reader: CodeReader, point: SamplePoint, reasons: list[str], *, far: bool
    ) -> ExactComparison | None:
        """Return the comparison entry by entry, or None, with the reason why it cannot be made.

        Raises NoDerivative far out where only guards keep the cost finite.
        """
        try:
            with budget(_SECONDS_BY_ENTRY):
                return compare_entrywise(reader.code, reader.spec, point, reader.rng, far=far)
        except FAILURES as reason:
            if far and isinstance(reason, NoDerivative):
                raise
            reasons.append(f"not read entry by entry: {said(reason)}")
            return None


def _line(formulas: TracedNetwork | None, first: FirstDifference | None) -> CodeLine | None:
    """Return the line of the user's code that computes the first quantity that differs."""
    if formulas is None or first is None:
        return None
    return formulas.lines.get(first.name.removeprefix(OF_A_PARAMETER))


def _contradiction(result: _PointResult, verdict: Verdict) -> list[str]:
    """Return a note where the gradient check and the exact comparison do not say the same."""
    if result.exact is None or result.is_opposite or result.check.verdict not in (Verdict.RIGHT, Verdict.WRONG):
        return []
    if verdict == Verdict.RIGHT and result.check.verdict == Verdict.WRONG:
        return [
            "the gradient check below sees a difference at this point, which small numbers that protect a logarithm or "
            "a division, or a kink, explain: as formulas, the gradients are equal"
        ]
    if verdict == Verdict.WRONG and result.check.verdict == Verdict.RIGHT:
        return [
            "the gradient check below says right, since the difference is smaller than its error bars; in more digits, "
            "the gradients are not equal"
        ]
    return []


def _proof(exact: ExactComparison | None) -> str:
    if exact is None:
        return ""
    if exact.proved:
        return "proved equal to the derived gradient for all sizes, by index calculus"
    return f"equal to the derived gradient {exact.where}"
