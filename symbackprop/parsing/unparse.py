"""Printing of syntax trees in the style of the author, in LaTeX or in NumPy syntax."""

import re
from collections.abc import Callable
from functools import partial

from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Node
from symbackprop.parsing.vocabulary import words


def to_source(node: Node, style: str = "latex") -> str:
    """Return the text of a formula, in LaTeX or in NumPy syntax ("numpy"); unchanged parts keep the author's text.

    >>> from symbackprop.parsing.syntax_tree import (Name, Multiply, Transposed)
    >>> to_source(Multiply(sign="", factors=(Transposed(base=Name(base="X")), Name(base="delta"))))
    'X^{T} \\\\delta'
    """
    if node.source:
        return _balanced(node.source)
    tables = (_NUMPY, _LATEX) if style == "numpy" else (_LATEX,)
    return next((table[type(node)](node) for table in tables if type(node) in table), "")


def _balanced(source: str) -> str:
    r"""Return LaTeX without a `\left` or `\right` whose partner was cut off."""
    opened, closed = (re.findall(rf"\\{side}(?![a-zA-Z])", source) for side in ("left", "right"))
    return source if len(opened) == len(closed) else re.sub(r"\\(?:left|right)(?![a-zA-Z])\s*", "", source)


_numpy = partial(to_source, style="numpy")


def _factor(node: Node) -> str:
    """Return a factor of a product in LaTeX, in brackets if it is a sum."""
    inner = node.items[0] if isinstance(node, tree.Group) and node.brackets == "{}" else node
    return _bracketed(inner, tree.Add, tree.Summation)


def _numpy_factor(node: Node) -> str:
    return _bracketed(node, tree.Add, tree.Multiply, tree.Divide, style="numpy")


def _bracketed(node: Node, *classes: type[Node], style: str = "latex") -> str:
    """Return the text of a node, in brackets if it belongs to one of these classes."""
    text = to_source(node, style)
    return f"({text})" if isinstance(node, classes) else text


def _base(node: Node) -> str:
    """Return the base of a script in LaTeX."""
    text = to_source(node)
    closed = isinstance(node, tree.Call | tree.Norm) or (isinstance(node, tree.Group) and node.brackets != "{}")
    is_name = isinstance(node, tree.Name) and (not node.above or text.endswith(("T", "\\top}", "T}")))
    return text if closed or is_name else f"({text})"


def _terms(node: tree.Add, style: str = "latex") -> str:
    first, *rest = zip(node.signs, (_bracketed(term, tree.Add, style=style) for term in node.terms), strict=True)
    pieces = [("-" if first[0] < 0 else "") + first[1]]
    return " ".join([*pieces, *(("- " if sign < 0 else "+ ") + text for sign, text in rest)])


# LaTeX

_BASES = {
    name: f"\\{name}"
    for name in words("alpha beta gamma delta epsilon eta theta lambda mu sigma phi psi omega Delta Theta ell log exp")
} | {"ones": r"\mathbf{1}"}


def _fraction(node: tree.Number) -> str:
    value = node.value
    return str(value) if value.denominator == 1 else rf"\frac{{{value.numerator}}}{{{value.denominator}}}"


def _name(node: tree.Name) -> str:
    base = _BASES.get(node.base, node.base)
    for accent in ("hat", "bar", "tilde"):
        if node.base.endswith(accent) and len(node.base) > len(accent):
            inner = node.base.removesuffix(accent)
            base = rf"\{accent}{{{_BASES.get(inner, inner)}}}"
    below, above = (
        "".join(f"({to_source(s.content)})" if s.kind == "layer" else to_source(s.content) for s in scripts)
        for scripts in (node.below, node.above)
    )
    return base + (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")


def _quotient(node: tree.Divide) -> str:
    if node.slash:
        return f"{_factor(node.above)} / {_factor(node.below)}"
    return rf"\frac{{{to_source(node.above)}}}{{{to_source(node.below)}}}"


def _part(node: tree.Part) -> str:
    ranges = [":".join("" if end is None else to_source(end) for end in ends) for ends in node.ranges]
    return f"{_base(node.base)}_{{{', '.join(ranges)}}}"


def _matrix(node: tree.Matrix) -> str:
    rows = r" \\ ".join(" & ".join(map(to_source, row)) for row in node.rows)
    return rf"\begin{{bmatrix}} {rows} \end{{bmatrix}}"


def _group(node: tree.Group) -> str:
    inner = ", ".join(map(to_source, node.items))
    return inner if node.brackets == "{}" else f"({inner})" if node.brackets == "()" else f"[{inner}]"


def _summation(node: tree.Summation) -> str:
    first = "" if node.first is None else f"={to_source(node.first)}"
    below = f"_{{{','.join(node.indices)}{first}}}" if node.indices else ""
    above = "" if node.last is None else f"^{{{to_source(node.last)}}}"
    return rf"\sum{below}{above} {_bracketed(node.body, tree.Add)}"


def _call(node: tree.Call) -> str:
    inner = ", ".join(map(to_source, node.arguments))
    if isinstance(node.function, tree.Name) and node.function.base == "sum":
        below = {0: r"_{\text{rows}}", 1: r"_{\text{columns}}", None: ""}[node.axis]
        return rf"\sum{below} ({inner})" if isinstance(node.arguments[0], tree.Add) else rf"\sum{below} {inner}"
    return f"{to_source(node.function)}({inner})"


# fmt: off
_LATEX: dict[type[Node], Callable[..., str]] = {
    tree.Number:       _fraction,
    tree.Name:         _name,
    tree.Add:          _terms,
    tree.Multiply:     lambda n: (f" {n.sign} " if n.sign else " ").join(map(_factor, n.factors)),
    tree.Divide:       _quotient,
    tree.Power:        lambda n: f"{_base(n.base)}^{{{to_source(n.exponent)}}}",
    tree.Transposed:   lambda n: f"{_base(n.base)}^{{T}}",
    tree.Prime:        lambda n: f"{to_source(n.base)}'",
    tree.Entry:        lambda n: f"{_base(n.base)}_{{{''.join(map(to_source, n.indices))}}}",
    tree.Part:         _part,
    tree.Matrix:       _matrix,
    tree.IndexedList:  lambda n: f"[{to_source(n.body)}]_{{{', '.join(filter(None, (n.rows, n.columns)))}}}",
    tree.Group:        _group,
    tree.Summation:    _summation,
    tree.Differential: lambda n: "d" + (to_source(n.body) if n.body is not None else ""),
    tree.Partial:      lambda n: rf"\frac{{\partial {to_source(n.of)}}}{{\partial {to_source(n.by)}}}",
    tree.Call:         _call,
    tree.Norm:         lambda n: f"|{to_source(n.body)}|" if n.single else rf"\|{to_source(n.body)}\|",
    tree.Relation:     lambda n: f"{to_source(n.left)} {n.sign} {to_source(n.right)}",
    tree.Indicator:    lambda n: rf"\mathbf{{1}}[{to_source(n.condition)}]",
}
# fmt: on

# NumPy syntax


def _numpy_name(node: tree.Name) -> str:
    below, above = ("".join(_numpy(script.content) for script in scripts) for scripts in (node.below, node.above))
    return node.base + (f"_{below}" if below else "") + above


def _numpy_product(node: tree.Multiply) -> str:
    sign = {"numpy *": "*", "": "@"}.get(node.sign, node.sign)
    sign = "*" if sign.startswith("\\") else sign
    return f" {sign} ".join(map(_numpy_factor, node.factors))


def _numpy_call(node: tree.Call) -> str:
    keywords = [f"axis={node.axis}", "keepdims=True"] if node.axis is not None else []
    keywords += [f"{name}={_numpy(value)}" for name, value in node.keywords]
    return f"{_numpy(node.function)}({', '.join([*map(_numpy, node.arguments), *keywords])})"


# fmt: off
_NUMPY: dict[type[Node], Callable[..., str]] = {  # what is not in it is written as in LaTeX
    tree.Number:       lambda n: str(n.value) if n.value.denominator == 1 else f"({n.value})",
    tree.Name:         _numpy_name,
    tree.Add:          lambda n: _terms(n, "numpy"),
    tree.Multiply:     _numpy_product,
    tree.Divide:       lambda n: f"{_numpy_factor(n.above)} / {_numpy_factor(n.below)}",
    tree.Power:        lambda n: f"{_numpy_factor(n.base)}**{_numpy_factor(n.exponent)}",
    tree.Transposed:   lambda n: f"{_numpy_factor(n.base)}.T",
    tree.Group:        lambda n: f"({', '.join(map(_numpy, n.items))})",
    tree.Prime:        lambda n: f"{_numpy(n.base)}.prime",
    tree.Differential: lambda n: "d" + (_numpy(n.body) if n.body is not None else ""),
    tree.Call:         _numpy_call,
}
# fmt: on
