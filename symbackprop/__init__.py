"""symbackprop proofreads backpropagation.

Write a network and its cost; get ∂J/∂W for every parameter as steps by the sum and chain rules, as LaTeX, as
fast NumPy functions, and checked against finite differences.

>>> import symbackprop as sb
>>> d = sb.derive(sb.mlp([2, 3, 1]))
>>> print(d.gradients["W2"])
a2.T*delta3
"""

import ast
from importlib import import_module
from pkgutil import get_data
from typing import Any

__version__ = "0.1.0"

# `__init__.pyi` lists the public names, each with its module. A module is imported when one of its names is first
# used: importing SymPy takes half a second, which `symbackprop --help` does without.
_HOME = {
    alias.name: str(line.module)
    for line in ast.parse(get_data(__name__, "__init__.pyi") or b"").body
    if isinstance(line, ast.ImportFrom)
    for alias in line.names
    if alias.asname
}
_FUNCTIONS = "symbackprop.expressions.functions"  # each row of the table is public, and each registered function
__all__ = sorted(name for name, module in _HOME.items() if module != _FUNCTIONS)  # noqa: PLE0605 — a list of names, which ruff does not evaluate


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if not name.startswith("_"):
        table = import_module(_FUNCTIONS)
        if table.ALIASES.get(name, name) in table.FUNCTION:
            return getattr(table, name)
    known = {} if name.startswith("_") else import_module("symbackprop.expressions.matrices").INSTEAD_OF_NUMPY
    instead = known.get(name, "")
    raise AttributeError(f"module 'symbackprop' has no attribute {name!r}" + (f"; write {instead}" if instead else ""))


def load_ipython_extension(shell: Any) -> None:
    """Add the commands `%%backprop` and `%%proofread` to a notebook: `%load_ext symbackprop`."""
    import_module("symbackprop.cli.notebook").register(shell)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
