"""The matrix that the gradient checker is measured on: 13 regimes of a network by hand, 38 kinds of mistake.

The network has two layers and 13 parameters, or about 10⁴: tanh, sigmoid or relu, a half squared error, perhaps a
penalty. Cost and gradients are written in NumPy, in the precision of their arguments, so that 80 bits are an oracle.
"""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Case:
    """A point of a regime: what the cost and its gradients are computed of."""

    params: dict[str, np.ndarray]
    X: np.ndarray
    y: np.ndarray
    activation: str = "tanh"
    lam: float = 0.0
    scale: float = 1.0
    offset: float = 0.0

    def cost(self, W1, b1, W2, b2):
        f, _ = ACTIVATIONS[self.activation]
        error = f(self.X @ W1 + b1) @ W2 + b2 - self.y
        penalty = self.lam / 2 * (np.sum(W1**2) + np.sum(W2**2))
        return self.scale * (np.sum(error**2) / 2 + penalty) + self.offset

    def gradients(self, W1, b1, W2, b2, mistake=""):
        """The gradients; some mistakes are made on the way to them."""
        f, slope = ACTIVATIONS[self.activation]
        z = self.X @ W1 + b1
        a = f(z)
        error = a @ W2 + b2 - self.y
        f_prime = slope(z, a)
        if mistake in ON_THE_WAY:
            error, f_prime, a = ON_THE_WAY[mistake](error, f_prime, a, slope, z)
        delta = (error @ W2.T) * f_prime
        found = {
            "W1": self.X.T @ delta + self.lam * W1,
            "b1": delta.sum(axis=0, keepdims=True),
            "W2": a.T @ error + self.lam * W2,
            "b2": error.sum(axis=0, keepdims=True),
        }
        return {name: self.scale * g for name, g in found.items()}

    def in_precision(self, dtype):
        params = {name: value.astype(dtype) for name, value in self.params.items()}
        return replace(self, params=params, X=self.X.astype(dtype), y=self.y.astype(dtype))


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


ACTIVATIONS = {
    "tanh": (np.tanh, lambda z, a: 1 - a**2),
    "sigmoid": (_sigmoid, lambda z, a: a * (1 - a)),
    "relu": (lambda z: np.maximum(z, 0), lambda z, a: (z > 0) * np.ones_like(z)),
    # what is at 0 but for its rounding, as if it came from one side
    "relu, from below": (lambda z: np.maximum(z, 0), lambda z, a: (z > 1e-12) * np.ones_like(z)),
    "relu, from above": (lambda z: np.maximum(z, 0), lambda z, a: (z > -1e-12) * np.ones_like(z)),
}

# fmt: off
ON_THE_WAY = {  # what becomes of (error, f′, a)
    "f′ is missing":             lambda e, s, a, slope, z: (e, np.ones_like(s), a),
    "f′ twice":                  lambda e, s, a, slope, z: (e, s * s, a),
    "f′ at the output":          lambda e, s, a, slope, z: (e, slope(a, np.tanh(a)), a),
    "f in the place of f′":      lambda e, s, a, slope, z: (e, a, a),
    "the sign of the error":     lambda e, s, a, slope, z: (-e, s, a),
    "z in the place of a":       lambda e, s, a, slope, z: (e, s, z),
    "the error is squared":      lambda e, s, a, slope, z: (e**2, s, a),
    "an example is forgotten":   lambda e, s, a, slope, z: (np.concatenate([e[:-1], 0 * e[-1:]]), s, a),
}


def _of(name):
    return lambda change: (lambda g, case: {**g, name: change(g[name], case)})


W1, W2, B1, B2 = map(_of, ("W1", "W2", "b1", "b2"))


def _everywhere(change):
    return lambda g, case: {name: change(value, case.params[name], case) for name, value in g.items()}


def _in_one(g, factor):
    changed = g.copy()
    changed[np.unravel_index(np.argmax(np.abs(g)), g.shape)] *= factor
    return changed


def _clipped(g, _):
    bound = np.max(np.abs(g)) / 2
    return np.clip(g, -bound, bound)


AFTERWARDS = {  # what becomes of the right gradients
    "sign":                      _everywhere(lambda g, p, case: -g),
    "sign of one":               W2(lambda g, case: -g),
    "twice":                     _everywhere(lambda g, p, case: 2 * g),
    "half":                      W1(lambda g, case: g / 2),
    "divided by N":              _everywhere(lambda g, p, case: g / len(case.X)),
    "times N":                   W2(lambda g, case: g * len(case.X)),
    "a factor of 1.01":          W1(lambda g, case: 1.01 * g),
    "a factor of 1.0001":        W1(lambda g, case: 1.0001 * g),
    "penalty forgotten":         W1(lambda g, case: g - case.scale * case.lam * case.params["W1"]),
    "penalty twice":             W2(lambda g, case: g + case.scale * case.lam * case.params["W2"]),
    "penalty halved":            W1(lambda g, case: g - case.scale * case.lam / 2 * case.params["W1"]),
    "bias penalized":            B1(lambda g, case: g + case.scale * max(case.lam, 0.1) * case.params["b1"]),
    "bias averaged":             B1(lambda g, case: g / len(case.X)),
    "bias of one example":       B2(lambda g, case: g / len(case.X) * 1.5),
    "bias forgotten":            B1(lambda g, case: 0 * g),
    "zero":                      W2(lambda g, case: 0 * g),
    "a row of zeros":            W1(lambda g, case: np.concatenate([0 * g[:1], g[1:]])),
    "one entry":                 W1(lambda g, case: _in_one(g, 1.5)),
    "one entry's sign":          W2(lambda g, case: _in_one(g, -1)),
    "order of the transpose":    W1(lambda g, case: g.T.reshape(g.shape)),
    "rows reversed":             W1(lambda g, case: g[::-1]),
    "columns shifted":           W1(lambda g, case: np.roll(g, 1, axis=1)),
    "rows of the second":        W2(lambda g, case: g[::-1]),
    "the mean everywhere":       W1(lambda g, case: np.full_like(g, g.mean())),
    "clipped":                   W1(_clipped),
    "signs lost":                _everywhere(lambda g, p, case: np.abs(g)),
    "negative part lost":        W1(lambda g, case: np.maximum(g, 0)),
    "a constant":                W2(lambda g, case: g + np.mean(np.abs(g)) / 3),
    "single precision":          _everywhere(lambda g, p, case: g.astype(np.float32).astype(g.dtype)),
    "half precision":            W1(lambda g, case: np.round(g * 2.0**-np.floor(np.log2(np.max(np.abs(g)) + 1e-300)), 3) * 2.0**np.floor(np.log2(np.max(np.abs(g)) + 1e-300))),
}
# fmt: on
KINDS = [*ON_THE_WAY, *AFTERWARDS]


def mistaken(case, kind):
    """A gradient function with a mistake."""
    if kind in ON_THE_WAY:
        return lambda **params: case.gradients(**params, mistake=kind)
    return lambda **params: AFTERWARDS[kind](case.gradients(**params), case)


# Regimes


def _point(rng, sizes, examples, activation="tanh", spread=0.7, **rest):
    D, H, K = sizes
    shapes = {"W1": (D, H), "b1": (1, H), "W2": (H, K), "b2": (1, K)}
    params = {n: rng.normal(size=s) * spread / (s[0] ** 0.5 if s[0] > 10 else 1) for n, s in shapes.items()}
    return Case(params, rng.normal(size=(examples, D)), rng.normal(size=(examples, K)), activation, **rest)


def _zero_biases(case, rng):
    return replace(case, params={n: 0 * v if n[0] == "b" else v for n, v in case.params.items()})


def _saturated(case, rng):
    return replace(case, activation="sigmoid", params={n: v * (12 if n == "W1" else 1) for n, v in case.params.items()})


def _kink(off):
    """A unit that is exactly at 0, or `off` it, for one example, and on either side of it for others."""

    def at(case, rng):
        z = case.X @ case.params["W1"][:, 0]
        b1 = case.params["b1"].copy()
        b1[0, 0] = off - np.sort(z)[len(z) // 2]
        return replace(case, activation="relu", params=case.params | {"b1": b1})

    return at


def _spread(case, rng):
    size = 10.0 ** rng.uniform(-8, 8, size=case.params["W1"].shape)
    X = case.X / np.maximum(1, np.max(size, axis=1))
    return replace(case, X=X, params=case.params | {"W1": np.sign(case.params["W1"]) * size})


def _near_an_optimum(case, rng):
    f, _ = ACTIVATIONS[case.activation]
    p = case.params
    right = f(case.X @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
    return replace(case, y=right + 1e-6 * rng.normal(size=right.shape))


# fmt: off
REGIMES = {
    "ordinary":         lambda case, rng: case,
    "L2":               lambda case, rng: replace(case, lam=0.375),
    "zero biases":      _zero_biases,
    "saturated":        _saturated,
    "relu":             lambda case, rng: replace(case, activation="relu"),
    "at a kink":        _kink(0.0),
    "near a kink":      _kink(1e-6),
    "offset":           lambda case, rng: replace(case, offset=1e12),
    "large cost":       lambda case, rng: replace(case, scale=1e12),
    "small cost":       lambda case, rng: replace(case, scale=1e-14),
    "large inputs":     lambda case, rng: replace(case, X=case.X * 1e4, params={n: v / (1e4 if n == "W1" else 1) for n, v in case.params.items()}),
    "weights 1e-8…1e8": _spread,
    "near an optimum":  _near_an_optimum,
}
# fmt: on
SMALL, LARGE = ((2, 3, 1), 5), ((60, 80, 60), 20)


def case_of(regime, rng, size=SMALL):
    return REGIMES[regime](_point(rng, *size), rng)


def differs(case, kind):
    """Whether a mistake shows at all: at 80 bits, beyond what double precision rounds the right gradients to.

    Nor does one that moves the cost by less than some roundings of its own at 80 bits, as the parameters move a little.
    At a kink every slope between those of both sides is right, so a mistake must lie outside of them.
    """
    exact = case.in_precision(np.longdouble)
    wrong, rounded = mistaken(exact, kind)(**exact.params), case.gradients(**case.params)
    of_sides = ["relu, from below", "relu, from above"] if case.activation == "relu" else [case.activation]
    sides = [replace(exact, activation=activation).gradients(**exact.params) for activation in of_sides]
    right = exact.gradients(**exact.params)
    unresolved = 400 * np.finfo(np.longdouble).eps * abs(exact.cost(**exact.params)) / 2e-2
    for name, g in right.items():
        noise = unresolved + 8 * np.finfo(float).eps * np.max(np.abs(g)) + 4 * np.max(np.abs(rounded[name] - g))
        low, high = (bound.reduce([side[name] for side in sides]) for bound in (np.minimum, np.maximum))
        if np.any((wrong[name] < low - noise) | (wrong[name] > high + noise)):
            return True
    return False
