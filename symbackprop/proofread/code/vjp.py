"""The check of a layer: a forward and a backward function, for a random upstream gradient of its own shape."""

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, SymbackpropError, listed
from symbackprop.kinds import Mistake, MistakeKind
from symbackprop.proofread.code.layer_mistakes import layer_mistake
from symbackprop.proofread.code.proofreading import Proofreading
from symbackprop.proofread.code.reading import CodeReader
from symbackprop.proofread.code.report import CodeCheck
from symbackprop.tracing.aliases import DeclaredShape, DeclaredSize, UserFunction
from symbackprop.tracing.arguments import ArgumentSpec, argument_spec, network_name
from symbackprop.tracing.calls import UserCode
from symbackprop.tracing.conditions import ConditionKind, DataCondition
from symbackprop.tracing.layers import Layer, composed, is_cache, is_upstream, parameters_of
from symbackprop.tracing.return_statement import returned_names
from symbackprop.tracing.sampling import SamplePoint, distinct_sizes, draw_point
from symbackprop.tracing.structure import Structure, is_nest, path_of
from symbackprop.tracing.untraceable import place_in_code
from symbackprop.verdicts import Verdict

_SMALLEST = (3, 4, 5, 7, 2)  # sizes of the first dimension that are tried
_WITHOUT_NAME = "dout"  # the upstream gradient of a function that `forward` returns


def check_vjp(
    forward: UserFunction,
    backward: UserFunction | None,
    shapes: Mapping[str, object],
    wrt: Iterable[str] | str | None = None,
    *,
    upstream: Iterable[str] | str | None = None,
    attributes: Mapping[str, object] | Collection[str] | None = None,
    labels: Mapping[str, DeclaredSize] | None = None,
    scalars: Mapping[str, object] | Iterable[str] | None = None,
    seed: int | None = None,
) -> CodeCheck:
    """Check the backward function of a layer, a vector-Jacobian product, and name the mistake. The code is run.

    The upstream gradient is random, so that a backward function that ignores it is found. Unlike for a cost, the sign
    is not a convention: a layer with the wrong sign is wrong.

    Args:
        forward: returns the output, or (output, cache), or several outputs, one for each upstream gradient.
        backward: takes the upstream gradient, and the cache or arguments of `forward`; returns the gradients. None if
            `forward` returns (output, function of the upstream gradient).
        shapes: the shapes of the arguments of `forward` by name; the shape of the upstream gradient is that of the
            output, and may be left out.
        wrt: the names of the arguments with respect to which `backward` returns gradients; by default, the ones
            that the names or the number of its results show.
        upstream: the names of the upstream gradients in `backward`; by default, names such as dout or grad_output.
        attributes: the shapes of arrays that are attributes of the methods' object.
        labels: the arguments that are class labels (whole numbers), with the number of classes.
        scalars: the names of hyperparameters, or their values by name.
        seed: repeats the random points.

    Raises:
        ArgumentError: an argument has no shape, a function fails, or arguments or gradients cannot be distinguished.

    >>> import numpy as np
    >>> def forward(x, w):
    ...     return np.tanh(x @ w), (x, w)
    >>> def backward(dout, cache):
    ...     x, w = cache
    ...     d = 1 - np.tanh(x @ w) ** 2
    ...     return d @ w.T, x.T @ d
    >>> check = check_vjp(forward, backward, {"x": ("N", "D"), "w": ("D", "M")})
    >>> print(check.verdict, "-", check.mistake)
    wrong - the upstream gradient dout is ignored: dx and dw are those of the sum of the output
    """
    return judged_layer(LayerReading(forward, backward, dict(shapes), attributes, labels, scalars), wrt, upstream, seed)


def judged_layer(
    reading: "LayerReading",
    wrt: Iterable[str] | str | None,
    upstream: Iterable[str] | str | None,
    seed: int | None,
    *,
    search: Callable[[Layer, ArgumentSpec, SamplePoint], Mistake | None] = layer_mistake,
    excuses: Callable[[DataCondition], bool] = lambda condition: True,
) -> CodeCheck:
    """Return the check of a layer with respect to some of its arguments; see `check_vjp`.

    `search` looks at a point for a mistake that only such functions make; `excuses` tells of a condition on the data
    whether gradients that are right under it alone are accepted.
    """
    reading.rng = np.random.default_rng(seed)
    layer, read = reading.layer(wrt, upstream)
    spec = replace(read, structure=Structure(), attributes=())  # the arrays alone, as the cost of the layer takes them
    cost, gradient = composed(layer, spec.names)
    code = UserCode(cost, gradient)
    own = partial(search, layer, spec, reading.point(spec))
    check = Proofreading(CodeReader(code, spec, np.random.default_rng(seed)), None, own, excuses).result()
    check = _with_wrong_sign(check)
    return replace(check, notes=(*check.notes, *reading.notes))


def holds_nests(shapes: object) -> bool:
    """Return True if an argument holds several arrays, as a dictionary of parameters does."""
    return isinstance(shapes, Mapping) and any(
        is_nest(shape) or len(path_of(name)) > 1 for name, shape in shapes.items()
    )


def is_layer(forward: UserFunction, backward: UserFunction | None, shapes: object) -> bool:
    """Return True if only `backward` takes an array with a usual name of an upstream gradient, whose shape is given."""
    if not isinstance(shapes, Mapping) or backward is None or not callable(forward) or not callable(backward):
        return False
    ours, theirs = parameters_of(forward, "the cost"), parameters_of(backward, "the gradient")
    alone = [name for name in theirs if name in shapes and name not in ours and is_upstream(name)]
    return bool(alone) and not _is_starred(forward) and all(shapes[name] != () for name in alone)


def _with_wrong_sign(check: CodeCheck) -> CodeCheck:
    """Return a check that calls gradients with the other sign wrong, not a convention."""
    if check.verdict != Verdict.CONVENTION:
        return check
    words = "the sign of every gradient is wrong; in a layer it is not a convention, since other layers use them"
    return replace(
        check, verdict=Verdict.WRONG, mistake=words, mistake_kinds=(MistakeKind.SIGN,), proof="", notes=check.notes[1:]
    )


@dataclass
class LayerReading:
    """The names and shapes of a layer's arguments, found from its functions and from a run of them."""

    forward: UserFunction
    backward: UserFunction | None
    shapes: dict[str, object]
    attributes: Mapping[str, object] | Collection[str] | None
    labels: Mapping[str, DeclaredSize] | None
    scalars: Mapping[str, object] | Iterable[str] | None
    declared: Mapping[ConditionKind, Iterable[str] | str | None] | None = None  # conditions on the data
    with_numbers: bool = False  # arguments of shape () may have gradients too, though they are not in `wrt`
    rng: np.random.Generator = field(default_factory=np.random.default_rng)
    sizes: dict[str, int] | None = None  # at which the code runs

    def __post_init__(self) -> None:
        self.notes: list[str] = []

    def layer(
        self, wrt: Iterable[str] | str | None, upstream: Iterable[str] | str | None
    ) -> tuple[Layer, ArgumentSpec]:
        """Return the layer, and its arguments with their shapes."""
        ahead = self._upstream(upstream)
        own = {name: shape for name, shape in self.shapes.items() if name not in ahead}
        chosen = None if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
        spec = self._spec(own, chosen)
        self._require_shapes(spec, ahead)
        chosen = None if chosen is None else spec.wrt
        names = tuple(spec.names)
        layer = Layer(
            self.forward,
            self.backward,
            names,
            ahead,
            wrt=chosen or (),
            attributes=spec.attributes,
            structure=spec.structure,
        )
        point, layer = self._first_run(layer, spec)
        given = {name: self.shapes[name] for name in layer.upstream if name in self.shapes}
        shapes = self._shapes_of_outputs(layer, spec, point) | given
        if chosen is None:
            chosen = self._parameters(layer, self._spec({**self.shapes, **shapes}, None))
        return replace(layer, wrt=chosen), self._spec({**self.shapes, **shapes}, chosen)

    def point(self, spec: ArgumentSpec) -> SamplePoint:
        """Return random values of all arguments, at sizes for which the code runs."""
        sizes = {name: (self.sizes or {}).get(name, n) for name, n in distinct_sizes(spec).items()}
        return draw_point(spec, sizes, self.rng, None)

    def _spec(self, shapes: Mapping[str, object], wrt: Sequence[str] | None) -> ArgumentSpec:
        every = [name for name in (*shapes, *(self.attributes or ())) if name not in (self.labels or {})]
        arrays = [name for name in every if self.with_numbers or self._shape(name) != ()]
        return argument_spec(
            shapes,
            tuple(wrt) if wrt is not None else arrays or every,
            attributes=self.attributes,
            labels=self.labels,
            scalars=self.scalars,
            declared=self.declared,
        )

    def _shape(self, name: str) -> object:
        of_object = self.attributes if isinstance(self.attributes, Mapping) else {}
        return self.shapes.get(name, of_object.get(name))

    # names

    def _upstream(self, given: Iterable[str] | str | None) -> tuple[str, ...]:
        """Return the names of the upstream gradients, which are given, or which only `backward` takes."""
        if given is not None:
            return (given,) if isinstance(given, str) else tuple(given)
        if self.backward is None:
            return (_WITHOUT_NAME,)
        ours, theirs = parameters_of(self.forward, "forward"), parameters_of(self.backward, "backward")
        saved = {*returned_names(self.forward), *ours, *(self.attributes or ()), *(self.scalars or ())}
        alone = [name for name in theirs if name not in ours and not is_cache(name)]
        fresh = [name for name in alone if name not in saved and theirs[name].default is theirs[name].empty]
        for found in (
            [name for name in alone if name in self.shapes],
            [name for name in fresh if is_upstream(name)],
            fresh[:1],
        ):
            if found:
                self.notes.append(f"{listed(found)} is taken as the upstream gradient")
                return tuple(found)
        raise ArgumentError(
            f"backward takes {listed(theirs)}, none of which is known to be the upstream gradient: name it, as in "
            "upstream='dout'"
        )

    def _require_shapes(self, spec: ArgumentSpec, upstream: Sequence[str]) -> None:
        parameters = parameters_of(self.forward, "forward")
        known = {*spec.names, *spec.structure.nests}
        missing = [n for n, p in parameters.items() if p.default is p.empty and n not in known]
        if missing:
            raise ArgumentError(
                f"forward takes {listed(missing)}, of which no shape is given; shapes are of {listed(spec.names)} "
                "(numbers such as eps are named in scalars, class labels in labels)"
            )
        taken = {*parameters, *(parameters_of(self.backward, "backward") if self.backward else ()), *upstream}
        taken |= {*spec.attributes}
        unused = [n for n in spec.names if spec.structure.argument(n) not in taken]
        if unused and not _is_starred(self.forward):
            raise ArgumentError(f"neither forward nor backward takes {listed(unused)}")

    # runs

    def _first_run(self, layer: Layer, spec: ArgumentSpec) -> tuple[SamplePoint, Layer]:
        """Return a point at which `forward` runs, and the layer with as many upstream gradients as outputs."""
        failures: list[Exception] = []
        for smallest in _SMALLEST:
            point = draw_point(spec, distinct_sizes(spec, smallest), self.rng, None)
            try:
                outputs = layer.run(spec.given(point.values), backward=False).outputs
            except SymbackpropError:
                raise
            except Exception as error:
                failures.append(error)
                continue
            self.sizes = dict(point.sizes)
            nested = len(outputs) == 1 and isinstance(outputs[0], tuple | list)
            if nested:
                names = tuple(f"{layer.upstream[0]}{k}" for k in range(1, len(outputs[0]) + 1))
                return point, replace(layer, nested=True, upstream=names)
            return point, layer
        first = failures[0]
        raise ArgumentError(f"forward fails: {type(first).__name__}: {first}{place_in_code(first)}") from first

    def _shapes_of_outputs(self, layer: Layer, spec: ArgumentSpec, point: SamplePoint) -> dict[str, DeclaredShape]:
        """Return the shape of each upstream gradient, that of its output; with numbers where no name fits."""
        other = draw_point(
            spec, {name: n + 7 * k + 11 for k, (name, n) in enumerate(point.sizes.items())}, self.rng, None
        )
        runs = [_output_shapes(layer, spec, each) for each in (point, other)]
        found: dict[str, DeclaredShape] = {}
        known = [{self._declared(name): n for name, n in each.sizes.items()} for each in (point, other)]
        for name, *shapes in zip(layer.upstream, *runs, strict=False):
            sizes = [_named(lengths, known) for lengths in zip(*shapes, strict=True)]
            if None in sizes:
                return self._at_fixed_sizes(layer, point, runs[0])
            found[name] = tuple(size for size in sizes if size is not None)
        return found

    def _declared(self, size: str) -> str:
        """Return the name of a size as it was declared: a name that is taken, such as I, has become I_1."""
        before = re.sub(r"_\d+$", "", size)
        given = {part for shape in self.shapes.values() if isinstance(shape, tuple | list) for part in map(str, shape)}
        is_new = size not in given and (before in self.shapes or network_name(before) != before)
        return before if is_new else size

    def _at_fixed_sizes(
        self, layer: Layer, point: SamplePoint, shapes: Sequence[tuple[int, ...]]
    ) -> dict[str, DeclaredShape]:
        """Return the shapes of the outputs in numbers, after replacing the names of all sizes by numbers."""

        def fixed(shape: Any) -> Any:
            if is_nest(shape):
                parts = shape.items() if isinstance(shape, Mapping) else enumerate(shape)
                inner = {key: fixed(part) for key, part in parts}
                return inner if isinstance(shape, Mapping) else list(inner.values())
            sizes = (shape,) if isinstance(shape, str | int) else shape
            return tuple(point.sizes.get(size, size) for size in sizes) if isinstance(sizes, tuple | list) else shape

        self.shapes = {name: fixed(shape) for name, shape in self.shapes.items()}
        if isinstance(self.attributes, Mapping):
            self.attributes = {name: fixed(getattr(shape, "shape", shape)) for name, shape in self.attributes.items()}
        self.labels = {name: point.sizes.get(str(n), n) for name, n in (self.labels or {}).items()} or None
        at = ", ".join(f"{name}={n}" for name, n in point.sizes.items())
        self.notes.append(f"the shape of the output has no name in the sizes, so that it is checked for {at}")
        return dict(zip(layer.upstream, shapes, strict=True))

    def _parameters(self, layer: Layer, spec: ArgumentSpec) -> tuple[str, ...]:
        """Return the names of the arguments of which `backward` returns gradients."""
        values = spec.given(self.point(spec).values)
        arrays = tuple(name for name in spec.wrt if name not in layer.upstream)
        try:
            found = replace(layer, among=arrays).run(values).gradients
        except SymbackpropError:
            raise
        except Exception as error:
            raise ArgumentError(f"backward fails: {type(error).__name__}: {error}{place_in_code(error)}") from error
        self.notes.append(f"gradients with respect to {listed(found)} are checked")
        return tuple(found)


def _output_shapes(layer: Layer, spec: ArgumentSpec, point: SamplePoint) -> list[tuple[int, ...]]:
    with np.errstate(all="ignore"):
        outputs = layer.run(spec.given(point.values), backward=False).outputs
    return [tuple(np.shape(output)) for output in outputs]


def _named(lengths: Sequence[int], sizes: Sequence[Mapping[str, int]]) -> DeclaredSize | None:
    """Return the size that has these lengths at the two points, such as N, D + 1 or 2*H, or their number, or None."""
    known: dict[DeclaredSize, tuple[int, ...]] = {name: tuple(each[name] for each in sizes) for name in sizes[0]}
    more: dict[DeclaredSize, tuple[int, ...]] = {}
    for a, of_a in known.items():
        more |= {f"{a} + {k}": tuple(n + k for n in of_a) for k in (1, 2)}
        more |= {f"{k}*{a}": tuple(k * n for n in of_a) for k in (2, 3, 4)}
        for b, of_b in known.items():
            if str(a) < str(b):
                more[f"{a} + {b}"] = tuple(n + m for n, m in zip(of_a, of_b, strict=True))
                more[f"{a}*{b}"] = tuple(n * m for n, m in zip(of_a, of_b, strict=True))
    every = {**known, lengths[0]: (lengths[0],) * len(lengths), **more}
    return next((size for size, found in every.items() if found == tuple(lengths)), None)


def _is_starred(function: UserFunction) -> bool:
    return any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in inspect.signature(function).parameters.values())
