"""Who is timed by speed.py, and on what: each contestant is made of a problem, and gives J and ∂J/∂W1, ∂J/∂W2, …

The problems are networks of dense layers without biases. Whatever a contestant needs once (compiling, putting the data
on its device) is done by its maker, and is not timed.
"""

import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import numpy as np

import symbackprop as sb


@dataclass(frozen=True)
class Shape:
    """N examples through layers of these sizes: ½ Σ (y − yhat)² of sigmoids, or softmax cross-entropy on top."""

    N: int
    sizes: tuple[int, ...]
    softmax: bool = False

    def __str__(self):
        layers = "-".join(map(str, self.sizes)) if len(self.sizes) < 6 else f"{len(self.sizes) - 1}×{self.sizes[0]}"
        return f"N={self.N}, {layers}{' softmax' * self.softmax}"


SHAPES = {
    "tiny": Shape(3, (2, 3, 1)),
    "small": Shape(100, (10, 20, 5)),
    "medium": Shape(1024, (256, 256, 64)),
    "large": Shape(8192, (512, 512, 128)),
    "tall": Shape(10**6, (2, 3, 1)),
    "deep": Shape(1024, (128,) * 11),
    "mnist": Shape(512, (784, 256, 10), softmax=True),
}


@dataclass
class Problem:
    """The data and weights of a shape, small enough that no sigmoid saturates."""

    shape: Shape
    dtype: str
    X: np.ndarray = field(init=False)
    y: np.ndarray = field(init=False)
    weights: list[np.ndarray] = field(init=False)

    def __post_init__(self):
        rng, (N, sizes) = np.random.default_rng(0), (self.shape.N, self.shape.sizes)
        y = np.eye(sizes[-1])[rng.integers(sizes[-1], size=N)] if self.shape.softmax else rng.random((N, sizes[-1]))
        self.X, self.y = rng.standard_normal((N, sizes[0])).astype(self.dtype), y.astype(self.dtype)
        self.weights = [(rng.standard_normal(pair) / np.sqrt(pair[0])).astype(self.dtype) for pair in pairwise(sizes)]

    @property
    def values(self):
        return {"X": self.X, "y": self.y} | {f"W{k}": W for k, W in enumerate(self.weights, start=1)}


class LeftOutError(Exception):
    """Why a contestant takes no part."""


@cache
def function_of(sizes, softmax):
    cost = "softmax_cross_entropy" if softmax else "half_squared_error"
    return sb.derive(sb.mlp(list(sizes), "sigmoid", cost=cost)).to_numpy()


def ours(p):
    f, values = function_of(p.shape.sizes, p.shape.softmax), p.values
    return lambda: f(**values)


def ours_bound(p):
    f, values = function_of(p.shape.sizes, p.shape.softmax), p.values
    if not hasattr(f, "bind"):
        raise LeftOutError("f.bind is not there")
    bound = f.bind({name: value.shape for name, value in values.items()}, p.dtype)
    return lambda: bound(**values)


def textbook(p):
    """A cost function and a gradient function, which runs forward again and takes f′ from z."""

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def sigmoid_prime(z):
        return np.exp(-z) / (1 + np.exp(-z)) ** 2

    def softmax(z):
        e = np.exp(z - np.max(z, axis=1, keepdims=True))
        return e / np.sum(e, axis=1, keepdims=True)

    output = softmax if p.shape.softmax else sigmoid

    def forward(X, weights):
        zs, activations = [], [X]
        for W in weights:
            zs.append(activations[-1] @ W)
            activations.append((output if W is weights[-1] else sigmoid)(zs[-1]))
        return zs, activations

    def cost(X, y, weights):
        yhat = forward(X, weights)[1][-1]
        return -np.sum(y * np.log(yhat)) if p.shape.softmax else 0.5 * np.sum((y - yhat) ** 2)

    def gradients(X, y, weights):
        zs, activations = forward(X, weights)
        error = -(y - activations[-1])
        delta = error if p.shape.softmax else error * sigmoid_prime(zs[-1])
        found = [activations[-2].T @ delta]
        for k in range(len(weights) - 1, 0, -1):
            delta = (delta @ weights[k].T) * sigmoid_prime(zs[k - 1])
            found.append(activations[k - 1].T @ delta)
        return found[::-1]

    return lambda: (cost(p.X, p.y, p.weights), *gradients(p.X, p.y, p.weights))


def matrix_products(p):
    """LB: the products that no gradient can do without, into arrays that are there, and one copy of X."""
    copy, slopes = np.empty_like(p.X), [np.empty_like(W) for W in p.weights]
    zs = [p.X, *(np.empty((p.shape.N, size), p.dtype) for size in p.shape.sizes[1:])]
    deltas = [np.empty_like(z) for z in zs[:-1]] + [p.y]

    def run():
        np.copyto(copy, p.X)
        for k, W in enumerate(p.weights):
            np.dot(zs[k], W, out=zs[k + 1])
        for k in range(len(slopes) - 1, -1, -1):
            np.dot(zs[k].T, deltas[k + 1], out=slopes[k])
            if k:
                np.dot(deltas[k + 1], p.weights[k].T, out=deltas[k])

    return run


def _cost(softmax, sigmoid, log_softmax):
    """The cost as it is written for a library that differentiates it, with its functions."""

    def cost(weights, X, y):
        a = X
        for W in weights[:-1]:
            a = sigmoid(a @ W)
        z = a @ weights[-1]
        return -(y * log_softmax(z)).sum() if softmax else 0.5 * ((y - sigmoid(z)) ** 2).sum()

    return cost


def with_jax(p):
    import jax

    jax.config.update("jax_enable_x64", p.dtype == "float64")
    cost = _cost(p.shape.softmax, jax.nn.sigmoid, jax.nn.log_softmax)
    both = jax.jit(jax.value_and_grad(cost))
    arguments = jax.block_until_ready(jax.device_put((p.weights, p.X, p.y)))

    def run():
        J, gradients = jax.block_until_ready(both(*arguments))
        return J, *gradients

    return run


def with_torch(p, compiled=lambda torch, cost: cost):
    import torch

    cost = _cost(p.shape.softmax, torch.sigmoid, lambda z: torch.log_softmax(z, 1))
    cost = compiled(torch, cost)
    weights = [torch.tensor(W, requires_grad=True) for W in p.weights]
    X, y = torch.from_numpy(p.X), torch.from_numpy(p.y)

    def run():
        J = cost(weights, X, y)
        return J.detach(), *torch.autograd.grad(J, weights)

    return run


def with_torch_compile(p, patience=60):
    def compiled(torch, cost):
        torch.compiler.reset()
        return torch.compile(cost, dynamic=False)

    run = with_torch(p, compiled)
    try:
        with _within(patience):
            run()
    except Exception as error:
        raise LeftOutError(str(error).splitlines()[0]) from error
    return run


@contextmanager
def _within(seconds):
    def late(*_):
        raise TimeoutError(f"it was not ready within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def with_autograd(p):
    import autograd.numpy as anp
    from autograd import value_and_grad

    def log_softmax(z):
        shifted = z - anp.max(z, axis=1, keepdims=True)
        return shifted - anp.log(anp.sum(anp.exp(shifted), axis=1, keepdims=True))

    cost = _cost(p.shape.softmax, lambda z: 1 / (1 + anp.exp(-z)), log_softmax)
    both = value_and_grad(lambda weights: cost(weights, p.X, p.y))

    def run():
        J, gradients = both(p.weights)
        return J, *gradients

    return run


CONTESTANTS: dict[str, Callable] = {  # each imports what it needs; an ImportError leaves it out
    "ours": ours,
    "ours, bound": ours_bound,
    "textbook": textbook,
    "LB": matrix_products,
    "JAX": with_jax,
    "torch": with_torch,
    "torch.compile": with_torch_compile,
    "autograd": with_autograd,
}


def mistake(numbers, reference, dtype):
    """What differs from ours, by more than a part of the largest entry; None if nothing does."""
    tolerance = {"float64": 1e-8, "float32": 1e-3}[dtype]
    if len(numbers) != len(reference):
        return f"{len(numbers)} results, not {len(reference)}"
    for k, (theirs, right) in enumerate(zip(numbers, reference, strict=True)):
        name = f"the gradient with respect to W{k}" if k else "the cost"
        if theirs.shape != right.shape or (k and theirs.dtype != right.dtype):
            return f"{name} is {theirs.dtype} of shape {theirs.shape}, not {right.dtype} of {right.shape}"
        off = np.max(np.abs(theirs - right)) / np.max(np.abs(right))
        if not off <= tolerance:
            return f"{name} differs from ours by {off:.1g} of its largest entry"
    return None
