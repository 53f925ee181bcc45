"""Unicode characters in formulas as LaTeX: scripts such as ₁ and ⁽²⁾ᵀ, letters with marks such as ŷ, and ½."""

import unicodedata

_ACCENTS = {
    "\u0302": "hat", "\u0304": "bar", "\u0305": "bar", "\u0303": "tilde", "\u0307": "dot", "\u20d7": "vec",
    "\u030c": "check", "\u0306": "breve",
}  # fmt: skip
_SCRIPTS = {"<super>": "^", "<sub>": "_"}
_PLAIN = {"√": r"\operatorname{sqrt}", "ϵ": r"\epsilon", "ϕ": r"\phi", "⊺": r"^{\top}"}


def as_latex(text: str, at: int) -> tuple[str, int] | None:
    """Return the LaTeX of the characters that begin at an offset, and the offset after them; None for other ones.

    >>> as_latex("W⁽²⁾ᵀ δ", 1), as_latex("ŷ", 0)
    (('^{(2)\\\\top }', 5), ('\\\\hat{y}', 1))
    """
    script = _script(text[at])
    if script is not None:
        end = at
        content = ""
        while end < len(text) and (found := _script(text[end])) is not None and found[0] == script[0]:
            content, end = content + found[1], end + 1
        return f"{script[0]}{{{content}}}", end
    marks = _with_marks(text, at)
    if marks is not None:
        return marks
    kind, *codes = unicodedata.decomposition(text[at]).split() or [""]
    letters = "".join(chr(int(code, 16)) for code in codes)
    if kind == "<fraction>" and len(letters) == 3:
        return rf"\frac{{{letters[0]}}}{{{letters[2]}}}", at + 1
    if kind == "<font>" and text[at] != "𝟙":  # an indicator
        return letters, at + 1  # 𝐖 and ℝ
    return (_PLAIN[text[at]], at + 1) if text[at] in _PLAIN else None


def _script(character: str) -> tuple[str, str] | None:
    """Return `^` or `_` with the content of a script, such as ("_", "1") for ₁; None for any other character."""
    kind, *codes = unicodedata.decomposition(character).split() or [""]
    if kind not in _SCRIPTS or len(codes) != 1:
        return None
    content = chr(int(codes[0], 16))
    return _SCRIPTS[kind], r"\top " if character == "ᵀ" else content


def _with_marks(text: str, at: int) -> tuple[str, int] | None:
    r"""Return `\hat{y}` for a letter with a combining mark, such as ŷ; None for any other character."""
    whole = unicodedata.normalize("NFD", text[at])
    end = at + 1
    while end < len(text) and text[end] in _ACCENTS:
        whole, end = whole + text[end], end + 1
    letter, marks = whole[0], whole[1:]
    if not marks or not letter.isalpha() or any(mark not in _ACCENTS for mark in marks):
        return None
    for mark in marks:
        letter = rf"\{_ACCENTS[mark]}{{{letter}}}"
    return letter, end
