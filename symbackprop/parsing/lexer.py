"""The lexer of LaTeX, which expands macros and omits spacing and comments."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from symbackprop.parsing import vocabulary
from symbackprop.parsing.macros import PACKAGE_MACROS, Macro, UnsupportedNotationError, after, arguments_at, macros_of
from symbackprop.parsing.token_fixes import tidied
from symbackprop.parsing.tokens import Token
from symbackprop.parsing.typed_text import typed
from symbackprop.parsing.unicode_text import as_latex
from symbackprop.parsing.vocabulary import CASES, LETTERS, MATRICES, NAMES, PROSE, ROWS, TOKENS
from symbackprop.printing.naming import read_name

__all__ = ["Lexer", "Macro", "Token", "UnsupportedNotationError", "macros_of"]


_MOST_PIECES = 20_000
_MOST_DIGITS = 40
_DEEPEST = 20  # of macros in macros
_LONGEST_EXPANDED = 200_000  # characters, of all the macros in a formula

_FUNCTIONS = {
    "logsumexp",
    "softmax",
    "softplus",
    "relu",
    "sign",
    "abs",
    "sqrt",
    "diag",
    "maximum",
    "tr",
}  # in plain text
_TRANSPOSES = {"T", "t", "⊤"}
_PIECE = re.compile(
    r"(?P<space>\s+)|(?P<comment>%[^\n]*)|\\(?P<command>(?:operatorname|tag|hspace|vspace)\*|[A-Za-z]+|.)"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)|(?P<assign>:=)|(?P<one>.)",
    re.DOTALL,
)
_APPLIED = {"ln", "max", "min"}  # functions, where brackets follow
_LETTERS_TOGETHER = re.compile(r"[A-Za-z]{2,}")
_INDEX = re.compile(r"\d+|_[A-Za-z0-9]+")  # of a name in plain text, as in z2 and W_out
_QUOTED = re.compile(r"^([ \t]*>)(?=[^\n]*(?:\$\$|\\\[|\\begin\{))((?:[^\n]*\n[ \t]*>)*)", re.MULTILINE)
_QUOTE_MARK = re.compile(r"^[ \t]*>", re.MULTILINE)
_HEIGHT = re.compile(r"\[[^\]]{0,10}\]")  # \\[2pt]
_DOT = re.compile(r"\s*\.")
_OPTION = re.compile(r"\s*\[[^\]]*\]")
_DELIMITER = re.compile(r"\s*\.?")
_COLUMNS = re.compile(r"\s*(?:\[[a-z]\]|\{[^{}]*\})?")
_MATHEMATICS = re.compile(r"([^$]*)\$([^$]+)\$[\s.,;]*")  # in words
_SCRIPT = re.compile(r"\s*[_^]\s*")


@dataclass(frozen=True)
class _Source:
    """A text and its offset in the document; the expansion of a macro has the offset of the macro."""

    text: str
    offset: int
    place: tuple[int, int] | None = None
    depth: int = 0

    def where(self, start: int, end: int) -> tuple[int, int]:
        return self.place or (self.offset + start, self.offset + end)


@dataclass(frozen=True)
class _Read:
    """The result of reading a command: the kind of its content, the offset after it, and its tokens."""

    kind: str
    at: int
    tokens: Iterable[Token] = ()


class Lexer:
    """A lexer of the formulas of one document.

    Args:
        text: the document.
        macros: the macros that it defines.
        words: names of several letters that may be written without a command, such as net.
        identifiers: names in NumPy syntax that may occur in plain text, such as yhat.
    """

    def __init__(
        self, text: str, macros: Mapping[str, Macro], words: Collection[str] = (), identifiers: Collection[str] = ()
    ):
        self.text = _QUOTED.sub(lambda quote: _QUOTE_MARK.sub(lambda mark: " " * len(mark[0]), quote[0]), text)
        self.macros = {**PACKAGE_MACROS, **macros}
        self.words = frozenset(words)
        stems = {re.split(r"[\d_]", name)[0] for name in identifiers}
        self.stems = {stem: _base(stem) for stem in stems if len(stem) > 1} | {name: name for name in _FUNCTIONS}
        self._longest_word = max(map(len, self.words | {"sum"} | self.stems.keys()))
        self._pieces = 0  # of the formula that is read
        self._expanded = 0
        self._is_plain = False

    def tokens(self, start: int, end: int, is_plain: bool = False) -> list[Token]:
        """Return the tokens of a formula; raise UnsupportedNotationError if it contains unknown notation.

        With `is_plain`, it is plain text, in which z2 is the name z with the index 2.
        """
        self._pieces = self._expanded = 0
        self._is_plain = is_plain
        found: Iterable[Token] = self._of(_Source(self.text[start:end], start))
        return tidied(typed(list(found)) if is_plain else found, "Sigma" in self.words)

    def _of(self, source: _Source) -> Iterator[Token]:
        if source.depth > _DEEPEST:
            raise UnsupportedNotationError(f"macros are nested more than {_DEEPEST} deep")
        at, before = 0, ""  # the kind of the token before
        while match := _PIECE.match(source.text, at):
            self._pieces += 1
            if self._pieces > _MOST_PIECES:
                raise UnsupportedNotationError(f"the formula is too long: more than {_MOST_PIECES} pieces")
            if match["space"] or match["comment"]:
                at = match.end()
                continue
            read = self._piece(source, match, before)
            yield from read.tokens
            at = read.at
            before = "half a fraction" if before == "FRACTION" and read.kind == "NUMBER" else read.kind

    def _piece(self, source: _Source, match: re.Match[str], before: str) -> _Read:
        start, at = match.span()
        if match["command"] is not None:
            return self._command(source, match["command"], start, at)
        if match["number"]:
            digits = match["number"]
            if before in {"^", "_", "FRACTION", "half a fraction"} and digits[0] != ".":  # \frac12
                digits = digits[0]
            if len(digits) > _MOST_DIGITS:
                raise UnsupportedNotationError(f"a number has more than {_MOST_DIGITS} digits")
            return self._one("NUMBER", digits, source, start, start + len(digits))
        return self._letter(source, match, before)

    def _letter(self, source: _Source, match: re.Match[str], before: str) -> _Read:
        """Read a word without a command, or a single character."""
        start, at = match.span()
        word = _LETTERS_TOGETHER.match(source.text, start, start + self._longest_word + 1)
        if word and word[0] == "sum":
            return self._one("SUM", r"\sum", source, start, word.end())
        if word and self._is_plain and word[0] in self.stems:
            return self._indexed(self.stems[word[0]], source, start, word.end())
        is_applied = word and word[0] in _APPLIED and source.text[word.end() : word.end() + 1] in {"(", "["}
        if word and (word[0] in self.words or is_applied):
            return self._indexed(word[0], source, start, word.end())
        character = match["one"] or ""
        may_be_short = not source.text[start : start + 2].isascii()
        latex = as_latex(source.text, start) if character and may_be_short else None
        if latex is not None:
            return self._expanded_character(source, *latex, start, before)
        if self._is_plain and character.isalpha():
            return self._indexed(LETTERS.get(character, character), source, start, at)
        return self._one(*_character(match["assign"] or match["one"]), source, start, at)

    def _expanded_character(self, source: _Source, latex: str, at: int, start: int, before: str) -> _Read:
        """Return the tokens of a Unicode character that is short for some LaTeX."""
        script = latex.removeprefix(before if before in {"^", "_"} else "")
        tokens = self._of(_Source(script, 0, source.where(start, at), source.depth + 1))
        return self._with_index(_Read("NAME", at, tokens), source) if latex[0] == "\\" else _Read("NAME", at, tokens)

    def _indexed(self, name: str, source: _Source, start: int, at: int) -> _Read:
        """Return a name; in plain text with its index, as in z2 and W_out."""
        return self._with_index(self._one("NAME", name, source, start, at), source)

    def _with_index(self, read: _Read, source: _Source) -> _Read:
        index = _INDEX.match(source.text, read.at) if self._is_plain and source.place is None else None
        if index is None:
            return read
        latex = f"_{{{index[0].removeprefix('_')}}}"
        inner = _Source(latex, 0, source.where(*index.span()), source.depth + 1)
        return _Read("NAME", index.end(), [*read.tokens, *self._of(inner)])

    def _one(self, kind: str, value: str, source: _Source, start: int, at: int) -> _Read:
        return _Read(kind, at, [Token(kind, value, *source.where(start, at))])

    def _command(self, source: _Source, name: str, start: int, at: int) -> _Read:
        if name in self.macros:
            return self._macro(source, self.macros[name], start, at)
        written = "\\" + name
        if written in TOKENS:
            read = self._one(*TOKENS[written], source, start, at)
            return replace(read, at=after(_HEIGHT, source.text, at)) if name == "\\" else read
        if name in NAMES:
            return self._one("NAME", NAMES[name], source, start, at)
        if name in vocabulary.SPACING:
            return self._spacing(source, name, start, at)
        read_by = next((read for names, read in _WITH_ARGUMENTS if name in names), None)
        if read_by is None:
            raise UnsupportedNotationError(f"the macro {written} is not known")
        return read_by(self, source, name, start, at)

    def _macro(self, source: _Source, macro: Macro, start: int, at: int) -> _Read:
        at, arguments = arguments_at(source.text, at, macro.arguments)
        body = macro.expanded(arguments)
        self._expanded += len(body) + 1
        if self._expanded > _LONGEST_EXPANDED:
            raise UnsupportedNotationError("the macros grow too long when they are expanded")
        return _Read("MACRO", at, self._of(_Source(body, 0, source.where(start, at), source.depth + 1)))

    def _spacing(self, source: _Source, name: str, start: int, at: int) -> _Read:
        if name == "left" and after(_DOT, source.text, at) > at:
            return self._one("LEFTDOT", ".", source, start, after(_DOT, source.text, at))
        if name in {"left", "right", "middle"}:
            return _Read("SPACE", after(_DELIMITER, source.text, at))
        is_wide = "quad" in name or (name == " " and source.text.startswith("\\ ", at))
        return self._one("SPACE", name, source, start, at) if is_wide else _Read("SPACE", at)

    def _environment(self, source: _Source, name: str, start: int, at: int) -> _Read:
        at, (argument,) = arguments_at(source.text, at, 1)
        environment = argument.strip()
        blocks = {**dict.fromkeys(CASES, "CASES"), **dict.fromkeys(MATRICES, "MATRIX")}
        if environment.rstrip("*") in blocks:
            kind = f"{name.upper()}_{blocks[environment.rstrip('*')]}"
            return replace(self._one(kind, environment, source, start, at), kind="SPACE")
        if environment.rstrip("*") not in ROWS:
            raise UnsupportedNotationError(f"the environment {environment} is not read")
        has_columns = name == "begin" and environment in {"array", "alignedat", "aligned"}
        return _Read("SPACE", after(_COLUMNS, source.text, at) if has_columns else at)

    def _transparent(self, source: _Source, name: str, start: int, at: int) -> _Read:
        begin = at = after(_OPTION, source.text, at) if name == "bbox" else at
        at, arguments = arguments_at(source.text, at, 2 if name in vocabulary.SECOND_OF_TWO else 1)
        inner = arguments[-1]
        inner_at = source.offset + source.text.rfind(inner, begin, at)
        whole = source.where(start, at)
        if name in {"mathbf", "boldsymbol", "bm", "symbf"} and inner.strip() == "1":
            return _Read("NAME", at, [Token("ONE", "1", *whole)])
        script = _SCRIPT.match(source.text, at) if name in {"underbrace", "overbrace"} else None
        if script:
            at, _ = arguments_at(source.text, script.end(), 1)
        tokens = list(self._of(_Source(inner, inner_at, source.place, source.depth + 1)))
        if name == "substack":
            tokens = [replace(token, kind=",", value=",") if token.kind == "NEWLINE" else token for token in tokens]
        if (name in vocabulary.AROUND_EQUATIONS or name == "substack") and any(
            token.kind == "RELATION" for token in tokens
        ):
            return _Read("NAME", at, tokens)
        if len(tokens) != 1:
            tokens = [Token("{", "{", whole[0], whole[0]), *tokens, Token("}", "}", whole[1], whole[1])]
        else:
            tokens = [Token(tokens[0].kind, tokens[0].value, *whole)]
        return _Read("NAME", at, tokens)

    def _in_words(self, source: _Source, name: str, start: int, at: int) -> _Read:
        """Return the content of the argument of a text command: one word is a name, several are a comment."""
        at, (word,) = arguments_at(source.text, at, 1)
        where = source.where(start, at)
        mixed = _MATHEMATICS.fullmatch(word.strip())
        if mixed:  # \text{if $y = 1$}
            before, inner = mixed.groups()
            words = [Token(*_word(name, before.strip()), *where)] if before.strip() else []
            return _Read("NAME", at, [*words, *self._of(_Source(inner, 0, where, source.depth + 1))])
        plain = re.sub(r"\\[,;:! ]|~", " ", word).strip()
        name = "mathbb" if name in {"Bbb", "mathds"} else name
        if name in {"mathrm", "operatorname", "mathbb", "mathsf"} and "\\" in plain:
            return _Read("NAME", at, self._of(_Source(plain, 0, where, source.depth + 1)))
        return _Read("NAME", at, [Token(*_word(name, plain), *where)])


_WITH_ARGUMENTS: list[tuple[Collection[str], Callable[[Lexer, _Source, str, int, int], _Read]]] = [
    (vocabulary.WITH_ARGUMENT, lambda _, source, *place: _Read("SPACE", arguments_at(source.text, place[-1], 1)[0])),
    ({"begin", "end"}, Lexer._environment),
    (vocabulary.IN_WORDS, Lexer._in_words),
    (vocabulary.TRANSPARENT | vocabulary.SECOND_OF_TWO, Lexer._transparent),
]


def _base(identifier: str) -> str:
    parts = read_name(identifier)
    return (parts.greek or parts.base) + parts.modifier


def _character(character: str) -> tuple[str, str]:
    """Return the kind and the value of a character."""
    if character in TOKENS or character == "~":
        return TOKENS.get(character, ("SPACE", ""))
    if character in LETTERS or character.isalpha():
        return "NAME", LETTERS.get(character, character)
    raise UnsupportedNotationError(f"the character {character!r} is not read in a formula")


def _word(command: str, plain: str) -> tuple[str, str]:
    """Return the kind and the value of the words in the argument of a command."""
    if command.startswith("operatorname"):
        plain = plain.replace(" ", "_")
    if command == "mathbb" and plain in {"1", "I"}:
        return "ONE", "I"
    if command in {"mathrm", "mathsf", "text", "textrm", "textsf"} and plain in _TRANSPOSES:
        return ("TOP" if plain != "t" else "NAME"), plain
    plain = re.sub(r"^(?:np|numpy)\.(?=\w+$)", "", plain)
    if (re.fullmatch(r"[^\W\d_][\w-]*", plain) and command != "textit") or plain == "d":
        return ("WORD" if command.startswith("text") and plain.lower() in PROSE else "NAME"), plain
    if re.fullmatch(rf"\d{{1,{_MOST_DIGITS}}}", plain):
        return "NUMBER", plain
    if re.fullmatch(r"[+\-*/=]", plain):
        return TOKENS[plain]
    return "WORD", plain
