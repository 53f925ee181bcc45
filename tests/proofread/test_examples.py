"""The cost of one example and that of all, sums over layers, and letters with two meanings."""

import pytest

pytest.importorskip("lark")

import symbackprop as sb

LAYERS = sb.parse_network("""
X: input(n, m)
Y: target(k, m)
W1: parameter(h, n)
b1: parameter(h, 1)
W2: parameter(k, h)
b2: parameter(k, 1)
lam: scalar
z2 = W1 @ X + b1
a2 = tanh(z2)
z3 = W2 @ a2 + b2
a3 = sigmoid(z3)
J = sum((a3 - Y)**2) / (2*m) + lam/2 * (sum(W1**2) + sum(W2**2))
""")
OF_ONE = r"J(W, b; x, y) = \frac{1}{2} \|h_{W,b}(x) - y\|^2"
OF_ALL = (
    r"J(W, b) = \frac{1}{m} \sum_{i=1}^m J(W, b; x^{(i)}, y^{(i)}) + "
    r"\frac{\lambda}{2} \sum_{l=1}^{L-1} \sum_{i=1}^{s_l} \sum_{j=1}^{s_{l+1}} (W_{ji}^{(l)})^2"
)
OUTPUT = r"\delta^{(3)} = \frac{\partial}{\partial z^{(3)}} \frac12 \|y - h_{W,b}(x)\|^2 = (a^{(3)} - y) \odot \sigma'(z^{(3)})"


def verdicts(*formulas):
    text = "For one example (x, y):\n" + "\n".join(f"$${formula}$$" for formula in formulas)
    return [str(line.verdict) for line in sb.check_derivation(text, LAYERS).lines]


def test_the_cost_of_one_example_has_no_penalty():
    assert verdicts(OF_ONE, OF_ALL) == ["defined here", "right"]
    assert verdicts(OF_ONE.replace("{2}", "{3}"), OF_ALL)[1] == "wrong"


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"\nabla_{W^{(2)}} J(W, b; x, y) = \delta^{(3)} (a^{(2)})^T", "right"),
        (r"\nabla_{W^{(2)}} J(W, b; x, y) = \delta^{(3)} (a^{(2)})^T + \lambda W^{(2)}", "not understood"),
        (r"\nabla_{W^{(2)}} J(W, b) = \delta^{(3)} (a^{(2)})^T", "wrong"),
        (r"\frac{\partial}{\partial W_{ij}^{(2)}} J(W, b; x, y) = a_j^{(2)} \delta_i^{(3)}", "right"),
        (r"\frac{\partial}{\partial W_{ij}^{(2)}} J(W, b; x, y) = a_j^{(2)} \delta_j^{(3)}", "not understood"),
        (r"\frac{\partial}{\partial W_{ij}^{(2)}} J(W, b; x, y) = -a_j^{(2)} \delta_i^{(3)}", "wrong"),
    ],
)
def test_slopes_of_the_cost_of_one_example(line, verdict):
    assert verdicts(OF_ONE, OUTPUT, line) == ["defined here", "right", verdict]


@pytest.mark.parametrize(
    ("term", "verdict"),
    [
        (r"\lambda W_{ij}^{(2)}", "right"),
        (r"\frac{\lambda}{m} W_{ij}^{(2)}", "wrong"),
        (r"\lambda W_{ji}^{(2)}", "wrong"),
    ],
)
def test_what_adds_up_over_examples_is_read_for_all_of_them(term, verdict):
    """For a single example λ/m would be λ; and the index i over examples differs from that of the units."""
    line = (
        r"\frac{\partial J(W, b)}{\partial W_{ij}^{(2)}} = \frac{1}{m} \sum_{i=1}^m "
        rf"\frac{{\partial}}{{\partial W_{{ij}}^{{(2)}}}} J(W, b; x^{{(i)}}, y^{{(i)}}) + {term}"
    )
    assert verdicts(OF_ONE, line) == ["defined here", verdict]


@pytest.mark.parametrize(
    ("last", "square"), [("2", "(W_{ij}^{(l)})^2"), ("L", "( W^{(l)}_{ji} )^2"), ("n_l - 1", "(W_{ij}^{(l)})^2")]
)
def test_a_sum_over_the_entries_of_each_layer(last, square):
    line = (
        r"J = \frac{1}{2m} \sum_i \|a^{(3)(i)} - y^{(i)}\|^2 + \frac{\lambda}{2} "
        rf"\sum_{{l=1}}^{{{last}}} \sum_{{i}} \sum_{{j}} {square}"
    )
    assert verdicts(line) == ["right"]
    assert verdicts(line.replace(r"\frac{\lambda}{2}", r"\lambda")) == ["wrong"]
    assert verdicts(line.replace(")^2", ")")) == ["wrong"]


def test_h_of_x_is_what_the_network_computes_where_h_is_a_size():
    line = r"J = \frac{1}{2m} \sum_i \|h(x^{(i)}) - y^{(i)}\|^2 + \frac{\lambda}{2} (\|W_1\|_F^2 + \|W_2\|_F^2)"
    assert verdicts(line) == ["right"]
    assert verdicts(line.replace("h(x^{(i)}) -", "h(x^{(i)}) +")) == ["wrong"]
    assert verdicts(line.replace("{2m}", "{2h}")) == ["wrong"]


MEAN = sb.parse_network("""
X: input(N, D)
y: target(N, 1)
w: parameter(D, 1)
z = X @ w
h = sigmoid(z)
L = sum((h - y)**2) / (2*N)
""")


@pytest.mark.parametrize(
    ("line", "verdict"),
    [
        (r"L = \frac12 (h - y)^2", "right"),
        (r"L = \frac{1}{2N} \sum_i (h_i - y_i)^2", "right"),
        (r"L = \frac{1}{2N} (h - y)^2", "wrong"),
        (r"L = \frac{1}{2N} (h_i - y_i)^2", "wrong"),
        (r"\frac{\partial L}{\partial w} = \frac{\partial}{\partial w} (\frac{1}{2N} \sum (h - y)^2)", "right"),
        (r"\frac{\partial L}{\partial w} = \frac{\partial}{\partial w} (\frac{1}{2N} (h - y)^2)", "not understood"),
        (r"\frac{\partial L}{\partial w_j} = (h - y) h (1 - h) x_j", "right"),
        (r"\frac{\partial L}{\partial w_j} = \frac1N \sum_i (h_i - y_i) h_i (1 - h_i) x_{ij}", "right"),
        (r"\frac{\partial L}{\partial w_j} = \frac1N (h - y) h (1 - h) x_j", "not understood"),
    ],
)
def test_what_has_the_number_of_examples_is_not_read_for_one(line, verdict):
    """For a single example N would be 1, and no sum would be missing."""
    text = f"For one example:\n$$h = \\sigma(w^T x)$$\n$${line}$$"
    assert str(sb.check_derivation(text, MEAN).lines[-1].verdict) == verdict
