"""Edits of names and statements: another variable, an update too early, an order, a sum that is overwritten."""

import ast
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from symbackprop.kinds import Kinds, MistakeKind
from symbackprop.proofread.code.repairs.edits import Edit, Scope, edit, is_loaded, line_of, shown, worded

_MOST_NAMES = 16


def name(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield another variable of the same shape in the place of a variable."""
    text = ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute | ast.Subscript) and is_loaded(node) else ""
    parent = scope.parent(node)
    if isinstance(node, ast.Subscript) and text:
        yield from _step_of_another(node, scope)
    if (
        text not in scope.terms
        or text in scope.loops
        or (isinstance(parent, ast.Attribute) and isinstance(node, ast.Name) and np.ndim(scope.terms[text]) == 0)
    ):
        return
    shape = np.shape(scope.terms[text])
    others = [n for n, v in scope.terms.items() if n != text and np.shape(v) == shape]
    for other in others[:_MOST_NAMES]:
        old = updated_from(text, other, scope)
        what = f"{text} is {other} with the weights already updated" if old else ""
        kinds: Kinds = (MistakeKind.UPDATED,) if old else (MistakeKind.QUANTITY,)
        if isinstance(parent, ast.Compare) and ast.unparse(parent.comparators[0]) in ("0", "0.0"):
            what = f"relu of {text} in place of the mask of relu, that of {other}"
            kinds = (MistakeKind.FUNCTION, MistakeKind.QUANTITY)
        made = edit(node, other, what, *kinds)
        defined = None if what else _defined_for(node, other, scope)
        yield from made if defined is None else (_as_definition(e, defined, other) for e in made)


def _defined_for(node: ast.AST, other: str, scope: Scope) -> ast.Assign | None:
    """Return the assignment of a variable that is used here only, if another variable is known there already.

    A variable of right code is used somewhere: if its one use is wrong, then what it was given is wrong.
    """
    text = ast.unparse(node)
    names = [n for n in ast.walk(scope.source.definition) if isinstance(n, ast.Name)]
    own = [n for n in names if n.id == text]
    if not isinstance(node, ast.Name) or len(own) != 2:
        return None
    defined = next((scope.parent(n) for n in own if not is_loaded(n)), None)
    later = [n for n in names if n.id == other and not is_loaded(n) and line_of(n) >= line_of(defined or n)]
    if not isinstance(defined, ast.Assign) or isinstance(defined.value, ast.Name) or later or not other.isidentifier():
        return None
    return defined


def _as_definition(made: Edit, defined: ast.Assign, other: str) -> Edit:
    """Return the edit of the one use of a variable, told as that of its definition."""
    text = shown(defined.value)
    return replace(made, words=f"with {text} in place of {other}", line=line_of(defined.value), old=text)


def _step_of_another(node: ast.Subscript, scope: Scope) -> Iterator[Edit]:
    """Yield the same step of another list or dictionary of steps: `forget[t]` for `input[t]`."""
    steps = scope.steps
    own = steps.get(ast.unparse(node.value))
    others = [other for other, shape in steps.items() if shape == own and other != ast.unparse(node.value)]
    for other in others[:_MOST_NAMES] if own is not None else ():
        yield from edit(node, f"{other}[{ast.unparse(node.slice)}]", "", MistakeKind.QUANTITY)


def updated_from(new: str, old: str, scope: Scope) -> bool:
    """Return True if a variable is computed from another by a step: `new = W - rate * dW`."""
    for node in scope.nodes:
        if isinstance(node, ast.Assign) and any(ast.unparse(t) == new for t in node.targets):
            value = node.value
            if (
                isinstance(value, ast.BinOp)
                and isinstance(value.op, ast.Sub | ast.Add)
                and ast.unparse(value.left) == old
            ):
                return True
    return False


def statement_too_much(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield a function without one of its statements."""
    if not isinstance(node, ast.Assign | ast.AugAssign):
        return
    nothing: list[ast.stmt] = [ast.Pass()]
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    text = ast.unparse(target)
    held = scope.is_parameter(text)
    made = list(edit(node, nothing, "", MistakeKind.UPDATED if held else MistakeKind.EXTRA_TERM))
    if held:
        yield from worded(made, f"with {text} already updated: {shown(node)} stands before the gradients are computed")
    elif "clip" in ast.unparse(node):
        yield from worded(made, f"with {shown(node)}, which clips the gradient")
    else:
        yield from worded(made, f"with {shown(node)}, which is too much")


def order(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield two statements in the other order, and a statement later in its block."""
    parent = scope.parent(node)
    body = getattr(parent, "body", None)
    if (
        not isinstance(node, ast.Assign | ast.AugAssign)
        or not isinstance(body, list)
        or node not in body
        or parent is None
    ):
        return
    at = body.index(node)
    for later in range(at + 1, min(at + 4, len(body))):
        if isinstance(body[later], ast.Return):
            break
        after = body[later]
        kind = MistakeKind.UPDATED if scope.is_parameter(_target(node)) else MistakeKind.ORDER
        words = f"with {shown(node)} before {shown(after)}, not after it"
        if isinstance(after, ast.AugAssign) and isinstance(after.op, ast.Mult | ast.Div):
            done = "divided" if isinstance(after.op, ast.Div) else "multiplied"
            words += f": it is {done} by {shown(after.value)} too"
        if kind == MistakeKind.UPDATED:
            words += f": {_target(node)} is already updated there"
        changes = ((node, [ast.copy_location(ast.Pass(), node)]), (after, [after, node]))
        yield Edit(words, (kind, MistakeKind.MEAN), changes, line_of(node), shown(node), shown(after), words)


def depth(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield the last statement of a loop after the loop, and the statement after a loop inside of it."""
    body = getattr(scope.parent(node), "body", None)
    if not isinstance(node, ast.For) or node.orelse or not isinstance(body, list):
        return
    last, over, kinds = node.body[-1], shown(node.target), (MistakeKind.ORDER, MistakeKind.EXTRA_SUM)
    if len(node.body) > 1 and isinstance(last, ast.Assign | ast.AugAssign):
        words = f"with {shown(last)} inside the loop over {over}, not after it"
        changes = ((last, [ast.copy_location(ast.Pass(), last)]), (node, [node, last]))
        yield Edit(words, kinds, changes, line_of(last), shown(last), shown(last), words)
    after = body[body.index(node) + 1] if node is not body[-1] else None
    if isinstance(after, ast.Assign | ast.AugAssign):
        words = f"with {shown(after)} after the loop over {over}, not inside of it"
        inner = ast.copy_location(ast.For(node.target, node.iter, [*node.body, after], []), node)
        moved = ((node, [inner]), (after, [ast.copy_location(ast.Pass(), after)]))
        yield Edit(words, kinds, moved, line_of(after), shown(after), shown(after), words)


def _target(node: ast.Assign | ast.AugAssign) -> str:
    return ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)


def accumulation(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield += for =, = for +=, and updates with another sign."""
    target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
    if isinstance(node, ast.Assign) and isinstance(target, ast.Name | ast.Subscript | ast.Attribute):
        kinds = (MistakeKind.MISSING_SUM, MistakeKind.MISSING_TERM)
        for op in (ast.Add(), ast.Sub()):
            yield from edit(
                node, [ast.AugAssign(target, op, node.value)], "the sum is overwritten, not added to", *kinds
            )
        yield from _sum_of_a_loop(node, target, scope)
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.Sub):
        kinds = (MistakeKind.EXTRA_TERM, MistakeKind.EXTRA_SUM)
        yield from edit(node, [ast.Assign([node.target], node.value)], "it adds to what must be replaced", *kinds)
        other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield from edit(node, [ast.AugAssign(node.target, other, node.value)], "a wrong sign", MistakeKind.SIGN)


def _sum_of_a_loop(node: ast.Assign, target: ast.Name | ast.Subscript | ast.Attribute, scope: Scope) -> Iterator[Edit]:
    """Yield a sum over the steps of a loop in the place of an assignment that each step repeats."""
    loop = scope.parent(node)
    if isinstance(loop, ast.For) and isinstance(target, ast.Name):
        zero = ast.Assign([target], ast.Constant(0.0))
        update = ast.AugAssign(target, ast.Add(), node.value)
        for each, place in ((zero, loop), (update, node)):
            ast.fix_missing_locations(ast.copy_location(each, place))
        words = f"with {shown(node)} in place of a sum over the loop: each step overwrites it"
        kinds = (MistakeKind.MISSING_SUM,)
        yield Edit(
            words, kinds, ((node, [update]), (loop, [zero, loop])), line_of(node), shown(node), shown(update), words
        )
