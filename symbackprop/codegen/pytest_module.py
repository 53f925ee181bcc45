"""Generation of a pytest file that gradient-checks a generated module."""

from symbackprop.backprop.tape import Tape
from symbackprop.network.sampling import draws

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


def tests_source(tape: Tape, module: str) -> str:
    """Return the tests of the generated module of that name, at random points whose sizes are all different."""
    rows = [f'        "{name}": {draw.code()},' for name, draw in draws(tape.network).items()]
    parameters = "[" + ", ".join(f'"{name}"' for name in tape.gradients) + "]"
    return _TEMPLATE.format(module=module, parameters=parameters, values="\n".join(rows))
