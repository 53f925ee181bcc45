"""The layout of a network in a document, and its quantities in that layout."""

from dataclasses import dataclass

from symbackprop.expressions.aliases import Expression
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Name


class UnknownNameError(UnsupportedNotationError):
    """A name is defined neither in the network nor in the document."""

    def __init__(self, name: Name):
        super().__init__(f"{name.source or name.base} is not known")
        self.name = name


@dataclass(frozen=True)
class DocumentLayout:
    """The layout of a document: examples as columns, weights transposed, where the network has rows."""

    data: bool = False
    weights: bool = False
    numerator: bool = False  # ∂J/∂v of a column v is a row


@dataclass(frozen=True)
class Quantity:
    """A node of the network, as the document lays it out."""

    node: Expression
    is_transposed: bool
