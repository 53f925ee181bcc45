"""Edits of idioms: the Jacobian of a softmax, the mask of a relu, the true class of a hinge, a bias without penalty."""

import ast
from collections.abc import Iterator

from symbackprop.kinds import MistakeKind
from symbackprop.proofread.code.repairs.algebra import is_value
from symbackprop.proofread.code.repairs.edits import Edit, Scope, edit, full, is_loaded, line_of, shown, times, worded

_SOFTMAX = MistakeKind.SOFTMAX


def softmax(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield the backward pass of a softmax or of its logarithm with the sum in it."""
    if not isinstance(node, ast.BinOp):
        return
    a, b = full(node.left), full(node.right)
    yield from _diagonal(node)
    for along in ("axis=-1, keepdims=True", "axis=0, keepdims=True", ""):
        where = f": over the axis {along[5:].split(',')[0]}" if along else ": over the whole batch"
        if isinstance(node.op, ast.Mult):
            what = f"the sum in the Jacobian of the softmax is left out{where}"
            yield from edit(node, f"{a} * ({b} - ({a} * {b}).sum({along}))", what, _SOFTMAX)
            yield from edit(node, f"{b} * ({a} - ({a} * {b}).sum({along}))", what, _SOFTMAX)
        if isinstance(node.op, ast.Sub):
            what = f"the factor sum of {shown(node.left)} of a log-softmax is left out{where}"
            yield from edit(node, f"{a} - {b} * {a}.sum({along})", what, _SOFTMAX)
            what = f"the factor sum of {shown(node.right)} of a log-softmax is left out{where}"
            yield from edit(node, f"{a} * {b}.sum({along}) - {b}", what, _SOFTMAX)
            if scope.numpy:
                what = f"the logarithm of the softmax in place of the softmax{where}"
                yield from edit(node, f"{a} - {scope.numpy}.exp({b}) * {a}.sum({along})", what, _SOFTMAX)
            right = node.right
            if isinstance(right, ast.BinOp) and isinstance(right.op, ast.Mult):
                for own, rest in ((right.left, right.right), (right.right, right.left)):
                    if ast.unparse(own) == ast.unparse(node.left):
                        what = f"the sum of {a} in the backward pass of a softmax is left out{where}"
                        yield from edit(node, f"{a} - {full(rest)} * {a}.sum({along})", what, _SOFTMAX)
    if isinstance(node.op, ast.Mult) and scope.numpy:
        for one, other in ((a, b), (b, a)):
            what = "the logarithm of the softmax in place of the softmax"
            if isinstance(scope.parent(node), ast.BinOp) and ".sum(" in other.replace(f"{scope.numpy}.sum", ".sum"):
                yield from edit(node, f"{scope.numpy}.exp({one}) * {other}", what, _SOFTMAX)


def _diagonal(node: ast.BinOp) -> Iterator[Edit]:
    """Yield p (d - sum(p d)) for p (1 - p) d."""
    for slope, d in ((node.left, node.right), (node.right, node.left)):
        if isinstance(node.op, ast.Mult) and isinstance(slope, ast.BinOp) and isinstance(slope.op, ast.Mult):
            p, g = full(slope.left), full(d)
            if ast.unparse(slope.right) in (f"1 - {p}", f"1.0 - {p}"):
                for axis in (-1, 0):
                    what = "the Jacobian of the softmax is cut to its diagonal"
                    yield from edit(node, f"{p} * ({g} - ({p} * {g}).sum(axis={axis}, keepdims=True))", what, _SOFTMAX)


def clip(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield formulas times the derivative of a clip, 0 outside its bounds."""
    if not isinstance(node, ast.expr) or not is_value(node, scope):
        return
    for call in (n for n in scope.nodes if isinstance(n, ast.Call) and ast.unparse(n.func).endswith("clip")):
        own = isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) != scope.numpy
        args = [call.func.value, *call.args] if own and isinstance(call.func, ast.Attribute) else call.args
        if len(args) == 3:
            x, low, high = map(full, args)
            mask = f"(({x} > {low}) & ({x} < {high}))"
            what = f"the derivative of {shown(call)} is left out, which is 0 where the clip cuts off"
            yield from edit(node, times(node, mask), what, MistakeKind.MISSING_DERIVATIVE)


def gradient_clipped(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield the argument of a clip in the place of the clip."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "clip" and node.args:
        own = isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) != scope.numpy
        inner = node.func.value if own and isinstance(node.func, ast.Attribute) else node.args[0]
        what = "a gradient that is cut off is not that of the cost"
        yield from edit(node, ast.unparse(inner), what, MistakeKind.CLIPPED)


def relu_of_the_gradient(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield the mask of a relu in the place of a relu of the gradient."""
    inner = _argument_of_relu(node, scope)
    if inner is None:
        return
    for name, array in scope.arrays.items():
        if array.dtype != bool:
            new = f"{full(inner)} * ({name} > 0)"
            what = f"relu of the gradient {shown(inner)} in place of the mask {name} > 0"
            yield from edit(node, new, what, MistakeKind.FUNCTION, MistakeKind.DERIVATIVE_ARGUMENT)


def _argument_of_relu(node: ast.AST, scope: Scope) -> ast.expr | None:
    if isinstance(node, ast.Call) and node.args:
        called = ast.unparse(node.func).split(".")[-1].lower()
        if called in ("maximum", "max", "fmax") and len(node.args) == 2:
            return next((a for a, b in (node.args, node.args[::-1]) if _is_zero(b)), None)
        if called == "clip" and len(node.args) > 1 and _is_zero(node.args[1]):
            return node.args[0]
        if "relu" in called and len(node.args) == 1:
            return node.args[0]
        if called == "where" and len(node.args) == 3 and _is_zero(node.args[2]):
            return node.args[1]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        for own, mask in ((node.left, node.right), (node.right, node.left)):
            if isinstance(mask, ast.Compare):
                return own
    return None


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def bias_penalized(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield a term without its first or last entry, row or column, which the cost does not penalize."""
    text = ast.unparse(node) if isinstance(node, ast.expr) else ""
    array = scope.arrays.get(text)
    if array is None or not is_loaded(node) or not scope.numpy or array.ndim > 2:
        return
    n = f"{scope.numpy}.arange({text}.shape"
    forms = [(f"({n}[0]) > 0)", "[0]"), (f"({n}[0]) < {text}.shape[0] - 1)", "[-1]")]
    if array.ndim == 2:
        forms = [
            (f"({n}[{k}]) {rest}){index}", said)
            for k, index, said in ((0, "[:, None]", "[0]"), (1, "", "[:, 0]"))
            for rest in ("> 0",)
        ]
        forms += [
            (f"({n}[{k}]) < {text}.shape[{k}] - 1){index}", said)
            for k, index, said in ((0, "[:, None]", "[-1]"), (1, "", "[:, -1]"))
        ]
    for form, which in forms:
        what = f"with the penalty on {text}{which} too, a bias that the cost does not penalize"
        yield from worded(edit(node, f"{text} * {form}", "", MistakeKind.PENALTY, MistakeKind.SOME_ENTRIES), what)


def true_class(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield what the true class gets in the gradient of a hinge."""
    words = "with the part of the true class left out"
    for y in (n for n, a in scope.arrays.items() if a.dtype.kind in "iu" and a.ndim == 1):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name | ast.Subscript):
            yield from _of_rows(node, node.targets[0], y, scope, words)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Subscript):
            yield from _of_loop(node, node.target, y, scope, words)


def _of_rows(node: ast.Assign, target: ast.expr, y: str, scope: Scope, words: str) -> Iterator[Edit]:
    """Yield `M[arange(N), y] = -M.sum(axis=1)` after the assignment, or in its place."""
    name = ast.unparse(target.value if isinstance(target, ast.Subscript) else target)
    array = scope.arrays.get(name)
    if array is None or array.ndim != 2 or not scope.numpy:
        return
    for at, axis in ((f"{scope.numpy}.arange(len({y})), {y}", 1), (f"{y}, {scope.numpy}.arange(len({y}))", 0)):
        for form in (f"{name}[{at}] -= {name}.sum(axis={axis})", f"{name}[{at}] = -{name}.sum(axis={axis})"):
            new = ast.parse(form).body
            if isinstance(target, ast.Subscript):
                what = f"the true class gets {shown(node.value)}, not minus the number of the others"
                yield from edit(node, _placed(new, node), what, MistakeKind.NUMBER, MistakeKind.MISSING_SUM)
            made = [*edit(node, [node, *_placed(new, node)], "", MistakeKind.MISSING_TERM, MistakeKind.MISSING_PATH)]
            yield from worded(made, f"{words}: {form}")


def _of_loop(node: ast.AugAssign, target: ast.Subscript, y: str, scope: Scope, words: str) -> Iterator[Edit]:
    """Yield `dW[:, y[i]] -= x` beside `dW[:, j] += x`."""
    for j in sorted(scope.loops & {n.id for n in ast.walk(target.slice) if isinstance(n, ast.Name)}):
        for i in sorted(scope.loops - {j}):
            form = ast.unparse(target).replace(f"{j}", f"{y}[{i}]") if len(j) > 1 else _renamed(target, j, f"{y}[{i}]")
            text = f"{form} -= {ast.unparse(node.value)}"
            new = _placed(ast.parse(text).body, node)
            made = [*edit(node, [node, *new], "", MistakeKind.MISSING_TERM, MistakeKind.MISSING_PATH)]
            yield from worded(made, f"{words}: {text}")


def _renamed(node: ast.AST, old: str, new: str) -> str:
    if isinstance(node, ast.Name):
        return new if node.id == old else node.id
    copied = ast.parse(ast.unparse(node), mode="eval").body
    for parent in ast.walk(copied):
        for field, value in ast.iter_fields(parent):
            if isinstance(value, ast.Name) and value.id == old:
                setattr(parent, field, ast.parse(new, mode="eval").body)
            if isinstance(value, list):
                made = [
                    ast.parse(new, mode="eval").body if isinstance(v, ast.Name) and v.id == old else v for v in value
                ]
                setattr(parent, field, made)
    return ast.unparse(copied)


def _placed(statements: list[ast.stmt], node: ast.AST) -> list[ast.stmt]:
    for statement in statements:
        for each in ast.walk(statement):
            each.__dict__.update(lineno=line_of(node), end_lineno=line_of(node), col_offset=0, end_col_offset=0)
    return statements


def sum_for_each(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield a value that is not summed, or summed where it must be."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("sum", "mean"):
        inner = (
            node.func.value
            if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) != scope.numpy
            else None
        )
        inner = inner or (node.args[0] if node.args else None)
        if inner is not None:
            what = "a sum that is too much"
            yield from edit(node, inner, what, MistakeKind.EXTRA_SUM)
    if is_value(node, scope):
        for along in ("axis=0", "axis=1", "axis=0, keepdims=True", "axis=1, keepdims=True", ""):
            yield from edit(node, f"{full(node)}.sum({along})", "a sum is left out", MistakeKind.MISSING_SUM)


def square_for_slope(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield W in the place of the sum of its squares, the value of a penalty."""
    if isinstance(node, ast.Call | ast.BinOp):
        inside = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} & scope.arrays.keys()
        names = [
            text
            for text in scope.arrays
            if text.split(".")[0].split("[")[0] in inside | {"self"} and text in ast.unparse(node)
        ]
        if (
            names
            and ("**" in ast.unparse(node) or "*" in ast.unparse(node) or "square" in ast.unparse(node))
            and _is_number(node)
        ):
            what = f"the value of the penalty on {names[0]} in place of its derivative"
            for new in (names[0], f"2 * {names[0]}"):
                yield from edit(node, new, what, MistakeKind.PENALTY, MistakeKind.FUNCTION_FOR_DERIVATIVE)


def _is_number(node: ast.expr) -> bool:
    called = ast.unparse(node.func).split(".")[-1] if isinstance(node, ast.Call) else ""
    return called in ("sum", "norm", "dot", "vdot") or (
        isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)
    )
