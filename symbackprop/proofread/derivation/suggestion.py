"""A suggestion for a wrong line, from the network's own derivation."""

from symbackprop.backprop.engine import backpropagate
from symbackprop.errors import SymbackpropError
from symbackprop.expressions.aliases import Expression
from symbackprop.network.network import Network
from symbackprop.parsing.syntax_tree import Name, Node, Partial
from symbackprop.printing.latex import latex
from symbackprop.proofread.derivation.reading import DocumentReading
from symbackprop.proofread.derivation.subjects import is_cost, with_respect_to


def derived(reading: DocumentReading, left: Node) -> str:
    """Return the line for ∂J/∂v in the network's derivation; "" if there is none in the document's layout."""
    layout = reading.interpretation.layout
    by = with_respect_to(left) or left
    is_other = isinstance(left, Partial) and not is_cost(reading, left.of)  # ∂z/∂W, or a second derivative
    if is_other or layout.data or layout.weights or not isinstance(by, Name):
        return ""
    formulas = _formulas(reading.network)
    for found in reading.name_readings(by):
        adjoint = reading.symbols.chosen.get(found.key) if by is left else None
        symbol = reading.symbols.known.get(found.key if adjoint is None else adjoint.of)
        if symbol in formulas and not found.indices and (by is not left or adjoint is not None):
            return f"{left.source} = {latex(formulas[symbol])}"
    return ""


def _formulas(network: Network) -> dict[Expression, Expression]:
    """Return the formula of ∂J/∂v by v, for parameters and for quantities with a named adjoint."""
    try:
        tape = backpropagate(network)
    except SymbackpropError:
        return {}
    return {adjoint.of: adjoint.expression for adjoint in tape.adjoints} | {
        parameter: tape.gradients[str(parameter.name)] for parameter in network.parameters
    }
