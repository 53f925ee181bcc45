"""The name of the mistake in gradient code: what explains the gradients at one point and at others, of other sizes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from symbackprop.budget import budget
from symbackprop.gradcheck.check import check_gradients
from symbackprop.gradcheck.report import GradientCheck, ParameterCheck
from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.mistakes.contributions import PassAtPoint
from symbackprop.mistakes.explain import Explainer, Explanation
from symbackprop.network.network import Network
from symbackprop.proofread.code.compare import FirstDifference, first_difference
from symbackprop.proofread.code.reading import FAILURES, CodeReader
from symbackprop.proofread.code.repairs.search import Repair, RepairSearch
from symbackprop.tracing.arguments import ArgumentSpec, network_name
from symbackprop.tracing.arrays.names import CodeLine
from symbackprop.tracing.arrays.trace import TracedNetwork
from symbackprop.tracing.sampling import SamplePoint, cost_and_gradients, draw_point, other_sizes
from symbackprop.verdicts import Verdict

_SECONDS = 5.0  # of processor time for each of the searches
_SECONDS_OF_ALL = 12.0
_OTHERS = 2  # points at which a mistake must be seen again
_DRAWS = 5
# words of the catalogue in which the names of the code are lost: a number for a hyperparameter, relu for a clip
_WITHOUT_NAMES = re.compile(r"factor (1/)?[\d.]*[3-9]|relu′\(\S* [−+] ")
_OWN_NUMBERS = re.compile(r"times what it should be|off by the same|clipped at")  # words whose numbers must recur
_NUMBERS = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")


@dataclass(frozen=True)
class Named:
    """A mistake, the first quantity of the code that differs, and whether the catalogue explains all of it."""

    mistake: Mistake
    first: FirstDifference | None = None
    explained: bool = False
    line: CodeLine | None = None  # of the code that makes the mistake


@dataclass
class Naming:
    """The search for the mistake in gradients that are wrong at a point."""

    reader: CodeReader
    spec: ArgumentSpec  # with the class labels as numbers, if the code was read entry by entry
    point: SamplePoint
    network: Network | None
    formulas: TracedNetwork | None  # of the cost and the gradients
    check: GradientCheck

    def named(self, *, opposite: bool) -> Named:
        """Return the mistake; `opposite` says that all gradients are right but for their sign."""
        if opposite:
            words = "the sign of every gradient is wrong; it is not a convention in a layer, which others use"
            return Named(Mistake(words, (MistakeKind.SIGN,)), self._first(self._at, None), explained=True)
        with budget(_SECONDS_OF_ALL):
            shaped = _in_time(self._by_shape)
            if shaped is not None:
                return shaped
            first = [lambda: self._single, self._by_repair]
            if self._single is not None and self._is_vague(self._single.mistake):
                first.reverse()
            searches = (*first, self._by_several, self._by_repairs, self._in_part)
            found = next(filter(None, map(_in_time, searches)), None)
        return found or Named(_joined(list(self._of_blocks(set(), simple=False))))

    def as_named(self, mistake: Mistake) -> Named:
        """Return a mistake that is known, with the first quantity of the code that differs."""
        return Named(mistake, self._first(self._at, None), explained=True)

    def _is_vague(self, mistake: Mistake) -> bool:
        """Return True if an edit of the code tells more than these words of the catalogue."""
        of_labels = bool(self.reader.spec.labels) and MistakeKind.MISSING_PATH in mistake.kinds  # of the true class
        return of_labels or _WITHOUT_NAMES.search(mistake.words) is not None

    def is_explained(self) -> bool:
        """Return True if one mistake of the catalogue explains all gradients that are wrong."""
        return self._single is not None

    @cached_property
    def _explainer(self) -> Explainer | None:
        claimed = self.reader.claimed(self.point)
        if self._at is None or claimed is None:
            return None
        return Explainer(self._at, claimed, list(islice(self._others(), _OTHERS)))

    def _tells_all(self, explainer: Explainer, explained: tuple[Explanation, ...]) -> bool:
        return bool(explained) and {*explainer.wrong} <= {name for e in explained for name in e.parameters}

    @cached_property
    def _single(self) -> Named | None:
        """The one mistake of the catalogue that explains all gradients, or None."""
        return _in_time(lambda: self._all_told(self._explainer.single() if self._explainer is not None else ()))

    def _by_several(self) -> Named | None:
        """Return the mistakes of the catalogue that together explain all gradients, or None."""
        return self._all_told(self._explained)

    def _in_part(self) -> Named:
        return self._told(self._explained)

    @cached_property
    def _explained(self) -> tuple[Explanation, ...]:
        return self._explainer.explanation() if self._explainer is not None else ()

    def _all_told(self, explained: tuple[Explanation, ...]) -> Named | None:
        is_all = self._explainer is not None and self._tells_all(self._explainer, explained)
        return self._told(explained) if is_all or self._unmoved else None

    def _told(self, explained: tuple[Explanation, ...]) -> Named:
        words = "the cost is constant in {0}, except for jumps: its gradient with respect to {0} is 0"
        found = [Mistake(e.sentence(self._cost), e.kinds) for e in explained]
        found += [Mistake(words.format(name), ()) for name in sorted(self._unmoved)]
        told = {name for e in explained for name in e.parameters}
        simple = any(MistakeKind.MISSING_PATH in e.kinds for e in explained)  # it may be no more than a factor
        found += self._of_blocks(told, simple=simple)
        first = self._first(self._at, explained[0] if explained else None)
        tells_all = self._explainer is not None and self._tells_all(self._explainer, explained)
        return Named(_joined(found), first, explained=tells_all or bool(self._unmoved))

    @cached_property
    def _unmoved(self) -> set[str]:
        """The parameters with which the cost changes in jumps at most, and whose gradients are not 0."""
        claimed = self._explainer.claimed if self._explainer is not None else {}
        return {n for n in self._at.backward.unmoved if np.any(claimed.get(n, 0))} if self._at is not None else set()

    @property
    def _cost(self) -> str:
        return str(self.network.cost.name) if self.network is not None else "J"

    def _by_shape(self) -> Named | None:
        """Return the mistake of gradients whose entries are right, if nothing else is wrong."""
        wrong = [block for block in self.check.blocks if block.verdict == Verdict.WRONG]
        if not wrong or not all("shape" in block.note for block in wrong):
            return None
        found = {block.name: self._repairs.in_another_shape(block.name) for block in wrong}
        words = [
            f"d{name}: its entries are right, but its shape is {shape}, not {np.shape(self.point.values[name])}, that "
            f"of {name}"
            for name, shape in found.items()
            if shape is not None
        ]
        return (
            Named(Mistake("; ".join(words), (MistakeKind.SHAPE,)), explained=True) if len(words) == len(wrong) else None
        )

    # repairs

    @cached_property
    def _repairs(self) -> RepairSearch:
        return RepairSearch(self.reader, self.point)

    def _by_repair(self) -> Named | None:
        return self._of_repair(self._repairs.by_one(self._cost))

    def _by_repairs(self) -> Named | None:
        return self._of_repair(self._repairs.by_two(self._cost))

    def _of_repair(self, found: Repair | None) -> Named | None:
        if found is None:
            return None
        shapes = (_of_shape(block, self.point) for block in self.check.blocks if "shape" in block.note)
        mistake = _joined([found.mistake, *shapes])
        return Named(mistake, self._first(self._at, None), explained=True, line=found.line)

    # the point

    @cached_property
    def _at(self) -> PassAtPoint | None:
        return None if self.network is None else self.reader.at_point(self.network, self.spec, self.point)

    def _first(self, at: PassAtPoint | None, explained: Explanation | None) -> FirstDifference | None:
        if self.formulas is None or at is None:
            return None
        return first_difference(self.formulas, at, explained.adjoints if explained else None)

    def _others(self) -> Iterator[Explainer]:
        """Yield explainers at other points, of other sizes first, at which the network has the values of the code."""
        if self.network is None:
            return
        read = self.formulas or TracedNetwork(self.network)
        for k in range(_DRAWS):
            sizes = other_sizes(self.reader.spec) if k == 0 and read.general else self.point.sizes
            try:
                point = draw_point(self.reader.spec, sizes, self.reader.rng, self.network)
                if self.spec is not self.reader.spec:  # class labels are numbers of the network
                    kept = {name: self.point.values[name] for name in self.reader.spec.labels}
                    point = replace(point, values=point.values | kept)
                claimed = self.reader.claimed(point)
                if claimed is not None and self.reader.agrees(read, self.spec, point):
                    yield Explainer(self.reader.at_point(self.network, self.spec, point), claimed)
            except FAILURES:
                continue

    def _of_blocks(self, told: set[str], *, simple: bool) -> Iterator[Mistake]:
        """Yield the mistakes that the gradient check names, those of the parameters that are not told yet."""
        wrong = [
            block
            for block in self.check.blocks
            if block.verdict == Verdict.WRONG
            and not (self.formulas and MistakeKind.PRECISION in block.mistake_kinds)
            and (network_name(block.name) not in told or (simple and block.mistake))
        ]
        seen = self._seen_again() if any(block.mistake for block in wrong) else {}
        for block in wrong:
            again = seen.get(block.name, block)
            if block.mistake and _is_same(block.mistake, again.mistake):
                yield Mistake(f"d{block.name}: {block.mistake}", block.mistake_kinds)
            elif "shape" in block.note and not block.mistake:
                yield _of_shape(block, self.point)

    def _seen_again(self) -> dict[str, ParameterCheck]:
        """Return the gradient check at a point of other sizes, with other hyperparameters, by parameter."""
        spec = self.reader.spec
        varied = {n: v * 1.37 if isinstance(v, float) else v for n, v in spec.constants.items()}
        for constants, sizes in ((varied, other_sizes(spec)), (spec.constants, other_sizes(spec)), (varied, None)):
            other = replace(spec, constants=constants)
            try:
                point = draw_point(other, sizes or self.point.sizes, self.reader.rng, self.network)
                cost, gradients = cost_and_gradients(self.reader.code, other)
                check = check_gradients(cost, gradients, point.params(other), data=point.data(other), seed=0)
            except FAILURES:
                continue
            if check.verdict == Verdict.WRONG:
                return {block.name: block for block in check.blocks if block.verdict == Verdict.WRONG}
        return {}


def _in_time(search: Callable[[], Named | None]) -> Named | None:
    """Return what a search finds within its time, or None."""
    try:
        with budget(_SECONDS):
            return search()
    except FAILURES:
        return None


def _is_same(one: str, other: str) -> bool:
    """Return True if two mistakes are the same, where sizes and hyperparameters in them may differ."""
    return one == other if _OWN_NUMBERS.search(one) else _NUMBERS.sub("#", one) == _NUMBERS.sub("#", other)


def _joined(found: list[Mistake]) -> Mistake:
    words = dict.fromkeys(mistake.words for mistake in found)
    kinds = dict.fromkeys(kind for mistake in found for kind in mistake.kinds)
    return Mistake("; ".join(words), tuple(kinds))


def _of_shape(block: ParameterCheck, point: SamplePoint) -> Mistake:
    expected: Any = np.shape(point.values[block.name])
    words = f"its shape is not {expected}, that of {block.name}: is the sum over the wrong axis, or missing?"
    return Mistake(f"d{block.name}: {words}", (MistakeKind.SHAPE,))
