"""The gradients in what the user's code returns, or leaves behind: by name, in order, or in one vector."""

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, islice, permutations
from typing import Any

import numpy as np

from symbackprop.errors import ArgumentError, listed
from symbackprop.tracing.results import Item, is_same, items_in, shape_of
from symbackprop.tracing.structure import Path

Forms = tuple[str, ...]
GRADIENT: Forms = (
    *("d{}", "djd{}", "dld{}", "dlossd{}", "dcostd{}", "dcd{}", "ded{}", "dedd{}", "grad{}", "gradient{}", "g{}"),
    *("{}grad", "{}gradient", "nabla{}", "{}bar", "{}diff", "diff{}"),
)
UPDATED: Forms = ("new{}", "{}new", "updated{}", "{}updated", "next{}", "{}next")
_HOLDERS = re.compile(r"grad|^(g|nabla|derivatives|partials)$", re.IGNORECASE)  # names of containers of gradients
_MOST_ITEMS = 14
_MOST_WAYS = 3000


@dataclass(frozen=True)
class Wanted:
    """The parameters whose gradients are wanted: the path and the shape of each, and the forms of a gradient's name."""

    paths: Mapping[str, Path]
    shapes: Mapping[str, tuple[int, ...]]
    forms: Forms = GRADIENT

    @property
    def names(self) -> list[str]:
        """The names of the parameters, in order."""
        return list(self.paths)

    def only(self, names: Iterable[str]) -> "Wanted":
        """Return some of the parameters."""
        return Wanted({name: self.paths[name] for name in names}, self.shapes, self.forms)


def gradients_in(
    result: object,
    wanted: Wanted,
    *,
    labels: Sequence[str] = (),
    cost: Path = (),
    left: Sequence[Item] = (),
    remark: Callable[[str], None] = lambda _: None,
) -> dict[str, object]:
    """Return the gradient of each parameter.

    Args:
        result: what the gradient function returned.
        wanted: the parameters.
        labels: the names in its return statement.
        cost: the place of the cost in the result, if that contains both.
        left: what the code has set in its object, or changed in place.
        remark: is called with sentences about ignored results.

    Raises:
        ArgumentError: the gradients cannot be assigned to the parameters without guessing.
    """
    if inspect.isgenerator(result) or inspect.iscoroutine(result):
        raise _missing(f"a {type(result).__name__}", wanted)
    apart = any(shape == () for shape in wanted.shapes.values())
    items = [i for i in items_in(result, labels, numbers_apart=apart) if not cost or i.path[:1] != cost]
    plain, keyed = [i for i in items if not i.is_named], [i for i in items if i.is_named]
    named = {name: item.value for name, item in named_items(keyed, wanted).items()}
    remaining = wanted.only(name for name in wanted.names if name not in named)
    if not remaining.names:
        return named
    stored = {name: item.value for name, item in named_items(gradient_items(left, wanted), remaining).items()}
    ordered = {} if keyed else _in_order(plain, wanted, remark)
    if ordered and (len(stored) < len(wanted.names) or _fit(ordered, wanted)):
        _require_one_meaning(ordered, stored, wanted)
        return ordered
    found = named | stored
    remaining = wanted.only(name for name in wanted.names if name not in found)
    if not remaining.names:
        return found
    taken = [id(value) for value in found.values()]
    rest = plain or [item for item in keyed if id(item.value) not in taken]
    if not rest and found and wanted.forms is UPDATED:
        raise ArgumentError(
            f"the gradient updates {listed(found)} and leaves {listed(remaining.names)} unchanged; "
            "update each parameter that wrt names, or leave it out of wrt"
        )
    if not rest:
        raise _missing("nothing" if result is None else "no array", remaining)
    return found | _by_shape(rest, remaining, remark)


def _missing(what: str, wanted: Wanted) -> ArgumentError:
    names = wanted.names
    return ArgumentError(
        f"the gradient returns {what}; the gradients with respect to {listed(names)} are expected, as in "
        f"return {', '.join(f'd{name}' for name in names)}"
    )


# By name


def named_items(items: Sequence[Item], wanted: Wanted) -> dict[str, Item]:
    """Return the arrays whose keys name the gradient of a parameter, such as dW1, grad_W1, W1_grad, or W1 itself."""
    found = {}
    for name in wanted.names:
        for fold in (str, str.lower):  # as it is written, or else in any case
            exact = fold is str
            matches = [item for item in items if exact or not _is_another(item, name, wanted)]
            close = [i for i in matches if _names(i.path, name, wanted, wanted.forms, fold)]
            close = close or [i for i in matches if _names(i.path, name, wanted, ("{}",), fold)]
            if close:
                found[name] = _chosen(close, name, wanted)
                break
    return found


def _is_another(item: Item, name: str, wanted: Wanted) -> bool:
    return any(_names(item.path, n, wanted, (*wanted.forms, "{}"), str) for n in wanted.names if n != name)


def _names(path: Path, name: str, wanted: Wanted, forms: Forms, fold: Callable[[str], str]) -> bool:
    """Return True if the last keys of a path are a form of the last keys of a parameter's own path."""
    others = tuple(other for n, other in wanted.paths.items() if n != name)
    return not _endings(path, fold).isdisjoint(_texts(wanted.paths[name], others, forms, fold))


@lru_cache(maxsize=4096)
def _endings(path: Path, fold: Callable[[str], str]) -> frozenset[str]:
    return frozenset(fold(_letters(path[-k:])) for k in range(1, len(path) + 1))


@lru_cache(maxsize=4096)
def _texts(own: Path, others: tuple[Path, ...], forms: Forms, fold: Callable[[str], str]) -> frozenset[str]:
    """Return the names that a gradient may have: all forms of the last keys of a parameter's path."""
    found: set[str] = set()
    for k in range(1, len(own) + 1):
        if any(other[-k:] == own[-k:] for other in others):
            continue  # two parameters end like this
        head, last, whole = _letters(own[-k:-1]), _letters(own[-1:]), _letters(own[-k:])
        found |= {fold(text) for form in forms for text in (head + form.format(last), form.format(whole))}
    return frozenset(found)


def _letters(keys: Iterable[str | int]) -> str:
    return re.sub(r"[^A-Za-z0-9]", "", "".join(map(str, keys))) or "".join(map(str, keys))


def _chosen(items: Sequence[Item], name: str, wanted: Wanted) -> Item:
    """Return the only item that can be the gradient of a parameter.

    Raises:
        ArgumentError: several can.
    """
    holder = wanted.paths[name][:-1]
    for prefer in (
        lambda item: item.path[:-1] == holder,
        lambda item: any(_HOLDERS.search(str(key)) for key in (item.label, *item.path[:-1])),
        lambda item: True,
    ):
        preferred = [item for item in items if prefer(item)]
        if preferred and all(is_same(item.value, preferred[0].value) for item in preferred):
            return preferred[0]
    raise ArgumentError(
        f"{listed(items, 'or')} may be the gradient with respect to {name}: return one of them alone, as d{name}"
    )


def gradient_items(left: Sequence[Item], wanted: Wanted) -> list[Item]:
    """Return what may be a gradient: self.dW, or W in something like self.grads; but not self.W itself."""
    if wanted.forms is not GRADIENT:
        return list(left)
    return [item for item in left if _is_gradient(item, wanted) or any(_HOLDERS.search(str(k)) for k in item.path[:-1])]


def _is_gradient(item: Item, wanted: Wanted) -> bool:
    return any(_names(item.path, name, wanted, wanted.forms, str.lower) for name in wanted.names)


# In order


def _in_order(items: Sequence[Item], wanted: Wanted, remark: Callable[[str], None]) -> dict[str, object]:
    """Return the results in the order of the parameters, after a cost if that comes first; {} if there are others."""
    after_cost = items[1:] if len(items) > 1 and items[0].shape == () else ()
    ways = [way for way in (items, after_cost) if len(way) == len(wanted.names)]
    if not any(_is_order(way, wanted, loosely=True) for way in ways) and (vector := _vector(items, wanted, remark)):
        return vector
    if not ways:
        return {}
    chosen = next((way for way in ways if _is_order(way, wanted)), ways[0])
    if not _is_order(chosen, wanted):
        others = [way for way in islice(permutations(chosen), _MOST_WAYS) if _is_order(way, wanted)]
        if len(others) == 1 and _labelled(others[0], wanted):
            chosen = others[0]
            remark(f"the gradients are taken by their names, {listed(chosen)}, not in the order of wrt")
    return {name: item.value for name, item in zip(wanted.names, chosen, strict=True)}


def _is_order(items: Sequence[Item], wanted: Wanted, *, loosely: bool = False) -> bool:
    """Return True if the results have the shapes of the parameters; loosely, up to axes of one entry."""
    shapes = ((item.shape, wanted.shapes[name]) for item, name in zip(items, wanted.names, strict=True))
    return all(a == b or (loosely and [n for n in a if n != 1] == [n for n in b if n != 1]) for a, b in shapes)


def _labelled(items: Sequence[Item], wanted: Wanted) -> bool:
    """Return True if the return statement has, for each result, the name of the gradient of its parameter."""
    return all(
        item.label and _names((item.label,), name, wanted, wanted.forms, str.lower)
        for name, item in zip(wanted.names, items, strict=True)
    )


def _fit(found: Mapping[str, object], wanted: Wanted) -> bool:
    """Return True if each gradient has as many entries as its parameter."""
    return all(np.prod(shape_of(value)) == np.prod(wanted.shapes[name]) for name, value in found.items())


def _vector(items: Sequence[Item], wanted: Wanted, remark: Callable[[str], None]) -> dict[str, object]:
    """Return the gradients in the only result that is a vector of all of them; {} if there is none."""
    found = [(item, parts) for item in items if len(wanted.names) > 1 and (parts := _split(item.value, wanted))]
    if len(found) != 1:
        return {}
    _remark_on_others([found[0][0]], [item for item in items if item.shape != ()], remark)
    return found[0][1]


def _split(value: Any, wanted: Wanted) -> dict[str, object]:
    """Return the gradients in a vector that contains all of them, or {} for any other array."""
    sizes = [int(np.prod(wanted.shapes[name])) for name in wanted.names]
    if hasattr(value, "pieces"):
        same = len(value.pieces) == len(wanted.names)
        return dict(zip(wanted.names, value.pieces, strict=True)) if same else {}
    array = np.asarray(value) if isinstance(value, list) else value
    if shape_of(array) != (sum(sizes),):
        return {}
    ends = np.cumsum(sizes)
    return {
        name: array[end - size : end].reshape(wanted.shapes[name])
        for name, size, end in zip(wanted.names, sizes, ends, strict=True)
    }


def _require_one_meaning(ordered: Mapping[str, object], stored: Mapping[str, object], wanted: Wanted) -> None:
    """Raise ArgumentError if gradients are returned, and others are left on the object."""
    for name, value in stored.items():
        if not is_same(value, ordered[name]) and np.prod(shape_of(value)) == np.prod(wanted.shapes[name]):
            raise ArgumentError(
                f"the gradient returns an array of the shape of {name}, and leaves another one on the object under the "
                f"name of the gradient with respect to {name}: return the one that is meant as {{'d{name}': …}}"
            )


# By shape


def _by_shape(items: Sequence[Item], wanted: Wanted, remark: Callable[[str], None]) -> dict[str, object]:
    """Return the only results in order that have the shapes of the parameters; the others are ignored.

    Raises:
        ArgumentError: there are none, or several.
    """
    names = wanted.names
    outer = [item for item in items if len(item.path) < 2]
    for some, loosely in ((outer, False), (items, False), (outer, True), (items, True)):
        ways = [way for way in _ways(some, len(names)) if _is_order(way, wanted, loosely=loosely)]
        ways = [way for way in ways if _labelled(way, wanted)] or ways
        if len(ways) > 1:
            what = "none of which is named as" if any(i.is_named for i in items) else "of which several may be"
            raise ArgumentError(
                f"the gradient returns {_described(items)}, {what} the gradient with respect to {listed(names, 'or')}: "
                f"return it by name, as in {{'d{names[0]}': …}}"
            )
        if ways:
            _remark_on_others(ways[0], items, remark)
            return {name: item.value for name, item in zip(names, ways[0], strict=True)}
    if any(item.is_named for item in items):
        raise ArgumentError(
            f"the gradient returns {_described(items)}, none of which is named as the gradient with respect to "
            f"{listed(names, 'or')}: return it by name, as in {{'d{names[0]}': …}}"
        )
    if len(items) == 1:
        total = sum(int(np.prod(wanted.shapes[name])) for name in names)
        raise ArgumentError(
            f"the gradient returns one array of shape {items[0].shape}, but wrt names {len(names)} parameters: "
            f"{listed(names)}; return one array for each, or a vector of all {total} entries"
        )
    raise ArgumentError(
        f"the gradient returns {len(items)} arrays, but wrt names {len(names)}: {listed(names)}; the arrays are "
        f"{_described(items)}"
    )


def _ways(items: Sequence[Item], count: int) -> Iterable[Sequence[Item]]:
    return islice(combinations(items[:_MOST_ITEMS], count), _MOST_WAYS)


def _remark_on_others(taken: Sequence[Item], items: Sequence[Item], remark: Callable[[str], None]) -> None:
    others = [item for item in items if all(item is not one for one in taken)]
    if others:
        are = "is" if len(others) == 1 else "are"
        remark(f"the gradients are taken from {listed(taken)}; {listed(others)} {are} ignored")


def _described(items: Iterable[Item]) -> str:
    return listed(f"{item} of shape {item.shape}" for item in items)
