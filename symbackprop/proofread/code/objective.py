"""The check of an objective for boosting: a loss, its gradient and the diagonal of its Hessian, in the raw scores."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed
from symbackprop.gradcheck.check import check_gradients
from symbackprop.gradcheck.directional import numerical_gradient
from symbackprop.gradcheck.jacobian import check_diagonal, check_rows
from symbackprop.gradcheck.report import GradientCheck
from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.proofread.code.report import CodeCheck, Level
from symbackprop.proofread.code.runnable import runnable_points
from symbackprop.tracing.aliases import DeclaredSize, UserFunction
from symbackprop.tracing.arguments import ArgumentSpec, argument_spec
from symbackprop.tracing.layers import parameters_of
from symbackprop.tracing.sampling import SamplePoint, copy_arrays
from symbackprop.verdicts import Verdict

_DATA = ("dtrain", "dmat", "dmatrix", "data", "train_data", "dataset", "train_set", "dtest", "eval_data")
_CLOSE = 1e-5
_STEP, _ROUGH = 1e-3, 1e-4  # of second differences of the loss, and their relative error

Array = np.ndarray


def check_objective(
    loss: UserFunction,
    gradient: UserFunction,
    hessian: UserFunction | None = None,
    shapes: Mapping[str, object] | None = None,
    wrt: str | Iterable[str] | None = None,
    *,
    labels: Mapping[str, DeclaredSize] | None = None,
    scalars: Mapping[str, object] | Iterable[str] | None = None,
    seed: int | None = None,
) -> CodeCheck:
    """Check the gradient and the Hessian of a boosting objective, and name the mistake. The code is run.

    The loss is the sum over the examples. The sign is not a convention: boosting descends along the gradient.

    Args:
        loss: returns the loss, or the loss of each example.
        gradient: returns the gradient; or (gradient, Hessian), as XGBoost calls it with (preds, dtrain) and LightGBM
            with (y_true, y_pred). An argument named dtrain, data or the like gets an object with `get_label()`.
        hessian: returns the diagonal of the Hessian, or the whole matrix; None if `gradient` returns both.
        shapes: the shapes of the arguments by name, as in {"y_true": ("N",), "y_pred": ("N",)}.
        wrt: the name of the raw scores; by default, the argument that is called preds, y_pred, raw, margin or score.
        labels: the arguments that are class labels (whole numbers), with the number of classes.
        scalars: the names of hyperparameters, or their values by name.
        seed: repeats the random points.

    Raises:
        ArgumentError: an argument has no shape, a function fails, or results have the wrong size.

    >>> import numpy as np
    >>> def loss(y_pred, y_true):
    ...     return np.log(1 + np.exp(y_pred)) - y_true * y_pred
    >>> def objective(y_true, y_pred):
    ...     p = 1 / (1 + np.exp(-y_pred))
    ...     return p - y_true, y_pred * (1 - y_pred)
    >>> check = check_objective(loss, objective, shapes={"y_true": ("N",), "y_pred": ("N",)}, seed=0)
    >>> print(check.verdict, "-", check.mistake)
    wrong - the Hessian: raw scores stand where probabilities are meant
    """
    given = dict(shapes or {})
    name = _scores(given, wrt)
    spec = argument_spec(given, [name], labels=labels, scalars=scalars)
    code = _Objective(loss, gradient, hessian, spec, name)
    checks = [code.at(point) for point in code.points(np.random.default_rng(seed))]
    worst = (Verdict.WRONG, Verdict.CONVENTION, Verdict.UNDECIDED, Verdict.RIGHT)
    return min(checks, key=lambda check: worst.index(check.verdict))


def _scores(shapes: Mapping[str, object], wrt: str | Iterable[str] | None) -> str:
    """Return the name of the raw scores."""
    if wrt is not None:
        names = [wrt] if isinstance(wrt, str) else list(wrt)
        if len(names) != 1:
            raise ArgumentError(f"wrt names the raw scores, one argument, not {listed(names) or 'none'}")
        return names[0]
    usual = [n for n in shapes if any(word in n.lower() for word in ("pred", "raw", "margin", "score", "logit"))]
    if len(usual) != 1:
        among = listed(shapes) or "no arguments"
        raise ArgumentError(f"which of {among} are the raw scores? name them, as in wrt='preds'")
    return usual[0]


class _Labels:
    """The data set of a boosting library, as an objective sees it."""

    def __init__(self, label: Any, weight: Any):
        self.label, self.weight = label, weight

    def get_label(self) -> Any:
        """Return the targets."""
        return self.label

    def get_weight(self) -> Any:
        """Return the weights of the examples; an empty array without any."""
        return np.empty(0) if self.weight is None else self.weight


@dataclass(frozen=True)
class _Objective:
    """The functions of an objective."""

    loss: UserFunction
    gradient: UserFunction
    hessian: UserFunction | None
    spec: ArgumentSpec
    scores: str

    def points(self, rng: np.random.Generator) -> list[SamplePoint]:
        """Return random points at which the code runs."""

        def run(points: list[SamplePoint]) -> None:
            for point in points:  # raw scores on both sides of 0, of the size of 1
                point.values[self.scores] = rng.normal(0, 1.2, np.shape(point.values[self.scores]))
            for point in points:
                self._loss(point, np.asarray(point.values[self.scores]))
                self._both(point, np.asarray(point.values[self.scores]))

        return runnable_points(self.spec, rng, run)

    def at(self, point: SamplePoint) -> CodeCheck:
        """Return the check at a point: of the gradient, and of the Hessian."""
        x = np.asarray(point.values[self.scores], float)
        first = check_gradients(
            lambda **p: self._loss(point, p[self.scores]),
            lambda **p: {self.scores: self._fitted(point, p[self.scores])},
            {self.scores: x},
        )
        right = numerical_gradient(lambda **p: self._loss(point, p[self.scores]), {self.scores: x})[self.scores]
        mistakes: list[Mistake] = []
        notes = [f"the gradient: {first.verdict}"]
        if first.verdict == Verdict.WRONG:
            named = _of_gradient(self._fitted(point, x), right, x) or _of_block(first)
            mistakes.append(replace(named, words=f"the gradient: {named.words}"))
        second, words = self._second(point, x, trusted=first.verdict == Verdict.RIGHT)
        verdicts = [first.verdict]
        if second is not None:
            notes.append(f"the Hessian: {second}{f' ({words.words})' if second == Verdict.CONVENTION else ''}")
            verdicts.append(second)
            if second == Verdict.WRONG:
                mistakes.append(replace(words, words=f"the Hessian: {words.words}"))
        order = (Verdict.WRONG, Verdict.UNDECIDED, Verdict.CONVENTION, Verdict.RIGHT)
        verdict = min(verdicts, key=order.index)
        kinds = tuple(dict.fromkeys(kind for mistake in mistakes for kind in mistake.kinds))
        said = "; ".join(mistake.words for mistake in mistakes)
        return CodeCheck(verdict, Level.NUMBERS, said, check=first, notes=tuple(notes), mistake_kinds=kinds)

    def _second(self, point: SamplePoint, x: Array, *, trusted: bool) -> tuple[Verdict | None, Mistake]:
        """Return the verdict on the Hessian, None without one, and the mistake or the meaning."""
        claimed = self._both(point, x)[1]
        if claimed is None:
            return None, Mistake("", ())

        if not trusted:
            return self._roughly(point, x)

        def slopes(scores: Array) -> Array:
            return self._fitted(point, scores)

        if claimed.size == x.size**2 and x.size > 1:
            check = check_rows(
                lambda p: slopes(p["x"]).ravel(),
                lambda p: {"x": self._seconds(point, p["x"]).reshape(x.size, *x.shape)},
                {"x": x},
            )
            return check.verdict, _of_block(check)
        check = check_diagonal(slopes, lambda scores: self._seconds(point, scores), x)
        if check.verdict != Verdict.WRONG:
            return check.verdict, Mistake("", ())
        H = _matrix(slopes, x)
        seconds = self._seconds(point, x)
        if _is_like(seconds, np.abs(H).sum(axis=1).reshape(x.shape)):
            words = "not the second derivative, but a safe upper bound of it: the sum of the row of the Hessian"
            return Verdict.CONVENTION, Mistake(words, ())
        right = np.diag(H).reshape(x.shape)
        return check.verdict, _of_hessian(seconds, right, x, self._fitted(point, x)) or _of_block(check)

    def _roughly(self, point: SamplePoint, x: Array) -> tuple[Verdict, Mistake]:
        """Return the verdict on the Hessian by second differences of the loss, where its gradient is wrong."""
        seconds = self._seconds(point, x)
        if seconds.size != x.size:
            return Verdict.UNDECIDED, Mistake("the gradient is wrong", ())
        right, middle = np.empty(x.shape), self._loss(point, x)
        for index in np.ndindex(x.shape):
            sides = []
            for step in (_STEP, -_STEP):
                moved = x.copy()
                moved[index] += step
                sides.append(self._loss(point, moved))
            right[index] = (sides[0] - 2 * middle + sides[1]) / _STEP**2
        if np.allclose(seconds, right, rtol=_ROUGH, atol=_ROUGH * np.max(np.abs(right), initial=0.0)):
            return Verdict.RIGHT, Mistake("", ())
        entry = np.unravel_index(int(np.argmax(np.abs(seconds - right))), x.shape)
        words = f"entry {[int(i) for i in entry]} is {seconds[entry]:.6g}, and right is {right[entry]:.4g}"
        found = _of_hessian(seconds, right, x, self._fitted(point, x))
        return Verdict.WRONG, found or Mistake(words, (MistakeKind.SOME_ENTRIES,))

    # calls

    def _loss(self, point: SamplePoint, scores: Any) -> Any:
        return np.sum(np.asarray(self._called(self.loss, "the loss", point, scores)))

    def _both(self, point: SamplePoint, scores: Array) -> tuple[Array, Array | None]:
        """Return the gradient and the Hessian, in the shapes that the code gives them."""
        found = self._called(self.gradient, "the gradient", point, scores)
        if self.hessian is not None:
            second = self._called(self.hessian, "the Hessian", point, scores)
            first = found[0] if isinstance(found, tuple) else found
            return np.asarray(first), np.asarray(second)
        if isinstance(found, tuple | list) and len(found) == 2 and np.ndim(found[0]):
            return np.asarray(found[0]), np.asarray(found[1])
        return np.asarray(found), None

    def _fitted(self, point: SamplePoint, scores: Array) -> Array:
        return self._in_shape(self._both(point, scores)[0], scores, "the gradient")

    def _seconds(self, point: SamplePoint, scores: Array) -> Array:
        found = self._both(point, scores)[1]
        assert found is not None  # noqa: S101 — asked for only where there is one
        if found.size == scores.size**2 and scores.size > 1:
            return found.astype(float)
        return self._in_shape(np.broadcast_to(found, scores.shape) if found.ndim == 0 else found, scores, "the Hessian")

    def _in_shape(self, found: Array, scores: Array, what: str) -> Array:
        """Return an array in the shape of the scores; LightGBM has the scores of one class after those of another."""
        if found.size != scores.size:
            raise ArgumentError(f"{what} has the shape {found.shape}, and the scores have the shape {scores.shape}")
        return found.reshape(scores.shape)

    def _called(self, function: UserFunction, what: str, point: SamplePoint, scores: Any) -> Any:
        values: dict[str, Any] = {**self.spec.given(copy_arrays(point.values)), self.scores: np.array(scores)}
        names = parameters_of(function, what)
        targets = [n for n in self.spec.shapes if n != self.scores and "weight" not in n]
        weights = [n for n in self.spec.shapes if "weight" in n]
        for name, parameter in names.items():
            if name in values or parameter.default is not parameter.empty:
                continue
            if name.lower() in _DATA and targets:
                values[name] = _Labels(values[targets[0]], values[weights[0]] if weights else None)
            elif name.lower() in ("preds", "predt", "y_pred", "pred", "raw"):
                values[name] = values[self.scores]
            elif name.lower() in ("y", "y_true", "label", "labels", "target") and len(targets) == 1:
                values[name] = values[targets[0]]
            else:
                raise ArgumentError(
                    f"{what} takes {name}, of which no shape is given; shapes are of {listed(self.spec.names)}"
                )
        with np.errstate(all="ignore"):
            return function(**{name: values[name] for name in names if name in values})


def _matrix(slopes: Callable[[Array], Array], x: Array) -> Array:
    """Return the Hessian by plain central differences of the gradient."""
    columns = []
    for index in np.ndindex(x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][index] += 1e-5
        moved[1][index] -= 1e-5
        columns.append((slopes(moved[0]) - slopes(moved[1])).ravel() / 2e-5)
    return np.stack(columns, axis=1)


def _of_gradient(claimed: Array, right: Array, x: Array) -> Mistake | None:
    p = 1 / (1 + np.exp(-x))
    if _is_like(claimed, -right):
        return Mistake("its sign is wrong; boosting needs the gradient, not its opposite", (MistakeKind.SIGN,))
    if _is_like(claimed * p * (1 - p), right):
        words = "it is the gradient with respect to the probability, not the margin: the factor p (1 − p) is left out"
        return Mistake(words, (MistakeKind.MISSING_DERIVATIVE,))
    return None


def _of_hessian(claimed: Array, right: Array, x: Array, gradient: Array) -> Mistake | None:
    """Return the likely mistake in a Hessian, or None."""
    p = 1 / (1 + np.exp(-x))
    forms: Iterator[tuple[Array, str, MistakeKind]] = iter(
        (
            (-right, "its sign is wrong", MistakeKind.SIGN),
            (x * (1 - x), "raw scores stand where probabilities are meant", MistakeKind.QUANTITY),
            (gradient**2, "it is the square of the gradient", MistakeKind.FUNCTION),
            (np.abs(gradient), "it is the absolute value of the gradient", MistakeKind.FUNCTION),
            (gradient, "it is the gradient itself", MistakeKind.FUNCTION),
            (
                right / (p * (1 - p)),
                "it is the derivative with respect to the probability, not the margin",
                MistakeKind.MISSING_DERIVATIVE,
            ),
        )
    )
    return next((Mistake(words, (kind,)) for form, words, kind in forms if _is_like(claimed, form)), None)


def _of_block(check: GradientCheck) -> Mistake:
    block = next((b for b in check.blocks if b.mistake), None)
    if block is not None:
        return Mistake(block.mistake, block.mistake_kinds)
    worst = check.worst
    if worst is None or not worst.looked_at:
        return Mistake("it is wrong", ())
    return Mistake(f"entry {list(worst.index)} is {worst.ours:.6g}, and right is {worst.numeric:.6g}", ())


def _is_like(one: Array, other: Array) -> bool:
    scale = max(np.max(np.abs(one), initial=0.0), np.max(np.abs(other), initial=0.0))
    return one.shape == other.shape and bool(np.all(np.abs(one - other) <= _CLOSE * scale))
