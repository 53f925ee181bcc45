"""Gradients against finite differences: verdicts, and a report for each parameter."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NoReturn

import numpy as np

from symbackprop.check.numerical import Numerics, Slope, unit
from symbackprop.check.parameters import Parameters, scalar_value
from symbackprop.errors import ArgumentError
from symbackprop.shapes import shape_text

_EVERY_ENTRY = 400  # larger parameters are checked by directions that see every entry, and by samples
_SAMPLES = 40
_DIRECTIONS = 2
_RIGHT = 8.0  # error bars that a right gradient may be away
_WRONG = 50.0  # error bars from which on it is called wrong
_POWER = 1e-3  # an error bar above this part of the gradient's size decides nothing


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Block:
    """One parameter: the largest difference and where it is, over the entries that were looked at."""

    name: str
    shape: tuple[int, ...]
    verdict: Verdict
    difference: float = float("nan")  # largest |ours − numeric|
    index: tuple[int, ...] = ()  # where; () is along a direction through all entries
    ours: float = float("nan")
    numeric: float = float("nan")
    uncertainty: float = float("nan")  # of numeric
    relative: float = float("nan")  # difference / max(|ours|, |numeric|), there
    norm_ratio: float = float("nan")  # ‖ours − numeric‖ / ‖ours + numeric‖
    looked_at: int = 0
    note: str = ""


@dataclass(frozen=True)
class GradientCheck:
    """The result of a check. `print` it for the table; `verdict` says right, wrong or undecided."""

    verdict: Verdict
    blocks: tuple[Block, ...]
    evaluations: int
    cost: float
    reason: str = ""

    @property
    def worst(self) -> Block | None:
        """The parameter that is off by most, measured in what its own numbers allow."""
        order = {Verdict.WRONG: 2, Verdict.UNDECIDED: 1, Verdict.RIGHT: 0}
        return max(self.blocks, key=lambda b: (order[b.verdict], np.nan_to_num(b.relative, nan=np.inf)), default=None)

    def __bool__(self) -> NoReturn:
        raise TypeError("a check has three verdicts; compare .verdict, as in check.verdict == 'right', or print it")

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "verdict": str(self.verdict),
            "cost": self.cost,
            "evaluations": self.evaluations,
            "reason": self.reason,
            "parameters": [asdict(block) | {"verdict": str(block.verdict)} for block in self.blocks],
        }

    def __str__(self) -> str:
        lines = [f"gradient check: {self.verdict}" + (f" ({self.reason})" if self.reason else "")]
        lines += _table(self.blocks)
        lines += [f"{block.name}: {block.note}" for block in self.blocks if block.note]
        lines.append(f"cost {self.cost:.10g}, {self.evaluations} evaluations of the cost")
        return "\n".join(lines)


_HEADINGS = ("parameter", "shape", "verdict", "largest difference", "at", "ours", "numeric", "relative", "norm ratio")


def _table(blocks: tuple[Block, ...]) -> list[str]:
    rows = [_HEADINGS, *(_row(block) for block in blocks)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_HEADINGS))]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _row(block: Block) -> tuple[str, ...]:
    numeric = f"{block.numeric:.9g} ± {block.uncertainty:.0e}"
    where = str(list(block.index)) if block.index else "all"
    figures = (
        f"{block.difference:.1e}",
        where,
        f"{block.ours:.9g}",
        numeric,
        f"{block.relative:.1e}",
        f"{block.norm_ratio:.1e}",
    )
    return (block.name, shape_text(block.shape), str(block.verdict), *(figures if block.looked_at else ("-",) * 6))


def check_gradients(
    cost: Callable[..., Any],
    gradients: Callable[..., Any] | None,
    params: Any,
    *,
    data: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> GradientCheck:
    """Compare gradients with finite differences of the cost.

    Args:
        cost: the cost as a function; or, with `gradients` None, one callable that returns (J, gradients).
        gradients: returns the gradients in the structure of `params`.
        params: an array, a tuple or list of arrays, or a mapping; the callables are called f(x), f(*arrays) or
            f(**arrays) accordingly. It is not changed.
        data: fixed keyword arguments of every call.
        seed: for the directions and samples that stand for parameters of more than 400 entries.

    No fixed tolerance decides: a gradient is right where it lies within the error bar of the extrapolated
    differences. Where the cost has a kink, it is right between the slopes on the two sides.

    Raises:
        ArgumentError: parameters or gradients that are no arrays of numbers, or a cost that is no number.

    >>> import numpy as np
    >>> x = np.array([[1.0, 2.0, 3.0]])
    >>> check_gradients(lambda x: np.sum(x**3), lambda x: 3 * x**2, x).verdict
    <Verdict.RIGHT: 'right'>
    >>> check_gradients(lambda x: np.sum(x**3), lambda x: -3 * x**2, x).verdict
    <Verdict.WRONG: 'wrong'>
    """
    taken = Parameters.of(params, data)
    value, ours = _evaluated(cost, gradients, taken)
    if not np.isfinite(value):
        undecided = tuple(Block(n, a.shape, Verdict.UNDECIDED) for n, a in zip(taken.labels, taken.arrays, strict=True))
        return GradientCheck(Verdict.UNDECIDED, undecided, 1, value, f"the cost is {value} at this point")
    alone = cost if gradients is not None else (lambda *a, **k: cost(*a, **k)[0])
    numerics = Numerics(alone, taken)
    rng = np.random.default_rng(seed)
    blocks = tuple(_check_block(numerics, taken, k, ours[k], rng) for k in range(len(ours)))
    verdicts = {block.verdict for block in blocks}
    verdict = next((v for v in (Verdict.WRONG, Verdict.UNDECIDED) if v in verdicts), Verdict.RIGHT)
    return GradientCheck(verdict, blocks, numerics.evaluations + 1, value)


def assert_gradients(
    cost: Callable[..., Any],
    gradients: Callable[..., Any] | None,
    params: Any,
    *,
    data: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> None:
    """For tests: raise AssertionError with the readable report unless the gradients are right."""
    __tracebackhide__ = True
    report = check_gradients(cost, gradients, params, data=data, seed=seed)
    if report.verdict != Verdict.RIGHT:
        raise AssertionError(str(report))


def _evaluated(cost: Callable[..., Any], gradients: Callable[..., Any] | None, taken: Parameters) -> tuple[float, Any]:
    result = taken.call(cost, taken.copies())
    if gradients is not None:
        return scalar_value(result), taken.aligned(taken.call(gradients, taken.copies()))
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise ArgumentError("without a gradients function the cost must return (J, gradients)")
    return scalar_value(result[0]), taken.aligned(result[1])


@dataclass(frozen=True, eq=False)
class _Look:
    """One slope, ours and numeric: of an entry, or along a direction."""

    index: tuple[int, ...]
    direction: np.ndarray
    ours: float
    numeric: Slope

    @property
    def difference(self) -> float:
        return abs(self.ours - self.numeric.value)

    @property
    def tolerance(self) -> float:
        rounding = 8 * float(np.finfo(float).eps) * max(abs(self.ours), abs(self.numeric.value))
        return _RIGHT * self.numeric.error + rounding

    @property
    def accused(self) -> bool:
        return not self.difference <= self.tolerance * (_WRONG / _RIGHT)


def _check_block(numerics: Numerics, taken: Parameters, k: int, ours: np.ndarray, rng: np.random.Generator) -> Block:
    name, array = taken.labels[k], taken.arrays[k]
    if ours.shape != array.shape:
        note = f"the gradient has shape {shape_text(ours.shape)}, the parameter {shape_text(array.shape)}"
        return Block(name, array.shape, Verdict.WRONG, note=note)
    if not np.all(np.isfinite(ours)):
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(ours))[0])
        return Block(name, array.shape, Verdict.WRONG, note=f"the gradient is {ours[index]} at {list(index)}")
    looks = [_Look(index, d, float(np.sum(ours * d)), numerics.slope(k, d)) for index, d in _directions(array, rng)]
    if not looks:
        return Block(name, array.shape, Verdict.RIGHT, note="it has no entries")
    return _judged(name, array, numerics, k, looks)


def _directions(array: np.ndarray, rng: np.random.Generator) -> list[tuple[tuple[int, ...], np.ndarray]]:
    if array.size <= _EVERY_ENTRY:
        return [(index, unit(array.shape, index)) for index in np.ndindex(array.shape)]
    chosen = rng.choice(array.size, _SAMPLES, replace=False)
    indices = [tuple(int(i) for i in np.unravel_index(c, array.shape)) for c in chosen]
    signs = [((), rng.choice([-1.0, 1.0], array.shape) / np.sqrt(array.size)) for _ in range(_DIRECTIONS)]
    return [*signs, *((index, unit(array.shape, index)) for index in indices)]


def _judged(name: str, array: np.ndarray, numerics: Numerics, k: int, looks: list[_Look]) -> Block:
    differing = [look for look in looks if not look.difference <= look.tolerance]
    kinks = [look for look in differing if _within_kink(numerics, k, look)]
    wrong = [look for look in differing if look not in kinks and look.accused]
    size = max(max(abs(look.ours), abs(look.numeric.value)) for look in looks)
    blind = [look for look in looks if look not in kinks and (_is_blind(look, size) or look in differing)]
    verdict = Verdict.WRONG if wrong else Verdict.UNDECIDED if blind else Verdict.RIGHT
    shown = max(wrong or blind or looks, key=lambda look: np.nan_to_num(look.difference, nan=np.inf))
    larger = max(abs(shown.ours), abs(shown.numeric.value))
    mine, theirs = np.array([look.ours for look in looks]), np.array([look.numeric.value for look in looks])
    sum_norm = float(np.linalg.norm(mine + theirs))
    return Block(
        name,
        array.shape,
        verdict,
        shown.difference,
        shown.index,
        shown.ours,
        shown.numeric.value,
        shown.numeric.error,
        shown.difference / larger if larger else 0.0,
        float(np.linalg.norm(mine - theirs)) / sum_norm if sum_norm else (0.0 if not larger else float("inf")),
        len(looks),
        _note(array, looks, kinks, wrong, blind),
    )


def _is_blind(look: _Look, size: float) -> bool:
    """Whether the error bar is too large to tell right from wrong; where all is 0 within it, it is not."""
    return size > look.tolerance > _POWER * size


def _note(array: np.ndarray, looks: list[_Look], kinks: list[_Look], wrong: list[_Look], blind: list[_Look]) -> str:
    notes = []
    if array.size > _EVERY_ENTRY:
        notes.append(f"looked at {_DIRECTIONS} directions through all {array.size} entries and at {_SAMPLES} entries")
    if wrong and len(looks) > 1:
        notes.append(f"{len(wrong)} of {len(looks)} slopes differ")
    if kinks:
        notes.append(f"the cost has a kink at {len(kinks)} entries; ours lies between the slopes on both sides")
    if blind and not wrong:
        notes.append("the differences are too uncertain here; try another point")
    return "; ".join(notes)


def _within_kink(numerics: Numerics, k: int, look: _Look) -> bool:
    """Whether the slope jumps here, and ours lies between the two sides."""
    jumps = []
    for t in (1e-4, 1e-5):
        left, right = numerics.one_sided(k, look.direction, t)
        jumps.append(abs(right - left))
    slack = 1e-3 * max(abs(left), abs(right), jumps[-1])
    is_kink = jumps[1] > 0.5 * jumps[0] and jumps[1] > 1e-3 * max(abs(left), abs(right))
    return bool(is_kink and min(left, right) - slack <= look.ours <= max(left, right) + slack)
