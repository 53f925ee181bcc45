"""The check of second derivatives in code: a Hessian H, or a function of its products H v with directions v.

The product is the gradient of the number Σ v ⊙ g, where g are the gradients: it is checked as the backward function of
a layer whose forward function returns g, and whose upstream gradient is v. A Hessian is checked by its products.
"""

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed
from symbackprop.gradcheck.check import check_gradients
from symbackprop.gradcheck.report import worst_of
from symbackprop.proofread.code.compare import FirstDifference
from symbackprop.proofread.code.reading import CodeReader
from symbackprop.proofread.code.report import CodeCheck, Level
from symbackprop.proofread.code.second_mistakes import APPROXIMATE, OPPOSITE, second_mistake
from symbackprop.proofread.code.vjp import LayerReading, judged_layer
from symbackprop.tracing.aliases import DeclaredSize, UserFunction
from symbackprop.tracing.arguments import is_target
from symbackprop.tracing.conditions import ConditionKind, DataCondition
from symbackprop.tracing.layers import by_name, parameters_of
from symbackprop.tracing.sampling import cost_and_gradients, distinct_sizes, draw_point
from symbackprop.verdicts import Verdict

_ORDER = (Verdict.WRONG, Verdict.UNDECIDED, Verdict.CONVENTION, Verdict.RIGHT)
_OF_VALUES = (ConditionKind.MASK, ConditionKind.ONE_HOT, ConditionKind.ADDS_UP, ConditionKind.SIGNS)
_UNJUDGED = "the gradient is {verdict}, so that the second derivatives are not compared with its derivatives"


@dataclass(frozen=True)
class SecondDerivatives:
    """The functions of second derivatives, and the declarations of their arguments; see `check_code`."""

    hessian: UserFunction | None
    hvp: UserFunction | None
    shapes: Mapping[str, object]
    labels: Mapping[str, DeclaredSize] | None
    scalars: Mapping[str, object] | Iterable[str] | None
    attributes: Mapping[str, object] | Collection[str] | None
    declared: Mapping[ConditionKind, Iterable[str] | str | None]
    seed: int | None

    def added_to(self, first: CodeCheck, reader: CodeReader) -> CodeCheck:
        """Return the check of the gradients with the verdicts on the second derivatives."""
        if self.attributes is not None or reader.spec.step is not None:
            raise ArgumentError(
                "hessian and hvp are for gradients that a function returns, not for attributes or steps"
            )
        given = {"the Hessian": self.hessian, "the Hessian-vector product": self.hvp}
        for what, function in given.items():
            if function is not None:
                first = _joined(first, what, self._check(first, reader, what, function))
        return first

    def _check(self, first: CodeCheck, reader: CodeReader, what: str, function: UserFunction) -> CodeCheck:
        if first.verdict not in (Verdict.RIGHT, Verdict.CONVENTION):
            return CodeCheck(Verdict.UNDECIDED, Level.NUMBERS, notes=(_UNJUDGED.format(verdict=first.verdict),))
        of_hessian = function is self.hessian
        gradient, wrt = _gradient(reader), reader.spec.wrt
        if of_hessian and _is_diagonal(reader, function):
            return _diagonal(reader, function, self.seed)
        directions, product = (_by_products if of_hessian else _by_directions)(function, gradient, wrt)
        taken = {*parameters_of(gradient, "the gradient"), *parameters_of(product, what)}
        shapes = {name: shape for name, shape in self.shapes.items() if name in taken}
        shapes |= {v: self.shapes[name] for v, name in zip(directions, wrt, strict=True)}
        scalars, labels = _among(self.scalars, taken), _among(self.labels or {}, taken)
        declared = {kind: _among(names, taken) for kind, names in self.declared.items()}
        reading = LayerReading(gradient, product, shapes, None, labels, scalars, declared=declared)
        network = first.network if first.level == Level.FORMULA else None
        search = partial(second_mistake, reader=reader, network=network)

        def excuses(
            condition: DataCondition,
        ) -> bool:  # of 0 and 1 as features, which make much of a Hessian zero, none
            of_values = condition.kind in _OF_VALUES
            return not of_values or is_target(condition.name) or condition.sentence in first.conditions

        check = judged_layer(reading, wrt, directions, self.seed, search=search, excuses=excuses)
        if check.mistake == APPROXIMATE.words:
            return CodeCheck(Verdict.UNDECIDED, check.level, notes=(APPROXIMATE.words,), check=check.check)
        if first.verdict == Verdict.CONVENTION and check.mistake == OPPOSITE.words:
            return replace(check, verdict=Verdict.CONVENTION, mistake="", mistake_kinds=())  # that of J, for −g
        return replace(_in_words_of_products(check, wrt), notes=())


def without_directions(
    shapes: Mapping[str, object], hvp: UserFunction, *others: UserFunction | None
) -> Mapping[str, object]:
    """Return the shapes of all arguments but for the directions, which only `hvp` takes."""
    own = parameters_of(hvp, "hvp")
    known = {name for f in others if f is not None for name in parameters_of(f, "the code")}
    if not isinstance(shapes, Mapping):
        return shapes
    return {name: shape for name, shape in shapes.items() if name in known or name not in own}


def _among(given: Mapping[str, Any] | Iterable[str] | str | None, taken: Collection[str]) -> Any:
    """Return the declarations of arguments that these functions take."""
    if isinstance(given, Mapping):
        return {name: value for name, value in given.items() if name in taken}
    names = (given,) if isinstance(given, str) else given or ()
    return tuple(name for name in names if name in taken)


def _joined(first: CodeCheck, what: str, second: CodeCheck) -> CodeCheck:
    """Return the check of the gradients, with the verdict on second derivatives; a mistake in these is told fully."""
    notes = (*first.notes, f"{what}: {second.verdict}", *second.notes)
    proof = "; ".join(filter(None, (first.proof, f"{what} {second.proof}" if second.proof else "")))
    if second.verdict == Verdict.WRONG and first.verdict != Verdict.WRONG:
        mistake = f"{what}: {second.mistake or 'it is not the derivative of the gradient'}"
        return replace(second, mistake=mistake, network=first.network, notes=notes)
    verdict = min(first.verdict, second.verdict, key=_ORDER.index)
    conditions = tuple(dict.fromkeys((*first.conditions, *second.conditions)))
    first = replace(first, conditions=conditions)
    return replace(first, verdict=verdict, notes=notes, proof=proof if verdict != Verdict.WRONG else first.proof)


def _in_words_of_products(check: CodeCheck, wrt: Collection[str]) -> CodeCheck:
    """Return the check of a product with the Hessian, which is not called a gradient of J."""
    words = check.mistake
    for name in wrt:
        words = re.sub(rf"\bdJd{name}\b", f"Hv_{name}", words)
    found = check.first_difference
    if found is not None:
        about = found.name.replace("the gradient with respect to", "the product with the Hessian for")
        found = FirstDifference(
            about, found.formula, found.right.replace("∂J/", "∂s/"), found.what.replace("∂J/", "∂s/")
        )
    return replace(check, mistake=words, first_difference=found)


# the functions, as those of a layer


def _gradient(reader: CodeReader) -> Callable[..., Any]:
    """Return the function that returns the gradients alone, in the order of the parameters."""
    code, wrt = reader.code, reader.spec.wrt
    function = code.cost if code.gradient is None else code.gradient

    def gradient(**values: Any) -> Any:
        found = function(**values)
        if isinstance(found, tuple | list) and (code.gradient is None or len(found) == len(wrt) + 1):
            found = found[1] if len(found) == 2 else found[1:]  # after the cost
        return _in_order(found, wrt, values)

    return _like(gradient, function, list(parameters_of(function, "the gradient")))


def _in_order(found: Any, wrt: Collection[str], values: Mapping[str, Any]) -> Any:
    """Return one array for each parameter, from a result by name, in order, or in one vector."""
    if isinstance(found, Mapping):
        named = dict(found) if found.keys() >= set(wrt) else by_name(found, tuple(wrt))
        missing = [name for name in wrt if name not in named]
        if missing:
            raise ArgumentError(f"there is no result for {listed(missing)} among {listed(map(str, found))}")
        return tuple(named[name] for name in wrt)
    parts = list(found) if isinstance(found, tuple | list) else [found]
    if len(parts) == 1 and len(wrt) > 1:
        parts, start, vector = [], 0, _vector(parts[0])
        for name in wrt:
            size = int(np.prod(np.shape(values[name])))
            parts.append(vector[start : start + size])
            start += size
    if len(parts) != len(wrt):
        raise ArgumentError(f"{len(parts)} arrays are returned, and {len(wrt)} parameters are named: {listed(wrt)}")
    return tuple(_in_shape(part, np.shape(values[name])) for part, name in zip(parts, wrt, strict=True))


def _in_shape(part: Any, shape: tuple[int, ...]) -> Any:
    if np.shape(part) == shape:
        return part
    if isinstance(part, np.ndarray) and part.size != int(np.prod(shape)):
        raise ArgumentError(f"a result has the shape {part.shape}, and its parameter the shape {shape}")
    return np.reshape(part, shape)


def _vector(array: Any) -> Any:
    return array.reshape(-1) if hasattr(array, "reshape") else np.reshape(array, (1,))


def _by_directions(
    function: UserFunction, gradient: Callable[..., Any], wrt: tuple[str, ...]
) -> tuple[tuple[str, ...], Callable[..., Any]]:
    """Return the names of the directions, and the function of products with one direction for each parameter."""
    own, known = parameters_of(function, "hvp"), parameters_of(gradient, "the gradient")
    fresh = [name for name, p in own.items() if name not in known and p.default is p.empty]
    if len(fresh) == len(wrt):
        named = [[v for v in fresh if name in v] for name in wrt]
        by_their_names = all(len(one) == 1 for one in named) and len({one[0] for one in named}) == len(fresh)
        directions = tuple(one[0] for one in named) if by_their_names else tuple(fresh)
        stacked = None
    elif len(fresh) == 1:
        directions, stacked = tuple(f"v_{name}" for name in wrt), fresh[0]
    else:
        raise ArgumentError(
            f"hvp takes {listed(fresh) or 'no further argument'} beside those of the gradient; a direction is expected "
            f"for each of {listed(wrt)}, or one vector for all"
        )

    def product(**values: Any) -> Any:
        given = {name: value for name, value in values.items() if name in own}
        if stacked is None:
            return _in_order(function(**given), wrt, values)
        parts = [values[name] for name in directions]
        try:
            return _in_order(function(**given, **{stacked: parts}), wrt, values)
        except (TypeError, AttributeError, ValueError, IndexError):
            vector = np.concatenate([_vector(part) for part in parts])
            return _in_order(function(**given, **{stacked: vector}), wrt, values)

    names = [*(name for name in known if name in own), *directions]
    return directions, _like(product, function, names)


def _by_products(
    function: UserFunction, gradient: Callable[..., Any], wrt: tuple[str, ...]
) -> tuple[tuple[str, ...], Callable[..., Any]]:
    """Return names of directions, and the function of the products of a Hessian with them."""
    own, directions = parameters_of(function, "hessian"), tuple(f"v_{name}" for name in wrt)

    def product(**values: Any) -> Any:
        found = function(**{name: value for name, value in values.items() if name in own})
        along = [values[name] for name in directions]
        blocks = _blocks(found, wrt)
        if blocks is None:
            whole = along[0] if len(wrt) == 1 else np.concatenate([_vector(v) for v in along])
            return _in_order(_times(found, whole), wrt, values)
        sums = [sum(_vector(_times(block, v)) for block, v in zip(row, along, strict=True)) for row in blocks]
        return tuple(_in_shape(part, np.shape(values[name])) for part, name in zip(sums, wrt, strict=True))

    names = [*(name for name in parameters_of(gradient, "the gradient") if name in own), *directions]
    return directions, _like(product, function, names)


def _times(block: Any, v: Any) -> Any:
    """Return the product of second derivatives with a direction, over the last axes of the block."""
    if np.ndim(block) == 0:
        return block * v
    size = int(np.prod(np.shape(v)))
    if isinstance(block, np.ndarray) and block.size % size:
        raise ArgumentError(f"second derivatives have the shape {block.shape}; {size} columns are expected")
    fits = not isinstance(block, np.ndarray) or block.shape[-1] == size
    if fits and block.ndim == 2 and (np.ndim(v) == 1 or (np.ndim(v) == 2 and np.shape(v)[1] == 1)):
        return block @ v
    return block.reshape(-1, size) @ _vector(v)


def _blocks(found: Any, wrt: tuple[str, ...]) -> list[list[Any]] | None:
    """Return the blocks for each two parameters, by name or in order, or None for one array."""
    if not isinstance(found, Mapping | tuple | list):
        return None
    rows = [found[name] for name in wrt] if isinstance(found, Mapping) else list(found)
    pairs = [[row[name] for name in wrt] if isinstance(row, Mapping) else row for row in rows]
    blocks = [list(row) if isinstance(row, tuple | list) else [row] for row in pairs]
    if any(len(row) != len(wrt) for row in blocks) or len(blocks) != len(wrt):
        raise ArgumentError(f"a Hessian has a block for each two of {listed(wrt)}, or is one matrix")
    return blocks


def _like(function: Callable[..., Any], original: UserFunction, names: list[str]) -> Callable[..., Any]:
    """Return the function with these arguments, in whose original NumPy is replaced while it is traced."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    function.__dict__["__signature__"] = inspect.Signature([inspect.Parameter(name, kind) for name in names])
    function.__dict__["__wrapped__"] = inspect.unwrap(getattr(original, "__func__", original))
    return function


# a diagonal


def _point(reader: CodeReader, seed: int | None) -> Any:
    spec = reader.spec
    return draw_point(spec, distinct_sizes(spec), np.random.default_rng(seed), None)


def _is_diagonal(reader: CodeReader, function: UserFunction) -> bool:
    """Return True if the function returns a second derivative for each entry, in the shapes of the parameters."""
    spec = reader.spec
    values = spec.given(_point(reader, 0).values)
    own = parameters_of(function, "hessian")
    with np.errstate(all="ignore"):
        found = function(**{name: value for name, value in values.items() if name in own})
    items: list[Any] = [found]
    if isinstance(found, Mapping | tuple | list):
        items = list(found.values() if isinstance(found, Mapping) else found)
    shapes = [np.shape(values[name]) for name in spec.wrt]
    nested = any(isinstance(item, Mapping | tuple | list) for item in items)
    return not nested and [np.shape(item) for item in items] == shapes


def _diagonal(reader: CodeReader, function: UserFunction, seed: int | None) -> CodeCheck:
    """Return the check of the diagonal of a Hessian by differences of the gradient."""
    spec, point = reader.spec, _point(reader, seed)
    cost, gradients = cost_and_gradients(reader.code, spec)
    own = parameters_of(function, "hessian")
    names = [name for name in own if name in spec.names]

    def diagonal(**values: Any) -> Any:
        found = function(**{name: spec.given(values)[name] for name in names})
        return _named(found, spec.wrt)

    found = check_gradients(cost, gradients, point.params(spec), hessian=diagonal, data=point.data(spec), seed=seed)
    blocks = tuple(block for block in found.blocks if block.is_second)
    named = [block.mistake for block in blocks if block.mistake]
    kinds = tuple(dict.fromkeys(kind for block in blocks for kind in block.mistake_kinds))
    verdict = worst_of({block.verdict for block in blocks})
    check = replace(found, verdict=verdict, blocks=blocks)
    return CodeCheck(verdict, Level.NUMBERS, "; ".join(named), check=check, mistake_kinds=kinds)


def _named(found: Any, wrt: tuple[str, ...]) -> Any:
    items = list(found) if isinstance(found, tuple | list) else [found]
    return found if isinstance(found, Mapping) else dict(zip(wrt, items, strict=True))
