"""Functions with a backward function of their own, of PyTorch and JAX, as a forward and a backward function of arrays.

On numbers they run as they stand, by their library, in double precision; while they are traced, on placeholders.
"""

import inspect
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError
from symbackprop.tracing.tensors.modules import Context, current, is_jax_function, is_torch_function, run_forward
from symbackprop.tracing.tensors.table import Libraries
from symbackprop.tracing.tensors.tensor import Tensor, bare, wrapped

_STARRED = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
_UPSTREAM = "grad_output"
_SINGLE = ("float16", "float32", "bfloat16")


def is_function(value: object) -> bool:
    """Return True for a subclass of torch.autograd.Function, and for a function that jax.custom_vjp has made."""
    return is_torch_function(value) or is_jax_function(value)


@dataclass(frozen=True)
class Halves:
    """The two halves of such a function: `forward` returns (output, state), which `backward` takes.

    Args:
        forward: takes the arguments by name.
        backward: takes the state, called ctx, and the upstream gradients; returns the gradients by name, as dx.
        upstream: the name of the upstream gradient.
    """

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    upstream: str


def halves(function: Any, arrays: Collection[str], wrt: Collection[str]) -> Halves:
    """Return the two halves of a torch.autograd.Function or of a jax.custom_vjp function.

    Args:
        function: the function.
        arrays: the names of the arguments that are arrays; all others are passed on as they are.
        wrt: the names of the arguments with respect to which gradients are asked for; () if that is not known.

    Raises:
        ArgumentError: it is not such a function, or has no backward function.
    """
    if is_torch_function(function):
        return _Torch(function, arrays, wrt).halves()
    if is_jax_function(function):
        if function.bwd is None:
            raise ArgumentError("the function of jax.custom_vjp has no backward function: give it by defvjp(fwd, bwd)")
        return _Jax(function, arrays, wrt).halves()
    raise ArgumentError(
        f"{function!r:.60} is neither a subclass of torch.autograd.Function nor a function of jax.custom_vjp; for a "
        "forward and a backward function, there is check_vjp"
    )


@dataclass(frozen=True)
class _Function:
    """The part that both libraries have in common."""

    function: Any
    arrays: Collection[str]
    wrt: Collection[str]

    def is_wanted(self, name: str) -> bool:
        """Return True if a gradient with respect to this argument may be asked for."""
        return not self.wrt or name in self.wrt

    def signature(self, function: Callable[..., Any], first: int) -> tuple[list[inspect.Parameter], list[str]]:
        """Return the parameters after the first ones, and the names of all arguments: *args are the arrays in order."""
        parameters = list(inspect.signature(function).parameters.values())[first:]
        plain = [p for p in parameters if p.kind not in _STARRED]
        more = [n for n in self.arrays if n not in [p.name for p in plain]] if len(plain) < len(parameters) else []
        return plain, [*(p.name for p in plain), *more]

    @staticmethod
    def named(function: Callable[..., Any], original: Any, parameters: Sequence[inspect.Parameter]) -> Any:
        """Return a function whose arguments and module are those of the user's function."""
        kinds = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=inspect.Parameter.empty) for p in parameters]
        function.__dict__["__signature__"] = inspect.Signature(kinds)
        function.__dict__["__wrapped__"] = inspect.unwrap(getattr(original, "__func__", original))
        return function

    def given(self, names: Sequence[str], parameters: Sequence[inspect.Parameter], values: dict[str, Any]) -> list[Any]:
        """Return the arguments in order; the others have their defaults."""
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        return [
            values[name] if name in values else defaults[name] for name in names if name in values or name in defaults
        ]

    def parameters(self, plain: Sequence[inspect.Parameter], names: Sequence[str]) -> list[inspect.Parameter]:
        """Return the parameters of the forward half, those of *args among them."""
        more = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY) for n in names[len(plain) :]]
        return [*plain, *more]

    def halved(
        self, upstream: str, run: Callable[..., Any], pull: Callable[..., Any], parameters: Any, own: Any
    ) -> Halves:
        """Return the halves with the signatures that `check_vjp` reads."""
        forward = self.named(run, own[0], parameters)
        kind = inspect.Parameter.KEYWORD_ONLY
        backward = self.named(pull, own[1], [inspect.Parameter(n, kind) for n in ("ctx", upstream)])
        return Halves(forward, backward, upstream)


class _Torch(_Function):
    """A subclass of torch.autograd.Function."""

    def halves(self) -> Halves:
        """Return the forward and the backward half."""
        torch: Any = sys.modules["torch"]
        function = self.function
        if function.backward is torch.autograd.Function.backward and function.vjp is torch.autograd.Function.vjp:
            raise ArgumentError(f"{function.__name__} has no backward function")
        with_context = function.setup_context is torch.autograd.Function.setup_context
        plain, names = self.signature(inspect.unwrap(function.forward), int(with_context))
        own = function.backward if function.backward is not torch.autograd.Function.backward else function.vjp
        pull_back = inspect.unwrap(own)
        upstream = next(iter([*inspect.signature(pull_back).parameters][1:]), _UPSTREAM)
        upstream = upstream if upstream not in names else _UPSTREAM

        def run(**values: Any) -> Any:
            lib = current("torch")
            with nullcontext() if lib else _in_double(torch):
                args = self._tensors(lib, names, self.given(names, plain, values))
                ctx = Context(len(args), lambda k: _is_float(args[k]) and self.is_wanted(names[k]))
                result = run_forward(function, ctx, tuple(args))
            outputs = list(result) if isinstance(result, tuple | list) else [result]
            marked = [id(output) for output in ctx.without_derivative]
            real = [k for k, out in enumerate(outputs) if id(out) not in marked and _is_float(out)]
            arrays = [_array(outputs[k]) for k in real]
            shapes = {names[k]: tuple(arg.shape) for k, arg in enumerate(args) if hasattr(arg, "shape")}
            state = (ctx, outputs, real, shapes, len(args))
            return (arrays[0] if len(arrays) == 1 else tuple(arrays)), state

        def pull(ctx: Any, **upstreams: Any) -> dict[str, Any]:
            inner, outputs, real, shapes, count = ctx
            lib = current("torch")
            (arrived,) = upstreams.values()
            arrived = list(arrived) if len(real) > 1 else [arrived]
            with nullcontext() if lib else _in_double(torch):
                gradients = self._tensors(lib, None, arrived)
                every = [gradients[real.index(k)] if k in real else _nothing(lib, out) for k, out in enumerate(outputs)]
                found = pull_back(inner, *every)
            items = list(found) if isinstance(found, tuple | list) else [found]
            if len(items) < count or any(item is not None for item in items[count:]):
                raise ArgumentError(
                    f"backward returns {len(items)} gradients, and forward takes {count} arguments: PyTorch expects a "
                    "gradient for each, None where there is none"
                )
            return self._by_name(lib, dict(zip(names, items, strict=False)), shapes)

        return self.halved(upstream, run, pull, self.parameters(plain, names), (function.forward, own))

    def _tensors(self, lib: Libraries | None, names: Sequence[str] | None, values: Sequence[Any]) -> list[Any]:
        """Return the arrays as tensors: placeholders, or PyTorch's own; other arguments as they are."""
        torch: Any = sys.modules["torch"]
        found = []
        for k, value in enumerate(values):
            if names is not None and names[k] not in self.arrays:
                found.append(value)
            elif lib is not None:
                found.append(wrapped(lib, value if hasattr(value, "shape") else np.asarray(value)))
            else:
                found.append(
                    torch.from_numpy(np.asarray(value)) if isinstance(value, np.ndarray) else torch.tensor(value)
                )
            if names is not None and self.is_wanted(names[k]) and _is_float(found[-1]):
                found[-1].requires_grad = True
        return found

    def _by_name(self, lib: Libraries | None, items: dict[str, Any], shapes: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, item in items.items():
            if item is not None and name in shapes:
                found[f"d{name}"] = _fitted(lib, _array(item), shapes[name])
            elif item is None and name in self.wrt and name in shapes:
                found[f"d{name}"] = np.zeros(shapes[name])
        return found


class _Jax(_Function):
    """A function that jax.custom_vjp has made."""

    def halves(self) -> Halves:
        """Return the forward and the backward half."""
        function = self.function
        plain, names = self.signature(function.fun, 0)
        static = [names[k] for k in getattr(function, "nondiff_argnums", ()) if k < len(names)]
        upstream = next(iter([*inspect.signature(function.bwd).parameters][len(static) + 1 :]), _UPSTREAM)
        upstream = upstream if upstream not in names else _UPSTREAM

        def run(**values: Any) -> Any:
            lib = current("jax")
            with nullcontext() if lib else _double_of_jax():
                args = self._arrays(lib, names, self.given(names, plain, values))
                output, residuals = inspect.unwrap(function.fwd)(*args)
            several = isinstance(output, tuple | list)
            arrays = [_array(out) for out in output] if several else _array(output)
            chosen = [arg for name, arg in zip(names, args, strict=False) if name in static]
            shapes = {n: tuple(a.shape) for n, a in zip(names, args, strict=False) if hasattr(a, "shape")}
            return (tuple(arrays) if several else arrays), (residuals, chosen, shapes, type(output))

        def pull(ctx: Any, **upstreams: Any) -> dict[str, Any]:
            residuals, chosen, shapes, kind = ctx
            lib = current("jax")
            (arrived,) = upstreams.values()
            with nullcontext() if lib else _double_of_jax():
                every = isinstance(arrived, tuple | list)
                found = self._arrays(lib, None, arrived if every else [arrived])
                gradients = inspect.unwrap(function.bwd)(*chosen, residuals, kind(found) if every else found[0])
            items = list(gradients) if isinstance(gradients, tuple | list) else [gradients]
            own = [name for name in names if name not in static]
            pairs = zip(own, items, strict=False)
            zeros = {f"d{n}": np.zeros(shapes[n]) for n in self.wrt if n in shapes}
            return zeros | {f"d{n}": _array(g) for n, g in pairs if g is not None and n in shapes and n in self.arrays}

        return self.halved(upstream, run, pull, self.parameters(plain, names), (function.fwd, function.bwd))

    def _arrays(self, lib: Libraries | None, names: Sequence[str] | None, values: Sequence[Any]) -> list[Any]:
        jnp: Any = import_module("jax.numpy")
        found = []
        for k, value in enumerate(values):
            if names is not None and names[k] not in self.arrays:
                found.append(value)
            elif lib is not None:
                found.append(wrapped(lib, value if hasattr(value, "shape") else np.asarray(value)))
            else:
                found.append(jnp.asarray(value))
        return found


def _is_float(value: Any) -> bool:
    if isinstance(value, Tensor):
        return bool(value.dtype.kind == "f")
    return hasattr(value, "shape") and hasattr(value, "is_floating_point") and bool(value.is_floating_point())


def _nothing(lib: Libraries | None, output: Any) -> Any:
    """Return the upstream gradient of an output that has no derivative."""
    return output if lib is not None or not hasattr(output, "shape") else sys.modules["torch"].zeros_like(output)


def _array(value: Any) -> Any:
    """Return a plain array: a placeholder, or numbers."""
    if isinstance(value, Tensor):
        return bare(value)
    if hasattr(value, "detach"):
        return value.detach().cpu().numpy().copy()
    return value if hasattr(value, "node") else np.array(value)


def _fitted(lib: Libraries | None, gradient: Any, shape: tuple[int, ...]) -> Any:
    """Return a gradient after adding up the axes along which its argument was broadcast, as PyTorch does by itself."""
    own = tuple(np.shape(gradient))
    extra = len(own) - len(shape)
    if own == shape or extra < 0 or any(n not in (1, m) for n, m in zip(shape, own[extra:], strict=True)):
        return gradient
    add = np.sum if lib is None else lib.np.sum
    for _ in range(extra):
        gradient = add(gradient, axis=0)
    for axis, (n, m) in enumerate(zip(shape, own[extra:], strict=True)):
        gradient = add(gradient, axis=axis, keepdims=True) if n == 1 and m != 1 else gradient
    return gradient


@contextmanager
def _in_double(torch: Any) -> Iterator[None]:
    """Run code of PyTorch on the processor in double precision, whatever precision and device it asks for."""
    single = {getattr(torch, name) for name in _SINGLE}

    def changed(value: Any) -> Any:
        if isinstance(value, torch.dtype) and value in single:
            return torch.float64
        return "cpu" if isinstance(value, str) and value.startswith(("cuda", "mps")) else value

    class Double(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = getattr(func, "__name__", "")
            if name in ("float", "half", "bfloat16", "cuda") and len(args) == 1:
                return args[0].double()
            return func(*map(changed, args), **{key: changed(value) for key, value in (kwargs or {}).items()})

    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)  # more threads wait for each other at small sizes
    try:
        with torch.no_grad(), Double():
            yield
    finally:
        torch.set_default_dtype(before)
        torch.set_num_threads(threads)


def _double_of_jax() -> Any:
    jax: Any = sys.modules["jax"]
    return jax.enable_x64(True) if hasattr(jax, "enable_x64") else import_module("jax.experimental").enable_x64()
