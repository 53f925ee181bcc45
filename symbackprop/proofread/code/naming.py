"""The name of the mistake in gradient code: what explains the gradients at one point and at others, of other sizes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
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
from symbackprop.tracing.arguments import ArgumentSpec, network_name
from symbackprop.tracing.arrays.trace import TracedNetwork
from symbackprop.tracing.sampling import SamplePoint, cost_and_gradients, draw_point, other_sizes
from symbackprop.verdicts import Verdict

_SECONDS = 15.0  # of processor time for the search in the catalogue
_OTHERS = 2  # points at which a mistake must be seen again
_DRAWS = 5
_OWN_NUMBERS = re.compile(r"times what it should be|off by the same|clipped at")  # words whose numbers must recur
_NUMBERS = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")


@dataclass(frozen=True)
class Named:
    """A mistake, the first quantity of the code that differs, and whether the catalogue explains all of it."""

    mistake: Mistake
    first: FirstDifference | None = None
    explained: bool = False


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
            return Named(Mistake(words, (MistakeKind.SIGN,)), self._first(self._at(), None), explained=True)
        try:
            with budget(_SECONDS):
                return self._explained()
        except FAILURES:
            return Named(_joined(list(self._of_blocks(set(), simple=False))))

    def is_explained(self) -> bool:
        """Return True if a mistake of the catalogue explains all gradients that are wrong."""
        try:
            with budget(_SECONDS):
                explainer = self._explainer(self._at())
                return explainer is not None and self._tells_all(explainer, explainer.explanation())
        except FAILURES:
            return False

    def _explainer(self, at: PassAtPoint | None) -> Explainer | None:
        claimed = self.reader.claimed(self.point)
        if at is None or claimed is None:
            return None
        return Explainer(at, claimed, list(islice(self._others(), _OTHERS)))

    def _tells_all(self, explainer: Explainer, explained: tuple[Explanation, ...]) -> bool:
        return bool(explained) and {*explainer.wrong} <= {name for e in explained for name in e.parameters}

    def _explained(self) -> Named:
        at = self._at()
        explainer = self._explainer(at)
        explained = explainer.explanation() if explainer is not None else ()
        claimed = explainer.claimed if explainer is not None else {}
        unmoved = {n for n in at.backward.unmoved if np.any(claimed.get(n, 0))} if at is not None else set[str]()
        cost = self.network.cost.name if self.network is not None else ""
        found = [Mistake(e.sentence(cost), e.kinds) for e in explained]
        words = "the cost is constant in {0}, except for jumps: its gradient with respect to {0} is 0"
        found += [Mistake(words.format(name), ()) for name in sorted(unmoved)]
        told = {name for e in explained for name in e.parameters}
        simple = any(MistakeKind.MISSING_PATH in e.kinds for e in explained)  # it may be no more than a factor
        found += self._of_blocks(told, simple=simple)
        first = self._first(at, explained[0] if explained else None)
        tells_all = explainer is not None and self._tells_all(explainer, explained)
        return Named(_joined(found), first, explained=tells_all or bool(unmoved))

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
