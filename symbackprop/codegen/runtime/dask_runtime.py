"""What the workers of a cluster run. It travels with the tasks, for symbackprop need not be installed there.

Nothing here may use anything but NumPy.
"""

import re
import sys
from types import ModuleType
from typing import Any

import numpy as np

# what is said of a chunk; of several remarks the one with the lowest number is kept
REFUSED = 0  # whatever the results are
NOT_FINITE = 1  # an entry, which matters where a result is not finite
UNSOUND = 2  # sums, though the data are finite


def sums_of_chunk(call: Any, first: int, *blocks: Any) -> tuple[list[Any], Any]:
    """What a part returns of one chunk of the examples, and a remark on the chunk, or None."""
    module = _module(call.module, call.source)
    blocks = tuple(np.asarray(block, call.dtype) for block in blocks)
    length = blocks[0].shape[call.axis]
    for name, width, block in zip(call.names, call.widths, blocks, strict=True):
        expected = (length, width) if call.axis == 0 else (width, length)
        if block.shape != expected:
            raise ValueError(f"a chunk of {name} has shape {block.shape}, but {expected} goes with the others")
    part = module["_memory"], module[call.function], module[call.memory]
    with np.errstate(all="ignore"):
        sums = part[0].in_parts((*part[1:], call.axis), call.form, blocks[: call.taken], call.rest, call.results)
    return list(sums), _remark(module, call, first, blocks, sums)


def sums_of_sums(*parts: Any) -> tuple[list[Any], Any]:
    """The sums of several chunks as those of one, and the remark that matters most."""
    remarks = [remark for _, remark in parts if remark is not None]
    return [sum(ones) for ones in zip(*(sums for sums, _ in parts), strict=True)], min(remarks, default=None)


def _module(name: str, source: str) -> dict[str, Any]:
    """The namespace of the generated module, which a worker keeps: it is compiled once."""
    known = sys.modules.get(name)
    if known is None:
        made = ModuleType(name)
        exec(compile(source, f"<{name}>", "exec"), made.__dict__)  # noqa: S102 — the text comes from a derivation
        known = sys.modules.setdefault(name, made)
    return known.__dict__


def _remark(module: Any, call: Any, first: int, blocks: Any, sums: Any) -> Any:
    for name in call.one_hot:
        try:
            module["_one_hot"](name, blocks[call.names.index(name)])
        except ValueError as error:  # it counts the rows of the chunk
            said = re.sub(r"\[(\d+)\]", lambda row: f"[{int(row[1]) + first}]", str(error))
            return REFUSED, first, said
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
