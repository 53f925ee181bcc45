"""Whether the examples stand in the rows, z = a W + b, or in the columns, z = W a + b."""

from dataclasses import dataclass
from typing import Any

from symbackprop.errors import NetworkError, nearest
from symbackprop.expressions.operations import COLUMNS, ROWS
from symbackprop.network.network import Network
from symbackprop.network.numpy_semantics import part, plus

Size = int | str


@dataclass(frozen=True)
class Layout:
    """`features`: the axis along which the features of one example stand."""

    features: int

    def shape(self, examples: Any, features: Any) -> tuple[Any, Any]:
        """Of data, or of the weights that lead from as many features to others."""
        return (examples, features) if self.features == COLUMNS else (features, examples)

    def bias(self, net: Network, name: str, width: Any) -> Any:
        return net.parameter(name, *self.shape(1, width))

    def weights(self, net: Network, name: str, inputs: Any, outputs: Any) -> Any:
        return net.parameter(name, *self.shape(inputs, outputs))

    def affine(self, a: Any, weights: Any, bias: Any = None) -> Any:
        """a W + b, or W a + b."""
        z = a * weights if self.features == COLUMNS else weights * a
        return z if bias is None else plus(z, bias)

    def part(self, z: Any, start: Any, stop: Any) -> Any:
        """Some of the features of each example."""
        return part(z, self.features, start, stop)


LAYOUTS = {"rows": Layout(COLUMNS), "columns": Layout(ROWS)}


def layout_named(name: object) -> Layout:
    if not isinstance(name, str) or name not in LAYOUTS:
        raise NetworkError(f"layout says where the examples stand, rows or columns, not {name!r}")
    return LAYOUTS[name]


def require_count(what: str, number: object, least: int = 1) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise NetworkError(f"{what} is a whole number of at least {least}, not {number!r}")
    return number


def require_apart(examples: Size, *widths: Size) -> None:
    """A width that is called like the number of examples would let a forgotten transpose pass."""
    if isinstance(examples, str) and examples in widths:
        raise NetworkError(
            f"{examples} is the number of examples; a layer of that width would hide a missing transpose"
        )


def chosen(what: str, name: object, known: Any) -> Any:
    """What a table says under a name; an unknown one is refused with the nearest known."""
    if not isinstance(name, str) or name not in known:
        raise NetworkError(f"unknown {what} {name!r}: {nearest(name, known)}")
    return known[name]
