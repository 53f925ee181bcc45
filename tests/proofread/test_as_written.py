"""Ways in which people write, each with a right line, its wrong twin, and a line that must not be understood."""

import pytest

import symbackprop as sb

NETWORK = """
X: input(N, D)
Y: target(N, K)
W: parameter(D, K)
b: parameter(1, K)
Z = X @ W + b
A = sigmoid(Z)
L = sum((A - Y)**2) / (2*N)
"""
BINARY = """
X: input(N, D)
y: target(N, 1)
v: parameter(D, 1)
z = X @ v
p = sigmoid(z)
J = -sum(y*log(p) + (1 - y)*log(1 - p))
"""
GRADIENT = r"\frac{\partial L}{\partial Z} = \frac{1}{N}(A - Y) \odot A \odot (1 - A)"


def verdict_of(text: str, network: str = NETWORK, line: int = -1) -> str:
    """Return the verdict on a line, by default the last one."""
    return sb.check_derivation(text, sb.parse_network(network)).lines[line].verdict.value


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (r"$$ W = W - \eta \cdot \nabla L $$", "right"),
        (r"$$ W \leftarrow W + \eta \nabla L $$", "wrong"),
        (r"$$ \Delta b = -\eta \nabla L $$", "right"),
        (r"$$ \Delta b = \eta \nabla L $$", "wrong"),
        (r"$$ W = W - \eta \nabla Q $$", "not understood"),
        (r"$$ b \rightarrow b' = b - \eta \nabla L $$", "right"),
        (r"$$ b \rightarrow b' = b + \eta \nabla L $$", "wrong"),
        (r"$$ b \rightarrow q = b + \eta \nabla L $$", "not understood"),
    ],
)
def test_gradient_in_a_step_is_by_the_parameter_that_is_changed(text: str, verdict: str) -> None:
    assert verdict_of(text) == verdict


@pytest.mark.parametrize(
    ("formula", "verdict"),
    [
        (GRADIENT, "right"),
        (GRADIENT.replace("(1 - A)", "(1 + A)"), "wrong"),
        (GRADIENT.replace("(1 - A)", "(1 - Q)"), "not understood"),
    ],
)
def test_formula_in_a_block_quote(formula: str, verdict: str) -> None:
    assert verdict_of(f"As we know,\n\n> $$\n> {formula}\n> $$\n>\n> in numbers.") == verdict


@pytest.mark.parametrize(
    ("formula", "verdict"),
    [
        (r"J = -\sum_i (y_i ln(p_i) + (1 - y_i)ln(1 - p_i))", "right"),
        (r"J = -\sum_i (y_i ln(p_i) - (1 - y_i)ln(1 - p_i))", "wrong"),
        (r"P(y_i|z_i) = p_i^{y_i} (1 - p_i)^{1 - y_i}$$ $$J = -\sum_i ln(P(y_i|z_i))", "right"),
        (r"P(y_i|z_i) = p_i^{y_i} (1 - p_i)^{1 - y_i}$$ $$J = \sum_i ln(P(y_i|z_i))", "wrong"),
        (r"J = -\sum_i (y_i lp(p_i) + (1 - y_i)lp(1 - p_i))", "not understood"),
    ],
)
def test_logarithm_without_a_command(formula: str, verdict: str) -> None:
    assert verdict_of(f"$${formula}$$", BINARY) == verdict


@pytest.mark.parametrize(
    ("formula", "verdict"),
    [
        (r"\frac{\partial L}{\partial W} = X^T \frac{\partial L}{\partial Z} =", "right"),
        (r"\frac{\partial L}{\partial W} = X^T \frac{\partial L}{\partial A} =", "wrong"),
        (r"\frac{\partial L}{\partial W} = Q^T \frac{\partial L}{\partial Z} =", "not understood"),
        (r"\frac{\partial L}{\partial W} = \\ X^T \frac{\partial L}{\partial Z}", "right"),
    ],
)
def test_equals_sign_at_the_end(formula: str, verdict: str) -> None:
    assert verdict_of(f"$${GRADIENT}$$\n\n$${formula}$$") == verdict


@pytest.mark.parametrize(
    ("formula", "verdict"),
    [
        (r"x \otimes (p - y)", "right"),
        (r"x \otimes (p + y)", "wrong"),
        (r"x \otimes (p - q)", "not understood"),
    ],
)
def test_outer_product_of_two_rows(formula: str, verdict: str) -> None:
    network = "x: input(1, D)\ny: one_hot(1, K)\nV: parameter(D, K)\nz = x @ V\np = softmax(z)\nJ = -sum(y*log(p))"
    text = rf"$$\frac{{\partial J}}{{\partial z}} = p - y$$ $$\frac{{\partial J}}{{\partial V}} = {formula}$$"
    assert verdict_of(text, network) == verdict


@pytest.mark.parametrize("formula", [r"\{(x^i, y^i): 1 \le i \le N\}", r"W ∈ ℝ^{D × K}", r"0 < \eta : 1"])
def test_what_equates_nothing_makes_no_claim(formula: str) -> None:
    check = sb.check_derivation(f"$${GRADIENT}$$\n\n$${formula}$$", sb.parse_network(NETWORK))
    assert {line.verdict.value for line in check.lines[1:]} <= {"no claim"}


@pytest.mark.parametrize(
    ("formula", "verdict"),
    [
        (r"\sigma'(z) = \sigma(z)(1 - \sigma(z))", "right"),
        (r"\sigma'(z) = \sigma(z)(1 + \sigma(z))", "wrong"),
        (r"p = \sigma(z) q", "not understood"),
    ],
)
def test_function_of_a_name_that_is_not_understood(formula: str, verdict: str) -> None:
    assert verdict_of(f"$$z = Q^T u + c$$\n\n$${formula}$$", BINARY.replace("z", "s")) == verdict


@pytest.mark.parametrize(
    ("formula", "verdict"),
    [(r"X^T (\hat y - y)", "right"), (r"X^T (\hat y + y)", "not understood"), (r"X^T (\hat y - q)", "not understood")],
)
def test_definition_that_is_not_understood_hides_no_quantity_and_accuses_nobody(formula: str, verdict: str) -> None:
    text = r"$$\hat y = f(q u + c)$$ $$\frac{\partial J}{\partial z} = \hat y - y$$"
    assert verdict_of(rf"{text} $$\frac{{\partial J}}{{\partial v}} = {formula}$$", BINARY) == verdict


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        ("dz = self.pHat - y", "right"),
        ("dz = self.pHat + y", "wrong"),
        ("dz = self.qHat - y", "not understood"),
    ],
)
def test_accents_in_camel_case_in_code(line: str, verdict: str) -> None:
    code = f"self.pHat = self.forward(X)\n{line}\ndv = X.T @ dz"
    assert (
        verdict_of(
            f"```python\n{code}\n```",
            BINARY.replace("p =", "phat =").replace("log(p)", "log(phat)").replace("1 - p)", "1 - phat)"),
            1,
        )
        == verdict
    )


@pytest.mark.parametrize(
    ("line", "verdicts"),
    [
        ("h1_2 = 0.3*1 + 0.4*2 + 0.02 = 1.12", ["right"]),
        ("h1_2 = 0.3*1 + 0.4*2 + 0.02 = 1.22", ["wrong"]),
        ("h1_2 = 0.3*1 + q*2 + 0.02 = 1.12", []),
    ],
)
def test_arithmetic_in_a_chain_of_code(line: str, verdicts: list[str]) -> None:
    check = sb.check_derivation(f"$${GRADIENT}$$\n\n```\n{line}\n```", sb.parse_network(NETWORK))
    assert [one.verdict.value for one in check.lines[1:]] == verdicts
