"""What an import loads: the gradient check, gradient descent and the pytest plugin run without SymPy."""

import subprocess
import sys

import pytest

WITHOUT_SYMPY = [
    "sb.check_gradients, sb.assert_gradients, sb.numerical_gradient, sb.gradient_descent",
    "importlib.import_module('symbackprop.pytest_plugin')",
    "print(sb.check_gradients(lambda x: (x**2).sum(), lambda x: 2 * x, numpy.ones(3)))",
]


@pytest.mark.parametrize("statement", [*WITHOUT_SYMPY, pytest.param("sb.derive", marks=pytest.mark.xfail(strict=True))])
def test_no_sympy_is_loaded(statement):
    code = f"import importlib, sys, numpy\nimport symbackprop as sb\n{statement}\nassert 'sympy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
