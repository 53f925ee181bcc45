"""Kinks of a cost, such as ReLU's at 0: any value between the one-sided derivatives is right there."""

from dataclasses import dataclass

import numpy as np

from symbackprop.gradcheck.comparisons import Comparison
from symbackprop.gradcheck.directional import STEP_AROUND, Numerics

_RATIO = 10
_SEEN = 20  # a jump is visible above this multiple of the noise
_STEPS = tuple(float(_RATIO) ** -k for k in range(11, 1, -1))
_OFF = 16 * float(np.finfo(float).eps)
_BEYOND = 8  # slacks by which a forbidden derivative lies outside of those around the point
_CLEARLY = 0.05  # of the jump, likewise
_AROUND = 12  # points around a kink
_NEAR = 1e-5  # their distance
_HERE = 1e-8  # a kink up to this distance is at the point
_SAME = 0.02  # of the jump: derivatives that are nearer count as equal


@dataclass(frozen=True)
class Kink:
    """The one-sided derivatives at a kink; `is_alone` is False if other derivatives occur nearby, at further kinks."""

    low: float
    high: float
    slack: float
    is_alone: bool

    def allows(self, derivative: float) -> bool:
        """Return True if a derivative lies between the one-sided derivatives."""
        return self.low - self.slack <= derivative <= self.high + self.slack

    def forbids(self, derivative: float) -> bool:
        """Return True if no choice of the derivative at the kink gives this value; False if several kinks meet."""
        slack = max(_BEYOND * self.slack, _CLEARLY * (self.high - self.low))
        return self.is_alone and not self.low - slack <= derivative <= self.high + slack


def kink_at(numerics: Numerics, comparison: Comparison) -> Kink | None:
    """Return the kink at this point, from the smallest steps over which the derivative jumps, or None."""
    scale = numerics.scale(comparison.direction)
    steps = np.array(_STEPS)
    sides = np.array([numerics.one_sided(comparison.direction, step * scale) for step in steps])
    straight = (_RATIO * sides[:-1] - sides[1:]) / (_RATIO - 1)  # extrapolated to 0: curvature is not a jump
    moves = 2 * numerics.epsilon / steps * np.max(np.abs(sides), axis=1)  # perturbed parameters are rounded, too
    noises = moves + [numerics.rounding(comparison.direction, step * scale) for step in steps]
    for step, noise, near, far in zip(steps, noises, straight, straight[1:], strict=False):
        jump, drift = abs(near[1] - near[0]), np.max(np.abs(near - far))
        if jump > _SEEN * noise and drift < 0.1 * jump:  # a jump does not grow with the step
            if _is_away(jump, sides, (steps >= _HERE) & (steps < step) & (jump > _SEEN * noises)):
                return None
            off = jump * _OFF / step  # a kink in double precision is slightly displaced in a higher precision
            low, high = sorted(map(float, near))
            is_alone = comparison.index is not None and _is_alone(numerics, comparison, low, high, scale)
            return Kink(low, high, float(noise + drift + off), is_alone)
    return None


def _is_away(jump: float, sides: np.ndarray, would_show: np.ndarray) -> bool:
    """Return True if there is no jump over the two smallest steps that would show it."""
    over = np.abs(np.diff(sides[would_show][:2], axis=1))
    return len(over) == 2 and bool(np.all(over < jump / 2))


def _is_alone(numerics: Numerics, comparison: Comparison, low: float, high: float, scale: float) -> bool:
    """Return True if the derivatives at nearby points are those of the two sides, and no others."""
    same = _SAME * (high - low)
    if numerics.rounding(comparison.direction, _NEAR * scale * STEP_AROUND) > same:
        return False  # all differences around here may be noise
    derivatives = numerics.derivatives_around(comparison.direction, _NEAR * scale, _AROUND)
    return all(abs(derivative - low) <= same or abs(derivative - high) <= same for derivative in derivatives)
