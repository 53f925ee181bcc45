"""Proofreading gradient code: it is read as far as it can be, compared with what is derived, and run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbackprop.backward import AtAPoint, Backward
from symbackprop.check.gradients import check_gradients
from symbackprop.check.report import GradientCheck
from symbackprop.errors import ArgumentError, SymbackpropError
from symbackprop.explanation import Explainer, Explanation
from symbackprop.network import Network
from symbackprop.proofread.arguments import Given, given
from symbackprop.proofread.calls import Code
from symbackprop.proofread.comparison import Exact, compared, first_difference
from symbackprop.proofread.drawing import Drawn, as_functions, copied, defined, distinct
from symbackprop.proofread.report import CodeCheck, Level
from symbackprop.proofread.trace import Trace, trace
from symbackprop.proofread.untraceable import Untraceable
from symbackprop.verdicts import Verdict

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
    ...     yhat = np.tanh(X @ W)
    ...     return 0.5 * np.sum((yhat - y) ** 2)
    >>> print(network_from_function(cost, {"X": ("N", "D"), "y": ("N", "K"), "W": ("D", "K")}))
    X: input(N, D)
    y: target(N, K)
    W: parameter(D, K)
    yhat = tanh(X @ W)
    J = (1/2) * sum((yhat - y)**2)
    """
    names = [*shapes, *(attributes or {})]
    chosen = [n for n in names if n[0] in "WbwU" or n.startswith("theta")] if wrt is None else wrt
    told = given(shapes, chosen or names, attributes=attributes, labels=labels, scalars=scalars)
    code = Code(cost, None, told.attributes)
    code.takes([*told.shapes, *told.scalars, *told.constants])
    try:
        return trace(code, told, gradient=False).network
    except Untraceable as reason:
        raise ArgumentError(f"this function cannot be read as a network: {reason}") from None


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
    'dJdW equals the right one with tanh′(X W) left out'
    """
    told = given(shapes, wrt, attributes=attributes, labels=labels, scalars=scalars)
    code = Code(cost, gradient, told.attributes)
    code.takes([*told.shapes, *told.scalars, *told.constants])
    return _Proofreading(code, told, network, np.random.default_rng(seed)).result()


@dataclass
class _Proofreading:
    code: Code
    given: Given
    network: Network | None
    rng: np.random.Generator

    def result(self) -> CodeCheck:
        sizes = distinct(self.given)
        level, read, reasons = self._read(sizes)
        network = read.network if read is not None else self.network
        point, failure = self._point(sizes, network)
        check = self._checked(point)
        formulas = read if read is not None and read.gradients is not None else None
        exact = compared(formulas, self.rng) if formulas is not None else None
        verdict = _verdict(check, exact)
        notes = [*(read.notes if read is not None else ()), *reasons, *failure]
        mistake, first = "", None
        if verdict == Verdict.WRONG:
            mistake, first = self._mistake(network, formulas, point, check)
        if verdict == Verdict.CONVENTION:
            notes.insert(0, "it is the right gradient up to its sign, by convention: minus the gradient")
        return CodeCheck(
            verdict,
            level if formulas is not None else Level.NUMBERS,
            mistake,
            first,
            network,
            formulas.quantities if formulas is not None else (),
            formulas.gradients if formulas is not None else None,
            check,
            _proof(exact) if verdict in (Verdict.RIGHT, Verdict.CONVENTION) else "",
            tuple(notes),
        )

    def _read(self, sizes: Mapping[str, int]) -> tuple[Level, Trace | None, list[str]]:
        """The code as formulas, or entry by entry, or not at all, with the reasons for what was not reached."""
        reasons: list[str] = []
        best: Trace | None = None
        for level, fixed in ((Level.FORMULA, None), (Level.ENTRIES, sizes)):
            try:
                found = trace(self.code, self.given, sizes=fixed)
            except Untraceable as reason:
                reasons.append(f"not read as a {level}: {reason}")
                continue
            wrong = self._disagreement(found, sizes)
            if wrong:
                reasons.append(f"not read as a {level}: {wrong}")
                continue
            best = found if best is None or found.gradients is not None else best
            if found.gradients is not None:
                return level, found, reasons
            reasons.append(f"not read as a {level}: {found.problem}")
        return Level.NUMBERS, best, reasons

    def _disagreement(self, found: Trace, sizes: Mapping[str, int]) -> str:
        """What was read must compute what the code computes."""
        try:
            point = defined(self.code, self.given, sizes, self.rng, found.network)
            at = self._at(found.network, point)
        except (ArgumentError, ValueError, TypeError) as reason:
            return str(reason)
        cost, gradients = as_functions(self.code, self.given)
        with np.errstate(all="ignore"):
            theirs = cost(**copied(point.values))
        if not np.isclose(theirs, float(at.values[found.network.cost.symbol]), rtol=_AGREES, atol=1e-300):
            return "what was read has another value than the code"
        return ""

    def _at(self, network: Network, point: Drawn) -> AtAPoint:
        parameters = tuple(network[name] for name in self.given.wrt)
        sizes = {dimension: point.sizes[str(dimension)] for dimension in network.dimensions}
        return AtAPoint(Backward(network, parameters), sizes, point.symbols(network, self.given))

    def _point(self, sizes: Mapping[str, int], network: Network | None) -> tuple[Drawn, list[str]]:
        try:
            return defined(self.code, self.given, sizes, self.rng, network), []
        except SymbackpropError:
            raise
        except Exception as error:
            chosen = ", ".join(f"{name}={n}" for name, n in sizes.items())
            raise ArgumentError(
                f"the cost fails at {chosen or 'the given sizes'}: {type(error).__name__}: {error}"
            ) from error

    def _checked(self, point: Drawn) -> GradientCheck:
        cost, gradients = as_functions(self.code, self.given)
        return check_gradients(
            cost, gradients, point.params(self.given), data=point.data(self.given), seed=int(self.rng.integers(2**31))
        )

    def _mistake(
        self, network: Network | None, formulas: Trace | None, point: Drawn, check: GradientCheck
    ) -> tuple[str, Any]:
        """The mistake in words, and the first quantity that differs."""
        explained: tuple[Explanation, ...] = ()
        at = None
        if network is not None:
            at = self._at(network, point)
            claimed = self._claimed(point)
            explained = Explainer(at, claimed).explanation() if claimed is not None else ()
        words = [_in_words(e, network) for e in explained]
        told = {name for e in explained for name in e.parameters}
        words += [f"d{b.name}: {b.mistake}" for b in check.blocks if b.mistake and b.name not in told]
        first = None
        if formulas is not None and at is not None:
            first = first_difference(formulas, at, explained[0].errors if explained else None)
        return "; ".join(words), first

    def _claimed(self, point: Drawn) -> dict[str, Any] | None:
        """The gradients as matrices, if they have the shapes of the parameters."""
        found = as_functions(self.code, self.given)[1](**copied(point.values))
        if any(np.shape(found[name]) != np.shape(point.values[name]) for name in found):
            return None
        return {name: np.asarray(value, float).reshape((1, *np.shape(value))[-2:]) for name, value in found.items()}


def _in_words(explanation: Explanation, network: Network | None) -> str:
    cost = network.cost.name if network is not None else "J"
    names = [f"d{cost}d{name}" for name in explanation.parameters]
    plural = "equal the right ones" if len(names) > 1 else "equals the right one"
    return f"{' and '.join(names)} {plural} {explanation.words}"


def _verdict(check: GradientCheck, exact: Exact | None) -> Verdict:
    if exact is None:
        return Verdict.CONVENTION if _is_opposite(check) else check.verdict
    if exact.all_right:
        return Verdict.WRONG if check.verdict == Verdict.WRONG else Verdict.RIGHT
    return Verdict.CONVENTION if all(exact.opposite.values()) else Verdict.WRONG


def _is_opposite(check: GradientCheck) -> bool:
    return bool(check.blocks) and all(block.mistake == "its sign is wrong" for block in check.blocks)


def _proof(exact: Exact | None) -> str:
    if exact is None:
        return ""
    if exact.proved:
        return "proved equal to the derived gradient for all sizes, by index calculus"
    return f"equal to the derived gradient {exact.where}"
