"""Random networks of arrays with any number of axes, as text; NumPy computes their values while they are drawn."""

import numpy as np
import pytest

import symbackprop as sb

SIZES = {"B": 3, "T": 5, "D": 4, "H": 2, "K": 7}
ENTRYWISE = [
    *("tanh({})", "sigmoid({})", "softplus({})", "relu({})", "sin({})", "exp(tanh({}))", "abs({})", "{}**2 / 3", "-{}"),
    *("log1p({}**2)", "sqrt(1 + {}**2)", "1 / (1 + {}**2)", "clip({}, -0.5, 0.8)", "where({} > 0.1, {}, 0.2)"),
    *("arctan({})", "{} * s", "maximum({}, 0.3)", "logaddexp({}, 0.2)", "expm1(-abs({}))"),
]
ALONG = ["softmax({0}, axis={1})", "log_softmax({0}, axis={1})", "cumsum({0}, axis={1})", "flip({0}, axis={1})"]
ALONG += ["{0} - mean({0}, axis={1}, keepdims=True)", "roll({0}, 1, axis={1})", "diff({0}, axis={1})"]
ALONG += ["concatenate(({0}, tanh({0})), axis={1})", "stack(({0}, {0}**2), axis={1})", "expand_dims({0}, {1})"]
ALONG += ["{0}.swapaxes({1}, -1)", "sliding_window_view({0}, 2, axis={1})"]
OVER = ["sum({0}, axis={1}{2})", "mean({0}, axis={1}{2})", "var({0}, axis={1}{2})", "max({0}, axis={1}{2})"]
OVER += ["logsumexp({0}, axis={1}{2})", "std({0} + 0.1, axis={1}{2})", "min({0}, axis={1}{2})"]
BINARY = [
    "{} + {}",
    "{} - {}",
    "{} * {}",
    "{} / (1 + {}**2)",
    "maximum({}, {})",
    "{} @ {} / 3",
    "where({} > 0.2, {}, 0)",
]
WHOLE = ["sum({})", "mean({}**2)", "sqrt(1 + sum({}**2))", "max({})", "log(1 + sum({}**2))"]


def softmax(z, axis=-1):
    """Return exp(z) over its sum along an axis."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def logsumexp(z, axis=None, keepdims=False):
    """Return the log of the sum of exp(z)."""
    largest = z.max(axis=axis, keepdims=True)
    found = np.log(np.exp(z - largest).sum(axis=axis, keepdims=True)) + largest
    return found if keepdims else np.squeeze(found, axis)


NUMPY = {name: getattr(np, name) for name in np.__all__} | {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0),
    "softplus": lambda z: np.logaddexp(z, 0),
    "softmax": softmax,
    "log_softmax": lambda z, axis=-1: z - logsumexp(z, axis, keepdims=True),
    "logsumexp": logsumexp,
    "sliding_window_view": np.lib.stride_tricks.sliding_window_view,
}


def computed(formula, names):
    """Return the value of a formula of this file."""
    space = dict(names)
    exec(f"found = {formula}", space)
    return space["found"]


class RandomArrays:
    """A network that grows line by line: each formula is one that NumPy computes and that a text may contain."""

    def __init__(self, seed, most=6):
        self.random = numbers = np.random.default_rng(seed)
        self.refused = []
        self.lines = ["X: input(B, T, D)", "s: parameter()", "G: input(B, T, D, H, K)"]
        self.parameters = ["s"]
        self.values = {"X": numbers.standard_normal((3, 5, 4)), "s": np.float64(0.7)}
        self.given = {"X": self.values["X"], "s": self.values["s"], "G": np.zeros(tuple(SIZES.values()))}
        for name in "UVW":
            sizes = self._sample(list(SIZES), self._one_of([1, 2, 2, 3, 3, 4]))
            self.lines.append(f"{name}: parameter({', '.join(sizes)})")
            self.parameters.append(name)
            self.values[name] = self.given[name] = numbers.standard_normal([SIZES[n] for n in sizes])
        self.namespace = NUMPY | SIZES | self.values
        for _ in range(self.random.integers(2, most + 1)):
            self._grow()
        last = list(self.values)[-3:]
        terms = " + ".join(f"{self._one_of(['sum(tanh({}))', 'mean({}**2)', 'sum(sin({}))'])}".format(n) for n in last)
        squares = " + ".join(f"sum({name}**2)" for name in self.parameters[1:])
        self.lines.append(f"J = {terms} + ({squares}) / 7 + s**2 / 5 + sum(G)")

    @property
    def text(self):
        """Return the text."""
        return "\n".join(self.lines)

    def _grow(self):
        for _ in range(20):
            formula = self._one_of(
                [
                    self._entrywise,
                    self._along,
                    self._over,
                    self._binary,
                    self._binary,
                    self._einsum,
                    self._moved,
                    self._part,
                    self._whole,
                ]
            )()
            if formula and self._fits(formula):
                return

    def _fits(self, formula):
        """Add a formula if NumPy and the text agree that it can be computed."""
        name = f"q{len(self.lines)}"
        try:
            with np.errstate(all="ignore"):
                value = np.asarray(computed(formula, self.namespace), dtype=float)
        except (ValueError, IndexError, TypeError, np.exceptions.AxisError):
            return False
        if not np.all(np.isfinite(value)) or value.size > 3000 or value.ndim > 5 or np.abs(value).max(initial=0) > 50:
            return False
        try:
            sb.parse_network("\n".join([*self.lines, f"{name} = {formula}"]))
        except sb.SymbackpropError as refusal:
            self.refused.append((formula, str(refusal)))
            return False
        self.lines.append(f"{name} = {formula}")
        self.values[name] = self.namespace[name] = value
        return True

    def _one_of(self, options):
        return options[self.random.integers(len(options))]

    def _sample(self, options, count):
        return [options[k] for k in self.random.permutation(len(options))[:count]]

    def _some(self, least=1):
        return self._one_of([n for n, value in self.values.items() if value.ndim >= least])

    def _axis(self, name):
        return int(self.random.integers(-1, self.values[name].ndim))

    def _entrywise(self):
        return self._one_of(ENTRYWISE).replace("{}", self._some(0))

    def _along(self):
        name = self._some()
        return self._one_of(ALONG).format(name, self._axis(name))

    def _over(self):
        name = self._some()
        ndim = self.values[name].ndim
        axes = tuple(sorted(self._sample(range(ndim), self.random.integers(1, ndim + 1))))
        return self._one_of(OVER).format(
            name, axes[0] if len(axes) == 1 else axes, self._one_of(["", ", keepdims=True"])
        )

    def _binary(self):
        one, other = self._some(0), self._some(0)
        if self.values[other].ndim == 1 and self.random.random() < 0.3:
            other += "[:, None]"
        return self._one_of(BINARY).format(one, other)

    def _einsum(self):
        names = [self._some() for _ in range(self._one_of([1, 2, 2, 3]))]
        letters = iter("abcdefghijklmnopqrstuvwxyz")
        known, words = {}, []
        for name in names:
            word = ""
            for size in self.values[name].shape:
                letter = known.get(size) if self.random.random() < 0.8 else None
                letter = next(letters) if letter is None or letter in word else letter
                known[size] = letter
                word += letter
            words.append(word)
        every = sorted(set("".join(words)))
        output = "".join(self._sample(every, self.random.integers(min(3, len(every)) + 1)))
        return f"einsum('{','.join(words)}->{output}', {', '.join(names)}) / 4"

    def _moved(self):
        name = self._some(2)
        shape, named = self.values[name].shape, {value: key for key, value in SIZES.items()}
        axes = self._sample(range(len(shape)), len(shape))
        if self.random.random() < 0.5 or not all(size in named for size in shape):
            return f"{name}.transpose({', '.join(map(str, axes))})"
        k = int(self.random.integers(len(shape) - 1))
        merged = (
            [named[n] for n in shape[:k]]
            + [f"{named[shape[k]]}*{named[shape[k + 1]]}"]
            + [named[n] for n in shape[k + 2 :]]
        )
        return f"{name}.reshape({', '.join(merged)})"

    def _part(self):
        name = self._some()
        options = [":", ":", "1:", ":-1", "::-1", "0", "-1", "None", "...", ":1"]
        index = [self._one_of(options) for _ in range(self.random.integers(1, self.values[name].ndim + 1))]
        return f"{name}[{', '.join(index)}]"

    def _whole(self):
        return f"{self._one_of(WHOLE).replace('{}', self._some())} * {self._some(0)} / 5"


def gradients_by_jax(network):
    """Return the cost and its gradients, by JAX."""
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    def windows(x, n, axis):
        parts = [jax.lax.slice_in_dim(x, k, x.shape[axis] - n + 1 + k, axis=axis % x.ndim) for k in range(n)]
        return jnp.stack(parts, axis=-1)

    space = (
        {name: getattr(jnp, name) for name in NUMPY if hasattr(jnp, name)}
        | SIZES
        | {
            **{
                name: getattr(jax.nn, name)
                for name in ("sigmoid", "relu", "softplus", "softmax", "log_softmax", "logsumexp")
            },
            "sliding_window_view": windows,
        }
    )

    def cost(parameters):
        known = {**space, **{n: jnp.asarray(v) for n, v in network.given.items()}, **parameters}
        for line in network.lines:
            name, equals, formula = line.partition(" = ")
            if equals:
                known[name] = computed(formula, known)
        return known["J"]

    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        return jax.jit(jax.value_and_grad(cost))(
            {name: jnp.asarray(network.given[name]) for name in network.parameters}
        )
    finally:
        jax.config.update("jax_enable_x64", before)
