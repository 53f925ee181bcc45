"""Values of the network's arguments: arrays of an .npz file, and random ones for the rest."""

import argparse
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symbackprop.errors import SymbackpropError

if TYPE_CHECKING:
    import numpy as np

    from symbackprop.network.network import Network


def values_for(args: argparse.Namespace, network: "Network") -> tuple[dict[str, Any], str]:
    """Return a value for every argument of a network, and a sentence about the origin of the values."""
    given = {} if args.data is None else _arrays_for(args.data, network)
    sizes = {
        str(size): number
        for name, array in given.items()
        for size, number in zip(getattr(network[name], "shape", ()), array.shape, strict=False)
        if size.is_Symbol
    }
    from symbackprop.network.sampling import random_point

    drawn = [str(s.name) for s in network.arguments if s.name not in given]
    values = random_point(network, sizes, given, args.seed)
    parts = [f"{', '.join(given)} from {args.data}"] if given else []
    parts += [f"{', '.join(drawn)} drawn at random with seed {args.seed}"] if drawn else []
    return values, "; ".join(parts)


def arrays_of(path: str) -> "dict[str, np.ndarray]":
    """Return the arrays of an .npz file by name."""
    import numpy as np

    if Path(path).suffix == ".npy":
        raise SymbackpropError(
            f"{path} is not an .npz file of plain arrays: it has one array without a name; "
            "numpy.savez('data.npz', X=X, y=y) writes arrays by name"
        )
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        reason = "" if "pickle" in str(error) else f": {error}"
        raise SymbackpropError(
            f"{path} is not an .npz file of plain arrays, as numpy.savez writes it{reason}"
        ) from None


def _arrays_for(path: str, network: "Network") -> "dict[str, np.ndarray]":
    arrays = arrays_of(path)
    names = [str(s.name) for s in network.arguments]
    unknown = [name for name in arrays if name not in names]
    if unknown:
        raise SymbackpropError(f"{path} has {', '.join(unknown)}; this network takes {', '.join(names)}")
    return arrays
