"""How a document lays out a network, and the quantities of the network as it does."""

from dataclasses import dataclass
from typing import Any

from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Name


class UnknownNameError(UnsupportedNotationError):
    """A name that nothing says."""

    def __init__(self, name: Name):
        super().__init__(f"{name.source or name.base} is not known")
        self.name = name


@dataclass(frozen=True)
class DocumentLayout:
    """How the document lays out what the network has in rows: examples as columns, weights transposed."""

    data: bool = False
    weights: bool = False
    numerator: bool = False  # ∂J/∂v of a column v is a row


@dataclass(frozen=True)
class Quantity:
    """A node of the network, as the document lays it out."""

    node: Any
    is_transposed: bool
