"""Distributions from which the arguments of a network are drawn."""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Draw:
    """The distribution of an argument: a method of NumPy's generator, its arguments, and the shape of the result."""

    method: str
    arguments: tuple[float, float]
    size: tuple[int, ...]
    one_hot: bool = False  # a row of the identity for each number that is drawn
    diagonal: float = 0  # times the identity is added, to a square matrix

    def value(self, rng: np.random.Generator, size: tuple[int, ...] | None = None) -> np.ndarray | float:
        """Return random numbers from this distribution, in this shape or another."""
        if self.one_hot:
            return np.eye(self.size[-1])[rng.integers(self.size[-1], size=self.size[:-1])]
        shape = self.size if size is None else size
        drawn: np.ndarray | float = getattr(rng, self.method)(*self.arguments, shape or None)
        return drawn + self.diagonal * np.eye(self.size[0]) if self.diagonal else drawn

    def code(self) -> str:
        """Return source code that draws from this distribution with a generator called rng."""
        if self.one_hot:
            count = self.size[0] if len(self.size) == 2 else self.size[:-1]
            return f"np.eye({self.size[-1]})[rng.integers({self.size[-1]}, size={count})]"
        given = [f"{argument:.4g}" for argument in self.arguments] + ([str(self.size)] if self.size else [])
        drawn = f"rng.{self.method}({', '.join(given)})"
        return f"{self.diagonal:.4g} * np.eye({self.size[0]}) + {drawn}" if self.diagonal else drawn


def nearby_draw(draw: Draw, rng: np.random.Generator) -> Draw:
    """Return a distribution near another one: shifted and narrowed, or of another scale."""
    first, last = draw.arguments
    if draw.method == "uniform":
        middle, width = (first + last) / 2 + rng.uniform(-1, 1) * (last - first), rng.uniform(0.4, 1) * (last - first)
        return replace(draw, arguments=(_rounded(middle - width / 2), _rounded(middle + width / 2)))
    return replace(draw, arguments=(first, _rounded(last * 10 ** rng.uniform(-0.5, 0.5))))


def _rounded(number: float) -> float:
    return float(f"{number:.3g}")


def another_draw(size: tuple[int, ...], spread: float, rng: np.random.Generator) -> Draw:
    """Return a random distribution: around 0, of one sign, or around a multiple of the identity.

    Its scale lies between 10^-spread and 10^spread.
    """
    scale = _rounded(10 ** rng.uniform(-spread, spread))
    kinds = [
        Draw("uniform", (scale, 1.5 * scale), size),
        Draw("normal", (0, scale), size),
        Draw("uniform", (-1.5 * scale, -scale), size),
    ]
    if len(size) == 2 and size[0] == size[1]:  # positive definite, but not symmetric: that would hide a transpose
        kinds.append(Draw("normal", (0, _rounded(0.3 * scale * size[0] ** -0.5)), size, diagonal=scale))
    return kinds[rng.integers(len(kinds))]
