"""The check of a function with a backward function of its own, of PyTorch or JAX, as it stands."""

from collections.abc import Iterable, Mapping
from typing import Any

from symbackprop.proofread.code.report import CodeCheck
from symbackprop.proofread.code.vjp import LayerReading, judged_layer
from symbackprop.tracing.aliases import DeclaredSize
from symbackprop.tracing.tensors.functions import halves


def check_function(
    function: Any,
    shapes: Mapping[str, object],
    wrt: Iterable[str] | str | None = None,
    *,
    labels: Mapping[str, DeclaredSize] | None = None,
    scalars: Mapping[str, object] | Iterable[str] | None = None,
    seed: int | None = None,
) -> CodeCheck:
    """Check a `torch.autograd.Function` or a `jax.custom_vjp` function, and name the mistake. The code is run.

    The gradients are compared with the vector-Jacobian product of its forward function, for a random upstream gradient
    of each output, in double precision.

    Args:
        function: a subclass of torch.autograd.Function, or a function that jax.custom_vjp has made.
        shapes: the shapes of the arguments of its forward function that are arrays of floats, by name.
        wrt: the names of the arguments that have gradients; by default, all of which it returns one.
        labels: the arguments that are indices (whole numbers), with the number of classes.
        scalars: the values of other arguments by name, such as {"eps": 1e-5}; without a value, their names.
        seed: repeats the random points.

    Raises:
        ArgumentError: it is not such a function, an argument has no shape, or the code fails.
    """
    chosen = None if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    found = halves(function, [*shapes, *(labels or {})], chosen or ())
    reading = LayerReading(found.forward, found.backward, dict(shapes), None, labels, scalars, with_numbers=True)
    return judged_layer(reading, chosen, found.upstream, seed)
