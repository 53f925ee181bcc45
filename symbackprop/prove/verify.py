"""verify(): what all witnesses say about a tape."""

from collections.abc import Mapping

import mpmath
import numpy as np
from sympy import lambdify

from symbackprop.functions import ElementwiseFunction, a, z
from symbackprop.maps import Elementwise
from symbackprop.nodes import postorder
from symbackprop.printing.text import Text
from symbackprop.prove.all_sizes import prove_for_all_sizes
from symbackprop.prove.numbers import DIGITS
from symbackprop.prove.outcome import Outcome, not_proved, proved
from symbackprop.prove.report import Proof, Verification, formula
from symbackprop.prove.slopes import CarriedForward, Differences
from symbackprop.prove.small_sizes import prove_in_numbers, sizes_in_words
from symbackprop.tape import Tape

_EXACT, _NUMERIC = 40, 20  # digits in which two sides must agree


def verify(tape: Tape, function_names: Mapping[str, str], seed: int | None = None) -> Verification:
    """What each witness says about each step of a tape; `seed` repeats the random points."""
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


def _functions(tape: Tape) -> list[ElementwiseFunction]:
    nodes = (node for equation in tape.equations for node in postorder(equation.expression))
    return list(dict.fromkeys(node.function.undifferentiated for node in nodes if isinstance(node, Elementwise)))


def _slope_proof(function: ElementwiseFunction, printer: Text, rng: np.random.Generator) -> Proof:
    """f′ as it is worked out, and as code computes it from f(z), against differences of f."""
    said = f"{printer.of_z(function.prime)} = {' = '.join(map(printer.doprint, printer.definition(function.prime)))}"
    return Proof(None, said, {"exact": _slope_outcome(function, rng)})


def _slope_outcome(function: ElementwiseFunction, rng: np.random.Generator) -> Outcome:
    row = function.row
    forms = [function.prime.expression]
    if row.prime_of_output is not None:
        forms.append(row.prime_of_output.xreplace({a: row.f}))
    with mpmath.workdps(DIGITS):
        f, slopes = lambdify(z, row.f, "mpmath"), [lambdify(z, form, "mpmath") for form in forms]
        for drawn in rng.normal(size=6) * 2:
            point = mpmath.mpf(round(float(drawn) * 1000) or 1) / 1000
            point = point if row.domain.contains(point) == True else abs(point)  # noqa: E712 — SymPy's true
            step = mpmath.mpf(10) ** -16
            difference = (f(point + step) - f(point - step)) / (2 * step)
            for slope in slopes:
                if abs(slope(point) - difference) > mpmath.mpf(10) ** -_NUMERIC * (1 + abs(difference)):
                    found = mpmath.nstr(slope(point), 8)
                    return not_proved(
                        f"at z = {mpmath.nstr(point, 5)} it is {found}, f has the slope {mpmath.nstr(difference, 8)}"
                    )
    return proved(f"away from the kink of {function.name}" if row.kinks else "")
