"""The check of a Jacobian: the derivatives of a vector of residuals, as least-squares solvers and robots need them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed
from symbackprop.gradcheck.jacobian import check_rows
from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.proofread.code.report import CodeCheck, Level
from symbackprop.proofread.code.runnable import runnable_points
from symbackprop.tracing.aliases import DeclaredSize, UserFunction
from symbackprop.tracing.arguments import ArgumentSpec, argument_spec
from symbackprop.tracing.layers import parameters_of
from symbackprop.tracing.sampling import SamplePoint, copy_arrays
from symbackprop.verdicts import Verdict

_CLOSE = 1e-6

Blocks = dict[str, np.ndarray]  # the derivatives with respect to each parameter, in rows


def check_jacobian(
    residual: UserFunction,
    jacobian: UserFunction,
    shapes: Mapping[str, object],
    wrt: Iterable[str] | str,
    *,
    labels: Mapping[str, DeclaredSize] | None = None,
    scalars: Mapping[str, object] | Iterable[str] | None = None,
    seed: int | None = None,
) -> CodeCheck:
    """Check the Jacobian of a vector-valued function, and name the mistake if it is wrong. The code is run.

    Args:
        residual: returns a vector of m numbers.
        jacobian: returns the m×n matrix of derivatives with respect to the n entries of all parameters in the order of
            `wrt`; or a matrix, or an array (m, *shape), for each parameter, in order or by name.
        shapes: the shapes of the arguments by name; sizes are names or whole numbers, ("H",) is a vector, () a number.
        wrt: the names of the parameters.
        labels: the arguments that are class labels (whole numbers), with the number of classes.
        scalars: the names of hyperparameters, or their values by name.
        seed: repeats the random points.

    Raises:
        ArgumentError: an argument has no shape, a function fails, or the Jacobian has no rows for the residuals.

    >>> import numpy as np
    >>> def residual(w, X, y):
    ...     return np.tanh(X @ w) - y
    >>> def jacobian(w, X, y):
    ...     return X * np.tanh(X @ w)[:, None]
    >>> shapes = {"w": ("D",), "X": ("N", "D"), "y": ("N",)}
    >>> check_jacobian(residual, jacobian, shapes, "w", seed=0).verdict
    <Verdict.WRONG: 'wrong'>
    """
    spec = argument_spec(shapes, wrt, labels=labels, scalars=scalars)
    code = _Code(residual, jacobian, spec)
    checks = [code.at(point) for point in code.points(np.random.default_rng(seed))]
    return next((check for check in checks if check.verdict == Verdict.WRONG), checks[0])


@dataclass(frozen=True)
class _Code:
    """The residual and its Jacobian."""

    residual: UserFunction
    jacobian: UserFunction
    spec: ArgumentSpec

    def points(self, rng: np.random.Generator) -> list[SamplePoint]:
        """Return random points at which the code runs."""

        def run(points: list[SamplePoint]) -> None:
            self._called(self.jacobian, "the Jacobian", points[0].values)
            self.residuals(points[0].values)

        return runnable_points(self.spec, rng, run)

    def at(self, point: SamplePoint) -> CodeCheck:
        """Return the check at a point."""
        own = {name: np.asarray(point.values[name], float) for name in self.spec.wrt}
        try:
            claimed = self.blocks(point.values)
        except _Transposed:
            words = "the Jacobian is transposed: a row for each residual is expected, and a column for each parameter"
            return CodeCheck(Verdict.WRONG, Level.NUMBERS, words, mistake_kinds=(MistakeKind.TRANSPOSE,))
        check = check_rows(
            lambda p: self.residuals({**point.values, **p}), lambda p: self.blocks({**point.values, **p}), own
        )
        found = Mistake("", ())
        if check.verdict == Verdict.WRONG:
            found = _Mistakes(claimed, self._numeric(point.values, own), point).found() or found
            named = [f"{block.name}: {block.mistake}" for block in check.blocks if block.mistake]
            kinds = tuple(dict.fromkeys(kind for block in check.blocks for kind in block.mistake_kinds))
            found = found if found.words else Mistake("; ".join(named), kinds)
        notes = ("each row of the Jacobian was compared with differences of its residual",)
        return CodeCheck(check.verdict, Level.NUMBERS, found.words, check=check, mistake_kinds=found.kinds, notes=notes)

    def residuals(self, values: Mapping[str, Any]) -> np.ndarray:
        """Return the residuals as a vector."""
        found = np.asarray(self._called(self.residual, "the residual", values))
        if found.ndim == 0:
            raise ArgumentError("the residual returns a number, and a vector is expected; check_code checks gradients")
        return found.ravel()

    def blocks(self, values: Mapping[str, Any]) -> Blocks:
        """Return the derivatives with respect to each parameter, as an array (m, *shape)."""
        shapes = {name: np.shape(values[name]) for name in self.spec.wrt}
        number = self.residuals(values).size
        found = self._called(self.jacobian, "the Jacobian", values)
        if isinstance(found, Mapping):
            parts = [found.get(name, found.get(f"d{name}")) for name in shapes]
        elif isinstance(found, tuple | list) and len(found) == len(shapes) and np.ndim(found[0]) > 1:
            parts = list(found)
        else:
            whole = _dense(found)
            sizes = [int(np.prod(shape)) for shape in shapes.values()]
            if whole.size != number * sum(sizes):
                raise ArgumentError(
                    f"the Jacobian has the shape {whole.shape}; {number} rows are expected, one for each residual, and "
                    f"{sum(sizes)} columns, one for each entry of {listed(shapes)}"
                )
            if whole.ndim == 2 and whole.shape == (sum(sizes), number) and number != sum(sizes):
                raise _Transposed
            parts = np.split(whole.reshape(number, -1), np.cumsum(sizes)[:-1], axis=1)
        return {name: self._block(name, part, number, shapes[name]) for name, part in zip(shapes, parts, strict=True)}

    def _block(self, name: str, part: Any, number: int, shape: tuple[int, ...]) -> np.ndarray:
        if part is None:
            raise ArgumentError(f"the Jacobian has no part with respect to {name}")
        array, size = _dense(part), int(np.prod(shape))
        if array.ndim == 2 and array.shape == (size, number) and number != size:
            raise _Transposed
        if array.size != number * size:
            raise ArgumentError(
                f"the Jacobian with respect to {name} has the shape {array.shape}, not {(number, *shape)}"
            )
        return array.reshape(number, *shape)

    def _numeric(self, values: Mapping[str, Any], own: Blocks) -> Blocks:
        """Return the derivatives by plain central differences."""
        found = {}
        for name, array in own.items():
            columns = []
            for index in np.ndindex(array.shape):
                step = 1e-5 * max(abs(float(array[index])), 1.0)
                sides = []
                for sign in (1, -1):
                    moved = array.copy()
                    moved[index] += sign * step
                    sides.append(self.residuals({**values, name: moved}))
                columns.append((sides[0] - sides[1]) / (2 * step))
            found[name] = np.stack(columns, axis=1).reshape(-1, *array.shape)
        return found

    def _called(self, function: UserFunction, what: str, values: Mapping[str, Any]) -> Any:
        names = parameters_of(function, what)
        every = self.spec.given(copy_arrays(dict(values)))
        missing = [n for n, p in names.items() if p.default is p.empty and n not in every]
        if missing:
            raise ArgumentError(f"{what} takes {listed(missing)}, of which no shape is given")
        with np.errstate(all="ignore"):
            return function(**{name: every[name] for name in names if name in every})


class _Transposed(Exception):  # noqa: N818 — a finding about the code, not a failure
    """A Jacobian with a column for each residual."""


@dataclass(frozen=True)
class _Mistakes:
    """The search for a mistake that explains a wrong Jacobian."""

    claimed: Blocks
    right: Blocks
    point: SamplePoint

    def found(self) -> Mistake | None:
        """Return the mistake, or None."""
        return next(iter((*self._signs(), *self._transposed(), *self._row_factor())), None)

    def _wrong(self) -> list[str]:
        return [name for name in self.right if not _is_like(self.claimed[name], self.right[name])]

    def _signs(self) -> Iterator[Mistake]:
        wrong = self._wrong()
        if wrong and all(_is_like(-self.claimed[name], self.right[name]) for name in wrong):
            every = len(wrong) == len(self.right)
            where = "of the whole Jacobian" if every else f"of the columns of {listed(wrong)}"
            yield Mistake(f"the sign {where} is wrong", (MistakeKind.SIGN,))

    def _transposed(self) -> Iterator[Mistake]:
        for name in self._wrong():
            claimed = self.claimed[name].reshape(len(self.claimed[name]), -1)
            right = self.right[name].reshape(len(claimed), -1)
            if claimed.shape[0] == claimed.shape[1] and _is_like(claimed.T, right):
                yield Mistake("the Jacobian is transposed: its rows are the residuals", (MistakeKind.TRANSPOSE,))

    def _row_factor(self) -> Iterator[Mistake]:
        """Yield a factor of each row, such as a weight, that is left out or too much in all wrong parts."""
        wrong = self._wrong()
        if not wrong:
            return
        claimed, right = (_side_by_side(blocks, wrong) for blocks in (self.claimed, self.right))
        sizes = np.sum(claimed**2, axis=1)
        ratio = np.sum(claimed * right, axis=1) / np.where(sizes > 0, sizes, 1)
        if not _is_like(claimed * ratio[:, None], right) or np.allclose(ratio, ratio[0]):
            return
        known = {n: np.asarray(v, float).ravel() for n, v in self.point.values.items() if np.size(v) == len(ratio)}
        for name, value in known.items():
            for label, factor in ((name, value), (f"√{name}", np.sqrt(np.abs(value))), (f"{name}²", value**2)):
                if np.allclose(ratio, factor, rtol=1e-5):
                    yield Mistake(f"the factor {label} of each row is left out", (MistakeKind.MISSING_FACTOR,))
                if np.allclose(ratio * factor, 1, rtol=1e-5):
                    yield Mistake(f"the factor {label} of each row is too much", (MistakeKind.EXTRA_FACTOR,))
        yield Mistake("each row lacks a factor of its own", (MistakeKind.MISSING_FACTOR,))


def _side_by_side(blocks: Blocks, names: list[str]) -> np.ndarray:
    return np.concatenate([blocks[name].reshape(len(blocks[name]), -1) for name in names], axis=1)


def _dense(found: Any) -> np.ndarray:
    return np.asarray(found.toarray() if hasattr(found, "toarray") else found, float)


def _is_like(one: np.ndarray, other: np.ndarray) -> bool:
    scale = max(np.max(np.abs(one), initial=0.0), np.max(np.abs(other), initial=0.0))
    return one.shape == other.shape and bool(np.all(np.abs(one - other) <= _CLOSE * scale))
