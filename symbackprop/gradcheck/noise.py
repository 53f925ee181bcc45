"""The noise of a cost: rounding in the precision it computes in, or whatever else its values are rounded to."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_POINTS = 9
_FINE = 1e-10  # spacing
_SINGLE = (1e-6, 1e-5, 1e-4)  # spacings for costs of which a part is computed in single precision
_LEAST_SINGLE = 2e-9  # of the cost: the least noise of such a part
_WIDER = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # for costs whose values repeat at the finest one
_ALIKE = 10  # ratio of such noises
_AWAY = (0.0137, -0.0231)  # other places that must have this noise
_STEPS = 3  # changes that must be multiples of one step
_WHOLE = 1e-3
_MOST_STEPS = 16  # noise of rounded values, in units of the smallest change: more is a change of the function itself
_QUICK = np.array([-13.3, -6.1, -2.3, -1.0, 1.3, 3.1, 7.7, 14.6])  # places of the values that tell a coarse cost
_QUICK_UNIT = 1e-6
_CUBIC = np.vander(_QUICK, 4)[:, :3]  # cubic polynomials that are 0 at 0
_OFF_CUBIC = np.eye(len(_QUICK)) - _CUBIC @ np.linalg.pinv(_CUBIC)
COARSE = 1e3  # rounding errors of the cost: a noise above is that of a coarse cost
COARSE_VALUES = COARSE / 8  # likewise for the roughness of values


def roughness(f: Callable[[float], float], here: float) -> float:
    """Return how far eight values of a function near 0 are from a cubic polynomial; inf if it stays the same there.

    >>> import numpy as np
    >>> [roughness(f, 1.0) < 1e-15 for f in (np.exp, lambda t: float(np.float32(np.exp(t))))]
    [True, False]
    """
    changes = np.array([f(place * _QUICK_UNIT) - here for place in _QUICK])
    stays = (changes == 0) & (changes[::-1] == 0)  # on both sides
    off = float(np.linalg.norm(_OFF_CUBIC @ changes))
    return math.inf if np.any(stays) or math.isnan(off) else off


def noise_along(f: Callable[[float], float], here: float) -> float:
    """Return the noise of f near 0, where t = 1 changes its arguments by about their own magnitude; 0 if none shows."""
    near = _Sample.of(f, _FINE)
    return max(near.noise, _noise_of_steps(f) if near.repeats else 0.0, _noise_of_a_part(f, here))


def _noise_of_a_part(f: Callable[[float], float], here: float) -> float:
    """Return the noise of a part that is computed in single precision: it is the same over several spacings, and away.

    Where kinks or fast changes pass for noise, they grow with the spacing, and differ from place to place.
    """
    _, single, most = sorted(_Sample.of(f, spacing).noise for spacing in _SINGLE)
    if single < _LEAST_SINGLE * abs(here) or most > _ALIKE * single:
        return 0.0
    away = max(_Sample.of(f, _SINGLE[1], around=place).noise for place in _AWAY)
    return single if away > single / _ALIKE else 0.0


def _noise_of_steps(f: Callable[[float], float]) -> float:
    """Return the noise of a function whose values repeat at near points: at the spacing at which they change in steps.

    It is of the order of the smallest step. A function that does not change near 0, but farther away, has no steps.
    """
    least = 0.0
    for spacing in _WIDER:
        sample = _Sample.of(f, spacing)
        if sample.is_stepped:
            least = min(least or math.inf, sample.step)
        if not sample.repeats:
            break
    return max(min(sample.noise, _MOST_STEPS * least), least / 2)


@dataclass(frozen=True)
class _Sample:
    """Values at equally spaced points on both sides: the smaller noise of the sides, as a kink is on one of them only.

    The values repeat if on both sides at least half of them equal their neighbour. They change in steps if their
    changes are multiples of one step: of the smallest change, or of the smallest difference of two changes.
    """

    noise: float
    step: float
    repeats: bool
    is_stepped: bool

    @classmethod
    def of(cls, f: Callable[[float], float], spacing: float, around: float = 0.0) -> "_Sample":
        sides = [np.array([f(around + side * i) for i in range(_POINTS)]) for side in (spacing, -spacing)]
        noise = min(estimated_noise(side) if np.all(np.isfinite(side)) else 0.0 for side in sides)
        changes = np.abs([np.diff(side) for side in sides])
        repeats = int(np.max(np.count_nonzero(changes, axis=1))) <= _POINTS // 2
        changes = changes[changes > 0]
        step = float(np.min(changes, initial=math.inf))
        apart = np.diff(np.sort(changes))
        step = float(np.min(apart[apart > _WHOLE * step], initial=step))
        multiples = changes / step
        is_stepped = len(changes) >= _STEPS and bool(np.all(np.abs(multiples - np.round(multiples)) < _WHOLE))
        return cls(noise, step, repeats, is_stepped)


def estimated_noise(values: np.ndarray) -> float:
    """Estimate the noise of a function from its values at equally spaced, very near points; 0 where none shows.

    J. J. Moré and S. M. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33 (2011): the k-th differences
    of a smooth function vanish as k grows, those of noise do not; k is taken where three estimates in a row agree
    and the differences have both signs.

    >>> estimated_noise(np.arange(9) ** 2.0)
    0.0
    """
    estimates, both_signs = [], []
    differences = values
    for k in range(1, len(values) - 1):
        differences = np.diff(differences)
        gamma = math.factorial(k) ** 2 / math.factorial(2 * k)
        estimates.append(math.sqrt(gamma * float(np.mean(differences**2))))
        both_signs.append(bool(np.min(differences) < 0 < np.max(differences)))
    for k in range(len(estimates) - 2):
        window = estimates[k : k + 3]
        if both_signs[k] and max(window) <= 4 * min(window):
            return estimates[k]
    return 0.0
