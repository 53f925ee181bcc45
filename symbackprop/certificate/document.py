"""A certificate: the file for Coq that states and proves the gradients of a derivation.

Its sections: the library; the network and its gradients, as they were derived, with a claim for each; then the proofs:
rates forwards, contributions backwards, their sum, and the rule of each node as a derivative.
"""

from collections.abc import Iterator

from symbackprop.backprop.adjoints import Adjoints
from symbackprop.backprop.tape import Tape
from symbackprop.certificate.lines import lines
from symbackprop.certificate.names import LIBRARY
from symbackprop.certificate.plan import Plan
from symbackprop.certificate.proofs import proofs
from symbackprop.certificate.statement import statement

TESTED = "Coq 8.16 with Coquelicot 3"


def certificate(tape: Tape, found: Adjoints | None = None, *, with_lines: bool = False) -> str:
    """Return a certificate of the gradients of a tape, as the text of a file for Coq.

    Args:
        tape: the derivation.
        found: the adjoints with their contributions; by default, the adjoints that the rules give.
        with_lines: True for a lemma for each line of the derivation as well.

    Raises:
        NotCertifiedError: an operation has no row.
    """
    return "\n".join(_lines(Plan(tape, found), with_lines)) + "\n"


def _lines(plan: Plan, with_lines: bool) -> Iterator[str]:
    yield f"(* Written by symbackprop, for {TESTED}. First the library; then, after the line NETWORK, what is"
    yield "   claimed: the network, its gradients as they were derived, and a claim for each; then the proofs. *)"
    yield LIBRARY
    yield "(* ======== NETWORK ========"
    yield from (f"     {line}" for line in str(plan.network).splitlines())
    yield "*)\nSection Network."
    yield from statement(plan)
    yield "\n(* ======== PROOFS: nothing below has to be read ======== *)"
    yield from proofs(plan)
    if with_lines:
        yield from lines(plan)
    yield "End Network.\n\n(* prints the axioms on which all of this rests: those of Coq's real numbers *)"
    yield "Print Assumptions all_gradients."
