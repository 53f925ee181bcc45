"""The verification of a tape: each of the three witnesses judges every step."""

from collections.abc import Callable, Mapping

import mpmath
import numpy as np
from sympy import lambdify

from symbackprop.backprop.tape import Tape
from symbackprop.expressions.aliases import Scalar
from symbackprop.expressions.functions import ElementwiseFunction, a, z
from symbackprop.expressions.matrices import postorder
from symbackprop.expressions.operations import Elementwise
from symbackprop.network.evaluate import DIGITS
from symbackprop.printing.text import Text
from symbackprop.prove.all_sizes import prove_for_all_sizes
from symbackprop.prove.chain import Chain, Line, chain
from symbackprop.prove.jacobians import FiniteDifferences, ForwardMode
from symbackprop.prove.outcome import UNPROVED, Outcome, not_proved, proved, unclaimed
from symbackprop.prove.report import CHAIN, Proof, Verification, formula
from symbackprop.prove.small_sizes import prove_in_numbers, sizes_in_words
from symbackprop.verdicts import Verdict

_EXACT, _NUMERIC = 40, 20  # digits in which two sides must agree

RealFunction = Callable[[mpmath.mpf], mpmath.mpf]


def verify(tape: Tape, function_names: Mapping[str, str], seed: int | None = None) -> Verification:
    """Return the outcomes of all witnesses for each step of a tape; `seed` makes the random points reproducible.

    Raises `DerivationError` for an incomplete tape: its equations must be those of its network, and its steps must lead
    to each gradient.
    """
    lines = chain(tape)
    rng = np.random.default_rng(seed)
    printer = Text(function_names)
    outcomes = _outcomes(lines, rng)
    proofs = tuple(
        Proof(line.step, formula(line.step, printer), found) for line, found in zip(lines.lines, outcomes, strict=True)
    )
    functions = tuple(_derivative_proof(f, printer, rng) for f in _functions(tape))
    return Verification(proofs, functions, sizes_in_words(tape.network))


def _outcomes(lines: Chain, rng: np.random.Generator) -> list[dict[str, Outcome]]:
    """Return the outcome of each witness for each line, and why a line does not continue the lines above, if so."""
    exact = prove_in_numbers(lines, ForwardMode, _EXACT, rng)
    numeric = prove_in_numbers(lines, FiniteDifferences, _NUMERIC, rng)
    refuted = {
        k for k, each in enumerate(zip(exact, numeric, strict=True)) if Verdict.WRONG in {o.verdict for o in each}
    }
    for_all_sizes = prove_for_all_sizes(lines, refuted)
    open_ = [a.verdict != Verdict.RIGHT == e.verdict for a, e in zip(for_all_sizes, exact, strict=True)]
    if any(open_):  # N is not to be taken for 3 because it was 3 at the first point
        again = prove_in_numbers(lines, ForwardMode, _EXACT, rng, again=True)
        exact = [a if is_open else e for a, e, is_open in zip(again, exact, open_, strict=True)]
    return [_together(*each) for each in zip(lines.lines, for_all_sizes, exact, numeric, strict=True)]


def _together(line: Line, for_all_sizes: Outcome, exact: Outcome, numeric: Outcome) -> dict[str, Outcome]:
    broken = {CHAIN: unclaimed(line.gap)} if line.gap else {}
    if line.misfit:
        return dict.fromkeys(("all sizes", "exact", "numeric"), not_proved(f"it has no value: {line.misfit}"))
    if line.unreadable:
        return broken
    if Verdict.WRONG in (exact.verdict, numeric.verdict) and for_all_sizes.verdict == Verdict.UNDECIDED:
        refuted = "the two sides differ" if for_all_sizes.said == UNPROVED else for_all_sizes.said
        for_all_sizes = not_proved(refuted)
    return {"all sizes": for_all_sizes, "exact": exact, "numeric": numeric, **broken}


def _functions(tape: Tape) -> list[ElementwiseFunction]:
    nodes = (node for equation in tape.equations for node in postorder(equation.expression))
    return list(dict.fromkeys(node.function.undifferentiated for node in nodes if isinstance(node, Elementwise)))


def _derivative_proof(function: ElementwiseFunction, printer: Text, rng: np.random.Generator) -> Proof:
    """Return the proof that f′, in terms of z and of f(z), equals SymPy's derivative and finite differences of f."""
    equation = (
        f"{printer.of_z(function.prime)} = {' = '.join(map(printer.doprint, printer.definition(function.prime)))}"
    )
    f, by_sympy = _numeric(function.row.f), _numeric(function.row.f.diff(z))
    step = mpmath.mpf(10) ** -16
    witnesses = {
        "exact": (by_sympy, _EXACT),
        "numeric": (lambda point: (f(point + step) - f(point - step)) / (2 * step), _NUMERIC),
    }
    return Proof(None, equation, {name: _derivative_outcome(function, *how, rng) for name, how in witnesses.items()})


def _derivative_outcome(
    function: ElementwiseFunction, derivative: RealFunction, digits: int, rng: np.random.Generator
) -> Outcome:
    row = function.row
    forms = [function.prime.expression]
    if row.prime_of_output is not None:
        forms.append(row.prime_of_output.xreplace({a: row.f}))
    with mpmath.workdps(DIGITS):
        for drawn in rng.normal(size=6) * 2:
            point = row.inside(mpmath.mpf(round(float(drawn) * 1000) or 1) / 1000)
            wanted = derivative(point)
            for found in (_numeric(form)(point) for form in forms):
                if abs(found - wanted) > mpmath.mpf(10) ** -digits * (1 + abs(wanted)):
                    at, ours, true = (mpmath.nstr(x, n) for x, n in ((point, 5), (found, 8), (wanted, 8)))
                    return not_proved(f"at z = {at} it is {ours}, but the derivative of f is {true}")
    return proved()


def _numeric(form: Scalar) -> RealFunction:
    """Return an expression in z as a function of arbitrary-precision numbers."""
    function: RealFunction = lambdify(z, form, "mpmath")
    return function
