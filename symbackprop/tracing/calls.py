"""Calling a person's functions: which arguments they get, on an object of their own, and what they return."""

import copy
import inspect
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed


@dataclass(frozen=True)
class Code:
    """A cost and a gradient as functions, or as methods of one object; without a gradient, the cost returns both."""

    cost: Callable[..., Any]
    gradient: Callable[..., Any] | None
    attributes: tuple[str, ...] = ()
    _written: io.StringIO = field(default_factory=io.StringIO, repr=False)

    def __post_init__(self) -> None:
        for what, function in (("cost", self.cost), ("gradient", self.gradient)):
            if not callable(function) and not (what == "gradient" and function is None):
                raise ArgumentError(f"the {what} is a function, not {type(function).__name__}")
        if self.attributes and self._object is None:
            raise ArgumentError(
                f"attributes are those of an object ({listed(self.attributes)}): give methods of one, as in net.cost"
            )

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        return (self.cost,) if self.gradient is None else (self.cost, self.gradient)

    @property
    def _object(self) -> Any:
        """What the methods are of; None of functions."""
        owners = [f.__self__ for f in self.functions if inspect.ismethod(f)]
        return next((owner for owner in owners if not inspect.isclass(owner)), None)

    def takes(self, names: Iterable[str]) -> None:
        """Raise ArgumentError for names that nothing takes, and for arguments that have none."""
        known = {*names}
        taken = {*self.attributes}
        for what, function in zip(("cost", "gradient"), self.functions, strict=False):
            parameters = _parameters(function)
            if any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters):
                taken |= known
            missing = [
                p.name
                for p in parameters
                if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in known
            ]
            if missing:
                raise ArgumentError(
                    f"the {what} takes {listed(missing)}, of which no shape is given; shapes are of {listed(known)} "
                    "(numbers such as a learning rate are named in scalars, class labels in labels)"
                )
            taken |= {p.name for p in parameters}
        unused = [name for name in known if name not in taken]
        if unused:
            hint = "; what an object holds is said in attributes" if self._object is not None else ""
            raise ArgumentError(f"neither function takes {listed(unused)}{hint}")

    def run(self, values: Mapping[str, Any], *, gradient: bool = True) -> tuple[Any, Any]:
        """What the cost returns, and what the gradient returns after it, on one object with these values."""
        owner = self._object
        twin = _twin(owner)
        for name in self.attributes:
            setattr(twin, name, fresh(values[name]))
        with self._quietly():
            try:
                results = [
                    _called(_of(function, owner, twin), {name: fresh(value) for name, value in values.items()})
                    for function in self.functions[: 1 + gradient]
                ]
            except SystemExit as end:
                raise ArgumentError(f"the code ends the program: SystemExit({end.code})") from None
        if self.gradient is None:
            return results[0] if isinstance(results[0], tuple) else (results[0], None)
        return results[0], results[1] if gradient else None

    def changed(self, values: Mapping[str, Any]) -> list[str]:
        """The arguments that the functions change."""
        found: dict[str, None] = {}
        owner = self._object
        twin = _twin(owner)
        for name in self.attributes:
            setattr(twin, name, fresh(values[name]))
        for function in self.functions:
            given = {name: fresh(value) for name, value in values.items()}
            with self._quietly():
                _called(_of(function, owner, twin), given)
            found |= {n: None for n, v in given.items() if hasattr(v, "shape") and not np.array_equal(v, values[n])}
        return list(found)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """What the code prints is kept; it is run where functions overflow, which is not worth a warning."""
        with redirect_stdout(self._written), np.errstate(all="ignore"):
            yield

    @property
    def printed(self) -> bool:
        """Whether the code has written something, which is not shown."""
        return bool(self._written.getvalue())


def fresh(value: Any) -> Any:
    """An array of its own for each function: a person's code may change what it is given."""
    return value.copy() if hasattr(value, "copy") and hasattr(value, "shape") else value


def _twin(owner: Any) -> Any:
    """A copy of an object, so that a person's own one is left as it is."""
    if owner is None:
        return None
    try:
        return copy.deepcopy(owner)
    except Exception:
        return copy.copy(owner)


def _of(function: Any, owner: Any, twin: Any) -> Any:
    """The same method of the twin."""
    if inspect.ismethod(function) and function.__self__ is owner:
        return function.__func__.__get__(twin)
    if function is owner and owner is not None:
        return twin  # an object that is called
    return function


def _called(function: Any, values: Mapping[str, Any]) -> Any:
    parameters = _parameters(function)
    if any(p.kind == p.VAR_KEYWORD for p in parameters):
        return function(**values)
    by_place = [values[p.name] for p in parameters if p.kind == p.POSITIONAL_ONLY and p.name in values]
    by_name = {p.name: values[p.name] for p in parameters if p.kind != p.POSITIONAL_ONLY and p.name in values}
    return function(*by_place, **by_name)


def _parameters(function: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        raise ArgumentError(
            f"{function!r:.60} does not tell its arguments: wrap it in a function of your own"
        ) from None
