"""Conversion of the user's code to formulas with the same values, and their comparison with the derivation."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import Protocol

import mpmath
import numpy as np

from symbackprop.budget import OutOfTime, budget
from symbackprop.errors import ArgumentError, SymbackpropError
from symbackprop.gradcheck.report import GradientCheck
from symbackprop.mistakes.contributions import BackwardPass, PassAtPoint
from symbackprop.network.evaluate import IN_DIGITS, IN_FLOATS, Arithmetic
from symbackprop.network.network import Network
from symbackprop.network.size_conditions import least_sizes
from symbackprop.proofread.code.compare import ExactComparison, compare_exactly, traced_gradients
from symbackprop.proofread.code.report import Level
from symbackprop.tracing.aliases import ArgumentValue
from symbackprop.tracing.arguments import ArgumentSpec, network_name
from symbackprop.tracing.arrays.run import CLIP, EPSILON
from symbackprop.tracing.arrays.trace import TracedNetwork, trace
from symbackprop.tracing.calls import UserCode
from symbackprop.tracing.conditions import DataCondition
from symbackprop.tracing.randomness import varies
from symbackprop.tracing.sampling import (
    SamplePoint,
    as_matrix,
    copy_arrays,
    cost_and_gradients,
    distinct_sizes,
    entries_at,
    sample_points,
)
from symbackprop.tracing.untraceable import NoDerivative, Untraceable, place_in_code
from symbackprop.verdicts import Verdict

FAILURES = (Untraceable, OutOfTime, Exception)  # of a reading: the next level is tried
_SECONDS = 15.0  # of processor time for one reading
_SMALLEST = (3, 4, 5, 7, 2)  # sizes of the first dimension that are tried
_MOST_ENTRIES = 400  # of all arguments together; smaller sizes are tried first if there would be more
_DIGITS = (50, 200, 1000)
_SINGLE = 1e-5  # relative: a gradient that was computed in single precision
_GUARDED = 1e-3  # relative: what guards may change
_AGREES = 1e-8  # relative: formulas must have the values that the code has


class Checked(Protocol):
    """A numerical check of the gradients, made when it is asked for."""

    @property
    def check(self) -> GradientCheck:
        """The check."""


@dataclass
class CodeReader:
    """Reader of one cost and its gradient."""

    code: UserCode
    spec: ArgumentSpec
    rng: np.random.Generator
    varies: bool = False  # two runs at one point have different results

    def under(self, conditions: Iterable[DataCondition]) -> "CodeReader":
        """Return a reader of the same code with further conditions on the data."""
        return replace(self, spec=self.spec.with_conditions(conditions))

    def general(self) -> tuple[TracedNetwork | None, list[str]]:
        """Return the code as formulas for all sizes, or None, and the reasons why parts cannot be read."""
        try:
            with budget(_SECONDS):
                found = trace(self.code, self.spec)
        except FAILURES as reason:
            return None, [f"not read as formulas for all sizes: {said(reason)}"]
        return found, [f"not read as formulas for all sizes: {found.problem}"] * bool(found.problem)

    def points(self, network: Network | None, reasons: list[str]) -> list[SamplePoint]:
        """Return random arguments, at sizes for which the code does not fail."""
        failures: dict[str, Exception] = {}
        for smallest in self._smallest(network):
            sizes = distinct_sizes(self.spec, smallest)
            at = ", ".join(f"{name}={n}" for name, n in sizes.items())
            try:
                found = list(sample_points(self.code, self.spec, sizes, self.rng, network))
                cost_and_gradients(self.code, self.spec)[1](**copy_arrays(found[0].values))
            except SymbackpropError:
                raise
            except Exception as error:
                failures[at or "the given sizes"] = error
                continue
            reasons += [f"the code fails at {where}, but not at {at}: {_in_words(e)}" for where, e in failures.items()][
                :1
            ]
            self.varies = varies(self.code, self.spec, found[0])
            return found
        where, first = next(iter(failures.items()))
        raise ArgumentError(f"the code fails at {where}: {_in_words(first)}") from first

    def _smallest(self, network: Network | None) -> list[int]:
        """Return the smallest sizes to try, in this order, such that no part that the network takes is missing."""
        is_small = entries_at(self.spec, _SMALLEST[0]) <= _MOST_ENTRIES
        least = 1 if network is None else max((one.least for one in least_sizes(network)), default=1)
        tried = [n for n in (_SMALLEST if is_small else (2, *_SMALLEST)) if n >= least]
        return tried if least <= _SMALLEST[0] else [least, *tried]

    def readings(
        self, general: TracedNetwork | None, point: SamplePoint, reasons: list[str]
    ) -> Iterator[tuple[Level, ArgumentSpec, TracedNetwork]]:
        """Yield the code as formulas that have the code's values at a point, the most general formulas first."""
        spec, fixed = self.spec, self.spec.with_labels(point.values)
        attempts: list[tuple[Level, ArgumentSpec, Callable[[], TracedNetwork | None]]] = [
            (Level.FORMULA, spec, lambda: general),
            (Level.FORMULA, spec, lambda: general and trace(self.code, spec, ignored=frozenset())),
            (Level.ENTRIES, fixed, lambda: trace(self.code, fixed, point=point)),
            (Level.ENTRIES, fixed, lambda: trace(self.code, fixed, point=point, ignored=frozenset())),
        ]
        out_of_time = False
        for level, known, read in attempts:
            if out_of_time:
                break
            try:
                with budget(_SECONDS):
                    found = read()
                    agrees = found is None or self.agrees(found, known, point)
            except FAILURES as reason:
                reasons.append(f"not read with loops and branches: {said(reason)}")
                out_of_time = isinstance(reason, OutOfTime)
                continue
            if not agrees:
                reasons.append("the formulas that were read from the code have other values than the code")
            elif found is not None:
                yield level, known, found

    def exact(
        self, found: TracedNetwork, spec: ArgumentSpec, point: SamplePoint, numbers: "Checked", *, far: bool
    ) -> ExactComparison | None:
        """Return the comparison in arbitrary precision; `numbers` tell whether the gradients are right in floats.

        The result is None if they differ only in the choice of a derivative at a kink.

        Raises NoDerivative far out where only guards such as 1e-8 in log(p + 1e-8) keep the cost finite.
        """
        exact, guarded, plain = self._compared(found, spec, point, _DIGITS[:1]), None, None
        if not _is_decided(exact):
            plain = self._without_guards(found, spec, point, far=far)
            guarded = plain and self._compared(plain, spec, point, _DIGITS[:1])
        if not _is_decided(exact) and not (guarded and guarded.all_right):
            exact = self._compared(found, spec, point, _DIGITS[1:]) or exact
            if plain is not None and not _is_decided(exact):
                guarded = self._compared(plain, spec, point, _DIGITS[1:]) or guarded
                if guarded is None and exact is not None and far:
                    raise NoDerivative("without small numbers that are added as guards, the cost has no value there")
        if guarded and guarded.all_right and not _is_decided(exact):
            return replace(guarded, where=f"{guarded.where}, but for small numbers that are added as guards")
        is_choice = exact and not _is_decided(exact) and exact.at_a_kink and numbers.check.verdict == Verdict.RIGHT
        return None if is_choice else exact

    def _without_guards(
        self, found: TracedNetwork, spec: ArgumentSpec, point: SamplePoint, *, far: bool
    ) -> TracedNetwork | None:
        """Return the code without guards such as 1e-8 in log(p + 1e-8), or None if it has none.

        Guards have a small effect at an ordinary point, but may have a large one where functions are saturated.
        """
        try:
            plain = self._plain if found.general else self._read_without_guards(spec, point)
        except FAILURES:
            return None
        same = (plain.gradients, plain.quantities) == (found.gradients, found.quantities)
        if plain.gradients is None or (same and plain.network.to_text() == found.network.to_text()):
            return None
        return plain if far or self.agrees(plain, spec, point, _GUARDED) else None

    @cached_property
    def _plain(self) -> TracedNetwork:
        """The code for all sizes without guards."""
        return self._read_without_guards(self.spec, None)

    def _read_without_guards(self, spec: ArgumentSpec, point: SamplePoint | None) -> TracedNetwork:
        return trace(self.code, spec, point=point, ignored=frozenset({CLIP, EPSILON}))

    def _compared(
        self, found: TracedNetwork, spec: ArgumentSpec, point: SamplePoint, precisions: Iterable[int]
    ) -> ExactComparison | None:
        """Return the comparison with 50 digits or more, since saturated functions lose some of them.

        The result is None if there is no value, as for log(1 − p) where p is 1 in all digits.
        """
        exact = None
        for digits in precisions:
            try:
                with mpmath.workdps(digits):
                    exact = compare_exactly(found, self.at_point(found.network, spec, point, IN_DIGITS))
            except (ZeroDivisionError, ValueError):
                continue
            if _is_decided(exact):
                break
        return exact

    def computes(self, found: TracedNetwork) -> bool:
        """Return True if the network has the same values as the cost, at points with two different sizes."""
        sizes = distinct_sizes(self.spec, self._smallest(found.network)[0])
        every = sample_points(self.code, self.spec, sizes, self.rng, found.network)
        some = list(islice(every, 2))
        self.varies = any(varies(self.code, self.spec, point, gradient=False) for point in some)
        return all(self.agrees(found, self.spec, point) for point in some)

    def agrees(self, found: TracedNetwork, spec: ArgumentSpec, point: SamplePoint, tolerance: float = _AGREES) -> bool:
        """Return True if the formulas of the cost and of the gradients have the same values as the code."""
        at = self.at_point(found.network, spec, point)
        cost, gradients = cost_and_gradients(self.code, self.spec)
        with np.errstate(all="ignore"):
            theirs = cost(**copy_arrays(point.values))
        if not np.isclose(theirs, float(at.values[found.network.cost.symbol]), rtol=tolerance, atol=1e-300):
            return False
        if found.gradients is None:
            return True
        returned = gradients(**copy_arrays(point.values))
        read = traced_gradients(found, at)
        return all(_is_alike(returned[name], read[network_name(name)]) for name in self.spec.wrt)

    def unguarded(self, found: TracedNetwork, points: Iterable[SamplePoint]) -> list[SamplePoint]:
        """Return the points, or points nearer to 0, at which the cost has the value that it has without guards."""
        every = list(points)
        nearer = [replace(point, values=_nearer(point.values)) for point in every[:2]]
        return [point for point in (*every, *nearer) if self.same_cost(found, point)]

    def same_cost(self, found: TracedNetwork, point: SamplePoint, tolerance: float = _AGREES) -> bool:
        """Return True if the formula of the cost has the value that the code has."""
        cost = cost_and_gradients(self.code, self.spec)[0]
        with np.errstate(all="ignore"):
            theirs = cost(**copy_arrays(point.values))
            ours = float(self.at_point(found.network, self.spec, point).values[found.network.cost.symbol])
        return bool(np.isclose(theirs, ours, rtol=tolerance, atol=1e-300))

    def at_point(
        self, network: Network, spec: ArgumentSpec, point: SamplePoint, how: Arithmetic = IN_FLOATS
    ) -> PassAtPoint:
        """Return the values of a network and its backward pass at a point."""
        parameters = tuple(network[network_name(name)] for name in spec.wrt)
        sizes = {dimension: point.sizes[str(dimension)] for dimension in network.dimensions}
        values = point.symbols(network, spec)
        if how is IN_DIGITS:
            values = {symbol: how.each(mpmath.mpf, value) for symbol, value in values.items()}
        return PassAtPoint(BackwardPass(network, parameters), sizes, values, how)

    def claimed(self, point: SamplePoint) -> dict[str, np.ndarray] | None:
        """Return the code's gradients as matrices, or None if they do not have the shapes of the parameters."""
        found = cost_and_gradients(self.code, self.spec)[1](**copy_arrays(point.values))
        if any(np.shape(found[name]) != np.shape(point.values[name]) for name in found):
            return None
        return {network_name(name): as_matrix(value) for name, value in found.items()}


def _is_decided(exact: ExactComparison | None) -> bool:
    """Return True if all gradients are right, or all are opposite."""
    return exact is not None and (exact.all_right or all(exact.opposite.values()))


def _nearer(values: Mapping[str, ArgumentValue]) -> dict[str, ArgumentValue]:
    """Return the values with each array of floats a quarter as large."""
    is_float = {name: getattr(value, "dtype", np.dtype(int)).kind == "f" for name, value in values.items()}
    return {name: value / 4 if is_float[name] else value for name, value in values.items()}


def _is_alike(returned: np.ndarray, read: np.ndarray) -> bool:
    """Return True if a gradient equals the one that was read, to single precision, or has a wrong shape."""
    ours = np.asarray(read, float).ravel()
    try:
        theirs = np.asarray(returned, float).ravel()
    except (TypeError, ValueError):
        return False
    scale = np.max(np.abs(theirs), initial=0.0)
    return theirs.shape != ours.shape or bool(np.all(np.abs(theirs - ours) <= _SINGLE * scale))


def said(failure: BaseException) -> str:
    """Return a failure of a reading in words: the reason, or the exception with the line of the user's code."""
    if isinstance(failure, Untraceable | OutOfTime | SymbackpropError):
        return str(failure)
    return _in_words(failure)


_UNFIT = re.compile(r"matmul: .*core dimension 0.*\(size (\d+) is different from (\d+)\)")


def _in_words(error: BaseException) -> str:
    unfit = _UNFIT.search(str(error))
    if unfit:
        return f"a product of {unfit[2]} columns with {unfit[1]} rows{place_in_code(error)}"
    return f"{type(error).__name__}: {error}{place_in_code(error)}"
