"""Printing in ASCII, for terminals without ⊙ or ✓: one expression as NumPy's operators, and any text sign by sign."""

import re

from symbackprop.expressions.aliases import Expression, Scalar
from symbackprop.expressions.operations import FunctionOf
from symbackprop.printing.notation import ATOM, POWER
from symbackprop.printing.styles import Code
from symbackprop.printing.text import Text

_MARKS = {"✓": "[right]", "✗": "[WRONG]", "≈": "[convention]", "?": "[?]", "≔": "[defined]"}
_GREEK = {
    letter: name
    for name, letters in {
        **{"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "εϵ", "zeta": "ζ", "eta": "η"},
        **{"theta": "θϑ", "iota": "ι", "kappa": "κ", "lam": "λ", "mu": "μµ", "nu": "ν", "xi": "ξ", "pi": "π"},
        **{"rho": "ρ", "sigma": "σς", "tau": "τ", "upsilon": "υ", "phi": "φϕ", "chi": "χ", "psi": "ψ", "omega": "ω"},
        **{"Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Phi": "Φ", "Psi": "Ψ"},
        **{"Omega": "Ω", "sum": "Σ∑"},
    }.items()
    for letter in letters
}
_SIGNS = {
    **{"∂": "d", "⊙": "*", "∘": "*", "·": "*", "⋅": "*", "∗": "*", "×": "x", "÷": "/", "−": "-", "–": "-", "—": "--"},
    **{"ᵀ": ".T", "⊤": ".T", "′": "'", "″": "''", "‴": "'''", "’": "'", "‖": "||", "√": "sqrt ", "∇": "grad "},
    **{"½": "1/2", "¼": "1/4", "¾": "3/4", "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "±": "+/-", "∞": "inf"},
    **{"→": "->", "←": "<-", "⇒": "=>", "∈": "in", "∝": "~", "…": "...", "ℓ": "l", "⊗": "(x)", "ŷ": "yhat", "ᵢ": "_i"},
    **{"ⱼ": "_j", "ₖ": "_k", "ₙ": "_n", "✓": "[right]", "✗": "[WRONG]", "≔": ":=", "▴": "^"},
}
_ONE_SIGN = str.maketrans(_GREEK | _SIGNS)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿᵏᵐ", "0123456789-+nkm")
_LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₋₊", "0123456789-+")


def in_ascii(text: str) -> str:
    """Return a text with its mathematical signs spelled in ASCII; letters of the author's language stay.

    >>> in_ascii("✓   1  ∂J/∂W2 = a2ᵀ δ3, 3×1")
    '[right]   1  dJ/dW2 = a2.T delta3, 3x1'
    >>> in_ascii("½ Σ (y − ŷ)²"), in_ascii("A⁻ᵀ")
    ('1/2 sum (y - yhat)^2', 'A^-1.T')
    """
    text = re.sub(r"^( *)([✓✗≈?≔])(?= +\d)", lambda mark: mark[1] + _MARKS[mark[2]], text, flags=re.MULTILINE)
    text = text.replace("⁻ᵀ", "⁻¹ᵀ")
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿᵏᵐ]+", lambda power: "^" + power[0].translate(_RAISED), text)
    text = re.sub("[₀₁₂₃₄₅₆₇₈₉₋₊]+", lambda index: "_" + index[0].translate(_LOWERED), text)
    return text.translate(_ONE_SIGN)


class Ascii(Code, Text):
    """A printer of formulas in ASCII, with NumPy's operators: `dJ/dW2 = a2.T @ delta3`."""

    printmethod = "_typed"  # the operations print themselves as users type them
    minus = "-"

    def _print(self, expr: Expression, **kwargs: object) -> str:
        if isinstance(expr, FunctionOf):
            return f"{self.function_name(expr.function)}({self._print(expr.args[1])})"
        return super()._print(expr, **kwargs)

    def doprint(self, expr: Expression) -> str:
        """Return an expression in ASCII."""
        return in_ascii(super().doprint(expr))

    def exponent(self, scalar: Scalar) -> str:
        """Return an exponent with its sign."""
        return f"**{self.bracket(scalar, ATOM)}"

    def root(self, expression: Expression) -> str:
        """Return a square root."""
        return self.call("sqrt", expression)

    def coefficient(self, scalar: Scalar) -> str:
        """Return a scalar factor, in brackets where it needs them."""
        return self.bracket(scalar, POWER)

    def _print_Symbol(self, expr: Expression) -> str:
        return str(expr.name)

    def _print_Mul(self, expr: Expression) -> str:
        return str(super(Text, self)._print_Mul(expr))
