"""Lines of code that only set things up: data, empty arrays, calls of functions whose formulas stand elsewhere."""

import ast
import re
import textwrap

from symbackprop.parsing.vocabulary import words

_PREPARES = {
    *words("array asarray asmatrix matrix zeros ones empty full arange linspace meshgrid zeros_like ones_like"),
    *words("load loadtxt genfromtxt reshape ravel flatten copy astype append vstack hstack stack tile repeat"),
    *words("permutation shuffle seed rand randn randint normal uniform default_rng tensor from_numpy numpy Parameter"),
    *words("range list dict len print zip enumerate item detach read_csv"),
}
_LITERALS = ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp | ast.GeneratorExp
_GRADIENT = re.compile(r"(?:\w+\.)*(?:d[A-Z_]|d[a-z]\d*$|grad|.*_grad$|.*grads?\b|delta)", re.IGNORECASE)


def only_sets_up(source: str) -> bool:
    """Return True for an assignment that prepares data or calls a function; never for a gradient, such as dW.

    >>> only_sets_up("X = np.random.randn(100, 3)"), only_sets_up("dW = grad_of(X, delta)"), only_sets_up("a = X @ W")
    (True, False, False)
    """
    try:
        body = ast.parse(textwrap.dedent(re.sub(r"^\s*return\b", "_ =", source)).strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if len(body) != 1 or not isinstance(body[0], ast.Assign):
        return False
    value, targets = body[0].value, [ast.unparse(target) for target in body[0].targets]
    if any(_GRADIENT.match(target) for target in targets):
        return False
    if isinstance(value, ast.Constant | ast.Attribute | ast.Tuple | ast.Subscript | ast.Lambda):
        return True
    if isinstance(value, ast.Call) and not _is_of_library(value.func):
        return True
    return any(isinstance(node, _LITERALS) or _prepares(node) for node in ast.walk(value))


def _is_of_library(function: ast.expr) -> bool:
    """Return True for np.exp and the like."""
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "np"


def _prepares(node: ast.AST) -> bool:
    """Return True for a call such as np.zeros(…) and rng.random(…)."""
    function = node.func if isinstance(node, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr in _PREPARES or "random" in ast.unparse(function).split(".")
    return isinstance(function, ast.Name) and function.id in _PREPARES
