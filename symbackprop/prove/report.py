"""The report of a verification: one line for each step, with the outcome of each witness."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from symbackprop.backprop.step import Step
from symbackprop.network.evaluate import DIGITS
from symbackprop.printing.text import Text
from symbackprop.prove.outcome import Outcome
from symbackprop.verdicts import Judged, Verdict

_CLAIMS = {"all sizes": "proved for all sizes", "exact": "exact", "numeric": "numeric"}
CHAIN = "chain"  # why a line does not continue the lines above it


@dataclass(frozen=True)
class Proof:
    """The outcomes of the witnesses for one step, or for the derivative of one function."""

    step: Step | None
    formula: str
    outcomes: dict[str, Outcome]

    @property
    def verdict(self) -> Verdict:
        """Wrong if a witness has a counterexample; else right if `all sizes` or `exact` proves it.

        `numeric` is only a sample, and a line that does not continue the lines above it is never right.
        """
        verdicts = {name: outcome.verdict for name, outcome in self.outcomes.items()}
        if Verdict.WRONG in verdicts.values():
            return Verdict.WRONG
        if CHAIN in verdicts:
            return Verdict.UNDECIDED
        proved = any(verdict == Verdict.RIGHT for name, verdict in verdicts.items() if name != "numeric")
        return Verdict.RIGHT if proved else Verdict.UNDECIDED

    @property
    def summary(self) -> str:
        """The text `proved for all sizes · exact · numeric`, or NOT PROVED with the reasons."""
        if self.verdict == Verdict.WRONG:
            broken = [reason for reason in self._reasons(Verdict.UNDECIDED) if reason.startswith(CHAIN)]
            return "NOT PROVED: " + "; ".join(self._reasons(Verdict.WRONG) + broken)
        claims = [f"{_CLAIMS[name]} {outcome.said}".rstrip() for name, outcome in self._with(Verdict.RIGHT)]
        return " · ".join(claims + self._reasons(Verdict.UNDECIDED))

    def _with(self, verdict: Verdict) -> list[tuple[str, Outcome]]:
        return [(name, outcome) for name, outcome in self.outcomes.items() if outcome.verdict == verdict]

    def _reasons(self, verdict: Verdict) -> list[str]:
        return [f"{name}: {outcome.said}" for name, outcome in self._with(verdict)]


@dataclass(frozen=True)
class Verification(Judged):
    """The result of `Derivation.verify`: `print` shows one line per step; `verdict` is right, wrong or undecided."""

    lines: tuple[Proof, ...]
    functions: tuple[Proof, ...]  # one for f′ of each function f of the network
    sizes: str  # at which the exact and the numeric witness compare the two sides of a step

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """All proofs: of the steps, then of the functions."""
        return self.lines + self.functions

    @property
    def verdict(self) -> Verdict:
        """Wrong if any proof is wrong, else undecided if any is undecided, else right."""
        verdicts = {proof.verdict for proof in self.proofs}
        return next((v for v in (Verdict.WRONG, Verdict.UNDECIDED) if v in verdicts), Verdict.RIGHT)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "verdict": str(self.verdict),
            "sizes": self.sizes,
            "steps": [_as_data(proof) for proof in self.lines],
            "functions": [_as_data(proof) for proof in self.functions],
        }

    def __str__(self) -> str:
        counts = Counter(
            name for proof in self.proofs for name, o in proof.outcomes.items() if o.verdict == Verdict.RIGHT
        )
        proved = ", ".join(f"{counts[name]} {claim}" for name, claim in _CLAIMS.items())
        head = f"verification: {self.verdict} ({len(self.proofs)} lines: {proved})"
        width = max(len(_rule(proof)) for proof in self.proofs)
        rows = [f"  {_rule(proof):<{width}}   {proof.summary}\n      {proof.formula}" for proof in self.proofs]
        return "\n".join(
            [head, f"exact and numeric: at a random point with {self.sizes}, in {DIGITS}-digit arithmetic", *rows]
        )


def _rule(proof: Proof) -> str:
    return "function" if proof.step is None else proof.step.rule


def _as_data(proof: Proof) -> dict[str, Any]:
    return {
        "rule": _rule(proof),
        "formula": proof.formula,
        "verdict": str(proof.verdict),
        "witnesses": {
            name: {"verdict": str(outcome.verdict), "said": outcome.said} for name, outcome in proof.outcomes.items()
        },
    }


def formula(step: Step, printer: Text) -> str:
    """Return a step as one equation: `δ3 = ∂J/∂z3 = (yhat − y) ⊙ f′(z3)`."""
    name = f"{printer.doprint(step.symbol)} = " if step.symbol is not None else ""
    return f"{name}{printer.doprint(step.before)} = {printer.doprint(step.after)}"
