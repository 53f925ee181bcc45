"""What the network's own derivation says in the place of a wrong line."""

from typing import Any

from symbackprop.backprop.engine import backpropagate
from symbackprop.errors import SymbackpropError
from symbackprop.parsing import syntax_tree as tree
from symbackprop.parsing.syntax_tree import Name, Node
from symbackprop.printing.latex import latex
from symbackprop.proofread.derivation.reading import DocumentReading


def derived(reading: DocumentReading, left: Node) -> str:
    """The side that stands for ∂J/∂v, in the notation of the network; empty where there is none in this layout."""
    layout = reading.interpretation.layout
    by = left.by if isinstance(left, tree.Partial) else left.body if isinstance(left, tree.Differential) else left
    if layout.data or layout.weights or not isinstance(by, Name):
        return ""
    formulas = _formulas(reading.network)
    for split in reading.symbols.readings(by, {}):
        adjoint = reading.symbols.chosen.get(split.key) if by is left else None
        symbol = reading.symbols.known.get(split.key if adjoint is None else adjoint.of)
        if symbol in formulas and not split.indices and (by is not left or adjoint is not None):
            return f"{left.source} = {latex(formulas[symbol])}"
    return ""


def _formulas(network: Any) -> dict[Any, Any]:
    """∂J/∂v by v, for parameters and for what has a named error."""
    try:
        tape = backpropagate(network)
    except SymbackpropError:
        return {}
    return {adjoint.of: adjoint.expression for adjoint in tape.adjoints} | {
        parameter: tape.gradients[str(parameter.name)] for parameter in network.parameters
    }
