"""Formulas that are typed: plain text, code beside formulas, full stops as products, conditions in letters."""

import pytest

import symbackprop as sb

NETWORK = sb.parse_network("""
    x: input(D, 1)
    y: target(K, 1)
    W: parameter(H, D)
    b: parameter(H, 1)
    V: parameter(K, H)
    z = W @ x + b
    a = relu(z)
    u = V @ a
    p = softmax(u, axis=0)
    L = -sum(y * log(p))
""")
SIGMOID = sb.parse_network(str(NETWORK).replace("relu", "sigmoid"))
NUMBERS = sb.parse_network("""
    x: input(N, 1)
    t: target(N, 1)
    w: parameter(1, 1)
    y = x @ w
    xi = sum((y - t)**2)
""")


def judged(text, network=NETWORK):
    return [(str(line.verdict), line.source.strip()) for line in sb.check_derivation(text, network).lines]


def last(text, line):
    return judged(text, SIGMOID if "σ" in line or "sigma" in line else NETWORK)[-1]


@pytest.mark.parametrize(
    ("line", "verdict", "formula"),
    [
        ("z = Wx + b", "right", "z = Wx + b"),
        ("z = Wx - b", "wrong", "z = Wx - b"),
        ("Backward: ∂L/∂V = ∂L/∂u · aᵀ", "right", "∂L/∂V = ∂L/∂u · aᵀ"),
        ("In matrix form: ∂L/∂u = p + y", "wrong", "∂L/∂u = p + y"),
        ("- ∂L/∂a = Vᵀ · ∂L/∂u", "right", "∂L/∂a = Vᵀ · ∂L/∂u"),
        ("2. ∂L/∂b = ∂L/∂z [the shape of b]", "right", "∂L/∂b = ∂L/∂z"),
        ("∂L/∂z = ∂L/∂a × 𝟙{z > 0}", "right", "∂L/∂z = ∂L/∂a × 𝟙{z > 0}"),
        ("∂L/∂z = ∂L/∂a ⊙ (z > 0)", "right", "∂L/∂z = ∂L/∂a ⊙ (z > 0)"),
        ("∂L/∂z = ∂L/∂a ⊙ 1[z < 0]", "wrong", "∂L/∂z = ∂L/∂a ⊙ 1[z < 0]"),
        ("dσ/dz = e^(-z) · (1 + e^(-z))^(-2)", "right", "dσ/dz = e^(-z) · (1 + e^(-z))^(-2)"),
        ("dσ/dz = σ(1 - σ)", "right", "dσ/dz = σ(1 - σ)"),
        ("dσ/dz = σ - σ³", "wrong", "dσ/dz = σ - σ³"),
        ("W -= η·∂L/∂W", "right", "W -= η·∂L/∂W"),
        ("W += η·∂L/∂W", "wrong", "W += η·∂L/∂W"),
        ("∂L/∂b = ∂L/∂q", "not understood", "∂L/∂b = ∂L/∂q"),
    ],
)
def test_lines_of_plain_text(line, verdict, formula):
    assert last(f"```\n∂L/∂u = p - y\n{line}\n```", line) == (verdict, formula)


def test_a_sum_over_an_axis_in_plain_text():
    network = sb.parse_network("""
        X: input(N, D)
        y: target(N, K)
        W: parameter(D, K)
        b: parameter(1, K)
        z = X @ W + b
        J = sum((z - y)**2)
    """)
    text = "```\n∂J/∂z = 2 (z - y)\n∂J/∂W = Xᵀ (∂J/∂z)\n∂J/∂b = {}sum(∂J/∂z, axis={})\n```"
    found = [judged(text.format(*what), network)[-1][0] for what in (("", 0), ("", 1), ("-", 0))]
    assert (found[0], found[1] != "right", found[2]) == ("right", True, "wrong")


@pytest.mark.parametrize(
    ("formula", "verdict"),
    [
        (r"\frac{\partial p_i}{\partial u_j} = \begin{cases} p_i(1-p_j) & if & i=j \\ -p_j.p_i & if & i \neq j \end{cases}",
         "right"),
        (r"\frac{\partial p_i}{\partial u_j} = \begin{cases} p_i(1-p_j) & if\ i=j \\ p_j.p_i & \mbox{if $i \neq j$} \end{cases}",
         "wrong"),
        (r"\frac{\partial p_i}{\partial u_j} = p_i (1[i=j] - p_j)，", "right"),
        (r"\frac{\partial p_i}{\partial u_j} = p_i (1\{i=j\} + p_j)", "wrong"),
        (r"dV = du.dot(a.T)", "right"),
        (r"dV = du.dot(z.T)", "wrong"),
        (r"dV = du.foo(a.T)", "not understood"),
        (r"\frac{\partial L}{\partial V} = \frac{\partial L}{\partial u} . (a)^T", "right"),
        (r"\frac{d\sigma}{dz} = \sigma(1-\sigma) = \sigma - \sigma^2", "right"),
        (r"\frac{d\sigma}{dz} = \sigma(1+\sigma)", "wrong"),
        (r"\frac{dq}{dz} = q(1+q)", "not understood"),
    ],
)  # fmt: skip
def test_typed_notation_in_latex(formula, verdict):
    assert last(rf"$$\frac{{\partial L}}{{\partial u}} = p - y$$ $${formula}$$", formula)[0] == verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("$$x = 1$$", "no claim"),
        ("$$[a, b]$$", "no claim"),
        (r"$$W := \cdots$$", "no claim"),
        ("$$W \\sim N(0, 1)$$", "no claim"),
        ("```python\nx = np.random.randn(3)\n```", "no claim"),
        ("```python\na = forward(W, b, x)\n```", "no claim"),
        ("```python\ndV = gradient(W, b, x)\n```", "not understood"),
        ("```python\nu = V @ (a + np.foo(a))\n```", "not understood"),
        ("$$z = 0$$", "not understood"),
        (r"$$\frac{\partial L}{\partial b} = 0$$", "not understood"),
    ],
)
def test_what_makes_no_claim(text, verdict):
    assert [found for found, _ in judged(text)] == [verdict]


def test_a_letter_of_the_greek_alphabet_is_no_name_with_an_index():
    assert judged("$$y_i = x_i w$$", NUMBERS)[0][0] == "right"  # the cost ξ is not x_i
    assert judged("$$y_i = x_i + w$$", NUMBERS)[0][0] != "right"


def test_odd_scripts_and_vectors_do_not_end_the_report():
    assert [found for found, _ in judged(r"$$q_{[j]'} = 1 + u_{(i)'}$$ $$u = V a$$")][-1] == "right"
    vectors = sb.parse_network("""
        x: input(N, D)
        m = mean(x, axis=0)
        J = sum((x - m)**2)
    """)
    assert "right" not in [found for found, _ in judged("$$m_j = 2 m_j$$ $$m = 3$$", vectors)]


def test_two_digits_below_a_matrix_are_two_indices():
    network = sb.parse_network("""
        X: input(N, D)
        t: target(N, C)
        W: parameter(D, C)
        v: parameter(1, C)
        Y = X @ W + v
        J = sum((Y - t)**2)
    """)
    text = r"""
    $$\frac{\partial J}{\partial Y} = 2 (Y - t)$$ $$\frac{\partial y_{i1}}{\partial w_{11}} = x_{i1}$$
    $$\frac{\partial y_{i1}}{\partial w_{11}} = x_{i2}$$ $$y_{i1} = \sum_k x_{ik} w_{k1} + v_{12}$$
    """
    assert [found for found, _ in judged(text, network)][1:3] == ["right", "wrong"]
    assert judged(text, network)[3][0] != "right"  # a row has a single index


@pytest.mark.parametrize(
    ("formula", "right"),
    [
        ("{a - b} c", True),
        ("(a - b) c", False),
        ("{(a - b)} c", False),
        (r"\frac{a - b c}{1}", True),
        (r"{a - b}{c}", True),
        (r"\left\{a - b\right\} c", False),
    ],
)
def test_braces_that_only_latex_sees(formula, right):
    network = sb.parse_network("""
        a: input(1, 1)
        b: input(1, 1)
        c: input(1, 1)
        w: parameter(1, 1)
        J = w * (a - b*c)
    """)
    found = judged(rf"$$\frac{{\partial J}}{{\partial w}} = {formula}$$", network)[0][0]
    assert (found == "right") is right
