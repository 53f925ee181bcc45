"""The layout of data: the examples are rows, z = a W + b, or columns, z = W a + b."""

from dataclasses import dataclass

from symbackprop.errors import NetworkError
from symbackprop.expressions.aliases import Matrix, Size
from symbackprop.expressions.operations import COLUMNS, ROWS
from symbackprop.network.network import Network
from symbackprop.network.numpy_semantics import part, plus

GivenSize = int | str  # a whole number, or the name of a dimension


@dataclass(frozen=True)
class DataLayout:
    """A layout of data; `features` is the axis along which the features of an example lie."""

    features: int

    def shape(self, examples: Size, features: Size) -> tuple[Size, Size]:
        """Return the shape of an array of data, or of weights if both arguments are numbers of features."""
        return (examples, features) if self.features == COLUMNS else (features, examples)

    def bias(self, net: Network, name: str, width: Size) -> Matrix:
        """Declare a bias, which is added to every example."""
        return net.parameter(name, *self.shape(1, width))

    def weights(self, net: Network, name: str, inputs: Size, outputs: Size) -> Matrix:
        """Declare the weights of a layer."""
        return net.parameter(name, *self.shape(inputs, outputs))

    def affine(self, a: Matrix, weights: Matrix, bias: Matrix | None = None) -> Matrix:
        """Return a W + b or W a + b, depending on the layout."""
        z = a * weights if self.features == COLUMNS else weights * a
        return z if bias is None else plus(z, bias)

    def part(self, z: Matrix, start: Size, stop: Size) -> Matrix:
        """Return the features of each example from `start` up to, but excluding, `stop`."""
        return part(z, self.features, start, stop)


LAYOUTS = {"rows": DataLayout(COLUMNS), "columns": DataLayout(ROWS)}


def layout_named(name: object) -> DataLayout:
    """Return the layout with this name, rows or columns; raise NetworkError for any other name."""
    if not isinstance(name, str) or name not in LAYOUTS:
        raise NetworkError(f"layout says where the examples stand, rows or columns, not {name!r}")
    return LAYOUTS[name]


def require_count(what: str, number: object, least: int = 1) -> int:
    """Return a whole number that is at least `least`; raise NetworkError for any other value."""
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise NetworkError(f"{what} is a whole number of at least {least}, not {number!r}")
    return number


def require_apart(examples: GivenSize, *widths: GivenSize) -> None:
    """Raise an error if a width has the name of the number of examples, which would hide a missing transpose."""
    if isinstance(examples, str) and examples in widths:
        raise NetworkError(
            f"{examples} is the number of examples; a layer of that width would hide a missing transpose"
        )
