"""Choice of the backend: numba if the user asks for it, or if compiling pays off."""

from importlib import import_module
from importlib.util import find_spec

from symbackprop.backprop.tape import Tape
from symbackprop.codegen import templates
from symbackprop.codegen.batching import split_by_examples
from symbackprop.codegen.lowering import program
from symbackprop.codegen.numba_module import obstacle
from symbackprop.codegen.numpy_module import NUMBA, NUMPY
from symbackprop.errors import ArgumentError, SymbackpropError, listed
from symbackprop.expressions.aliases import Size
from symbackprop.expressions.shapes import shape_of
from symbackprop.network.network import Network

SMALL = 32  # up to this size, compiled loops multiply matrices faster than BLAS does
FEW = 60  # up to so many operations for each example, compiling takes a few seconds


def backend_for(tape: Tape, wanted: str | None) -> str:
    """Return the wanted backend; None chooses numba if it is installed and the network is small, else NumPy.

    Raises:
        ArgumentError: the backend is unknown, or the network cannot be compiled.
        SymbackpropError: numba is wanted, but not installed.

    >>> import symbackprop as sb
    >>> backend_for(sb.derive(sb.mlp(["D", "H", "K"])).tape, None)
    'numpy'
    """
    if wanted is None:
        small = _is_small(tape.network) and not _obstacle(tape, FEW)
        return NUMBA if small and find_spec("numba") is not None else NUMPY
    if wanted not in (NUMPY, NUMBA):
        raise ArgumentError(f"backend is {wanted!r}; {listed(map(repr, (NUMPY, NUMBA)), 'or')} is expected")
    if wanted == NUMBA and (reason := _obstacle(tape)):
        raise ArgumentError(f"this network cannot be compiled with numba: {reason}; backend='numpy' can do it")
    if wanted == NUMBA and (trouble := _trouble()):
        raise SymbackpropError(f"backend='numba' needs the package numba: pip install 'symbackprop[numba]' ({trouble})")
    return wanted


def _obstacle(tape: Tape, most: int | None = None) -> str:
    """Return the reason why a network cannot be compiled or would take too long to compile, or "" if there is none."""
    for _, _, results in templates.functions(tape):
        whole = program(tape, results)
        phases = split_by_examples(whole, tape.network, early=False)
        if most is not None and len(phases.each) > most:
            return "it has too many operations"
        if reason := obstacle(whole, phases):
            return reason
    return ""


def _is_small(network: Network) -> bool:
    """Return True if all sizes but the number of examples are small integers."""
    _, examples = network.examples
    sizes: set[Size] = {size for symbol in network.arguments for size in shape_of(symbol)} - examples
    return all(size.is_Integer and size <= SMALL for size in sizes)


def _trouble() -> str:
    """Return the reason why numba cannot be imported, or "" if it can."""
    try:
        import_module("numba")
    except ImportError as error:
        return str(error)
    return ""
