"""The layout that a document uses for the network, and quantities in that layout."""

from dataclasses import dataclass

from symbackprop.expressions.aliases import Expression
from symbackprop.parsing.lexer import UnsupportedNotationError
from symbackprop.parsing.syntax_tree import Name


class UnknownNameError(UnsupportedNotationError):
    """A name that is defined neither in the network nor in the document."""

    def __init__(self, name: Name):
        super().__init__(f"{name.source or name.base} is not known")
        self.name = name


@dataclass(frozen=True)
class DocumentLayout:
    """The layout of a document relative to the network: examples as columns instead of rows, weights transposed."""

    data: bool = False
    weights: bool = False
    numerator: bool = False  # ∂J/∂v of a column v is a row


@dataclass(frozen=True)
class Quantity:
    """A node of the network in the layout of the document."""

    node: Expression
    is_transposed: bool
