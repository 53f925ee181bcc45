"""verify(): what all witnesses say about a tape."""

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
from sympy import Reals, lambdify

from symbackprop.backprop.tape import Tape
from symbackprop.errors import DerivationError
from symbackprop.expressions.functions import ElementwiseFunction, a, z
from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.operations import Elementwise
from symbackprop.network.evaluate import DIGITS
from symbackprop.network.network import by_names
from symbackprop.printing.text import Text
from symbackprop.prove.all_sizes import prove_for_all_sizes
from symbackprop.prove.jacobians import CarriedForward, Differences
from symbackprop.prove.outcome import Outcome, not_proved, proved
from symbackprop.prove.report import Proof, Verification, formula
from symbackprop.prove.small_sizes import prove_in_numbers, sizes_in_words

_EXACT, _NUMERIC = 40, 20  # digits in which two sides must agree


def verify(tape: Tape, function_names: Mapping[str, str], seed: int | None = None) -> Verification:
    """What each witness says about each step of a tape; `seed` repeats the random points.

    Raises `DerivationError` for a tape that is not whole: of its network's equations, and with steps to each gradient.
    """
    _require_whole(tape)
    rng = np.random.default_rng(seed)
    printer = Text(function_names)
    witnesses = {
        "all sizes": prove_for_all_sizes(tape),
        "exact": prove_in_numbers(tape, CarriedForward, _EXACT, rng),
        "numeric": prove_in_numbers(tape, Differences, _NUMERIC, rng),
    }
    lines = tuple(
        Proof(step, formula(step, printer), dict(zip(witnesses, outcomes, strict=True)))
        for step, *outcomes in zip(tape.steps, *witnesses.values(), strict=True)
    )
    functions = tuple(_slope_proof(f, printer, rng) for f in _functions(tape))
    return Verification(lines, functions, sizes_in_words(tape.network))


def _require_whole(tape: Tape) -> None:
    """Steps that are proved prove nothing of a gradient that they do not lead to."""
    said = {equation.symbol: equation.expression for equation in by_names(tape.network)}
    if any(said.get(equation.symbol) != equation.expression for equation in tape.equations):
        raise DerivationError("the equations of this tape are not those of its network")
    if not all(section.steps for section in tape.sections) or set(tape.gradients) != {
        str(section.parameter.name) for section in tape.sections
    }:
        raise DerivationError("this tape has gradients without steps that lead to them")


def _functions(tape: Tape) -> list[ElementwiseFunction]:
    nodes = (node for equation in tape.equations for node in postorder(equation.expression))
    return list(dict.fromkeys(node.function.undifferentiated for node in nodes if isinstance(node, Elementwise)))


def _slope_proof(function: ElementwiseFunction, printer: Text, rng: np.random.Generator) -> Proof:
    """f′ as it is worked out, and as code computes it from f(z), against SymPy's derivative and differences of f."""
    said = f"{printer.of_z(function.prime)} = {' = '.join(map(printer.doprint, printer.definition(function.prime)))}"
    f, by_sympy = _in_digits(function.row.f), _in_digits(function.row.f.diff(z))
    step = mpmath.mpf(10) ** -16
    witnesses = {
        "exact": (by_sympy, _EXACT),
        "numeric": (lambda point: (f(point + step) - f(point - step)) / (2 * step), _NUMERIC),
    }
    return Proof(None, said, {name: _slope_outcome(function, *how, rng) for name, how in witnesses.items()})


def _slope_outcome(
    function: ElementwiseFunction, slope: Callable[[Any], Any], digits: int, rng: np.random.Generator
) -> Outcome:
    row = function.row
    forms = [function.prime.expression]
    if row.prime_of_output is not None:
        forms.append(row.prime_of_output.xreplace({a: row.f}))
    with mpmath.workdps(DIGITS):
        for drawn in rng.normal(size=6) * 2:
            point = mpmath.mpf(round(float(drawn) * 1000) or 1) / 1000
            point = point if row.domain == Reals else abs(point) + 1
            wanted = slope(point)
            for found in (_in_digits(form)(point) for form in forms):
                if abs(found - wanted) > mpmath.mpf(10) ** -digits * (1 + abs(wanted)):
                    at = f"z = {mpmath.nstr(point, 5)}"
                    return not_proved(
                        f"at {at} it is {mpmath.nstr(found, 8)}, f has the slope {mpmath.nstr(wanted, 8)}"
                    )
    return proved()


def _in_digits(form: Any) -> Callable[[Any], Any]:
    return lambdify(z, form, "mpmath")
