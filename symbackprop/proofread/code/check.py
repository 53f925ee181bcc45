"""Proofreading gradient code: it is read as far as it can be, compared with what is derived, and run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import mpmath
import numpy as np

from symbackprop.errors import ArgumentError, SymbackpropError, listed
from symbackprop.gradcheck.check import check_gradients
from symbackprop.gradcheck.report import Block, GradientCheck
from symbackprop.mistakes.contributions import BackwardPass, PassAtPoint
from symbackprop.mistakes.explain import Explainer, Explanation
from symbackprop.network.evaluate import IN_DIGITS, IN_FLOATS, Arithmetic
from symbackprop.network.network import Network
from symbackprop.proofread.code.by_entries import compared_by_entries
from symbackprop.proofread.code.compare import Exact, compared, first_difference, has_kinks, read_gradients
from symbackprop.proofread.code.report import CodeCheck, Level
from symbackprop.tracing.arguments import Given, given, network_name
from symbackprop.tracing.arrays.array import CLIP, EPSILON
from symbackprop.tracing.arrays.trace import TracedNetwork, trace
from symbackprop.tracing.calls import Code
from symbackprop.tracing.sampling import Drawn, as_functions, as_matrix, copied, distinct, points
from symbackprop.tracing.untraceable import Untraceable
from symbackprop.verdicts import Verdict

_SMALLEST = (3, 4, 5, 7, 2)  # sizes of the first dimension that are tried
_DIGITS = (50, 200, 1000)
_LOOKS = 6  # points that are looked at where there are branches
_SINGLE = 1e-5  # relative: a gradient that was computed in single precision
_GUARDED = 1e-3  # relative: what guards may change
_AGREES = 1e-8  # relative: what is read must have the values that the code has


def network_from_function(
    cost: Callable[..., Any],
    shapes: Mapping[str, Any],
    wrt: Iterable[str] | str | None = None,
    *,
    attributes: Mapping[str, Any] | None = None,
    labels: Mapping[str, Any] | None = None,
    scalars: Mapping[str, Any] | Iterable[str] | None = None,
) -> Network:
    """The network that a plain NumPy function computes. The function is run, on arrays without numbers.

    Args:
        cost: a function, or a method of an object, that returns the cost, or a tuple with the cost first.
        shapes: of its arguments by name: dimensions are names or whole numbers, ("H",) is a vector, () a number.
        wrt: the names of the parameters; without them, all whose names begin with W, b, w, theta or U.
        attributes: shapes of arrays on the object of a method.
        labels: arguments that are whole numbers, with the number of classes they choose from.
        scalars: names of hyperparameters, or their values.

    Raises:
        ArgumentError: the code cannot be read as a network; the message says what stands in the way.

    >>> import numpy as np
    >>> def cost(X, y, W):
    ...     return 0.5 * np.sum((np.tanh(X @ W) - y) ** 2)
    >>> print(network_from_function(cost, {"X": ("N", "D"), "y": ("N", "K"), "W": ("D", "K")}))
    X: input(N, D)
    y: target(N, K)
    W: parameter(D, K)
    J = (1/2) * sum((tanh(X @ W) - y)**2)
    """
    names = [*shapes, *(attributes or {})]
    chosen = [n for n in names if n[0] in "WbwU" or n.startswith("theta")] if wrt is None else wrt
    told = given(shapes, chosen or names, attributes=attributes, labels=labels, scalars=scalars)
    code = Code(cost, None, told.attributes)
    code.takes([*told.shapes, *told.scalars, *told.constants])
    reader = _Proofreading(code, told, None, np.random.default_rng())
    reason = "what was read has other values than the function"
    for ignored in (frozenset({CLIP}), frozenset[str]()):
        try:
            found = trace(code, told, gradient=False, ignored=ignored)
        except Untraceable as problem:
            reason = str(problem)
            break
        if reader.computes(found):
            return found.network
    raise ArgumentError(f"this function cannot be read as a network: {reason}")


def check_code(
    cost: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    shapes: Mapping[str, Any],
    wrt: Iterable[str] | str,
    *,
    attributes: Mapping[str, Any] | None = None,
    labels: Mapping[str, Any] | None = None,
    scalars: Mapping[str, Any] | Iterable[str] | None = None,
    network: Network | None = None,
    seed: int | None = None,
) -> CodeCheck:
    """Whether a person's gradient code is right, and if not, what the mistake is. The code is run.

    Args:
        cost: a function, or a method of an object, that returns the cost (or a tuple with the cost first).
        gradient: returns the gradients: in the order of `wrt`, by name, in one vector, or after the cost; None where
            `cost` returns both.
        shapes: of the arguments by name; dimensions are names or whole numbers, ("H",) is a vector, () a number.
        wrt: the names of the parameters.
        attributes: shapes of arrays on the object of the methods.
        labels: arguments that are whole numbers, with the number of classes they choose from.
        scalars: names of hyperparameters, or their values.
        network: what the cost computes, for the name of a mistake in code that cannot be read.
        seed: repeats the random points.

    Raises:
        ArgumentError: arguments that have no shape, functions that fail, gradients that cannot be told apart.

    >>> import numpy as np
    >>> def cost(X, y, W):
    ...     return 0.5 * np.sum((np.tanh(X @ W) - y) ** 2)
    >>> def gradient(X, y, W):
    ...     yhat = np.tanh(X @ W)
    ...     delta = yhat - y
    ...     return X.T @ delta
    >>> check = check_code(cost, gradient, {"X": ("N", "D"), "y": ("N", "K"), "W": ("D", "K")}, ["W"])
    >>> print(check.verdict, "at the level", check.level)
    wrong at the level formula
    >>> check.mistake
    'dJdW equals the right one with the derivative tanh′(X W) left out, the slope of the activation'
    """
    told = given(shapes, wrt, attributes=attributes, labels=labels, scalars=scalars)
    code = Code(cost, gradient, told.attributes)
    code.takes([*told.shapes, *told.scalars, *told.constants])
    return _Proofreading(code, told, network, np.random.default_rng(seed)).result()


@dataclass(frozen=True)
class _Look:
    """What one point says: how the code was read there, its numbers, and both compared with the derivation."""

    given: Given  # where labels are numbers, if the code was read entry by entry
    point: Drawn
    level: Level
    read: TracedNetwork | None
    network: Network | None
    check: GradientCheck
    exact: Exact | None

    @property
    def formulas(self) -> TracedNetwork | None:
        return self.read if self.read is not None and self.read.gradients is not None else None

    @property
    def branches(self) -> bool:
        """Whether what is computed may be another formula elsewhere: then more points are looked at."""
        return self.level != Level.FORMULA or self.formulas is None or has_kinks(self.formulas)

    @property
    def verdict(self) -> Verdict:
        if any("shape" in block.note for block in self.check.blocks):
            return Verdict.WRONG
        if self.exact is None:
            opposite = all(block.mistake == "its sign is wrong" for block in self.check.blocks)
            return Verdict.CONVENTION if self.check.blocks and opposite else self.check.verdict
        if self.exact.all_right or (self.exact.near and self.check.verdict == Verdict.RIGHT):
            return Verdict.RIGHT
        return Verdict.CONVENTION if all(self.exact.opposite.values()) else Verdict.WRONG


@dataclass
class _Proofreading:
    code: Code
    given: Given
    network: Network | None
    rng: np.random.Generator

    def result(self) -> CodeCheck:
        general, reasons = self._general()
        network = general.network if general is not None else self.network
        looks: list[_Look] = []
        for point in self._points(network, reasons):
            look = self._look(general, point, reasons if not looks else [], far=bool(looks))
            if looks and look.level != looks[0].level:
                continue  # far out, where functions are saturated, floats are no measure of what was read
            looks.append(look)
            if look.verdict == Verdict.WRONG or len(looks) > (_LOOKS if look.branches and look.read is not None else 2):
                break
        decided = [look for look in looks if look.verdict != Verdict.UNDECIDED]
        wrong = [look for look in looks if look.verdict == Verdict.WRONG]
        look = (wrong or decided or looks)[0]
        return self._said(look, list(dict.fromkeys(reasons)))

    def _said(self, look: _Look, reasons: list[str]) -> CodeCheck:
        verdict, formulas = look.verdict, look.formulas
        notes = [*(look.read.notes if look.read is not None else ()), *reasons]
        notes += ["the code prints, which is not shown"] * self.code.printed
        changed = self.code.changed({**look.point.values, **self.given.constants})
        notes += [f"the code changes what it is given: {listed(changed)}"] * bool(changed)
        if verdict == Verdict.CONVENTION:
            notes.insert(0, "it is the right gradient up to its sign, by convention: minus the gradient")
        mistake, first = self._mistake(look) if verdict == Verdict.WRONG else ("", None)
        return CodeCheck(
            verdict,
            look.level,
            mistake,
            first,
            look.network,
            formulas.quantities if formulas is not None else (),
            formulas.gradients if formulas is not None else None,
            look.check,
            _proof(look.exact) if verdict in (Verdict.RIGHT, Verdict.CONVENTION) else "",
            tuple(notes),
        )

    def _general(self) -> tuple[TracedNetwork | None, list[str]]:
        """The code as formulas for all sizes, or the reason why it is not read as that."""
        try:
            found = trace(self.code, self.given)
        except Untraceable as reason:
            return None, [f"not read as formulas for all sizes: {reason}"]
        return found, [f"not read as formulas for all sizes: {found.problem}"] * bool(found.problem)

    def _points(self, network: Network | None, reasons: list[str]) -> list[Drawn]:
        """Random arguments at the first sizes at which the code does not fail."""
        failures: dict[str, Exception] = {}
        for smallest in _SMALLEST:
            sizes = distinct(self.given, smallest)
            try:
                found = list(points(self.code, self.given, sizes, self.rng, network))
                as_functions(self.code, self.given)[1](**copied(found[0].values))
            except SymbackpropError:
                raise
            except Exception as error:
                failures[", ".join(f"{name}={n}" for name, n in sizes.items()) or "the given sizes"] = error
                continue
            at = ", ".join(f"{name}={n}" for name, n in sizes.items())
            reasons += [f"the code fails at {where}, but not at {at}: {_told(e)}" for where, e in failures.items()][:1]
            return found
        where, first = next(iter(failures.items()))
        raise ArgumentError(f"the code fails at {where}: {_told(first)}") from first

    def _look(self, general: TracedNetwork | None, point: Drawn, reasons: list[str], *, far: bool) -> _Look:
        cost, gradients = as_functions(self.code, self.given)
        seed = int(self.rng.integers(2**31))
        check = check_gradients(cost, gradients, point.params(self.given), data=point.data(self.given), seed=seed)
        fixed = self.given.with_labels(point.values)
        network = self.network
        readings: list[tuple[Level, Given, Callable[[], TracedNetwork | None]]] = [
            (Level.FORMULA, self.given, lambda: general),
            (Level.FORMULA, self.given, lambda: general and trace(self.code, self.given, ignored=frozenset())),
            (Level.ENTRIES, fixed, lambda: trace(self.code, fixed, point=point)),
            (Level.ENTRIES, fixed, lambda: trace(self.code, fixed, point=point, ignored=frozenset())),
        ]
        for level, given_, read in readings:
            found = self._read(read, given_, point, reasons)
            if found is None:
                continue
            network = found.network if network is None else network
            if found.gradients is not None:
                exact = self._exact(found, given_, point, check, far=far)
                return _Look(given_, point, level, found, found.network, check, exact)
        try:
            exact = compared_by_entries(self.code, self.given, point, self.rng)
            return _Look(self.given, point, Level.ENTRIES, None, network, check, exact)
        except Untraceable as reason:
            reasons.append(f"not read entry by entry: {reason}")
        return _Look(self.given, point, Level.NUMBERS, None, network, check, None)

    def _read(
        self, read: Callable[[], TracedNetwork | None], given_: Given, point: Drawn, reasons: list[str]
    ) -> TracedNetwork | None:
        """What was read, if it has the values that the code has."""
        try:
            found = read()
            if found is None or self._agrees(found, given_, point):
                return found
            reasons.append("what was read has other values than the code")
        except Untraceable as reason:
            reasons.append(f"not read with loops and branches: {reason}")
        return None

    def _exact(
        self, found: TracedNetwork, given_: Given, point: Drawn, check: GradientCheck, *, far: bool
    ) -> Exact | None:
        """The comparison in digits; none where only the choice of a slope at a kink makes a difference."""
        exact = self._compared(found, given_, point)
        if exact is None or exact.all_right or all(exact.opposite.values()):
            return exact
        by_choice = exact.at_a_kink and check.verdict == Verdict.RIGHT
        return None if by_choice else self._without_guards(given_, point, exact, far=far)

    def _without_guards(self, given_: Given, point: Drawn, exact: Exact, *, far: bool) -> Exact:
        """The comparison of code from which guards such as log(p + 1e-8) are left out, if they explain a difference.

        They change little at an ordinary point; far out, where functions are saturated, they may change all.
        """
        try:
            plain = trace(
                self.code, given_, point=point if given_ != self.given else None, ignored=frozenset({CLIP, EPSILON})
            )
        except Untraceable:
            return exact
        if plain.gradients is None or not (far or self._agrees(plain, given_, point, _GUARDED)):
            return exact
        found = self._compared(plain, given_, point)
        if found is None or not found.all_right:
            return exact
        return replace(found, where=f"{found.where}, but for small numbers that are added as guards")

    def _compared(self, found: TracedNetwork, given_: Given, point: Drawn) -> Exact | None:
        """The comparison in 50 digits or more: functions that are saturated lose some, but what differs stays so.

        None where there is no value, such as that of log(1 − p) where p is 1 in all digits.
        """
        exact = None
        for digits in _DIGITS:
            try:
                with mpmath.workdps(digits):
                    exact = compared(found, self._at(found.network, given_, point, IN_DIGITS))
            except (ZeroDivisionError, ValueError):
                continue
            if exact.all_right or all(exact.opposite.values()):
                break
        return exact

    def computes(self, found: TracedNetwork) -> bool:
        """Whether the network has the values of the cost, at points of two sizes."""
        sizes = distinct(self.given)
        some = islice(points(self.code, self.given, sizes, self.rng, found.network), 2)
        return all(self._agrees(found, self.given, point) for point in some)

    def _agrees(self, found: TracedNetwork, given_: Given, point: Drawn, tolerance: float = _AGREES) -> bool:
        """Whether what was read computes what the code computes: the cost, and the gradients."""
        at = self._at(found.network, given_, point)
        cost, gradients = as_functions(self.code, self.given)
        with np.errstate(all="ignore"):
            theirs = cost(**copied(point.values))
        if not np.isclose(theirs, float(at.values[found.network.cost.symbol]), rtol=tolerance, atol=1e-300):
            return False
        if found.gradients is None:
            return True
        returned = gradients(**copied(point.values))
        read = read_gradients(found, at)
        return all(_is_alike(returned[name], read[network_name(name)]) for name in self.given.wrt)

    def _at(self, network: Network, given_: Given, point: Drawn, how: Arithmetic = IN_FLOATS) -> PassAtPoint:
        parameters = tuple(network[network_name(name)] for name in given_.wrt)
        sizes = {dimension: point.sizes[str(dimension)] for dimension in network.dimensions}
        values = point.symbols(network, given_)
        if how is IN_DIGITS:
            values = {symbol: how.each(mpmath.mpf, value) for symbol, value in values.items()}
        return PassAtPoint(BackwardPass(network, parameters), sizes, values, how)

    def _mistake(self, look: _Look) -> tuple[str, Any]:
        """The mistake in words, and the first quantity that differs."""
        explained: tuple[Explanation, ...] = ()
        at = None
        if look.network is not None:
            at = self._at(look.network, look.given, look.point)
            claimed = self._claimed(look.point)
            explained = Explainer(at, claimed).explanation() if claimed is not None else ()
        words = [e.sentence(look.network.cost.name) for e in explained] if look.network is not None else []
        told = {name for e in explained for name in e.parameters}
        simple = any("path" in word for word in words)  # a missing term may be no more than a factor
        words += [
            f"d{block.name}: {said}"
            for block in look.check.blocks
            if block.verdict == Verdict.WRONG and not (look.formulas and "single precision" in block.mistake)
            if (said := block.mistake or _of_shape(block, look.point))
            if network_name(block.name) not in told or (simple and block.mistake)
        ]
        first = None
        if look.formulas is not None and at is not None:
            first = first_difference(look.formulas, at, explained[0].adjoints if explained else None)
        return "; ".join(words), first

    def _claimed(self, point: Drawn) -> dict[str, Any] | None:
        """The gradients as matrices, if they have the shapes of the parameters."""
        found = as_functions(self.code, self.given)[1](**copied(point.values))
        if any(np.shape(found[name]) != np.shape(point.values[name]) for name in found):
            return None
        return {network_name(name): as_matrix(value) for name, value in found.items()}


def _is_alike(returned: Any, read: Any) -> bool:
    """Whether a gradient was read as it is, but for single precision; one of another shape is wrong anyway."""
    ours = np.asarray(read, float).ravel()
    try:
        theirs = np.asarray(returned, float).ravel()
    except (TypeError, ValueError):
        return False
    scale = np.max(np.abs(theirs), initial=0.0)
    return theirs.shape != ours.shape or bool(np.all(np.abs(theirs - ours) <= _SINGLE * scale))


def _of_shape(block: Block, point: Drawn) -> str:
    """What is wrong with a gradient that has not the shape of its parameter."""
    if "shape" not in block.note:
        return ""
    expected = np.shape(point.values[block.name])
    return f"its shape is not {expected}, that of {block.name}: is the sum over the wrong axis, or missing?"


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _proof(exact: Exact | None) -> str:
    if exact is None:
        return ""
    if exact.proved:
        return "proved equal to the derived gradient for all sizes, by index calculus"
    return f"equal to the derived gradient {exact.where}"
