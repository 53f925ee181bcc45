"""The kinds of mistakes that people make in gradients and derivations, in one list for all modules that name a mistake.

The catalogue of changed backward passes, the numeric symptoms and the repairs of written formulas use them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class MistakeKind(StrEnum):
    """A kind of mistake: a short value, and a `sentence` that explains it.

    >>> MistakeKind.MEAN.value, MistakeKind.MEAN.sentence
    ('mean', 'A sum stands for a mean or a mean for a sum: a size such as N multiplies or divides once too often.')
    """

    sentence: str

    def __new__(cls, value: str, sentence: str) -> Self:
        """Create a member from its value, with the sentence as an attribute."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    SIGN = "sign", "A sign is wrong: of a whole gradient, a term, an exponent or an argument."
    NUMBER = "number", "A number is wrong: a coefficient such as 2 or ½, an exponent, or the result of some arithmetic."
    MEAN = (
        "mean",
        "A sum stands for a mean or a mean for a sum: a size such as N multiplies or divides once too often.",
    )
    MISSING_FACTOR = "missing factor", "A factor is left out."
    EXTRA_FACTOR = "extra factor", "A factor is too much, or is applied twice."
    MISSING_TERM = "missing term", "A term of a sum is left out."
    EXTRA_TERM = "extra term", "A term of a sum is too much."
    MISSING_SUM = "missing sum", "A sum or mean is left out, such as that over the examples."
    EXTRA_SUM = "extra sum", "A sum or mean is too much: entries that must stay apart are added."
    AXIS = "axis", "A sum runs along the wrong axis."
    TRANSPOSE = "transpose", "A transpose is missing or too much, or two indices are exchanged."
    ORDER = "order", "Factors, rows, columns or entries stand in the wrong order."
    PRODUCT = "product", "A product entry by entry stands for a matrix product, or the other way round."
    SHAPE = "shape", "The gradient does not have the shape of its parameter."
    QUANTITY = "another quantity", "Another quantity stands where one is meant, such as that of a neighbouring layer."
    FUNCTION = "function", "Another function stands where one is meant."
    POWER = "power", "A square is missing or too much."
    FUNCTION_FOR_DERIVATIVE = (
        "function for derivative",
        "A function stands where its derivative is meant, or the other way round.",
    )
    MISSING_DERIVATIVE = "missing derivative", "The derivative of an activation is left out of the chain rule."
    REPEATED_DERIVATIVE = "repeated derivative", "The derivative of an activation is applied twice."
    DERIVATIVE_ARGUMENT = (
        "argument of a derivative",
        "The derivative of an activation is taken at the activation, not at the pre-activation.",
    )
    DERIVATIVE_FORMULA = (
        "formula of a derivative",
        "The derivative of an activation is computed by a wrong formula, such as 1 − a for 1 − a².",
    )
    SOFTMAX = "jacobian of softmax", "The Jacobian of a softmax is left out, cut to its diagonal, or otherwise wrong."
    MISSING_PATH = "missing path", "One of the paths by which a quantity changes the cost is left out."
    HELD_CONSTANT = "held constant", "A quantity that depends on the parameters is taken as a constant."
    PENALTY = "penalty", "The gradient of a penalty is left out, too much, or wrong."
    UPDATED = "updated weights", "Weights were updated before the backward pass was done with them."
    ZERO = "zero", "The gradient is 0, or a part of it is, where it must not be."
    SOME_ENTRIES = "some entries", "Only some entries are wrong: a row, a column, the diagonal or single ones."
    OFFSET = "constant offset", "Every entry is off by the same number."
    LOST_SIGNS = "lost signs", "Negative entries have become positive or 0."
    CLIPPED = "clipped", "The gradient is clipped at a bound."
    SURROGATE = (
        "surrogate gradient",
        "A straight-through estimator, a reversed or a clipped gradient stands in place of the derivative.",
    )
    PRECISION = "single precision", "The gradient was rounded to single precision on the way."


Kinds = tuple[MistakeKind, ...]


@dataclass(frozen=True)
class Mistake:
    """A mistake: a description, and its kinds (it may be of several)."""

    words: str
    kinds: Kinds

    @property
    def tagged(self) -> str:
        """The description, followed by the kinds in brackets: `the minus sign is missing (sign)`."""
        return f"{self.words} ({', '.join(self.kinds)})"
