"""Kinks of a cost, such as ReLU's at 0: where its slope jumps, any slope between those around is right."""

from dataclasses import dataclass

import numpy as np

from symbackprop.gradcheck.comparisons import Look
from symbackprop.gradcheck.directional import SLOPES_WITHIN, Numerics

_RATIO = 10
_SEEN = 20  # noises that a jump is seen above
_STEPS = tuple(float(_RATIO) ** -k for k in range(11, 1, -1))
_OFF = 16 * float(np.finfo(float).eps)
_BEYOND = 8  # slacks beyond the slopes around from which on ours is forbidden
_CLEARLY = 0.05  # of the jump, likewise
_AROUND = 12  # points around a kink
_NEAR = 1e-5  # how far they are
_HERE = 1e-8  # a kink that is not farther away than this is here
_SAME = 0.02  # of the jump: slopes that are nearer count as one


@dataclass(frozen=True)
class Kink:
    """The slopes on both sides, and whether there are others around: where several kinks meet."""

    low: float
    high: float
    slack: float
    is_alone: bool

    def allows(self, slope: float) -> bool:
        return self.low - self.slack <= slope <= self.high + self.slack

    def forbids(self, slope: float) -> bool:
        """Whether no choice of slopes at kinks gives this one. Where several meet, there may be one that does."""
        slack = max(_BEYOND * self.slack, _CLEARLY * (self.high - self.low))
        return self.is_alone and not self.low - slack <= slope <= self.high + slack


def kink_at(numerics: Numerics, look: Look) -> Kink | None:
    """The kink right here, along the direction of a look, over the smallest steps at which a jump shows."""
    scale = numerics.scale(look.direction)
    steps = np.array(_STEPS)
    sides = np.array([numerics.one_sided(look.direction, step * scale) for step in steps])
    straight = (_RATIO * sides[:-1] - sides[1:]) / (_RATIO - 1)  # extrapolated to 0: curvature is no jump
    moves = 2 * numerics.epsilon / steps * np.max(np.abs(sides), axis=1)  # what is moved is rounded, too
    noises = moves + [numerics.rounding(look.direction, step * scale) for step in steps]
    for step, noise, near, far in zip(steps, noises, straight, straight[1:], strict=False):
        jump, drift = abs(near[1] - near[0]), np.max(np.abs(near - far))
        if jump > _SEEN * noise and drift < 0.1 * jump:  # a jump does not grow with the step
            if _is_away(jump, sides, (steps >= _HERE) & (steps < step) & (jump > _SEEN * noises)):
                return None
            off = jump * _OFF / step  # what was at the kink in double precision is a little off it in a higher one
            low, high = sorted(map(float, near))
            is_alone = look.index is not None and _is_alone(numerics, look, low, high, scale)
            return Kink(low, high, float(noise + drift + off), is_alone)
    return None


def _is_away(jump: float, sides: np.ndarray, would_show: np.ndarray) -> bool:
    """Whether the jump is not there over the smallest two of those steps over which it would show."""
    over = np.abs(np.diff(sides[would_show][:2], axis=1))
    return len(over) == 2 and bool(np.all(over < jump / 2))


def _is_alone(numerics: Numerics, look: Look, low: float, high: float, scale: float) -> bool:
    """Whether the slopes at points around here are seen to be those of the two sides, and no others."""
    same = _SAME * (high - low)
    if numerics.rounding(look.direction, _NEAR * scale * SLOPES_WITHIN) > same:
        return False  # all that is seen around here may be noise
    slopes = numerics.slopes_around(look.direction, _NEAR * scale, _AROUND)
    return all(abs(slope - low) <= same or abs(slope - high) <= same for slope in slopes)
