"""A tree as its author would write it: parts that were not changed stand as they stood."""

import re
from fractions import Fraction
from functools import singledispatch

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node, Script
from symbackprop.parsing.vocabulary import words


def to_source(node: Node, style: str = "latex") -> str:
    """The text of a formula, in LaTeX or in NumPy syntax ("numpy").

    >>> from symbackprop.parsing.syntax_tree import (Name, Multiply, Transposed)
    >>> to_source(Multiply(sign="", factors=(Transposed(base=Name(base="X")), Name(base="delta"))))
    'X^{T} \\\\delta'
    """
    if node.source:
        return _balanced(node.source)
    return _numpy(node) if style == "numpy" else _latex(node)


def _balanced(source: str) -> str:
    r"""Without `\\left` and `\\right` where one of a pair was cut off."""
    opened, closed = (re.findall(rf"\\{side}(?![a-zA-Z])", source) for side in ("left", "right"))
    return source if len(opened) == len(closed) else re.sub(r"\\(?:left|right)(?![a-zA-Z])\s*", "", source)


def _factor(node: Node, style: str = "latex") -> str:
    inner = node.items[0] if isinstance(node, tree.Group) and node.brackets == "{}" else node
    text = to_source(inner, style)
    return f"({text})" if isinstance(inner, tree.Add | tree.Summation) else text


def _base(node: Node, style: str = "latex") -> str:
    text = to_source(node, style)
    closed = isinstance(node, tree.Group | tree.Call | tree.Norm) or (isinstance(node, tree.Name) and not node.above)
    if isinstance(node, tree.Name) and node.above and text.endswith(("T", "\\top}", "T}")):
        closed = True
    return text if closed and not (isinstance(node, tree.Group) and node.brackets == "{}") else f"({text})"


@singledispatch
def _latex(node: Node) -> str:
    return node.source


@_latex.register
def _(node: tree.Number) -> str:
    value = node.value
    return str(value) if value.denominator == 1 else rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


@_latex.register
def _(node: tree.Name) -> str:
    base = _LATEX_BASES.get(node.base, node.base)
    for accent in ("hat", "bar", "tilde"):
        if node.base.endswith(accent) and len(node.base) > len(accent):
            inner = node.base.removesuffix(accent)
            base = rf"\{accent}{{{_LATEX_BASES.get(inner, inner)}}}"
    above = "".join(_mark(mark) for mark in node.above)
    below = "".join(_mark(mark) for mark in node.below)
    return base + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


_LATEX_BASES = {
    name: f"\\{name}"
    for name in words("alpha beta gamma delta epsilon eta theta lambda mu sigma phi psi omega Delta Theta ell log exp")
} | {"ones": r"\mathbf{1}"}


def _mark(mark: Script) -> str:
    return f"({to_source(mark.content)})" if mark.kind == "layer" else to_source(mark.content)


@_latex.register
def _(node: tree.Add) -> str:
    return _terms(node, "latex")


def _terms(node: tree.Add, style: str) -> str:
    pieces = []
    for rank, (sign, term) in enumerate(zip(node.signs, node.terms, strict=True)):
        text = to_source(term, style)
        text = f"({text})" if isinstance(term, tree.Add) else text
        pieces.append(("- " if sign < 0 else "+ ") + text if rank else ("-" if sign < 0 else "") + text)
    return " ".join(pieces)


@_latex.register
def _(node: tree.Multiply) -> str:
    return (f" {node.sign} " if node.sign else " ").join(_factor(factor) for factor in node.factors)


@_latex.register
def _(node: tree.Divide) -> str:
    above, below = to_source(node.above), to_source(node.below)
    return f"{_factor(node.above)} / {_factor(node.below)}" if node.slash else rf"\frac{{{above}}}{{{below}}}"


@_latex.register
def _(node: tree.Power) -> str:
    return f"{_base(node.base)}^{{{to_source(node.exponent)}}}"


@_latex.register
def _(node: tree.Transposed) -> str:
    return f"{_base(node.base)}^{{T}}"


@_latex.register
def _(node: tree.Prime) -> str:
    return f"{to_source(node.base)}'"


@_latex.register
def _(node: tree.Entry) -> str:
    return f"{_base(node.base)}_{{{''.join(to_source(index) for index in node.indices)}}}"


@_latex.register
def _(node: tree.Part) -> str:
    ranges = [":".join("" if end is None else to_source(end) for end in ends) for ends in node.ranges]
    return f"{_base(node.base)}_{{{', '.join(ranges)}}}"


@_latex.register
def _(node: tree.Matrix) -> str:
    rows = r" \\ ".join(" & ".join(map(to_source, row)) for row in node.rows)
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"


@_latex.register
def _(node: tree.IndexedList) -> str:
    letters = ", ".join(letter for letter in (node.rows, node.columns) if letter)
    return rf"[{to_source(node.body)}]_{{{letters}}}"


@_latex.register
def _(node: tree.Group) -> str:
    inner = ", ".join(to_source(item) for item in node.items)
    return inner if node.brackets == "{}" else f"({inner})" if node.brackets == "()" else f"[{inner}]"


@_latex.register
def _(node: tree.Summation) -> str:
    first = "" if node.first is None else f"={to_source(node.first)}"
    below = f"_{{{','.join(node.indices)}{first}}}" if node.indices else ""
    above = "" if node.last is None else f"^{{{to_source(node.last)}}}"
    body = to_source(node.body)
    return rf"\sum{below}{above} " + (f"({body})" if isinstance(node.body, tree.Add) else body)


@_latex.register
def _(node: tree.Differential) -> str:
    return "d" + (to_source(node.body) if node.body is not None else "")


@_latex.register
def _(node: tree.Partial) -> str:
    return rf"\frac{{\partial {to_source(node.of)}}}{{\partial {to_source(node.by)}}}"


@_latex.register
def _(node: tree.Call) -> str:
    inner = ", ".join(to_source(argument) for argument in node.arguments)
    if isinstance(node.function, tree.Name) and node.function.base == "sum":
        below = {0: r"_{\text{rows}}", 1: r"_{\text{columns}}", None: ""}[node.axis]
        return rf"\sum{below} ({inner})" if isinstance(node.arguments[0], tree.Add) else rf"\sum{below} {inner}"
    return f"{to_source(node.function)}({inner})"


@_latex.register
def _(node: tree.Norm) -> str:
    return f"|{to_source(node.body)}|" if node.single else rf"\|{to_source(node.body)}\|"


@_latex.register
def _(node: tree.Relation) -> str:
    return f"{to_source(node.left)} {node.sign} {to_source(node.right)}"


@_latex.register
def _(node: tree.Indicator) -> str:
    return rf"\mathbf{{1}}[{to_source(node.condition)}]"


# NumPy syntax


@singledispatch
def _numpy(node: Node) -> str:
    return _latex(node)


@_numpy.register
def _(node: tree.Number) -> str:
    value: Fraction = node.value
    return str(value) if value.denominator == 1 else f"({value})"


@_numpy.register
def _(node: tree.Name) -> str:
    below = "".join(to_source(mark.content, "numpy") for mark in node.below)
    above = "".join(to_source(mark.content, "numpy") for mark in node.above)
    return node.base + (f"_{below}" if below else "") + above


@_numpy.register
def _(node: tree.Add) -> str:
    return _terms(node, "numpy")


@_numpy.register
def _(node: tree.Multiply) -> str:
    sign = {"numpy *": "*", "": "@"}.get(node.sign, node.sign)
    sign = "*" if sign.startswith("\\") else sign
    return f" {sign} ".join(_numpy_factor(factor) for factor in node.factors)


def _numpy_factor(node: Node) -> str:
    text = to_source(node, "numpy")
    return f"({text})" if isinstance(node, tree.Add | tree.Multiply | tree.Divide) else text


@_numpy.register
def _(node: tree.Divide) -> str:
    return f"{_numpy_factor(node.above)} / {_numpy_factor(node.below)}"


@_numpy.register
def _(node: tree.Power) -> str:
    return f"{_numpy_factor(node.base)}**{_numpy_factor(node.exponent)}"


@_numpy.register
def _(node: tree.Transposed) -> str:
    return f"{_numpy_factor(node.base)}.T"


@_numpy.register
def _(node: tree.Group) -> str:
    return f"({', '.join(to_source(item, 'numpy') for item in node.items)})"


@_numpy.register
def _(node: tree.Prime) -> str:
    return f"{to_source(node.base, 'numpy')}.prime"


@_numpy.register
def _(node: tree.Differential) -> str:
    return "d" + (to_source(node.body, "numpy") if node.body is not None else "")


@_numpy.register
def _(node: tree.Call) -> str:
    inner = [to_source(argument, "numpy") for argument in node.arguments]
    keywords = [f"axis={node.axis}", "keepdims=True"] if node.axis is not None else []
    keywords += [f"{name}={to_source(value, 'numpy')}" for name, value in node.keywords]
    return f"{to_source(node.function, 'numpy')}({', '.join([*inner, *keywords])})"
