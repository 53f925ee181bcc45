"""The search for an edit of the user's gradient code by which all gradients are right, at several points and sizes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from types import CodeType
from typing import TypeAlias

import numpy as np

from symbackprop.budget import spend
from symbackprop.errors import listed
from symbackprop.gradcheck.check import check_gradients
from symbackprop.gradcheck.directional import numerical_gradient
from symbackprop.kinds import Kinds, Mistake
from symbackprop.proofread.code.reading import CodeReader
from symbackprop.proofread.code.repairs import algebra, idioms, indices, statements
from symbackprop.proofread.code.repairs.edits import Edit, Row, Scope, together
from symbackprop.proofread.code.repairs.source import Source, sources
from symbackprop.tracing.arrays.names import CodeLine
from symbackprop.tracing.sampling import SamplePoint, copy_arrays, cost_and_gradients, draw_point, other_sizes
from symbackprop.tracing.untraceable import Untraceable
from symbackprop.verdicts import Verdict

ROWS: tuple[Row, ...] = (
    *(indices.stride, indices.offset, indices.axis, algebra.brackets, statements.order, statements.depth),
    *(statements.name, indices.wraparound, algebra.complement),
    *(
        idioms.gradient_clipped,
        idioms.clip,
        idioms.softmax,
        idioms.relu_of_the_gradient,
        idioms.bias_penalized,
        idioms.true_class,
        idioms.square_for_slope,
    ),
    *(statements.accumulation, algebra.operators, algebra.minus, indices.bounds, indices.flip),
    *(algebra.term_too_much, algebra.factor_too_much, algebra.number, algebra.function, statements.statement_too_much),
    *(idioms.sum_for_each, algebra.scalar_left_out, algebra.term_left_out, algebra.slope_wrong, algebra.slope_left_out),
)
_CLOSE = 1e-6  # relative to the largest entry of a gradient
_SAME_COST = 1e-12
_DRAWS = 4
_MOST_SECOND = 12  # edits that make a part right, to which a second is added
_MOST_APART = 6  # edits that each make a part right

Change: TypeAlias = tuple[Scope, Edit]


@dataclass(frozen=True)
class Repair:
    """A mistake, the line of the code that makes it, its code and the right code."""

    mistake: Mistake
    line: CodeLine
    old: str
    new: str


class RepairSearch:
    """The search for a repair of gradients that are wrong at a point.

    Args:
        reader: the code.
        point: values of all arguments.
    """

    def __init__(self, reader: CodeReader, point: SamplePoint):
        self.reader, self.point = reader, point
        self._tried: list[tuple[Change, np.ndarray]] = []
        self.cost, self.gradients = cost_and_gradients(reader.code, reader.spec)

    def by_one(self, cost: str) -> Repair | None:
        """Return the repair by one edit, or the same one at several places; `cost` is the cost's name in the words."""
        for change in self._edits():
            value = self._run([change])
            if value is None or np.array_equal(value, self._claimed, equal_nan=True):
                continue
            if self._fits(value) and self._is_confirmed([change]):
                return self._repair([change], cost)
            self._tried.append((change, value))
        return self._first(self._apart(), cost)

    def by_two(self, cost: str) -> Repair | None:
        """Return the repair by two edits, after one was not enough."""
        return self._first(chain(self._second(), self._added(), self._scaled()), cost)

    def in_another_shape(self, name: str) -> tuple[int, ...] | None:
        """Return the shape of a gradient whose entries are right and in order, None if it is the parameter's shape."""
        found = np.asarray(self.gradients(**copy_arrays(self.point.values))[name], float)
        before = self.reader.spec.wrt[: self.reader.spec.wrt.index(name)]
        start, expected = sum(np.size(self.point.values[n]) for n in before), np.shape(self.point.values[name])
        right = self._right[start : start + int(np.prod(expected))]
        if found.shape == expected or found.size != right.size:
            return None
        size = np.max(np.abs(right), initial=0.0)
        return found.shape if np.all(np.abs(found.ravel() - right) <= _CLOSE * size) else None

    def _first(self, candidates: Iterator[list[Change]], cost: str) -> Repair | None:
        return next((self._repair(changes, cost) for changes in candidates if self._is_confirmed(changes)), None)

    # values at the point

    @cached_property
    def _right(self) -> np.ndarray:
        params, data = self.point.params(self.reader.spec), self.point.data(self.reader.spec)
        found = numerical_gradient(lambda **given: self.cost(**copy_arrays(given)), params, data=data)
        return self._flat(found)

    @cached_property
    def _claimed(self) -> np.ndarray:
        return self._flat(self.gradients(**copy_arrays(self.point.values)))

    @cached_property
    def _scale(self) -> np.ndarray:
        """The largest entry of each right gradient, for each of its entries."""
        sizes = [np.size(self.point.values[name]) for name in self.reader.spec.wrt]
        parts = np.split(np.abs(self._right), np.cumsum(sizes)[:-1])
        least = 1e-9 * max(np.max(self._right, initial=0.0), -np.min(self._right, initial=0.0))
        return np.concatenate([np.full(p.size, max(np.max(p, initial=0.0), least)) for p in parts])

    def _flat(self, gradients: Mapping[str, object]) -> np.ndarray:
        """Return the entries of all gradients; NaN for a gradient in another shape than its parameter's."""
        expected = {name: np.shape(self.point.values[name]) for name in self.reader.spec.wrt}
        arrays = {name: np.asarray(gradients[name], float) for name in expected}
        fitting = [a if a.shape == expected[n] else np.full(expected[n], np.nan) for n, a in arrays.items()]
        return np.concatenate([np.ravel(array) for array in fitting])

    def _right_entries(self, value: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            entries: np.ndarray = np.abs(value - self._right) <= _CLOSE * self._scale
        return entries

    def _fits(self, value: np.ndarray) -> bool:
        return bool(np.all(self._right_entries(value)))

    # edits

    @cached_property
    def _scopes(self) -> list[Scope]:
        """The functions of the gradient, those of the cost last."""
        code, spec = self.reader.code, self.reader.spec
        values = spec.given(copy_arrays(self.point.values))
        every = sources(lambda: code.run(values))
        of_cost = {s.function for s in sources(lambda: code.run(values, gradient=False))}
        every.sort(key=lambda source: source.function in of_cost)
        strides = tuple(dict.fromkeys(step for s in every for step in indices.strides_in(s.definition)))
        parameters, shapes = frozenset(spec.wrt), {name: tuple(shape) for name, shape in spec.shapes.items()}
        own = [source for source in every if source.function not in of_cost or code.gradient is None]
        return [Scope(s, parameters, shapes, _known(s, strides)) for s in own or every]

    def _edits(self) -> Iterator[Change]:
        """Yield the edits of each row: one by one, then those of one group together."""
        for row in ROWS:
            for scope in self._scopes:
                groups: dict[str, list[Edit]] = {}
                for node in scope.nodes:
                    for edit in row(node, scope):
                        groups.setdefault(edit.group, []).append(edit)
                        yield scope, edit
                for edits in (*_in_one_statement(groups.values(), scope), *groups.values()):
                    apart = [e for k, e in enumerate(edits) if not any(_overlap(e, o, scope) for o in edits[:k])]
                    if len(apart) > 1:
                        yield scope, together(apart)

    def _compiled(self, changes: Sequence[Change]) -> list[tuple[Source, CodeType]] | None:
        by_scope: dict[int, tuple[Scope, list[Edit]]] = {}
        for scope, edit in changes:
            by_scope.setdefault(id(scope), (scope, []))[1].append(edit)
        found: list[tuple[Source, CodeType]] = []
        for scope, edits in by_scope.values():
            code = scope.edited(tuple(change for edit in edits for change in edit.changes))
            if code is None:
                return None
            found.append((scope.source, code))
        return found

    def _run(self, changes: Sequence[Change]) -> np.ndarray | None:
        """Return the gradients with these changes at the point, or None if the code then fails."""
        spend()
        codes = self._compiled(changes)
        if codes is None:
            return None
        with ExitStack() as stack:
            for source, code in codes:
                stack.enter_context(source.running(code))
            try:
                with np.errstate(all="ignore"):
                    value = self._flat(self.gradients(**copy_arrays(self.point.values)))
            except (Exception, Untraceable):
                return None
        return value

    # confirmation

    def _is_confirmed(self, changes: Sequence[Change]) -> bool:
        """Return True if the gradients are right at other points and sizes, too, and the cost is what it was."""
        codes = self._compiled(changes)
        if codes is None or not self._others:
            return False
        costs = [self.cost(**copy_arrays(point.values)) for point in self._others]
        with ExitStack() as stack:
            for source, code in codes:
                stack.enter_context(source.running(code))
            for point, cost in zip(self._others, costs, strict=True):
                try:
                    spec = self.reader.spec
                    if not np.isclose(self.cost(**copy_arrays(point.values)), cost, rtol=_SAME_COST, atol=0):
                        return False
                    check = check_gradients(
                        self.cost, self.gradients, point.params(spec), data=point.data(spec), seed=0
                    )
                except (Exception, Untraceable):
                    return False
                if check.verdict != Verdict.RIGHT:
                    return False
        return True

    @cached_property
    def _others(self) -> list[SamplePoint]:
        """Points at which the code runs, of which the first has other sizes, if it can have them."""
        drawn = (self._drawn(other_sizes(self.reader.spec) if k == 0 else self.point.sizes) for k in range(_DRAWS))
        return list(islice((point for point in drawn if point is not None), 2))

    def _drawn(self, sizes: Mapping[str, int]) -> SamplePoint | None:
        """Return a point of these sizes, or None if the code does not run there."""
        try:
            point = draw_point(self.reader.spec, sizes, self.reader.rng, None)
            self.gradients(**copy_arrays(point.values))
            is_finite = np.isfinite(self.cost(**copy_arrays(point.values)))
        except Exception:
            return None
        return point if is_finite else None

    # several edits

    @cached_property
    def _better(self) -> list[tuple[Change, np.ndarray]]:
        """The edits that make entries right and none wrong, with the entries that are right then; the best first."""
        before = self._right_entries(self._claimed)
        found: dict[bytes, tuple[Change, np.ndarray]] = {}
        for change, value in self._tried:
            now = self._right_entries(value)
            if np.all(now >= before) and np.any(now > before):
                found.setdefault(now.tobytes(), (change, now))
        return sorted(found.values(), key=lambda each: -int(each[1].sum()))

    def _apart(self) -> Iterator[list[Change]]:
        """Yield the edits that together make all entries right, each some of them."""
        chosen: list[Change] = []
        now = self._right_entries(self._claimed)
        for change, right in self._better:
            if np.any(right > now) and not any(_overlap(change[1], c[1], c[0]) for c in chosen):
                chosen, now = [*chosen, change], now | right
        if 1 < len(chosen) <= _MOST_APART:
            value = self._run(chosen)
            if value is not None and self._fits(value):
                yield chosen

    def _second(self) -> Iterator[list[Change]]:
        """Yield pairs of which the first edit makes some entries right, and the second the others."""
        for first, now in self._better[:_MOST_SECOND]:
            for second, value in self._tried:
                if not np.array_equal(value[~now], self._claimed[~now]):
                    yield from self._tried_together(first, second)

    def _added(self) -> Iterator[list[Change]]:
        """Yield pairs whose effects on the gradients add up to what is wrong."""
        wanted = self._right - self._claimed
        if not np.all(np.isfinite(wanted)):
            return
        weights = np.random.default_rng(0).uniform(0.5, 1.5, wanted.size) / np.maximum(self._scale, 1e-300)
        finite = [(c, float(weights @ (v - self._claimed))) for c, v in self._tried if np.all(np.isfinite(v))]
        marks = np.array([mark for _, mark in finite])
        order, goal = np.argsort(marks), float(weights @ wanted)
        for change, mark in finite:
            near = 1e-6 * (abs(goal) + abs(mark))
            low, high = np.searchsorted(marks[order], [goal - mark - near, goal - mark + near])
            for k in order[low:high]:
                yield from self._tried_together(change, finite[k][0])

    def _scaled(self) -> Iterator[list[Change]]:
        """Yield pairs of which one edit makes all gradients right but for a factor, and the other is a factor."""
        factors = [c for c, v in self._tried if _is_multiple(v, self._claimed)]
        for change, value in self._tried:
            if _is_multiple(value, self._right):
                for factor in factors:
                    yield from self._tried_together(change, factor)

    def _tried_together(self, first: Change, second: Change) -> Iterator[list[Change]]:
        if not any(a is b for a, _ in first[1].changes for b, _ in second[1].changes):
            value = self._run([first, second])
            if value is not None and self._fits(value):
                yield [first, second]

    # words

    def _repair(self, changes: Sequence[Change], cost: str) -> Repair:
        wrong = ~self._right_entries(self._claimed)
        sizes = [np.size(self.point.values[name]) for name in self.reader.spec.wrt]
        parts = np.split(wrong, np.cumsum(sizes)[:-1])
        names = [f"d{cost}d{name}" for name, part in zip(self.reader.spec.wrt, parts, strict=True) if np.any(part)]
        words = _joined([edit for _, edit in changes])
        equal = "equal the right ones" if len(names) > 1 else "equals the right one"
        kinds: Kinds = tuple(dict.fromkeys(kind for _, edit in changes for kind in edit.kinds))
        scope, first = min(changes, key=lambda change: change[1].line)
        line = CodeLine(scope.source.file, first.line, scope.source.function.__name__)
        return Repair(Mistake(f"{listed(names)} {equal} {words}", kinds), line, first.old, first.new)


def _joined(edits: Sequence[Edit]) -> str:
    """Return the words of several edits; edits of one kind are told once."""
    first = edits[0]
    rows = {edit.words.partition(": ")[2] or edit.words for edit in edits}
    if len(edits) > 1 and len(rows) == 1:
        return together(edits).words
    return ", and ".join(dict.fromkeys(edit.words for edit in edits)) if len(edits) > 1 else first.words


def _known(source: Source, strides: Sequence[str]) -> tuple[str, ...]:
    """Return the strides that a function can name."""
    names = {*source.values, *source.function.__globals__}
    return tuple(step for step in strides if step.isdigit() or step.split(".")[0] in names)


def _in_one_statement(groups: Iterable[list[Edit]], scope: Scope) -> Iterator[list[Edit]]:
    """Yield the edits of a group that are in one statement, if others of the group are not."""
    for edits in groups:
        by_statement: dict[int, list[Edit]] = {}
        for edit in edits:
            by_statement.setdefault(id(scope.statement(edit.changes[0][0])), []).append(edit)
        yield from (each for each in by_statement.values() if 1 < len(each) < len(edits))


def _is_multiple(one: np.ndarray, other: np.ndarray) -> bool:
    """Return True if an array is another one times a number, which is not 1 or 0."""
    if not np.all(np.isfinite(one)) or not np.any(one):
        return False
    product, size = float(one @ other), float(np.sqrt((one @ one) * (other @ other)))
    return abs(abs(product) - size) <= 1e-10 * size and not np.allclose(one, other)


def _overlap(one: Edit, other: Edit, scope: Scope) -> bool:
    """Return True if two edits change the same part of the code."""
    for node, _ in one.changes:
        for second, _ in other.changes:
            if scope.contains(node, second) or scope.contains(second, node):
                return True
    return False
