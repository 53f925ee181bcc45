"""A text that a user typed, and its syntax tree: what stands where. Nothing of it is run."""

import ast
import re
import textwrap

from symbackprop.errors import FormulaError

_MOST_BRACKETS = 60  # inside one another
_SIGNS = {"×": "*", "·": "*", "⊙": "*", "−": "-", "–": "-", "÷": "/", "ᵀ": ".T", "²": "**2", "Σ": "sum(…)"}


class Source:
    """A text and its syntax tree: what stands at a node, and where."""

    def __init__(self, text: str):
        text = text.removeprefix("\ufeff")
        self.text = textwrap.dedent(text.expandtabs(4))
        first = next((line for line in text.expandtabs(4).splitlines() if line.strip()), "")
        self.indent = len(first) - len(first.lstrip())
        self.lines = self.text.splitlines()

    def parse(self) -> list[ast.stmt]:
        """The statements; raises `FormulaError` where the text is no Python syntax."""
        self._require_shallow()
        try:
            return ast.parse(self.text).body
        except SyntaxError as error:
            line = min(error.lineno or 1, max(len(self.lines), 1))
            raise self._at(line, error.offset or 1, self._syntax(error, line)) from None
        except (RecursionError, MemoryError):
            raise self._at(1, 1, "there are too many operations inside one another; give some a name first") from None
        except ValueError as error:
            raise self._at(1, 1, f"this cannot be read: {error}") from None

    def _require_shallow(self) -> None:
        """Python's own parser is not made for thousands of brackets inside one another."""
        depth = 0
        for number, line in enumerate(self.lines, start=1):
            for column, character in enumerate(line.partition("#")[0], start=1):
                depth += (character in "([{") - (character in ")]}")
                if depth > _MOST_BRACKETS:
                    raise self._at(number, column, f"more than {_MOST_BRACKETS} brackets inside one another")

    def _syntax(self, error: SyntaxError, line: int) -> str:
        quoted = self.lines[line - 1].strip() if self.lines else ""
        column = (error.offset or 1) - 1
        sign = self.lines[line - 1][column : column + 1] if self.lines else ""
        if sign in _SIGNS:
            return f"{quoted:.60}: {sign} is written {_SIGNS[sign]} here"
        if re.search(r"\blambda\b", quoted):
            return f"{quoted:.60}: lambda is a word of Python itself; write lam, which is printed as λ"
        return f"{quoted:.60}: {error.msg}; a product needs its sign, as in X @ W or 2 * X"

    def quote(self, node: ast.AST) -> str:
        """The text of a node, on one line."""
        return " ".join((ast.get_source_segment(self.text, node) or "").split())[:80]

    def error(self, message: str, node: ast.AST) -> FormulaError:
        line, column = node.lineno, node.col_offset  # type: ignore[attr-defined]
        return self._at(line, len(self.lines[line - 1].encode()[:column].decode()) + 1, message)

    def _at(self, line: int, column: int, message: str) -> FormulaError:
        return FormulaError(message, line, column + self.indent)
