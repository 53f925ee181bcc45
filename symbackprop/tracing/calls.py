"""Calls of a user's functions on copies of their arguments and of their object, and the results."""

import inspect
import io
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any, TypeAlias

import numpy as np

from symbackprop.errors import ArgumentError, listed
from symbackprop.tracing.aliases import Arguments, UserFunction
from symbackprop.tracing.owners import is_global, mentioned, module_twin, rebound, twin_of
from symbackprop.tracing.results import Item, is_same, items_in, parts_of
from symbackprop.tracing.return_statement import returned_names
from symbackprop.tracing.returned import Wanted, gradient_items, named_items
from symbackprop.tracing.structure import Structure, at, place

_Parameters: TypeAlias = list[inspect.Parameter]
_STARRED = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


@dataclass(frozen=True)
class Run:
    """A run of the functions on one object: their results, and what was set in the object or changed in place."""

    cost: object
    gradient: object
    left: tuple[Item, ...] = ()


@dataclass(frozen=True)
class UserCode:
    """A cost and a gradient as functions, or as methods of one object; without a gradient, the cost returns both.

    Args:
        cost: the cost.
        gradient: the gradient, or None.
        attributes: the names of the object's attributes, or of the module's global variables, that are arguments.
        structure: the arrays that an argument or an attribute holds, if it is not an array itself.
    """

    cost: UserFunction
    gradient: UserFunction | None
    attributes: tuple[str, ...] = ()
    structure: Structure = field(default_factory=Structure)
    remarks: dict[str, None] = field(default_factory=dict, repr=False)  # sentences, in order
    _written: io.StringIO = field(default_factory=io.StringIO, repr=False)

    def __post_init__(self) -> None:
        for role, function in (("cost", self.cost), ("gradient", self.gradient)):
            if not callable(function) and not (role == "gradient" and function is None):
                raise ArgumentError(f"the {role} is a function, not {type(function).__name__}")
        unknown = [name for name in self.attributes if not is_global(name, self.cost)]
        if unknown and self._object is None:
            raise ArgumentError(
                f"attributes are those of an object, or global variables of the module ({listed(unknown)}): "
                "give methods of an object, as in net.cost"
            )

    @property
    def functions(self) -> tuple[UserFunction, ...]:
        """The functions in the order in which they are called."""
        return (self.cost,) if self.gradient is None else (self.cost, self.gradient)

    @cached_property
    def labels(self) -> tuple[tuple[str, ...], ...]:
        """The names in the return statement of each function."""
        return tuple(map(returned_names, self.functions))

    @cached_property
    def _parameters(self) -> tuple[_Parameters, ...]:
        return tuple(map(_parameters_of, self.functions))

    @property
    def _object(self) -> object:
        """The object to which the methods belong, or None if the functions are not methods."""
        owners = [f.__self__ for f in self.functions if inspect.ismethod(f)]
        return next((owner for owner in owners if not inspect.isclass(owner)), None)

    @property
    def counts(self) -> dict[str, int]:
        """The whole numbers that the object holds."""
        held = vars(self._object) if hasattr(self._object, "__dict__") else {}
        return {name: value for name, value in held.items() if type(value) is int}

    def held_shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of the array that the object holds for an argument, or ()."""
        path = self.structure.paths.get(name, (name,))
        value = reduce(at, path, self._object) if path[0] in self.attributes else None
        return value.shape if isinstance(value, np.ndarray) else ()

    def check_names(self, names: Iterable[str]) -> None:
        """Raise ArgumentError for names that no function takes, and for arguments of the cost that have no shape."""
        known = dict.fromkeys(self.structure.argument(name) for name in names)
        taken = {*self.attributes, *self._numbers(known)}
        for role, parameters in zip(("cost", "gradient"), self._parameters, strict=False):
            if any(p.kind in _STARRED for p in parameters):
                taken |= known.keys()
            missing = _missing(parameters, known)
            if missing and role == "cost":
                raise _without_shape(role, missing, known)
            taken |= {p.name for p in parameters}
        unused = [name for name in known if name not in taken]
        if unused:
            hint = "; name the arrays that an object holds in attributes" if self._object is not None else ""
            raise ArgumentError(f"neither function takes {listed(unused)}{hint}")

    def of_gradient_alone(self, names: Iterable[str]) -> list[str]:
        """Return the names that the gradient takes and the cost does not, such as that of an upstream gradient."""
        if self.gradient is None:
            return []
        ours, theirs = ({p.name for p in parameters} for parameters in self._parameters)
        return [name for name in names if name in theirs - ours]

    def run(self, values: Arguments, *, gradient: bool = True) -> Run:
        """Return the results of the cost and of the gradient, called one after the other on one object."""
        if not gradient:
            return Run(self._calls(values, self.functions[:1], self._twin(values))[0][1], None)
        twin = self._twin(values)
        before = {item.path: private_copy(item.value) for item in _attributes(twin)}
        calls = self._calls(values, self.functions, twin)
        left = [i for i in _attributes(twin) if i.path not in before or not is_same(i.value, before[i.path])]
        changed = [Item((name,), v) for own, _ in calls for name, v in own.items() if not is_same(v, values[name])]
        return Run(calls[0][1], calls[-1][1], (*left, *changed))

    def changed(self, values: Mapping[str, Any]) -> list[str]:
        """Return the names of the arguments whose arrays the functions change in place."""
        after = [item for own, _ in self._calls(values, self.functions, self._twin(values)) for item in own.items()]
        return list(dict.fromkeys(n for n, v in after if n in values and not is_same(v, values[n])))

    def _twin(self, values: Arguments) -> object:
        """Return a copy of the object, with these values of its attributes."""
        twin = module_twin(self.cost) if self.attributes and self._object is None else twin_of(self._object)
        own = {name: private_copy(value) for name, value in values.items()}
        held = self.structure.assembled(own)
        shared = self._shared(twin)
        for name in (*self.attributes, *self._numbers(values)):
            place(twin, name, held[name])
        for item, name in shared:
            *outer, last = item.path
            place(reduce(at, outer, twin), last, own[name])
        make_room_for_gradients(twin, self.structure, self.attributes, values)
        return twin

    def _numbers(self, names: Iterable[str]) -> list[str]:
        """Return the names that no function takes and that the object has, such as self.lam, or sets somewhere."""
        owner = self._object
        if owner is None:
            return []
        taken = {p.name for parameters in self._parameters for p in parameters}
        alone = [n for n in names if n not in taken and self.structure.argument(n) not in self.attributes]
        return [n for n in alone if hasattr(owner, n) or n in mentioned(type(owner))]

    def _shared(self, twin: object) -> list[tuple[Item, str]]:
        """Return the other places of arrays that are attributes, such as those of a layer that shares self.params."""
        if twin is None or not self.attributes:
            return []
        held = _attributes(twin)
        paths = {path: name for name, path in self.structure.paths.items() if path[0] in self.attributes}
        names = {id(i.value): paths[i.path] for i in held if i.path in paths and isinstance(i.value, np.ndarray)}
        return [(i, names[id(i.value)]) for i in held if i.path not in paths and id(i.value) in names]

    def _calls(
        self, values: Arguments, functions: Iterable[UserFunction], twin: object
    ) -> list[tuple[dict[str, Any], object]]:
        """Return, for each call, its own copy of the arrays by name, and its result."""
        owner = self._object
        calls: list[tuple[dict[str, Any], object]] = []
        try:
            with redirect_stdout(self._written), np.errstate(all="ignore"):  # functions overflow at some random points
                for function, parameters in zip(functions, self._parameters, strict=False):
                    own = {name: private_copy(value) for name, value in values.items()}
                    given = self._given(parameters, self.structure.assembled(own), [result for _, result in calls])
                    result = _call(rebound(function, owner, twin), parameters, given)
                    calls.append((own, None if result is twin else result))
        except SystemExit as end:
            raise ArgumentError(f"the code ends the program: SystemExit({end.code})") from None
        return calls

    def _given(self, parameters: _Parameters, arguments: dict[str, Any], earlier: list[object]) -> dict[str, Any]:
        """Return the arguments of a function, and results of an earlier function, such as a cache."""
        missing = _missing(parameters, arguments)
        if not missing:
            return arguments
        extra = _handed_on(earlier[-1], self.labels[0], missing) if earlier else {}
        if len(extra) < len(missing):
            raise _without_shape("gradient" if earlier else "cost", [n for n in missing if n not in extra], arguments)
        return arguments | extra

    def remark(self, sentence: str) -> None:
        """Add a remark about how the code was understood."""
        self.remarks.setdefault(sentence)

    @property
    def printed(self) -> bool:
        """True if the code has printed anything, which is suppressed."""
        return bool(self._written.getvalue())


def make_room_for_gradients(twin: object, structure: Structure, attributes: Sequence[str], values: Arguments) -> None:
    """Set the arrays that an object has for gradients, such as self.grads["W"], to 0 in the shape of the parameter."""
    if twin is None or not attributes:
        return
    wanted = Wanted({name: path for name, path in structure.paths.items() if path[0] in attributes}, {})
    room = [item for item in gradient_items(_attributes(twin), wanted) if isinstance(item.value, np.ndarray)]
    for item, name in [(each, name) for each in room for name in named_items([each], wanted)]:
        *outer, last = item.path
        place(reduce(at, outer, twin), last, private_copy(values[name]) * 0)


def _without_shape(role: str, missing: Iterable[str], known: Iterable[str]) -> ArgumentError:
    return ArgumentError(
        f"the {role} takes {listed(missing)}, of which no shape is given; shapes are of {listed(known)} "
        "(numbers such as a learning rate are named in scalars, class labels in labels)"
    )


def _missing(parameters: _Parameters, known: Iterable[str]) -> list[str]:
    """Return the names of the arguments that a function needs and that are not among the known ones."""
    given = {*known}
    required = [p for p in parameters if p.default is p.empty and p.kind not in _STARRED]
    return [p.name for p in required if p.name not in given]


def _handed_on(result: Any, labels: Sequence[str], names: Sequence[str]) -> dict[str, object]:
    """Return what a function returns beside its first result, as the arguments of these names in another function."""
    if isinstance(result, Mapping):
        return {name: result[name] for name in names if name in result}
    if not isinstance(result, tuple | list) or len(result) < 2:
        return {}
    by_name = dict(zip(labels, result, strict=True)) if len(labels) == len(result) else {}
    found = {name: by_name[name] for name in names if name in by_name}
    rest = [each for k, each in enumerate(result) if k and all(each is not taken for taken in found.values())]
    remaining = [name for name in names if name not in found]
    return found | (dict(zip(remaining, rest, strict=True)) if len(rest) == len(remaining) else {})


def _attributes(owner: object) -> list[Item]:
    """Return the arrays that an object holds, at any depth."""
    parts = [] if owner is None else [(str(key), value) for key, value in parts_of(owner)]
    return [item for key, value in parts if not key.startswith("__") for item in _below(key, value)]


def _below(key: str, value: object) -> list[Item]:
    return [Item((key, *item.path), item.value) for item in items_in(value)]


def private_copy(value: Any) -> Any:
    """Return a copy of an array, since the user's code may change it in place, or any other value unchanged."""
    is_array = isinstance(value, np.ndarray) or (hasattr(value, "copy") and hasattr(value, "shape"))
    return value.copy() if is_array else value


def _call(function: UserFunction, parameters: _Parameters, values: Arguments) -> object:
    if any(p.kind == p.VAR_KEYWORD for p in parameters):
        return function(**values)
    by_position = [values[p.name] for p in parameters if p.kind == p.POSITIONAL_ONLY and p.name in values]
    by_name = {p.name: values[p.name] for p in parameters if p.kind != p.POSITIONAL_ONLY and p.name in values}
    return function(*by_position, **by_name)


def _parameters_of(function: UserFunction) -> _Parameters:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        raise ArgumentError(
            f"the arguments of {function!r:.60} are not known: wrap it in a function of your own that names them"
        ) from None
