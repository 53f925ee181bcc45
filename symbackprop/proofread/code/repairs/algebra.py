"""Edits of formulas: brackets, signs, operators, factors, terms, functions, numbers."""

import ast
import re
from collections.abc import Iterator
from itertools import islice

import numpy as np

from symbackprop.kinds import Kinds, MistakeKind
from symbackprop.proofread.code.repairs.edits import Edit, Scope, edit, full, is_loaded, shown, times

_SLOPES = (
    *("{f} * (1 - {f})", "(1 - {f}**2)", "({f} > 0)", "{f}", "{np}.exp({f})", "{np}.exp(-{f})", "(1 - {f})"),
    *("{np}.cos({f})", "(1 - {np}.tanh({f})**2)", "(1 / (1 + {np}.exp(-{f})))", "2 * {f}"),
)
_MOST_NUMBERS, _MOST_SQUARED = 12, 6  # that are tried as a factor
_MOST_NEAR = 8  # arrays whose derivatives are tried in the place of a factor
_MOST_ARRAYS = 24  # whose functions are tried as a factor


def _is_sum(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)


def _of_penalty(node: ast.AST, scope: Scope) -> Kinds:
    """Return the kind of a mistake in a penalty, if the formula is a product with a parameter, such as lam * W."""
    factors = (node.left, node.right) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) else ()
    return (MistakeKind.PENALTY,) if any(scope.is_parameter(ast.unparse(f)) for f in factors) else ()


def brackets(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield formulas with other brackets: a / b + c for a / (b + c)."""
    if isinstance(node, ast.AugAssign):
        yield from _of_an_update(node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield from _of_a_product(node)
    if isinstance(node, ast.BinOp) and _is_sum(node):
        yield from _of_a_sum(node, scope)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        a, b = node.left, node.right
        if isinstance(a, ast.BinOp) and _is_sum(a):
            new = f"{full(a.left)} {_op(a)} {full(a.right)}**{full(b)}"
            yield from edit(node, new, "the power of a difference", MistakeKind.DERIVATIVE_FORMULA, MistakeKind.POWER)
        yield from edit(node, a, "a power too much", MistakeKind.POWER)


def _of_a_product(node: ast.BinOp) -> Iterator[Edit]:
    """Yield forms of a (b + c) and a / (b + c) in which the factor or divisor is that of one term alone."""
    a, b = node.left, node.right
    sign = "*" if isinstance(node.op, ast.Mult) else "/"
    done = "multiplied by" if sign == "*" else "divided by"
    if isinstance(b, ast.BinOp) and _is_sum(b):
        c, d, op = full(b.left), full(b.right), _op(b)
        what = f"{shown(b.right)} is {done} {shown(a)} too" if sign == "*" else "all is divided by the sum"
        yield from edit(node, f"{full(a)} {sign} {c} {op} {d}", what, MistakeKind.EXTRA_FACTOR, MistakeKind.NUMBER)
        if sign == "*":
            what = f"{shown(b.left)} is multiplied by {shown(a)} too"
            yield from edit(node, f"{c} {op} {full(a)} * {d}", what, MistakeKind.EXTRA_FACTOR)
    if isinstance(a, ast.BinOp) and _is_sum(a):
        c, d, op, f = full(a.left), full(a.right), _op(a), full(b)
        kinds = (MistakeKind.MEAN, MistakeKind.EXTRA_FACTOR)
        yield from edit(node, f"{c} {sign} {f} {op} {d}", f"{shown(a.right)} is {done} {shown(b)} too", *kinds)
        yield from edit(node, f"{c} {op} {d} {sign} {f}", f"{shown(a.left)} is {done} {shown(b)} too", *kinds)
    if isinstance(a, ast.BinOp) and isinstance(a.op, ast.Div) and sign == "*":
        what = f"{shown(b)} multiplies, and does not divide"
        yield from edit(node, f"{full(a.left)} / ({full(a.right)} * {full(b)})", what, MistakeKind.NUMBER)


def _of_a_sum(node: ast.BinOp, scope: Scope) -> Iterator[Edit]:
    """Yield forms of a + b / c in which both terms have the factor or the divisor."""
    a, b, op = node.left, node.right, _op(node)
    for one, other, form in ((a, b, "({c} {op} {other}) {sign} {f}"), (b, a, "({other} {op} {c}) {sign} {f}")):
        if isinstance(one, ast.BinOp) and isinstance(one.op, ast.Mult | ast.Div):
            sign = "*" if isinstance(one.op, ast.Mult) else "/"
            new = form.format(c=full(one.left), op=op, other=full(other), sign=sign, f=full(one.right))
            done = "multiplied" if sign == "*" else "divided"
            what = f"{shown(other)} is not {done} by {shown(one.right)}"
            kinds = (MistakeKind.MEAN, MistakeKind.MISSING_FACTOR, *_of_penalty(other, scope))
            yield from edit(node, new, what, *kinds)
    if isinstance(a, ast.UnaryOp) and isinstance(a.op, ast.USub):
        new = f"-({full(a.operand)} {op} {full(b)})"
        yield from edit(node, new, "the minus sign is for one term alone", MistakeKind.SIGN)


def _of_an_update(node: ast.AugAssign) -> Iterator[Edit]:
    """Yield `dW = dW / N + c` for `dW /= N + c`."""
    if isinstance(node.op, ast.Mult | ast.Div) and isinstance(node.value, ast.BinOp) and _is_sum(node.value):
        sign = "*" if isinstance(node.op, ast.Mult) else "/"
        target = ast.unparse(node.target)
        c, d, op = full(node.value.left), full(node.value.right), _op(node.value)
        done = "multiplied" if sign == "*" else "divided"
        what = f"all is {done} by the sum, and {shown(node.value.right)} is not added"
        for form in (f"{target} {sign} {c} {op} {d}", f"{target} {sign} {d} {op} {c}"):
            made = ast.Assign([node.target], ast.parse(form, mode="eval").body)
            yield from edit(node, [made], what, MistakeKind.NUMBER, MistakeKind.PENALTY)


def _op(node: ast.BinOp) -> str:
    return {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}.get(type(node.op), "+")


def operators(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield formulas and updates with another sign or operator."""
    if isinstance(node, ast.BinOp):
        others: dict[type, tuple[tuple[str, str, MistakeKind], ...]] = {
            ast.Add: (("-", "a wrong sign", MistakeKind.SIGN),),
            ast.Sub: (("+", "a wrong sign", MistakeKind.SIGN),),
            ast.Mult: (
                ("/", "multiplied, not divided", MistakeKind.NUMBER),
                ("@", "⊙ for a product", MistakeKind.PRODUCT),
            ),
            ast.Div: (("*", "divided, not multiplied", MistakeKind.NUMBER),),
            ast.MatMult: (("*", "a product for ⊙", MistakeKind.PRODUCT),),
        }
        for sign, what, kind in others.get(type(node.op), ()):
            yield from edit(node, f"{full(node.left)} {sign} {full(node.right)}", what, kind)
        if isinstance(node.op, ast.Sub):
            yield from edit(node, f"{full(node.right)} - {full(node.left)}", "a wrong sign", MistakeKind.SIGN)
        if isinstance(node.op, ast.MatMult):
            a, b = full(node.left), full(node.right)
            for new in (f"{b} @ {a}", f"{a}.T @ {b}", f"{a} @ {b}.T", f"{_turned(node.left)} @ {_turned(node.right)}"):
                yield from edit(node, new, "a transpose or the order", MistakeKind.TRANSPOSE, MistakeKind.ORDER)
    yield from _products(node, scope)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for op in (ast.Gt(), ast.Lt(), ast.GtE(), ast.LtE()):
            made = ast.Compare(node.left, [op], node.comparators)
            yield from edit(node, made, "a wrong comparison", MistakeKind.FUNCTION)
    if isinstance(node, ast.Call) and len(node.args) == 2 and ast.unparse(node.func).endswith("outer"):
        swapped = ast.Call(node.func, [node.args[1], node.args[0]], [])
        yield from edit(node, swapped, "a transpose", MistakeKind.TRANSPOSE, MistakeKind.ORDER)
    if isinstance(node, ast.Call) and len(node.args) == 3 and ast.unparse(node.func).endswith("where"):
        exchanged = ast.Call(node.func, [node.args[0], node.args[2], node.args[1]], [])
        yield from edit(node, exchanged, "the branches are exchanged", MistakeKind.ORDER, MistakeKind.FUNCTION)
    if isinstance(node, ast.IfExp):
        made_if = ast.IfExp(node.test, node.orelse, node.body)
        yield from edit(node, made_if, "the branches are exchanged", MistakeKind.ORDER, MistakeKind.FUNCTION)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from edit(node, node.operand, "a minus sign too much", MistakeKind.SIGN)


def _products(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield other products of the same two factors."""
    if isinstance(node, ast.Call) and len(node.args) == 2:
        a, b, own = full(node.args[0]), full(node.args[1]), ast.unparse(node.func).split(".")[-1]
        if own in ("dot", "matmul", "outer", "multiply", "inner", "vdot"):
            yield from edit(node, f"{a} * {b}", "a product for ⊙", MistakeKind.PRODUCT)
            yield from edit(node, f"{a} @ {b}", "another product for @", MistakeKind.PRODUCT)
            for new in (f"{_turned(node.args[0])} @ {b}", f"{a} @ {_turned(node.args[1])}", f"{b} @ {a}"):
                yield from edit(node, new, "a transpose or the order", MistakeKind.TRANSPOSE, MistakeKind.ORDER)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.MatMult) and scope.numpy:
        a, b = full(node.left), full(node.right)
        for new in (f"{scope.numpy}.outer({a}, {b})", f"{scope.numpy}.outer({b}, {a})"):
            yield from edit(node, new, "a product in place of the outer product", MistakeKind.PRODUCT)


def _turned(node: ast.expr) -> str:
    text = full(node)
    return text.removesuffix(".T") if text.endswith(".T") else f"{text}.T"


def minus(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield values of assignments and results with a minus sign."""
    if isinstance(node, ast.expr) and is_value(node, scope):
        yield from edit(node, ast.UnaryOp(ast.USub(), node), "a wrong sign", MistakeKind.SIGN)


def _is_argument(node: ast.expr, scope: Scope) -> bool:
    """Return True for an array that is the first argument of a function, as the logits of a softmax are."""
    parent = scope.parent(node)
    is_first = isinstance(parent, ast.Call) and parent.args[:1] == [node]
    return is_first and is_loaded(node) and (isinstance(node, ast.BinOp) or bool(scope.shape_of(node)))


def is_value(node: ast.AST, scope: Scope) -> bool:
    """Return True for a formula that is assigned, returned, added, or a factor of a matrix product."""
    parent = scope.parent(node)
    if not is_loaded(node) or isinstance(node, ast.Tuple | ast.List | ast.Dict | ast.Constant):
        return False
    if isinstance(parent, ast.Assign | ast.AugAssign | ast.Return):
        return True
    if isinstance(parent, ast.Tuple | ast.List | ast.Dict):
        outer = scope.parent(parent)
        return isinstance(outer, ast.Return | ast.Assign)
    if isinstance(parent, ast.BinOp):
        return isinstance(parent.op, ast.Add | ast.Sub | ast.MatMult)
    if isinstance(parent, ast.Call):
        return node in parent.args and ast.unparse(parent.func).split(".")[-1] in (
            "dot",
            "outer",
            "sum",
            "append",
            "einsum",
        )
    return isinstance(parent, ast.Attribute) and isinstance(scope.parent(parent), ast.Call)  # (…).sum(axis=0)


# Functions


def function(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield calls of another function, or of none."""
    if isinstance(node, ast.Call) and node.args and not isinstance(node.func, ast.Call):
        own = ast.unparse(node.func)
        if len(node.args) == 1 and not node.keywords:
            yield from edit(node, node.args[0], f"{own} is too much", MistakeKind.FUNCTION)
        for other in _functions(scope, own):
            made = ast.Call(ast.parse(other, mode="eval").body, node.args, node.keywords)
            what = "the function for its derivative" if _are_related(own, other) else "another function"
            yield from edit(node, made, what, MistakeKind.FUNCTION, MistakeKind.FUNCTION_FOR_DERIVATIVE)
    elif isinstance(node, ast.Name | ast.Subscript) and is_loaded(node) and ast.unparse(node) in scope.arrays:
        yield from _applied(node, scope)
    if isinstance(node, ast.Call) and node.args:
        yield from _applied(node, scope)


def _applied(node: ast.expr, scope: Scope) -> Iterator[Edit]:
    signs = [f"{scope.numpy}.sign"] if scope.numpy and scope.is_parameter(ast.unparse(node)) else []
    for other in (*_functions(scope, ""), *signs):
        yield from edit(node, f"{other}({ast.unparse(node)})", f"{other} is left out", MistakeKind.FUNCTION)


def _functions(scope: Scope, own: str) -> list[str]:
    """Return functions of one argument: NumPy's usual ones, and those of the user."""
    usual = [f"{scope.numpy}.{name}" for name in ("exp", "log", "tanh", "sqrt")] if scope.numpy else []
    space = scope.source.function.__globals__
    names = {n.id for n in scope.nodes if isinstance(n, ast.Name)}
    related = [name for name in space if own and _are_related(own, name)]
    users = [n for n in (*names, *related) if callable(space.get(n)) and hasattr(space.get(n), "__code__")]
    users = [
        n for n in dict.fromkeys(users) if space[n].__code__.co_argcount == 1 and n != scope.source.function.__name__
    ]
    return [name for name in (*users, *usual) if name != own]


def _are_related(one: str, other: str) -> bool:
    """Return True for names such as sigmoid and sigmoid_prime."""
    short, long = sorted((one.lower(), other.lower()), key=len)
    return len(short) > 2 and short in long and short != long


# Factors, terms, numbers


def factor_too_much(node: ast.AST, _: Scope) -> Iterator[Edit]:
    """Yield products without one of their factors, and quotients without their divisor."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        kinds: Kinds = (MistakeKind.EXTRA_FACTOR, MistakeKind.MEAN, MistakeKind.REPEATED_DERIVATIVE)
        yield from edit(node, node.left, f"{shown(node.right)} is too much", *kinds)
        if isinstance(node.op, ast.Mult):
            yield from edit(node, node.right, f"{shown(node.left)} is too much", *kinds)
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Mult | ast.Div):
        yield from edit(node, [ast.copy_location(ast.Pass(), node)], "it is too much", MistakeKind.EXTRA_FACTOR)


def term_too_much(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield sums without one of their terms."""
    if not isinstance(node, ast.BinOp) or not _is_sum(node):
        return
    penalty = (MistakeKind.EXTRA_TERM, MistakeKind.PENALTY)
    statement = scope.parent(node)
    targets = [ast.unparse(t) for t in statement.targets] if isinstance(statement, ast.Assign) else []
    if ast.unparse(node.left) in targets or (targets and scope.is_parameter(ast.unparse(node.left))):
        what = f"{shown(node.left)} is already updated by a step"
        yield from edit(node, node.left, what, MistakeKind.UPDATED)
    yield from edit(node, node.left, f"the term {shown(node.right)} is too much", *penalty)
    right = node.right if isinstance(node.op, ast.Add) else f"-{full(node.right)}"
    yield from edit(node, right, f"the term {shown(node.left)} is too much", *penalty)


def number(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield other numbers: twice, half, one more, one less."""
    parent = scope.parent(node)
    n = node.value if isinstance(node, ast.Constant) else None
    if isinstance(n, int | float) and not isinstance(n, bool) and not isinstance(parent, ast.Subscript | ast.Slice):
        for other in (2 * n, n / 2, n + 1, n - 1, 1 / n if n else n):
            yield from edit(node, repr(other), "a wrong number", MistakeKind.NUMBER)


def scalar_left_out(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield formulas and arguments of functions times a hyperparameter, a size, 2 or ½."""
    if not isinstance(node, ast.expr) or not (is_value(node, scope) or _is_argument(node, scope)):
        return
    names = {n: n for n in scope.numbers if n not in scope.loops}
    factors = {"2": "2", **dict(islice(names.items(), _MOST_NUMBERS)), **scope.sizes}
    for factor, said in factors.items():
        kinds: Kinds = (MistakeKind.NUMBER,) if factor == "2" else (MistakeKind.MISSING_FACTOR, MistakeKind.MEAN)
        kinds += _of_penalty(node, scope)
        yield from edit(node, times(node, factor), f"the factor {said} is left out", *kinds)
        what = f"the division by {said} is left out, it is too large by this factor"
        yield from edit(node, times(node, factor, divided=True), what, *kinds)
    for each in islice(names, _MOST_SQUARED):
        for factor, said in ((f"{each}**2", f"{each}²"), (f"(1 - {each})", f"1 - {each}")):
            yield from edit(node, times(node, factor), f"the factor {said} is left out", MistakeKind.MISSING_FACTOR)
            what = f"the division by {said} is left out"
            yield from edit(node, times(node, factor, divided=True), what, MistakeKind.MISSING_FACTOR)


def term_left_out(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield formulas plus or minus a number of the function, or its share of a size, as eps / K of smoothed labels."""
    if not isinstance(node, ast.expr) or not is_value(node, scope):
        return
    names = [n for n in scope.numbers if n not in scope.loops and not isinstance(scope.numbers[n], int)]
    for name in names[:_MOST_SQUARED]:
        for term in (name, *(f"{name} / {size}" for size in scope.sizes)):
            said = f"the term {term} is left out"
            for sign in "+-":
                yield from edit(node, f"{full(node)} {sign} {term}", said, MistakeKind.MISSING_TERM, MistakeKind.OFFSET)


def complement(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield 1 − z in the place of a factor z, and z in the place of 1 − z, as z of a sigmoid or a gate."""
    kinds = (MistakeKind.DERIVATIVE_FORMULA, MistakeKind.FUNCTION)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and ast.unparse(node.left) in ("1", "1.0"):
        yield from edit(node, node.right, "", *kinds)
    parent = scope.parent(node)
    is_factor = isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Mult)
    if is_factor and isinstance(node, ast.Name | ast.Subscript | ast.Attribute | ast.Call) and is_loaded(node):
        yield from edit(node, f"(1 - {full(node)})", "", *kinds)


def slope_left_out(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield formulas times the derivative of an activation, or times an array."""
    if not isinstance(node, ast.expr) or not is_value(node, scope):
        return
    shape = scope.shape_of(node)
    for name, array in list(scope.arrays.items())[:_MOST_ARRAYS]:
        if shape is not None and not _fits(array.shape, shape):
            continue
        for form in _SLOPES:
            if scope.numpy or "np" not in form:
                slope = form.format(f=name, np=scope.numpy)
                what, kinds = (
                    f"the derivative {slope} is left out",
                    (MistakeKind.MISSING_DERIVATIVE, MistakeKind.MISSING_FACTOR),
                )
                if form == "{f}":
                    what, kinds = (
                        f"the factor {slope} is left out",
                        (MistakeKind.MISSING_FACTOR, MistakeKind.MISSING_DERIVATIVE),
                    )
                yield from edit(node, times(node, slope), what, *kinds)


def slope_wrong(node: ast.AST, scope: Scope) -> Iterator[Edit]:
    """Yield products with the derivative of an activation in the place of one or two factors."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return
    pairs = [(node.left, node.right), (node.right, node.left)]
    if isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Mult):
        pairs.append((node.left.left, ast.BinOp(node.left.right, ast.Mult(), node.right)))
    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    near = [name for name in scope.arrays if re.split(r"\W", name)[0] in used | {"self"}]
    for kept, factor in pairs:
        for name in near[:_MOST_NEAR]:
            for form in _SLOPES:
                if (scope.numpy or "np" not in form) and form != "{f}":
                    slope = form.format(f=name, np=scope.numpy)
                    what = f"{shown(factor)} in place of the derivative {slope}"
                    kinds = (MistakeKind.DERIVATIVE_FORMULA, MistakeKind.FUNCTION, MistakeKind.FUNCTION_FOR_DERIVATIVE)
                    yield from edit(node, f"{full(kept)} * ({slope})", what, *kinds)


def _fits(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(one, other) == other
    except ValueError:
        return False
