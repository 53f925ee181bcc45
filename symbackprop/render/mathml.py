"""LaTeX formulas as MathML, as browsers draw it."""

import re
from collections.abc import Iterator
from html import escape, unescape
from typing import Any
from xml.etree.ElementTree import Element, tostring

from symbackprop.errors import SymbackpropError

_PARTS = re.compile(r"\$([^$]+)\$|\\emph\{([^{}]*)\}|([^$\\]+)")
_FLAT = {"mrow", "mi", "mn", "mo", "mtext", "mspace"}
_FACTORS = {"mi", "mn", "mrow", "msup", "msub", "msubsup", "mfrac"}
_PRIMES = {"′", "″", "‴", "⁗"}
_THIN = "0.17em"


class MathML:
    r"""Converts formulas, and sentences with formulas in them; it needs the package latex2mathml.

    >>> MathML().prose(r"\emph{constant rule}: $x$ is constant.")
    '<em>constant rule</em>: <math><mrow><mi>x</mi></mrow></math> is constant.'
    """

    def __init__(self) -> None:
        try:
            from latex2mathml.converter import convert_to_element  # noqa: PLC0415 — an optional package
        except ImportError:
            raise SymbackpropError("a page needs the package latex2mathml: pip install 'symbackprop[html]'") from None
        self._convert: Any = convert_to_element

    def inline(self, latex: str) -> str:
        """A formula within a sentence."""
        return self._math(latex, "inline")

    def display(self, latex: str) -> str:
        """A formula on a line of its own: what a Σ runs over stands below it."""
        return self._math(latex.replace(r"\sum_", r"\sum\limits_"), "block")

    def prose(self, latex: str) -> str:
        r"""A sentence with $…$ and \emph{…}."""
        return "".join(self._pieces(latex))

    def _pieces(self, latex: str) -> Iterator[str]:
        for formula, emphasis, text in _PARTS.findall(latex):
            if formula:
                yield self.inline(formula)
            else:
                yield f"<em>{escape(emphasis)}</em>" if emphasis else escape(text)

    def _math(self, latex: str, display: str) -> str:
        root = self._convert(latex.replace(r"\!", ""), display=display)  # browsers have no negative space
        root.attrib = {"display": "block"} if display == "block" else {}
        elements = list(root.iter())
        for rewrite in (_text, _prime, _name, _sign, _brackets):
            for element in elements:
                rewrite(element)
        return tostring(root, encoding="unicode")


# Browsers draw MathML Core, which is less than the converter's MathML; these make it look like LaTeX again.


def _text(element: Element) -> None:
    """Characters rather than their codes, and bold digits as characters of their own."""
    text = unescape(element.text or "")
    variant = element.attrib.pop("mathvariant", None)
    if variant == "normal":
        element.set("mathvariant", variant)
    if variant == "bold" and text.isdecimal():
        text = "".join(chr(ord("𝟎") + int(digit)) for digit in text)
    element.text = text or None


def _prime(element: Element) -> None:
    """A prime stands beside what it belongs to: its sign is small and high already."""
    if element.tag == "msup" and set(element[1].text or "-") <= _PRIMES:
        element.tag, element[1].tag = "mrow", "mo"
        element[1].attrib = {"lspace": "0", "rspace": "0"}


def _name(element: Element) -> None:
    """The name of a function has a thin space before it, after a factor, and none before its brackets."""
    for before, part in zip([None, *element], list(element), strict=False):
        text = part.text or ""
        if part.tag in ("mi", "mo") and len(text) > 1 and text.isascii() and text.isalpha():
            apart = before is not None and before.tag in _FACTORS
            part.tag, part.attrib = "mo", {"lspace": _THIN if apart else "0", "rspace": "0"}


def _sign(element: Element) -> None:
    """A minus without a term before it stands close to what follows, and so does ∂; a Σ apart from a factor before."""
    for before, part in zip([None, *element], list(element), strict=False):
        factor = before is not None and before.tag in _FACTORS
        sign = part[0] if part.tag in ("munder", "msub") else part
        if sign.text == "−" and not factor:
            sign.set("form", "prefix")
        elif sign.text == "∂":
            sign.attrib = {"lspace": "0", "rspace": "0"}
        elif sign.text == "∑":
            apart = factor or (before is not None and before.text == "−")
            sign.attrib = {"lspace": _THIN if apart else "0", "rspace": _THIN if len(element) > 1 else "0"}


def _brackets(element: Element) -> None:
    """Brackets around what is not tall keep their size: stretched ones stand off."""
    if len(element) and element[0].get("stretchy") == "true" and all(map(_is_flat, element.iter())):
        for bracket in (element[0], element[-1]):
            bracket.set("stretchy", "false")


def _is_flat(element: Element) -> bool:
    return element.tag in _FLAT and element.text != "∑"
