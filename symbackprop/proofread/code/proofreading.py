"""Judgment of gradient code: comparison of numbers and formulas at random points, a verdict, and the mistake."""

from dataclasses import dataclass

import numpy as np

from symbackprop.errors import listed
from symbackprop.gradcheck.check import check_gradients
from symbackprop.gradcheck.report import GradientCheck, ParameterCheck
from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.mistakes.explain import Explainer, Explanation
from symbackprop.network.network import Network
from symbackprop.proofread.code.compare import (
    OF_A_PARAMETER,
    ExactComparison,
    FirstDifference,
    first_difference,
    has_kinks,
)
from symbackprop.proofread.code.entrywise import compare_entrywise
from symbackprop.proofread.code.reading import CodeReader
from symbackprop.proofread.code.report import CodeCheck, Level
from symbackprop.tracing.arguments import ArgumentSpec, network_name
from symbackprop.tracing.arrays.names import CodeLine
from symbackprop.tracing.arrays.trace import TracedNetwork
from symbackprop.tracing.sampling import SamplePoint, cost_and_gradients
from symbackprop.tracing.untraceable import Untraceable
from symbackprop.verdicts import Verdict

_MOST_POINTS = 6  # where there are branches
_VARIES = "two runs at one point differ, as random numbers do: draw them before, and give them as an argument"


@dataclass(frozen=True)
class _PointResult:
    """The result at one point: how the code was read there, and the comparison of its numbers and its formulas."""

    spec: ArgumentSpec  # with the class labels as numbers, if the code was read entry by entry
    point: SamplePoint
    level: Level
    read: TracedNetwork | None
    network: Network | None
    check: GradientCheck
    exact: ExactComparison | None

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
    def verdict(self) -> Verdict:
        """The verdict at this point."""
        if any("shape" in block.note for block in self.check.blocks):
            return Verdict.WRONG
        if self.exact is None:
            opposite = all(block.mistake_kinds == (MistakeKind.SIGN,) for block in self.check.blocks)
            return Verdict.CONVENTION if self.check.blocks and opposite else self.check.verdict
        if self.exact.all_right or (self.exact.near and self.check.verdict == Verdict.RIGHT):
            return Verdict.RIGHT
        return Verdict.CONVENTION if all(self.exact.opposite.values()) else Verdict.WRONG


@dataclass
class Proofreading:
    """The judgment of one cost and its gradient; the network is given, or read from the cost."""

    reader: CodeReader
    network: Network | None

    def result(self) -> CodeCheck:
        """Return the check of the code at random points; it stops at the first point that shows a mistake."""
        general, reasons = self.reader.general()
        network = general.network if general is not None else self.network
        results: list[_PointResult] = []
        points = self.reader.points(network, reasons)
        if self.reader.varies:
            return CodeCheck(Verdict.UNDECIDED, Level.NUMBERS, network=self.network, notes=(_VARIES, *reasons))
        for point in points:
            result = self._at(point, general, reasons if not results else [], far=bool(results))
            if results and result.level != results[0].level:
                continue  # far out, where functions are saturated, values in floats do not confirm the formulas
            results.append(result)
            if result.verdict == Verdict.WRONG or len(results) > result.enough_points:
                break
        decided = [result for result in results if result.verdict != Verdict.UNDECIDED]
        wrong = [result for result in results if result.verdict == Verdict.WRONG]
        return self._report((wrong or decided or results)[0], list(dict.fromkeys(reasons)))

    def _report(self, result: _PointResult, reasons: list[str]) -> CodeCheck:
        code, verdict, formulas = self.reader.code, result.verdict, result.formulas
        notes = [*code.remarks, *(result.read.notes if result.read is not None else ()), *reasons]
        notes += ["the code prints, which is not shown"] * code.printed
        updated = () if self.reader.spec.step is None else self.reader.spec.wrt
        changed = code.changed({**result.point.values, **self.reader.spec.constants})
        changed = [name for name in changed if name not in updated]
        notes += [f"the code changes what it is given: {listed(changed)}"] * bool(changed)
        if verdict == Verdict.CONVENTION:
            notes.insert(0, "it is the right gradient up to its sign, by convention: minus the gradient")
        mistake, first = self._mistake(result) if verdict == Verdict.WRONG else (Mistake("", ()), None)
        return CodeCheck(
            verdict,
            result.level,
            mistake.words,
            first,
            result.network,
            formulas.quantities if formulas is not None else (),
            formulas.gradients if formulas is not None else None,
            result.check,
            _proof(result.exact) if verdict in (Verdict.RIGHT, Verdict.CONVENTION) else "",
            tuple(notes),
            mistake.kinds,
            _line(formulas, first),
        )

    def _at(self, point: SamplePoint, general: TracedNetwork | None, reasons: list[str], *, far: bool) -> _PointResult:
        """Return the numerical check of the gradients at a point, and that of their formulas if they can be read."""
        code, spec = self.reader.code, self.reader.spec
        cost, gradients = cost_and_gradients(code, spec)
        seed = int(self.reader.rng.integers(2**31))
        check = check_gradients(cost, gradients, point.params(spec), data=point.data(spec), seed=seed)
        network = self.network
        for level, known, found in self.reader.readings(general, point, reasons):
            network = found.network if network is None else network
            if found.gradients is not None:
                is_right = check.verdict == Verdict.RIGHT
                exact = self.reader.exact(found, known, point, far=far, is_right=is_right)
                return _PointResult(known, point, level, found, found.network, check, exact)
        try:
            entrywise = compare_entrywise(code, spec, point, self.reader.rng)
            return _PointResult(spec, point, Level.ENTRIES, None, network, check, entrywise)
        except Untraceable as reason:
            reasons.append(f"not read entry by entry: {reason}")
        return _PointResult(spec, point, Level.NUMBERS, None, network, check, None)

    def _mistake(self, result: _PointResult) -> tuple[Mistake, FirstDifference | None]:
        """Return the mistake, and the first quantity of the code that differs."""
        explained: tuple[Explanation, ...] = ()
        at, unmoved = None, set[str]()
        if result.network is not None:
            at = self.reader.at_point(result.network, result.spec, result.point)
            claimed = self.reader.claimed(result.point)
            explained = Explainer(at, claimed).explanation() if claimed is not None else ()
            unmoved = {name for name in at.backward.unmoved if np.any((claimed or {}).get(name, 0))}
        cost = result.network.cost.name if result.network is not None else ""
        found = [Mistake(e.sentence(cost), e.kinds) for e in explained]
        words = "the cost is constant in {0}, except for jumps: its gradient with respect to {0} is 0"
        found += [Mistake(words.format(name), ()) for name in sorted(unmoved)]
        told = {name for e in explained for name in e.parameters}
        simple = any(MistakeKind.MISSING_PATH in e.kinds for e in explained)  # it may be no more than a factor
        for block in result.check.blocks:
            if block.verdict != Verdict.WRONG or (result.formulas and MistakeKind.PRECISION in block.mistake_kinds):
                continue
            if network_name(block.name) not in told or (simple and block.mistake):
                found += _of_block(block, result.point)
        first = None
        if result.formulas is not None and at is not None:
            first = first_difference(result.formulas, at, explained[0].adjoints if explained else None)
        kinds = dict.fromkeys(kind for mistake in found for kind in mistake.kinds)
        return Mistake("; ".join(mistake.words for mistake in found), tuple(kinds)), first


def _line(formulas: TracedNetwork | None, first: FirstDifference | None) -> CodeLine | None:
    """Return the line of the user's code that computes the first quantity that differs."""
    if formulas is None or first is None:
        return None
    return formulas.lines.get(first.name.removeprefix(OF_A_PARAMETER))


def _of_block(block: ParameterCheck, point: SamplePoint) -> list[Mistake]:
    """Return the mistake that the gradient check names, or that the shape is wrong; [] if there is neither."""
    if block.mistake:
        return [Mistake(f"d{block.name}: {block.mistake}", block.mistake_kinds)]
    if "shape" not in block.note:
        return []
    expected = np.shape(point.values[block.name])
    words = f"its shape is not {expected}, that of {block.name}: is the sum over the wrong axis, or missing?"
    return [Mistake(f"d{block.name}: {words}", (MistakeKind.SHAPE,))]


def _proof(exact: ExactComparison | None) -> str:
    if exact is None:
        return ""
    if exact.proved:
        return "proved equal to the derived gradient for all sizes, by index calculus"
    return f"equal to the derived gradient {exact.where}"
