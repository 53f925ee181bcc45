"""The text of a pytest file that gradient-checks a generated module."""

from symbackprop.backprop import Tape
from symbackprop.network import PARAMETER, SCALAR, TARGET
from symbackprop.shapes import shape_of

_TEMPLATE = '''"""Gradient checks of {module}.py: its gradients against finite differences of its cost."""

import numpy as np
import pytest

import {module}
import symbackprop as sb

PARAMETERS = {parameters}


@pytest.mark.parametrize("seed", range(5))
def test_gradients(seed):
    rng = np.random.default_rng(seed)
    values = {{
{values}
    }}
    params = {{name: values.pop(name) for name in PARAMETERS}}

    def gradients(**arguments):
        J, *found = {module}.cost_and_gradients(**arguments)
        return dict(zip(PARAMETERS, found, strict=True))

    sb.assert_gradients({module}.cost, gradients, params, data=values, seed=seed)
'''


def tests_source(tape: Tape, module: str, sizes: dict[str, int]) -> str:
    """The tests of a module of that name, at random points of these sizes."""
    rows = []
    for symbol in tape.network.arguments:
        shape = tuple(sizes.get(str(size)) or int(size) for size in shape_of(symbol))
        rows.append(f'        "{symbol.name}": {_draw(tape.network.roles[symbol.name], shape)},')
    parameters = "[" + ", ".join(f'"{name}"' for name in tape.gradients) + "]"
    return _TEMPLATE.format(module=module, parameters=parameters, values="\n".join(rows))


def _draw(role: str, shape: tuple[int, ...]) -> str:
    if role == SCALAR:
        return "rng.uniform(0.1, 0.9)"
    if role == TARGET:
        return f"rng.uniform(0.05, 0.95, {shape})"
    return f"rng.normal(size={shape})" + (f" / np.sqrt({shape[0]})" if role == PARAMETER else "")
