"""Functions that the workers of a cluster run. They are sent with the tasks: symbackprop need not be installed there.

They may use only the standard library and NumPy.
"""

import re
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

# Kinds of remarks on a chunk; of several remarks the one with the lowest number is kept
REFUSED = 0  # the data are refused, whatever the results are
NOT_FINITE = 1  # an entry is not finite, which matters if a result is not finite
UNSOUND = 2  # sums are not finite, although the data are

Remark: TypeAlias = tuple[int, int, str]  # its kind, the first example of its chunk, and the text


def sums_of_chunk(call: Any, first: int, *blocks: Any) -> tuple[list[Any], Remark | None]:
    """Return the sums over one chunk of the examples, and a remark on the chunk or None."""
    module = _module(call.module, call.source)
    blocks = tuple(np.asarray(block, call.dtype) for block in blocks)
    length = blocks[0].shape[call.axis]
    for name, width, block in zip(call.names, call.widths, blocks, strict=True):
        expected = (length, width) if call.axis == 0 else (width, length)
        if block.shape != expected:
            raise ValueError(f"a chunk of {name} has shape {block.shape}, but {expected} fits the other data")
    part = module["_memory"], module[call.function], module[call.memory]
    with np.errstate(all="ignore"):
        sums = part[0].in_parts((*part[1:], call.axis), call.form, blocks[: call.used], call.rest, call.results)
    return list(sums), _remark(module, call, first, blocks, sums)


def sums_of_sums(*parts: tuple[list[Any], Remark | None]) -> tuple[list[Any], Remark | None]:
    """Return the sums over several chunks, and the most important remark."""
    remarks = [remark for _, remark in parts if remark is not None]
    return [sum(ones) for ones in zip(*(sums for sums, _ in parts), strict=True)], min(remarks, default=None)


def _module(name: str, source: str) -> dict[str, Any]:
    """Return the namespace of the generated module, which a worker compiles once and keeps."""
    known = sys.modules.get(name)
    if known is None:
        made = ModuleType(name)
        exec(compile(source, f"<{name}>", "exec"), made.__dict__)  # noqa: S102 — the text comes from a derivation
        known = sys.modules.setdefault(name, made)
    return known.__dict__


def _remark(
    module: dict[str, Any], call: Any, first: int, blocks: tuple[np.ndarray, ...], sums: Iterable[Any]
) -> Remark | None:
    for name in call.one_hot:
        try:
            module["_one_hot"](name, blocks[call.names.index(name)])
        except ValueError as error:  # which counts rows from the start of the chunk
            text = re.sub(r"\[(\d+)\]", lambda row: f"[{int(row[1]) + first}]", str(error))
            return REFUSED, first, text
    if all(np.isfinite(one).all() for one in sums):
        return None
    for name, block in zip(call.names, blocks, strict=True):
        bad = np.argwhere(~np.isfinite(block))
        if len(bad):
            place = [int(i) for i in bad[0]]
            value = block[tuple(place)]
            place[call.axis] += first
            return NOT_FINITE, first, f"{name}{place} is {value}; finite numbers are expected"
    return UNSOUND, first, f"examples {first} to {first + blocks[0].shape[call.axis] - 1}"
