"""Placeholders for the tensors of PyTorch and the arrays of JAX: plain placeholders with the methods of the table."""

import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from symbackprop.tracing.tensors.table import TABLE, Libraries, Row, ValuesAndIndices
from symbackprop.tracing.untraceable import Untraceable

_OF_NUMPY = {"dim": "axis", "keepdim": "keepdims", "dims": "axis", "dim0": "axis0", "dim1": "axis1"}
_WITHOUT_EFFECT = (
    "device",
    "requires_grad",
    "layout",
    "out",
    "memory_format",
    "non_blocking",
    "precision",
    "pin_memory",
)
_OPERATORS = ("add", "sub", "mul", "truediv", "pow", "matmul", "floordiv", "mod", "and", "or")
_COMPARISONS = ("gt", "ge", "lt", "le", "eq", "ne")


def bare(value: Any) -> Any:
    """Return the plain array of a tensor, also in lists and tuples, and any other value unchanged."""
    if isinstance(value, Tensor):
        return value.array
    if isinstance(value, slice):
        return slice(bare(value.start), bare(value.stop), bare(value.step))
    return type(value)(map(bare, value)) if type(value) in (list, tuple) else value


def called(lib: Libraries, name: str, args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    """Return the result of a function of the library, by its row or else by NumPy's function of that name."""
    given = {_OF_NUMPY.get(key, key): bare(value) for key, value in options.items() if key not in _WITHOUT_EFFECT}
    first = [given.pop(key) for key in ("input", "x", "a", "self") if key in given and not args]
    if "dtype" in given and name not in ("to", "astype", "type"):
        del given["dtype"]
    if "other" in given:
        first.append(given.pop("other"))
    in_place = name.endswith("_") and name not in TABLE
    found = wrapped(lib, _row(lib, name[:-1] if in_place else name)(lib, *map(bare, args), *first, **given))
    return args[0].changed(found) if in_place else found


def _row(lib: Libraries, name: str) -> Row:
    if name in TABLE:
        return TABLE[name]
    found = getattr(lib.np, name) if hasattr(np, name) else None
    if found is None or not callable(found):
        raise Untraceable(f"{lib.name}.{name} is not among the functions that can be traced")
    return lambda _, *args, **options: found(*args, **options)


def wrapped(lib: Libraries, value: Any) -> Any:
    """Return arrays as tensors, also in lists and tuples, and any other value unchanged."""
    if isinstance(value, ValuesAndIndices):
        return ValuesAndIndices(*(wrapped(lib, item) for item in value))
    if type(value) in (list, tuple):
        return type(value)(wrapped(lib, item) for item in value)
    if isinstance(value, Tensor) or not hasattr(value, "shape") or isinstance(value, type):
        return value
    return Tensor(lib, value)


class Tensor:
    """A tensor whose numbers are not known, or are traced one by one; `array` is a placeholder like NumPy's arrays."""

    __array_priority__ = 2000.0
    __array_ufunc__ = None
    is_cuda = requires_grad = is_sparse = False
    device = "cpu"
    grad = grad_fn = None

    def __init__(self, lib: Libraries, array: Any):
        self.lib, self.array = lib, array

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        own = name[:-1] if name.endswith("_") and name not in TABLE else name
        if own not in TABLE and not hasattr(np, own):
            raise AttributeError(f"{self.lib.name} tensors have no {name} that can be traced")
        return lambda *args, **options: called(self.lib, name, (self, *args), options)

    def copy_(self, other: Any, *_: Any, **__: Any) -> "Tensor":
        """Put the entries of another tensor in the place of this one's."""
        return self.changed(other)

    def changed(self, value: Any) -> "Tensor":
        """Return this tensor, after its entries have become those of another one."""
        new = bare(value)
        if hasattr(self.array, "node"):
            whole = new if np.shape(new) == self.array.shape else self.array * 0 + new
            self.array.node = (whole if hasattr(whole, "node") else self.array * 0 + whole).node
        elif isinstance(self.array, np.ndarray):
            self.array[...] = new
        else:
            self.array = new
        return self

    # attributes

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes."""
        return tuple(np.shape(self.array) if not hasattr(self.array, "shape") else self.array.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> Any:
        """The type of the entries, which are floats unless they are truth values or whole numbers."""
        kind = np.dtype(getattr(self.array, "dtype", float))
        return np.dtype(float) if kind.kind in "fcO" else kind

    @property
    def T(self) -> Any:  # noqa: N802 — their name
        """The transpose."""
        return called(self.lib, "t", (self,), {})

    @property
    def mT(self) -> Any:  # noqa: N802 — their name
        """The transpose of each matrix."""
        return called(self.lib, "swapaxes", (self, -1, -2), {})

    @property
    def data(self) -> "Tensor":
        """The tensor itself."""
        return self

    @property
    def at(self) -> "_Updates":
        """The updates of JAX, as in x.at[i].set(y)."""
        return _Updates(self)

    def numpy(self) -> Any:
        """Return the plain array."""
        return self.array

    # operators

    def __getitem__(self, key: Any) -> Any:
        return wrapped(self.lib, self.array[bare(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        if key is Ellipsis or (isinstance(key, slice) and key == slice(None)):
            self.changed(value)
        else:
            self.array[bare(key)] = bare(value)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __neg__(self) -> Any:
        return wrapped(self.lib, -self.array)

    def __abs__(self) -> Any:
        return wrapped(self.lib, abs(self.array))

    def __invert__(self) -> Any:
        return wrapped(self.lib, ~self.array)

    def __bool__(self) -> bool:
        return bool(self.array)

    def __float__(self) -> float:
        return float(self.array)

    def __int__(self) -> int:
        return int(self.array)

    def __index__(self) -> int:
        return operator.index(self.array)

    __hash__ = object.__hash__


class _Updates:
    """The object x.at, whose items x.at[i] have the methods set, add, multiply and so on."""

    def __init__(self, tensor: Tensor, key: Any = None):
        self.tensor, self.key = tensor, key

    def __getitem__(self, key: Any) -> "_Updates":
        return _Updates(self.tensor, key)

    def __getattr__(self, name: str) -> Callable[..., Tensor]:
        if name not in ("set", "add", "multiply", "divide", "mul", "subtract", "max", "min"):
            raise AttributeError(name)

        def updated(value: Any, **_: Any) -> Tensor:
            lib, key = self.tensor.lib, bare(self.key)
            found = lib.np.array(self.tensor.array)
            if name == "add" and not hasattr(found, "node"):
                lib.np.add.at(found, key, bare(value))
            elif name == "set":
                found[key] = bare(value)
            else:
                found[key] = bare(called(lib, name, (found[key], value), {}))
            return Tensor(lib, found)

        return updated


def _binary(name: str) -> tuple[Callable[..., Any], Callable[..., Any], Callable[..., Any]]:
    """Return the methods of an operator: the usual one, the reflected one, and the in-place one."""
    function = getattr(operator, f"{name}_" if name in ("and", "or") else name)

    def usual(self: Tensor, other: Any) -> Any:
        return wrapped(self.lib, function(self.array, bare(other)))

    def reflected(self: Tensor, other: Any) -> Any:
        return wrapped(self.lib, function(bare(other), self.array))

    def in_place(self: Tensor, other: Any) -> Any:
        found = usual(self, other)
        return self.changed(found) if self.lib.name == "torch" else found  # arrays of JAX never change

    return usual, reflected, in_place


for _name in _OPERATORS:
    for _prefix, _method in zip(("", "r", "i"), _binary(_name), strict=True):
        setattr(Tensor, f"__{_prefix}{_name}__", _method)
for _name in _COMPARISONS:
    setattr(Tensor, f"__{_name}__", _binary(_name)[0])
