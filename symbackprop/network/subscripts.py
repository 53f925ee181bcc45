"""Parts of arrays in texts: places, slices, new axes, lists of places, and index arrays."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sympy import Integer, Mul

from symbackprop.errors import NetworkError
from symbackprop.expressions.aliases import Expression, Matrix, Size
from symbackprop.expressions.gathers import reshaped
from symbackprop.expressions.operations import axis_of
from symbackprop.expressions.shapes import is_matrix, is_room
from symbackprop.network import numpy_semantics as arithmetic
from symbackprop.network.array_functions import concatenate, flip, stack, steps_within, strided
from symbackprop.network.index_arrays import Counted, Index, along_axis, at_indices
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.numpy_parser import quote
from symbackprop.parsing.syntax_tree import Node
from symbackprop.parsing.unparse import to_source
from symbackprop.printing.text import typed

_COUNTED = {"arange", "range", "np.arange", "numpy.arange", "jnp.arange"}


class Subscripts:
    """The meaning of `array[…]`.

    Args:
        value: the function that returns the expression of a syntax tree.
        index_names: the one-hot rows of each index array, by its name.
    """

    def __init__(self, value: Callable[[Node], Expression], index_names: Mapping[str, Matrix]):
        self.value = value
        self.index_names = index_names

    def part(self, matrix: Expression, indices: Sequence[Node]) -> Expression:
        """Return the part of an array that indices pick."""
        if not is_matrix(matrix):
            raise NetworkError(f"{typed(matrix)} is a scalar, which has no parts")
        keys = self._complete(indices, len(matrix.shape))
        lists = [k for k, key in enumerate(keys) if isinstance(key, tree.Group)]
        if lists:
            return self._stacked(matrix, keys, lists)
        found = {k: index for k, key in enumerate(keys) if (index := self._index(key, matrix, k)) is not None}
        return self._at_indices(matrix, keys, found) if found else self._plain(matrix, keys)

    def _plain(self, matrix: Matrix, keys: Sequence[Node | None]) -> Expression:
        sizes: list[Size] = []
        axis = 0
        for each in keys:
            if each is None:
                sizes.append(Integer(1))
                continue
            if isinstance(each, tree.SlicedAxis):
                matrix = self._sliced(matrix, axis, each)
                sizes.append(matrix.shape[axis])
            else:
                at = self._place(matrix.shape[axis], each)
                matrix = arithmetic.part(matrix, axis, at, at + 1)
            axis += 1
        return reshaped(matrix, sizes) if sizes else arithmetic.total(matrix)

    # index arrays

    def index(self, node: Node | None) -> Matrix | None:
        """Return the one-hot rows of an index array, such as y, y[:, None] or y.ravel(); None for any other formula."""
        match node:
            case tree.Name(base=name):
                return self.index_names.get(name)
            case tree.Subscript(base=base, indices=indices) if (rows := self.index(base)) is not None:
                return self.part(rows, (*indices, tree.SlicedAxis()))
            case tree.Call(function=tree.Attribute(base=base, name="ravel" | "flatten" | "reshape" as name)) if (
                rows := self.index(base)
            ) is not None:
                if name == "reshape" and [to_source(each, "numpy") for each in node.arguments] != ["-1"]:
                    raise NetworkError(f"[{_quoted(node)}]: an index keeps its shape, or is put into one axis by -1")
                return reshaped(rows, (Mul(*rows.shape[:-1]), rows.shape[-1]))
            case tree.Call(function=tree.Attribute(base=base, name="astype")):
                return self.index(base)
        return None

    def _index(self, key: Node | None, matrix: Matrix, axis: int) -> Index | None:
        """Return the index array of a key, or all places in order; None for a place or a slice."""
        match key:
            case tree.Call(function=function, arguments=(count,), keywords=()) if (
                to_source(function, "numpy").replace(" ", "") in _COUNTED
            ):
                if self.value(count) != matrix.shape[axis]:
                    raise NetworkError(
                        f"[{_quoted(key)}]: axis {axis} of {typed(matrix)} has {matrix.shape[axis]} entries; "
                        f"arange({matrix.shape[axis]}) is all of them"
                    )
                return Counted((matrix.shape[axis],))
            case tree.Subscript(base=base, indices=indices) if isinstance(base, tree.Call):
                counted = self._index(base, matrix, axis)
                if isinstance(counted, Counted):
                    return Counted(tuple(Integer(1) if _is_literal(k, None) else matrix.shape[axis] for k in indices))
        return self.index(key)

    def _at_indices(self, matrix: Matrix, keys: list[Node | None], found: dict[int, Index]) -> Expression:
        """Return the part at index arrays, after slices and places of the other axes."""
        if None in keys:
            raise NetworkError(
                "a new axis stands beside an index array; write it in brackets of its own, as in E[y][:, None]"
            )
        whole = [tree.SlicedAxis() if k in found else key for k, key in enumerate(keys)]
        single = [k for k, key in enumerate(whole) if not isinstance(key, tree.SlicedAxis)]
        picked = sorted([*single, *found])
        if single and picked != list(range(picked[0], picked[-1] + 1)):
            raise NetworkError("a slice stands between an index array and a place; write them in brackets of their own")
        left = self._plain(matrix, whole)
        moved = {k - sum(s < k for s in single): index for k, index in found.items()}
        return at_indices(left, moved)

    def _stacked(self, matrix: Matrix, keys: list[Node | None], lists: list[int]) -> Expression:
        """Return the parts at a list of places, one after the other, or the entries at several lists."""
        groups = [key.items for key in keys if isinstance(key, tree.Group)]
        if any(not isinstance(one, tree.Number | tree.Add) for group in groups for one in group) or not groups[0]:
            raise NetworkError("a list in brackets has whole numbers, as in A[:, [0, 2]]")
        if len(lists) == 1:
            rows = [self._plain(matrix, [*keys[: lists[0]], _line(one), *keys[lists[0] + 1 :]]) for one in groups[0]]
            axis = sum(key is None or isinstance(key, tree.SlicedAxis) for key in keys[: lists[0]])
            return concatenate(rows, axis)
        if len(lists) < len(keys) or len(set(map(len, groups))) > 1:
            raise NetworkError("several lists in brackets have as many places each, and there is one for each axis")
        entries = [self._plain(matrix, list(places)) for places in zip(*groups, strict=True)]
        return stack(tuple(entries))

    # calls of index arrays

    def called(self, name: str, arguments: Sequence[Node], keywords: Mapping[str, Node]) -> Expression | None:
        """Return the value of a function of an index array, such as take(E, y, axis=0); None for any other call."""
        rows = [found for node in arguments if (found := self.index(node)) is not None]
        if name not in _OF_INDEX or not rows:
            return None
        others = [node for node in arguments if self.index(node) is None]
        if "axis" in keywords:
            others = [*others[:1], keywords["axis"]]
        return _OF_INDEX[name](self, rows, others)

    def _taken(self, rows: list[Matrix], others: list[Node]) -> Expression:
        array = self.value(others[0])
        axis = self.value(others[1]) if len(others) > 1 else None
        if axis is None and len(array.shape) > 1:
            raise NetworkError("take without an axis counts all entries; take(E, y, axis=0) takes rows")
        return at_indices(array, {axis_of(axis or 0, len(array.shape)): rows[0]})

    def _along(self, rows: list[Matrix], others: list[Node]) -> Expression:
        if len(others) < 2:
            raise NetworkError("take_along_axis has an axis, as in take_along_axis(z, y[:, None], axis=1)")
        return along_axis(self.value(others[0]), rows[0], self.value(others[1]))

    def _equal(self, rows: list[Matrix], others: list[Node]) -> Expression:
        """Return the mask of y == 2, of y == x for two index arrays, and of y[:, None] == arange(K)."""
        one, last = rows[0], len(rows[0].shape) - 1
        if not others:
            product = arithmetic.times(*rows)
            last = len(product.shape) - 1
            return reshaped(arithmetic.total(product, last), product.shape[:-1]) if last else arithmetic.total(product)
        other = others[0]
        if one.shape[-2:-1] == (1,) and isinstance(self._index(other, one, last), Counted):
            return reshaped(one, (*one.shape[:-2], one.shape[-1]))
        if isinstance(other, tree.Number):
            return self._plain(one, [*[tree.SlicedAxis()] * last, other])
        raise NetworkError(f"an index array is compared with {_quoted(other)}; with a number, as in y == 2, it can be")

    # places and slices

    def _complete(self, indices: Sequence[Node], ndim: int) -> list[Node | None]:
        """Return an index for each axis, and None for each new axis of one entry."""
        found: list[Node | None] = []
        named = sum(not _is_literal(index, None, Ellipsis) for index in indices)
        if named > ndim:
            quoted = ", ".join(map(_quoted, indices))
            what = "rows and columns, no more" if ndim == 2 else f"{ndim} {'axis' if ndim == 1 else 'axes'}, no more"
            raise NetworkError(f"[{quoted}]: {'a matrix' if ndim == 2 else 'this array'} has {what}")
        rest = [tree.SlicedAxis() for _ in range(ndim - named)]
        for index in indices:
            if _is_literal(index, Ellipsis):
                found += rest
                rest = []
            else:
                found.append(None if _is_literal(index, None) else index)
        return found + rest

    def _place(self, size: Size, node: Node) -> Size:
        """Return an index such as 0, -1 or T - 1 as the place on an axis, counted from its start."""
        at = self._whole_number(node, node)
        at = size + at if at.is_negative else at
        if not (is_room(at) and is_room(size - 1 - at)):
            raise NetworkError(
                f"[{_quoted(node)}]: the axis has {size} entries, and this is not one of them whatever the sizes are, "
                "if they are large enough"
            )
        return at

    def _whole_number(self, node: Node, whole: Node) -> Size:
        value = self.value(node)
        if is_matrix(value) or not value.is_integer:
            raise NetworkError(f"[{_quoted(whole)}]: {typed(value)} is not a whole number whatever the sizes are")
        return value

    def _sliced(self, matrix: Matrix, axis: int, node: tree.SlicedAxis) -> Matrix:
        """Return the part of an array that a slice along an axis gives."""
        size = matrix.shape[axis]
        step = Integer(1) if node.step is None else self._whole_number(node.step, node)
        if step.is_negative:
            if node.first is not None or node.last is not None or step != -1:
                raise NetworkError(f"[{_quoted(node)}]: only ::-1, which turns an axis round, has a negative step")
            return flip(matrix, axis)
        start, stop = (
            end if bound is None else self._whole_number(bound, node)
            for bound, end in ((node.first, Integer(0)), (node.last, size))
        )
        start, stop = (size + bound if bound.is_negative else bound for bound in (start, stop))
        if step == 1:
            return arithmetic.part(matrix, axis, start, stop)
        return strided(matrix, axis, start, step, steps_within(stop - start, step))


_OF_INDEX: dict[str, Callable[[Subscripts, list[Matrix], list[Node]], Expression]] = {
    "len": lambda at, rows, _: rows[0].shape[0],
    "one_hot": lambda at, rows, _: rows[0],
    "take": Subscripts._taken,
    "take_along_axis": Subscripts._along,
    "equal": Subscripts._equal,
    "not_equal": lambda at, rows, others: arithmetic.minus(Integer(1), at._equal(rows, others)),
}


def _line(place: Node) -> Node:
    """Return the slice of one place."""
    after = tree.Add(signs=(1, 1), terms=(place, tree.number(1)))
    is_last = to_source(place, "numpy").replace(" ", "") == "-1"
    return tree.SlicedAxis(first=place, last=None if is_last else after)


def _is_literal(node: Any, *values: object) -> bool:
    """Return True for a literal; np.newaxis is None."""
    if isinstance(node, tree.Attribute) and node.name == "newaxis":
        return None in values
    return isinstance(node, tree.Literal) and any(node.value is value for value in values)


def _quoted(node: Node) -> str:
    return quote(to_source(node, "numpy"))
