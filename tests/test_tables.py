"""The recipes of the expression language: what each operation, function and NumPy name needs, and in which table.

An operation is a class of `expressions`, with a row in each table below; where a class needs none, `NEEDS_NO_ROW` says
so. An elementwise function is one row of `expressions/functions`.
"""

import inspect
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import sympy
from sympy import Expr, MatrixExpr

import symbackprop as sb
from symbackprop.backprop import wording
from symbackprop.backprop.rules import RULES
from symbackprop.certificate.rows import ROWS
from symbackprop.codegen import lowering
from symbackprop.codegen.numpy_printer import NumPySource
from symbackprop.expressions import einsum, functions, gathers, intervals, matrices, operations, slicing
from symbackprop.expressions.differentiable import MATRICES, SCALARS
from symbackprop.expressions.functions import ALIASES, FUNCTION, FUNCTIONS, Applied, ElementwiseFunction, FunctionRow, z
from symbackprop.network import elaborate, evaluate
from symbackprop.network.names import RESERVED
from symbackprop.network.word_calls import SEVERAL, WORDS
from symbackprop.parsing.vocabulary import LIBRARY
from symbackprop.printing import indices
from symbackprop.printing.latex import Latex
from symbackprop.printing.text import Text, Typed
from symbackprop.proofread.interpreter.library import NAMED
from symbackprop.prove import index_form
from symbackprop.tracing.arrays import numpy_functions

BUILT_IN = frozenset(FUNCTIONS)  # before any test registers a function
NAMES_AND_BASES = {
    *(matrices.NamedMatrix, matrices.OneHot, matrices.Quotient, operations.MatrixOperation, gathers.Gather)
}
OPERATORS = {  # of Python, or an attribute or a subscript: no call in a text
    *(matrices.MatAdd, matrices.Scaled, matrices.MatMul, matrices.Transpose, matrices.HadamardProduct),
    *(matrices.HadamardPower, slicing.Slice, gathers.Strided),
}
CONSTANTS = {operations.AtLargest, *matrices.LEAVES}  # the derivative is 0
OF_ADJOINTS = {gathers.Scattered}  # no network has them


def node_classes() -> Iterator[type]:
    """Yield the classes of nodes that may stand in a network."""
    for module in (einsum, functions, gathers, matrices, operations, slicing):
        for name, kind in inspect.getmembers(module, inspect.isclass):
            is_own = kind.__module__ == module.__name__ and issubclass(kind, Expr) and not name.startswith("_")
            if is_own and kind not in NAMES_AND_BASES:
                yield kind


def in_table(*tables: dict[type, object]) -> Callable[[type], bool]:
    """Return a test of whether a class, or a class that it derives from, has a row in one of the tables."""
    return lambda kind: any(base in table for base in kind.__mro__ for table in tables)


def has_sentence(kind: type) -> bool:
    rule = next((RULES[base] for base in kind.__mro__ if base in RULES), None)
    if rule is None:
        return False
    names = {rule.name, rule.with_one_variable or rule.name, rule.local.name if rule.local else rule.name}
    return all(any((name, k) in wording.SENTENCES for k in kind.__mro__) or name in wording.SENTENCES for name in names)


def printed_by(printer: type, hook: str) -> Callable[[type], bool]:
    """Return a test of whether a printer has a method for a class, or the class a hook for the printer."""

    def is_printed(kind: type) -> bool:
        specific = kind.__mro__[: min(kind.__mro__.index(base) for base in (MatrixExpr, Expr) if base in kind.__mro__)]
        return any(hook in vars(c) or hasattr(printer, f"_print_{c.__name__}") for c in specific)

    return is_printed


def has_call(kind: type) -> bool:
    return getattr(kind, "syntax", None) in {**elaborate.CALLS, **WORDS}


def is_in_code(kind: type) -> bool:
    return in_table(lowering._TERMS)(kind) or printed_by(NumPySource, "_numpycode")(kind)


TABLES: dict[str, Callable[[type], bool]] = {
    "expressions/differentiable": lambda kind: issubclass(kind, SCALARS + MATRICES),
    "backprop/rules.RULES": in_table(RULES),
    "backprop/wording.SENTENCES": has_sentence,
    "network/evaluate.MEANING": in_table(evaluate.MEANING, evaluate.RESIZED, evaluate.FILLED),
    "prove/index_form": in_table(index_form._SCALARS, index_form._ENTRIES),
    "expressions/intervals": in_table(intervals._RANGES),
    "codegen/lowering": is_in_code,
    "printing/latex": printed_by(Latex, "_latex"),
    "printing/text": printed_by(Text, "_text"),
    "printing/text, as typed": printed_by(Typed, "_typed"),
    "printing/indices": in_table(indices._SCALARS, indices._ENTRIES),
    "network/elaborate.CALLS": has_call,
    "certificate/rows.ROWS": in_table(ROWS),
}
NEEDS_NO_ROW: dict[str, set[type]] = {
    "expressions/differentiable": CONSTANTS | OF_ADJOINTS,
    "backprop/rules.RULES": CONSTANTS | OF_ADJOINTS,
    "backprop/wording.SENTENCES": CONSTANTS | OF_ADJOINTS,
    # any real number may be their entry
    "expressions/intervals": {
        *(operations.AtLargest, operations.LogSumExp, matrices.Trace, matrices.Determinant, matrices.Inverse),
        *(matrices.MatPow, matrices.Eye),
    },
    # printed as they are, with the indices behind: (A⁻¹)[i,j]
    "printing/indices": {
        *(operations.Largest, operations.AtLargest, slicing.Concatenate, matrices.Inverse, matrices.Eye),
        *(matrices.LowerOnes, gathers.Scattered),
    },
    # certificates refuse them by name
    "certificate/rows.ROWS": {
        *(matrices.Determinant, matrices.Inverse, operations.Largest, operations.AtLargest, einsum.Einsum),
        *(gathers.Scattered, gathers.Permute, gathers.Reshape, gathers.Strided, gathers.Window),
    },
    # the functions have names of their own, and nobody types where the largest entry is
    "network/elaborate.CALLS": {*OPERATORS, *OF_ADJOINTS, Applied, operations.Elementwise, operations.AtLargest},
}


def complaint(kind: type) -> str:
    """Return a message that names each table in which a class misses a row; empty if there is none."""
    missing = [t for t, has_row in TABLES.items() if kind not in NEEDS_NO_ROW.get(t, set()) and not has_row(kind)]
    return f"{kind.__name__} has no row in {', '.join(missing)}" if missing else ""


@pytest.mark.parametrize("kind", list(node_classes()), ids=lambda kind: kind.__name__)
def test_every_operation_is_in_every_table(kind: type) -> None:
    assert not complaint(kind)


def test_an_operation_without_rows_is_told_all_the_tables() -> None:
    class Pad(matrices.Operators, MatrixExpr):
        """An operation that nothing knows."""

    assert complaint(Pad) == f"Pad has no row in {', '.join(TABLES)}"


def test_an_operation_is_told_the_tables_that_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pad(operations.MatrixOperation):
        """An operation with a rule and a call, but with no sentence, meaning or LaTeX."""

        syntax = "pad"

    monkeypatch.setattr(operations, "Pad", Pad, raising=False)
    monkeypatch.setattr(Pad, "__module__", operations.__name__)
    assert Pad in node_classes()
    monkeypatch.setitem(RULES, Pad, RULES[operations.Softmax].__class__("pad rule", lambda G, *_: [G]))
    monkeypatch.setitem(elaborate.CALLS, "pad", Pad)
    left = [
        *("expressions/differentiable", "backprop/wording.SENTENCES", "network/evaluate.MEANING", "prove/index_form"),
        *("expressions/intervals", "codegen/lowering", "printing/latex", "printing/indices"),
        "certificate/rows.ROWS",
    ]
    assert complaint(Pad) == f"Pad has no row in {', '.join(left)}"
    monkeypatch.setitem(wording.SENTENCES, "pad rule", "…")
    assert "wording" not in complaint(Pad)


def test_what_needs_no_row_has_none() -> None:
    """Otherwise the exception would hide that a row is lost."""
    for table, kinds in NEEDS_NO_ROW.items():
        assert [kind.__name__ for kind in kinds if TABLES[table](kind)] == []


def test_every_differentiable_node_has_a_rule_and_every_rule_a_node():
    assert set(SCALARS + MATRICES) == set(RULES)


@pytest.fixture
def folded_log(monkeypatch: pytest.MonkeyPatch) -> str:
    """Add a row to the table of functions: log(1 + z) for positive z, else -z; it has a kink."""
    f = sympy.Piecewise((-z, z <= 0), (sympy.log(1 + sympy.exp(-z)), True))
    monkeypatch.setitem(
        FUNCTIONS, "folded_log", FunctionRow("folded_log", f, r"\rho", kinks={sympy.S.Zero: -sympy.S.One})
    )
    monkeypatch.setitem(FUNCTION, "folded_log", ElementwiseFunction("folded_log"))
    return "folded_log"


def test_one_row_makes_an_elementwise_function(folded_log: str) -> None:
    """All that iterates over the table handles it."""
    network = sb.parse_network(
        "X: input(N, D)\nW: parameter(D, K)\nY: target(N, K)\na = folded_log(X @ W)\nJ = sum((a - Y)**2) + folded_log(trace(W.T @ W))"
    )
    assert "folded_log(X @ W)" in str(network)
    d = sb.derive(network)
    assert Latex().doprint(FUNCTION["folded_log"].prime(network["X"])) == r"\rho'\!\left(X\right)"
    assert Text().doprint(FUNCTION["folded_log"].prime(network["X"])) == "folded_log′(X)"
    values = sb.random_values(network, {"N": 5, "D": 3, "K": 2}, seed=3)
    assert d.check(values).verdict == "right"
    assert d.verify().verdict == "right"
    huge = {**values, "W": 1e5 * np.ones_like(values["W"])}
    assert np.isfinite(d.to_numpy()(**huge).dJdW).all(), "the stable form is found"
    at_the_kink = sb.parse_network("w: parameter(1, 1)\nJ = sum(folded_log(w))")
    assert sb.derive(at_the_kink).to_numpy()(w=np.zeros((1, 1))).dJdw == -1


def test_a_function_of_a_domain_is_checked_inside_of_it() -> None:
    for name, row in FUNCTIONS.items():
        network = sb.parse_network(f"X: parameter(3, 2)\nJ = sum({name}(X)) + sum(X**2)")
        values = sb.random_values(network, seed=1)
        assert all(entry in row.domain for entry in values["X"].flat), name


def test_every_library_name_has_a_meaning():
    assert LIBRARY == NAMED.keys()


def test_every_call_of_the_text_language_is_a_reserved_name() -> None:
    assert set(elaborate.CALLS) - RESERVED == set()


def test_every_numpy_name_of_the_text_language_is_traced() -> None:
    """Who writes a network as a text can write it as a NumPy function too."""
    known = {*numpy_functions.FUNCTIONS, *numpy_functions._CREATING}
    of_numpy = {
        n for n in [*elaborate.CALLS, *WORDS, *SEVERAL, *FUNCTIONS, *ALIASES] if hasattr(np, n) or hasattr(np.linalg, n)
    }
    assert of_numpy - known == set()


def test_every_public_name_is_there_and_every_function_is_a_public_name() -> None:
    assert all(getattr(sb, name) is not None for name in sb._HOME)
    assert {*ALIASES, *FUNCTIONS} - {*sb._HOME} <= {name for name in FUNCTIONS if name not in BUILT_IN}
