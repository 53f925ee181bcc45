"""Tests of notebooks: the commands of `%load_ext symbackprop`, rich displays, and errors in one message."""

import numpy as np
import pytest

import symbackprop as sb

TEXT = "X: input(N, D)\ny: target(N, K)\nW: parameter(D, K)\nJ = sum((X @ W - y)**2)\n"


class Shell:
    """The part of IPython's shell that an extension uses."""

    def __init__(self):
        self.user_ns, self.commands = {}, {}

    def register_magic_function(self, function, kind, name):
        assert kind == "cell"
        self.commands[name] = function

    def push(self, variables):
        self.user_ns |= variables


@pytest.fixture
def shell():
    shell = Shell()
    sb.load_ipython_extension(shell)
    return shell


def test_backprop_derives_the_network_of_its_cell(shell):
    shown = shell.commands["backprop"]("", TEXT)
    assert shown.to_text() == sb.derive(sb.parse_network(TEXT)).to_text()
    assert shell.user_ns == {}
    kept = shell.commands["backprop"]("d --wrt W", TEXT)
    assert shell.user_ns["d"] is kept
    layer = shell.commands["backprop"]("--output z", TEXT.replace("J = sum((X @ W - y)**2)", "z = X @ W"))
    assert "∂J/∂W = Xᵀ G_z" in layer.to_text()


def test_proofread_checks_its_cell(shell):
    pytest.importorskip("lark")
    shell.commands["backprop"]("d", TEXT)
    right, wrong = (
        shell.commands["proofread"]("d", rf"$$\frac{{\partial J}}{{\partial W}} = 2 X^T (X W {sign} y)$$")
        for sign in "-+"
    )
    assert (right.verdict, wrong.verdict) == ("right", "wrong")
    assert right._repr_html_().splitlines()[-1].startswith(r"<div>✓ 1 $\frac{\partial J}{\partial W} =")
    assert "<div>✗ 1 $" in wrong._repr_html_()


@pytest.mark.parametrize(
    ("command", "line", "said"),
    [
        ("backprop", "--wtr W", "unrecognized arguments: --wtr; usage: %%backprop"),
        ("backprop", "2d", "the name of a variable"),
        ("proofread", "nets", "there is no such variable; did you mean net?"),
    ],
)
def test_wrong_words_are_said(shell, command, line, said):
    shell.user_ns["net"] = sb.home_network()
    with pytest.raises(sb.ArgumentError, match=said.replace("?", r"\?")):
        shell.commands[command](line, TEXT)


def test_an_error_is_one_message():
    with pytest.raises(sb.SymbackpropError) as raised:
        sb.mlp([2, 1], "sigmod")
    assert raised.value._render_traceback_() == ["SymbackpropError: unknown activation 'sigmod': did you mean sigmoid?"]


def test_rich_displays():
    d = sb.derive(sb.home_network())
    assert "#" not in d._repr_mimebundle_()["text/markdown"].replace(r"\#", "")
    assert r"z^{(2)} &= X W^{(1)} \\" in d.network._repr_markdown_()
    assert r"parameter $W^{(2)}$ ($3 \times 1$)" in d.network._repr_markdown_()
    step = d.steps[4]._repr_markdown_()
    assert step.startswith(r"**chain rule:** $\hat{y}$ depends on $z^{(3)}$")
    assert step.count("$$") == 2
    x = np.array([[0.5, 1.0]])
    check = sb.check_gradients(lambda x: np.sum(x**2), lambda x: x, x)
    assert "<td>wrong</td>" in check._repr_html_()
    assert "the likely mistake" in check._repr_html_()
    proof = d.verify(seed=0)._repr_html_()
    assert proof.startswith("<details><summary>verification: right")


class Printer:
    """The part of IPython's pretty printer that a result uses."""

    def __init__(self):
        self.written = ""

    def text(self, words):
        self.written += words


def test_a_terminal_of_ipython_shows_the_report():
    d = sb.derive(sb.home_network())
    check = d.check(sb.home_data() | sb.home_weights(), seed=0)
    for result in (check, d.verify(seed=0), sb.check_gradients(lambda x: x @ x, lambda x: 2 * x, np.ones(3))):
        printer = Printer()
        result._repr_pretty_(printer, False)
        assert printer.written == str(result)
    assert repr(d.network) == "<Network with the parameters W1, W2>"
    assert "<svg" not in repr(d.draw())
