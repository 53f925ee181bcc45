"""Layers: a forward and a backward function, called one after the other on one cache or on one object.

The cost of a layer is the sum of its outputs, each times an upstream gradient of the same shape: its gradients are what
the backward function must return for this upstream gradient.
"""

import copy
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed
from symbackprop.tracing.aliases import Arguments, UserFunction
from symbackprop.tracing.calls import make_room_for_gradients, private_copy
from symbackprop.tracing.results import is_same
from symbackprop.tracing.return_statement import returned_names
from symbackprop.tracing.structure import Path, Structure, place

_UPSTREAM = re.compile(
    r"d|d_\w+|d[a-zA-Z]\d?|d[LJ]_?d\w+|d(out|y|z|h|c|a|l|e|o|s|val|next|top|loss|act)\w*|g|g[a-z]\d?|g_\w+|G\w*|(\w*_)?grad\w*|\w+grad"
    r"|upstream\w*|delta\w*|(\w*_)?err(or)?\w*|ct|ct_\w+|cot\w*|bar\w*|\w+_?bar|top_diff|seed|adjoint\w*"
)
_CACHE = re.compile(
    r"_*(cache\w*|ctx|context|saved\w*|res|residuals?|tape|memo\w*|mem|store\w*|stash|intermediates?|state|kept)"
)
_OF_GRADIENT = re.compile(
    r"^_*(dj_?d|dl_?d|dloss_?d|dcost_?d|d_?|grad_?|gradient_?|diff_?|g_?)|(_?grad|_?gradient|_?diff|_?bar)_*$"
)
_STARRED = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def is_upstream(name: str) -> bool:
    """Return True for a usual name of an upstream gradient, such as dout, grad_output, gy or g.

    >>> [name for name in ("dout", "grad_output", "g", "cache", "x") if is_upstream(name)]
    ['dout', 'grad_output', 'g']
    """
    return _UPSTREAM.fullmatch(name) is not None and not is_cache(name)


def is_cache(name: str) -> bool:
    """Return True for a usual name of whatever `forward` keeps for `backward`, such as cache, ctx or saved."""
    return _CACHE.fullmatch(name) is not None


def parameters_of(function: UserFunction, what: str) -> dict[str, inspect.Parameter]:
    """Return the parameters of a function by name, but for `*args` and `**kwargs`."""
    if not callable(function):
        raise ArgumentError(f"{what} is a function, not {type(function).__name__}")
    try:
        found = inspect.signature(function).parameters
    except (ValueError, TypeError):
        raise ArgumentError(
            f"the arguments of {function!r:.60} are not known: wrap it in a function of your own that names them"
        ) from None
    return {name: p for name, p in found.items() if p.kind not in _STARRED}


@dataclass(frozen=True)
class LayerRun:
    """A run: the outputs, and for the whole layer the gradients by name."""

    outputs: list[Any]
    gradients: dict[str, Any]


@dataclass(frozen=True)
class Layer:
    """A forward and a backward function.

    Args:
        forward: returns the outputs, or the outputs and a cache; or the outputs and, without `backward`, a function of
            the upstream gradients.
        backward: takes the upstream gradients, and the cache or arguments or outputs of `forward`.
        inputs: the names of the arguments that have a value.
        upstream: the names of the upstream gradients, in the order of the outputs.
        nested: True if the outputs are one tuple, and so are the upstream gradients.
        wrt: the names of the arguments with respect to which `backward` differentiates; () if not known yet.
        attributes: the names of arguments that are attributes of the methods' object.
        among: the arguments that may have gradients if `wrt` is not known yet.
        structure: the arrays that an argument or an attribute holds, if it is not an array itself.
    """

    forward: UserFunction
    backward: UserFunction | None
    inputs: tuple[str, ...]
    upstream: tuple[str, ...]
    nested: bool = False
    wrt: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    among: tuple[str, ...] = ()  # without `wrt`, the arguments that may have gradients
    structure: Structure = field(default_factory=Structure)

    @property
    def functions(self) -> list[UserFunction]:
        """The functions that the user has written."""
        return [function for function in (self.forward, self.backward) if function is not None]

    def run(self, values: Arguments, *, backward: bool = True) -> LayerRun:
        """Run the forward function, and then the backward function on its cache, on one copy of the object."""
        owner = next(filter(None, map(_owner, self.functions)), None)
        twin: Any = _copied(owner)
        own = self.structure.assembled({name: private_copy(value) for name, value in values.items()})
        for name in self.attributes:
            place(twin, name, own[name])
        make_room_for_gradients(twin, self.structure, self.attributes, values)
        given = self.structure.assembled(values)
        result = _called(_rebound(self.forward, owner, twin), given)
        outputs, rest = self._parts(result)
        if not backward:
            return LayerRun(outputs, {})
        before = {path: (value, private_copy(value)) for path, value in _held(twin).items()}
        returned = self._backward(owner, twin, given, outputs, rest)
        new = (path for path, value in _held(twin).items() if not _is_kept(value, before.get(path)))
        left = {path[-1]: _held(twin)[path] for path in new}
        return LayerRun(outputs, self._assigned(None if returned is twin else returned, left))

    def restoring(self, values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
        """Return the gradients where these arguments get their first values back before the backward function runs."""
        first = {name: values[name].copy() for name in names}

        def forward(**given: Any) -> Any:
            result = _called(self.forward, given)
            for name, value in first.items():
                given[name][...] = value
            return result

        forward.__dict__["__signature__"] = inspect.signature(self.forward)
        forward.__dict__["__wrapped__"] = _plain(self.forward)
        return replace(self, forward=forward).run(values).gradients

    # forward

    def _parts(self, result: Any) -> tuple[list[Any], list[Any]]:
        """Return the outputs, and whatever else `forward` returns."""
        if isinstance(result, Mapping):
            raise ArgumentError("forward returns a dictionary; return the output, or (output, cache)")
        items = list(result) if isinstance(result, tuple | list) else [result]
        if self.nested:
            return list(items[0]), items[1:]
        if len(items) < len(self.upstream):
            raise ArgumentError(
                f"there are {len(self.upstream)} upstream gradients ({listed(self.upstream)}), but forward returns "
                f"{len(items)} output"
            )
        return items[: len(self.upstream)], items[len(self.upstream) :]

    # backward

    def _backward(self, owner: Any, twin: Any, values: Arguments, outputs: list[Any], rest: list[Any]) -> Any:
        gradients = [values[name] for name in self.upstream]
        if self.backward is None:
            pull = next((item for item in rest if callable(item)), None)
            if pull is None:
                raise ArgumentError("without a backward function, forward returns its output and such a function")
            return pull(tuple(gradients)) if self.nested else pull(*gradients)
        function = _rebound(self.backward, owner, twin)
        chosen = self._arguments(function, values, outputs, rest)
        parameters = parameters_of(function, "backward")
        by_position = [chosen.pop(n) for n, p in parameters.items() if p.kind == p.POSITIONAL_ONLY and n in chosen]
        return function(*by_position, **chosen)

    def _arguments(
        self, function: UserFunction, values: Arguments, outputs: list[Any], rest: list[Any]
    ) -> dict[str, Any]:
        """Return the arguments of `backward` by name: upstream gradients, arguments of `forward`, and its results."""
        parameters = parameters_of(function, "backward")
        chosen: dict[str, Any] = {}
        if self.nested:
            stem = self.upstream[0].rstrip("0123456789")
            chosen[stem] = tuple(values[name] for name in self.upstream)
        inputs = {*self.inputs, *self.structure.nests}
        chosen |= {n: values[n] for n in parameters if n in self.upstream or (n in inputs and n not in chosen)}
        labels = returned_names(self.forward, one=True)
        named = dict(zip(labels[-len(rest) :], rest, strict=False)) if rest and len(labels) > len(rest) else {}
        if labels and not rest:
            named = dict(zip(labels, outputs, strict=False))
        chosen |= {n: named[n] for n in parameters if n in named and n not in chosen and not is_cache(n)}
        left = [n for n, p in parameters.items() if n not in chosen and (p.default is p.empty or is_cache(n))]
        if not left:
            return chosen
        unused = [item for item in rest if not any(item is used for used in chosen.values())]
        if len(left) == 1:
            alone = rest[0] if len(rest) == 1 else tuple(rest) if rest else outputs[0]
            return chosen | {left[0]: alone}
        for found in (unused, rest, _spread(rest), [*outputs, *rest]):
            if len(found) == len(left):
                return chosen | dict(zip(left, found, strict=True))
        raise ArgumentError(
            f"backward takes {listed(left)}, and forward returns {len(rest)} further results after the output: name "
            "them alike, or return (output, cache)"
        )

    # the gradients in the result of backward

    def _assigned(self, result: Any, left: Mapping[Any, Any]) -> dict[str, Any]:
        """Return the gradients by the names of the parameters, from the result or from what is left on the object.

        Raises:
            ArgumentError: the gradients cannot be assigned to the parameters.
        """
        found = by_name(left, self.candidates)
        if isinstance(result, Mapping):
            return self._chosen(found | by_name(result, self.candidates), len(result))
        items = _flat(result) if isinstance(result, tuple | list) else [] if result is None else [result]
        labels = returned_names(self.backward, one=True) if self.backward is not None else ()
        if len(labels) == len(items):
            named = by_name(dict(zip(labels, items, strict=True)), self.candidates)
            if len(named) == len([item for item in items if item is not None]):
                return self._chosen(found | named, len(items))
        forward = [n for n in parameters_of(self.forward, "forward") if n in self.inputs]
        arrays = [item for item in items if item is not None]
        for names in (self.wrt, forward, [n for n in self.candidates if n not in found]):
            if names and len(names) in (len(items), len(arrays)):
                values = items if len(names) == len(items) else arrays
                pairs = {n: v for n, v in zip(names, values, strict=True) if v is not None}
                return self._chosen(found | pairs, len(items))
        return self._chosen(found, len(items))

    @property
    def candidates(self) -> tuple[str, ...]:
        """The names with respect to which `backward` may differentiate."""
        return self.wrt or self.among or self.inputs

    def _chosen(self, found: dict[str, Any], number: int) -> dict[str, Any]:
        missing = [name for name in self.wrt if name not in found]
        if missing or not found:
            raise ArgumentError(
                f"backward returns {number} gradients, and none is known to be that of "
                f"{listed(missing or self.candidates)}: return one for each, in the order of the arguments or under "
                f"names such as d{(missing or self.candidates)[0]}"
            )
        return {name: found[name] for name in self.candidates if name in found}


def composed(layer: Layer, names: Sequence[str]) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the cost of a layer and its gradients as functions of all arguments and upstream gradients by name."""
    forward, backward = _plain(layer.forward), _plain(layer.backward or layer.forward)

    def cost(**values: Any) -> Any:
        outputs = layer.run(values, backward=False).outputs
        total: Any = 0
        for output, name in zip(outputs, layer.upstream, strict=True):
            total = total + np.sum(_as_array(output, values[name]) * values[name])
        return total

    def gradient(**values: Any) -> Any:
        return {f"d{name}": value for name, value in layer.run(values).gradients.items()}

    kind = inspect.Parameter.KEYWORD_ONLY
    for function, original in ((cost, forward), (gradient, backward)):
        function.__dict__["__signature__"] = inspect.Signature([inspect.Parameter(name, kind) for name in names])
        if isinstance(original, FunctionType):
            function.__dict__["__wrapped__"] = original  # in whose module NumPy is replaced while it is traced
    return cost, gradient


def _as_array(output: Any, upstream: Any) -> Any:
    array = output if hasattr(output, "shape") else np.asarray(output)
    shapes = tuple(array.shape), np.shape(upstream) if not hasattr(upstream, "shape") else tuple(upstream.shape)
    if shapes[0] != shapes[1]:
        raise ArgumentError(f"an output has the shape {shapes[0]}, and its upstream gradient the shape {shapes[1]}")
    return array


def _plain(function: UserFunction) -> object:
    return inspect.unwrap(getattr(function, "__func__", function))


def _owner(function: UserFunction) -> object:
    """Return the object to which a method belongs, or None."""
    is_method = isinstance(function, MethodType) and not inspect.isclass(function.__self__)
    return getattr(function, "__self__", None) if is_method else None


def _copied(owner: Any) -> Any:
    try:
        return copy.deepcopy(owner)
    except Exception:
        return copy.copy(owner)


def _held(owner: Any) -> dict[Path, Any]:
    """Return what an object holds, and the items of its dictionaries, by path."""
    every = vars(owner) if hasattr(owner, "__dict__") else {}
    items: dict[Path, Any] = {(n, k): value for n, v in every.items() if isinstance(v, dict) for k, value in v.items()}
    return {(n,): v for n, v in every.items() if not isinstance(v, dict)} | items


def _is_kept(value: Any, before: tuple[Any, Any] | None) -> bool:
    """Return True if a value is the one that was held before, and was not changed in place."""
    return before is not None and before[0] is value and is_same(value, before[1])


def _rebound(function: UserFunction, owner: Any, twin: Any) -> UserFunction:
    if isinstance(function, MethodType) and function.__self__ is owner:
        return MethodType(function.__func__, twin)
    return function


def _called(function: UserFunction, values: Arguments) -> Any:
    parameters = parameters_of(function, "forward")
    by_position = [values[n] for n, p in parameters.items() if p.kind == p.POSITIONAL_ONLY and n in values]
    by_name = {n: values[n] for n, p in parameters.items() if p.kind != p.POSITIONAL_ONLY and n in values}
    return function(*by_position, **by_name)


def _spread(rest: list[Any]) -> list[Any]:
    return list(rest[0]) if len(rest) == 1 and isinstance(rest[0], tuple | list) else []


def _flat(values: Sequence[Any]) -> list[Any]:
    return [one for value in values for one in (_flat(value) if isinstance(value, tuple | list) else [value])]


def by_name(found: Mapping[Any, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the gradients whose key is the name of an argument, possibly in a form such as dW1, grad_W1 or W1_bar."""
    chosen: dict[str, Any] = {}
    for key, value in found.items():
        if isinstance(value, Mapping):
            chosen |= by_name(value, names)
            continue
        forms = {str(key).lower(), _OF_GRADIENT.sub("", str(key), count=1).lower()}
        gradient = [name for name in names if _letters(name) in set(map(_letters, forms - {str(key).lower()}))]
        bare = [name for name in names if _letters(name) == _letters(str(key))]
        for name in gradient or bare:
            chosen[name] = value
    return chosen


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
