"""Which functions are compiled: those that are asked for, and where it is worth the seconds that it takes."""

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from symbackprop.backprop.tape import Tape
from symbackprop.codegen.batching import separated
from symbackprop.codegen.lowering import program
from symbackprop.codegen.numba_module import obstacle
from symbackprop.codegen.numpy_module import NUMBA, NUMPY
from symbackprop.errors import ArgumentError, SymbackpropError, listed
from symbackprop.expressions.shapes import shape_of
from symbackprop.network.network import Network

SMALL = 32  # a matrix of this size is multiplied in less time than BLAS takes to begin
FEW = 60  # operations for each example, which take some seconds to compile


def backend_for(tape: Tape, wanted: str | None) -> str:
    """The backend that is wanted, if it can be; for None, numba where it is installed and the network is small.

    Raises:
        ArgumentError: an unknown backend, or a network that cannot be compiled.
        SymbackpropError: numba is wanted, and not installed.

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
    """Why a network cannot be compiled, or takes too long: a sentence, or nothing."""
    whole = program(tape, tape.result_names)
    phases = separated(whole, tape.network, early=False)
    if most is not None and len(phases.each) > most:
        return "it has too many operations"
    return obstacle(whole, phases)


def _is_small(network: Network) -> bool:
    """Whether all sizes but the number of examples are small whole numbers."""
    _, examples = network.examples
    sizes: set[Any] = {size for symbol in network.arguments for size in shape_of(symbol)} - examples
    return all(size.is_Integer and size <= SMALL for size in sizes)


def _trouble() -> str:
    """Why numba cannot be used; nothing where it can."""
    try:
        import_module("numba")
    except ImportError as error:
        return str(error)
    return ""
