"""What is said about the arguments of a person's functions: shapes, class labels, hyperparameters, constants."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from symbackprop.errors import ArgumentError, NameInUseError, listed, nearest
from symbackprop.network.network import Network
from symbackprop.tracing.sizes import Sizes

_TARGETS = ("y", "t", "target", "targets", "labels", "ytrue", "yt")


@dataclass(frozen=True)
class Given:
    """The arguments by name.

    `shapes` are of names or whole numbers and include the attributes'; `labels` say of how many classes; `scalars` are
    hyperparameters that are drawn, `constants` those that are given.
    """

    shapes: Mapping[str, tuple[Any, ...]]
    wrt: tuple[str, ...]
    labels: Mapping[str, Any]
    scalars: tuple[str, ...]
    constants: Mapping[str, Any]
    attributes: tuple[str, ...]

    @property
    def every_shape(self) -> dict[str, tuple[Any, ...]]:
        """The shape of each argument as a matrix or row; labels have their one-hot matrix's."""
        found: dict[str, tuple[Any, ...]] = {}
        for name, shape in self.shapes.items():
            found[name] = (shape[0], self.labels[name]) if name in self.labels else tuple(shape)
        return found | dict.fromkeys(self.scalars, ())

    def declared(self, sizes: Sizes) -> Network:
        """A network with these arguments and no equation yet."""
        network = Network()
        for name, shape in self.every_shape.items():
            said = network_name(name)
            if not shape and name not in self.wrt:
                network.scalar(said)
                continue
            size = [sizes.dimension(n) for n in (1, 1, *shape)[-2:]]
            kind = network.parameter if name in self.wrt else network.target if is_target(name) else network.input
            (network.one_hot if name in self.labels else kind)(said, *size)
        return network

    def with_labels(self, values: Mapping[str, Any]) -> "Given":
        """The same where labels are these numbers."""
        shapes = {name: shape for name, shape in self.shapes.items() if name not in self.labels}
        chosen = {name: values[name] for name in self.labels}
        return replace(self, shapes=shapes, labels={}, constants={**self.constants, **chosen})


@cache
def network_name(name: str) -> str:
    """What an argument is called in a network, where some names are taken."""
    for said in (name, *(f"{name}_{k}" for k in range(1, 9))):
        try:
            Network().input(said, 2, 3)
        except NameInUseError:
            continue
        return said
    raise ArgumentError(f"{name} cannot be the name of an argument here")


def is_target(name: str) -> bool:
    return name.lower().replace("_", "") in _TARGETS


def given(
    shapes: Mapping[str, Any],
    wrt: Iterable[str] | str,
    *,
    attributes: Mapping[str, Any] | None = None,
    labels: Mapping[str, Any] | None = None,
    scalars: Mapping[str, Any] | Iterable[str] | None = None,
) -> Given:
    """What was said, found to make sense.

    Raises:
        ArgumentError: shapes that are none, names in wrt or labels without a shape.
    """
    if not isinstance(shapes, Mapping):
        raise ArgumentError(f"shapes is a mapping of names to shapes, as in {{'X': ('N', 'D')}}, not {shapes!r:.60}")
    own = {name: _shape(name, shape) for name, shape in _attributes(attributes, shapes).items()}
    every = {name: _shape(name, shape) for name, shape in shapes.items()} | own
    named = (wrt,) if isinstance(wrt, str) else tuple(wrt)
    if not named:
        raise ArgumentError("wrt names no parameter; the gradient is by those")
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice or not all(named):
        raise ArgumentError(f"wrt names {listed(twice) or 'nothing'} {'twice' if twice else 'between two commas'}")
    for name in (*named, *(labels or {})):
        if name not in every:
            raise ArgumentError(f"{name} has no shape: {nearest(name, every)}")
    constants = dict(scalars) if isinstance(scalars, Mapping) else {}
    drawn = () if isinstance(scalars, Mapping) else (scalars,) if isinstance(scalars, str) else tuple(scalars or ())
    drawn += tuple(name for name, shape in every.items() if shape == () and name not in named)
    clash = [name for name in (*drawn, *constants) if every.get(name, ()) != ()]
    if clash:
        raise ArgumentError(f"{listed(clash)} has a shape and is a scalar too; say one of both")
    every, classes = _renamed(every, dict(labels or {}))
    kept = {name: shape for name, shape in every.items() if name not in drawn}
    return Given(kept, named, classes, tuple(dict.fromkeys(drawn)), constants, tuple(own))


def _renamed(
    shapes: dict[str, tuple[Any, ...]], labels: dict[str, Any]
) -> tuple[dict[str, tuple[Any, ...]], dict[str, Any]]:
    """The shapes with other names for dimensions that are called as an argument, or as a network must not have it."""
    names = dict.fromkeys(n for shape in (*shapes.values(), labels.values()) for n in shape if isinstance(n, str))
    new = {n: n for n in names}
    for n in names:
        try:
            Network().input("X" if n != "X" else "Z", n, 2)
            taken = n in shapes
        except NameInUseError:
            taken = True
        if taken:
            new[n] = next(free for k in range(1, 99) if (free := f"{n}_{k}") not in shapes and free not in names)

    def said(size: Any) -> Any:
        return new.get(size, size)

    return {name: tuple(said(size) for size in shape) for name, shape in shapes.items()}, {
        n: said(c) for n, c in labels.items()
    }


def _attributes(given: Any, shapes: Mapping[str, Any]) -> dict[str, Any]:
    """Shapes by name; a list of names means those whose shapes stand with the others."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {name: getattr(shape, "shape", shape) for name, shape in given.items()}
    missing = [name for name in given if name not in shapes]
    if missing:
        raise ArgumentError(f"the attributes {listed(missing)} have no shape; give {{'{missing[0]}': (…)}}")
    return {name: shapes[name] for name in given}


def _shape(name: str, shape: Any) -> tuple[Any, ...]:
    if isinstance(shape, str | int):
        shape = (shape,)
    sized = isinstance(shape, tuple | list) and all(
        (isinstance(n, int) and not isinstance(n, bool) and n > 0) or (isinstance(n, str) and n.isidentifier())
        for n in shape
    )
    if not sized:
        raise ArgumentError(
            f"the shape of {name} is a tuple of names and whole numbers, such as ('N', 3), not {shape!r:.60}"
        )
    return tuple(shape)
