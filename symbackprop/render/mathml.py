"""LaTeX formulas as MathML that browsers display well."""

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
WRONG, GAP = "sb-wrong", "sb-gap"  # colours that stand for marks until the formula is converted
_DISPLAY = {"block": {"display": "block"}, "displaystyle": {"displaystyle": "true"}, "inline": {}}
_CLASSES = {WRONG: "term wrong", GAP: "term gap"}


class MathML:
    r"""A converter of formulas, and of sentences that contain formulas; it needs the package latex2mathml.

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
        """Return a formula as MathML within a sentence."""
        return self._math(latex, "inline")

    def display(self, latex: str) -> str:
        """Return a formula as MathML on its own line, with the index of a Σ below it."""
        return self._math(latex.replace(r"\sum_", r"\sum\limits_"), "block")

    def of_author(self, latex: str, *, displayed: bool = True) -> str | None:
        """Return a formula that a person wrote as MathML, or None if the converter does not know how."""
        if displayed:
            latex = latex.replace(r"\sum_", r"\sum\limits_")
        try:
            return self._math(latex, "displaystyle" if displayed else "inline")
        except Exception:  # the converter raises whatever it meets
            return None

    def prose(self, latex: str) -> str:
        r"""Return a sentence with $…$ and \emph{…} as HTML."""
        return "".join(self._pieces(latex))

    def _pieces(self, latex: str) -> Iterator[str]:
        for formula, emphasis, text in _PARTS.findall(latex):
            if formula:
                yield self.inline(formula)
            else:
                yield f"<em>{escape(emphasis)}</em>" if emphasis else escape(text)

    def _math(self, latex: str, display: str) -> str:
        root = self._convert(latex.replace(r"\!", ""), display=display)  # browsers have no negative space
        root.attrib = dict(_DISPLAY[display])
        elements = list(root.iter())
        for rewrite in (_inert, _mark, _text, _prime, _name, _sign, _brackets):
            for element in elements:
                rewrite(element)
        return tostring(root, encoding="unicode")


# Browsers draw MathML Core, a part of the converter's MathML; these rewrites make it look like LaTeX again.


def with_mark(latex: str, term: tuple[int, int]) -> str:
    """Return a formula with a mark on the term at these offsets, or in the gap if they are equal."""
    start, end = term
    kind, inner = (WRONG, latex[start:end]) if start < end else (GAP, r"\,")
    return rf"{latex[:start]}\textcolor{{{kind}}}{{{inner}}}{latex[end:]}"


def _inert(element: Element) -> None:
    r"""Remove what \href, \style, \class and \id of an author put in: a formula is a formula and nothing else."""
    for name in ("href", "style", "class", "id"):
        element.attrib.pop(name, None)


def _mark(element: Element) -> None:
    """Turn the colour of a marked term into the class of a group, which the other rewrites know."""
    if element.tag == "mstyle" and element.get("mathcolor") in _CLASSES:
        element.tag, element.attrib = "mrow", {"class": _CLASSES[element.attrib["mathcolor"]]}


def _text(element: Element) -> None:
    """Replace character codes by characters, and bold digits by bold digit characters."""
    text = unescape(element.text or "")
    variant = element.attrib.pop("mathvariant", None)
    if variant == "normal":
        element.set("mathvariant", variant)
    if variant == "bold" and text.isdecimal():
        text = "".join(chr(ord("𝟎") + int(digit)) for digit in text)
    element.text = text or None


def _prime(element: Element) -> None:
    """Put a prime beside its base, not in a superscript, because the character itself is small and raised."""
    if element.tag == "msup" and set(element[1].text or "-") <= _PRIMES:
        element.tag, element[1].tag = "mrow", "mo"
        element[1].attrib = {"lspace": "0", "rspace": "0"}


def _name(element: Element) -> None:
    """Put a thin space before a function's name if a factor precedes it, and none before its brackets."""
    for before, part in zip([None, *element], list(element), strict=False):
        text = part.text or ""
        if part.tag in ("mi", "mo") and len(text) > 1 and text.isascii() and text.isalpha():
            apart = before is not None and before.tag in _FACTORS
            part.tag, part.attrib = "mo", {"lspace": _THIN if apart else "0", "rspace": "0"}


def _sign(element: Element) -> None:
    """Remove the space after a leading minus and around ∂; put a thin space before a Σ that follows a factor."""
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
    """Do not stretch brackets around contents of one line, because stretched brackets have too much space."""
    is_stretched = len(element) and element[0].get("stretchy") == "true"
    if is_stretched and all(part.tag in _FLAT and part.text != "∑" for part in element.iter()):
        for bracket in (element[0], element[-1]):
            bracket.set("stretchy", "false")
