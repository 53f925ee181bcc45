"""Placeholders for the modules of PyTorch and JAX, and for what the user's code imports from them."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from symbackprop.tracing.aliases import Replacement
from symbackprop.tracing.tensors.table import TABLE, Libraries
from symbackprop.tracing.tensors.tensor import Tensor, called
from symbackprop.tracing.untraceable import Untraceable

LIBRARIES = ("torch", "jax", "jaxlib")
_CLASSES = ("Tensor", "ndarray", "Array")
_CURRENT: ContextVar[Replacement | None] = ContextVar("the placeholder for NumPy while code is traced", default=None)


def current(library: str) -> Libraries | None:
    """Return the libraries that placeholders use, or None where the code runs on numbers."""
    replacement = _CURRENT.get()
    return None if replacement is None else _libraries(replacement, library)


def _libraries(replacement: Replacement, library: str) -> Libraries:
    return Libraries(replacement(np), _Special(replacement), library)


class _Special:
    """The placeholder for scipy.special, from which a few functions are taken."""

    def __init__(self, replacement: Replacement):
        self._replacement = replacement

    def __getattr__(self, name: str) -> Any:
        try:
            return self._replacement(getattr(import_module("scipy.special"), name))
        except ImportError:
            raise Untraceable(f"{name} is traced as that of scipy.special, and SciPy is not installed") from None


@contextmanager
def extended(replacement: Replacement) -> Iterator[Replacement]:
    """Yield a replacement that also replaces whatever is of PyTorch or JAX, in terms of NumPy's placeholder."""
    if not any(name in sys.modules for name in LIBRARIES):
        yield replacement
        return

    def replaced(value: object) -> object:
        found = _replaced(replacement, value)
        return replacement(value) if found is value else found

    token = _CURRENT.set(replacement)
    try:
        yield replaced
    finally:
        _CURRENT.reset(token)


def _replaced(replacement: Replacement, value: Any) -> Any:
    """Return the placeholder for a module, a class or a function of a library, and any other value unchanged."""
    if isinstance(value, ModuleType):
        root = value.__name__.partition(".")[0]
        return _Module(_libraries(replacement, root), value) if root in LIBRARIES else value
    if isinstance(value, type):
        if value.__name__ in _CLASSES and value.__module__.partition(".")[0] in LIBRARIES:
            return Tensor
        return _Applied(value) if is_torch_function(value) else value
    return _replaced_function(replacement, value) if callable(value) else value


def _replaced_function(replacement: Replacement, value: Any) -> Any:
    if is_jax_function(value):
        return value.fun
    if is_torch_function(getattr(value, "__self__", None)):
        return getattr(_Applied(value.__self__), value.__name__)  # f = MyFunction.apply
    inner, module = getattr(value, "__wrapped__", None), _library_of(value)
    if inspect.isfunction(inner) and type(value).__module__.partition(".")[0] in LIBRARIES and not _library_of(inner):
        return inner  # compiled by jax.jit
    return partial(_call, _libraries(replacement, module), value.__name__) if module else value


def _library_of(value: Any) -> str:
    """Return the library to which a function belongs, or ""."""
    name = getattr(value, "__name__", None)
    root = str(getattr(value, "__module__", None)).partition(".")[0]
    if root in LIBRARIES and name is not None:
        return "torch" if root == "torch" else "jax"
    torch = sys.modules.get("torch")
    return "torch" if torch is not None and name and getattr(torch, name, None) is value else ""


def is_torch_function(value: object) -> bool:
    """Return True for a subclass of torch.autograd.Function."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(value, type) and issubclass(value, torch.autograd.Function)


def is_jax_function(value: object) -> bool:
    """Return True for a function that jax.custom_vjp has made."""
    kind = type(value)
    return kind.__name__ == "custom_vjp" and kind.__module__.partition(".")[0] == "jax"


def _call(lib: Libraries, name: str, *args: Any, **options: Any) -> Any:
    return called(lib, name, args, options)


class _Module:
    """The placeholder for a module of a library."""

    def __init__(self, lib: Libraries, module: ModuleType):
        self._lib, self._module = lib, module

    def __getattr__(self, name: str) -> Any:
        if name in _CLASSES:
            return Tensor
        found = getattr(self._module, name, None)
        if isinstance(found, ModuleType):
            return _Module(self._lib, found)
        if name in TABLE or (callable(found) and not isinstance(found, type)):
            return partial(_call, self._lib, name)
        return found


class _Applied:
    """The placeholder for a subclass of torch.autograd.Function, whose `apply` runs its forward function."""

    def __init__(self, function: Any):
        self._function = function

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def apply(self, *args: Any) -> Any:
        """Return the outputs."""
        return run_forward(self._function, Context(len(args)), args)


class Context:
    """The object `ctx` of a torch.autograd.Function."""

    def __init__(self, count: int, needed: Callable[[int], bool] = lambda _: True):
        self.needs_input_grad = tuple(map(needed, range(count)))
        self.saved_tensors: tuple[Any, ...] = ()
        self.without_derivative: tuple[Any, ...] = ()

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors."""
        self.saved_tensors = tensors

    save_for_forward = save_for_backward

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """The saved tensors, by their old name."""
        return self.saved_tensors

    def mark_non_differentiable(self, *outputs: Any) -> None:
        """Note outputs that have no derivative."""
        self.without_derivative = outputs

    def mark_dirty(self, *_: Any) -> None:
        """Do nothing: inputs that are changed in place are found by their values."""

    def set_materialize_grads(self, _: bool) -> None:
        """Do nothing: an upstream gradient of an output without one is zeros."""


def run_forward(function: Any, ctx: Context, args: tuple[Any, ...]) -> Any:
    """Return the outputs of a torch.autograd.Function, in either of its two styles."""
    torch: Any = sys.modules["torch"]
    forward = inspect.unwrap(function.forward)
    if function.setup_context is torch.autograd.Function.setup_context:
        return forward(ctx, *args)
    outputs = forward(*args)
    inspect.unwrap(function.setup_context)(ctx, args, outputs)
    return outputs
