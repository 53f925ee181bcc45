"""Broken derivations: whatever is written, reading ends with statements and problems, or an error of our own."""

import random

import pytest

pytest.importorskip("lark")

from symbackprop.errors import SymbackpropError
from symbackprop.parsing.documents import read_document
from symbackprop.parsing.numpy_lines import parse_numpy
from symbackprop.parsing.statements import read_statements

FORMULAS = [
    r"J = \sum \frac{1}{2}(y-\hat{y})^2",
    r"\frac{\partial J}{\partial W^{(2)}} = \frac{\partial \sum \frac{1}{2}(y-\hat{y})^2}{\partial W^{(2)}}",
    r"\frac{\partial J}{\partial W^{(1)}} = -(y-\hat{y}) \frac{\partial \hat{y}}{\partial z^{(3)}} \tag{3}\\",
    r"f^\prime(z) = \frac{e^{-z}}{(1+e^{-z})^2}",
    r"\delta^{[2]} = \left(\delta^{[3]} (W^{[2]})^{T}\right) \odot \sigma'(z^{[2]}) \label{eq:delta}",
    r"\nabla_W J = \frac1m \sum_{i=1}^m (a_i - y_i) x_i^\top + \lambda \|W\|_F^2",
    r"\begin{align} dW &= X^T \delta \\ db &= \mathbf{1}^T \delta, \quad f(x) = |x| \end{align}",
    r"g(z) = \begin{cases} z & z > 0 \\ 0 & \text{otherwise} \end{cases}",
    r"g'(z) = \mathbb{1}[z > 0] * \underbrace{\mathrm{ReLU}(z)}_{a}",
]
LINES = [
    "dW2 = a1.T @ dz2 / m",
    "db = np.sum(dz, axis=0, keepdims=True)",
    'grads["W1"] = np.dot(x.T, (a - y) * sigmoid_prime(z)) / X.shape[0]',
    "loss = -np.mean(y * np.log(a) + (1 - y)**2)",
]
PIECES = [
    *"{}[]()^_&$%#~'`|\\,;:=.-*/\"\0\x0b\ud800\u2028\u202e²٣ﬁ∂𝛿\n",
    *[r"\\", "$$", r"\[", r"\]", r"\(", r"\)", "```", "~~~\n", "```python\n", "{{{{", "}}}}", "((((", "))))", "^{^{^{"],
    *[r"\frac", r"\frac{", r"\sqrt", r"\hat", r"\sum", r"\sum_{i", r"\partial", r"\nabla", r"\prime", r"\top", r"\odot"],
    *[r"\text{}", r"\text", r"\mathrm{\a}", r"\left", r"\right.", r"\tag", r"\unknown", r"\mathbf{1}", r"\|", "||", "'''"],
    *[r"\begin{align}", r"\end{align}", r"\begin{cases}", r"\end{cases}", r"\begin{verbatim}", r"\begin{nothing}", "<!--"],
    *[r"\newcommand{\a}{\a\a}", r"\newcommand{\a}[2]{#2\b{#1}", r"\def\b#1{\a{#1}{#1#1}}", r"\a", r"\b", r"\DeclareMathOperator{\a}{"],
    *["9" * 50, "1e999", "0x" + "f" * 50, ".5", "1.", "lambda", "**", "not ", "f'{x}'", "await ", "\\d"],
]  # fmt: skip


def mutated(text: str, source: random.Random) -> str:
    """The text with some pieces deleted, doubled, swapped, put in or much repeated."""
    for _ in range(source.choice([1, 1, 2, 4, 10])):
        i, j = sorted((source.randint(0, len(text)), source.randint(0, len(text))))
        j = min(j, i + source.choice([1, 1, 3, 10, 100]))
        part, between = text[i:j], source.choice(PIECES)
        k = source.randint(j, len(text))
        text = source.choice(
            [
                text[:i] + text[j:],
                text[:j] + part + text[j:],
                text[:i] + text[j:k] + part + text[k:],
                text[:i] + between + text[i:],
                text[:i] + between + text[j:],
                text[:i] + between * source.choice([2, 5, 30, 300]) + text[j:],
            ]
        )
    return text


def document(source: random.Random) -> str:
    """Some formulas, broken each alone or as a whole."""
    opened, closed = source.choice([("$$", "$$"), ("$", "$"), (r"\[", r"\]"), ("```math\n", "\n```"), ("", "")])
    formulas = source.choices(FORMULAS, k=source.randint(1, 4))
    if source.random() < 0.5:
        formulas = [mutated(formula, source) for formula in formulas]
        return "\n\n".join(f"{opened}{formula}{closed}" for formula in formulas)
    code = "```python\n" + "\n".join(source.choices(LINES, k=2)) + "\n```"
    return mutated("\n\n".join([*(f"{opened}{formula}{closed}" for formula in formulas), code]), source)


def must_end(text: str, said: str = "") -> None:
    """Reading gives statements, or an error of our own."""
    try:
        found = read_statements(read_document(text), ["W1", "net"])
    except SymbackpropError:
        return
    except BaseException as error:
        error.add_note(f"{said}: {text[:2000]!r}")
        raise
    assert all(written.sides or written.problem for written in found), (said, text)


def run(seed: int, count: int) -> None:
    for number in range(count):
        text = document(random.Random(f"{seed} {number}"))  # noqa: S311
        must_end(text, f"input {number} of seed {seed}")


def code_lines(seed: int, count: int) -> None:
    for number in range(count):
        source = random.Random(f"{seed} code {number}")  # noqa: S311
        text = mutated(source.choice(LINES), source)
        try:
            assert parse_numpy(text)
        except SymbackpropError:
            continue
        except BaseException as error:
            error.add_note(f"line {number} of seed {seed}: {text!r}")
            raise


def test_broken_documents(rng):
    run(int(rng.integers(10**9)), 500)


def test_broken_lines_of_code(rng):
    code_lines(int(rng.integers(10**9)), 500)


@pytest.mark.parametrize(
    "count", [pytest.param(1_000, marks=pytest.mark.slow), pytest.param(10_000, marks=pytest.mark.nightly)]
)
def test_very_many_broken_documents(count, rng):
    run(int(rng.integers(10**9)), count)
    code_lines(int(rng.integers(10**9)), count)


MILLION = 10**6
REPEATED = [
    "x+",
    "(",
    r"\frac{",
    "'",
    "{",
    "^{",
    "x",
    " ",
    r"\left",
    r"\mathbf{",
    r"\hat",
    r"\sum",
    r"a/",
    "a,",
    r"=x\\",
    "|",
    "1",
]
UNCLOSED = [
    r"\newcommand{\a}{", r"\[", r"\(", r"\begin{align}", r"\begin{verbatim}", " $x", "<!--", "```\n", "`", "% ", "$$$",
    "\0", "\n", "\\", "<!-- -->", "x = (\n",
]  # fmt: skip


@pytest.mark.parametrize("piece", REPEATED)
def test_long_formulas(piece):
    must_end("$$" + piece * (MILLION // len(piece)) + "$$")


@pytest.mark.parametrize("piece", UNCLOSED)
def test_what_is_never_closed(piece):
    must_end(piece * (MILLION // len(piece)))


@pytest.mark.parametrize("piece", ["(", "-", "a+", "a.", "f(", "[", "'", " ", "not ", "x=", "a if b else "])
def test_long_lines_of_code(piece):
    must_end(f"```python\nx = {piece * (MILLION // len(piece))}a\n```\n")


@pytest.mark.parametrize(
    "piece", [r"\hat", r"\sum", r"\partial ", r"\frac1", "x/", r"\log ", "(", r"\frac{", "x^{", r"\mathbf{"]
)
@pytest.mark.parametrize("count", [20, 24, 25, 26, 60, 140, 1000])
def test_nesting_does_not_exhaust_the_stack(piece, count):
    closed = {"(": ")", "{": "}"}.get(piece[-1], "")
    must_end("$$" + piece * count + "x + y" + closed * count + " = 1$$")


@pytest.mark.parametrize(
    "text",
    [
        r"\newcommand{\a}{\a\a}$$\a = 1$$",
        r"\newcommand{\a}[1]{\a{#1#1}}$$\a{xx} = 1$$",
        r"\newcommand{\a}{\b}\newcommand{\b}{\a}$$\a = 1$$",
        "".join(
            rf"\newcommand{{\{a}}}{{\{b}\{b}}}" for a, b in zip("abcdefghijklmnopq", "bcdefghijklmnopqr", strict=True)
        )
        + r"\newcommand{\r}{}$$\a x = 1$$",
        r"\newcommand{\a}[1]{" + "#1" * 9000 + "}$$" + r"\a{" + "x" * 10_000 + "} = 1$$",
    ],
)
def test_macros_that_grow(text):
    (written,) = read_statements(read_document(text))
    assert "macro" in written.problem or "too long" in written.problem


@pytest.mark.parametrize(
    "text",
    [
        *["", "{}", "[]", "1", '{"cells": 1}', '{"cells": [1]}', '{"cells": [{}]}', "[" * 10**5],
        *['{"cells": [{"cell_type": "code", "source": [1]}]}', '{"cells": ' + "9" * 5000 + "}"],
    ],
)
def test_broken_notebooks(tmp_path, text):
    path = tmp_path / "derivation.ipynb"
    path.write_text(text)
    with pytest.raises(SymbackpropError, match="notebook"):
        read_document(path)
