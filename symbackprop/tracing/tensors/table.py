"""The table of the functions and methods of PyTorch and JAX, in terms of those of NumPy.

A row takes the libraries, then plain arrays: `lib.np` is NumPy or its placeholder. Names of arguments are NumPy's, such
as `axis` for dim. A name without a row is NumPy's function of that name. Whatever is read must have the values of the
code as PyTorch or JAX runs it, so that a row that means something else cannot lead to a wrong verdict.
"""

import math
import operator
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from symbackprop.tracing.untraceable import Untraceable

Row: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Libraries:
    """The modules that rows use, and the name of the library whose functions they are."""

    np: Any
    special: Any
    name: str = "torch"


def _numpy(name: str) -> Row:
    return lambda lib, *args, **options: getattr(lib.np, name)(*args, **options)


def _special(name: str) -> Row:
    return lambda lib, *args: getattr(lib.special, name)(*args)


def _entrywise(function: Callable[..., Any]) -> Row:
    """Return a row whose function takes NumPy in the place of both libraries."""
    return lambda lib, *args, **options: function(lib.np, *args, **options)


def _operation(function: Callable[[Any, Any], Any]) -> Row:
    """Return a row for x + alpha y and the like."""
    return lambda lib, x, y, alpha=1, **_: function(x, y if alpha == 1 else alpha * y)


def _whole(values: Sequence[Any]) -> tuple[Any, ...]:
    """Return sizes that are given one by one, or as one sequence."""
    return tuple(values[0]) if len(values) == 1 and isinstance(values[0], tuple | list) else tuple(values)


def _ndim(x: Any) -> int:
    return len(np.shape(x)) if not hasattr(x, "ndim") else x.ndim


# functions of each entry


def _sigmoid(n: Any, x: Any) -> Any:
    return 1 / (1 + n.exp(-x))


def _softplus(n: Any, x: Any, beta: float = 1, threshold: float = 20) -> Any:
    return n.log(1 + n.exp(x if beta == 1 else beta * x)) / beta


def _gelu(lib: Libraries, x: Any, approximate: Any = None) -> Any:
    is_rough = approximate in (True, "tanh") or (approximate is None and lib.name == "jax")
    if is_rough:
        return 0.5 * x * (1 + lib.np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + lib.special.erf(x / math.sqrt(2)))


def _clamp(lib: Libraries, x: Any, low: Any = None, high: Any = None, **bounds: Any) -> Any:
    low = next((bounds[k] for k in ("min", "a_min", "min_val") if k in bounds), low)
    high = next((bounds[k] for k in ("max", "a_max", "max_val") if k in bounds), high)
    if low is not None and high is not None:
        return lib.np.clip(x, low, high)
    x = x if low is None else lib.np.maximum(x, low)
    return x if high is None else lib.np.minimum(x, high)


def _elu(n: Any, x: Any, alpha: float = 1.0) -> Any:
    return n.where(x > 0, x, alpha * (n.exp(x) - 1))


# reductions


def _softmax(n: Any, x: Any, axis: int = -1, **_: Any) -> Any:
    e = n.exp(x - n.max(x, axis=axis, keepdims=True))
    return e / n.sum(e, axis=axis, keepdims=True)


def _log_softmax(n: Any, x: Any, axis: int = -1, **_: Any) -> Any:
    shifted = x - n.max(x, axis=axis, keepdims=True)
    return shifted - n.log(n.sum(n.exp(shifted), axis=axis, keepdims=True))


def _logsumexp(n: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return n.log(n.sum(n.exp(x), axis=axis, keepdims=keepdims))


def _reduced(name: str) -> Row:
    def row(lib: Libraries, x: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:
        along = tuple(axis) if isinstance(axis, list) else axis
        return getattr(lib.np, name)(x, axis=along, keepdims=keepdims)

    return row


def _spread(name: str) -> Row:
    """Return the row of var or std: PyTorch divides by n − 1 unless it is told otherwise."""

    def row(
        lib: Libraries, x: Any, axis: Any = None, unbiased: Any = None, keepdims: bool = False, **given: Any
    ) -> Any:
        if isinstance(axis, bool):
            axis, unbiased = None, axis
        ddof = given.get("correction", given.get("ddof", int(lib.name == "torch")))
        ddof = ddof if unbiased is None else int(unbiased)
        return getattr(lib.np, name)(x, axis=axis, ddof=ddof, keepdims=keepdims)

    return row


def _extreme(name: str) -> Row:
    """Return the row of max or min: of all entries, of two arrays, or in PyTorch (values, indices) along an axis."""

    def row(lib: Libraries, x: Any, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:
        if hasattr(axis, "shape"):
            return getattr(lib.np, f"{name}imum")(x, axis)
        found = getattr(lib.np, name)(x, axis=axis, keepdims=keepdims)
        if axis is None or lib.name != "torch":
            return found
        try:
            return ValuesAndIndices(found, getattr(lib.np, f"arg{name}")(x, axis=axis))
        except Untraceable as reason:  # the indices are often not used
            return ValuesAndIndices(found, _Unknown(str(reason)))

    return row


class ValuesAndIndices(NamedTuple):
    """The two results of an operation that selects entries along an axis."""

    values: Any
    indices: Any


class _Unknown:
    """A result that is not known; it raises Untraceable where it is used."""

    def __init__(self, reason: str):
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        raise Untraceable(self._reason)


def _sorted(lib: Libraries, x: Any, axis: int = -1, descending: bool = False, **_: Any) -> Any:
    order = lib.np.argsort(-x if descending else x, axis=axis)
    return ValuesAndIndices(_gathered(lib, x, axis, order), order) if lib.name == "torch" else lib.np.sort(x, axis=axis)


def _largest(lib: Libraries, x: Any, k: int, axis: int = -1, largest: bool = True, **_: Any) -> Any:
    return ValuesAndIndices(*(_rows_at(lib, part, axis, slice(k)) for part in _sorted(lib, x, axis, largest)))


def _of_softmax(lib: Libraries, gradient: Any, output: Any, axis: int = -1, *_: Any, **__: Any) -> Any:
    return output * (gradient - lib.np.sum(gradient * output, axis=axis, keepdims=True))


def _norm(lib: Libraries, x: Any, p: Any = 2, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
    p = options.get("ord", p)
    if p not in (2, "fro", None, 1):
        raise Untraceable(f"a norm with p={p!r}")
    if p == 1:
        return lib.np.sum(abs(x), axis=axis, keepdims=keepdims)
    return lib.np.sqrt(lib.np.sum(x * x, axis=axis, keepdims=keepdims))


def _normalize(lib: Libraries, x: Any, p: float = 2, axis: int = 1, eps: float = 1e-12) -> Any:
    return x / lib.np.maximum(_norm(lib, x, p, axis, keepdims=True), eps)


# shapes


def _transpose(lib: Libraries, x: Any, *axes: Any, **given: Any) -> Any:
    axes = axes or tuple(given.values())
    if lib.name == "torch" and len(axes) == 2 and not isinstance(axes[0], tuple | list):
        return _swapped(lib, x, *axes)
    order = _whole(axes)
    return lib.np.transpose(x, order) if order and None not in order else lib.np.transpose(x)


def _swapped(lib: Libraries, x: Any, a: int, b: int) -> Any:
    order = list(range(_ndim(x)))
    order[a], order[b] = order[b], order[a]
    return lib.np.transpose(x, tuple(order))


def _permuted(lib: Libraries, x: Any, *axes: Any, dims: Any = ()) -> Any:
    return lib.np.transpose(x, tuple(k % _ndim(x) for k in _whole(axes or (dims,))))


def _flatten(lib: Libraries, x: Any, start: int = 0, end: int = -1, **given: int) -> Any:
    start, end = given.get("start_dim", start) % _ndim(x), given.get("end_dim", end) % _ndim(x)
    return lib.np.reshape(x, (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def _squeezed(lib: Libraries, x: Any, axis: Any = None) -> Any:
    if axis is not None and x.shape[axis] != 1 and lib.name == "torch":
        return x
    return lib.np.squeeze(x, axis=axis)


def _expanded(lib: Libraries, x: Any, *sizes: Any) -> Any:
    wanted = _whole(sizes)
    own = (1,) * (len(wanted) - _ndim(x)) + tuple(x.shape)
    return lib.np.broadcast_to(x, tuple(m if n == -1 else n for n, m in zip(wanted, own, strict=True)))


def _tiled(lib: Libraries, x: Any, *counts: Any, **options: Any) -> Any:
    return lib.np.tile(x, _whole(counts)) if lib.name == "torch" else lib.np.repeat(x, *counts, **options)


def _split(lib: Libraries, x: Any, size: Any, axis: int = 0) -> Any:
    """Return the parts of a length, or of several lengths (PyTorch), or equal parts (JAX)."""
    if lib.name != "torch":
        return lib.np.split(x, size, axis=axis)
    lengths = [size] * (x.shape[axis] // size) if isinstance(size, int) else list(size)
    return tuple(lib.np.split(x, np.cumsum(lengths)[: -1 if sum(lengths) == x.shape[axis] else None], axis=axis))


def _chunks(lib: Libraries, x: Any, count: int, axis: int = 0) -> Any:
    return _split(lib, x, -(-x.shape[axis] // count), axis)


def _unbound(lib: Libraries, x: Any, axis: int = 0) -> Any:
    before = (slice(None),) * (axis % _ndim(x))
    return tuple(x[(*before, k)] for k in range(x.shape[axis]))


def _rows_at(lib: Libraries, x: Any, axis: int, index: Any) -> Any:
    return x[(*(slice(None),) * (axis % _ndim(x)), index)]


def _with_added(lib: Libraries, x: Any, axis: int, index: Any, values: Any, **_: Any) -> Any:
    found = lib.np.array(x)
    before = (slice(None),) * (axis % _ndim(x))
    lib.np.add.at(found, (*before, index) if before else index, values)
    return found


def _scattered(add: bool) -> Row:
    """Return the row of scatter or scatter_add."""

    def row(lib: Libraries, x: Any, axis: int, index: Any, values: Any, **_: Any) -> Any:
        found = lib.np.array(x)
        places = list(np.indices(np.shape(index)))
        places[axis % _ndim(x)] = index
        if add:
            lib.np.add.at(found, tuple(places), values)
        else:
            found[tuple(places)] = values
        return found

    return row


def _gathered(lib: Libraries, x: Any, axis: int, index: Any, **_: Any) -> Any:
    places = list(np.indices(np.shape(index)))
    places[axis % _ndim(x)] = index
    return x[tuple(places)]


# new arrays


def _made(name: str, *, like: bool = False) -> Row:
    """Return the row of zeros, ones or empty, or of x.new_zeros."""

    def row(lib: Libraries, *sizes: Any, **_: Any) -> Any:
        return getattr(lib.np, name)(_whole(sizes[1:] if like else sizes))

    return row


def _full(lib: Libraries, size: Any, value: Any, *_: Any, **__: Any) -> Any:
    return lib.np.full(size, value)


def _arange(lib: Libraries, *bounds: Any, **_: Any) -> Any:
    return np.arange(*bounds)


def cast(lib: Libraries, x: Any, *to: Any, **options: Any) -> Any:
    """Return an array as floats, or unchanged if it is one of truth values or whole numbers that stay such.

    Raises:
        Untraceable: floats become whole numbers or truth values.
    """
    to = (*to, *(options[k] for k in ("dtype", "device") if k in options))
    words = " ".join(map(str, to)).lower()
    kind = np.dtype(getattr(x, "dtype", float)).kind
    if "bool" in words:
        return x if kind == "b" else x != 0
    if any(word in words for word in ("int", "long", "short")):
        if kind in "biu":
            return x
        raise Untraceable("an array is rounded to whole numbers, which has no derivative")
    is_device = any(word in words for word in ("cpu", "cuda", "mps")) and "float" not in words
    return x if is_device or kind not in "biu" else x * 1.0


def _like(name: str) -> Row:
    return lambda lib, x, *value, **_: getattr(lib.np, f"{name}_like")(x, *value)


def _as(word: str) -> Row:
    return lambda lib, x, *_, **__: cast(lib, x, word)


def _constant(lib: Libraries, value: Any, *_: Any, **__: Any) -> Any:
    return value if hasattr(value, "shape") else lib.np.array(value)


def _one_hot(lib: Libraries, labels: Any, num_classes: int = -1, **_: Any) -> Any:
    return np.eye(num_classes)[np.asarray(labels)]


def _refused_random(name: str) -> Row:
    def row(lib: Libraries, *_: Any, **__: Any) -> Any:
        raise Untraceable(f"random numbers are drawn by {name}: draw them before, and give them as an argument")

    return row


# loops of JAX


def _fori_loop(lib: Libraries, start: int, end: int, body: Callable[..., Any], state: Any, **_: Any) -> Any:
    for k in range(start, end):
        state = body(k, state)
    return state


def _linear(lib: Libraries, x: Any, w: Any, b: Any = None) -> Any:
    found = lib.np.matmul(x, lib.np.transpose(w))
    return found if b is None else found + b


def _added_product(lib: Libraries, x: Any, a: Any, b: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    return (x if beta == 1 else beta * x) + (lib.np.matmul(a, b) if alpha == 1 else alpha * lib.np.matmul(a, b))


def _einsum(lib: Libraries, form: str, *operands: Any, **_: Any) -> Any:
    return lib.np.einsum(
        form, *(operands[0] if len(operands) == 1 and isinstance(operands[0], tuple | list) else operands)
    )


# fmt: off
_UNCHANGED = ("detach", "cpu", "cuda", "requires_grad_", "alias", "stop_gradient",
              "block_until_ready", "device_put", "resolve_conj", "conj", "real", "numpy")
_RANDOM = ("rand", "randn", "randint", "rand_like", "randn_like", "bernoulli", "normal", "uniform", "dropout")
TABLE: dict[str, Row] = {
    **dict.fromkeys(_UNCHANGED, lambda lib, x, *_, **__: x),
    **dict.fromkeys(("clone", "contiguous", "copy"), lambda lib, x, **_: x.copy()),
    **{name: _refused_random(name) for name in _RANDOM},
    # of each entry
    "sigmoid": _entrywise(_sigmoid), "expit": _entrywise(_sigmoid), "logistic": _entrywise(_sigmoid),
    "rsqrt": _entrywise(lambda n, x: 1 / n.sqrt(x)), "square": lambda lib, x: x * x,
    "relu": _entrywise(lambda n, x: n.maximum(x, 0)), "relu6": _entrywise(lambda n, x: n.minimum(n.maximum(x, 0), 6)),
    "silu": _entrywise(lambda n, x: x * _sigmoid(n, x)), "swish": _entrywise(lambda n, x: x * _sigmoid(n, x)),
    "softplus": _entrywise(_softplus), "gelu": _gelu, "elu": _entrywise(_elu),
    "logsigmoid": _entrywise(lambda n, x: -n.log(1 + n.exp(-x))),
    "log_sigmoid": _entrywise(lambda n, x: -n.log(1 + n.exp(-x))),
    "leaky_relu": _entrywise(lambda n, x, negative_slope=0.01: n.where(x > 0, x, negative_slope * x)),
    "softsign": _entrywise(lambda n, x: x / (1 + abs(x))), "mish": _entrywise(lambda n, x: x * n.tanh(_softplus(n, x))),
    "hardtanh": _entrywise(lambda n, x, a=-1.0, b=1.0: n.clip(x, a, b)),
    "clamp": _clamp, "clip": _clamp, "clamp_min": _clamp,
    "clamp_max": lambda lib, x, high: lib.np.minimum(x, high),
    **{name: _special(name) for name in ("erf", "erfc", "xlogy", "gammaln", "digamma")}, "lgamma": _special("gammaln"),
    **{new: _numpy(name) for new, name in (
        ("asin", "arcsin"), ("acos", "arccos"), ("atan", "arctan"), ("asinh", "arcsinh"), ("acosh", "arccosh"),
        ("atanh", "arctanh"), ("atan2", "arctan2"), ("absolute", "abs"), ("fmax", "maximum"), ("fmin", "minimum"),
    )},
    "neg": lambda lib, x: -x, "negative": lambda lib, x: -x, "reciprocal": lambda lib, x: 1 / x,
    "pow": lambda lib, x, p: x**p, "integer_pow": lambda lib, x, y: x**y, "float_power": lambda lib, x, p: x**p,
    "add": _operation(operator.add), "sub": _operation(operator.sub), "subtract": _operation(operator.sub),
    "mul": _operation(operator.mul), "multiply": _operation(operator.mul),
    **dict.fromkeys(("div", "divide", "true_divide"), _operation(operator.truediv)),
    "rsub": _operation(lambda x, y: y - x), "lerp": lambda lib, x, y, w: x + w * (y - x),
    "addcmul": lambda lib, x, a, b, value=1: x + value * a * b,
    "addcdiv": lambda lib, x, a, b, value=1: x + value * a / b,
    **{name: _operation(getattr(operator, name)) for name in ("gt", "ge", "lt", "le", "eq", "ne")},
    **{long: _operation(getattr(operator, name)) for long, name in (
        ("greater", "gt"), ("greater_equal", "ge"), ("less", "lt"), ("less_equal", "le"), ("equal", "eq"))},
    "masked_fill": lambda lib, x, mask, value: lib.np.where(mask, value, x),
    "select": lambda lib, *args: lib.np.where(*args) if lib.name == "jax" else _rows_at(lib, *args),
    # reductions
    **{name: _reduced(name) for name in ("sum", "mean", "prod")},
    "amax": _reduced("max"), "amin": _reduced("min"), "max": _extreme("max"), "min": _extreme("min"),
    "var": _spread("var"), "std": _spread("std"), "norm": _norm, "vector_norm": _norm, "normalize": _normalize,
    "softmax": _entrywise(_softmax), "log_softmax": _entrywise(_log_softmax), "logsumexp": _entrywise(_logsumexp),
    "_softmax_backward_data": _of_softmax, "sort": _sorted, "topk": _largest,
    # products
    **dict.fromkeys(("mm", "bmm", "mv", "matmul"), _numpy("matmul")), "ger": _numpy("outer"),
    **dict.fromkeys(("addmm", "addmv", "baddbmm"), _added_product), "linear": _linear, "einsum": _einsum,
    # shapes
    "t": _numpy("transpose"), "transpose": _transpose, "swapaxes": _swapped, "permute": _permuted,
    **dict.fromkeys(("view", "reshape"), lambda lib, x, *sizes: lib.np.reshape(x, _whole(sizes))),
    **dict.fromkeys(("view_as", "reshape_as"), lambda lib, x, y: lib.np.reshape(x, tuple(y.shape))),
    "flatten": _flatten, "ravel": _numpy("ravel"), "squeeze": _squeezed,
    "unsqueeze": lambda lib, x, axis: lib.np.expand_dims(x, axis if axis >= 0 else axis + _ndim(x) + 1),
    "expand_dims": lambda lib, x, axis: lib.np.expand_dims(x, axis), "expand": _expanded,
    "expand_as": lambda lib, x, y: lib.np.broadcast_to(x, tuple(y.shape)), "repeat": _tiled,
    **dict.fromkeys(("cat", "concat", "concatenate"), lambda lib, xs, axis=0: lib.np.concatenate(list(xs), axis=axis)),
    "stack": lambda lib, xs, axis=0: lib.np.stack(list(xs), axis=axis),
    "split": _split, "chunk": _chunks, "unbind": _unbound, "index_select": _rows_at, "gather": _gathered,
    "narrow": lambda lib, x, axis, start, length: _rows_at(lib, x, axis, slice(start, start + length)),
    "scatter_add": _scattered(add=True), "scatter": _scattered(add=False),
    "index_add": _with_added, "repeat_interleave": _numpy("repeat"),
    "flip": lambda lib, x, *axes, **given: lib.np.flip(x, axis=_whole(axes) or given.get("axis", given.get("dims"))),
    # new arrays
    **{name: _made(name) for name in ("zeros", "ones", "empty")},
    **{f"new_{name}": _made(name, like=True) for name in ("zeros", "ones", "empty")},
    "full": _full, "new_full": lambda lib, x, *args, **_: _full(lib, *args), "arange": _arange,
    "eye": lambda lib, *args, **_: lib.np.eye(*args), "one_hot": _one_hot,
    **{f"{name}_like": _like(name) for name in ("zeros", "ones", "empty", "full")},
    **dict.fromkeys(("tensor", "as_tensor", "asarray", "array", "from_numpy", "scalar_tensor"), _constant),
    "zero": lambda lib, x: x * 0, "fill": lambda lib, x, value: x * 0 + value,
    # types
    **dict.fromkeys(("to", "type", "astype", "type_as", "convert_element_type"), cast),
    **{name: _as(name) for name in ("float", "double", "half", "bfloat16", "bool", "long", "int")},
    # questions
    **dict.fromkeys(("numel", "nelement"), lambda lib, x: math.prod(np.shape(x))),
    **dict.fromkeys(("dim", "ndimension"), lambda lib, x: _ndim(x)),
    "size": lambda lib, x, axis=None: tuple(x.shape) if axis is None else x.shape[axis],
    "item": lambda lib, x: x, "is_contiguous": lambda lib, x, **_: True,
    "is_tensor": lambda lib, x: hasattr(x, "shape"), "is_floating_point": lambda lib, x: True,
    "isnan": lambda lib, x: np.zeros(np.shape(x), bool), "isinf": lambda lib, x: np.zeros(np.shape(x), bool),
    "finfo": lambda lib, *_: np.finfo(float),
    **dict.fromkeys(("no_grad", "enable_grad", "autocast", "set_grad_enabled", "inference_mode"),
                    lambda lib, *_, **__: nullcontext()),
    "fori_loop": _fori_loop, **dict.fromkeys(("jit", "checkpoint"), lambda lib, function, **_: function),
}
# fmt: on
