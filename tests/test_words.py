"""Plain English: phrases that a reader must read twice stand in no docstring, comment, message or page.

Each pattern has its replacement. They are searched in the comments and strings of the package, and in README and docs.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [*sorted((ROOT / "symbackprop").rglob("*.py")), ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_QUANTITY = (
    r"(each|every|one (entry|of)|W|w|b|X|z|\w+ by name|the (entry|entries|weights?|parameters?|network|output|input))\b"
)
# fmt: off
UNCLEAR = {  # phrase: what to write instead
    rf"\b(gradients?|derivatives?|derived|differentiated?|slopes?|Jacobians?|partials?) (\w+ )?by {_QUANTITY}":
                                             "with respect to",
    r"\b(gradients?|derivatives?|slopes?) by …": "with respect to",  # … is a field of an f-string
    r"\bof what\b":                          "a noun",
    r"\bthat which\b":                       "a noun",
    r"\bthose (that|which|who)\b":           "a noun: the gradients that …",
    r"\b(is|are|was) said\b":                "is defined, is given",
    r"\bsaid by\b":                          "defined by",
    r"\b[Ss]ay(ing)? (a|the|its|your) network\b": "define a network",
    r"\b(is|are) derived (in|where)\b":      "is differentiated",
    r"\bin (its|their) turn\b":              "as well, then",
    r"\bbackpropagating errors?\b":          "backpropagated error",
    r"\blinear step\b":                      "linearity",
    r"\b(is|are) worth\b":                   "the value is",
    r"\bcomes? to (?=\d|the|a\b|what)":      "equals",
    r"(?<![Tt]here )\b(is|are) no (?!longer|more|less|other|better|worse|such|need|way|matter|larger|smaller|greater|rule)\w+":
                                             "is not a",
    r"\bby entries\b":                       "entry by entry",
    r"\bstand-ins?\b":                       "placeholder",
    r"\bthe (slope|slopes) (by|of the cost)\b": "the derivative with respect to",
    r"\bgoes without saying\b":              "is the default",
    r"\b(what|which) is moved\b":            "the perturbed quantity",
}
# fmt: on
OPENINGS = ("Whether", "What", "Of", "Those", "Which")  # of a docstring: it starts with a verb or a noun


def texts(source: str) -> Iterator[str]:
    """Yield the comments and strings of Python code; strings that are split over lines are joined."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    nodes = list(ast.walk(ast.parse(source)))
    joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in joined for part in node.values}
    for node in joined:
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def docstrings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def unclear(path: Path) -> list[str]:
    """Return the unclear phrases of a file, each with its replacement."""
    source = path.read_text(encoding="utf-8")
    is_code = path.suffix == ".py"
    prose = [re.sub(r"\s+", " ", text) for text in (dict.fromkeys(texts(source)) if is_code else [source])]
    whole = "\0".join(prose)  # no pattern reaches from one text into the next
    found = [
        f"“{match[0]}”: write “{better}”"
        for pattern, better in UNCLEAR.items()
        for match in re.finditer(pattern, whole)
    ]
    if is_code:
        found += [
            f"“{text[:60]} …”: start with a verb or a noun"
            for text in docstrings(source)
            if text.split(maxsplit=1)[:1] and text.split(maxsplit=1)[0].rstrip(",") in OPENINGS
        ]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_words_are_plain(path: Path) -> None:
    assert unclear(path) == []


@pytest.mark.parametrize(
    "text",
    [
        '"""Whether it is a matrix."""',
        '"""Return the gradient by W."""',
        "# the derivative by each entry",
        'raise ValueError(f"{name} is no matrix")',
        "# those that vary",
        'print("the exponent comes down, and its base is derived in its turn")',
    ],
)
def test_an_unclear_phrase_is_found(text: str, tmp_path: Path) -> None:
    path = tmp_path / "planted.py"
    path.write_text(text + "\n", encoding="utf-8")
    assert unclear(path)


@pytest.mark.parametrize(
    "text",
    [
        '"""Return the gradient with respect to W, which is derived by the chain rule."""',
        "# there is no file; it is no longer here",
    ],
)
def test_plain_words_are_accepted(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plain.py"
    path.write_text(text + "\n", encoding="utf-8")
    assert not unclear(path)


if __name__ == "__main__":
    for file in FILES:
        for phrase in unclear(file):
            print(f"{file.relative_to(ROOT)}: {phrase}")
