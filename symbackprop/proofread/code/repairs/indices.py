"""Edits of indices: a step too early or late, a stride, a flip, an axis."""

import ast
from collections.abc import Iterator, Sequence

import numpy as np

from symbackprop.kinds import MistakeKind
from symbackprop.proofread.code.repairs.edits import Edit, Scope, edit, full, is_loaded

_REDUCTIONS = (
    *("sum", "mean", "var", "std", "max", "min", "amax", "amin", "prod", "average", "norm", "argmax"),
    *("cumsum", "softmax", "log_softmax", "logsumexp"),
)
_AXES: tuple[int | None, ...] = (0, 1, -1, 2, None, -2)


def _elements(node: ast.Subscript) -> list[ast.expr]:
    return list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]


def _subscript(node: ast.Subscript, elements: Sequence[ast.expr]) -> ast.Subscript:
    chosen = ast.Tuple([*elements], ast.Load()) if isinstance(node.slice, ast.Tuple) else elements[0]
    return ast.copy_location(ast.Subscript(node.value, chosen, node.ctx), node)


def offset(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield indices and slices that are moved by one."""
    if not isinstance(node, ast.Subscript):
        return
    elements = _elements(node)
    for by in (-1, 1):
        moved = [_moved(element, by, scope) for element in elements]
        when = f"one step {'late' if by < 0 else 'early'}"
        choices = [[k] for k, new in enumerate(moved) if new is not None]
        for places in (*choices, [k for each in choices for k in each]) if len(choices) > 1 else choices:
            new = [moved[k] if k in places else element for k, element in enumerate(elements)]
            is_step = any(_names(elements[k]) & scope.loops for k in places)
            changed = _subscript(node, [element for element in new if element is not None])
            yield from edit(node, changed, when if is_step else "", MistakeKind.QUANTITY)
    for k, element in enumerate(elements):
        for new_slice in _other_ends(element):
            yield from edit(
                node, _subscript(node, [*elements[:k], new_slice, *elements[k + 1 :]]), "", MistakeKind.SOME_ENTRIES
            )


def wraparound(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield 0 for the step before the first one of a loop, where the index −1 names the last."""
    if not isinstance(node, ast.Subscript) or not is_loaded(node) or not isinstance(node.slice, ast.BinOp):
        return
    text, index = ast.unparse(node), ast.unparse(node.slice)
    if _names(node.slice) & scope.loops and isinstance(node.slice.op, ast.Sub):
        what = f"where {index} is −1, it is the last one, not the one before the first"
        yield from edit(node, f"({text} if {index} >= 0 else 0 * {text})", what, MistakeKind.QUANTITY)


def _names(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _moved(element: ast.expr, by: int, scope: Scope) -> ast.expr | None:
    """Return an index or a slice moved by ±1, or None if it is neither."""
    if isinstance(element, ast.Slice):
        ends = [_plus(end, by) if end is not None else None for end in (element.lower, element.upper)]
        return ast.Slice(ends[0], ends[1], element.step) if any(ends) else None
    is_index = isinstance(element, ast.Constant) and type(element.value) is int
    if is_index or isinstance(element, ast.UnaryOp):
        return _plus(element, by)
    names = _names(element)
    known = names and all(name in scope.loops or _is_integer(scope.terms.get(name)) for name in names)
    return _plus(element, by) if known and isinstance(element, ast.Name | ast.BinOp) else None


def _is_integer(value: object) -> bool:
    return isinstance(value, int | np.integer)


def _plus(node: ast.expr, by: int) -> ast.expr:
    """Return an index plus a number, in its simplest form."""
    number = _number(node)
    if number is not None:
        return _constant(number + by)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        own = _number(node.right)
        if own is not None:
            total = (own if isinstance(node.op, ast.Add) else -own) + by
            return _sum(node.left, total)
    return _sum(node, by)


def _sum(node: ast.expr, number: int) -> ast.expr:
    if number == 0:
        return node
    return ast.BinOp(node, ast.Add() if number > 0 else ast.Sub(), ast.Constant(abs(number)))


def _number(node: ast.expr | None) -> int | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    return None


def _constant(number: int) -> ast.expr:
    return ast.Constant(number) if number >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-number))


def _other_ends(element: ast.expr) -> Iterator[ast.Slice]:
    """Yield a slice with other ends: [1:], [:-1], [:]."""
    if not isinstance(element, ast.Slice) or element.step is not None:
        return
    lower, upper = element.lower, element.upper
    one = ast.Constant(1)
    for low, high in (
        *((None, None), (one, None), (None, _constant(-1))),
        *((None if lower is None else _plus(lower, -1), upper), (lower, None if upper is None else _plus(upper, 1))),
        *((None if lower is None else _plus(lower, 1), upper), (lower, None if upper is None else _plus(upper, -1))),
    ):
        yield ast.Slice(low, high, None)


def bounds(node: ast.AST, _: Scope) -> Iterator[Edit]:
    """Yield loops that run one step more or less."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range" and node.args:
        args = list(node.args)
        for k in range(min(len(args), 2)):
            for by in (1, -1):
                new = ast.Call(node.func, [*args[:k], _plus(args[k], by), *args[k + 1 :]], [])
                yield from edit(node, new, "the loop has the wrong ends", MistakeKind.SOME_ENTRIES)
        if len(args) == 1:
            new = ast.Call(node.func, [ast.Constant(1), args[0]], [])
            yield from edit(node, new, "the loop has the wrong ends", MistakeKind.SOME_ENTRIES)


# Strides


def stride(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield indices times a stride, or without one."""
    if not isinstance(node, ast.Subscript):
        return
    elements = _elements(node)
    base = ast.unparse(node.value)
    for step in scope.strides:
        left_out, too_much = f"the stride {step} is left out", f"the stride {step} is too much"
        for scaled, said in ((_times, left_out), (_spread, left_out), (_without, too_much)):
            changed = [scaled(element, step, scope.loops) for element in elements]
            places = [k for k, new in enumerate(changed) if new is not None]
            for chosen in (places, *([k] for k in places)) if len(places) > 1 else [places] if places else ():
                new = [changed[k] if k in chosen else element for k, element in enumerate(elements)]
                made = _subscript(node, [element for element in new if element is not None])
                group = f"{said} in {base} {scaled.__name__}" if chosen == places else ""
                yield from edit(node, made, said, MistakeKind.QUANTITY, group=group)


def _times(element: ast.expr, step: str, loops: set[str]) -> ast.expr | None:
    """Return an index or a slice with `step * i` for each loop variable `i`, or None without one."""
    if not _names(element) & loops:
        return None
    if isinstance(element, ast.Slice):
        ends = [None if end is None else _scaled(end, step, loops) for end in (element.lower, element.upper)]
        return ast.Slice(ends[0], ends[1], element.step)
    return _scaled(element, step, loops)


def _spread(element: ast.expr, step: str, loops: set[str]) -> ast.expr | None:
    """Return the slice k : k + step * n : step for k : k + n, or None for any other index."""
    low, high = (element.lower, element.upper) if isinstance(element, ast.Slice) else (None, None)
    if not isinstance(element, ast.Slice) or element.step is not None or low is None:
        return None
    if isinstance(high, ast.BinOp) and isinstance(high.op, ast.Add):
        for own, extent in ((high.left, high.right), (high.right, high.left)):
            if ast.unparse(own) == ast.unparse(low) and not _names(extent) & loops:
                return ast.Slice(low, ast.BinOp(own, ast.Add(), _product(step, extent)), _parsed(step))
    return None


def _without(element: ast.expr, step: str, loops: set[str]) -> ast.expr | None:
    """Return an index or a slice without a stride, or None if it has none."""
    if isinstance(element, ast.Slice) and element.step is not None and ast.unparse(element.step) == step:
        high = _unscaled(element.upper, step, None) if element.upper is not None else None
        return ast.Slice(element.lower, high, None)
    if isinstance(element, ast.Slice):
        ends = [None if e is None else _unscaled(e, step, loops) for e in (element.lower, element.upper)]
        new: ast.expr = ast.Slice(ends[0], ends[1], element.step)
    else:
        new = _unscaled(element, step, loops)
    return new if ast.unparse(new) != ast.unparse(element) else None


def _scaled(node: ast.expr, step: str, loops: set[str]) -> ast.expr:
    """Return an index in which each loop variable is multiplied by the stride; products with the stride stay."""
    if isinstance(node, ast.BinOp):
        if _factor_of(node, step) is not None:
            return node
        return ast.BinOp(_scaled(node.left, step, loops), node.op, _scaled(node.right, step, loops))
    return _product(step, node) if isinstance(node, ast.Name) and node.id in loops else node


def _unscaled(node: ast.expr, step: str, loops: set[str] | None) -> ast.expr:
    """Return an index in which products with the stride are their other factor."""
    if not isinstance(node, ast.BinOp):
        return node
    rest = _factor_of(node, step)
    if rest is not None and (loops is None or _names(rest) & loops):
        return rest
    return ast.BinOp(_unscaled(node.left, step, loops), node.op, _unscaled(node.right, step, loops))


def _factor_of(node: ast.BinOp, step: str) -> ast.expr | None:
    """Return the other factor of a product with the stride, or None."""
    if isinstance(node.op, ast.Mult):
        for own, rest in ((node.left, node.right), (node.right, node.left)):
            if ast.unparse(own) == step:
                return rest
    return None


def _product(step: str, node: ast.expr) -> ast.expr:
    return ast.BinOp(_parsed(step), ast.Mult(), node)


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def strides_in(definition: ast.AST) -> Iterator[str]:
    """Yield what indices are multiplied by, and the steps of slices: 2, stride, self.stride."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Slice) and node.step is not None and (_number(node.step) or 2) > 1:
            yield ast.unparse(node.step)
        if isinstance(node, ast.Subscript | ast.Assign):
            for product in ast.walk(node.slice if isinstance(node, ast.Subscript) else node.value):
                if isinstance(product, ast.BinOp) and isinstance(product.op, ast.Mult):
                    for factor in (product.left, product.right):
                        number = _number(factor)
                        named = isinstance(factor, ast.Name | ast.Attribute) and (
                            isinstance(node, ast.Subscript) or "str" in ast.unparse(factor).lower()
                        )
                        if named or (number is not None and number > 1 and isinstance(node, ast.Subscript)):
                            yield ast.unparse(factor)


# Flips and axes


def flip(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield arrays in the reverse order, or without a reversal."""
    if isinstance(node, ast.Subscript):
        elements = _elements(node)
        kept = [e for e in elements if not (isinstance(e, ast.Slice) and _number(e.step) == -1)]
        if len(kept) < len(elements) and all(isinstance(e, ast.Slice) or _is_ellipsis(e) for e in kept):
            yield from edit(node, node.value, "it is reversed where it must not be", MistakeKind.ORDER)
    if isinstance(node, ast.Call) and node.args and _called(node) in ("flip", "rot90", "flipud", "fliplr"):
        yield from edit(node, node.args[0], "it is flipped where it must not be", MistakeKind.ORDER)
    array = scope.arrays.get(ast.unparse(node)) if isinstance(node, ast.Name | ast.Attribute) else None
    if array is not None and is_loaded(node) and not isinstance(scope.parent(node), ast.Subscript | ast.Attribute):
        for form in ("[::-1]", "[::-1, ::-1]", "[..., ::-1, ::-1]")[: min(array.ndim, 3)]:
            yield from edit(
                node, f"{full(node)}{form}", "the reversal is missing, as of a flipped kernel", MistakeKind.ORDER
            )


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def axis(node: ast.AST, _: Scope) -> Iterator[Edit]:
    """Yield sums, means and the like along another axis."""
    if not isinstance(node, ast.Call):
        return
    named = next((k for k in node.keywords if k.arg == "axis"), None)
    at = next((k for k, arg in enumerate(node.args) if _number(arg) is not None), None)
    if named is None and _called(node) not in _REDUCTIONS:
        return
    present = ast.unparse(named.value) if named else ast.unparse(node.args[at]) if at is not None else "None"
    kept = [k for k in node.keywords if k.arg not in ("axis", "keepdims")]
    args = [arg for k, arg in enumerate(node.args) if named or k != at]
    has_kept = any(k.arg == "keepdims" for k in node.keywords)
    for other in _AXES:
        along = [] if other is None else [ast.keyword("axis", _constant(other))]
        for kept_dims in (True, False) if other is not None else (has_kept, False):
            keep = [ast.keyword("keepdims", ast.Constant(True))] if kept_dims else []
            new = ast.copy_location(ast.Call(node.func, args, [*along, *keep, *kept]), node)
            if str(other) != present or kept_dims != has_kept:
                what, kind = _what(present, other)
                if _called(node) not in ("sum", "mean"):
                    what = "along the wrong axis"
                group = f"{_called(node)} axis {present} → {other} {kept_dims}"
                yield from edit(node, new, what, kind, group=group)


def _what(present: str, other: int | None) -> tuple[str, MistakeKind]:
    """Return the words and the kind of a sum along one axis (None for all) that must be along another."""
    if str(other) == present:
        return "an axis that is not kept", MistakeKind.AXIS
    if present == "None":
        return "a sum over all axes that must be along one", MistakeKind.EXTRA_SUM
    if other is None:
        return "a sum along one axis that must be over all", MistakeKind.MISSING_SUM
    return "a sum along the wrong axis", MistakeKind.AXIS
