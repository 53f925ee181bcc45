"""The declared arguments of a user's functions: shapes, class labels, hyperparameters, constants."""

import copy
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from symbackprop.errors import ArgumentError, NameInUseError, ShapeError, listed, nearest
from symbackprop.expressions.shapes import dimension
from symbackprop.network.names import check_name
from symbackprop.network.network import Network
from symbackprop.tracing.aliases import ArgumentValue, DeclaredShape, DeclaredSize
from symbackprop.tracing.conditions import ConditionKind, DataCondition, declared_conditions
from symbackprop.tracing.results import shape_of
from symbackprop.tracing.sizes import Sizes, declared_size, known_sizes, size_names, size_number
from symbackprop.tracing.structure import Structure, path_of, structure_of
from symbackprop.tracing.untraceable import Untraceable

_TARGETS = ("y", "t", "target", "targets", "labels", "ytrue", "yt")


@dataclass(frozen=True)
class ArgumentSpec:
    """The declared arguments of a cost and its gradient, by name.

    `shapes` includes the attributes; `labels` maps class labels to the number of classes; `scalars` are hyperparameters
    whose values are drawn at random, `constants` are hyperparameters whose values are given.
    """

    shapes: Mapping[str, DeclaredShape]
    wrt: tuple[str, ...]
    labels: Mapping[str, DeclaredSize]
    scalars: tuple[str, ...]
    constants: Mapping[str, object]
    attributes: tuple[str, ...]
    structure: Structure = field(default_factory=Structure)
    step: str | float | None = None  # the step length of an update, by which the gradient is found from it
    upstream: tuple[str, ...] = ()  # the upstream gradient of each result of a layer
    conditions: tuple[DataCondition, ...] = ()  # that the data fulfil
    sign: int = 1  # −1: the gradients are meant to be those of −J
    sizes: Mapping[str, DeclaredSize] = field(default_factory=dict)  # of the constants that are sizes, such as "N"

    @property
    def names(self) -> list[str]:
        """The names of all arguments."""
        return [*self.shapes, *self.scalars, *self.constants]

    @property
    def every_shape(self) -> dict[str, DeclaredShape]:
        """The shape of each array and of each hyperparameter; for class labels, the shape of their one-hot matrix."""
        found = {n: (*(s or (1,)), self.labels[n]) if n in self.labels else tuple(s) for n, s in self.shapes.items()}
        return found | dict.fromkeys(self.scalars, ())

    def given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return these values with the constants; a constant that is a size, such as "N", is its number.

        A dictionary of settings is a copy, since layers write running averages into it.
        """
        constants = {n: copy.deepcopy(v) if isinstance(v, dict | list) else v for n, v in self.constants.items()}
        if not self.sizes:
            return {**values, **constants}
        arrays = [name for name in self.shapes if name in values and name not in self.labels]
        pairs = [pair for name in arrays for pair in zip(self.shapes[name], shape_of(values[name]), strict=False)]
        known = known_sizes(pairs)
        sizes = {name: size_number(size, known) for name, size in self.sizes.items()}
        return {**values, **constants, **sizes}

    def declared(self, sizes: Sizes) -> Network:
        """Return a network with these arguments and no equations."""
        network = Network()
        for name, shape in _in_order_of_sizes(self.every_shape):
            own = network_name(name)
            if not shape and name not in self.wrt:
                network.scalar(own)
                continue
            size = [sizes.dimension(n) for n in (*(1, 1)[len(shape) :], *shape)]
            for part in [p for p in size if not (p.is_Symbol or p.is_Integer)]:
                for symbol in sorted(part.free_symbols, key=str):
                    network.declare_dimension(str(symbol))  # another size of this array may have it alone
            kind = network.parameter if name in self.wrt else network.target if is_target(name) else network.input
            (network.one_hot if name in self.labels else kind)(own, *size)
        return network

    def with_labels(self, values: Mapping[str, ArgumentValue]) -> "ArgumentSpec":
        """Return the arguments with the class labels fixed to these numbers."""
        shapes = {name: shape for name, shape in self.shapes.items() if name not in self.labels}
        chosen = {name: values[name] for name in self.labels}
        return replace(self, shapes=shapes, labels={}, constants={**self.constants, **chosen})

    def with_conditions(self, conditions: Iterable[DataCondition]) -> "ArgumentSpec":
        """Return the arguments with further conditions on them; a number that is a size is no longer drawn."""
        every = tuple(conditions)
        sizes = {c.name: c.size for c in every if c.kind == ConditionKind.SIZE}
        return replace(
            self,
            scalars=tuple(name for name in self.scalars if name not in sizes),
            constants={**self.constants, **sizes},
            sizes={**self.sizes, **sizes},
            conditions=(*self.conditions, *every),
        )


def _in_order_of_sizes(shapes: Mapping[str, DeclaredShape]) -> list[tuple[str, DeclaredShape]]:
    """Return the shapes in an order in which each name stands alone in a shape before it is in a sum or a product.

    Raises Untraceable for a name that never stands alone.
    """
    alone = {size for shape in shapes.values() for size in shape if isinstance(size, str)}
    hidden = [name for name in size_names(size for shape in shapes.values() for size in shape) if name not in alone]
    if hidden:
        raise Untraceable(
            f"the size {hidden[0]} is in sums or products alone: give it as the size of an argument too, or as a number"
        )
    return sorted(shapes.items(), key=lambda item: any(not isinstance(size, str | int) for size in item[1]))


@cache
def network_name(name: str) -> str:
    """Return the name that an argument has in a network, where some names are reserved."""
    free = next(filter(_is_free, (name, *(f"{name}_{k}" for k in range(1, 9)))), None)
    if free is None:
        raise ArgumentError(f"{name} cannot be the name of an argument here")
    return free


def _is_free(name: str) -> bool:
    try:
        check_name(name)
    except NameInUseError:
        return False
    return True


def is_target(name: str) -> bool:
    """Return True for a usual name of targets, such as y or y_true."""
    return name.lower().replace("_", "") in _TARGETS


def argument_spec(
    shapes: Mapping[str, object],
    wrt: Iterable[str] | str | None,
    *,
    attributes: Mapping[str, object] | Collection[str] | None = None,
    labels: Mapping[str, DeclaredSize] | None = None,
    scalars: Mapping[str, object] | Iterable[str] | None = None,
    step: str | float | None = None,
    upstream: Iterable[str] | str | None = None,
    declared: Mapping[ConditionKind, Iterable[str] | str | None] | None = None,
    sign: str = "descent",
) -> ArgumentSpec:
    """Check a user's declarations of the arguments, and return them as one object.

    Without `wrt`, the parameters are the arguments whose names begin with W, b, w, theta or U, or else all.
    `declared` names the arguments that are one-hot, masks and the like.

    Raises:
        ArgumentError: a shape is invalid, or a name in wrt or labels has no shape.
    """
    if not isinstance(shapes, Mapping):
        raise ArgumentError(f"shapes is a mapping of names to shapes, as in {{'X': ('N', 'D')}}, not {shapes!r:.60}")
    if sign not in _SIGNS:
        raise ArgumentError(f"sign is 'descent' (the gradient of J) or 'ascent' (that of −J), not {sign!r}")
    own = _attributes(attributes, shapes)
    structure, given = structure_of({**shapes, **own})
    every = {name: _shape(name, shape) for name, shape in given.items()}
    parameters = _parameters(structure, list(every), wrt)
    classes = dict(labels or {})
    _check_names(parameters, classes, every)
    constants = dict(scalars) if isinstance(scalars, Mapping) else {}
    drawn = () if isinstance(scalars, Mapping) else (scalars,) if isinstance(scalars, str) else tuple(scalars or ())
    drawn += tuple(n for n, shape in every.items() if shape == () and n not in parameters and n not in classes)
    if isinstance(step, str) and step.isidentifier() and step not in {*every, *constants, *structure.paths}:
        drawn += (step,)  # a step length is a number, also where that is not said
    clash = [name for name in (*drawn, *constants) if every.get(name, ()) != ()]
    if clash:
        raise ArgumentError(
            f"{listed(clash)} has a shape and is a scalar too; give it in shapes or in scalars, not both"
        )
    sizes = _sizes_among(constants, every)
    every, counts = _renamed(every, {name: _size(name, size) for name, size in classes.items()} | sizes)
    classes = {name: counts[name] for name in classes}
    masks = [name for name, n in classes.items() if n == 2 and len(every[name]) > 1]  # arrays of 0 and 1, no indices
    kinds = {**(declared or {}), ConditionKind.MASK: (*_names((declared or {}).get(ConditionKind.MASK)), *masks)}
    classes = {name: n for name, n in classes.items() if name not in masks}
    kept = {name: shape for name, shape in every.items() if name not in drawn}
    outer = tuple(dict.fromkeys(str(path_of(name)[0]) for name in own))
    ahead = (upstream,) if isinstance(upstream, str) else tuple(upstream or ())
    spec = ArgumentSpec(
        kept,
        parameters,
        classes,
        tuple(dict.fromkeys(drawn)),
        constants,
        outer,
        structure,
        step,
        ahead,
        declared_conditions(kept, kinds),
        _SIGNS[sign],
        {name: counts[name] for name in sizes},
    )
    for role, names in (("step", [step] if isinstance(step, str) else []), ("upstream", ahead)):
        unknown = [name for name in names if name not in spec.names]
        if unknown:
            raise ArgumentError(f"{role} names {unknown[0]}, which has no shape: {nearest(unknown[0], spec.names)}")
    return spec


def _sizes_among(constants: Mapping[str, object], shapes: Mapping[str, DeclaredShape]) -> dict[str, DeclaredSize]:
    """Return the constants whose value is a size of the arrays, such as {"m": "N"}; other texts are texts."""
    names = {*size_names(n for shape in shapes.values() for n in shape)}
    found: dict[str, DeclaredSize] = {}
    for name, value in constants.items():
        try:
            size = declared_size(value) if isinstance(value, str) else 0
        except ShapeError:
            continue
        if size_names([size]) and names.issuperset(size_names([size])):
            found[name] = size
    return found


def _parameters(structure: Structure, names: list[str], wrt: Iterable[str] | str | None) -> tuple[str, ...]:
    if wrt is not None:
        return structure.chosen((wrt,) if isinstance(wrt, str) else wrt)
    usual = [name for name in names if name[0] in "WbwU" or name.startswith("theta")]
    return tuple(usual or names)


_SIGNS = {"descent": 1, "ascent": -1}


def _names(given: Iterable[str] | str | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


def _check_names(parameters: tuple[str, ...], labels: Iterable[str], shapes: Mapping[str, DeclaredShape]) -> None:
    if not parameters:
        raise ArgumentError(
            "wrt names no parameter; it lists those whose gradients are checked, as in wrt=['W1', 'b1']"
        )
    twice = sorted({name for name in parameters if parameters.count(name) > 1})
    if twice or not all(parameters):
        raise ArgumentError(f"wrt names {listed(twice) or 'nothing'} {'twice' if twice else 'between two commas'}")
    for name in (*parameters, *labels):
        if name not in shapes:
            raise ArgumentError(f"{name} has no shape: {nearest(name, shapes)}")


def _renamed(
    shapes: Mapping[str, DeclaredShape], labels: Mapping[str, DeclaredSize]
) -> tuple[dict[str, DeclaredShape], dict[str, DeclaredSize]]:
    """Return the shapes and labels with other names for sizes that are named like an argument or a reserved name."""
    names = size_names(n for shape in (*shapes.values(), labels.values()) for n in shape)
    new = {
        n: next(free for k in range(1, 99) if (free := f"{n}_{k}") not in shapes and free not in names)
        for n in names
        if n in shapes or not _is_free(n)
    }
    symbols = {dimension(name): dimension(other) for name, other in new.items()}

    def with_new_names(size: DeclaredSize) -> DeclaredSize:
        return declared_size(dimension(size).xreplace(symbols))

    renamed = {name: tuple(map(with_new_names, shape)) for name, shape in shapes.items()}
    return renamed, {name: with_new_names(size) for name, size in labels.items()}


def _attributes(
    attributes: Mapping[str, object] | Collection[str] | None, shapes: Mapping[str, object]
) -> dict[str, object]:
    """Return the shapes of attributes by name; if only names are given, their shapes are in `shapes`."""
    if attributes is None:
        return {}
    if isinstance(attributes, Mapping):
        return {name: getattr(shape, "shape", shape) for name, shape in attributes.items()}
    missing = [name for name in attributes if name not in shapes]
    if missing:
        raise ArgumentError(f"the attributes {listed(missing)} have no shape; give {{'{missing[0]}': (…)}}")
    return {name: shapes[name] for name in attributes}


def _size(name: str, size: object) -> DeclaredSize:
    try:
        return declared_size(size)
    except ShapeError as error:
        raise ArgumentError(f"the number of classes of {name}: {error}") from None


def _shape(name: str, shape: object) -> DeclaredShape:
    sizes = (shape,) if isinstance(shape, str | int) else shape
    try:
        if isinstance(sizes, tuple | list):
            return tuple(map(declared_size, sizes))
    except ShapeError as error:
        reason = f": {error}"
    else:
        reason = ""
    raise ArgumentError(
        f"the shape of {name} is a tuple of names and whole numbers, such as ('N', 3), not {sizes!r:.60}{reason}"
    )
