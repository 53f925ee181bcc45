"""Names as LaTeX: where the number of a layer stands, the sign of a transpose, bold matrices."""

import re
from dataclasses import dataclass
from functools import cache

from sympy.printing.latex import modifier_dict, tex_greek_dictionary

from symbackprop.errors import ArgumentError
from symbackprop.printing.naming import read_name

_LAYER = re.compile(r"\s*\\?[A-Za-z]+\s*(?P<place>[\^_])\s*(?P<inner>\{.+\}|l)\s*")
_INNER = re.compile(r"\s*(?P<before>[(\[<]|\\langle\s*)?l(?P<after>[)\]>]|\s*\\rangle)?\s*")
_PAIRS = {"(": ")", "[": "]", "<": ">", "\\langle": "\\rangle"}
_TRANSPOSES = {"top": r"\top", r"\top": r"\top", "T": "T", r"\mathsf{T}": r"\mathsf{T}"}


@dataclass(frozen=True)
class NameStyle:
    """A way to write the names of a network in LaTeX.

    `before` and `after` stand around the number of a layer, which is a superscript unless `below`.
    """

    before: str = "("
    after: str = ")"
    below: bool = False
    transposed: str = r"\top"
    bold: bool = False

    def name(self, name: str, bold: bool = False) -> str:
        """Return a name as LaTeX, with `bold` in bold letters."""
        return _name(name, self, bold and self.bold)


def name_style(layers: str = "W^{(l)}", transpose: str = r"\top", bold: bool = False) -> NameStyle:
    r"""Return the style in which the weights of layer l are written as in `layers`.

    Args:
        layers: how the weights of layer l are written, such as `W^{(l)}`, `W^{[l]}`, `W^l` or `W_l`.
        transpose: the sign of a transpose: `\top`, `T` or `\mathsf{T}`.
        bold: True if matrices have bold letters.

    Raises:
        ArgumentError: `layers` or `transpose` is written otherwise.

    >>> name_style("W^{[l]}").name("W1"), name_style("W_l").name("delta3"), name_style(bold=True).name("W1", bold=True)
    ('W^{[1]}', '\\delta_{3}', '\\mathbf{W}^{(1)}')
    """
    place = _LAYER.fullmatch(layers) if isinstance(layers, str) else None
    inner = place and _INNER.fullmatch(re.sub(r"^\{(.*)\}$", r"\1", place["inner"]))
    before, after = ((inner["before"] or "").strip(), (inner["after"] or "").strip()) if inner else ("", "")
    if not (place and inner) or _PAIRS.get(before, "") != after:
        written = "the weights of layer l are expected, as in W^{(l)}, W^{[l]}, W^l or W_l"
        raise ArgumentError(f"notation {layers!r}: {written}")
    if transpose not in _TRANSPOSES:
        raise ArgumentError(rf"transpose {transpose!r}: \top, T or \mathsf{{T}} is expected")
    around = (r"\langle ", r"\rangle") if before in {"<", "\\langle"} else (before, after)
    return NameStyle(*around, place["place"] == "_", _TRANSPOSES[transpose], bold)


def latex_name(name: str) -> str:
    r"""Return a name in the network as LaTeX, as a textbook writes it.

    >>> latex_name("W1"), latex_name("yhat"), latex_name("delta3")
    ('W^{(1)}', '\\hat{y}', '\\delta^{(3)}')
    """
    return PLAIN.name(name)


PLAIN = NameStyle()


@cache
def _name(name: str, style: NameStyle, bold: bool) -> str:
    parts = read_name(name)
    base = parts.base
    if parts.greek:
        base = tex_greek_dictionary.get(parts.greek, "\\" + parts.greek)
        base = rf"\boldsymbol{{{base}}}" if bold else base
    elif len(base) > 1:
        base = (r"\boldsymbol" if bold else "") + rf"{{\mathit{{{base}}}}}".replace("_", r"\_")
        base = base if bold else base[1:-1]
    elif bold:
        base = rf"\mathbf{{{base}}}"
    if parts.modifier:
        base = modifier_dict[parts.modifier](base)
    below = _below(parts.subscript, style)
    if parts.index and style.below:
        below = ", ".join(filter(None, (below, f"{style.before}{parts.index}{style.after}")))
    base += f"_{{{below}}}" if below else ""
    return f"{base}^{{{style.before}{parts.index}{style.after}}}" if parts.index and not style.below else base


def _below(subscript: str, style: NameStyle) -> str:
    parts = read_name(subscript)
    word = len(subscript) > 2 and "_" not in subscript and not (parts.modifier or parts.greek)
    return rf"\mathrm{{{subscript}}}" if word else subscript and style.name(subscript)
