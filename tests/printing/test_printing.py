"""Printed derivations: text, LaTeX (compiled by a real LaTeX where there is one), Markdown."""

import itertools
import re

import pytest
import sympy

import symbackprop as sb
from symbackprop.expressions.functions import FUNCTIONS
from symbackprop.printing.latex import latex
from symbackprop.printing.latex_names import latex_name
from symbackprop.printing.text import text, text_name, typed
from symbackprop.render.outline import DETAILS, VIEWS
from tests.support.latex import compiled, needs_latex
from tests.support.networks import PAIRS
from tests.support.zoo import ZOO


class Symbols:
    def __init__(self):
        net = sb.Network()
        self.X, self.S = net.input("X", "N", "D"), net.input("S", "D", "D")
        self.y, self.yhat = net.target("y", "N", "K"), net.input("yhat", "N", "K")
        self.W1, self.W2 = net.parameter("W1", "D", "H"), net.parameter("W2", "H", "K")
        self.b1, self.c = net.parameter("b1", 1, "H"), net.parameter("c", "N", 1)
        self.lam = net.scalar("lam")
        self.N = net.dimension("N")


# fmt: off
EXPRESSIONS = [  # expression, Unicode text, NumPy syntax, LaTeX
    (lambda s: s.X * s.W1, "X W1", "X @ W1", r"X W^{(1)}"),
    (lambda s: -(s.y - s.yhat), "−(y − yhat)", "-(y - yhat)", r"-\left(y - \hat{y}\right)"),
    (lambda s: s.y - (s.yhat - s.y), "y − (yhat − y)", "y - (yhat - y)", r"y - \left(\hat{y} - y\right)"),
    (lambda s: s.y - 2 * s.yhat, "y − 2 yhat", "y - 2 * yhat", r"y - 2 \hat{y}"),
    (lambda s: (s.y - s.yhat) * s.W2.T, "(y − yhat) W2ᵀ", "(y - yhat) @ W2.T", r"\left(y - \hat{y}\right) \left(W^{(2)}\right)^{\top}"),
    (lambda s: (s.X * s.W1).T, "(X W1)ᵀ", "(X @ W1).T", r"\left(X W^{(1)}\right)^{\top}"),
    (lambda s: sb.hadamard(s.X * s.W1, s.X * s.W1 + s.X * s.W1), "(X W1) ⊙ (X W1 + X W1)", "(X @ W1) * (X @ W1 + X @ W1)",
     r"\left(X W^{(1)}\right) \odot \left(X W^{(1)} + X W^{(1)}\right)"),
    (lambda s: sb.hadamard(s.X, s.X) * s.W1, "(X ⊙ X) W1", "(X * X) @ W1", r"\left(X \odot X\right) W^{(1)}"),
    (lambda s: -2 * sb.hadamard(s.X, s.X), "−2 X ⊙ X", "-2 * X * X", r"-2 X \odot X"),
    (lambda s: (s.lam / s.N) * s.W1, "(λ/N) W1", "(lam/N) * W1", r"\frac{\lambda}{N} W^{(1)}"),
    (lambda s: (s.lam + 1) * s.W1, "(λ + 1) W1", "(lam + 1) * W1", r"\left(\lambda + 1\right) W^{(1)}"),
    (lambda s: sb.power(s.y - s.yhat, 2), "(y − yhat)²", "(y - yhat)**2", r"\left(y - \hat{y}\right)^{2}"),
    (lambda s: sb.power(s.S, 2), "S⊙²", "S**2", r"S^{\odot 2}"),
    (lambda s: sb.power(sb.sigmoid(s.X), s.lam), "f(X)^λ", "sigmoid(X)**lam", r"\left(f\!\left(X\right)\right)^{\lambda}"),
    (lambda s: sb.sigmoid.prime(s.X), "f′(X)", "sigmoid.prime(X)", r"f'\!\left(X\right)"),
    (lambda s: sb.tanh(s.X), "tanh(X)", "tanh(X)", r"\tanh\!\left(X\right)"),
    (lambda s: s.X * s.W1 + sb.broadcast(s.b1, "N", "H"), "X W1 + b1", "X @ W1 + b1", r"X W^{(1)} + b^{(1)}"),
    (lambda s: sb.broadcast(s.b1, "N", "H"), "ones(N×1) b1", "broadcast_to(b1, (N, H))", r"\mathbf{1}_{N \times 1} b^{(1)}"),
    (lambda s: sb.broadcast(s.c, "N", "H") + sb.broadcast(s.b1, "N", "H"), "c ones(1×H) + ones(N×1) b1",
     "broadcast_to(c, (N, H)) + broadcast_to(b1, (N, H))", r"c \mathbf{1}_{1 \times H} + \mathbf{1}_{N \times 1} b^{(1)}"),
    (lambda s: sb.sums(s.X * s.W1, 0), "Σ_rows X W1", "sum(X @ W1, axis=0, keepdims=True)", r"\sum_{\text{rows}} X W^{(1)}"),
    (lambda s: sb.total(s.X - 2 * s.X), "Σ (X − 2 X)", "sum(X - 2 * X)", r"\sum \left(X - 2 X\right)"),
    (lambda s: sb.total(sb.hadamard(s.X, s.X)) ** 2, "(Σ X ⊙ X)²", "(sum(X * X))**2", r"\left(\sum X \odot X\right)^{2}"),
    (lambda s: sb.total(s.X) / 2 + s.lam / 2 * (sb.total(s.W1) + sb.total(s.W2)), "½ Σ X + (λ/2) (Σ W1 + Σ W2)",
     "(1/2) * sum(X) + (lam/2) * (sum(W1) + sum(W2))",
     r"\frac{1}{2} \sum X + \frac{\lambda}{2} \left(\sum W^{(1)} + \sum W^{(2)}\right)"),
    (lambda s: -sb.total(s.X) / s.N, "−(1/N) Σ X", "-(1/N) * sum(X)", r"-\frac{1}{N} \sum X"),
    (lambda s: sb.softmax(s.X), "softmax(X)", "softmax(X, axis=1)", r"\operatorname{softmax}\!\left(X\right)"),
    (lambda s: sb.logsumexp(s.X, axis=0), "logsumexp_rows(X)", "logsumexp(X, axis=0, keepdims=True)",
     r"\operatorname{logsumexp}_{\text{rows}}\!\left(X\right)"),
    (lambda s: sb.softmax(s.X, axis=-2), "softmax_rows(X)", "softmax(X, axis=0)", r"\operatorname{softmax}_{\text{rows}}\!\left(X\right)"),
    (lambda s: sb.total(s.S * s.W1), "Σ S W1", "sum(S @ W1)", r"\sum S W^{(1)}"),
    (lambda s: sb.total(s.S) * s.W1, "(Σ S) W1", "sum(S) * W1", r"\left(\sum S\right) W^{(1)}"),
    (lambda s: sb.sums(sb.total(s.X) * s.W1, 0), "Σ_rows (Σ X) W1", "sum(sum(X) * W1, axis=0, keepdims=True)",
     r"\sum_{\text{rows}} \left(\sum X\right) W^{(1)}"),
    (lambda s: sb.total(s.X) * sb.total(s.S), "(Σ S) (Σ X)", "sum(S) * sum(X)", r"\left(\sum S\right) \left(\sum X\right)"),
    (lambda s: 1 / sb.total(s.X), "1/(Σ X)", "1/(sum(X))", r"\frac{1}{\sum X}"),
    (lambda s: -3 / sb.total(s.X) ** 2, "−3/(Σ X)²", "-3/(sum(X))**2", r"-\frac{3}{\left(\sum X\right)^{2}}"),
    (lambda s: 2 / (1 + sb.total(s.X)) * s.W1, "(2/(1 + Σ X)) W1", "(2/(1 + sum(X))) * W1", r"\frac{2}{1 + \sum X} W^{(1)}"),
    (lambda s: sb.norm(s.W1) ** 3 / 2, "½ ‖W1‖³", "(1/2) * norm(W1)**3", r"\frac{1}{2} \left\lVert W^{(1)} \right\rVert^{3}"),
    (lambda s: sb.norm(s.X) ** -3 * s.W1, "(1/‖X‖³) W1", "(1/norm(X)**3) * W1", r"\frac{1}{\left\lVert X \right\rVert^{3}} W^{(1)}"),
    (lambda s: sympy.exp(-1 / sb.total(s.X)), "exp(−1/(Σ X))", "exp(-1/(sum(X)))", r"e^{-\frac{1}{\sum X}}"),
]
# fmt: on


@pytest.mark.parametrize("case", EXPRESSIONS, ids=lambda case: case[2])
def test_expressions(case):
    expression = case[0](Symbols())
    names = {"sigmoid": "f"}
    assert (text(expression, names), typed(expression), latex(expression, names)) == case[1:]


@pytest.mark.parametrize(
    ("name", "as_text", "as_latex"),
    [
        ("X", "X", "X"),
        ("W12", "W12", "W^{(12)}"),
        ("yhat", "yhat", r"\hat{y}"),
        ("y_hat", "y_hat", r"\hat{y}"),
        ("delta3", "δ3", r"\delta^{(3)}"),
        ("delta_h_1", "δ_h_1", r"\delta_{h_{1}}"),
        ("lam", "λ", r"\lambda"),
        ("Sigma", "Sigma", r"\Sigma"),
        ("PI", "PI", r"\mathit{PI}"),
        ("DELTA2", "DELTA2", r"\mathit{DELTA}^{(2)}"),
        ("Gamma1", "Γ1", r"\Gamma^{(1)}"),
        ("W_xh", "W_xh", r"W_{\mathit{xh}}"),
        ("h_1", "h_1", "h_{1}"),
        ("score", "score", r"\mathit{score}"),
    ],
)
def test_names(name, as_text, as_latex):
    assert (text_name(name), latex_name(name)) == (as_text, as_latex)


def test_two_activations_keep_their_names_and_one_is_called_f():
    one, two = sb.derive(sb.mlp([2, 3, 1])), sb.derive(sb.mlp([2, 3, 1], "tanh", output_activation="sigmoid"))
    assert r"f'\!\left(z^{(2)}\right)" in one.to_latex()
    assert r"\tanh'\!\left(z^{(2)}\right)" in two.to_latex()
    assert r"\sigma'\!\left(z^{(3)}\right)" in two.to_latex()


def test_a_quantity_called_f_keeps_its_name():
    net = sb.Network()
    f, W = net.input("f", "N", 2), net.parameter("W", 2, 3)
    net.minimize("J", sb.total(sb.tanh(f * W)))
    assert "tanh(f W)" in sb.derive(net).to_text()


def test_adjoints_never_share_a_printed_name_with_a_quantity():
    net = sb.Network()
    X, W, mine = net.input("X", "N", 2), net.parameter("W", 2, 3), net.input("delta1_h", "N", 3)
    h1 = net.define("h1", X * W)
    net.minimize("J", sb.total(sb.hadamard(sb.tanh(h1), h1, mine)) + sb.total(sb.power(h1, 2)))
    d = sb.derive(net)
    shown = [latex_name(str(s)) for s in (*net.symbols, *(a.symbol for a in d.adjoints))]
    assert d.adjoints
    assert len(shown) == len(set(shown))


def test_latex_is_an_align_with_the_reason_above_each_line():
    d = sb.derive(sb.home_network())
    lines = d.to_latex().splitlines()
    assert (lines[0], lines[-1]) == (r"\begin{align*}", r"\end{align*}")
    rules = re.findall(r"^\\intertext{\\emph{(.+?)}: .+}$", "\n".join(lines), re.MULTILINE)
    assert rules == [step.rule for step in d.steps]
    last = lines.index(r"\intertext{\textbf{Result}}") - 2
    assert lines[last : last + 2] == [
        r"\intertext{\emph{matrix form}: The product with the transpose adds up over the $N$ examples and has the shape "
        r"$2 \times 3$ of $W^{(1)}$.}",
        r" &= X^{\top} \delta^{(2)} && 2 \times 3 \\",
    ]


def test_markdown_has_the_same_lines_as_latex():
    d = sb.derive(sb.home_network())
    markdown = d.to_markdown()
    assert markdown.startswith("## Network\n\nRows are examples; input $X$ ($N \\times 2$), target $y$")
    assert "\n\n$$\n\\begin{aligned}\nz^{(2)} &= X W^{(1)} && N \\times 3 \\\\\n" in markdown
    assert formulas(markdown) == formulas(d.to_latex())


def formulas(document):
    return [line.removesuffix(r" \\") for line in document.splitlines() if "&=" in line]


def test_jupyter_gets_text_and_markdown():
    d = sb.derive(sb.home_network())
    headings = re.compile(r"^#+ (.+)$", re.MULTILINE)  # a cell is no section of the notebook: its titles are bold
    assert d._repr_mimebundle_() == {
        "text/plain": d.to_text(),
        "text/markdown": headings.sub(r"**\1**", d.to_markdown()),
    }


def test_text_of_the_home_network():
    assert sb.derive(sb.home_network()).to_text().split("\n\n")[-1] == (
        "Result\n"
        "  δ3 = ∂J/∂z3 = −(y − yhat) ⊙ f′(z3)   N×1\n"
        "  ∂J/∂W2 = a2ᵀ δ3                      3×1\n"
        "  δ2 = ∂J/∂z2 = (δ3 W2ᵀ) ⊙ f′(z2)      N×3\n"
        "  ∂J/∂W1 = Xᵀ δ2                       2×3"
    )


@pytest.mark.parametrize("name", [name for name, row in FUNCTIONS.items() if not row.elementary])
def test_every_function_prints_f_and_f_prime(name):
    d = sb.derive(sb.mlp([2, 3, 1], name))
    assert f"({name})" in d.to_text()
    assert "f′(z) = " in d.to_text()
    assert "Piecewise" not in d.to_text() + d.to_latex()


@pytest.mark.parametrize("name", [name for name, row in FUNCTIONS.items() if row.elementary])
def test_nobody_is_told_what_exp_is(name):
    shown = sb.derive(sb.mlp([2, 3, 1], name)).to_text()
    assert "(z) = " not in shown
    assert "f(" not in shown


def test_a_function_that_is_its_own_name_is_not_defined_by_itself():
    d = sb.derive(sb.mlp([2, 3, 1], "tanh", output_activation="sigmoid"))
    assert "tanh(z) = " not in d.to_text()
    assert "tanh′(z) = 1 − tanh(z)²" in d.to_text()
    assert r"\tanh\!\left(z\right) &=" not in d.to_latex()


SCRIPTS = """
A: parameter(N, 4)
W_xh: parameter(N, 4)
V_out2: parameter(N, 4)
yhat: input(N, 4)
h_prime: input(N, 4)
G: input(2*N, 4)
alpha1: scalar
u_all = concatenate((A, W_xh), axis=0)
v = u_all[N:2*N, :] * V_out2 + h_prime * yhat[:, 0:1] + W_xh[:, 1:4][:, 0:1] * V_out2**2
J = sum(u_all * G) + alpha1**2 * sum(u_all**2) + norm(v)**3 + sum(v.T @ V_out2) + sum(V_out2[:, 0:1].T @ A[:, 0:1])
"""


def test_no_letter_has_two_subscripts():
    """A name with a subscript, or a part, is in brackets where another subscript follows."""
    d = sb.derive(sb.parse_network(SCRIPTS))
    for detail, view in itertools.product(DETAILS, VIEWS):
        source = d.to_latex(detail=detail, view=view)
        assert double_scripts(source) == []
        assert source.isascii()
    assert double_scripts(r"\delta_{u}_{0:N,\,:}") == ["_"]
    assert double_scripts(r"A^{\top}^{2} + \left(\delta_{u}\right)_{0:N}^{2}") == ["^"]
    assert r"\left(\delta_{u_{\mathrm{all}}}\right)_{0:N,\,:}" in d.to_latex()


def double_scripts(source):
    """The signs _ and ^ after a script of the same kind, in a group of its own as TeX reads it."""
    found, groups = [], [set()]  # of each open group, the scripts of the last atom
    script = False  # the next atom or group is a script
    for sign in re.findall(r"\\[A-Za-z]+|\\.|\S", source):
        if sign in "_^":
            found += [sign] if sign in groups[-1] else []
            groups[-1].add(sign)
            script = True
        elif sign == "{":
            if not script:
                groups[-1].clear()
            script = False
            groups.append(set())
        elif sign == "}":
            groups.pop()
        elif sign != "'":
            if not script:
                groups[-1].clear()
            script = False
    return found


def networks_to_compile():
    yield sb.home_network()
    yield sb.parse_network(SCRIPTS)
    yield sb.mlp(["D", "H", "K"], bias=True, l2="lam", cost="mean_half_squared_error")
    yield sb.mlp([f"H{k}" for k in range(13)], "relu", "softmax_cross_entropy", bias=True, l2=0.01)
    for activation, cost in PAIRS:
        yield sb.mlp([4, "H", 2], activation, cost)
    net = sb.Network()
    h_1, S = net.input("h_1", "N_t", "D"), net.parameter("W_hh", "D", "D")
    alpha = net.define("alpha", sympy.log(1 + sb.total(sb.power(S, 2))))
    h_2 = net.define("h_2", alpha * sb.softmax(h_1 * S, axis=0) + h_1)
    net.minimize("score", sb.total(sb.sums(sb.hadamard(h_2, h_2), 1)))
    yield net


@needs_latex
def test_latex_compiles(tmp_path):
    """All documents in one run of pdflatex; then each page must be wide enough."""
    bodies = [sb.derive(net).to_latex() for net in networks_to_compile()]
    head, tail = sb.derive(sb.home_network()).to_latex(standalone=True).split(bodies[0])
    compiled(head + "\n\\newpage\n".join(bodies) + tail, tmp_path)


@pytest.mark.parametrize("name", ZOO)
def test_latex_has_no_double_scripts_and_plain_characters(name):
    d = sb.derive(sb.parse_network(ZOO[name]))
    for detail, view in itertools.product(DETAILS, VIEWS):
        source = d.to_latex(detail=detail, view=view)
        assert double_scripts(source) == []
        assert source.isascii()


@needs_latex
@pytest.mark.parametrize(("detail", "view"), [("full", "both"), ("full", "matrix"), ("delta", "index")])
def test_the_latex_of_the_zoo_compiles(detail, view, tmp_path):
    bodies = [sb.derive(sb.parse_network(text)).to_latex(detail=detail, view=view) for text in ZOO.values()]
    head, tail = sb.derive(sb.home_network()).to_latex(standalone=True).split(sb.derive(sb.home_network()).to_latex())
    compiled(head + "\n\\newpage\n".join(bodies) + tail, tmp_path)


@needs_latex
def test_standalone_pages_are_wide_enough(tmp_path):
    for k, net in enumerate(
        [sb.home_network(), sb.mlp([f"H{k}" for k in range(11)], "relu", "softmax_cross_entropy", bias=True, l2="lam")]
    ):
        (tmp_path / str(k)).mkdir()
        log = compiled(sb.derive(net).to_latex(standalone=True), tmp_path / str(k))
        assert "Overfull" not in log


@needs_latex
def test_a_broken_formula_would_be_noticed(tmp_path):
    source = sb.derive(sb.home_network()).to_latex(standalone=True)
    with pytest.raises(AssertionError):
        compiled(source.replace(r"\right)", "", 1), tmp_path)
