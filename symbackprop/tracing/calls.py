"""Calls of a user's functions on copies of their arguments and of their object, and the results."""

import copy
import inspect
import io
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from types import MethodType
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed
from symbackprop.tracing.aliases import Arguments, UserFunction

_STARRED = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


@dataclass(frozen=True)
class UserCode:
    """A cost and a gradient as functions, or as methods of one object; without a gradient, the cost returns both."""

    cost: UserFunction
    gradient: UserFunction | None
    attributes: tuple[str, ...] = ()
    _written: io.StringIO = field(default_factory=io.StringIO, repr=False)

    def __post_init__(self) -> None:
        for role, function in (("cost", self.cost), ("gradient", self.gradient)):
            if not callable(function) and not (role == "gradient" and function is None):
                raise ArgumentError(f"the {role} is a function, not {type(function).__name__}")
        if self.attributes and self._object is None:
            raise ArgumentError(
                f"attributes are those of an object ({listed(self.attributes)}): give methods of one, as in net.cost"
            )

    @property
    def functions(self) -> tuple[UserFunction, ...]:
        """The functions in the order in which they are called."""
        return (self.cost,) if self.gradient is None else (self.cost, self.gradient)

    @property
    def _object(self) -> object:
        """The object to which the methods belong, or None if the functions are not methods."""
        owners = [f.__self__ for f in self.functions if inspect.ismethod(f)]
        return next((owner for owner in owners if not inspect.isclass(owner)), None)

    def check_names(self, names: Iterable[str]) -> None:
        """Raise ArgumentError for names that no function takes, and for arguments that are not among the names."""
        known = {*names}
        taken = {*self.attributes}
        for role, function in zip(("cost", "gradient"), self.functions, strict=False):
            parameters = _parameters(function)
            if any(p.kind in _STARRED for p in parameters):
                taken |= known
            missing = [
                p.name for p in parameters if p.default is p.empty and p.kind not in _STARRED and p.name not in known
            ]
            if missing:
                raise ArgumentError(
                    f"the {role} takes {listed(missing)}, of which no shape is given; shapes are of {listed(known)} "
                    "(numbers such as a learning rate are named in scalars, class labels in labels)"
                )
            taken |= {p.name for p in parameters}
        unused = [name for name in known if name not in taken]
        if unused:
            hint = "; name the arrays that an object holds in attributes" if self._object is not None else ""
            raise ArgumentError(f"neither function takes {listed(unused)}{hint}")

    def run(self, values: Arguments, *, gradient: bool = True) -> tuple[object, object]:
        """Return the results of the cost and of the gradient, called one after the other on one object."""
        results = [result for _, result in self._calls(values, self.functions[: 1 + gradient])]
        if self.gradient is None:
            both = results[0]
            return (both[0], both[1]) if isinstance(both, tuple) and len(both) > 1 else (both, None)
        return results[0], results[1] if gradient else None

    def changed(self, values: Mapping[str, Any]) -> list[str]:
        """Return the names of the arguments whose arrays the functions change in place."""
        after = [item for own, _ in self._calls(values, self.functions) for item in own.items()]
        return list(dict.fromkeys(n for n, v in after if hasattr(v, "shape") and not np.array_equal(v, values[n])))

    def _calls(self, values: Arguments, functions: Iterable[UserFunction]) -> list[tuple[dict[str, Any], object]]:
        """Return, for each call, its own copy of the arguments and its result."""
        owner = self._object
        twin = _twin(owner)
        for name in self.attributes:
            setattr(twin, name, private_copy(values[name]))
        calls = []
        try:
            with redirect_stdout(self._written), np.errstate(all="ignore"):  # functions overflow at some random points
                for function in functions:
                    own = {name: private_copy(value) for name, value in values.items()}
                    calls.append((own, _call(_rebound(function, owner, twin), own)))
        except SystemExit as end:
            raise ArgumentError(f"the code ends the program: SystemExit({end.code})") from None
        return calls

    @property
    def printed(self) -> bool:
        """True if the code has printed anything, which is suppressed."""
        return bool(self._written.getvalue())


def private_copy(value: Any) -> Any:
    """Return a copy of an array, since the user's code may change it in place, or any other value unchanged."""
    return value.copy() if hasattr(value, "copy") and hasattr(value, "shape") else value


def _twin(owner: object) -> object:
    """Return a copy of an object, so that the user's own object does not change."""
    if owner is None:
        return None
    try:
        return copy.deepcopy(owner)
    except Exception:
        return copy.copy(owner)


def _rebound(function: UserFunction, owner: object, twin: Any) -> UserFunction:
    """Return the method of `twin` that corresponds to a method of `owner`; any other function is unchanged."""
    if isinstance(function, MethodType) and function.__self__ is owner:
        return MethodType(function.__func__, twin)
    return twin if function is owner and owner is not None else function  # an object that is called


def _call(function: UserFunction, values: Arguments) -> object:
    parameters = _parameters(function)
    if any(p.kind == p.VAR_KEYWORD for p in parameters):
        return function(**values)
    by_position = [values[p.name] for p in parameters if p.kind == p.POSITIONAL_ONLY and p.name in values]
    by_name = {p.name: values[p.name] for p in parameters if p.kind != p.POSITIONAL_ONLY and p.name in values}
    return function(*by_position, **by_name)


def _parameters(function: UserFunction) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        raise ArgumentError(
            f"the arguments of {function!r:.60} are not known: wrap it in a function of your own that names them"
        ) from None
