"""The libraries that a module for the array API runs on, those of them that are installed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest


@dataclass(frozen=True)
class Library:
    """How arrays of NumPy become the library's and back, and what a function goes through before it is called."""

    name: str
    array: Callable[[Any], Any]
    to_numpy: Callable[[Any], list[Any]] = lambda results: [np.asarray(result) for result in results]
    prepared: Callable[[Any], Any] = lambda function: function

    def of(self, values):
        return {name: self.array(value) if np.ndim(value) else value for name, value in values.items()}

    def results(self, function, values):
        return self.to_numpy(self.prepared(function)(**self.of(values)))


def _numpy():
    yield Library("numpy", np.asarray)


def _strict():
    """The standard and nothing else: what is not in it raises."""
    strict = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    yield Library("strict", strict.asarray)


def _torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed, nor is it in CI: it is too large")
    yield Library("torch", lambda value: torch.asarray(np.array(value)))


def _jax():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    jax.config.update("jax_enable_x64", True)
    yield Library("jax", jax.numpy.asarray, prepared=jax.jit)
    jax.config.update("jax_enable_x64", False)


def _dask():
    array = pytest.importorskip("dask.array", reason="dask is not installed")
    dask = pytest.importorskip("dask")
    in_chunks = lambda value: array.from_array(value, chunks=(2, -1))
    yield Library("dask", in_chunks, lambda results: dask.compute(*results))


LIBRARIES = {"numpy": _numpy, "strict": _strict, "torch": _torch, "jax": _jax, "dask": _dask}
