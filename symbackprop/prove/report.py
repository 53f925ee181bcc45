"""What the witnesses say about a derivation: one line a step."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from symbackprop.backprop.tape import Step
from symbackprop.printing.text import Text
from symbackprop.prove.outcome import Outcome
from symbackprop.verdicts import Judged, Verdict

_CLAIMS = {"all sizes": "proved for all sizes", "exact": "exact", "numeric": "numeric"}


@dataclass(frozen=True)
class Proof:
    """What each witness says about one step, or about the derivative of one function."""

    step: Step | None
    formula: str
    outcomes: dict[str, Outcome]

    @property
    def verdict(self) -> Verdict:
        """Wrong if one witness has a counterexample or cannot prove it; right if one that is no sample proves it."""
        verdicts = {name: outcome.verdict for name, outcome in self.outcomes.items()}
        if Verdict.WRONG in verdicts.values():
            return Verdict.WRONG
        proved = any(verdict == Verdict.RIGHT for name, verdict in verdicts.items() if name != "numeric")
        return Verdict.RIGHT if proved else Verdict.UNDECIDED

    @property
    def summary(self) -> str:
        """`proved for all sizes · exact · numeric`, or NOT PROVED and why."""
        if self.verdict == Verdict.WRONG:
            return "NOT PROVED: " + "; ".join(self._reasons(Verdict.WRONG))
        said = [_with(_CLAIMS[name], outcome.said) for name, outcome in self._of(Verdict.RIGHT)]
        return " · ".join(said + self._reasons(Verdict.UNDECIDED))

    def _of(self, verdict: Verdict) -> list[tuple[str, Outcome]]:
        return [(name, outcome) for name, outcome in self.outcomes.items() if outcome.verdict == verdict]

    def _reasons(self, verdict: Verdict) -> list[str]:
        return [f"{name}: {outcome.said}" for name, outcome in self._of(verdict)]


def _with(claim: str, condition: str) -> str:
    return f"{claim} {condition}" if condition else claim


@dataclass(frozen=True)
class Verification(Judged):
    """The result of `Derivation.verify`: `print` it for one line a step; `verdict` says right, wrong or undecided."""

    lines: tuple[Proof, ...]
    functions: tuple[Proof, ...]  # f′ of each function, worked out
    sizes: str  # at which the exact witness looked

    @property
    def proofs(self) -> tuple[Proof, ...]:
        return self.lines + self.functions

    @property
    def verdict(self) -> Verdict:
        verdicts = {proof.verdict for proof in self.proofs}
        return next((v for v in (Verdict.WRONG, Verdict.UNDECIDED) if v in verdicts), Verdict.RIGHT)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data."""
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
        return "\n".join([head, f"exact: at {self.sizes}, in 50 digits", *rows])


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
    """A step as one equation."""
    name = f"{printer.doprint(step.symbol)} = " if step.symbol is not None else ""
    return f"{name}{printer.doprint(step.before)} = {printer.doprint(step.after)}"
