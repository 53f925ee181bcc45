"""The parts of a name in the network: `W1` is W with index 1, `yhat` is y with a hat, `dJdW1` is ∂J/∂W1."""

import re
from dataclasses import dataclass

from sympy.printing.latex import modifier_dict
from sympy.printing.pretty.pretty_symbology import greek_unicode

_MODIFIERS = sorted((m for m in modifier_dict if m in {"hat", "bar", "tilde", "prime", "dot"}), key=len, reverse=True)
_SHORT_GREEK = {"lam": "lambda", "eps": "epsilon"}


@dataclass(frozen=True)
class NameParts:
    """A name in parts: `ahat_out2` is base a, modifier hat, subscript out, index 2."""

    base: str
    modifier: str = ""
    subscript: str = ""
    index: str = ""

    @property
    def greek(self) -> str:
        """Return the English name of the Greek letter, or "" for any other base."""
        letter = _SHORT_GREEK.get(self.base, self.base)
        return letter if letter in greek_unicode else ""


def read_name(name: str) -> NameParts:
    """Return the parts of a name.

    >>> read_name("yhat")
    NameParts(base='y', modifier='hat', subscript='', index='')
    >>> read_name("W1").index, read_name("W_xh").subscript
    ('1', 'xh')
    """
    if name.endswith("_"):  # that keeps it apart from another name, as in pi_
        return NameParts(name)
    stem, _, subscript = name.partition("_")
    stem, index = _index_off(stem)
    if subscript and not index and "_" not in subscript:
        subscript, index = _index_off(subscript)
    if subscript in _MODIFIERS:
        stem, subscript = stem + subscript, ""
    modifier = next((m for m in _MODIFIERS if stem.endswith(m) and len(stem) > len(m)), "")
    return NameParts(stem.removesuffix(modifier), modifier, subscript, index)


def _index_off(stem: str) -> tuple[str, str]:
    match = re.fullmatch(r"(.*?[^\d])(\d+)", stem)
    return (match[1], match[2]) if match else (stem, "")


Key = tuple[str, str, str]  # base, subscript, layer


def key_of(name: str) -> Key:
    """Return the key of a name in the network."""
    parts = read_name(name)
    base = (parts.greek or parts.base) + parts.modifier
    if parts.subscript.isdigit() and not parts.index:
        return base, "", parts.subscript
    return base, parts.subscript.replace("_", ""), parts.index
